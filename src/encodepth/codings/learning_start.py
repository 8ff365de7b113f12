"""What the network and the mixers of `learning.py` begin with: a file of 8736 bytes that ships.

The bytes are the coding's definition as much as its tables are: other weights are another number.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from .learning import Start
from .learning_features import FEATURES
from .learning_net import FIRST, LANES, NODES, SECOND
from .mixing import WIDTH

FILE = Path(__file__).parents[1] / "weights" / "surface-learned.bin"

# Shape of each part in turn, and by how much its bytes are shifted to be 1/65536.
PARTS = (
    ((FEATURES, FIRST), 10),
    ((FIRST + 1, SECOND), 10),
    ((NODES, SECOND), 11),
    ((NODES,), 11),
    ((NODES, WIDTH), 10),
)


@cache
def shipped() -> Start:
    """Return the weights that ship."""
    return unpack(FILE.read_bytes())


def unpack(data: bytes) -> Start:
    """Return what a file of weights holds."""
    *network, trust = (
        part.astype(np.int32) << shift
        for part, (_, shift) in zip(parts_of(data), PARTS, strict=True)
    )
    return Start(np.concatenate([part.reshape(-1, LANES) for part in network]), trust)


def parts_of(data: bytes) -> list[np.ndarray]:
    """Return the parts of a file of weights, int8: they lie one after the other."""
    at, parts = 0, []
    for shape, _ in PARTS:
        count = int(np.prod(shape))
        parts.append(np.frombuffer(data, np.int8, count, at).reshape(shape))
        at += count
    return parts


def pack(parts: list[np.ndarray]) -> bytes:
    """Return the file that holds these parts, which are whole units of their shifts."""
    for part, (shape, _) in zip(parts, PARTS, strict=True):
        assert part.shape == shape
        assert part.dtype == np.int8
    return b"".join(part.tobytes() for part in parts)
