"""The contexts of a value: fourteen views of the neighbourhood, each a row of a table.

A context is a number with a digit for each quantity it looks at: the quantity, clipped to
-limit..limit and made positive. The number is hashed to a slot of the context's estimates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..native import inlined
from .arithmetic import int64
from .lanes import clip, get_lane, load8, narrow, same8, store, wide
from .surface_predict import COLUMN, LINE, PLANE, RISE, TRACK_N, TRACK_W, UNIT, Around, Place, Trail

VALUES = 14  # contexts of a decision about a value
TABLE = 1 << 16  # estimates per context

# Quantities. First neighbours' values, minus the prediction.
(
    _W, _N, _NW, _NE, _WW, _NN, _NEE, _NWW, _NNE, _NNW, _NNN, _NEEE, _NEEEE, _WWW, _WWWW,
    _CLASS_W, _CLASS_N, _CLASS_NE,  # of the same, coarse
    _W_N, _NW_N, _NE_N, _NEE_NE, _NWW_NW, _WW_W, _NN_N, _NNW_NN, _NNE_NN,  # between neighbours
    MOVED_W, MOVED_N, FRACTION, HOLES,
    _TO_TRACK_W, _TO_TRACK_N, _TO_PLANE, _TO_LINE, _TO_RISE, _TO_COLUMN,  # predictors minus blend
    _OFF_W, _OFF_N,  # the tracker minus the prediction, finer
) = range(39)  # fmt: skip
QUANTITIES = 39

# Contexts: quantity, limit, radix of each digit, the highest first. Two halves, for eight lanes
# look at one quantity at a time; a context's number, by which it is hashed, stands before it.
OF_NEIGHBOURS = {
    3: [(q, 7, 16) for q in (_W, _N, _NW, _NE)],
    4: [(q, 15, 32) for q in (_W, _WW, MOVED_W)],
    5: [(q, 15, 32) for q in (_N, _NN, MOVED_N)],
    9: [(q, 2, 5) for q in (_W, _N, _NW, _NE, _NEE, _NWW, _NEEE, _NEEEE)],
    10: [(q, 3, 7) for q in (_W, _WW, _WWW, _WWWW, _N, _NE)],
    11: [(q, 3, 7) for q in (_N, _NN, _NNN, _W, _NNE, _NNW)],
    13: [
        (q, 1, 3)
        for q in (_W, _N, _NW, _NE, _NEE, _NWW, _NN, _WW, _NNE, _NNW, _NEEE, _NEEEE, _NNN)
    ],
}  # fmt: skip
OF_STEPS = {
    0: [(q, 7, 16) for q in (_CLASS_W, _CLASS_N, _CLASS_NE)],
    1: [(q, 31, 64) for q in (_TO_TRACK_W, _TO_TRACK_N)],
    2: [(q, 31, 64) for q in (_TO_PLANE, _TO_LINE)],
    6: [(HOLES, 32, 64), (_TO_RISE, 7, 16), (_TO_COLUMN, 7, 16)],
    7: [(q, 3, 7) for q in (_W_N, _NW_N, _NE_N, _NEE_NE, _NWW_NW, _WW_W, _NN_N)] + [(_N, 7, -16)],
    8: [(q, 4, 9) for q in (_N, _NN_N, _NNW_NN, _NNE_NN, _NE_N, _NW_N)],
    12: [(MOVED_W, 2, 5), (MOVED_N, 2, 5), (FRACTION, 4, 8), (_OFF_W, 7, 16), (_OFF_N, 7, 16)],
}


def layout(contexts: dict[int, list[tuple[int, int, int]]]) -> tuple[np.ndarray, ...]:
    """Return the table of eight contexts for `numbers`.

    Returns:
        The quantities that are looked at, (n,); their limits and what a step is worth, each
        (n, 8); the number at which all are least, (1, 8); the contexts' numbers, (1, 8). All int32.
    """
    used = sorted({quantity for digits in contexts.values() for quantity, _, _ in digits})
    limit, worth = np.zeros((2, len(used), 8), np.int32)
    zero, order = np.zeros((2, 1, 8), np.int32)
    for k, (number, digits) in enumerate(contexts.items()):
        unit = 1
        order[0, k] = number
        for quantity, most, radix in reversed(digits):
            row = used.index(quantity)
            limit[row, k], worth[row, k] = most, unit if radix > 0 else -unit
            zero[0, k] += most * unit
            unit *= abs(radix)
    return np.array(used, np.int32), limit, worth, zero, order


_HALVES = layout(OF_NEIGHBOURS), layout(OF_STEPS)

_EDGES = (1, 2, 4, 8, 24, 96)
_CLASSES = np.array(
    [(k > 0) * sum(k >= e for e in _EDGES) - (k < 0) * sum(-k >= e for e in _EDGES)
     for k in range(-_EDGES[-1], _EDGES[-1] + 1)], np.int32
)  # fmt: skip

_SPREAD = 0x9E5B  # decisions about a pixel ask at hash ^ node * _SPREAD
_TOGETHER = (2, 4, 5, 6)  # these nodes and 0 are asked most


def relabel(table: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how slots are renamed, so that what one pixel asks lies in one cache line.

    The new name is a linear map of the old over GF(2), one to one, so nothing but speed depends on
    it: nodes of `_TOGETHER` come to differ in the low four bits only. It XORs a slot with a change
    that depends on its own low four bits.

    Args:
        table: slots of a context, a power of two from 2^16 on.

    Returns:
        The change of each of the four bits, int64 (4,); what to XOR for each node, int32 (64,).
    """
    change = np.zeros(16, np.int64)
    for chosen in range(16):
        old = 0
        for j, node in enumerate(_TOGETHER):
            old ^= (node * _SPREAD & table - 1) * (chosen >> j & 1)
        change[old & 15] = old ^ chosen
    nodes = np.arange(64) * _SPREAD & table - 1
    return change[[1, 2, 4, 8]], (nodes ^ change[nodes & 15]).astype(np.int32)


_CHANGE, NODES = relabel(TABLE)


@inlined
def coarse(value: int) -> int:
    """Return -6..6 for a difference, finer near 0."""
    return int64(_CLASSES[np.uint64(min(max(value, -96), 96) + 96)])


@inlined
def look(at: Place, v: Around, middle: int, near: int, t: Trail, q: np.ndarray) -> None:
    """Write the quantities about neighbours to `q`, int32 (39,)."""
    seen = t.seen
    nee, nww = int64(seen[at.u + 2]), int64(seen[at.u - 2])
    nne, nnw = int64(seen[at.a + 1]), int64(seen[at.a - 1])
    q[_W], q[_N], q[_NW], q[_NE] = v.w - middle, v.n - middle, v.nw - middle, v.ne - middle
    q[_WW], q[_NN], q[_NEE], q[_NWW] = v.ww - middle, v.nn - middle, nee - middle, nww - middle
    q[_NNE], q[_NNW], q[_NNN] = nne - middle, nnw - middle, v.nnn - middle
    q[_NEEE], q[_NEEEE] = seen[at.u + 3] - middle, seen[at.u + 4] - middle
    q[_WWW], q[_WWWW] = seen[at.i - 3] - middle, seen[at.i - 4] - middle
    q[_CLASS_W], q[_CLASS_N] = coarse(v.w - middle), coarse(v.n - middle)
    q[_CLASS_NE] = coarse(v.ne - middle)
    q[_W_N], q[_NW_N], q[_NE_N], q[_NEE_NE] = v.w - v.n, v.nw - v.n, v.ne - v.n, nee - v.ne
    q[_NWW_NW], q[_WW_W], q[_NN_N] = nww - v.nw, v.ww - v.w, v.nn - v.n
    q[_NNW_NN], q[_NNE_NN] = nnw - v.nn, nne - v.nn
    q[MOVED_W], q[MOVED_N], q[HOLES] = t.moved[at.i - 1], t.moved[at.u], near - 32


@inlined
def compare(g: Any, best: int, middle: int, q: np.ndarray) -> None:
    """Write the quantities about predictions to `q`."""
    q[FRACTION] = best - middle * UNIT >> 3
    off = g - best
    q[_TO_TRACK_W], q[_TO_TRACK_N] = get_lane(off >> 5, TRACK_W), get_lane(off >> 5, TRACK_N)
    q[_TO_PLANE], q[_TO_LINE] = get_lane(off >> 5, PLANE), get_lane(off >> 5, LINE)
    q[_TO_RISE], q[_TO_COLUMN] = get_lane(off >> 6, RISE), get_lane(off >> 6, COLUMN)
    off = g - middle * UNIT >> 4
    q[_OFF_W], q[_OFF_N] = get_lane(off, TRACK_W), get_lane(off, TRACK_N)


@inlined
def numbers(
    q: np.ndarray, used: np.ndarray, limit: np.ndarray, worth: np.ndarray, number: Any
) -> Any:
    """Return the numbers of eight contexts, as lanes."""
    for row in range(len(used)):
        digit = clip(same8(q[np.uint64(used[row])]), load8(limit, row))
        number += digit * load8(worth, row)
    return number


def hashing(table: int, change: np.ndarray, contexts: Any = _HALVES) -> tuple[Any, Any]:
    """Return what writes the slots of all contexts, and what hashes eight numbers to slots.

    Args:
        table: slots of a context.
        change: as `relabel` returns it.
        contexts: two of what `layout` returns: seven contexts, and seven or eight.

    Returns:
        A compiled (quantities, slots, first), which writes to `slots`, int32 (16,), tables counted
        from `first`; and (numbers, the contexts' numbers) -> slots, all lanes.
    """

    @inlined
    def slots_of(number: Any, order: Any) -> Any:
        z = (wide(number) + 1) * 0x9E3779B1 + wide(order) * 0x61C88647
        z = narrow(z ^ z >> 16) * 0x45D9F3B
        z = (z ^ z >> 16) & table - 1
        h = z
        for j in range(4):
            h ^= (z >> j & 1) * change[j]
        return order * table + h

    @inlined
    def hashed(q: np.ndarray, slots: np.ndarray, first: int) -> None:
        one = numbers(q, used_1, limit_1, worth_1, load8(zero_1, 0))
        two = numbers(q, used_2, limit_2, worth_2, load8(zero_2, 0))
        store(slots, 0, slots_of(one, load8(order_1, 0)) + first)
        store(slots, VALUES // 2, slots_of(two, load8(order_2, 0)) + first)

    (used_1, limit_1, worth_1, zero_1, order_1), second = contexts
    used_2, limit_2, worth_2, zero_2, order_2 = second
    return hashed, slots_of


hashed, slots_of = hashing(TABLE, _CHANGE)
