"""The values of a plane: which occur, merging them within a bound, their list in bytes, the proof.

A coding codes places in the sorted list of values that occur. Where 0 means a hole it is not in
the list and its place is 0; where 0 is a value like any other it is in the list, and nothing has
place 0. So the list says which it is.
"""

# mypy: disable-error-code="return-value"
from __future__ import annotations

import numpy as np

from ..errors import CorruptFileError
from ..native import compiled, inlined
from .exact import merged_groups
from .range56 import ended, estimates, finish, number, start

_ALL = 65536
_GAPS = 36  # contexts of a gap: the bit lengths of the two gaps before, up to 5
_LENGTHS, _CELLS = 17, 17 + 72  # estimates of one kind of number: its length, then its bits
_LIST = _ALL * 4 + 64  # bytes no list needs


def places(
    plane: np.ndarray, error: int = 0, holes: bool = True
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Find the values of a plane, merged within a bound, and every value's place among them.

    Values are grouped, from the lowest, into the fewest intervals no wider than twice the bound;
    the middle of each, rounded down, stands for all of it.

    Args:
        plane: uint16 (h, w).
        error: bound in steps; 0 merges nothing.
        holes: whether 0 means a hole, which nothing is merged with.

    Returns:
        The sorted list, uint16 (n,); the place of each value from 1, 0 for a hole, int32 (65536,);
        whether the plane has holes.
    """
    seen = np.zeros(_ALL, np.uint8)
    _mark(plane, seen)
    some = bool(holes and seen[0])
    seen[0] &= not holes
    used = np.flatnonzero(seen)
    starts, ends = merged_groups(used, error)
    place = np.zeros(_ALL, np.int32)
    place[used] = np.repeat(np.arange(1, len(starts) + 1), ends - starts)
    return (used[starts] + used[ends - 1] >> 1).astype(np.uint16), place, some


def merged(plane: np.ndarray, error: int, holes: bool = True) -> np.ndarray:
    """Return the plane, uint16 (h, w), with its values merged as `places` does."""
    values, place, _ = places(plane, error, holes)
    return np.concatenate([np.zeros(1, np.uint16), values])[place[plane]]


def encode_values(values: np.ndarray) -> bytes:
    """Code a sorted list of 0..65536 different values, uint16 (n,)."""
    data = np.zeros(_LIST, np.uint8)
    size = _walk_values(values, len(values), data, _fresh(), False)
    if size < 0:
        raise AssertionError("a list of values always fits")
    return data[:size].tobytes()


def decode_values(payload: bytes) -> np.ndarray:
    """Decode what `encode_values` coded: uint16 (n,).

    Raises:
        CorruptFileError: the bytes are not such a list.
    """
    data, values = np.frombuffer(bytearray(payload), np.uint8), np.zeros(_ALL, np.uint16)
    count = _walk_values(values, 0, data, _fresh(), True)
    if count < 0:
        raise CorruptFileError(f"list of depth values in {len(payload)} bytes is damaged")
    return values[:count].copy()


def _fresh() -> np.ndarray:
    return estimates((1 + _GAPS) * _CELLS)


@compiled
def _mark(plane: np.ndarray, seen: np.ndarray) -> None:
    """Set `seen` to 1 where a value occurs."""
    for row in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            seen[plane[row, x]] = 1


@inlined
def _length(value: int) -> int:
    """Return the bit length of a number >= 0."""
    size = 0
    while value >> size:
        size += 1
    return size


@compiled
def _walk_values(
    values: np.ndarray, count: int, data: np.ndarray, estimate: np.ndarray, decoding: object
) -> int:
    """Code the count of `values` and their gaps; return the bytes, decoding the count, or -1."""
    coder = start(data, decoding)
    more, coder = number(
        np.int64(count) + 1, np.int64(0), np.int64(_LENGTHS), estimate, coder, data, decoding
    )
    count = more - 1
    if count > values.size:
        return -1
    value, near, far = np.int64(-1), 0, 0
    for i in range(count):
        gap = np.int64(values[i]) - value if not decoding else np.int64(0)
        base = _CELLS * (1 + 6 * min(near, 5) + min(far, 5))
        gap, coder = number(gap, base, base + _LENGTHS, estimate, coder, data, decoding)
        value += gap
        if value >= _ALL or ended(coder, data, decoding):
            return -1
        far, near = near, _length(gap)
        if decoding:
            values[i] = value
    size = finish(coder, data, decoding)
    return size if not decoding or size < 0 else count
