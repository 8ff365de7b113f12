"""The pixels of a hole mask under their neighbours, compiled, for `mask.py`.

A mask lies in uint8 (h + 2, w + 6), 1 = hole, with two rows above it and three columns on either
side that are 0. Bits of a pixel's neighbours: 0..2 the three to the left, nearest first; 3..7 those
above at x - 2 .. x + 2; 8..10 those two above at x - 1 .. x + 1.
"""

from __future__ import annotations

import numpy as np

from ..native import compiled, inlined
from .arithmetic import (
    counts,
    decoder,
    encoder,
    finish,
    get_counted,
    get_number,
    int64,
    numbers,
    over,
    put_counted,
    put_number,
)

PAD, ABOVE = 3, 2

_ALL = (1 << 11) - 1
_ROOM = 8  # bytes that no pixel exceeds


def encode_pixels(holes: np.ndarray, most: int) -> bytes | None:
    """Code a mask, or return None where more than `most` pixels are not calm."""
    data, coder = np.zeros(holes.size * _ROOM, np.uint8), encoder()
    if not _put(holes, most, counts(_ALL + 1), numbers(1)[0], coder, data):
        return None
    return data[: finish(coder, data)].tobytes()


def decode_pixels(
    payload: bytes, holes: np.ndarray, most: int
) -> tuple[bool, np.ndarray, np.ndarray]:
    """Decode into a mask that is 0.

    Returns:
        Whether no more than `most` pixels were not calm; the coder and its bytes, to check the end.
    """
    data = np.frombuffer(payload, np.uint8).copy()
    coder = decoder(data)
    return _get(holes, most, counts(_ALL + 1), numbers(1)[0], coder, data), coder, data


@compiled
def _put(
    holes: np.ndarray,
    most: int,
    seen: np.ndarray,
    distance: np.ndarray,
    coder: np.ndarray,
    data: np.ndarray,
) -> bool:
    """Code the pixels that are not calm, and before each surprise how long calm lasted."""
    height, width = holes.shape[0], holes.shape[1] - 2 * PAD
    busy = start = int64(0)
    put_number(_calm(holes, start + ABOVE, start, start), distance, coder, data)
    for y in range(ABOVE, height):
        near = _first(holes, y)
        for x in range(width):
            pixel = int64(holes[y, x + PAD])
            ahead = _next(near, pixel, holes, y, x)
            if near != 0 and near != _ALL:
                put_counted(pixel, seen[near], coder, data)
                busy += 1
            elif pixel != near & 1:
                put_number(_calm(holes, y, x + 1, ahead), distance, coder, data)
            near = ahead
        if busy > most:
            return False
    return True


@compiled
def _calm(holes: np.ndarray, first: int, start: int, near: int) -> int:
    """Return how many calm pixels come before the next surprise, plus 1; 0 if none comes.

    `near` is of the pixel at `start` in row `first`, where to look from.
    """
    height, width = holes.shape[0], holes.shape[1] - 2 * PAD
    calm = 1
    for y in range(first, height):
        if y > first:
            near, start = _first(holes, y), 0
        for x in range(start, width):
            pixel = int64(holes[y, x + PAD])
            if near == 0 or near == _ALL:
                if pixel != near & 1:
                    return calm
                calm += 1
            near = _next(near, pixel, holes, y, x)
    return 0


@compiled
def _get(
    holes: np.ndarray,
    most: int,
    seen: np.ndarray,
    distance: np.ndarray,
    coder: np.ndarray,
    data: np.ndarray,
) -> bool:
    """Decode what `_put` coded; stop where the bytes end too early."""
    height, width = holes.shape[0], holes.shape[1] - 2 * PAD
    busy = 0
    calm = get_number(distance, coder, data) - 1  # below 0: no surprise comes
    for y in range(ABOVE, height):
        near = _first(holes, y)
        for x in range(width):
            pixel = near & 1
            if near != 0 and near != _ALL:
                pixel = get_counted(seen[near], coder, data)
                busy += 1
            elif calm == 0:
                pixel = 1 - pixel
                calm = get_number(distance, coder, data) - 1
            else:
                calm -= 1
            holes[y, x + PAD] = pixel
            near = _next(near, pixel, holes, y, x)
            if over(coder, data):
                return True
        if busy > most:
            return False
    return True


@inlined
def _first(holes: np.ndarray, y: int) -> int:
    """Return the neighbours of a row's first pixel."""
    near = int64(0)
    for k in range(5):
        near |= int64(holes[y - 1, PAD - 2 + k]) << 3 + k
    for k in range(3):
        near |= int64(holes[y - 2, PAD - 1 + k]) << 8 + k
    return near


@inlined
def _next(near: int, pixel: int, holes: np.ndarray, y: int, x: int) -> int:
    """Return the neighbours of the pixel to the right."""
    left = (near << 1 | pixel) & 7
    kept = near >> 1 & 0b01101111000
    above, two_above = int64(holes[y - 1, PAD + x + 3]), int64(holes[y - 2, PAD + x + 2])
    return left | kept | above << 7 | two_above << 10
