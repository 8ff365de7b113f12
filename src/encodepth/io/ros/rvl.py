"""RVL, the lossless coder of depth that ROS's compressedDepth transport offers.

Runs of holes and of values alternate; a value is its difference from the one before. All numbers
stand in groups of three bits behind a bit that says whether more follow, eight groups to a 32-bit
word, first group on top (Wilson, "Fast Lossless Depth Image Compression", 2017).
"""

from __future__ import annotations

import numpy as np

from ...errors import InvalidImageError
from ...native import compiled, inlined

_BITS, _MASK, _MORE = 3, 7, 8  # of a group: its bits, and the bit that says that more follow
_GROUPS_OF_VALUE = 6  # at most, for a difference of 17 bits


def compress(depth: np.ndarray) -> bytes:
    """Return depth as RVL codes it, without its size.

    Args:
        depth: uint16 (h, w).
    """
    flat = np.ascontiguousarray(depth, np.uint16).reshape(-1)
    most = flat.size * (_GROUPS_OF_VALUE + 2) + 16  # in groups: every value, and runs between
    words = np.zeros((most >> 3) + 2, np.uint32)  # eight groups to a word
    return words[: _compress(flat, words)].astype("<u4").tobytes()


def decompress(data: bytes | memoryview, height: int, width: int) -> np.ndarray:
    """Return what was compressed, uint16 (height, width).

    Raises:
        InvalidImageError: the bytes end too early or hold runs that leave the picture.
    """
    words = np.frombuffer(data, "<u4", len(data) // 4).astype(np.uint32)
    depth = np.zeros(height * width, np.uint16)
    if not _decompress(words, depth):
        raise InvalidImageError(
            f"RVL data of {len(data)} bytes is damaged or cut short for {width}x{height} pixels"
        )
    return depth.reshape(height, width)


@compiled
def _compress(depth: np.ndarray, words: np.ndarray) -> int:
    """Fill `words`; return how many were used."""
    at, end, place, before = 0, depth.size, 0, 0
    while at < end:
        start = at
        while at < end and depth[at] == 0:
            at += 1
        place = _put(words, place, at - start)
        start = at
        while at < end and depth[at] != 0:
            at += 1
        place = _put(words, place, at - start)
        for i in range(start, at):
            difference = int(depth[i]) - before
            place = _put(words, place, (difference << 1) ^ (difference >> 63))
            before += difference
    return (place + 7) >> 3


@inlined
def _put(words: np.ndarray, place: int, number: int) -> int:
    """Write a number from the group `place` on; return the place behind it."""
    while True:
        group = number & _MASK
        number >>= _BITS
        if number:
            group |= _MORE
        shift = 4 * (7 - (place & 7))
        words[place >> 3] |= np.uint32(group << shift)
        place += 1
        if not number:
            return place


@compiled
def _decompress(words: np.ndarray, depth: np.ndarray) -> bool:
    """Fill `depth`, which is all 0; return whether the words were enough and made sense."""
    at, end, place, before = 0, depth.size, 0, 0
    while at < end:
        zeros, place = _get(words, place)
        values, place = _get(words, place)
        if place < 0 or zeros > end - at or values > end - at - zeros:
            return False
        at += zeros
        for i in range(at, at + values):
            number, place = _get(words, place)
            if place < 0:
                return False
            before += (number >> 1) ^ -(number & 1)
            depth[i] = np.uint16(before & 0xFFFF)
        at += values
    return True


@inlined
def _get(words: np.ndarray, place: int) -> tuple[int, int]:
    """Read a number from the group `place` on; return it and the place behind it, or -1."""
    number, shift = 0, 0
    while 0 <= place < words.size << 3 and shift < 45:
        group = int(words[place >> 3]) >> (4 * (7 - (place & 7)))
        place += 1
        number |= (group & _MASK) << shift
        shift += _BITS
        if not group & _MORE:
            return number, place
    return 0, -1
