"""What the pictures before say of a pixel: predictions, what stayed as it was, a mean over time.

The picture before is never subtracted, for its noise would be added to this one's, nor do its
predictions join the blend of `surface_predict.py`, which was larger on every sequence tried (by one
percent, of rendered rooms by four). They are what contexts look at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..native import compiled, inlined
from .arithmetic import int64
from .lanes import at_most, put_lane, same8, size_of, store
from .surface_predict import PAD, UNIT, Around, Place, Trail

CHANGE, SMOOTH, PARALLEL, MEAN = 3, 4, 6, 7  # of the predictions
ROUNDED = 24  # in 1/64 of a value: what lies so far off its place is taken to round to it

_MOST_MISSED = UNIT * 64
_NEVER = 1 << 26
_STEADY = 6 * UNIT  # a neighbour that changed by more lies on another surface
_LIKE = 3  # values that a neighbour of the same surface may lie away
_NOISE = 2 * UNIT  # the mean of a pixel over time begins anew beyond this
_LONGEST_STAY = 15


class Before(NamedTuple):
    """What is known of the pictures before, int32 (n,): a padded plane, row after row."""

    value: np.ndarray  # of the picture before; 0 at holes and outside
    other: np.ndarray  # the value that the pixel had before it changed to this one; 0 if none
    stay: np.ndarray  # for how many pictures it has been as it is, 0..15
    mean: np.ndarray  # over time, in 1/64
    smooth: np.ndarray  # of the neighbourhood in the picture before, in 1/64
    here: np.ndarray  # of the picture before, in 1/64: finer than `value` where the camera moved


def before(height: int, width: int) -> Before:
    """Return what is known before the first picture."""
    n = np.zeros((6, (height + 2 * PAD) * (width + 2 * PAD)), np.int32)
    return Before(n[0], n[1], n[2], n[3], n[4], n[5])


@compiled
def learn_plane(plane: np.ndarray, moved: bool, b: Before) -> None:
    """Make a picture that has been coded the one before.

    Args:
        plane: int32 (h, w), 0 = hole.
        moved: whether what was known had been moved with the camera.
        b: what is known; it is changed.
    """
    height, width = plane.shape
    row = width + 2 * PAD
    for y in range(height):
        for x in range(width):
            j = (y + PAD) * row + x + PAD
            value, was = plane[y, x], b.value[j]
            if value == was:
                b.stay[j] = min(b.stay[j] + 1, _LONGEST_STAY)
            else:
                b.other[j], b.stay[j] = was, 0
            off = (value << 6) - b.mean[j]
            if value == 0 or b.mean[j] == 0 or abs(off) >= _NOISE:
                b.mean[j] = value << 6
            elif moved:
                b.mean[j] += min(off + ROUNDED, 0) + max(off - ROUNDED, 0)
            else:
                b.mean[j] += off >> 2
            b.value[j], b.here[j] = value, value << 6
    _smooth_plane((height, width), b)


@compiled
def smooth_plane(shape: tuple[int, int], b: Before) -> None:
    """Say of every pixel what the neighbourhood was in the picture before."""
    _smooth_plane(shape, b)


@inlined
def _smooth_plane(shape: tuple[int, int], b: Before) -> None:
    height, width = shape
    row = width + 2 * PAD
    for y in range(height):
        for x in range(width):
            j = (y + PAD) * row + x + PAD
            b.smooth[j] = _smooth(int64(b.value[j]), j, row, b)


@inlined
def _smooth(value: int, j: int, row: int, b: Before) -> int:
    """Return the mean of a pixel, which counts three times, and what is like it around."""
    if value == 0:
        return 0
    up, count = 3 * value, 3
    for k in (j - row - 1, j - row, j - row + 1, j - 1, j + 1, j + row - 1, j + row, j + row + 1):
        near = int64(b.value[k])
        if near and abs(near - value) < _LIKE:
            up, count = up + near, count + 1
    return (up << 6) // count


@inlined
def changed(value: int, hole: int, was: int) -> int:
    """Return how much a neighbour changed, or 2^20 where it was or is a hole."""
    return 1048576 if hole or was == 0 else value - was


@inlined
def _changed(value: int, hole: int, here: int) -> int:
    """Return how much a neighbour changed in 1/64, or 2^26 where it was or is a hole."""
    return _NEVER if hole or here == 0 else (value << 6) - here


@inlined
def foretell(v: Around, at: Place, j: int, row: int, other: int, t: Trail, b: Before) -> Any:
    """Return eight predictions from the picture before in 1/64 of a value, as lanes.

    Where it has a hole, all are `other`.
    """
    was = int64(b.value[j])
    if was == 0:
        return same8(other)
    p_w, p_n, p_nw = int64(b.here[j - 1]), int64(b.here[j - row]), int64(b.here[j - row - 1])
    d_w, d_n = _changed(v.w, t.hole[at.i - 1], p_w), _changed(v.n, t.hole[at.u], p_n)
    d_ne = _changed(v.ne, t.hole[at.u + 1], int64(b.here[j - row + 1]))
    d_nw = _changed(v.nw, t.hole[at.u - 1], p_nw)
    up, count = int64(0), 1
    for d, share in ((d_w, 2), (d_n, 2), (d_ne, 1), (d_nw, 1)):
        if abs(d) < _STEADY:
            up, count = up + share * d, count + share
    change = up // count
    here, smooth = int64(b.here[j]), int64(b.smooth[j])
    g = put_lane(same8(here), 1, here + d_w if abs(d_w) < _NEVER else here)
    g = put_lane(g, 2, here + d_n if abs(d_n) < _NEVER else here)
    g = put_lane(put_lane(g, CHANGE, here + change), SMOOTH, smooth)
    parallel = here
    if p_w and p_n and p_nw:
        parallel = (v.w + v.n - v.nw << 6) + here - p_w - p_n + p_nw
    g = put_lane(put_lane(g, 5, smooth + change), PARALLEL, parallel)
    return put_lane(g, MEAN, int64(b.mean[j]))


@inlined
def remember_late(value: int, h: Any, at: Place, late: np.ndarray) -> None:
    """Remember how well the picture before foretold a pixel."""
    store(late, at.i, at_most(size_of(h - value * UNIT), same8(_MOST_MISSED)))
