"""The values of a plane: which occur, merging them within a bound, their list in bytes, the proof.

A coding codes places in the sorted list of values that occur. Where 0 means a hole it is not in
the list and its place is 0; where 0 is a value like any other it is in the list, and nothing has
place 0. So the list says which it is.
"""

# mypy: disable-error-code="return-value"
from __future__ import annotations

import numpy as np

from ..errors import CorruptFileError, EncodepthError
from .range56 import ended, estimates, finish, inner, number, outer, start

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
    place, values = np.zeros(_ALL, np.int32), np.zeros(_ALL, np.uint16)
    count = _merge(seen, 1 if holes else 0, error, place, values)
    return values[:count].copy(), place, bool(holes and seen[0])


def merged(plane: np.ndarray, error: int, holes: bool = True) -> np.ndarray:
    """Return the plane, uint16 (h, w), with its values merged as `places` does."""
    values, place, _ = places(plane, error, holes)
    return np.concatenate([np.zeros(1, np.uint16), values])[place[plane]]


def prove(original: np.ndarray, decoded: np.ndarray, error: int, holes: bool = True) -> None:
    """Check that every pixel came back within `error` steps, and every hole.

    Raises:
        EncodepthError: the promise is broken; no bytes may be handed out.
    """
    if original.shape != decoded.shape:
        raise EncodepthError(f"depth {original.shape} came back as {decoded.shape}")
    off = _farthest(original, decoded, holes)
    if off == _ALL:
        raise EncodepthError("depth came back with other holes")
    if off > error:
        raise EncodepthError(f"depth came back off by {off} steps, more than {error}")


def encode_values(values: np.ndarray) -> bytes:
    """Code a sorted list of 0..65536 different values, uint16 (n,)."""
    data = np.zeros(_LIST, np.uint8)
    size = _walk_values(values, len(values), data, _fresh(), None)
    if size < 0:
        raise AssertionError("a list of values always fits")
    return data[:size].tobytes()


def decode_values(payload: bytes) -> np.ndarray:
    """Decode what `encode_values` coded: uint16 (n,).

    Raises:
        CorruptFileError: the bytes are not such a list.
    """
    data, values = np.frombuffer(bytearray(payload), np.uint8), np.zeros(_ALL, np.uint16)
    count = _walk_values(values, 0, data, _fresh(), 1)
    if count < 0:
        raise CorruptFileError(f"list of depth values in {len(payload)} bytes is damaged")
    return values[:count].copy()


def _fresh() -> np.ndarray:
    return estimates((1 + _GAPS) * _CELLS)


@outer
def _mark(plane: np.ndarray, seen: np.ndarray) -> None:
    """Set `seen` to 1 where a value occurs."""
    for row in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            seen[plane[row, x]] = 1


@outer
def _merge(seen: np.ndarray, first: int, error: int, place: np.ndarray, values: np.ndarray) -> int:
    """Fill `place` and `values` for the values from `first` on; return how many are left."""
    count, low, high = 0, -1, -1
    for value in range(first, seen.size):
        if not seen[value]:
            continue
        if low < 0 or value - low > 2 * error:
            low = value
            count += 1
        high = value
        place[value] = count
        values[count - 1] = (low + high) >> 1
    return count


@outer
def _farthest(original: np.ndarray, decoded: np.ndarray, holes: bool) -> int:
    """Return how far a pixel is off at most; 65536 where holes differ."""
    most, wrong = np.int32(0), np.int32(0)
    for y in range(original.shape[0]):
        for x in range(original.shape[1]):
            a, b = np.int32(original[y, x]), np.int32(decoded[y, x])
            most = max(most, abs(a - b))
            wrong |= np.int32((a == 0) != (b == 0))
    return 65536 if holes and wrong else most


@inner
def _length(value: int) -> int:
    """Return the bit length of a number >= 0."""
    size = 0
    while value >> size:
        size += 1
    return size


@outer
def _walk_values(
    values: np.ndarray, count: int, data: np.ndarray, estimate: np.ndarray, decoding: object
) -> int:
    """Code the count of `values` and their gaps; return the bytes, decoding the count, or -1."""
    coder = start(data, decoding)
    more, coder = number(np.int64(count) + 1, 0, _LENGTHS, estimate, coder, data, decoding)
    count = more - 1
    if count > values.size:
        return -1
    value, near, far = np.int64(-1), 0, 0
    for i in range(count):
        gap = np.int64(values[i]) - value if decoding is None else np.int64(0)
        base = _CELLS * (1 + 6 * min(near, 5) + min(far, 5))
        gap, coder = number(gap, base, base + _LENGTHS, estimate, coder, data, decoding)
        value += gap
        if value >= _ALL or ended(coder, data, decoding):
            return -1
        far, near = near, _length(gap)
        if decoding is not None:
            values[i] = value
    size = finish(coder, data, decoding)
    return size if decoding is None or size < 0 else count
