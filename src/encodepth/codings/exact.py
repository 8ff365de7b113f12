"""Depth kept exactly or within a bound: a list of values, and a plane of places in it.

Depth sensors use few distinct values (80 to 430 in a Kinect frame), so a plane is a sorted list of
values and a plane of indices into it. A bound is a choice of fewer values: each interval no wider
than twice the bound becomes one value. The indices are coded by `surface.py`; where that is too
slow for the caller or worse, by JPEG XL, which can also count evenly without a list.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from ..errors import CorruptFileError, EncodepthError
from .base import DEFAULT_EFFORT, Ask, Coded, Facts, References, bounded, pack_bound
from .jpegxl import decode_frame, encode_frame
from .mask import decode_mask, encode_mask

FAST_EFFORT = 2  # up to here depth goes to JPEG XL, which takes less time and is larger
_ALL_EFFORT = 8  # from here on every way is tried,
_SMALL = 1 << 16  # and up to so many pixels, where contexts have little to learn from

_STEPPED, _INDEXED, _SURFACE = 0, 1, 2  # first byte of a depth payload; append only
_STEPS = 4  # bytes: step and first value
_SIZE = 2  # bytes: size of the coded list of values
_MAX_BYTE = 256
_ROWS = 64  # compared at once, so that what numpy makes between stays in the cache


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code depth (h, w) exactly, or within `ask.error` steps. Parameter: the bound."""
    return Coded(encode_depth(plane, ask.error, ask.effort), pack_bound(ask.error))


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    return decode_depth(coded.payload, *shape)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    return bounded(modality, coded)


def encode_depth(depth: np.ndarray, error: int = 0, effort: int = DEFAULT_EFFORT) -> bytes:
    """Code depth so that every valid pixel decodes to within `error` steps, holes exactly.

    Returns the smallest of the ways its effort tries; the promise is checked on its decoded plane.

    Args:
        depth: uint16 (h, w), 0 = hole.
        error: bound in steps; 0 codes exactly.
        effort: 1 (fast) .. 9 (small).
    """
    used = values_of(depth)
    valid = used[used > 0]
    fewest = merged_values(valid, error)[depth] if error else depth
    if len(values := values_of(fewest)) <= 2:
        best = _encode_indexed(fewest, values, effort)
    else:
        ways: list[Callable[[], bytes | None]] = []
        if effort > FAST_EFFORT:
            ways.append(partial(_encode_surface, fewest, values))
        if effort <= FAST_EFFORT or effort >= _ALL_EFFORT or depth.size <= _SMALL:
            ways.append(partial(_encode_indexed, fewest, values, effort))
            if effort <= FAST_EFFORT or not error:  # counting evenly merges other values
                ways += _stepped_ways(depth, int(valid[0]), error, effort)
        best = _smallest(ways) or _encode_indexed(fewest, values, effort)
    prove(depth, _decoded(best, fewest), error)
    return best


def bound_of_rmse(depth: np.ndarray, rmse: float) -> int:
    """Return the largest bound in steps whose merged values keep the RMSE of valid pixels.

    It holds for `encode_depth` at efforts above `FAST_EFFORT`.
    """
    counts = np.bincount(depth.ravel(), minlength=65536)
    counts[0] = 0
    values = np.flatnonzero(counts)

    def kept(error: int) -> bool:
        off = merged_values(values, error)[values].astype(np.float64) - values
        return float(np.square(off) @ counts[values]) <= rmse**2 * int(counts.sum())

    low, high = 0, 32767  # found by halving: error grows with the bound, if not at every step
    while low < high:
        middle = (low + high + 1) // 2
        if kept(middle):
            low = middle
        else:
            high = middle - 1
    return low


def decode_depth(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_depth` coded.

    Raises:
        CorruptFileError: the payload is not such a plane of that size.
    """
    if payload[:1] == bytes([_STEPPED]):
        return _decode_stepped(payload[1:], height, width)
    if payload[:1] == bytes([_INDEXED]):
        return _decode_indexed(payload[1:], height, width)
    if payload[:1] == bytes([_SURFACE]):
        return _decode_surface(payload[1:], height, width)
    raise CorruptFileError(f"exact depth is coded in the unknown way {payload[:1].hex() or 'none'}")


def _smallest(ways: list[Callable[[], bytes | None]]) -> bytes | None:
    """Run the ways side by side (all let go of Python's lock); return the shortest result."""
    with ThreadPoolExecutor(len(ways)) as pool:
        return min(filter(None, pool.map(lambda way: way(), ways)), key=len, default=None)


def _stepped_ways(
    depth: np.ndarray, low: int, error: int, effort: int
) -> list[Callable[[], bytes | None]]:
    """Return the ways that count evenly: from near the lowest value, and from zero."""
    step = 2 * error + 1
    near = (low + error) // step * step or low
    firsts = {near, step} if low + error >= step else {near}
    return [partial(_encode_stepped, depth, first, error, effort) for first in sorted(firsts)]


def values_of(plane: np.ndarray) -> np.ndarray:
    """Return the values that occur, sorted."""
    seen = np.zeros(65536, bool)
    seen[plane] = True
    return np.flatnonzero(seen)


def _encode_stepped(depth: np.ndarray, first: int, error: int, effort: int) -> bytes:
    """Code k for the value first + (k - 1) * step, 0 for a hole."""
    step = 2 * error + 1
    table = np.maximum((np.arange(65536) - first + error) // step + 1, 0).astype(np.uint16)
    table[0] = 0
    head = step.to_bytes(_STEPS - 2, "little") + first.to_bytes(2, "little")
    return bytes([_STEPPED]) + head + encode_frame(table[depth], effort)


def _decode_stepped(payload: bytes, height: int, width: int) -> np.ndarray:
    step, first = int.from_bytes(payload[:2], "little"), int.from_bytes(payload[2:_STEPS], "little")
    codes = decode_frame(payload[_STEPS:], (height, width), np.uint16)
    table = np.minimum(first + step * np.arange(-1, int(codes.max()), dtype=np.int64), 65535)
    table[0] = 0
    return table.astype(np.uint16)[codes]


def _encode_indexed(depth: np.ndarray, values: np.ndarray, effort: int) -> bytes:
    """Code the sorted list of values, then the index of each pixel's value."""
    table = np.zeros(int(values[-1]) + 1, np.uint16)
    table[values] = np.arange(len(values))
    from .value_list import encode_values  # compiled code

    coded = encode_values(values)
    head = bytes([_INDEXED]) + len(coded).to_bytes(_SIZE, "little") + coded
    if len(values) == 1:
        return head
    index = table[depth]
    if len(values) == 2:
        return head + encode_mask(index == 1)
    return head + encode_frame(index.astype(_index_type(values)), effort)


def _decode_indexed(payload: bytes, height: int, width: int) -> np.ndarray:
    from .value_list import decode_values  # compiled code

    size = int.from_bytes(payload[:_SIZE], "little")
    values = decode_values(payload[_SIZE : _SIZE + size])
    rest = payload[_SIZE + size :]
    if len(values) == 1:
        return np.full((height, width), values[0], np.uint16)
    if len(values) == 2:
        return values[decode_mask(rest, height, width).view(np.uint8)]
    index = decode_frame(rest, (height, width), _index_type(values))
    if index.max() >= len(values):
        raise CorruptFileError(f"depth index {index.max()} is beyond a list of {len(values)}")
    return values[index]


def _encode_surface(depth: np.ndarray, values: np.ndarray) -> bytes | None:
    """Code the sorted list of values without 0, then where in it each pixel's value is, from 1."""
    from .surface import encode_surface  # compiled code
    from .value_list import encode_values

    values = values[values > 0]
    table = np.zeros(int(values[-1]) + 1, np.int32)
    table[values] = np.arange(1, len(values) + 1)
    plane = encode_surface(table[depth])
    if plane is None:
        return None
    coded = encode_values(values)
    return bytes([_SURFACE]) + len(coded).to_bytes(_SIZE, "little") + coded + plane


def _decode_surface(payload: bytes, height: int, width: int) -> np.ndarray:
    from .surface import decode_surface  # compiled code

    values, plane = _surface_parts(payload)
    return values[decode_surface(plane, height, width, len(values) - 1)]


def _decoded(payload: bytes, fewest: np.ndarray) -> np.ndarray:
    """Return the plane that a payload decodes to, which was coded from the merged values.

    `encode_surface` has decoded its plane of places already, so only the list is left to check.
    """
    if payload[0] != _SURFACE:
        return decode_depth(payload, *fewest.shape)
    values, _ = _surface_parts(payload[1:])
    if not np.array_equal(values[1:], values_of(fewest[fewest > 0])):
        raise EncodepthError("exact depth decodes to other values than were encoded")
    return fewest


def _surface_parts(payload: bytes) -> tuple[np.ndarray, bytes]:
    """Return the value of each place in the list, 0 first, and the bytes of the plane."""
    from .value_list import decode_values  # compiled code

    size = int.from_bytes(payload[:_SIZE], "little")
    values = decode_values(payload[_SIZE : _SIZE + size])
    return np.concatenate([np.zeros(1, np.uint16), values]), payload[_SIZE + size :]


def _index_type(values: np.ndarray) -> type:
    return np.uint8 if len(values) <= _MAX_BYTE else np.uint16


def merged_values(values: np.ndarray, error: int) -> np.ndarray:
    """Return a table value -> nearby value that leaves the fewest values (greedy, so optimal)."""
    table = np.zeros(65536, np.uint16)
    values = values.astype(np.int64)
    starts, ends = merged_groups(values, error)
    table[values] = np.repeat(values[starts] + values[ends - 1] >> 1, ends - starts)
    return table


def merged_groups(used: np.ndarray, error: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the fewest groups of sorted values begin and end."""
    if error == 0 or len(used) == 0:
        every = np.arange(len(used))
        return every, every + 1
    beyond = np.searchsorted(used, used + 2 * error, side="right").tolist()
    bounds = [0]
    while bounds[-1] < len(used):
        bounds.append(beyond[bounds[-1]])
    return np.array(bounds[:-1]), np.array(bounds[1:])


def prove(original: np.ndarray, decoded: np.ndarray, error: int, holes: bool = True) -> None:
    """Check that every pixel came back within `error` steps, and every hole.

    Raises:
        EncodepthError: the promise is broken; no bytes may be handed out.
    """
    if original.shape != decoded.shape:
        raise EncodepthError(f"depth {original.shape} came back as {decoded.shape}")
    for first in range(0, len(original), _ROWS):
        one, other = original[first : first + _ROWS], decoded[first : first + _ROWS]
        if np.array_equal(one, other):
            continue
        if holes and not np.array_equal(one == 0, other == 0):
            raise EncodepthError("depth came back with other holes")
        off = int((np.maximum(one, other) - np.minimum(one, other)).max(initial=0))
        if off > error:
            raise EncodepthError(f"depth came back off by {off} steps, more than {error}")
