"""What `compare` says of recordings: BD-rates by sequence, and errors from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .curves import Curves
from .measures import Metric, is_recording
from .pooling import OVER_TIME
from .records import Record


@dataclass(frozen=True)
class SequenceDelta:
    """The BD-rate (percent) of a codec against the anchor on one recording; None where too little
    quality is shared."""

    sequence: str
    frames: str
    codec: str
    bd_rate: float | None


@dataclass(frozen=True)
class Course:
    """A codec at one setting over the frames of a recording.

    Attributes:
        bytes: a frame, mean; `most_bytes` of the largest frame.
        value: of all frames together, by the metric.
        worst, at: of the worst frame, and its number; None where every frame is exact.
        max_mm, holes_wrong: of depth: the largest error of any pixel, and pixels that are a hole in
            one of original and decoded map alone; None of colour.
    """

    sequence: str
    codec: str
    setting: float
    frames: int
    bytes: float
    most_bytes: float
    value: float | None
    worst: float | None
    at: int | None
    max_mm: float | None = None
    holes_wrong: int | None = None


def recordings(records: Sequence[Record]) -> list[Record]:
    """Return the records of recordings."""
    return [r for r in records if is_recording(r)]


def by_sequence(records: Sequence[Record], metric: Metric, anchor: str) -> list[SequenceDelta]:
    """Return BD-rates of every codec against the anchor, by recording."""
    curves = Curves.of(recordings(records), metric)
    found = []
    for codec in curves.codecs():
        for own in sorted(curves.frames(anchor) & curves.frames(codec)):
            if codec != anchor:
                rate, _, _ = curves.bd_rate(anchor, codec, lambda frame, own=own: frame == own)  # type: ignore[misc]
                found.append(SequenceDelta(*own, codec, rate))
    return sorted(found, key=lambda d: (d.sequence, d.frames, d.codec))


def courses(records: Sequence[Record], metric: Metric) -> list[Course]:
    """Return how every codec goes over the frames of every recording."""
    found = [_course(record, metric) for record in recordings(records)]
    return sorted(found, key=lambda c: (c.sequence, c.codec, c.bytes))


def _course(record: Record, metric: Metric) -> Course:
    over_time = record[OVER_TIME]
    series = [v for v in over_time.get(metric.field, ()) if v is not None]
    worst = min(series, key=metric.quality, default=None)
    holes = [record.get(name) for name in ("holes_filled", "holes_added")]
    return Course(
        str(record["sequence"]),
        record["codec"],
        float(record["setting"]),
        record["frames"],
        record["bytes"],
        max(over_time["bytes"]),
        record.get(metric.field),
        worst,
        over_time[metric.field].index(worst) if worst is not None else None,
        record.get("max_mm"),
        None if None in holes else sum(holes),  # type: ignore[arg-type]
    )
