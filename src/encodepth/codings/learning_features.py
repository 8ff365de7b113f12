"""What the network sees of a pixel: 84 whole numbers about the neighbourhood that is decoded.

None is beyond 255, so that sums stay within 32 bits. Distances count by their logarithm, from a
table; flags are 64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..native import inlined
from .arithmetic import int64
from .lanes import get_lane
from .surface_decisions import FAR
from .surface_predict import PREDICTORS, TRACK_N, TRACK_W, UNIT, Around, Place, Trail

FEATURES = 84
HOLES = 34, 46  # the features between are 0 where no neighbour is a hole
MOST = 255  # of a feature
ONE = 64  # a flag

_FARTHEST = 512  # distances beyond count as this
_GAPS = 4  # steps between values, around the prediction
_MIDDLE = 100  # of a step's logarithm

# Where they lie: a constant and the blend's fraction are first.
_GUESSES = 2
_VALUES = _GUESSES + PREDICTORS
_HOLES = _VALUES + 24
_MOVED = _HOLES + 12
_MISSED = _MOVED + 8
_TRACKED = _MISSED + 2 * PREDICTORS + 4
_OTHER = _TRACKED + 4
_STEPS = FEATURES - _GAPS


def _logarithms() -> np.ndarray:
    """Return 44 ln(1 + distance) with the distance's sign, at most 255, for -512..512."""
    far = np.arange(_FARTHEST + 1)
    size = np.array([min(round(44 * math.log1p(d)), MOST) for d in far.tolist()], np.int32)
    return np.concatenate([-size[:0:-1], size])


LOG = _logarithms()


def steps(values: np.ndarray) -> np.ndarray:
    """Return how wide the step from each place in a list of values to the next is.

    Args:
        values: sorted, 1..65535, (n,).

    Returns:
        int32 (n + 2,), for places 0..n + 1: the logarithm of the step by the value, an octave in
        32; 0 where there is no step.
    """
    found = np.zeros(len(values) + 2, np.int32)
    for k, (value, after) in enumerate(zip(values[:-1].tolist(), values[1:].tolist(), strict=True)):
        part = (after - value << 16) // value
        found[k + 1] = min(max(2 * (_log2(part) - _MIDDLE), -MOST), MOST)
    return found


def _log2(number: int) -> int:
    """Return 16 times the logarithm to base 2, linear between its whole values; 0 of 0."""
    length = number.bit_length()
    return length * 16 + ((number << 4 >> length - 1) & 15) if length else 0


@inlined
def describe(
    at: Place, v: Around, g: Any, best: int, middle: int, other: int, t: Trail, x: np.ndarray
) -> None:
    """Write all features but those of steps to `x`, int32 (84,).

    Args:
        at, v, t: the pixel's place, its nearest neighbours, what is known.
        g: the predictions, as lanes; best: their blend, in 1/64 of a value.
        middle: the prediction; other: the neighbour farthest from it.
        x: what is written.
    """
    off = g - middle * UNIT >> 3
    x[0], x[1] = ONE, 2 * (best - middle * UNIT)
    for k in range(PREDICTORS):
        x[_GUESSES + k] = logarithm(get_lane(off, k))
    _describe_values(at, v, middle, t.seen, x)
    _describe_holes(at, t.hole, x)
    _describe_misses(at, t, x)
    i, u, far = at.i, at.u, other - middle
    x[_TRACKED], x[_TRACKED + 1] = 10 * t.age[i - 1], 10 * t.age[u]
    x[_TRACKED + 2], x[_TRACKED + 3] = (
        logarithm(t.slope_x[i - 1] >> 7),
        logarithm(t.slope_y[u] >> 7),
    )
    x[_OTHER], x[_OTHER + 1] = logarithm(far), ONE if abs(far) > FAR else 0


@inlined
def _describe_values(at: Place, v: Around, middle: int, seen: np.ndarray, x: np.ndarray) -> None:
    """Write how far 24 neighbours lie from the prediction."""
    i, u, a, f, k = at.i, at.u, at.a, at.f, _VALUES
    x[k], x[k + 1] = logarithm(v.w - middle), logarithm(v.n - middle)
    x[k + 2], x[k + 3] = logarithm(v.nw - middle), logarithm(v.ne - middle)
    x[k + 4], x[k + 5], x[k + 6] = (
        logarithm(v.ww - middle),
        logarithm(v.nn - middle),
        logarithm(v.nnn - middle),
    )
    for j in range(1, 4):
        x[k + 5 + 2 * j], x[k + 6 + 2 * j] = (
            logarithm(seen[a + j] - middle),
            logarithm(seen[a - j] - middle),
        )
        x[k + 10 + 3 * j], x[k + 11 + 3 * j], x[k + 12 + 3 * j] = (
            logarithm(seen[u + j + 1] - middle),
            logarithm(seen[u - j - 1] - middle),
            logarithm(seen[i - j - 2] - middle),
        )
    x[k + 22], x[k + 23] = logarithm(seen[f + 1] - middle), logarithm(seen[f - 1] - middle)


@inlined
def _describe_holes(at: Place, hole: np.ndarray, x: np.ndarray) -> None:
    """Write which of twelve neighbours are holes."""
    i, u, a, k = at.i, at.u, at.a, _HOLES
    x[k], x[k + 1], x[k + 2] = ONE * hole[i - 1], ONE * hole[i - 2], ONE * hole[i - 3]
    x[k + 3], x[k + 4], x[k + 5] = ONE * hole[a - 1], ONE * hole[a], ONE * hole[a + 1]
    for j in range(6):
        x[k + 6 + j] = ONE * hole[u - 2 + j]


@inlined
def _describe_misses(at: Place, t: Trail, x: np.ndarray) -> None:
    """Write how much the prediction missed at eight neighbours, and each predictor at some."""
    i, u, a, moved, missed, k = at.i, at.u, at.a, t.moved, t.missed, _MOVED
    x[k], x[k + 1], x[k + 2] = logarithm(moved[i - 1]), logarithm(moved[u]), logarithm(moved[u - 1])
    x[k + 3], x[k + 4] = logarithm(moved[u + 1]), logarithm(moved[i - 2])
    x[k + 5], x[k + 6], x[k + 7] = (
        logarithm(moved[a]),
        logarithm(moved[a + 1]),
        logarithm(moved[a - 1]),
    )
    for j in range(PREDICTORS):
        x[_MISSED + j] = logarithm(missed[i - 1, j] >> 4)
        x[_MISSED + PREDICTORS + j] = logarithm(missed[u, j] >> 4)
    k = _MISSED + 2 * PREDICTORS
    x[k], x[k + 1] = logarithm(missed[u - 1, TRACK_W] >> 4), logarithm(missed[u + 1, TRACK_W] >> 4)
    x[k + 2], x[k + 3] = (
        logarithm(missed[u - 1, TRACK_N] >> 4),
        logarithm(missed[u + 1, TRACK_N] >> 4),
    )


@inlined
def describe_steps(middle: int, top: int, step: np.ndarray, x: np.ndarray) -> None:
    """Write how wide the steps around the prediction are (`steps`)."""
    for k in range(_GAPS):
        x[_STEPS + k] = step[np.uint64(min(max(middle + k - 2, 0), top))]


@inlined
def logarithm(number: int) -> int:
    """Return what a distance counts, -255..255."""
    return int64(LOG[np.uint64(min(max(number, -_FARTHEST), _FARTHEST) + _FARTHEST)])
