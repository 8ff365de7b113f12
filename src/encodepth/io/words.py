"""What is known of a picture's unit, range and camera, in words, with where it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from ..frame import Intrinsics
from .pair import Pair, Source


def unit_words(unit: float, source: Source) -> str:
    """Return "unit 0.001 m (key "depth_scale" of meta.json)"."""
    return f"unit {unit:g} m ({source})"


def range_words(near: float, far: float) -> str:
    """Return "depth 0.45 to 7.9 m"; without a measured pixel "no depth"."""
    return f"depth {near:.4g} to {far:.4g} m" if far > 0 else "no depth"


def camera_words(camera: Intrinsics | None, source: Source) -> str:
    """Return "camera 525,525,319.5,239.5 (meta.json)", or "camera unknown"."""
    if camera is None:
        return "camera unknown"
    numbers = ",".join(f"{value:.7g}" for value in vars(camera).values())
    return f"camera {numbers} ({source})"


def sequence_words(pairs: Iterable[Pair], range_m: tuple[float, float] | None = None) -> str:
    """Return unit, range if known, and camera of the pairs of a sequence, which may differ."""
    units, cameras = {}, {}
    for pair in pairs:
        if pair.depth is not None:
            units[unit_words(pair.depth_unit, pair.unit_source)] = pair
        cameras[camera_words(pair.intrinsics, pair.camera_source)] = pair
    words = []
    if units:
        first = next(iter(units.values()))
        several = f"{len(units)} units ({first.unit_source})"
        words = [next(iter(units)) if len(units) == 1 else several]
        words += [] if range_m is None else [range_words(*range_m)]
    first = next(iter(cameras.values()))
    several = f"{len(cameras)} cameras ({first.camera_source})"
    return ", ".join([*words, next(iter(cameras)) if len(cameras) == 1 else several])
