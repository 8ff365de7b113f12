"""Find the setting that meets a target, in few trials: bytes of a file, error of a depth map.

What is measured rises with quality (bytes; one over the error) and is nearly exponential in it, so
a search interpolates its logarithm. Whole qualities may step over a target; for depth `stretch`
fills in between, and goes on beyond the ends: a factor on the error that the quality stands for
(`codings/depthquality.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from .errors import InvalidImageError

TOLERANCE = 0.03  # how near to its target a search ends
LONGEST = 2.0  # stretch; beyond it the next lower quality is nearer
OCTAVES = 4  # halvings of the error beyond quality 100
NEAR_ENOUGH = 1.4  # factor on the error a quality stands for, within which it is left alone
FARTHEST = 4.0  # most that is put right at once
CORRECTIONS = 2
TINY = 1 / 1024  # bytes per pixel of depth that are not worth more error
MOST = 12  # trials of one search

Window = tuple[float, float]
Coded = TypeVar("Coded")


class Setting(NamedTuple):
    """A quality 0..100, and a factor on the error that it stands for; depth only."""

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
    """Return coded depth whose error is the one asked for within 3 %, and its quality.

    Where no setting meets it (what is coded apart changes by leaps), the next smaller error.

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
        if found > (1 + TOLERANCE) * millimetres:
            off += math.log(1e9)  # a smaller error than asked for is better, a larger is none
        if best is None or off < best[0]:
            best = (off, coded, setting.quality)
        return 1 / found

    tried = reach(fidelity, window, start=quality, slope=0.035, octaves=OCTAVES)
    if max(tried.values()) < window[0]:
        raise InvalidImageError(
            f"depth is off by {1 / max(tried.values()):.3g} mm (RMSE) at best, more than the "
            f"{millimetres:g} mm asked for; use max_depth_error or lossless"
        )
    assert best is not None
    return best[1], best[2]


def depth_about(
    code: Callable[[Setting], tuple[Coded, float]],
    size: Callable[[Coded], int],
    aim: float,
    setting: Setting,
    pixels: int,
) -> Coded:
    """Return coded depth whose error is about what its quality stands for.

    It is coded once, and again, at most twice, where the error came out otherwise.

    Args:
        code: codes depth at a setting and returns it with its error in mm (RMSE).
        size: of what was coded, in bytes.
        aim: the error in mm that the setting stands for.
        setting: the one to try first.
        pixels: of the depth map.
    """
    tried: list[tuple[float, float]] = []  # logarithms of stretch, and of error over aim
    best: tuple[float, Coded] | None = None
    stretch = 0.0
    for _ in range(1 + CORRECTIONS):
        coded, found = code(setting._replace(stretch=setting.stretch * math.exp(stretch)))
        off = math.log(max(found, 1e-9) / aim)
        loss = 2 * off if off > 0 else min(-off, math.log(2))  # too exact: as 1.4 too coarse
        if best is None or loss < best[0]:
            best = (loss, coded)
        tiny = size(coded) < TINY * pixels
        if abs(off) <= math.log(NEAR_ENOUGH) or (off < 0 and tiny):
            break
        tried.append((stretch, off))
        stretch = _zero(tried)
    assert best is not None
    return best[1]


def _zero(tried: list[tuple[float, float]]) -> float:
    """Return where a rising function may be 0: between points that enclose it, else farther on."""
    x, y = tried[-1]
    for x0, y0 in tried[:-1]:
        if y0 * y < 0:
            return x - y * (x - x0) / (y - y0)
    return x - min(max(y, -math.log(FARTHEST)), math.log(FARTHEST))


def reach(
    measure: Callable[[Setting], float],
    window: Window,
    *,
    start: int,
    slope: float,
    low: int = 0,
    fine: bool = True,
    octaves: int = 0,
) -> dict[Setting, float]:
    """Try settings until one measures within the window, or none can.

    Args:
        measure: rises with quality, falls with stretch; above 0.
        window: what is wanted, lowest and highest.
        start: the quality to try first.
        slope: how much the logarithm rises per quality, about.
        low: no lower quality is tried.
        fine: stretch may be tried too, once two qualities in a row enclose the window.
        octaves: so often the error of quality 100 may be halved where no quality is high enough.

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
    if inside or not fine:
        return tried
    if not above:
        if not octaves:
            return tried

        def beyond(halved: float) -> float:
            setting = Setting(100, 2.0**-halved)
            tried[setting] = measure(setting)
            return tried[setting]

        _approach(beyond, {0: tried[Setting(100)]}, window, (0, octaves), 1 / 64, None, math.log(2))
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
