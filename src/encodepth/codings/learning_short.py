"""A network like that of `learning_net.py` in 16 bits: 84 features, hidden units, 32, 64 logits.

A processor multiplies 16 numbers of 16 bits and adds them by pairs in one instruction, so it takes
a third of the time, learns at every pixel and may be wider. Weights are in 1/16384 and below 2,
those of logits in 1/8192; features and hidden units in 1/64, errors in 1/4096. Sums have 32 bits
and none reaches 2^31. What a step would add is rounded to a whole weight: noise that does no harm.

What a pixel teaches the first layer is added while the next pixel is seen, when its weights are in
hand anyway. All lies in the rows of one array, int16 (n, 32); weights of two inputs lie by turns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..native import compiled, inlined
from .arithmetic import int64
from .lanes import (
    at_most,
    clip,
    four_totals,
    halves,
    high_product,
    join,
    load16_short,
    load32_short,
    load_pair,
    narrow,
    plus,
    same4,
    same16,
    same16_short,
    same32_short,
    scaled,
    store,
    sum_pairs,
    total,
    wide,
)
from .learning_features import FEATURES, HOLES, ONE
from .surface_decisions import NODES

SECOND = 32  # hidden units of the second layer
ROOM = 96  # features, and zeros up to whole rows
LANES = 32
BLOCK = 48  # units of the first layer that are computed together

_ROWS_OF_X = ROOM // LANES
_AT_ONCE = BLOCK // 16  # rows of two features' weights
_FROM, _TO = HOLES[0] // 2, HOLES[1] // 2  # pairs of features that are seldom anything but 0

_MOST_HIDDEN = 511  # of a unit
_MOST_ERROR = 8191  # of a unit
_MOST = 32767  # of a weight
SMALL = 40  # errors of decisions up to here teach nothing


class Layout(NamedTuple):
    """Where the parts of a network of so many hidden units lie: rows of 32."""

    pairs: int  # of features
    first: int  # units of the first layer
    second: int  # weights of the second layer,
    last: int  # of each decision,
    bias: int  # and the decisions' biases;
    old: int  # features of the pixel before,
    one: int  # units of the first layer and a constant,
    two: int  # of the second,
    felt: int  # what the first layer's units should have been, by how much,
    error: int  # the second's; whether a pixel taught something, and the one before
    taught: int
    masked: int  # the second layer's errors by turns with zeros
    rows: int


def layout(first: int, features: int = FEATURES) -> Layout:
    """Return the layout of a network with so many units in its first layer, a multiple of 48.

    Args:
        first: the units.
        features: how many there are, even, at most 96.
    """
    pairs = features // 2
    units = -(-(first + 2) // LANES)
    sizes = (pairs * first // 16, first + 2, NODES, 2, _ROWS_OF_X, units, 1, units, 1, 1, 4)
    ends = np.cumsum(sizes).tolist()
    return Layout(pairs, first, *ends)


def network(weights: list[np.ndarray], at: Layout) -> np.ndarray:
    """Return a network that begins with these weights.

    Args:
        weights: the parts of a file (`learning_start.py`).
        at: the layout.
    """
    one, two, last, bias = (part.astype(np.int16) << 8 for part in weights)
    two = np.concatenate([two, np.zeros((1, SECOND), np.int16)])
    blocks = [_woven(one[:, k : k + BLOCK]) for k in range(0, at.first, BLOCK)]
    parts = [*blocks, _woven(two), last, bias]
    n = np.zeros((at.rows, LANES), np.int16)
    n[: at.old] = np.concatenate([part.reshape(-1, LANES) for part in parts])
    n.reshape(-1)[at.one * LANES + at.first] = ONE
    return n


def _woven(weights: np.ndarray) -> np.ndarray:
    """Return rows of weights with those of each two rows by turns."""
    return weights.reshape(len(weights) // 2, 2, -1).transpose(0, 2, 1)


@inlined
def tidy(x: int, n: np.ndarray) -> None:
    """Leave the weights as they are: sums that saturate keep them within bounds."""


def functions(at: Layout, small: int = SMALL) -> tuple[Any, Any, Any, Any]:
    """Return what sees a pixel, says a logit, is taught and learns, compiled for a layout.

    Args:
        at: the layout.
        small: an error of a decision up to which it teaches nothing.

    Returns:
        (features, int16 (96,); network), computes the hidden units of a pixel;
        (node, network) -> logit, -2047..2047 in 1/256 nats;
        (node, error, network), by how much the logit's probability missed a decision, in 1/4096;
        (x, y, features, network), after the last decision about a pixel.
    """
    blocks, pairs, features = at.first // BLOCK, at.first // 2, at.pairs

    @compiled
    def see(x: np.ndarray, n: np.ndarray) -> None:
        learned = n[at_taught, 1] != 0
        n[at_taught, 2] = _some(x)
        some = n[at_taught, 2] != 0 or (learned and n[at_taught, 3] != 0)
        for block in range(blocks):
            _first_layer(x, n, block, features, learned, some, old, one, felt)
        a, b = same16(0), same16(0)
        for k in range(pairs + 1):
            f = load_pair(n, one * 16 + k)
            a += sum_pairs(load32_short(n, second + 2 * k), f)
            b += sum_pairs(load32_short(n, second + 2 * k + 1), f)
        store(n, two, join(_unit(a), _unit(b)))
        store(n, error, same32_short(0))
        n[at_taught, 0] = 0
        n[at_taught, 1] = 0

    @inlined
    def logit(node: int, n: np.ndarray) -> int:
        up = total(sum_pairs(load32_short(n, last + node), load32_short(n, two)))
        up += ONE * int64(n[bias + (node >> 5), node & 31])
        return min(max(up >> 11, -2047), 2047)

    @inlined
    def teach(node: int, missed: int, n: np.ndarray) -> None:
        if abs(missed) <= small:
            return
        n[at_taught, 0] = 1
        held, off = load32_short(n, last + node), same32_short(8 * missed)
        store(n, error, plus(load32_short(n, error), high_product(held, off)))
        moved = scaled(load32_short(n, two), same32_short(2 * missed))
        store(n, last + node, plus(held, moved))
        shift = int64(n[bias + (node >> 5), node & 31]) + (2 * ONE * missed + (1 << 14) >> 15)
        n[bias + (node >> 5), node & 31] = min(max(shift, -_MOST), _MOST)

    @inlined
    def learn(x: int, y: int, features: np.ndarray, n: np.ndarray) -> None:
        if n[at_taught, 0]:
            learn_of(features, n)

    @compiled
    def learn_of(x: np.ndarray, n: np.ndarray) -> None:
        n[at_taught, 1] = 1
        n[at_taught, 3] = n[at_taught, 2]
        for r in range(_ROWS_OF_X):
            store(n, old + r, load32_short(x, r * LANES))
        low, high = _felt(n, error, two, 0), _felt(n, error, two, 1)
        a, b = _twice(low << 2), _twice(high << 2)
        # Through memory: multiplied as they are, the compiler would see zeros and do it in 32 bits.
        store(n, masked, halves(low >> 2 & 65535))
        store(n, masked + 1, halves(high >> 2 & 65535))
        store(n, masked + 2, halves(low >> 2 << 16))
        store(n, masked + 3, halves(high >> 2 << 16))
        for k in range(0, pairs, 2):
            row = second + 2 * k
            p, q = load32_short(n, row), load32_short(n, row + 1)
            r, s = load32_short(n, row + 2), load32_short(n, row + 3)
            back = four_totals(
                _with_row(n, masked, p) + _with_row(n, masked + 1, q),
                _with_row(n, masked + 2, p) + _with_row(n, masked + 3, q),
                _with_row(n, masked, r) + _with_row(n, masked + 1, s),
                _with_row(n, masked + 2, r) + _with_row(n, masked + 3, s),
            )
            back = clip(back >> 12, same4(_MOST_ERROR))
            store(n, felt * 8 + (k >> 1), narrow(back))
            f, g = load_pair(n, one * 16 + k) << 1, load_pair(n, one * 16 + k + 1) << 1
            store(n, row, plus(p, scaled(a, f)))
            store(n, row + 1, plus(q, scaled(b, f)))
            store(n, row + 2, plus(r, scaled(a, g)))
            store(n, row + 3, plus(s, scaled(b, g)))
        f, row = load_pair(n, one * 16 + pairs) << 1, second + 2 * pairs
        store(n, row, plus(load32_short(n, row), scaled(a, f)))
        store(n, row + 1, plus(load32_short(n, row + 1), scaled(b, f)))
        for r in range(blocks * _AT_ONCE):
            awake = same16_short(0) - load16_short(n, 2 * one + r) >> 15
            store(n, 2 * felt + r, load16_short(n, 2 * felt + r) & awake)

    old, one, two, felt, error = at.old, at.one, at.two, at.felt, at.error
    second, last, bias = at.second, at.last, at.bias
    at_taught, masked = at.taught, at.masked
    return see, logit, teach, learn


@inlined
def _first_layer(
    x: np.ndarray,
    n: np.ndarray,
    block: int,
    pairs: int,
    learned: int,
    some: int,
    old: int,
    one: int,
    felt: int,
) -> None:
    """Compute 48 units of the first layer, and let them learn from the pixel before."""
    a, b, c = same16(0), same16(0), same16(0)
    row, unit = block * pairs * _AT_ONCE, block * _AT_ONCE
    if learned:
        d, e, f = _moved(n, felt, unit), _moved(n, felt, unit + 1), _moved(n, felt, unit + 2)
        for part in range(3):
            if part == 1 and not some:
                continue
            for k in range(_begin(part), _end(part, pairs)):
                new, was = load_pair(x, k), load_pair(n, old * 16 + k) << 1
                at = row + k * _AT_ONCE
                u = plus(load32_short(n, at), scaled(d, was))
                v = plus(load32_short(n, at + 1), scaled(e, was))
                w = plus(load32_short(n, at + 2), scaled(f, was))
                store(n, at, u)
                store(n, at + 1, v)
                store(n, at + 2, w)
                a += sum_pairs(u, new)
                b += sum_pairs(v, new)
                c += sum_pairs(w, new)
    else:
        for part in range(3):
            if part == 1 and not some:
                continue
            for k in range(_begin(part), _end(part, pairs)):
                new, at = load_pair(x, k), row + k * _AT_ONCE
                a += sum_pairs(load32_short(n, at), new)
                b += sum_pairs(load32_short(n, at + 1), new)
                c += sum_pairs(load32_short(n, at + 2), new)
    store(n, 2 * one + unit, narrow(_unit(a)))
    store(n, 2 * one + unit + 1, narrow(_unit(b)))
    store(n, 2 * one + unit + 2, narrow(_unit(c)))


@inlined
def _some(x: np.ndarray) -> int:
    """Return whether a neighbour is a hole."""
    some = int64(0)
    for k in range(HOLES[0], HOLES[1]):
        some |= x[k]
    return some


@inlined
def _begin(part: int) -> int:
    """Return the first pair of features of a part: before those of holes, those, after them."""
    return (0, _FROM, _TO)[part]


@inlined
def _end(part: int, pairs: int) -> int:
    return (_FROM, _TO, pairs)[part]


@inlined
def _with_row(n: np.ndarray, row: int, weights: Any) -> Any:
    return sum_pairs(weights, load32_short(n, row))


@inlined
def _twice(lanes: Any) -> Any:
    """Return int32 lanes, each twice in 16 bits."""
    return halves(lanes & 65535 | lanes << 16)


@inlined
def _moved(n: np.ndarray, felt: int, part: int) -> Any:
    """Return sixteen errors of the first layer, each twice, four times as large."""
    return _twice(wide(load16_short(n, 2 * felt + part)) << 2)


@inlined
def _unit(sums: Any) -> Any:
    """Return hidden units: sums in 1/2^20, 0 where they are negative, at most 511."""
    units = sums >> 14
    return at_most(units & (units >> 31 ^ -1), same16(_MOST_HIDDEN))


@inlined
def _felt(n: np.ndarray, error: int, two: int, half: int) -> Any:
    """Return the errors of sixteen units of the second layer, 0 where a unit was silent."""
    awake = same16(0) - wide(load16_short(n, 2 * two + half)) >> 31
    return clip(wide(load16_short(n, 2 * error + half)), same16(_MOST_ERROR)) & awake
