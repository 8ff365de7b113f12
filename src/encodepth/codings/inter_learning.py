"""A depth plane given the one before it: the contexts of `inter.py`, and a network that learns.

As `learning.py` is to `surface.py`. A group begins with a plane that `learning.py` codes; what
contexts, mixers and the network learned there is carried on from plane to plane, and the network
sees the picture before, too (`inter_features.py`): of that it knows nothing at first.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from ..native import compiled, inlined
from . import learning_short
from .arithmetic import int64
from .inter import ALL_ROWS, ALL_SLOTS, OF_LATE, TIME_ROWS, Coder, Inter, begin, late_of, walk_after
from .inter_contexts import LATE_QUANTITIES, compare_back, hashed_back, look_back, say
from .inter_features import LATE_FEATURES, describe_back
from .inter_learning_mixing import code_late, late_mixer
from .inter_predict import foretell, remember_late
from .learning import (
    LINE,
    MAPS,
    OPINIONS,
    TABLE,
    WIDE_NODES,
    Network,
    State,
    Tables,
    begin_trusting,
    near_class,
    opinion_row,
    walk,
    wide_hashed,
)
from .learning_features import FEATURES, describe, describe_steps, steps
from .learning_mixing import Chosen, Mixer
from .learning_start import FILES, unpack
from .mixing import SQUASH
from .surface import calm, other, trust
from .surface_contexts import NODES, VALUES, compare, look
from .surface_decisions import IMPOSSIBLE, SET, decisions
from .surface_decisions import NODES as COUNT
from .surface_predict import (
    PAD,
    UNIT,
    around,
    blend,
    guesses,
    place,
    remember,
    track,
    tracked,
    trail,
)

NETWORKS = (1,)  # by the number that a group begins with, as `learning_ways.py` has them

# Tables of a picture alone come after those of `inter.py`, and so do rows of weights.
_TABLES = Tables(-(-ALL_SLOTS // TABLE) * TABLE, ALL_ROWS)
_SLOTS = _TABLES.values + VALUES * TABLE
_ROWS = ALL_ROWS + COUNT * OPINIONS

_LAYOUT = learning_short.layout(48, FEATURES + LATE_FEATURES)
_see, _logit, _teach, _learn = learning_short.functions(_LAYOUT)


class Calm(NamedTuple):
    """What chooses the weights of a decision about a value, and the network."""

    calm: int
    trust: int
    late: int
    near: int
    net: np.ndarray


def learning_coder(values: np.ndarray, number: int) -> Coder:
    """Return what codes the planes of a group.

    Args:
        values: the sorted list of the group's values, (n,).
        number: the network, one of `NETWORKS`.
    """
    *network, trusted = unpack(FILES[number].read_bytes())
    blind = np.zeros((LATE_FEATURES, network[0].shape[1]), np.int8)
    network[0] = np.concatenate([network[0], blind])
    return Coder(partial(_fresh, steps(values), network, trusted), _first, _after)


def _fresh(
    step: np.ndarray,
    network: list[np.ndarray],
    trusted: np.ndarray,
    width: int,
    coder: np.ndarray,
    data: np.ndarray,
) -> Inter:
    """Return what both sides begin a group with."""
    m = late_mixer(_SLOTS, _ROWS, SET, MAPS, coder, data)
    begin_trusting(m.weights, trusted, ALL_ROWS)
    m.weights[TIME_ROWS : TIME_ROWS + SET] = np.repeat(trusted, SET // COUNT, axis=0)
    room, x = np.zeros(LATE_QUANTITIES, np.int32), np.zeros(learning_short.ROOM, np.int16)
    net = learning_short.network(network, _LAYOUT)
    line = np.zeros(LINE, np.int32)
    return begin(width, State(trail(width), m, room, x, step, net, line))


_alone = walk(Network(learning_short.tidy, _see, _logit, _teach, _learn), _TABLES)


@compiled
def _first(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _alone(plane, first, end, top, decode, s)


@inlined
def _value(
    value: int, decode: bool, x: int, y: int, near: int, asked: int, top: int, s: Inter
) -> int:
    """Code the value of a pixel that is no hole; return it, or -1 where it is impossible."""
    known, b = s.state, s.before
    t, q = known.trail, known.quantities
    width = len(s.same) // 4 - 2 * PAD
    row = width + 2 * PAD
    at, j = place(x, y, width), (y + PAD) * row + x + PAD
    v = around(x, y, width, at, t)
    along, across = tracked(at, v, t)
    g = guesses(v, along, across)
    was = int64(b.value[j])
    surface = along if t.age[at.i - 1] >= t.age[at.u] else across
    h = foretell(v, at, j, row, surface >> 4, t, b)
    best = min(max(blend(g, at, t), UNIT), top * UNIT)
    middle = best + UNIT // 2 >> 6
    far = other(middle, v)
    look(at, v, middle, near, t, q)
    compare(g, best, middle, q)
    wide_hashed(q, known.mixer.slots, _TABLES.values)
    look_back(at, v, middle, j, row, t, b, q)
    compare_back(h, best, middle, was, q)
    quiet, late = calm(at, t), late_of(at, s.late) if was else 15
    say(asked, quiet, late, q)
    hashed_back(q, known.mixer.slots, OF_LATE)
    describe(at, v, g, best, middle, far, t, known.x)
    describe_steps(middle, top, known.step, known.x)
    describe_back(h, v, at, middle, j, row, t, b, known.x)
    _see(known.x, known.net)
    c = Calm(quiet, trust(at, t), late, near_class(v, middle), known.net)
    value = _decide(value, decode, middle, far, c, known.mixer)
    if value == IMPOSSIBLE:
        return int64(-1)
    value = min(max(value, 1), top)
    _learn(x, y, known.x, known.net)
    remember(value, middle, g, at, t)
    remember_late(value, h, at, s.late)
    track(value, along, across, at, t)
    return value


@compiled
def _ask(bit: int, decode: bool, node: int, c: Calm, m: Mixer) -> int:
    """Code a decision about a value."""
    row, opinion = node * 16, _logit(node, c.net)
    chosen = Chosen(
        row + c.calm,
        SET + row + c.trust,
        TIME_ROWS + row + c.late,
        ALL_ROWS + opinion_row(node, opinion),
        row + c.late,
        row + c.calm,
        SET + node * 64 + c.near,
    )
    nodes = int64(WIDE_NODES[np.uint64(node)]), int64(NODES[np.uint64(node)])
    bit = code_late(bit, decode, m, nodes, opinion, chosen, int64(_ROWS))
    one = 65535 if bit else 0
    _teach(node, one - int64(SQUASH[np.uint64(opinion + 2047)]) >> 4, c.net)
    return bit


_decide = decisions(_ask)
_walk = walk_after(_value)


@compiled
def _after(plane: np.ndarray, top: int, asking: bool, decode: bool, s: Inter) -> bool:
    return _walk(plane, top, asking, decode, s)
