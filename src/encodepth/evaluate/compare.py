"""Compare codecs by their records: means by kind of scene, BD-rates per frame, times.

    comparison = compare(["results/ours.jsonl", "anchors/public.jsonl"], metric="rmse")
    print(comparison.text())

Frames are known by sequence and name, so records of one frame from several files meet.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from ..errors import EncodepthError
from ..metrics import MIN_COMMON_DB, MIN_COMMON_DEPTH_DB, bd_quality, bd_rate
from .records import Record, key, read_records, record_files

CLEAN = "aug_icl_nuim_livingroom1_clean"
Curves = dict[str, dict[tuple[str, str], list[tuple[float, float]]]]
"""codec -> (sequence, frame) -> points (bpp, quality)."""


@dataclass(frozen=True)
class Metric:
    """What is compared: a field of the records, as printed and as the quality of a BD-rate."""

    name: str
    modality: str
    field: str
    title: str
    quality: Callable[[float], float]
    min_common: float
    quality_unit: str = "dB"
    log_axis: bool = False


def _as_is(value: float) -> float:
    return value


def _error_db(mm: float) -> float:
    return -20 * math.log10(mm) if mm > 0 else math.inf


def _percent_good(share: float) -> float:
    return -100 * share


METRICS = {
    m.name: m
    for m in (
        Metric("psnr", "color", "psnr", "PSNR (dB)", _as_is, MIN_COMMON_DB),
        Metric("ms-ssim", "color", "ms_ssim_db", "MS-SSIM (dB)", _as_is, MIN_COMMON_DB),
        Metric("rmse", "depth", "rmse_mm", "RMSE of valid depth (mm)", _error_db,
               MIN_COMMON_DEPTH_DB, log_axis=True),
        Metric("mae", "depth", "mae_mm", "mean error of valid depth (mm)", _error_db,
               MIN_COMMON_DEPTH_DB, log_axis=True),
        Metric("max", "depth", "max_mm", "largest error of valid depth (mm)", _error_db,
               MIN_COMMON_DEPTH_DB, log_axis=True),
        Metric("flying", "depth", "edge_bad", "edge pixels off by over 50 mm (share)",
               _percent_good, 1.0, quality_unit="points"),
        Metric("psnr65535", "depth", "psnr65535", "PSNR, peak 65535 (dB)", _as_is, MIN_COMMON_DB),
        Metric("similarity", "depth", "similarity_db", "comprehensive similarity (dB)", _as_is,
               MIN_COMMON_DB),
    )
}  # fmt: skip

ANCHORS = {"color": "avif-aom-444-s6", "depth": "avif-aom-12b-s4-lin"}


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


@dataclass(frozen=True)
class Comparison:
    """Everything that was compared under one metric, ready to print."""

    metric: Metric
    anchor: str
    means: list[MeanPoint]
    deltas: list[Delta]
    matrices: dict[str, dict[str, dict[str, float | None]]]
    times: list[Times]
    sources: list[str]

    def text(self) -> str:
        """Tables for a terminal."""
        return _document(self, _text_table, lambda title: title)

    def markdown(self) -> str:
        """The same tables in Markdown."""
        return _document(self, _markdown_table, lambda title: f"### {title}\n")

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
            },
            indent=1,
        )


def load_records(paths: Iterable[str | os.PathLike[str]]) -> list[Record]:
    """Read record files, or the ones in a folder; of a result that several hold, the first counts.

    Raises:
        EncodepthError: a file is missing, is no record file, or all are empty.
    """
    found: dict[Any, Record] = {}
    names = [os.fspath(path) for path in paths]
    for name in record_files(names):
        for record in read_records(name).records:
            found.setdefault(key({**record, "set": ""}), record)
    if not found:
        raise EncodepthError(f"no records in {', '.join(names) or 'no file'}")
    return list(found.values())


def scenes(record: Record) -> str:
    """Kind of scene: "icl" is the clean rendered living room, "kodak" Kodak, "sensor" the rest."""
    if str(record["sequence"]).startswith(CLEAN):
        return "icl"
    return "kodak" if record["sequence"] == "kodak" else "sensor"


def compare(
    paths: Iterable[str | os.PathLike[str]],
    metric: str = "psnr",
    anchor: str | None = None,
    *,
    codecs: Sequence[str] | None = None,
) -> Comparison:
    """Compare the codecs in some record files.

    Args:
        paths: record files, ours and the anchors' alike, or folders of them.
        metric: one of METRICS.
        anchor: codec that the BD-rates refer to; AVIF if it is among the records.
        codecs: only these, and the anchor.

    Raises:
        EncodepthError: unknown metric or anchor, no record with that metric, or a bad file.
    """
    names = [os.fspath(path) for path in paths]
    chosen = find_metric(metric)
    records = select(load_records(names), chosen)
    if not records:
        raise EncodepthError(f"no {chosen.modality} record with {chosen.field} in these files")
    present = sorted({r["codec"] for r in records})
    usual = ANCHORS[chosen.modality]
    anchor = anchor or (usual if usual in present else present[0])
    for name in (anchor, *(codecs or ())):
        if name not in present:
            raise EncodepthError(
                f'no codec "{name}" in these files; there are {", ".join(present)}'
            )
    if codecs:
        records = [r for r in records if r["codec"] in {*codecs, anchor}]
    return Comparison(
        metric=chosen,
        anchor=anchor,
        means=means(records, chosen),
        deltas=deltas(records, chosen, anchor),
        matrices=matrices(records, chosen),
        times=times(records),
        sources=names,
    )


def find_metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        EncodepthError: there is none.
    """
    if name not in METRICS:
        raise EncodepthError(f'no metric "{name}"; there are {", ".join(METRICS)}')
    return METRICS[name]


def select(records: Iterable[Record], metric: Metric) -> list[Record]:
    """Return the records that have the metric; those of exact pictures have no PSNR."""
    return [
        r for r in records if r["modality"] == metric.modality and r.get(metric.field) is not None
    ]


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


def deltas(records: Sequence[Record], metric: Metric, anchor: str) -> list[Delta]:
    """BD-rate and BD-quality of every codec against the anchor, per frame, then averaged."""
    found = []
    for kind, group in _by_scenes(records):
        curves = _curves(group, metric)
        for codec in sorted(curves):
            if codec != anchor and anchor in curves:
                found.append(_delta(kind, codec, anchor, curves, metric))
    return found


def matrices(
    records: Sequence[Record], metric: Metric
) -> dict[str, dict[str, dict[str, float | None]]]:
    """BD-rate of every codec (inner) against every other (outer), by kind of scene."""
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for kind, group in _by_scenes(records):
        curves = {c: frames for c, frames in _curves(group, metric).items() if _is_curve(frames)}
        found[kind] = {
            anchor: {
                test: 0.0 if test == anchor else _mean_bd_rate(curves, anchor, test, metric)[0]
                for test in sorted(curves)
            }
            for anchor in sorted(curves)
        }
    return found


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
            len({(r["sequence"], r["frame"]) for r in rows}),
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


def _by_scenes(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Group by kind of scene; where data/test holds both kinds, add "test" for all its frames."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[scenes(record)].append(record)
    if "icl" in groups and "sensor" in groups:
        groups["test"] = groups["icl"] + groups["sensor"]
    return sorted(groups.items(), key=lambda group: scene_order(group[0]))


def scene_order(kind: str) -> tuple[int, str]:
    """Sort key that puts the kinds of scene in their usual order."""
    usual = ("icl", "sensor", "test", "kodak")
    return (usual.index(kind) if kind in usual else len(usual), kind)


def _curves(records: Sequence[Record], metric: Metric) -> Curves:
    curves: Curves = defaultdict(lambda: defaultdict(list))
    for record in records:
        quality = metric.quality(record[metric.field])
        if math.isfinite(quality):
            frame = (str(record["sequence"]), str(record["frame"]))
            curves[record["codec"]][frame].append((record["bpp"], quality))
    return {codec: dict(frames) for codec, frames in curves.items()}


def _is_curve(frames: dict[tuple[str, str], list[tuple[float, float]]]) -> bool:
    return any(len(points) > 1 for points in frames.values())


def _delta(kind: str, codec: str, anchor: str, curves: Curves, metric: Metric) -> Delta:
    rate, compared, frames = _mean_bd_rate(curves, anchor, codec, metric)
    qualities = []
    for frame in curves[anchor].keys() & curves[codec].keys():
        try:
            qualities.append(bd_quality(curves[anchor][frame], curves[codec][frame]))
        except EncodepthError:
            continue
    quality = fmean(qualities) if qualities else None
    return Delta(kind, codec, anchor, frames, compared, rate, quality)


def _mean_bd_rate(
    curves: Curves, anchor: str, test: str, metric: Metric
) -> tuple[float | None, int, int]:
    """Return (mean BD-rate, frames compared, frames that both codecs have)."""
    common = sorted(curves[anchor].keys() & curves[test].keys())
    rates = []
    for frame in common:
        try:
            rates.append(
                bd_rate(curves[anchor][frame], curves[test][frame], min_common=metric.min_common)
            )
        except EncodepthError:
            continue
    return (fmean(rates) if rates else None), len(rates), len(common)


Table = tuple[list[str], list[list[str]]]


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
    if comparison.times:
        reference = "JPEG q75" if metric.modality == "color" else "PNG16"
        parts.append(heading(f"Median times over frames and settings; x = times {reference}"))
        parts.append(table(*_time_table(comparison.times)))
    return "\n".join(parts)


def _mean_table(comparison: Comparison) -> Table:
    rows: dict[tuple[str, str], list[MeanPoint]] = defaultdict(list)
    for point in comparison.means:
        rows[point.scenes, point.codec].append(point)
    digits = 4 if comparison.metric.name == "flying" else 2
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


def _text_table(head: list[str], body: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *body]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def _markdown_table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
