"""Find the setting that meets a target, in few trials: bytes of a file, error of a depth map.

What is measured rises with quality (bytes; one over the error) and is nearly exponential in it, so
a search interpolates its logarithm. Whole qualities may step over a target; for depth `stretch`
fills in between: the file's depth range made longer by that factor makes every step of the coder
as much coarser, which needs nothing of the format or the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

TOLERANCE = 0.03  # how near to its target a search ends
LONGEST = 2.0  # stretch; beyond it the next lower quality is nearer
MOST = 12  # trials of one search

Window = tuple[float, float]


class Setting(NamedTuple):
    """A quality 0..100 and how much longer than needed the depth range is."""

    quality: int
    stretch: float = 1.0


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
