"""A small network in whole numbers that learns while it is used: 84 features, 48, 32, 64 logits.

After each pixel it takes one step down the gradient of what the decisions about it cost. Weights
are in 1/65536 and stay below 4, features and hidden units in 1/64 and below 4 and 8, errors in
1/4096. So no product and no sum reaches 2^31, and every machine computes the same. Nothing is
skipped because it is 0: branches that cannot be foretold took half of the time.

All of a network lies in the rows of one array, int32 (n, 16), for calls hand on one array quickly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..native import compiled, inlined
from .arithmetic import int64
from .lanes import at_most, clip, load16, same16, store, total
from .learning_features import FEATURES, ONE
from .surface_decisions import NODES

FIRST, SECOND = 48, 32  # hidden units
MOST = (4 << 16) - 1  # of a weight
_SHIFTS = (10, 10, 11, 11)  # of the bytes of each part
LANES = 16

_SECOND = FEATURES * 3  # rows: of each feature three,
_LAST = _SECOND + (FIRST + 1) * 2  # of each hidden unit and a constant two, of each node two,
_BIAS = _LAST + NODES * 2  # nodes' biases;
WEIGHTS = _BIAS + NODES // LANES  # rows of weights; then what is made of the pixel in hand:
_ONE, _TWO, _ERROR, _TAUGHT = WEIGHTS, WEIGHTS + 3, WEIGHTS + 5, WEIGHTS + 8
_ROWS = WEIGHTS + 9

_MOST_HIDDEN = 511  # of a unit
_MOST_ERROR = 16000  # of a unit
_BOUND = 16  # pixels after which the weights are brought within bounds
_SMALL = 40  # errors of decisions up to here teach nothing
_SLOW = 11  # bits by which a step of the last layer is shifted: 1/512 of the gradient;
_DEEP = 10  # of the others, which take a step at every second pixel


def network(weights: list[np.ndarray]) -> np.ndarray:
    """Return a network that begins with the parts of a file of weights (`learning_start.py`)."""
    parts = [p.astype(np.int32) << s for p, s in zip(weights, _SHIFTS, strict=True)]
    rows = np.concatenate([part.reshape(-1, LANES) for part in parts])
    return np.concatenate([rows, np.zeros((_ROWS - WEIGHTS, LANES), np.int32)])


@compiled
def see(x: np.ndarray, n: np.ndarray) -> None:
    """Compute the hidden units of a pixel.

    Args:
        x: the features, int32 (84,).
        n: the network.
    """
    a, b, c = same16(0), same16(0), same16(0)
    for k in range(FEATURES):
        a += (load16(n, 3 * k) >> 2) * x[k]
        b += (load16(n, 3 * k + 1) >> 2) * x[k]
        c += (load16(n, 3 * k + 2) >> 2) * x[k]
    store(n, _ONE, _unit(a))
    store(n, _ONE + 1, _unit(b))
    store(n, _ONE + 2, _unit(c))
    constant = _SECOND + 2 * FIRST
    a, b = (load16(n, constant) >> 2) * ONE, (load16(n, constant + 1) >> 2) * ONE
    for k in range(FIRST):
        f, row = n[_ONE + (k >> 4), k & 15], _SECOND + 2 * k
        a += (load16(n, row) >> 2) * f
        b += (load16(n, row + 1) >> 2) * f
    store(n, _TWO, _unit(a))
    store(n, _TWO + 1, _unit(b))
    store(n, _ERROR, same16(0))
    store(n, _ERROR + 1, same16(0))
    n[_TAUGHT, 0] = 0


@inlined
def _unit(sums: Any) -> Any:
    """Return hidden units: sums in 1/2^20, 0 where they are negative, at most 511."""
    units = sums >> 14
    return at_most(units & (units >> 31 ^ -1), same16(_MOST_HIDDEN))


@inlined
def logit(node: int, n: np.ndarray) -> int:
    """Return what the network says of a decision, -2047..2047 in 1/256 nats."""
    row = _LAST + 2 * node
    up = (load16(n, row) >> 2) * load16(n, _TWO) + (load16(n, row + 1) >> 2) * load16(n, _TWO + 1)
    up_all = total(up) + (int64(n[_BIAS + (node >> 4), node & 15]) << 4)
    return min(max(up_all >> 12, -2047), 2047)


@inlined
def teach(node: int, error: int, n: np.ndarray) -> None:
    """Say how much the logit's probability missed a decision, in 1/4096: the last layer learns."""
    if abs(error) <= _SMALL:
        return
    n[_TAUGHT, 0] = 1
    row, most, half = _LAST + 2 * node, same16(MOST), 1 << _SLOW - 1
    held, more = load16(n, row), load16(n, row + 1)
    store(n, _ERROR, load16(n, _ERROR) + ((held >> 4) * error >> 12))
    store(n, _ERROR + 1, load16(n, _ERROR + 1) + ((more >> 4) * error >> 12))
    store(n, row, clip(held + (load16(n, _TWO) * error + half >> _SLOW), most))
    store(n, row + 1, clip(more + (load16(n, _TWO + 1) * error + half >> _SLOW), most))
    moved = int64(n[_BIAS + (node >> 4), node & 15]) + (ONE * error + half >> _SLOW)
    n[_BIAS + (node >> 4), node & 15] = min(max(moved, -MOST), MOST)


@inlined
def learn(x: int, y: int, features: np.ndarray, n: np.ndarray) -> None:
    """Let the first two layers learn from what was taught about every second pixel.

    Args:
        x, y: where it is.
        features: those it had, int32 (84,).
        n: the network.
    """
    if x + y & 1 == 0 and n[_TAUGHT, 0]:
        _learn(features, n)


@compiled
def _learn(x: np.ndarray, n: np.ndarray) -> None:
    a, b = _felt(n, 0), _felt(n, 1)
    for k in range(FIRST):
        f, row = int64(n[_ONE + (k >> 4), k & 15]), _SECOND + 2 * k
        v, u = load16(n, row), load16(n, row + 1)
        back = total(((v >> 4) * a >> 12) + ((u >> 4) * b >> 12))
        store(n, row, v + _step(a, f))
        store(n, row + 1, u + _step(b, f))
        back = min(max(back, -_MOST_ERROR), _MOST_ERROR)
        n[_ERROR + (k >> 4), k & 15] = back if f else 0
    row = _SECOND + 2 * FIRST
    store(n, row, load16(n, row) + _step(a, ONE))
    store(n, row + 1, load16(n, row + 1) + _step(b, ONE))
    a, b, c = load16(n, _ERROR), load16(n, _ERROR + 1), load16(n, _ERROR + 2)
    for k in range(FEATURES):
        f, row = int64(x[k]), 3 * k
        store(n, row, load16(n, row) + _step(a, f))
        store(n, row + 1, load16(n, row + 1) + _step(b, f))
        store(n, row + 2, load16(n, row + 2) + _step(c, f))


@inlined
def _felt(n: np.ndarray, half: int) -> Any:
    """Return the errors of sixteen units of the second layer, 0 where a unit was silent."""
    awake = same16(0) - load16(n, _TWO + half) >> 31
    return clip(load16(n, _ERROR + half), same16(_MOST_ERROR)) & awake


@inlined
def _step(felt: Any, factor: int) -> Any:
    return felt * factor + (1 << _DEEP - 1) >> _DEEP


@inlined
def tidy(x: int, n: np.ndarray) -> None:
    """Bring the weights of the first two layers within bounds every few pixels."""
    if x & _BOUND - 1 == 0:
        bound(n)


@compiled
def bound(n: np.ndarray) -> None:
    """Bring the weights of the first two layers within +-4, which they leave by steps alone."""
    most = same16(MOST)
    for row in range(_LAST):
        store(n, row, clip(load16(n, row), most))
