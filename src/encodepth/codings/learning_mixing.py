"""Decisions under fourteen contexts and what a network says, mixed twice and corrected at the end.

As `mixing.py`, and besides: the network's logit as one more input; a fourth set of weights; a
second mixer, of what the four sets make; a last stage that learns how often a decision was a one
when the mixers said so (the adaptive probability maps of Mahoney's PAQ8). All integers below 2^63.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..native import inlined
from .arithmetic import HIGH, LOW, get, int64, put
from .lanes import load16, prefetch, put_lane, store, total, wide
from .mixing import SQUASH, look_up, mixer, settle
from .surface_contexts import VALUES

OPINION, CONSTANT = VALUES, VALUES + 1  # inputs: what the network says, and always a nat
FURTHER = VALUES + 1  # contexts of networks 3 to 5, which have the network's logit for the last
NAT = 256

_SETS = 4
_RATE, _RATE_OF_SETS = 6, 2  # of the mixing weights
_POINTS = 33  # of a map, every half nat
_SLOW = 6  # bits by which a map's point moves less than it missed
_LEAST = 32  # probability in 1/65536


class Mixer(NamedTuple):
    """As `mixing.Mixer`, and what is learned beyond it."""

    estimates: np.ndarray
    weights: np.ndarray
    slots: np.ndarray
    held: np.ndarray
    coder: np.ndarray
    data: np.ndarray
    sets: np.ndarray  # int32 (n, 4), weights of the four sets
    points: np.ndarray  # int32 (n, 33), maps from logits to probabilities


class Chosen(NamedTuple):
    """Where a decision's weights and maps are."""

    first: int  # of `weights`, all different
    second: int
    third: int
    fourth: int
    sets: int
    map: int  # two of `points`, different
    other_map: int


def learning_mixer(
    slots: int, rows: int, sets: int, maps: int, coder: np.ndarray, data: np.ndarray
) -> Mixer:
    """Return a mixer that has seen nothing and whose maps change nothing."""
    known = mixer(slots, rows, coder, data)
    line = SQUASH[np.clip(np.arange(_POINTS) * 128 - 1, 0, len(SQUASH) - 1)].astype(np.int32)
    equal = np.full((sets, _SETS), 65536 // _SETS, np.int32)
    return Mixer(*known, equal, np.tile(line, (maps, 1)))


@inlined
def code_learning(bit: int, decode: bool, m: Mixer, node: int, opinion: int, r: Chosen) -> int:
    """Code one decision, or decode it, and learn from it; return it.

    Args:
        bit: the decision; unused when decoding.
        node: XORed to the slots, to tell decisions under one context apart.
        opinion: the network's logit, -2047..2047 in 1/256 nats.
        r: the rows that take part.
    """
    x = put_lane(put_lane(look_up(m, VALUES, node), OPINION, opinion), CONSTANT, NAT)
    bit = _mix(bit, decode, x, m, r)
    settle(m, VALUES, node, 65535 if bit else 0)
    return bit


@inlined
def code_further(bit: int, decode: bool, m: Mixer, node: int, opinion: int, r: Chosen) -> int:
    """Code one decision as `code_learning` does, under a context more and no constant."""
    x = put_lane(look_up(m, FURTHER, node), FURTHER, opinion)
    bit = _mix(bit, decode, x, m, r)
    settle(m, FURTHER, node, 65535 if bit else 0)
    return bit


@inlined
def _mix(bit: int, decode: bool, x: Any, m: Mixer, r: Chosen) -> int:
    """Code or decode a decision by the inputs, and let all weights and the maps learn from it."""
    a, b = _mixed(x, m, r.first), _mixed(x, m, r.second)
    c, d = _mixed(x, m, r.third), _mixed(x, m, r.fourth)
    bit = decided(bit, decode, a, b, c, d, m, r)
    one = 65535 if bit else 0
    _trust(x, m, r.first, a, one)
    _trust(x, m, r.second, b, one)
    _trust(x, m, r.third, c, one)
    _trust(x, m, r.fourth, d, one)
    return bit


@inlined
def decided(bit: int, decode: bool, a: int, b: int, c: int, d: int, m: Mixer, r: Chosen) -> int:
    """Code or decode a decision by what the four sets make of it, and let the mixer of the sets
    and the maps learn from it; return it."""
    k = np.uint64(r.sets)
    both = a * m.sets[k, 0] + b * m.sets[k, 1] + c * m.sets[k, 2] + d * m.sets[k, 3] >> 16
    both = min(max(both, -2047), 2047)
    mixed = int64(SQUASH[np.uint64(both + 2047)])
    at = (both + 2048) * 32
    p = 2 * mixed + _mapped(at, m, r.map) + _mapped(at, m, r.other_map) >> 2
    bit = _code(bit, decode, min(max(p, _LEAST), 65536 - _LEAST), m)
    one = 65535 if bit else 0
    _correct(at, one, m, r.map)
    _correct(at, one, m, r.other_map)
    off = (one - mixed) * _RATE_OF_SETS
    m.sets[k, 0] += a * off + 131072 >> 18
    m.sets[k, 1] += b * off + 131072 >> 18
    m.sets[k, 2] += c * off + 131072 >> 18
    m.sets[k, 3] += d * off + 131072 >> 18
    return bit


@inlined
def expect(m: Mixer, contexts: int, node: int) -> None:
    """Fetch the estimates that a decision will be made from."""
    for k in range(contexts):
        prefetch(m.estimates, int64(m.slots[k] ^ node))


@inlined
def _code(bit: int, decode: bool, p: int, m: Mixer) -> int:
    """Code a decision that is 1 with probability p / 65536."""
    low = m.coder[LOW]
    middle = low + ((m.coder[HIGH] - low) * p >> 16)
    if decode:
        return get(middle, m.coder, m.data)
    put(bit, middle, m.coder, m.data)
    return bit


@inlined
def _mapped(at: int, m: Mixer, row: int) -> int:
    """Return what a map makes of a logit, between its two nearest points."""
    r, k, part = np.uint64(row), np.uint64(at >> 12), at & 4095
    return m.points[r, k] * (4096 - part) + m.points[r, k + np.uint64(1)] * part >> 12


@inlined
def _correct(at: int, one: int, m: Mixer, row: int) -> None:
    """Move the nearest point of a map towards a decision."""
    r, k = np.uint64(row), np.uint64(at + 2048 >> 12)
    m.points[r, k] += one - m.points[r, k] >> _SLOW


@inlined
def _mixed(x: Any, m: Mixer, row: int) -> int:
    """Return what a row of weights makes of the inputs, -2047..2047."""
    return min(max(total(wide(x) * wide(load16(m.weights, row))) >> 16, -2047), 2047)


@inlined
def _trust(x: Any, m: Mixer, row: int, said: int, one: int) -> None:
    """Trust those inputs more that leaned to the side of what a row of weights missed."""
    off = (one - int64(SQUASH[np.uint64(said + 2047)])) * _RATE
    store(m.weights, row, load16(m.weights, row) + (x * off + 131072 >> 18))
