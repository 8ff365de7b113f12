"""Find the setting that meets a target, in few trials: bytes of a file, error of a depth map.

What is measured rises with quality (bytes; one over the error) and is nearly exponential in it, so
a search interpolates its logarithm. Whole qualities may step over a target; for depth `stretch`
fills in between: the file's depth range made longer by that factor makes every step of the coder
as much coarser, which needs nothing of the format or the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from .errors import InvalidImageError

TOLERANCE = 0.03  # how near to its target a search ends
LONGEST = 2.0  # stretch; beyond it the next lower quality is nearer
MOST = 12  # trials of one search

Window = tuple[float, float]
Coded = TypeVar("Coded")


class Setting(NamedTuple):
    """A quality 0..100 and how much longer than needed the depth range is."""

    quality: int
    stretch: float = 1.0


def file_within(
    file: Callable[[int, Setting], bytes],
    target: int,
    quality: int,
    *,
    color: bool,
    depth: Setting | None,
) -> bytes:
    """Return the file that comes nearest to `target` bytes from below.

    A pair's qualities rise together as far as they fit; what is left goes to depth, whose
    settings are finer.

    Args:
        file: makes a file of a colour quality and a depth setting.
        target: bytes it may have at most.
        quality: the one to try first.
        color: whether colour has a quality to search; else `quality` is its own.
        depth: the setting that depth stays at; None to search it too.

    Raises:
        InvalidImageError: no setting makes a file that small.
    """
    window = ((1 - TOLERANCE) * target, float(target))
    best, least = b"", 0

    def size(quality: int, depth: Setting) -> float:
        nonlocal best, least
        data = file(quality, depth)
        least = min(least or len(data), len(data))
        if len(best) < len(data) <= target:
            best = data
        return float(len(data))

    if color:
        tried = reach(
            lambda s: size(s.quality, depth or s), window, start=quality, slope=0.035, fine=False
        )
        quality = max((s.quality for s, value in tried.items() if value <= target), default=0)
    if depth is None and len(best) < window[0]:
        low = quality if color else 0
        start = min(low + 4, 100) if color else quality
        reach(lambda s: size(quality, s), window, start=start, slope=0.03, low=low)
    if not best:
        raise InvalidImageError(
            f"the file has {least:,} bytes at its smallest, above the target of {target:,}"
        )
    return best


def depth_within(
    code: Callable[[Setting], tuple[Coded, float]], millimetres: float, quality: int
) -> tuple[Coded, int]:
    """Return coded depth whose error is nearest to the one asked for, and its quality.

    Args:
        code: codes depth at a setting and returns it with its error in mm (RMSE).
        millimetres: the error asked for.
        quality: the one to try first.

    Raises:
        InvalidImageError: no setting has so small an error.
    """
    window = (1 / ((1 + TOLERANCE) * millimetres), 1 / ((1 - TOLERANCE) * millimetres))
    best: tuple[float, Coded, int] | None = None

    def fidelity(setting: Setting) -> float:
        nonlocal best
        coded, found = code(setting)
        found = max(found, 1e-6)
        off = abs(math.log(found / millimetres))
        if best is None or off < best[0]:
            best = (off, coded, setting.quality)
        return 1 / found

    tried = reach(fidelity, window, start=quality, slope=0.02)
    if max(tried.values()) < window[0]:
        raise InvalidImageError(
            f"depth is off by {1 / max(tried.values()):.3g} mm (RMSE) at best, more than the "
            f"{millimetres:g} mm asked for; use max_depth_error or lossless"
        )
    assert best is not None
    return best[1], best[2]


def reach(
    measure: Callable[[Setting], float],
    window: Window,
    *,
    start: int,
    slope: float,
    low: int = 0,
    fine: bool = True,
) -> dict[Setting, float]:
    """Try settings until one measures within the window, or none can.

    Args:
        measure: rises with quality, falls with stretch; above 0.
        window: what is wanted, lowest and highest.
        start: the quality to try first.
        slope: how much the logarithm rises per quality, about.
        low: no lower quality is tried.
        fine: stretch may be tried too, once two qualities in a row enclose the window.

    Returns:
        All trials; the caller picks.
    """
    tried: dict[Setting, float] = {}

    def whole(quality: float) -> float:
        setting = Setting(int(quality))
        tried[setting] = measure(setting)
        return tried[setting]

    _approach(whole, {}, window, (low, 100), 1, start, slope)
    above = [setting for setting, value in tried.items() if value > window[1]]
    inside = any(window[0] <= value <= window[1] for value in tried.values())
    if inside or not above or not fine:
        return tried
    nearest = min(above)

    def between(part: float) -> float:
        setting = Setting(nearest.quality, LONGEST ** (1 - part))
        tried[setting] = measure(setting)
        return tried[setting]

    steepness = math.log(LONGEST)
    _approach(between, {1: tried[nearest]}, window, (0, 1), 1 / 256, None, steepness)
    return tried


def _approach(
    measure: Callable[[float], float],
    known: dict[float, float],
    window: Window,
    ends: Window,
    step: float,
    start: float | None,
    slope: float,
) -> None:
    """Measure points on a grid until one is within the window or two neighbours enclose it."""
    goal = (math.log(window[0]) + math.log(window[1])) / 2
    below: tuple[float, float] | None = None
    above: tuple[float, float] | None = None
    for x, value in known.items():
        below, above = _enclose(x, value, window, below, above)
    x_next = start if start is not None else _guess(below, above, goal, slope, step, ends, 1)
    gap = math.inf
    for trial in range(MOST):
        if x_next is None:
            return
        value = measure(x_next)
        if window[0] <= value <= window[1]:
            return
        below, above = _enclose(x_next, value, window, below, above)
        x_next = _guess(below, above, goal, slope, step, ends, 1.1 * 1.5**trial)
        if below and above and x_next is not None:
            before, gap = gap, above[0] - below[0]
            if gap > before / 2:  # there is a cliff; interpolation would creep up to it
                x_next = _inside((below[0] + above[0]) / 2, below[0], above[0], step)


def _enclose(
    x: float,
    value: float,
    window: Window,
    below: tuple[float, float] | None,
    above: tuple[float, float] | None,
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    point = x, math.log(value)
    return (point, above) if value < window[0] else (below, point)


def _guess(
    below: tuple[float, float] | None,
    above: tuple[float, float] | None,
    goal: float,
    slope: float,
    step: float,
    ends: Window,
    reach_out: float,
) -> float | None:
    """Return the next point to measure, None where there is none left."""
    if below and above:
        gap = above[0] - below[0]
        if gap < 1.5 * step:
            return None
        part = (goal - below[1]) / max(above[1] - below[1], 1e-9)
        return _inside(below[0] + min(max(part, 0.1), 0.9) * gap, below[0], above[0], step)
    near = below or above
    assert near is not None
    away = reach_out * (goal - near[1]) / slope
    away = max(away, step) if below else min(away, -step)
    x = min(max(_snap(near[0] + away, step), ends[0]), ends[1])
    return None if x == near[0] else x


def _inside(x: float, low: float, high: float, step: float) -> float:
    return min(max(_snap(x, step), low + step), high - step)


def _snap(x: float, step: float) -> float:
    return round(x / step) * step
