"""Binary arithmetic coding in exact integers, compiled by numba: the coder of every exact plane.

A coder is four numbers, an interval of 32 bits and a place in the bytes. Where in the interval a
decision splits it is the model's affair: mixed contexts (`mixing.py`), or the adaptive counts and
adaptive Elias gamma numbers of this module. All integers, so the bytes mean the same everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CorruptFileError
from ..native import compiled, inlined

int64: Any = np.int64  # an int to type checkers and readers

LOW, HIGH, CODE, AT = 0, 1, 2, 3  # a coder: interval, bits being read (decoder), next byte
SLACK = 4  # bytes beyond the end that a decoder may read

_TOP = 0xFFFFFFFF
_BYTE = 1 << 24
_STEP = 4  # a seen bit weighs four times the prior
_LIMIT = 1020  # halve counts beyond this total, so that old decisions fade
_LENGTHS = 33  # contexts of a number's bit length; four more for each length are of its bits


def encoder() -> np.ndarray:
    """Return a coder, int64 (4,), that has written nothing."""
    return np.array([0, _TOP, 0, 0], np.int64)


def decoder(data: np.ndarray) -> np.ndarray:
    """Return a coder, int64 (4,), at the beginning of data, uint8 (n,); zeros follow the end."""
    head = int.from_bytes(data[:4].tobytes().ljust(4, b"\0"), "big")
    return np.array([0, _TOP, head, 4], np.int64)


def check_end(coder: np.ndarray, data: np.ndarray) -> None:
    """Check that a decoder at its end has read all bytes and not too many.

    Raises:
        CorruptFileError: more was asked than the bytes can have meant, or bytes are left.
    """
    if coder[AT] > len(data) + SLACK:
        raise CorruptFileError("an arithmetic-coded payload ends too early")
    if coder[AT] < len(data):
        raise CorruptFileError(f"{len(data) - coder[AT]} stray arithmetic-coded bytes")


def counts(contexts: int) -> np.ndarray:
    """Return the weights of zeros and ones of contexts that saw nothing, int32 (contexts, 2)."""
    return np.ones((contexts, 2), np.int32)


def numbers(kinds: int) -> np.ndarray:
    """Return what adaptive numbers of several kinds learn, int32 (kinds, 165, 2)."""
    return np.ones((kinds, 5 * _LENGTHS, 2), np.int32)


@inlined
def put(bit: int, middle: int, coder: np.ndarray, data: np.ndarray) -> None:
    """Code one decision: a 1 narrows the interval to low..middle, a 0 to what is above.

    Bytes beyond the end of `data` are counted and lost.
    """
    low, high = coder[LOW], coder[HIGH]
    if bit:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) < _BYTE:
        if coder[AT] < len(data):
            data[coder[AT]] = high >> 24
        coder[AT] += 1
        low = low << 8 & _TOP
        high = (high << 8 & _TOP) | 255
    coder[LOW], coder[HIGH] = low, high


@inlined
def get(middle: int, coder: np.ndarray, data: np.ndarray) -> int:
    """Decode one decision that `put` coded; bytes beyond the end are counted and zero."""
    low, high, code = coder[LOW], coder[HIGH], coder[CODE]
    bit = 1 if code <= middle else 0
    if bit:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) < _BYTE:
        at = coder[AT]
        code = (code << 8 & _TOP) | (data[at] if at < len(data) else 0)
        coder[AT] = at + 1
        low = low << 8 & _TOP
        high = (high << 8 & _TOP) | 255
    coder[LOW], coder[HIGH], coder[CODE] = low, high, code
    return bit


@compiled
def finish(coder: np.ndarray, data: np.ndarray) -> int:
    """Write the fewest bytes that, with zeros after them, mean what was coded; return the size."""
    for size in range(5):
        unit = 1 << 8 * (4 - size)
        value = (coder[LOW] + unit - 1) // unit * unit
        if value <= coder[HIGH]:
            for k in range(size):
                data[coder[AT] + k] = value >> 24 - 8 * k & 255
            return coder[AT] + size
    return -1


@compiled
def over(coder: np.ndarray, data: np.ndarray) -> bool:
    """Return whether a decoder was asked for more than the bytes can have meant."""
    return coder[AT] > len(data) + SLACK


@compiled
def bit_length(value: int) -> int:
    """Return how many bits a number >= 0 has; 0 below."""
    size = 0
    while value >> size > 0:
        size += 1
    return size


@compiled
def put_counted(bit: int, seen: np.ndarray, coder: np.ndarray, data: np.ndarray) -> None:
    """Code one decision under the counts `seen`, int32 (2,), and learn from it."""
    put(bit, _split(seen, coder), coder, data)
    _count(bit, seen)


@compiled
def get_counted(seen: np.ndarray, coder: np.ndarray, data: np.ndarray) -> int:
    """Decode what `put_counted` coded."""
    bit = get(_split(seen, coder), coder, data)
    _count(bit, seen)
    return bit


@compiled
def put_number(value: int, seen: np.ndarray, coder: np.ndarray, data: np.ndarray) -> None:
    """Code 0..2^32 - 2 in adaptive Elias gamma code: how many bits, then the bits, high first."""
    value += 1
    size = 1
    while size < 32:
        longer = int64(value >> size > 0)
        put_counted(longer, seen[size], coder, data)
        if not longer:
            break
        size += 1
    for place in range(size - 2, -1, -1):
        row = _row(seen, size, place, value >> place + 1)
        put_counted(value >> place & 1, seen[row], coder, data)


@compiled
def get_number(seen: np.ndarray, coder: np.ndarray, data: np.ndarray) -> int:
    """Decode what `put_number` coded."""
    size = 1
    while size < 32 and get_counted(seen[size], coder, data):
        size += 1
    known = 1
    for place in range(size - 2, -1, -1):
        row = _row(seen, size, place, known)
        known = known << 1 | get_counted(seen[row], coder, data)
    return known - 1


@compiled
def _split(seen: np.ndarray, coder: np.ndarray) -> int:
    """Return where counts split the interval."""
    low, zeros, ones = coder[LOW], int64(seen[0]), int64(seen[1])
    return low + (coder[HIGH] - low) * ones // (zeros + ones)


@compiled
def _count(bit: int, seen: np.ndarray) -> None:
    """Learn a decision."""
    full = seen[0] + seen[1] > _LIMIT
    seen[bit] += _STEP
    if full:
        seen[0] = seen[0] + 1 >> 1
        seen[1] = seen[1] + 1 >> 1


@compiled
def _row(seen: np.ndarray, size: int, place: int, known: int) -> int:
    """Return which counts are those of a bit below the leading one."""
    depth = size - 2 - place
    if depth > 1:  # two are worth learning, the rest are even
        seen[0] = 1  # no length's
        return 0
    return _LENGTHS + size * 4 + depth * 2 + (known & 1)
