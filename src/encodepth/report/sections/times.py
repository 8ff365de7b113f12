"""Median times and their ratios to a reference codec in the same run."""

from __future__ import annotations

from ...evaluate.means import Times, times
from ..html import number, table
from ..html import times as ratio
from ..names import is_apart, is_ours
from ..numbers import Numbers, missing

HEADING = "Times"
WORDS = (
    "Medians over frames and settings; × is the ratio to JPEG q75 (colour) or 16-bit PNG (depth) "
    "on the same frame in the same run, which two machines can be compared by."
)
WAYS = ("encode", "decode")
TITLES = {"color": "Colour", "depth": "Depth", "joint": "Whole files"}


def section(numbers: Numbers) -> str:
    """Return a table per modality, ours first."""
    found = [t for t in times(numbers.records) if not is_apart(t.codec)]
    parts = [
        _table(numbers, title, [t for t in found if t.modality == modality])
        for modality, title in TITLES.items()
    ]
    return "".join(parts) or missing("times")


def _table(numbers: Numbers, title: str, found: list[Times]) -> str:
    rows = [
        [numbers.row(t.codec, t.modality), str(t.frames), number(t.encode_ms, 1),
         number(t.decode_ms, 1), ratio(t.encode_ratio), ratio(t.decode_ratio)]
        for t in sorted(found, key=lambda t: not is_ours(t.codec))
    ]  # fmt: skip
    head = ["", "frames", *(f"{way}<br>({unit})" for unit in ("ms", "×") for way in WAYS)]
    return table(f"<b>{title}</b>", head, rows) if rows else ""
