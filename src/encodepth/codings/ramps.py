"""Merged values of depth become a surface again, between their contours and within a bound.

Values that were merged are plateaus, on which odometry finds no slope. Where two plateaus meet,
the surface lies about half way between them. So every run of one value in a row or a column is made
a ramp from contour to contour, and a pixel takes what its row and its column say, the shorter run
the more. No pixel moves further than what was kept of the bound for it. All integers, so every
machine shows the same; docs/format.md defines it.
"""

from __future__ import annotations

import numpy as np

from ..native import compiled, inlined
from .arithmetic import int64

_FRACTION = 10  # bits
_WEIGHT = 12  # bits, of a run without a length
_TOP = 65535


def smooth(plane: np.ndarray, steps: int) -> np.ndarray:
    """Return merged values as a surface, holes as they are.

    Args:
        plane: uint16 (h, w), 0 = hole.
        steps: that a pixel is moved by at most. Neighbours that differ by twice as many, and two
            more, are of one surface.
    """
    plane = np.ascontiguousarray(plane)
    values, weights = np.zeros(plane.shape, np.int32), np.zeros(plane.shape, np.int32)
    made = np.empty_like(plane)
    _rows(plane, steps, values, weights)
    _columns(plane, steps, values, weights, made)
    return made


@inlined
def _contour(value, other, steps):  # type: ignore[no-untyped-def]
    """Return where a plateau ends beside another one, -1 where that is no contour of a surface."""
    if other == 0 or abs(other - value) > 2 * steps + 2:
        return int64(-1)
    return (value + other) << (_FRACTION - 1)


@inlined
def _weight(length):  # type: ignore[no-untyped-def]
    return (int64(1) << _WEIGHT) // (4 * length * length) + 1


@inlined
def _ramp(value, low, high, length, i):  # type: ignore[no-untyped-def]
    """Return the i-th of a run's pixels between its contours, of which there is one or two."""
    first = value << _FRACTION if low < 0 else low
    last = value << _FRACTION if high < 0 else high
    past = 2 * i + 1
    return (first * (2 * length - past) + last * past) // (2 * length)


@compiled
def _rows(plane: np.ndarray, steps: int, values: np.ndarray, weights: np.ndarray) -> None:
    """Fill in what rows say, with weight 0 where they say nothing."""
    height, width = plane.shape
    for y in range(height):
        end = 0
        while end < width:
            start, value = end, int64(plane[y, end])
            while end < width and int64(plane[y, end]) == value:
                end += 1
            if value == 0:
                continue
            low = _contour(value, int64(plane[y, start - 1]) if start else int64(0), steps)
            high = _contour(value, int64(plane[y, end]) if end < width else int64(0), steps)
            if low < 0 and high < 0:
                continue
            for x in range(start, end):
                values[y, x] = _ramp(value, low, high, end - start, x - start)
                weights[y, x] = _weight(end - start)


@compiled
def _columns(
    plane: np.ndarray, steps: int, values: np.ndarray, weights: np.ndarray, made: np.ndarray
) -> None:
    """Add what columns say, and lay down what comes of both."""
    height, width = plane.shape
    for x in range(width):
        end = 0
        while end < height:
            start, value = end, int64(plane[end, x])
            while end < height and int64(plane[end, x]) == value:
                end += 1
            if value == 0:
                made[start:end, x] = 0
                continue
            low = _contour(value, int64(plane[start - 1, x]) if start else int64(0), steps)
            high = _contour(value, int64(plane[end, x]) if end < height else int64(0), steps)
            weight = _weight(end - start) if low >= 0 or high >= 0 else int64(0)
            least, most = max(value - steps, 1), min(value + steps, _TOP)
            for y in range(start, end):
                both = weight + weights[y, x]
                if both == 0:
                    made[y, x] = value
                    continue
                total = weights[y, x] * int64(values[y, x])
                if weight:
                    total += weight * _ramp(value, low, high, end - start, y - start)
                near = (total // both + (1 << (_FRACTION - 1))) >> _FRACTION
                made[y, x] = min(max(near, least), most)
