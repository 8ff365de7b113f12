"""What networks 3 to 5 look at besides: the value itself, a line through neighbours, far surfaces.

Three contexts of `surface_contexts.py` give way or are added: a value that was met before tells
where the next contour lies about it, and a linear predictor of 24 neighbours that learns (NLMS)
is one more opinion, which the network sees as well. Corrections too large to be counted are coded
under what they would be if the pixel were of a surface that lies somewhat farther away.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..native import inlined
from .arithmetic import bit_length, int64
from .lanes import clip, load8, put_lane, same8, store, total
from .learning_features import FEATURES, MOST, logarithm
from .learning_mixing import FURTHER, Chosen, Mixer, code_further, expect
from .surface_contexts import (
    FRACTION,
    HOLES,
    MOVED_N,
    MOVED_W,
    OF_NEIGHBOURS,
    OF_STEPS,
    QUANTITIES,
    compare,
    hashing,
    layout,
    look,
    relabel,
)
from .surface_decisions import LONGEST, OF_ESCAPES, Further, gamma_code
from .surface_predict import UNIT, Around, Place

TABLE = 1 << 18  # estimates per context
_VALUE, _FINE, _LINE = QUANTITIES, QUANTITIES + 1, QUANTITIES + 2  # further quantities
LINE_FEATURES = 2

_FURTHER = {
    2: [(_VALUE, 16383, 32768), (FRACTION, 4, 8)],
    6: [(_LINE, 31, 64), (HOLES, 32, 64)],
    14: [(_VALUE, 8191, 16384), (_FINE, 16, 33), (MOVED_W, 1, 3), (MOVED_N, 1, 3)],
}
_CHANGE, _NODES = relabel(TABLE)
_hashed, _ = hashing(TABLE, _CHANGE, (layout(OF_NEIGHBOURS), layout(OF_STEPS | _FURTHER)))

_NEAR = 127  # neighbours and predictions count as so many sixteenths of a value from the blend
_MOST = (1 << 17) - 1  # of the predictor's weights, in 1/65536
_RATE, _LEAST = 1 << 17, 64

# Estimates of escapes, after those of `surface_decisions.py`; each fits before the next.
_BY_RIGHT, _BY_LEFT, _BY_BOTH = OF_ESCAPES + 4096, OF_ESCAPES + 8192, OF_ESCAPES + 16384
_BIT_OF_BOTH, _BIT_OF_RIGHT = OF_ESCAPES + 40000, OF_ESCAPES + 41000
_BIT_OF_LEFT = OF_ESCAPES + 45000


@inlined
def look_further(at: Place, v: Around, g: Any, best: int, near: int, first: int, s: Any) -> int:
    """Write the slots of fifteen contexts, tables counted from `first`.

    Returns:
        The linear prediction minus the prediction, in 1/64 of a value.
    """
    q, middle = s.quantities, best + UNIT // 2 >> 6
    look(at, v, middle, near, s.trail, q)
    compare(g, best, middle, q)
    off = min(max(_said(at, best, s), -_NEAR), _NEAR) * 4 + best - middle * UNIT
    q[_VALUE], q[_FINE], q[_LINE] = middle, best - middle * UNIT >> 1, off >> 3
    _hashed(q, s.mixer.slots, first)
    expect(s.mixer, FURTHER, int64(_NODES[0]))
    return off


@inlined
def describe_further(off: int, x: np.ndarray) -> None:
    """Write two features: the linear prediction."""
    x[FEATURES] = min(max(2 * off, -MOST), MOST)
    x[FEATURES + 1] = logarithm(off >> 3)


@inlined
def learn_further(value: int, best: int, at: Place, s: Any) -> None:
    """Let the linear predictor take a step, the larger the less its inputs are."""
    a, b, c = _inputs(at, best, s.trail.seen)
    missed = min(max(value * UNIT - best >> 2, -_NEAR), _NEAR) - _said(at, best, s)
    step = missed * _RATE // (total(a * a + b * b + c * c) + _LEAST)
    _move(s.line, 0, a, step)
    _move(s.line, 1, b, step)
    _move(s.line, 2, c, step)


@inlined
def ask_further(bit: int, decode: bool, node: int, opinion: int, r: Chosen, m: Mixer) -> int:
    """Code a decision."""
    return code_further(bit, decode, m, int64(_NODES[np.uint64(node)]), opinion, r)


@inlined
def _inputs(at: Place, best: int, seen: np.ndarray) -> tuple[Any, Any, Any]:
    """Return how far 24 neighbours lie from the blend, in 1/16 of a value."""
    i, f, near = at.i, at.f, same8(_NEAR)
    c = same8(0)
    for k in range(4):
        c = put_lane(put_lane(c, k, seen[i - 1 - k]), 4 + k, seen[f - 1 + k])
    return (
        clip(load8(seen, at.u - 3) * UNIT - best >> 2, near),
        clip(load8(seen, at.a - 3) * UNIT - best >> 2, near),
        clip(c * UNIT - best >> 2, near),
    )


@inlined
def _said(at: Place, best: int, s: Any) -> int:
    """Return the linear prediction minus the blend, in 1/16 of a value."""
    a, b, c = _inputs(at, best, s.trail.seen)
    return total(a * load8(s.line, 0) + b * load8(s.line, 1) + c * load8(s.line, 2)) >> 16


@inlined
def _move(line: np.ndarray, row: int, inputs: Any, step: int) -> None:
    store(line, row, clip(load8(line, row) + (inputs * step + 128 >> 8), same8(_MOST)))


@inlined
def _know(minus: int, tree: int, c: Any) -> tuple[int, int]:
    """Return what the number would be of two surfaces farther away."""
    return _to_the_right(minus, tree, c), _to_the_left(minus, tree, c)


@inlined
def _longer(known: tuple[int, int], length: int, minus: int, tree: int, m: Mixer) -> None:
    right, left = bit_length(known[0]), bit_length(known[1])
    m.slots[2] = _BY_RIGHT + 2 * (32 * right + length) + (1 if tree else 0)
    m.slots[3] = _BY_LEFT + 2 * (32 * left + length) + minus
    m.slots[4] = _BY_BOTH + 32 * (32 * right + left) + length


@inlined
def _bit(known: tuple[int, int], length: int, rest: int, found: int, m: Mixer) -> None:
    one, two = _next(known[0], length, rest, found), _next(known[1], length, rest, found)
    m.slots[2] = _BIT_OF_BOTH + 3 * (3 * rest + one) + two
    m.slots[3] = _BIT_OF_RIGHT + 3 * (32 * length + rest) + one
    m.slots[4] = _BIT_OF_LEFT + 3 * (32 * length + rest) + two


@inlined
def _next(number: int, length: int, rest: int, found: int) -> int:
    """Return 1 or 2 for the next bit of a number whose first are those that were found, else 0."""
    if number >> length != 1 or number >> rest != found:
        return 0
    return 1 + (number >> rest - 1 & 1)


@inlined
def _to_the_right(minus: int, tree: int, c: Any) -> int:
    """Return what would be escaped of a surface to the right, above; 0 where there is none."""
    seen, u, a = c.seen, c.at.u, c.at.a
    base, found = c.middle, int64(0)
    if tree:
        base = c.far
    else:
        found = _first(found, base, minus, c.far)
    for k in range(2, 7):
        found = _first(found, base, minus, int64(seen[u + k]))
    for k in range(1, 5):
        found = _first(found, base, minus, int64(seen[a + k]))
    return found


@inlined
def _to_the_left(minus: int, tree: int, c: Any) -> int:
    """Return what would be escaped of a surface to the left, above; 0 where there is none."""
    seen, i, u, a = c.seen, c.at.i, c.at.u, c.at.a
    base = c.far if tree else c.middle
    found = _first(int64(0), base, minus, int64(seen[i - 2]))
    for k in range(1, 7):
        found = _first(found, base, minus, int64(seen[u - k]))
        found = _first(found, base, minus, int64(seen[i - k]))
    for k in range(5):
        found = _first(found, base, minus, int64(seen[a - k]))
    return _first(found, base, minus, int64(seen[c.at.f]))


@inlined
def _first(found: int, base: int, minus: int, number: int) -> int:
    """Return what was found, or else what is escaped where a pixel is `number`, if that is."""
    off = base - number if minus else number - base
    return off - LONGEST if found == 0 and number > 0 and off > LONGEST else found


escaped_further = gamma_code(Further(5, _know, _longer, _bit))
