"""What codecs are compared by, and the kinds of scenes that frames are put together in."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..errors import EncodepthError
from ..metrics import MIN_COMMON_DB, MIN_COMMON_DEPTH_DB
from .records import Record

CLEAN = "aug_icl_nuim_livingroom1_clean"
RECORDINGS = "recordings"  # as a kind of scenes: records of all frames of one
FrameName = tuple[str, str]
"""(sequence, frame): records of one frame from several files meet by it."""


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
    short: str = ""  # in the head of a table
    digits: int = 2  # after the point


def _as_is(value: float) -> float:
    return value


def _error_db(mm: float) -> float:
    return -20 * math.log10(mm) if mm > 0 else math.inf


def _percent_good(share: float) -> float:
    return -100 * share


METRICS = {
    m.name: m
    for m in (
        Metric("psnr", "color", "psnr", "PSNR (dB)", _as_is, MIN_COMMON_DB, short="PSNR"),
        Metric("ms-ssim", "color", "ms_ssim_db", "MS-SSIM (dB)", _as_is, MIN_COMMON_DB,
               short="MS-SSIM"),
        Metric("rmse", "depth", "rmse_mm", "RMSE of valid depth (mm)", _error_db,
               MIN_COMMON_DEPTH_DB, log_axis=True, short="RMSE"),
        Metric("mae", "depth", "mae_mm", "mean error of valid depth (mm)", _error_db,
               MIN_COMMON_DEPTH_DB, log_axis=True),
        Metric("max", "depth", "max_mm", "largest error of valid depth (mm)", _error_db,
               MIN_COMMON_DEPTH_DB, log_axis=True),
        Metric("flying", "depth", "edge_bad", "edge pixels off by over 50 mm (share)",
               _percent_good, 1.0, quality_unit="points", short="flying pixels", digits=4),
        Metric("psnr65535", "depth", "psnr65535", "PSNR, peak 65535 (dB)", _as_is, MIN_COMMON_DB),
        Metric("similarity", "depth", "similarity_db", "comprehensive similarity (dB)", _as_is,
               MIN_COMMON_DB),
    )
}  # fmt: skip

ANCHORS = {"color": "avif-aom-444-s6", "depth": "avif-aom-12b-s4-lin"}


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


def frame_of(record: Record) -> FrameName:
    """Return the name of a record's frame."""
    return str(record["sequence"]), str(record["frame"])


def is_recording(record: Record) -> bool:
    """Whether a record is of all frames of a recording, not of one."""
    return record.get("frames") is not None


def scenes(record: Record) -> str:
    """Kind of scene: "icl" is the clean rendered living room, "kodak" Kodak, "sensor" the rest.

    Recordings are a kind of their own: a record of one is of many frames.
    """
    if is_recording(record):
        return RECORDINGS
    if str(record["sequence"]).startswith(CLEAN):
        return "icl"
    return "kodak" if record["sequence"] == "kodak" else "sensor"


def scene_order(kind: str) -> tuple[int, str]:
    """Sort key that puts the kinds of scene in their usual order."""
    usual = ("icl", "sensor", "test", "kodak", RECORDINGS)
    return (usual.index(kind) if kind in usual else len(usual), kind)


def in_scenes(kind: str) -> Callable[[FrameName], bool]:
    """Return a test of frame names for a kind of scene; "test" is every one but Kodak."""

    def wanted(frame: FrameName) -> bool:
        own = scenes({"sequence": frame[0]})
        return own != "kodak" if kind == "test" else own == kind

    return wanted


def by_scenes(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Group by kind of scene; where data/test holds both kinds, add "test" for all its frames."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[scenes(record)].append(record)
    if "icl" in groups and "sensor" in groups:
        groups["test"] = groups["icl"] + groups["sensor"]
    return sorted(groups.items(), key=lambda group: scene_order(group[0]))
