"""Means over frames of rate and quality, and median times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from .measures import Metric, frame_of, scene_order, scenes
from .records import Record


@dataclass(frozen=True)
class MeanPoint:
    """Mean over the frames of one kind of scene, of one codec at one setting."""

    scenes: str
    codec: str
    setting: float
    frames: int
    bpp: float
    value: float


@dataclass(frozen=True)
class Times:
    """Median times of a codec in ms and as ratios to the reference codec in the same run.

    Depth codecs that need them are charged their hole mask and hole filling too.
    """

    modality: str
    codec: str
    frames: int
    encode_ms: float
    decode_ms: float
    encode_ratio: float | None
    decode_ratio: float | None


def means(records: Sequence[Record], metric: Metric) -> list[MeanPoint]:
    """Average rate and metric over frames, by kind of scene, codec and setting."""
    groups: dict[tuple[str, str, float], list[Record]] = defaultdict(list)
    for record in records:
        groups[scenes(record), record["codec"], float(record["setting"])].append(record)
    points = [
        MeanPoint(
            *group,
            frames=len(rows),
            bpp=fmean(r["bpp"] for r in rows),
            value=fmean(r[metric.field] for r in rows),
        )
        for group, rows in groups.items()
    ]
    return sorted(points, key=lambda p: (scene_order(p.scenes), p.codec, p.bpp))


def panels(
    records: Sequence[Record], metric: Metric
) -> list[tuple[str, dict[str, list[MeanPoint]]]]:
    """Return the means by kind of scene, in its usual order, then by codec: a chart each."""
    found: dict[str, dict[str, list[MeanPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in means(records, metric):
        found[point.scenes][point.codec].append(point)
    return sorted(found.items(), key=lambda panel: scene_order(panel[0]))


def times(records: Sequence[Record]) -> list[Times]:
    """Median times by codec, and as ratios to the reference codec on the same frames."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.get("encode_ms") is not None and record.get("decode_ms") is not None:
            groups[record["modality"], record["codec"]].append(record)
    return [
        Times(
            modality,
            codec,
            len({frame_of(r) for r in rows}),
            median(_whole_ms(r, "encode") for r in rows),
            median(_whole_ms(r, "decode") for r in rows),
            _ratio(rows, "encode"),
            _ratio(rows, "decode"),
        )
        for (modality, codec), rows in sorted(groups.items())
    ]


def _whole_ms(record: Record, way: str) -> float:
    parts = [f"{way}_ms", f"mask_{way}_ms", *(["fill_ms"] if way == "encode" else [])]
    return float(sum(record.get(part) or 0 for part in parts))


def _ratio(rows: list[Record], way: str) -> float | None:
    name = f"ref_{way}_ms"
    ratios = [_whole_ms(r, way) / r[name] for r in rows if r.get(name)]
    return median(ratios) if ratios else None
