"""A sorted list of depth values, by its gaps: compiled, for `exact.py`.

Each gap is a number under the contexts of the bit length of the gap before.
"""

from __future__ import annotations

import numpy as np

from ..errors import CorruptFileError
from ..native import compiled
from .arithmetic import (
    bit_length,
    check_end,
    decoder,
    encoder,
    finish,
    get_number,
    int64,
    numbers,
    over,
    put_number,
)

_MOST = 65536  # values that exist
_ROOM = 80  # bytes that no number exceeds
_KINDS = 1 + 18  # of numbers: the count, and gaps after one of 0..17 bits


def encode_values(values: np.ndarray) -> bytes:
    """Code a sorted list of different values in 0..65535, not empty."""
    data, coder = np.zeros((len(values) + 1) * _ROOM, np.uint8), encoder()
    _put(np.ascontiguousarray(values, np.int64), numbers(_KINDS), coder, data)
    return data[: finish(coder, data)].tobytes()


def decode_values(payload: bytes) -> np.ndarray:
    """Decode what `encode_values` coded, uint16.

    Raises:
        CorruptFileError: the payload is not such a list.
    """
    data = np.frombuffer(payload, np.uint8).copy()
    coder, seen = decoder(data), numbers(_KINDS)
    count = get_number(seen[0], coder, data) + 1
    if not over(coder, data) and count > _MOST:
        raise CorruptFileError(f"list of {count} depth values; at most {_MOST} exist")
    values = np.zeros(min(count, _MOST), np.int64)
    last = _get(values, seen, coder, data)
    if not over(coder, data) and last >= _MOST:
        raise CorruptFileError(f"depth value {last} is beyond {_MOST - 1}")
    check_end(coder, data)
    return values.astype(np.uint16)


@compiled
def _put(values: np.ndarray, seen: np.ndarray, coder: np.ndarray, data: np.ndarray) -> None:
    """Code the count, then the gaps."""
    put_number(len(values) - 1, seen[0], coder, data)
    last, gap = -1, 0
    for value in values:
        before, gap = gap, value - last
        put_number(gap - 1, seen[1 + bit_length(before)], coder, data)
        last = value


@compiled
def _get(values: np.ndarray, seen: np.ndarray, coder: np.ndarray, data: np.ndarray) -> int:
    """Decode the gaps; return the last value, or the first that is impossible."""
    value, gap = int64(-1), int64(0)
    for k in range(len(values)):
        gap = get_number(seen[1 + bit_length(gap)], coder, data) + 1
        value += gap
        if over(coder, data) or value >= _MOST:
            break
        values[k] = value
    return value
