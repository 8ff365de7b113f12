"""What is known of the picture before, as the camera sees it after it moved.

A place in the list of values is a distance, so places become depth in 1/64 steps, depth is warped
(`warp.py`), and what is seen becomes places again, in 1/64. Steps are rounded off first: each pixel
moves towards the middle of its neighbours, as far as it would still round to its own place.
"""

from __future__ import annotations

import numpy as np

from ..native import compiled, inlined
from .arithmetic import int64
from .inter_predict import PAD, ROUNDED, Before, smooth_plane
from .pose import FINE, Motion, View
from .surface_predict import UNIT
from .warp import warp

FIRST, LATER = 8, 2  # times that a picture is smoothed: one that was coded without motion, others

_STEPS = 1 << 16  # and one, of depth
_BENT = 2 * UNIT  # neighbours beyond this from a line belong to other surfaces


class Course:
    """Moves what is known with the camera.

    Args:
        table: the value of each place in steps, 0 first.
        view: the camera.
    """

    def __init__(self, table: np.ndarray, view: View) -> None:
        self._view = view
        self._steps = np.concatenate([table, table[-1:]]).astype(np.int32)
        self._places = np.zeros(_STEPS + 1, np.int32)
        _list_places(self._steps, self._places)
        self._moved = False

    def move(self, before: Before, shape: tuple[int, int], motion: Motion) -> None:
        """Make of the picture before, (height, width), what is seen after a motion."""
        spare = np.zeros_like(before.mean)
        for _ in range((LATER if self._moved else FIRST) // 2):
            _smooth(before.mean, before.value, shape, spare)
            _smooth(spare, before.value, shape, before.mean)
        depth = np.zeros(shape, np.int32)
        _to_steps(before.mean, self._steps, depth)
        _to_places(warp(depth, self._view, motion), self._places, before)
        smooth_plane(shape, before)
        self._moved = True

    def stay(self) -> None:
        """Take note of a picture that is coded without motion."""
        self._moved = False


@compiled
def _list_places(steps: np.ndarray, places: np.ndarray) -> None:
    """Write the place in 1/64 of every distance of whole steps: between two values, a part."""
    top = len(steps) - 2
    k = 1
    for at in range(len(places)):
        while k < top and steps[k + 1] <= at:
            k += 1
        low, high = int64(steps[k]), int64(steps[k + 1])
        places[at] = k * UNIT
        if low < at and k < top:
            places[at] += (at - low) * UNIT // (high - low)


@compiled
def _smooth(mean: np.ndarray, value: np.ndarray, shape: tuple[int, int], made: np.ndarray) -> None:
    """Move each pixel towards the middle of its neighbours, as far as it rounds to its place."""
    height, width = shape
    row = width + 2 * PAD
    for y in range(height):
        for x in range(width):
            j = (y + PAD) * row + x + PAD
            here = int64(mean[j])
            if here > 0:
                off = _bend(mean, j, 1) + _bend(mean, j, row)
                middle = int64(value[j]) * UNIT
                here = min(max(here + (off >> 3), middle - ROUNDED), middle + ROUNDED)
            made[j] = here


@inlined
def _bend(mean: np.ndarray, j: int, beside: int) -> int:
    """Return how far the neighbours on both sides lie above, together; 0 off the surface."""
    one, other = int64(mean[j - beside]), int64(mean[j + beside])
    off = one + other - 2 * mean[j]
    return off if one > 0 and other > 0 and abs(off) < _BENT else int64(0)


@compiled
def _to_steps(mean: np.ndarray, steps: np.ndarray, depth: np.ndarray) -> None:
    """Write depth in 1/64 steps, 0 at holes, of places in 1/64."""
    height, width = depth.shape
    row = width + 2 * PAD
    top = len(steps) - 2
    for y in range(height):
        for x in range(width):
            place = int64(mean[(y + PAD) * row + x + PAD])
            if place == 0:
                continue
            place = min(max(place, UNIT), top * UNIT)
            k, part = place >> 6, place & 63
            low, high = int64(steps[k]), int64(steps[k + 1])
            depth[y, x] = low * FINE + part * (high - low)


@compiled
def _to_places(depth: np.ndarray, places: np.ndarray, b: Before) -> None:
    """Make depth in 1/64 steps the picture before."""
    height, width = depth.shape
    row = width + 2 * PAD
    for y in range(height):
        for x in range(width):
            j = (y + PAD) * row + x + PAD
            at = int64(depth[y, x])
            place = int64(0)
            if at > 0:
                k, part = at >> 6, at & 63
                low, high = int64(places[k]), int64(places[k + 1])
                place = low + (part * (high - low) >> 6)
            b.mean[j], b.here[j], b.value[j] = place, place, place + UNIT // 2 >> 6
            b.other[j], b.stay[j] = 0, 0
