"""The pixels of a hole mask under their neighbours and those of the masks before, compiled.

A mask lies in uint8 (h + 6, w + 12), 1 = hole, with three rows above and below it and six columns
on either side that are 0; the mask before lies in the same way. Rows are looked at through windows
of 13 pixels, x - 6 .. x + 6, the rightmost in the lowest bit. What was learned goes on from mask to
mask. docs/format-v2.md defines the bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..native import compiled, inlined
from .arithmetic import AT, decoder, encoder, finish, get_number, int64, numbers, put_number
from .mixing import Mixer, code, mixer

PAD, ABOVE = 6, 3  # columns on either side, rows above and below

_TABLE = 1 << 16  # estimates of a context
_CONTEXTS = 12
_SQUARES, _CHANGES = 64, 64 + 512  # where the second and third set of weights begin
_ROWS = _CHANGES + 256
_WINDOW = (1 << 13) - 1
_ALL = (1 << 20) - 1  # neighbours of a pixel, and the nine of the mask before
_LONGEST = 31  # pixels of one kind in a row that are told apart
_SEEN = 2  # bits by which a mask moves the count of holes
_ROOM = 4  # bytes that no pixel exceeds
_SLACK = 8  # bytes beyond the end that a decoder may read


class State(NamedTuple):
    """What both sides carry from mask to mask."""

    mixer: Mixer
    distance: np.ndarray  # counts of the numbers
    often: np.ndarray  # uint8, padded as masks are: how often a hole of late, 0..255
    before: np.ndarray  # the mask before
    first: np.ndarray  # bool (1,): whether there is none


def fresh(height: int, width: int) -> State:
    """Return what both sides begin with."""
    shape = (height + 2 * ABOVE, width + 2 * PAD)
    tables = mixer(_CONTEXTS * _TABLE, _ROWS, encoder(), np.zeros(0, np.uint8))
    often, before = np.zeros((2, *shape), np.uint8)
    return State(tables, numbers(1)[0], often, before, np.ones(1, np.bool_))


def encode_pixels(valid: np.ndarray, state: State, most: int) -> bytes | None:
    """Code a bool (h, w) mask and learn from it; None where over `most` pixels are not calm."""
    holes = np.pad(~valid, ((ABOVE, ABOVE), (PAD, PAD))).view(np.uint8)
    distances = np.zeros(holes.size + 1, np.int32)
    busy, count = _survey(holes, state.before, state.first[0], distances)
    if busy > most:
        return None
    data, coder = np.zeros(busy * _ROOM + count * 8 + 64, np.uint8), encoder()
    _walk(holes, distances, most, False, _with(state, coder, data))
    _remember(holes, state)
    return data[: finish(coder, data)].tobytes()


def decode_pixels(
    payload: bytes, shape: tuple[int, int], state: State, most: int
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Decode what `encode_pixels` coded, and learn from it.

    Returns:
        The bool mask, None where over `most` pixels are not calm; the coder and its bytes, to
        check the end.
    """
    holes = np.zeros((shape[0] + 2 * ABOVE, shape[1] + 2 * PAD), np.uint8)
    data = np.frombuffer(payload, np.uint8).copy()
    coder = decoder(data)
    if not _walk(holes, np.zeros(0, np.int32), most, True, _with(state, coder, data)):
        return None, coder, data
    _remember(holes, state)
    return holes[ABOVE:-ABOVE, PAD:-PAD] == 0, coder, data


def _with(state: State, coder: np.ndarray, data: np.ndarray) -> State:
    return state._replace(mixer=state.mixer._replace(coder=coder, data=data))


def _remember(holes: np.ndarray, state: State) -> None:
    """Take a mask for the one before, and count its holes."""
    _count(holes, state.often)
    state.before[:] = holes
    state.first[0] = False


@compiled
def _survey(
    holes: np.ndarray, before: np.ndarray, first: bool, distances: np.ndarray
) -> tuple[int, int]:
    """Return how many pixels are not calm, and how many numbers were put into `distances`.

    The numbers are of the calm pixels before each surprise, plus 1, and a 0 at the end.
    """
    busy, count, calm = int64(0), int64(0), int64(1)
    for y in range(ABOVE, holes.shape[0] - ABOVE):
        left = int64(0)
        a, b = _begin(holes, y - 1), _begin(holes, y - 2)
        p, q, r = _begin(before, y), _begin(before, y - 1), _begin(before, y + 1)
        for x in range(PAD, holes.shape[1] - PAD):
            a, b = _slide(a, holes, y - 1, x), _slide(b, holes, y - 2, x)
            p, q = _slide(p, before, y, x), _slide(q, before, y - 1, x)
            r = _slide(r, before, y + 1, x)
            pixel = int64(holes[y, x])
            near = _near(left, a, b, _square(p, q, r, left, first))
            if near != 0 and near != _ALL:
                busy += 1
            elif pixel == left & 1:
                calm += 1
            else:
                distances[count] = calm
                count, calm = count + 1, int64(1)
            left = (left << 1 | pixel) & _WINDOW
    return busy, count + 1


@compiled
def _walk(holes: np.ndarray, distances: np.ndarray, most: int, decode: bool, s: State) -> bool:
    """Code a mask, or decode it; return whether no more than `most` pixels are not calm."""
    coder, data, before, first = s.mixer.coder, s.mixer.data, s.before, s.first[0]
    busy, count = int64(0), int64(0)
    calm = _distance(distances, count, decode, s)
    for y in range(ABOVE, holes.shape[0] - ABOVE):
        left, run = int64(0), int64(0)
        a, b, c = _begin(holes, y - 1), _begin(holes, y - 2), _begin(holes, y - 3)
        p, q = _begin(before, y), _begin(before, y - 1)
        r, t = _begin(before, y + 1), _begin(before, y + 2)
        for x in range(PAD, holes.shape[1] - PAD):
            a, b = _slide(a, holes, y - 1, x), _slide(b, holes, y - 2, x)
            c, p = _slide(c, holes, y - 3, x), _slide(p, before, y, x)
            q, r = _slide(q, before, y - 1, x), _slide(r, before, y + 1, x)
            t = _slide(t, before, y + 2, x)
            square = _square(p, q, r, left, first)
            near = _near(left, a, b, square)
            if near != 0 and near != _ALL:
                busy += 1
                _look(left, run, a, b, c, p, q, r, t, s.often, y, x, s.mixer.slots)
                changes = (left ^ p >> 7) & 3 | ((a ^ q) >> 4 & 15) << 2
                changes |= (b >> 6 & 1) << 6 | (p >> 6 & 1) << 7
                pixel = code(
                    int64(holes[y, x]), decode, s.mixer, _CONTEXTS, 0,
                    _six(left, a, b), _SQUARES + square, _CHANGES + changes,
                )  # fmt: skip
            elif calm == 0:
                pixel = 1 - (left & 1)
                count += 1
                calm = _distance(distances, count, decode, s)
            else:
                pixel = left & 1
                calm -= 1
            holes[y, x] = pixel
            run = min(run + 1, int64(_LONGEST)) if pixel == left & 1 else int64(0)
            left = (left << 1 | pixel) & _WINDOW
        if busy > most:
            return False
        if coder[AT] > len(data) + _SLACK:
            return True
    return True


@compiled
def _distance(distances: np.ndarray, count: int, decode: bool, s: State) -> int:
    """Code how many calm pixels come before the next surprise; below 0 where none comes."""
    if decode:
        return get_number(s.distance, s.mixer.coder, s.mixer.data) - 1
    put_number(int64(distances[count]), s.distance, s.mixer.coder, s.mixer.data)
    return int64(distances[count]) - 1


@inlined
def _begin(rows: np.ndarray, y: int) -> int:
    """Return the window of a row just left of its first pixel."""
    bits = int64(0)
    for k in range(PAD):
        bits = bits << 1 | rows[y, PAD + k]
    return bits


@inlined
def _slide(window: int, rows: np.ndarray, y: int, x: int) -> int:
    """Move a window to the pixel in column x."""
    return (window << 1 | rows[y, x + PAD]) & _WINDOW


@inlined
def _square(p: int, q: int, r: int, left: int, first: bool) -> int:
    """Return nine pixels of the mask before; where there is none, as the one to the left."""
    if first:
        return (left & 1) * 511
    return (p >> 5 & 7) | (q >> 5 & 7) << 3 | (r >> 5 & 7) << 6


@inlined
def _near(left: int, a: int, b: int, square: int) -> int:
    """Return the eleven neighbours and nine pixels of the mask before."""
    return left & 7 | (a >> 4 & 31) << 3 | (b >> 5 & 7) << 8 | square << 11


@inlined
def _six(left: int, a: int, b: int) -> int:
    """Return the six nearest neighbours."""
    return left & 3 | (a >> 5 & 7) << 2 | (b >> 6 & 1) << 5


@inlined
def _change(window: int) -> int:
    """Return how many pixels right of x, 0..6, are as the one at x."""
    same, count = window ^ -(window >> 6 & 1), int64(0)
    while count < PAD and not same >> 5 - count & 1:
        count += 1
    return count


@compiled
def _look(
    left: int, run: int, a: int, b: int, c: int, p: int, q: int, r: int, t: int,
    often: np.ndarray, y: int, x: int, slots: np.ndarray,
) -> None:  # fmt: skip
    """Put the contexts of a pixel into `slots`."""
    six, before = _six(left, a, b), p >> 6 & 1
    above, square = _change(a), (p >> 5 & 7) | (q >> 5 & 7) << 3 | (r >> 5 & 7) << 6
    here, right = int64(often[y, x]), int64(often[y, x + 1])
    below, behind = int64(often[y + 1, x]), int64(often[y, x - 1])
    up, far, low = int64(often[y - 1, x]), int64(often[y, x + 2]), int64(often[y + 1, x + 1])
    changes = (left ^ p >> 7) & 7 | ((a ^ q) >> 4 & 31) << 3 | (b >> 6 & 1) << 8
    cross = (p >> 5 & 7) | (q >> 6 & 1) << 3 | (r >> 6 & 1) << 4
    _put(slots, 0, left & 7 | (a >> 4 & 31) << 3 | (b >> 5 & 7) << 8)
    _put(slots, 1, six | square << 6)
    _put(slots, 2, six | (a & 31) << 6 | (b >> 3 & 7) << 11 | (b >> 7 & 1) << 14)
    _put(slots, 3, left & 63 | (a >> 6 & 15) << 6 | (b >> 6 & 7) << 10 | (c >> 5 & 7) << 13)
    _put(
        slots,
        4,
        left & 1 | (a >> 5 & 3) << 1 | (p >> 3 & 31) << 3 | (r >> 4 & 31) << 8 | (t >> 5 & 7) << 13,
    )
    _put(
        slots, 5, six & 31 | here >> 4 << 5 | right >> 5 << 9 | below >> 6 << 12 | behind >> 6 << 14
    )
    _put(slots, 6, changes | cross << 9 | (left & 1) << 14 | (a >> 6 & 1) << 15)
    _put(slots, 7, run | above << 5 | six << 8)
    _put(slots, 8, _change(p) | above << 3 | _change(r) << 6 | (six & 31) << 9 | before << 14)
    _put(slots, 9, b >> 3 & 127 | (c >> 4 & 31) << 7 | (left & 1) << 12 | (a >> 5 & 7) << 13)
    _put(
        slots,
        10,
        here >> 3 | (left & 1) << 5 | (a >> 6 & 1) << 6
        | up >> 5 << 7 | far >> 5 << 10 | low >> 5 << 13,
    )  # fmt: skip
    sides = before | (q >> 6 & 1) << 1 | (r >> 6 & 1) << 2 | (p >> 5 & 1) << 3 | (p >> 7 & 1) << 4
    _put(slots, 11, left & 15 | (a >> 3 & 127) << 4 | sides << 11)


@inlined
def _put(slots: np.ndarray, k: int, number: int) -> None:
    slots[k] = k * _TABLE + number


@compiled
def _count(holes: np.ndarray, often: np.ndarray) -> None:
    """Move how often each pixel is a hole a quarter of the way to what it is."""
    for y in range(ABOVE, holes.shape[0] - ABOVE):
        for x in range(PAD, holes.shape[1] - PAD):
            seen = int64(often[y, x])
            if holes[y, x]:
                often[y, x] = seen + (258 - seen >> _SEEN)
            else:
                often[y, x] = seen - (seen + 3 >> _SEEN)
