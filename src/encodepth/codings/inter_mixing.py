"""Decisions under up to 32 contexts: those of a picture alone, and those of the picture before.

As `mixing.py`, but in two halves, of which the first is what pictures alone have: a group begins
with one, and its estimates and weights are carried on. A fourth set of weights is chosen by how
well the picture before foretold this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..native import inlined
from .arithmetic import HIGH, LOW, get, int64, put
from .lanes import at_most, get_lane, high_half, load16, put_lane, same16, store, total, wide
from .mixing import SQUASH, STRETCH, WIDTH, Mixer, mixer

_LIMIT = 250  # seen bits beyond which an estimate stops slowing down
_RATE = 4  # of the mixing weights
_RATES = np.array([655360 // (10 * n + 16) for n in range(_LIMIT + 1)], np.int32)


def wide_mixer(slots: int, rows: int, doubled: int, coder: np.ndarray, data: np.ndarray) -> Mixer:
    """Return a mixer that has seen nothing, with room for two halves of contexts.

    The second half is trusted in nothing at first.

    Args:
        slots: estimates.
        rows: of weights, of the first half.
        doubled: how many of them, from the first on, have a second half; it begins at `rows`.
        coder, data: as for `mixer`.
    """
    made = mixer(slots, rows + doubled, coder, data)
    made.weights[rows:] = 0
    none = np.zeros(2 * WIDTH, np.int32)
    return made._replace(slots=none, held=none.copy())


@inlined
def code_wide(
    bit: int,
    decode: bool,
    m: Mixer,
    contexts: tuple[int, int],
    node: int,
    rows: tuple[int, int, int, int],
    second: int,
) -> int:
    """Code one decision, or decode it, and learn from it; return it.

    Args:
        bit: the decision; unused when decoding.
        contexts: how many of the 16 `m.slots` of each half take part.
        node: XORed to the slots, to tell decisions under one context apart.
        rows: the rows of `m.weights` that mix the first half, all different.
        second: the row that belongs to row 0 in the second half.
    """
    x, y = look_up_half(m, 0, contexts[0], node), look_up_half(m, WIDTH, contexts[1], node)
    a, b = mixed(x, y, m, rows[0], second), mixed(x, y, m, rows[1], second)
    c, d = mixed(x, y, m, rows[2], second), mixed(x, y, m, rows[3], second)
    p = int64(SQUASH[np.uint64((a + b + c + d >> 2) + 2047)])
    low = m.coder[LOW]
    middle = low + ((m.coder[HIGH] - low) * p >> 16)
    if decode:
        bit = get(middle, m.coder, m.data)
    else:
        put(bit, middle, m.coder, m.data)
    one = 65535 if bit else 0
    trust(x, y, m, rows[0], second, one - SQUASH[np.uint64(a + 2047)])
    trust(x, y, m, rows[1], second, one - SQUASH[np.uint64(b + 2047)])
    trust(x, y, m, rows[2], second, one - SQUASH[np.uint64(c + 2047)])
    trust(x, y, m, rows[3], second, one - SQUASH[np.uint64(d + 2047)])
    learn_half(m, 0, contexts[0], node, one)
    learn_half(m, WIDTH, contexts[1], node, one)
    return bit


@inlined
def look_up_half(m: Mixer, first: int, contexts: int, node: int) -> Any:
    """Return what contexts from `first` on expect, stretched, as lanes; 0 where there is none."""
    x = same16(0)
    for k in range(contexts):
        held = m.estimates[np.uint64(m.slots[first + k] ^ node)]
        m.held[first + k] = held
        x = put_lane(x, k, STRETCH[np.uint64(held >> 12)])
    return x


@inlined
def mixed(x: Any, y: Any, m: Mixer, row: int, second: int) -> int:
    """Return what a row of weights makes of the inputs, -2047..2047."""
    both = wide(x) * wide(load16(m.weights, row))
    both += wide(y) * wide(load16(m.weights, row + second))
    return min(max(total(both) >> 16, -2047), 2047)


@inlined
def trust(x: Any, y: Any, m: Mixer, row: int, second: int, error: int) -> None:
    """Trust those contexts more that leaned to the side of the error."""
    off = error * _RATE
    store(m.weights, row, load16(m.weights, row) + (x * off + 131072 >> 18))
    row += second
    store(m.weights, row, load16(m.weights, row) + (y * off + 131072 >> 18))


@inlined
def learn_half(m: Mixer, first: int, contexts: int, node: int, one: int) -> None:
    """Move each estimate towards the bit, the less the more it has seen (as in `mixing.py`)."""
    held = load16(m.held, first)
    rate = same16(0)
    for k in range(contexts):
        rate = put_lane(rate, k, _RATES[np.uint64(m.held[first + k] & 255)])
    away = held >> 8 ^ one
    away = away - high_half(away * rate + (65535 - one))
    held = (away ^ one) << 8 | at_most((held & 255) + 1, same16(_LIMIT))
    for k in range(contexts):
        m.estimates[np.uint64(m.slots[first + k] ^ node)] = get_lane(held, k)
