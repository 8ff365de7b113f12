"""What the networks and the mixers of `learning.py` begin with: files of bytes that ship.

The bytes are the coding's definition as much as its tables are: other weights are another number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .learning_features import FEATURES
from .mixing import WIDTH
from .surface_decisions import NODES

_WEIGHTS = Path(__file__).parents[1] / "weights"
_NARROW, _WIDE = _WEIGHTS / "surface-learned.bin", _WEIGHTS / "surface-learned-wide.bin"
FILES = (_NARROW, _NARROW, _WIDE, _NARROW, _WIDE, _WIDE)  # by the number of `learning_ways.py`
_SECOND = 32  # hidden units of the second layer
_TRUST = 10  # bits by which the mixers' weights are shifted to be 1/65536


def shapes(first: int) -> tuple[tuple[int, ...], ...]:
    """Return the shape of each part of a file, in turn, with so many units in the first layer.

    Weights of the features, of the first layer and a constant, of the second, biases; then what
    the mixers begin with. A byte of 128 is 2, in the third and the fourth part 4.
    """
    return (FEATURES, first), (first + 1, _SECOND), (NODES, _SECOND), (NODES,), (NODES, WIDTH)


def unpack(data: bytes) -> list[np.ndarray]:
    """Return what a file holds: four parts of a network, int8, and the mixers' weights, int32."""
    *network, trust = parts_of(data)
    return [*network, trust.astype(np.int32) << _TRUST]


def parts_of(data: bytes) -> list[np.ndarray]:
    """Return the parts of a file of weights, int8: they lie one after the other."""
    at, parts = 0, []
    for shape in shapes(_units(len(data))):
        count = int(np.prod(shape))
        parts.append(np.frombuffer(data, np.int8, count, at).reshape(shape))
        at += count
    return parts


def pack(parts: list[np.ndarray]) -> bytes:
    """Return the file that holds these parts, which are whole units of their shifts."""
    for part, shape in zip(parts, shapes(parts[0].shape[1]), strict=True):
        assert part.shape == shape
        assert part.dtype == np.int8
    return b"".join(part.tobytes() for part in parts)


def _units(size: int) -> int:
    """Return the units in the first layer of a network whose file has so many bytes."""
    fixed = _SECOND + NODES * (_SECOND + 1 + WIDTH)
    return (size - fixed) // (FEATURES + _SECOND)
