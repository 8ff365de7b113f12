"""A depth plane, exactly: the contexts of `surface.py`, and a network that learns inside the plane.

Predictions, contexts and decisions are those of `surface.py`, with larger tables. The network sees
the neighbourhood as numbers (`learning_features.py`) and has an opinion on every decision
(`learning_short.py`); contexts and opinions are mixed (`learning_mixing.py`). It begins with
weights that ship and learns from every pixel, for what carries over between sensors is how
to learn, more than what was learned. Which networks there are says `learning_ways.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import CorruptFileError
from ..native import compiled, inlined
from .along import SLACK, Rows, decode_rows, encode_rows
from .arithmetic import AT, int64
from .learning_features import describe, describe_steps, steps
from .learning_mixing import Chosen, Mixer, code_learning, expect, learning_mixer
from .mixing import SQUASH
from .surface import calm, code_hole, holes_around, other, trust
from .surface_contexts import QUANTITIES, VALUES, compare, hashing, look, relabel
from .surface_decisions import IMPOSSIBLE, NODES, ROWS, SET, SLOTS, decisions
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
OPINIONS = 32  # classes of what the network says
_FOURTH = ROWS  # the fourth set of weights
_ROWS = _FOURTH + NODES * OPINIONS
ROOM, LINE = QUANTITIES + 3, (3, 8)  # quantities; weights of a linear predictor
_NEAR = 7  # classes of a neighbour's distance in the second map
MAPS = SET + NODES * 64

_CHANGE, WIDE_NODES = relabel(TABLE)
wide_hashed, _ = hashing(TABLE, _CHANGE)


class View(NamedTuple):
    """What is looked at besides the network, as compiled functions.

    Attributes:
        look: (place, around, predictions, blend, near holes, first slot, `State`) -> what else is
            known of the pixel; writes the slots of the contexts.
        describe: (what else is known, features), writes further features.
        ask: (bit, decode, node, the network's logit, `Chosen`, mixer) -> bit, codes a decision.
        learn: (value, blend, place, `State`), after the last decision.
        escape: as `decisions` takes it.
    """

    look: Any
    describe: Any
    ask: Any
    learn: Any
    escape: Any


class Network(NamedTuple):
    """A network, as compiled functions; n is what it knows.

    Attributes:
        tidy: (x, n), before the pixel in column x.
        see: (features, n), computes the hidden units of a pixel.
        logit: (node, n) -> -2047..2047 in 1/256 nats, of a decision about it.
        teach: (node, error, n), by how much the logit's probability missed, in 1/4096.
        learn: (x, y, features, n), after the last decision.
    """

    tidy: Any
    see: Any
    logit: Any
    teach: Any
    learn: Any


class Tables(NamedTuple):
    """Where what was learned lies: the first estimate and row of weights of each part."""

    values: int  # estimates of values, a multiple of `TABLE`
    fourth: int  # the fourth set of weights


_ALONE = Tables(_OF_VALUES, _FOURTH)


class Way(NamedTuple):
    """How a plane is coded.

    Attributes:
        code_rows: a `walk`, compiled.
        features: () -> room for the features.
        network: () -> what the network knows at the beginning.
        trust: int32 (64, 16), at each node the mixers' weights of the inputs, in 1/65536.
        contexts: of a decision.
    """

    code_rows: Any
    features: Callable[[], np.ndarray]
    network: Callable[[], np.ndarray]
    trust: np.ndarray
    contexts: int


class State(NamedTuple):
    """All that an encoder or a decoder knows."""

    trail: Trail
    mixer: Mixer
    quantities: np.ndarray  # room
    x: np.ndarray  # the features in hand, 84 or more, and room
    step: np.ndarray  # of the list of values
    net: np.ndarray  # the network
    line: np.ndarray  # weights of `learning_further.py`


class Calm(NamedTuple):
    """What chooses the weights of a decision about a value, and the network."""

    calm: int
    trust: int
    side: int
    near: int  # how far the left and the upper neighbour lie from the prediction
    net: np.ndarray
    middle: int  # the prediction
    far: int  # the neighbour farthest from it
    at: Place
    seen: np.ndarray


def encode_learning(plane: np.ndarray, values: np.ndarray, way: Way) -> bytes | None:
    """Code a plane exactly, as `along.encode_rows` does.

    Args:
        plane: (h, w) of places 0..n in the list, 0 = hole.
        values: the list, (n,).
        way: how.
    """
    return encode_rows(plane, _rows(values, way))


def decode_learning(
    payload: bytes, height: int, width: int, values: np.ndarray, way: Way
) -> np.ndarray:
    """Decode what `encode_learning` coded: int32 (height, width).

    Raises:
        CorruptFileError: the bytes are not such a plane.
    """
    plane, read = decode_rows(payload, height, width, len(values), _rows(values, way))
    if read < len(payload):
        raise CorruptFileError(f"{len(payload) - read} stray bytes after exact depth")
    return plane


def _rows(values: np.ndarray, way: Way) -> Rows:
    step = steps(values)
    return Rows(lambda width, coder, data: fresh(width, coder, data, step, way), way.code_rows)


def fresh(width: int, coder: np.ndarray, data: np.ndarray, step: np.ndarray, way: Way) -> State:
    """Return what both sides begin with."""
    m = learning_mixer(_OF_VALUES + way.contexts * TABLE, _ROWS, SET, MAPS, coder, data)
    begin_trusting(m.weights, way.trust, _FOURTH)
    room, line = np.zeros(ROOM, np.int32), np.zeros(LINE, np.int32)
    return State(trail(width), m, room, way.features(), step, way.network(), line)


def begin_trusting(weights: np.ndarray, trust: np.ndarray, fourth: int) -> None:
    """Let the weights of values begin with those that ship.

    Args:
        weights: int32 (n, 16), of all sets.
        trust: int32 (64, 16), of each node.
        fourth: where the fourth set begins.
    """
    weights[: 3 * SET] = np.tile(np.repeat(trust, SET // NODES, axis=0), (3, 1))
    weights[fourth : fourth + NODES * OPINIONS] = np.repeat(trust, OPINIONS, axis=0)


@inlined
def _look(at: Place, v: Around, g: Any, best: int, near: int, first: int, s: State) -> int:
    middle = best + UNIT // 2 >> 6
    look(at, v, middle, near, s.trail, s.quantities)
    compare(g, best, middle, s.quantities)
    wide_hashed(s.quantities, s.mixer.slots, first)
    expect(s.mixer, VALUES, int64(WIDE_NODES[0]))
    return int64(0)


@inlined
def _describe(known: int, x: np.ndarray) -> None:
    """Write nothing."""


@inlined
def _ask(bit: int, decode: bool, node: int, opinion: int, r: Chosen, m: Mixer) -> int:
    return code_learning(bit, decode, m, int64(WIDE_NODES[np.uint64(node)]), opinion, r)


@inlined
def _learn(value: int, best: int, at: Place, s: State) -> None:
    """Learn nothing."""


VIEW = View(_look, _describe, _ask, _learn, None)


def walk(net: Network, tables: Tables = _ALONE, view: View = VIEW) -> Any:
    """Return what codes rows with a network.

    Returns:
        A compiled (plane, first, end, top, decode, `State`) -> whether coding rows
        first..end - 1 of the plane, or decoding into them, worked.
    """
    decide, of_values = decisions(_asking(net, tables, view), view.escape), tables.values

    @inlined
    def value_of(
        value: int, decode: bool, x: int, y: int, at: Place, v: Around, near: int, top: int,
        s: State,
    ) -> int:  # fmt: skip
        """Code the value of a pixel that is no hole; return it, or -1 where it is impossible."""
        t = s.trail
        along, across = tracked(at, v, t)
        g = guesses(v, along, across)
        best = min(max(blend(g, at, t), UNIT), top * UNIT)
        middle = best + UNIT // 2 >> 6
        far = other(middle, v)
        known = view_look(at, v, g, best, near, of_values, s)
        describe(at, v, g, best, middle, far, t, s.x)
        describe_steps(middle, top, s.step, s.x)
        view_describe(known, s.x)
        net_see(s.x, s.net)
        side = (best - middle * UNIT >> 3) + (12 if near else 4)
        trusted, close = trust(at, t), near_class(v, middle)
        c = Calm(calm(at, t), trusted, side, close, s.net, middle, far, at, t.seen)
        value = decide(value, decode, middle, far, c, s.mixer)
        if value == IMPOSSIBLE:
            return int64(-1)
        value = min(max(value, 1), top)
        net_learn(x, y, s.x, s.net)
        view_learn(value, best, at, s)
        remember(value, middle, g, at, t)
        track(value, along, across, at, t)
        return value

    @inlined
    def rows(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
        width = plane.shape[1]
        for y in range(first, end):
            if s.mixer.coder[AT] > len(s.mixer.data) + SLACK:
                return False
            for x in range(width):
                net_tidy(x, s.net)
                at = place(x, y, width)
                near, wide = holes_around(at, s.trail)
                value = int64(plane[y, x])
                if code_hole(value == 0, decode, at, near, wide, s):
                    remember_hole(at, s.trail)
                    value = 0
                else:
                    v = around(x, y, width, at, s.trail)
                    value = value_of(value, decode, x, y, at, v, near, top, s)
                    if value < 0:
                        return False
                if decode:
                    plane[y, x] = value
        return True

    net_tidy, net_see, net_learn = net.tidy, net.see, net.learn
    view_look, view_describe, view_learn = view.look, view.describe, view.learn
    return rows


@inlined
def near_class(v: Around, middle: int) -> int:
    """Return 0..48 for how far the left and the upper neighbour lie from the prediction."""
    return _class(v.w - middle) * _NEAR + _class(v.n - middle)


@inlined
def opinion_row(node: int, opinion: int) -> int:
    """Return which row of the fourth set a network's logit chooses."""
    return node * OPINIONS + ((opinion + 2047) * OPINIONS >> 12)


@inlined
def _class(distance: int) -> int:
    """Return 0..6 for a distance that counts up to 3."""
    return min(max(distance, -3), 3) + 3


def _asking(net: Network, tables: Tables, view: View) -> Any:
    """Return what codes a decision about a value."""

    @compiled
    def ask(bit: int, decode: bool, node: int, c: Calm, m: Mixer) -> int:
        row, opinion = node * 16, net_logit(node, c.net)
        chosen = Chosen(
            row + c.calm,
            SET + row + c.trust,
            2 * SET + row + c.side,
            fourth + opinion_row(node, opinion),
            row + c.calm,
            row + c.calm,
            SET + node * 64 + c.near,
        )
        bit = code_decision(bit, decode, node, opinion, chosen, m)
        one = 65535 if bit else 0
        net_teach(node, one - int64(SQUASH[np.uint64(opinion + 2047)]) >> 4, c.net)
        return bit

    net_logit, net_teach, fourth = net.logit, net.teach, tables.fourth
    code_decision = view.ask
    return ask
