"""Records of the frames of a recording, and one record of them all.

Squared errors are averaged, so PSNR and RMSE are those of all pixels together; the largest error
is the largest of any frame. What each frame was is kept beside, under OVER_TIME.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from ..metrics import bits_per_pixel
from .records import Record

OVER_TIME = "over_time"
_DIGITS = 4
_SERIES = {  # modality: what is kept of each frame
    "color": ("bytes", "psnr"),
    "depth": ("bytes", "rmse_mm", "max_mm", "holes_filled", "holes_added"),
    "joint": ("bytes",),
}
Frames = Sequence[Record]


def pool(frames: Frames) -> Record:
    """Return one record of the frames of a recording, of one modality.

    Args:
        frames: their records, in order; at least one.

    Returns:
        The same fields: bytes, times and similarities are means of a frame, errors those of all
        pixels, counts sums; and `frames`, how many, and OVER_TIME, lists of each frame's figures.
    """
    first = frames[0]
    record: Record = {"modality": first["modality"], "frames": len(frames)}
    for name in first:
        if name not in record:
            record[name] = _POOLED.get(name, _mean)(name, frames)
    record["bpp"] = bits_per_pixel(record["bytes"], record["width"], record["height"])
    series = _SERIES[first["modality"]]
    record[OVER_TIME] = {name: [_rounded(f[name]) for f in frames] for name in series}
    return record


def _mean(name: str, frames: Frames) -> Any:
    values = [f.get(name) for f in frames]
    numbers = [float(v) for v in values if isinstance(v, int | float)]
    return fmean(numbers) if len(numbers) == len(values) else None


def _sum(name: str, frames: Frames) -> int:
    return sum(f[name] for f in frames)


def _most(name: str, frames: Frames) -> float:
    return max(f[name] for f in frames)


def _first(name: str, frames: Frames) -> Any:
    return frames[0][name]


def _every(name: str, frames: Frames) -> str:
    found = {one for f in frames for one in f[name].split(",") if one}
    return ",".join(sorted(found))


def _decibels(name: str, frames: Frames) -> float:
    """Return the PSNR of all frames: that of the mean of their squared errors."""
    mean = fmean(10 ** (-f[name] / 10) for f in frames)
    return -10 * math.log10(mean) if mean else math.inf


def _by_pixels(share: Callable[[Record], float], power: int) -> Callable[[str, Frames], float]:
    """Return a mean over the pixels of all frames; `share` says how many of a frame count."""

    def mean(name: str, frames: Frames) -> float:
        whole = sum(share(f) for f in frames)
        total = sum(share(f) * f[name] ** power for f in frames)
        return float((total / whole) ** (1 / power)) if whole else 0.0

    return mean


def _valid(record: Record) -> float:
    return float(1 - record["hole_share"])


def _edge(record: Record) -> float:
    return float(record["edge_share"])


_POOLED: dict[str, Callable[[str, Frames], Any]] = {
    "width": _first,
    "height": _first,
    "psnr": _decibels,
    "psnr65535": _decibels,
    "rmse_mm": _by_pixels(_valid, 2),
    "mae_mm": _by_pixels(_valid, 1),
    "max_mm": _most,
    "edge_bad": _by_pixels(_edge, 1),
    "holes_filled": _sum,
    "holes_added": _sum,
    "weights": _every,
}


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, _DIGITS) if math.isfinite(value) else None
