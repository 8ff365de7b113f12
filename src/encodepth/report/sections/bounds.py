"""Depth codecs that keep a bound or every value: rate beside the largest error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from ...evaluate.measures import scenes
from ...evaluate.records import Record
from ..html import NONE, rate, table
from ..names import is_apart, is_bounded
from ..numbers import Numbers, missing

HEADING = "Depth with a promise"
WORDS = ""


def section(numbers: Numbers) -> str:
    """Return a table per bound, the largest first, the smallest files first in each."""
    bounds: dict[float, dict[str, list[Record]]] = defaultdict(dict)
    for (codec, setting), records in _groups(numbers.records).items():
        if is_bounded(codec):
            bounds[setting][codec] = records
        elif all(r.get("max_mm") == 0 for r in records):
            bounds[0.0][codec] = records
    parts = [_table(numbers, asked, bounds[asked]) for asked in sorted(bounds, reverse=True)]
    return "".join(parts) or missing("bounded or lossless depth")


def _groups(records: list[Record]) -> dict[tuple[str, float], list[Record]]:
    groups: dict[tuple[str, float], list[Record]] = defaultdict(list)
    for record in records:
        if record["modality"] == "depth" and not is_apart(record["codec"]):
            groups[record["codec"], float(record["setting"])].append(record)
    return groups


def _table(numbers: Numbers, asked: float, codecs: dict[str, list[Record]]) -> str:
    rows = []
    for codec, records in sorted(codecs.items(), key=lambda c: _total_rate(c[1])):
        worst = max(float(r.get("max_mm") or 0) for r in records)
        cells = [numbers.row(codec, "depth"), f"{worst:g}"]
        for kind in ("icl", "sensor"):
            rates = [r["bpp"] for r in records if scenes(r) == kind]
            cells += [rate(fmean(rates)) if rates else NONE, str(len(rates))]
        rows.append(cells)
    promise = f"Within ±{asked:g} mm" if asked else "Every value exact"
    caption = f"<b>{promise}</b>, holes included; means over frames, the smallest first"
    head = ["", "largest error<br>(mm)", "rendered<br>(bpp)", "frames", "sensors<br>(bpp)",
            "frames"]  # fmt: skip
    return table(caption, head, rows)


def _total_rate(records: Sequence[Record]) -> float:
    """Mean over the kinds of scene of their mean rates, so that each kind counts the same."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for record in records:
        kinds[scenes(record)].append(record["bpp"])
    return fmean(fmean(rates) for rates in kinds.values())
