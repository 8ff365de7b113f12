"""The networks that `learning.py` codes with, by the number that a payload begins with.

0 has 32 bits and 48 hidden units and learns at every second pixel; files that were written with it
decode. 1 has 16 bits and as many units, 2 twice as many; both learn at every pixel. 3 and 4 begin
with the weights of 1 and 2 and look at more (`learning_further.py`). 5 is 4, and learns only where
a decision was worth it.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from ..native import compiled
from . import learning_net, learning_short
from .learning import Network, State, View, Way, walk
from .learning_features import FEATURES
from .learning_further import (
    LINE_FEATURES,
    ask_further,
    describe_further,
    escaped_further,
    learn_further,
    look_further,
)
from .learning_mixing import FURTHER, OPINION
from .learning_start import FILES, unpack
from .surface_contexts import VALUES

WAYS = 6

NARROW, WIDE = learning_short.layout(48), learning_short.layout(96)
_MORE = FEATURES + LINE_FEATURES
_NARROW_3, _WIDE_4 = learning_short.layout(48, _MORE), learning_short.layout(96, _MORE)
_SMALL_5 = 256  # errors of decisions up to here teach network 5 nothing
_NEW = 6554  # trust in a context that the weights which ship do not know, a tenth

_first = walk(
    Network(
        learning_net.tidy,
        learning_net.see,
        learning_net.logit,
        learning_net.teach,
        learning_net.learn,
    )
)


_narrow = walk(Network(learning_short.tidy, *learning_short.functions(NARROW)))
_wide = walk(Network(learning_short.tidy, *learning_short.functions(WIDE)))

_FURTHER = View(look_further, describe_further, ask_further, learn_further, escaped_further)
_narrow_further = walk(
    Network(learning_short.tidy, *learning_short.functions(_NARROW_3)), view=_FURTHER
)
_wide_further = walk(
    Network(learning_short.tidy, *learning_short.functions(_WIDE_4)), view=_FURTHER
)
_choosy_further = walk(
    Network(learning_short.tidy, *learning_short.functions(_WIDE_4, _SMALL_5)), view=_FURTHER
)


@compiled
def _rows_0(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _first(plane, first, end, top, decode, s)


@compiled
def _rows_1(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _narrow(plane, first, end, top, decode, s)


@compiled
def _rows_2(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _wide(plane, first, end, top, decode, s)


@compiled
def _rows_3(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _narrow_further(plane, first, end, top, decode, s)


@compiled
def _rows_4(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _wide_further(plane, first, end, top, decode, s)


@compiled
def _rows_5(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _choosy_further(plane, first, end, top, decode, s)


@cache
def way(number: int) -> Way:
    """Return the way of a number, 0..5."""
    return made(number, FILES[number].read_bytes())


def made(number: int, data: bytes) -> Way:
    """Return a way that begins with the weights in a file's bytes."""
    *network, trust = unpack(data)
    if number == 0:
        known = partial(learning_net.network, network)
        return Way(_rows_0, partial(np.zeros, FEATURES, np.int32), known, trust, VALUES)
    room = partial(np.zeros, learning_short.ROOM, np.int16)
    if number <= 2:
        code, at = ((_rows_1, NARROW), (_rows_2, WIDE))[number - 1]
        return Way(code, room, partial(learning_short.network, network, at), trust, VALUES)
    code, at = ((_rows_3, _NARROW_3), (_rows_4, _WIDE_4), (_rows_5, _WIDE_4))[number - 3]
    blind = np.zeros((LINE_FEATURES, at.first), np.int8)
    network[0] = np.concatenate([network[0], blind])
    known = partial(learning_short.network, network, at)
    return Way(code, room, known, _with_another(trust), FURTHER)


def _with_another(trust: np.ndarray) -> np.ndarray:
    """Return the mixers' weights where a context more stands before the network's logit."""
    contexts, opinion = trust[:, :VALUES], trust[:, OPINION : OPINION + 1]
    another = np.full((len(trust), 1), _NEW, np.int32)
    return np.concatenate([contexts, another, opinion], axis=1)
