"""Recordings: bytes a frame, and how the error goes from frame to frame."""

from __future__ import annotations

from ...evaluate.measures import METRICS
from ...evaluate.over_time import courses
from ...evaluate.pooling import OVER_TIME
from ...evaluate.records import Record
from ..html import table, text
from ..names import plain
from ..numbers import Numbers

HEADING = "Recordings"
WORDS = "Frames in order, coded over time or one by one. A line is the error of every frame."
WIDTH, HEIGHT = 120, 24  # of a line, in pixels
_SHOWN = {"color": "psnr", "depth": "rmse"}


def section(numbers: Numbers) -> str:
    """Return a table for each modality, nothing where no recording was measured."""
    parts = [_table(numbers, modality) for modality in _SHOWN]
    return "".join(parts)


def _table(numbers: Numbers, modality: str) -> str:
    metric = METRICS[_SHOWN[modality]]
    records = [r for r in numbers.recordings if r["modality"] == modality]
    if not records:
        return ""
    lines = {_name(r): _line(r[OVER_TIME][metric.field]) for r in records}
    rows = []
    for c in courses(records, metric):
        cells = [text(c.sequence), f"{text(plain(c.codec))} @ {c.setting:g}", str(c.frames)]
        cells += [f"{c.bytes:.0f}", "exact" if c.worst in (None, 0) else f"{c.value:.2f}"]
        cells += ["" if c.at is None else f"{c.worst:.2f} ({c.at})"]
        if modality == "depth":
            cells += [f"{c.max_mm or 0:g}", str(c.holes_wrong)]
        rows.append([*cells, lines[c.sequence, c.codec, c.setting]])
    head = ["", "codec", "frames", "bytes a frame", metric.short, "worst frame"]
    more = ["largest error<br>(mm)", "holes wrong"] if modality == "depth" else []
    return table(f"<b>{metric.title}</b>", [*head, *more, "from frame to frame"], rows)


def _name(record: Record) -> tuple[str, str, float]:
    return str(record["sequence"]), record["codec"], float(record["setting"])


def _line(values: list[float | None]) -> str:
    """Return a line through values, from their least to their most; nothing of exact frames."""
    known = [v for v in values if v is not None]
    if len(known) < 2 or min(known) == max(known):
        return ""
    low, high = min(known), max(known)
    across, up = WIDTH / (len(values) - 1), (HEIGHT - 2) / (high - low)
    points = " ".join(
        f"{i * across:.1f},{HEIGHT - 1 - (v - low) * up:.1f}"
        for i, v in enumerate(values)
        if v is not None
    )
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="from {low:.2f} to {high:.2f}"><polyline fill="none" '
        f'stroke="currentColor" points="{points}"/></svg>'
    )
