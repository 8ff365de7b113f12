"""What `compare` found, as tables for a terminal, in Markdown, or as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import fmean

from .means import MeanPoint, Times
from .measures import Metric
from .over_time import Course, SequenceDelta

Table = tuple[list[str], list[list[str]]]
Matrix = dict[str, dict[str, float | None]]
"""Anchor -> codec -> BD-rate in percent."""


@dataclass(frozen=True)
class Delta:
    """Mean over frames of the BD-rate (percent) and BD-quality of a codec against the anchor.

    `compared` of the `frames` that both codecs have share enough quality; the others are left
    out of `bd_rate`, which is None if none is left. The same holds for `bd_quality` with rates.
    """

    scenes: str
    codec: str
    anchor: str
    frames: int
    compared: int
    bd_rate: float | None
    bd_quality: float | None


@dataclass(frozen=True)
class Comparison:
    """Everything that was compared under one metric, ready to print."""

    metric: Metric
    anchor: str
    means: list[MeanPoint]
    deltas: list[Delta]
    matrices: dict[str, Matrix]
    times: list[Times]
    sources: list[str]
    by_sequence: list[SequenceDelta] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)

    def text(self) -> str:
        """Tables for a terminal."""
        return _document(self, text_table, lambda title: title)

    def markdown(self) -> str:
        """The same tables in Markdown."""
        return _document(self, markdown_table, lambda title: f"### {title}\n")

    def json(self) -> str:
        """All figures, unrounded."""
        return json.dumps(
            {
                "metric": self.metric.name,
                "anchor": self.anchor,
                "sources": self.sources,
                "means": [asdict(point) for point in self.means],
                "deltas": [asdict(delta) for delta in self.deltas],
                "matrices": self.matrices,
                "times": [asdict(times) for times in self.times],
                "by_sequence": [asdict(delta) for delta in self.by_sequence],
                "over_time": [asdict(course) for course in self.courses],
            },
            indent=1,
        )


def text_table(head: list[str], body: list[list[str]]) -> str:
    """Return aligned columns under a line, every cell to the left."""
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *body]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def markdown_table(head: list[str], body: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _document(
    comparison: Comparison,
    table: Callable[[list[str], list[list[str]]], str],
    heading: Callable[[str], str],
) -> str:
    metric, anchor = comparison.metric, comparison.anchor
    parts = [
        heading(f"Means over frames: {metric.title}"),
        table(*_mean_table(comparison)),
        heading(f"Against {anchor}, mean over frames ({metric.name})"),
        table(*_delta_table(comparison)),
    ]
    for kind, matrix in comparison.matrices.items():
        if len(matrix) > 1:
            parts.append(heading(f"BD-rate in % of columns against rows, {kind} ({metric.name})"))
            parts.append(table(*_matrix_table(matrix)))
    if comparison.by_sequence:
        parts.append(heading(f"Recordings against {anchor}, BD-rate in % ({metric.name})"))
        parts.append(table(*_sequence_table(comparison.by_sequence)))
    if comparison.courses:
        parts.append(heading(f"Recordings, frame by frame: {metric.title}"))
        parts.append(table(*_course_table(comparison.courses, metric)))
    if comparison.times:
        reference = "JPEG q75" if metric.modality == "color" else "PNG16"
        parts.append(heading(f"Median times over frames and settings; x = times {reference}"))
        parts.append(table(*_time_table(comparison.times)))
    return "\n".join(parts)


def _mean_table(comparison: Comparison) -> Table:
    rows: dict[tuple[str, str], list[MeanPoint]] = defaultdict(list)
    for point in comparison.means:
        rows[point.scenes, point.codec].append(point)
    digits = comparison.metric.digits
    body = [
        [
            kind,
            codec,
            str(max(p.frames for p in points)),
            "  ".join(f"{p.bpp:.3f}:{p.value:.{digits}f}" for p in points),
        ]
        for (kind, codec), points in rows.items()
    ]
    return ["scenes", "codec", "frames", f"bpp:{comparison.metric.field}"], body


def _delta_table(comparison: Comparison) -> Table:
    unit = comparison.metric.quality_unit
    body = [
        [
            d.scenes,
            d.codec,
            _signed(d.bd_rate, 1),
            f"{d.compared} of {d.frames}",
            _signed(d.bd_quality, 2),
        ]
        for d in comparison.deltas
    ]
    return ["scenes", "codec", "BD-rate %", "frames", f"BD-quality {unit}"], body


def _matrix_table(matrix: dict[str, dict[str, float | None]]) -> Table:
    codecs = list(matrix)
    body = [[anchor, *(_signed(matrix[anchor][test], 0) for test in codecs)] for anchor in codecs]
    return ["", *codecs], body


def _sequence_table(deltas: list[SequenceDelta]) -> Table:
    codecs = sorted({d.codec for d in deltas})
    rates: dict[tuple[str, str], dict[str, float | None]] = defaultdict(dict)
    for d in deltas:
        rates[d.sequence, d.frames][d.codec] = d.bd_rate
    body = [
        [name, frames, *(_signed(found.get(codec), 1) for codec in codecs)]
        for (name, frames), found in rates.items()
    ]
    known = [[r for f in rates.values() if (r := f.get(c)) is not None] for c in codecs]
    body.append(["mean", "", *(_signed(fmean(r) if r else None, 1) for r in known)])
    return ["recording", "frames", *codecs], body


def _course_table(courses: list[Course], metric: Metric) -> Table:
    depth, digits = metric.modality == "depth", metric.digits
    body = [
        [
            c.sequence,
            f"{c.codec}@{c.setting:g}",
            str(c.frames),
            f"{c.bytes:.0f}",
            f"{c.most_bytes:.0f}",
            "-" if c.value is None else f"{c.value:.{digits}f}",
            "-" if c.worst is None else f"{c.worst:.{digits}f} ({c.at})",
            *([f"{c.max_mm or 0:g}", str(c.holes_wrong)] if depth else []),
        ]
        for c in courses
    ]
    more = ["largest, mm", "holes wrong"] if depth else []
    head = ["recording", "codec", "frames", "bytes a frame", "most", metric.field, "worst (frame)"]
    return [*head, *more], body


def _time_table(rows: list[Times]) -> Table:
    body = [
        [
            t.codec,
            str(t.frames),
            f"{t.encode_ms:.1f}",
            f"{t.decode_ms:.1f}",
            "" if t.encode_ratio is None else f"{t.encode_ratio:.1f}",
            "" if t.decode_ratio is None else f"{t.decode_ratio:.1f}",
        ]
        for t in rows
    ]
    return ["codec", "frames", "encode ms", "decode ms", "encode x", "decode x"], body


def _signed(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:+.{digits}f}"
