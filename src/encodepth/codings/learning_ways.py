"""The networks that `learning.py` codes with, by the number that a payload begins with.

0 has 32 bits and 48 hidden units and learns at every second pixel; files that were written with it
decode. 1 has 16 bits and as many units, 2 twice as many; both learn at every pixel.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from ..native import compiled
from . import learning_net, learning_short
from .learning import Network, State, Way, walk
from .learning_features import FEATURES
from .learning_start import FILES, unpack

WAYS = 3

NARROW, WIDE = learning_short.layout(48), learning_short.layout(96)

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


@compiled
def _rows_0(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _first(plane, first, end, top, decode, s)


@compiled
def _rows_1(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _narrow(plane, first, end, top, decode, s)


@compiled
def _rows_2(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    return _wide(plane, first, end, top, decode, s)


@cache
def way(number: int) -> Way:
    """Return the way of a number, 0..2."""
    return made(number, FILES[number].read_bytes())


def made(number: int, data: bytes) -> Way:
    """Return a way that begins with the weights in a file's bytes."""
    *network, trust = unpack(data)
    if number == 0:
        known = partial(learning_net.network, network)
        return Way(_rows_0, partial(np.zeros, FEATURES, np.int32), known, trust)
    code, at = ((_rows_1, NARROW), (_rows_2, WIDE))[number - 1]
    known = partial(learning_short.network, network, at)
    return Way(code, partial(np.zeros, learning_short.ROOM, np.int16), known, trust)
