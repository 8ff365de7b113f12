"""What the network sees of the picture before: twelve whole numbers, after the 84 of the other.

As in `learning_features.py`, none is beyond 255 and distances count by their logarithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..native import inlined
from .arithmetic import int64
from .inter_predict import CHANGE, MEAN, PARALLEL, SMOOTH, Before
from .lanes import get_lane
from .learning_features import FEATURES, ONE, logarithm
from .surface_predict import UNIT, Around, Place, Trail

LATE_FEATURES = 12
_LOUD = 16  # of a feature, for each picture that a pixel has stayed


@inlined
def describe_back(
    h: Any, v: Around, at: Place, middle: int, j: int, row: int, t: Trail, b: Before, x: np.ndarray
) -> None:
    """Write the features of the picture before to `x`.

    Args:
        h: the predictions from it, as lanes; v: the pixel's nearest neighbours.
        at, t: its place, and what is known of this picture; middle: the prediction.
        j, row: its place among the pixels before, and how far a row lies there; b: those pixels.
        x: what is written, int16 (96,).
    """
    k, was, value = int64(FEATURES), int64(b.value[j]), b.value
    off = h - middle * UNIT >> 3
    x[k], x[k + 1] = _if(was, get_lane(off, 0)), _if(was, get_lane(off, CHANGE))
    x[k + 2], x[k + 3] = _if(was, get_lane(off, SMOOTH)), _if(was, get_lane(off, PARALLEL))
    x[k + 4], x[k + 5] = _if(was, get_lane(off, MEAN)), _LOUD * b.stay[j]
    x[k + 6] = 0 if was else ONE
    x[k + 7], x[k + 8] = _since(middle, value[j + 1]), _since(middle, value[j + row])
    x[k + 9] = 0 if t.hole[at.i - 1] else -_since(v.w, value[j - 1])
    x[k + 10] = 0 if t.hole[at.u] else -_since(v.n, value[j - row])
    x[k + 11] = _since(middle, b.other[j])


@inlined
def _if(was: int, distance: int) -> int:
    """Return the logarithm of a distance, 0 where there was a hole."""
    return logarithm(distance) if was else int64(0)


@inlined
def _since(value: int, was: int) -> int:
    """Return the logarithm of what a value before exceeds another by, 0 where there was none."""
    return logarithm(int64(was) - value) if was else int64(0)
