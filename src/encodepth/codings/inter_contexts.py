"""The contexts of a value that look at the picture before: twelve, beside those of a picture alone.

Quantities and contexts as in `surface_contexts.py`. What the picture before has not, because there
was a hole, counts as very far away.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..native import inlined
from .arithmetic import int64
from .inter_predict import CHANGE, MEAN, PARALLEL, SMOOTH, Before, changed
from .lanes import get_lane, load8, store
from .mixing import WIDTH
from .surface_contexts import QUANTITIES, layout, numbers, slots_of
from .surface_predict import UNIT, Around, Place, Trail

LATE = 13  # contexts
LATE_QUANTITIES = 64  # with those of pictures alone

_FAR = 1 << 20

# Quantities: those of `surface_contexts` of which these contexts look at some, and more.
_W, _N, _NE, _HOLES, _FRACTION = 0, 1, 3, 30, 29
(
    _C, _E, _S, _SE, _SW, _OTHER,  # values before, minus the prediction
    _D_W, _D_N, _D_NW, _D_NE,  # how neighbours changed
    _TO_C, _TO_CHANGE,  # predictions of the picture before, minus the blend
    _OFF_CHANGE, _OFF_MEAN, _OFF_SMOOTH, _OFF_PARALLEL,  # minus the prediction, finer
    _STAY, _ASKED, _HOLES_WERE, _TRUST, _CALM,
) = range(QUANTITIES, QUANTITIES + 21)  # fmt: skip

# Contexts: quantity, limit, radix of each digit, the highest first.
_OF_PLACES = {
    0: [(_TO_C, 31, 64), (_TO_CHANGE, 31, 64)],
    1: [(_C, 7, 16), (_E, 4, 9), (_S, 4, 9), (_HOLES_WERE, 8, 16)],
    2: [(_C, 7, 16), *((q, 3, 8) for q in (_D_W, _D_N, _D_NW, _D_NE))],
    3: [(_C, 7, 16), *((q, 3, 8) for q in (_E, _S, _SE, _SW))],
    4: [(_C, 7, 16), (_W, 5, 16), (_N, 5, 16), (_NE, 3, 8)],
    5: [(_OTHER, 15, 32), (_C, 7, 16), (_STAY, 8, 16), (_ASKED, 1, 3)],
    6: [(_OFF_MEAN, 15, 32), (_E, 3, 8), (_S, 3, 8), (_D_W, 3, 8), (_D_N, 3, 8)],
}
_OF_TRENDS = {
    7: [(_OFF_MEAN, 15, 32), (_OFF_SMOOTH, 15, 32), (_TRUST, 8, 16)],
    8: [(_OFF_CHANGE, 31, 64), (_TRUST, 8, 16), (_FRACTION, 4, 8)],
    9: [(_OFF_MEAN, 15, 32), (_C, 7, 16), (_CALM, 5, 11)],
    10: [(_OFF_SMOOTH, 15, 32), (_D_W, 3, 8), (_D_N, 3, 8), (_OFF_PARALLEL, 7, 16)],
    11: [(_OFF_PARALLEL, 15, 32), (_OFF_CHANGE, 15, 32), (_ASKED, 1, 3)],
    12: [(_C, 15, 32), (_STAY, 8, 16), (_ASKED, 1, 3), (_CALM, 5, 11), (_TRUST, 8, 16)],
}

_USED_1, _LIMIT_1, _WORTH_1, _ZERO_1, _ORDER_1 = layout(_OF_PLACES)
_USED_2, _LIMIT_2, _WORTH_2, _ZERO_2, _ORDER_2 = layout(_OF_TRENDS)
_HALF = len(_OF_PLACES)


@inlined
def look_back(
    at: Place, v: Around, middle: int, j: int, row: int, t: Trail, b: Before, q: np.ndarray
) -> None:
    """Write the quantities about the picture before to `q`, int32 (64,)."""
    value = b.value
    q[_C], q[_E] = _from(value[j], middle), _from(value[j + 1], middle)
    q[_S], q[_SE] = _from(value[j + row], middle), _from(value[j + row + 1], middle)
    q[_SW], q[_OTHER] = _from(value[j + row - 1], middle), _from(b.other[j], middle)
    q[_D_W] = changed(v.w, t.hole[at.i - 1], int64(value[j - 1]))
    q[_D_N] = changed(v.n, t.hole[at.u], int64(value[j - row]))
    q[_D_NW] = changed(v.nw, t.hole[at.u - 1], int64(value[j - row - 1]))
    q[_D_NE] = changed(v.ne, t.hole[at.u + 1], int64(value[j - row + 1]))
    q[_STAY] = b.stay[j] - 8
    were = int64(value[j] == 0) | int64(value[j + 1] == 0) << 1 | int64(value[j + row] == 0) << 2
    q[_HOLES_WERE] = were - 4


@inlined
def _from(value: int, middle: int) -> int:
    """Return a value of the picture before, minus the prediction."""
    return _FAR if value == 0 else int64(value) - middle


@inlined
def compare_back(h: Any, best: int, middle: int, was: int, q: np.ndarray) -> None:
    """Write the quantities about predictions of the picture before to `q`."""
    q[_TO_C], q[_TO_CHANGE] = get_lane(h - best >> 5, 0), get_lane(h - best >> 5, CHANGE)
    off = h - middle * UNIT
    q[_OFF_CHANGE], q[_OFF_MEAN] = get_lane(off >> 3, CHANGE), get_lane(off >> 4, MEAN)
    q[_OFF_SMOOTH], q[_OFF_PARALLEL] = get_lane(off >> 4, SMOOTH), get_lane(off >> 5, PARALLEL)
    if was == 0:
        q[_TO_C], q[_OFF_MEAN] = _FAR, _FAR


@inlined
def say(asked: int, calm: int, trust: int, q: np.ndarray) -> None:
    """Write the other quantities to `q`."""
    q[_ASKED], q[_CALM], q[_TRUST] = asked - 1, calm - 5, trust - 8


@inlined
def hashed_back(q: np.ndarray, slots: np.ndarray, first: int) -> None:
    """Write the slot of each context to `slots` from 16 on, tables counted from `first`."""
    one = numbers(q, _USED_1, _LIMIT_1, _WORTH_1, load8(_ZERO_1, 0))
    two = numbers(q, _USED_2, _LIMIT_2, _WORTH_2, load8(_ZERO_2, 0))
    store(slots, WIDTH, slots_of(one, load8(_ORDER_1, 0)) + first)
    store(slots, WIDTH + _HALF, slots_of(two, load8(_ORDER_2, 0)) + first)
