"""How codecs look in charts: a colour, a dash and a marker each, the same all over a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ..evaluate.baselines import conventional
from ..evaluate.records import Record
from .chart import Style
from .names import is_apart, is_ours


def styles(records: Sequence[Record]) -> dict[str, Style]:
    """Give every codec its look: ours in ink, others in colours, those with curves first.

    Colour and depth codecs stand in different charts, so each has the palette to itself.
    """
    present = {r["codec"] for r in records if not is_apart(r["codec"])}
    own = sorted(c for c in present if is_ours(c))
    looks = {codec: Style(i, ours=True) for i, codec in enumerate(own)}
    for modality in ("color", "depth"):
        shown = [r for r in records if r["modality"] == modality and r["codec"] in present]
        looks |= {c: Style(i) for i, c in enumerate(_order(shown)) if c not in looks}
    return looks


def _order(records: Sequence[Record]) -> list[str]:
    """Order the codecs but ours: with a curve before without, as in their table, then by name."""
    fixed = [c.name for c in conventional()]
    settings: dict[str, set[float]] = defaultdict(set)
    for r in records:
        if not is_ours(r["codec"]):
            settings[r["codec"]].add(r["setting"])

    def place(codec: str) -> tuple[bool, int, str]:
        known = fixed.index(codec) if codec in fixed else len(fixed)
        return len(settings[codec]) < 2, known, codec

    return sorted(settings, key=place)
