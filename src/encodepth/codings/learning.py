"""A depth plane, exactly: the contexts of `surface.py`, and a network that learns inside the plane.

Predictions, contexts and decisions are those of `surface.py`, with larger tables. The network sees
the neighbourhood as numbers (`learning_features.py`) and has an opinion on every decision
(`learning_net.py`); contexts and opinions are mixed (`learning_mixing.py`). It begins with
weights that ship and learns from every pixel, for what carries over between sensors is how
to learn, more than what was learned.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import CorruptFileError
from .along import SLACK, Rows, decode_rows, encode_rows
from .arithmetic import AT, inlined, inner, int64, jit
from .learning_features import FEATURES, describe, describe_steps, steps
from .learning_mixing import Chosen, Mixer, code_learning, expect, learning_mixer
from .learning_net import NODES, bound, learn, logit, network, see, teach
from .mixing import SQUASH
from .surface import calm, code_hole, holes_around, other, trust
from .surface_contexts import QUANTITIES, VALUES, compare, hashing, look, relabel
from .surface_decisions import IMPOSSIBLE, ROWS, SET, SLOTS, decisions
from .surface_predict import (
    UNIT,
    Around,
    Place,
    Trail,
    around,
    blend,
    guesses,
    place,
    remember,
    remember_hole,
    track,
    tracked,
    trail,
)

TABLE = 1 << 18  # estimates per context of a value

# Tables of values come after those of `surface.py`, at a multiple of their size: nodes are XORed.
_OF_VALUES = -(-SLOTS // TABLE) * TABLE
_SLOTS = _OF_VALUES + VALUES * TABLE
_OPINIONS = 32  # classes of what the network says
_FOURTH = ROWS  # the fourth set of weights
_ROWS = _FOURTH + NODES * _OPINIONS
_BOUND = 16  # pixels after which the network's weights are brought within bounds
_NEAR = 7  # classes of a neighbour's distance in the second map
_MAPS = SET + NODES * 64

_CHANGE, _NODES = relabel(TABLE)
_hashed, _ = hashing(TABLE, _CHANGE)


class Start(NamedTuple):
    """What ships.

    Attributes:
        network: its weights, int32 (482, 16).
        trust: int32 (64, 16), at each node the mixers' weights of the inputs, in 1/65536.
    """

    network: np.ndarray
    trust: np.ndarray


class State(NamedTuple):
    """All that an encoder or a decoder knows."""

    trail: Trail
    mixer: Mixer
    quantities: np.ndarray  # room
    x: np.ndarray  # int32 (84,), the features in hand
    step: np.ndarray  # of the list of values
    net: np.ndarray  # the network


class Calm(NamedTuple):
    """What chooses the weights of a decision about a value, and the network."""

    calm: int
    trust: int
    side: int
    near: int  # how far the left and the upper neighbour lie from the prediction
    net: np.ndarray


def encode_learning(plane: np.ndarray, values: np.ndarray, start: Start) -> bytes | None:
    """Code a plane exactly, as `along.encode_rows` does.

    Args:
        plane: (h, w) of places 0..n in the list, 0 = hole.
        values: the list, (n,).
        start: what ships.
    """
    return encode_rows(plane, _rows(values, start))


def decode_learning(
    payload: bytes, height: int, width: int, values: np.ndarray, start: Start
) -> np.ndarray:
    """Decode what `encode_learning` coded: int32 (height, width).

    Raises:
        CorruptFileError: the bytes are not such a plane.
    """
    plane, read = decode_rows(payload, height, width, len(values), _rows(values, start))
    if read < len(payload):
        raise CorruptFileError(f"{len(payload) - read} stray bytes after exact depth")
    return plane


def _rows(values: np.ndarray, start: Start) -> Rows:
    step = steps(values)
    return Rows(lambda width, coder, data: fresh(width, coder, data, step, start), code_rows)


def fresh(width: int, coder: np.ndarray, data: np.ndarray, step: np.ndarray, start: Start) -> State:
    """Return what both sides begin with."""
    m = learning_mixer(_SLOTS, _ROWS, SET, _MAPS, coder, data)
    m.weights[: 3 * SET] = np.tile(np.repeat(start.trust, SET // NODES, axis=0), (3, 1))
    m.weights[_FOURTH:] = np.repeat(start.trust, _OPINIONS, axis=0)
    x = np.zeros(FEATURES, np.int32)
    room = np.zeros(QUANTITIES, np.int32)
    return State(trail(width), m, room, x, step, network(start.network))


@jit
def code_rows(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    """Code rows first..end - 1 of a plane, or decode into them; return whether that worked."""
    width = plane.shape[1]
    for y in range(first, end):
        if s.mixer.coder[AT] > len(s.mixer.data) + SLACK:
            return False
        for x in range(width):
            if x & _BOUND - 1 == 0:
                bound(s.net)
            at = place(x, y, width)
            near, wide = holes_around(at, s.trail)
            value = int64(plane[y, x])
            if code_hole(value == 0, decode, at, near, wide, s):
                remember_hole(at, s.trail)
                value = 0
            else:
                v = around(x, y, width, at, s.trail)
                value = _value(value, decode, x + y & 1 == 0, at, v, near, top, s)
                if value < 0:
                    return False
            if decode:
                plane[y, x] = value
    return True


@inlined
def _value(
    value: int, decode: bool, deep: bool, at: Place, v: Around, near: int, top: int, s: State
) -> int:
    """Code the value of a pixel that is no hole; return it, or -1 where it is impossible.

    Whether all of the network learns from it, and not its last layer only, is `deep`.
    """
    t = s.trail
    along, across = tracked(at, v, t)
    g = guesses(v, along, across)
    best = min(max(blend(g, at, t), UNIT), top * UNIT)
    middle = best + UNIT // 2 >> 6
    far = other(middle, v)
    look(at, v, middle, near, t, s.quantities)
    compare(g, best, middle, s.quantities)
    _hashed(s.quantities, s.mixer.slots, _OF_VALUES)
    expect(s.mixer, int64(_NODES[0]))
    describe(at, v, g, best, middle, far, t, s.x)
    describe_steps(middle, top, s.step, s.x)
    see(s.x, s.net)
    side = (best - middle * UNIT >> 3) + (12 if near else 4)
    close = _class(v.w - middle) * _NEAR + _class(v.n - middle)
    c = Calm(calm(at, t), trust(at, t), side, close, s.net)
    value = _decide(value, decode, middle, far, c, s.mixer)
    if value == IMPOSSIBLE:
        return int64(-1)
    value = min(max(value, 1), top)
    if deep:
        learn(s.x, s.net)
    remember(value, middle, g, at, t)
    track(value, along, across, at, t)
    return value


@inlined
def _class(distance: int) -> int:
    """Return 0..6 for a distance that counts up to 3."""
    return min(max(distance, -3), 3) + 3


@inner
def _ask(bit: int, decode: bool, node: int, c: Calm, m: Mixer) -> int:
    """Code a decision about a value."""
    row, opinion = node * 16, logit(node, c.net)
    chosen = Chosen(
        row + c.calm,
        SET + row + c.trust,
        2 * SET + row + c.side,
        _FOURTH + node * _OPINIONS + ((opinion + 2047) * _OPINIONS >> 12),
        row + c.calm,
        row + c.calm,
        SET + node * 64 + c.near,
    )
    bit = code_learning(bit, decode, m, int64(_NODES[np.uint64(node)]), opinion, chosen)
    one = 65535 if bit else 0
    teach(node, one - int64(SQUASH[np.uint64(opinion + 2047)]) >> 4, c.net)
    return bit


_decide = decisions(_ask)
