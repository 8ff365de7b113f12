"""A depth plane, exactly, pixel by pixel: holes, surfaces and the jumps between them.

Each pixel is predicted eight ways and the predictions blended by how well each did nearby
(`surface_predict.py`). What is left is coded bit by bit, each bit under fourteen contexts of the
neighbourhood (`surface_contexts.py`), mixed (`mixing.py`). Where the neighbourhood holds two
surfaces, one bit says whether the pixel belongs to the other one.

All integers, so the bytes mean the same on every machine. A bound is the caller's affair: it merges
values before they come here (`exact.py`), and contours of merged values still cost little. A
closed loop, correcting predictions in steps of twice the bound, was larger on every frame tried.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..native import compiled, inlined
from .along import SLACK, Rows, decode_rows, encode_rows
from .arithmetic import AT, bit_length, int64
from .mixing import Mixer, code, mixer
from .surface_contexts import (
    NODES,
    QUANTITIES,
    TABLE,
    VALUES,
    coarse,
    compare,
    hashed,
    look,
)
from .surface_decisions import (
    HOLE_ROWS,
    HOLES,
    IMPOSSIBLE,
    OF_VALUES,
    ROWS,
    SET,
    SLOTS,
    decisions,
)
from .surface_predict import (
    TRACK_N,
    TRACK_W,
    UNIT,
    Around,
    Place,
    Trail,
    around,
    blend,
    guesses,
    place,
    remember,
    remember_hole,
    track,
    tracked,
    trail,
)

_BITS = np.array([k.bit_length() for k in range(512)], np.int64)


class State(NamedTuple):
    """All that an encoder or a decoder knows."""

    trail: Trail
    mixer: Mixer
    quantities: np.ndarray  # room


class Calm(NamedTuple):
    """What chooses the weights of a decision about a value."""

    calm: int  # how little predictions missed nearby, 0..9
    trust: int  # how good the tracker was, 0..9
    side: int  # on which side of the prediction the blend lies, and whether holes are near


def encode_surface(plane: np.ndarray) -> bytes | None:
    """Code a plane exactly, as `along.encode_rows` does.

    Args:
        plane: (h, w) of integers 0..65535, 0 = hole.

    Returns:
        The bytes, or None where the plane is noise that would take more than six bytes a pixel.

    Raises:
        EncodepthError: the bytes decode to another plane.
    """
    return encode_rows(plane, Rows(_fresh, code_rows))


def decode_surface(payload: bytes, height: int, width: int, top: int) -> np.ndarray:
    """Decode what `encode_surface` coded: int32 (height, width).

    Args:
        payload: the bytes.
        height, width: of the plane.
        top: the largest value of the plane that was encoded.

    Raises:
        CorruptFileError: the bytes are not such a plane.
    """
    return decode_rows(payload, height, width, top, Rows(_fresh, code_rows))[0]


def _fresh(width: int, coder: np.ndarray, data: np.ndarray) -> State:
    """Return what both sides begin with."""
    return State(trail(width), mixer(SLOTS, ROWS, coder, data), np.zeros(QUANTITIES, np.int32))


@compiled
def code_rows(plane: np.ndarray, first: int, end: int, top: int, decode: bool, s: State) -> bool:
    """Code rows first..end - 1 of a plane, or decode into them; return whether that worked."""
    width = plane.shape[1]
    for y in range(first, end):
        if s.mixer.coder[AT] > len(s.mixer.data) + SLACK:
            return False
        for x in range(width):
            at = place(x, y, width)
            near, wide = holes_around(at, s.trail)
            value = int64(plane[y, x])
            if code_hole(value == 0, decode, at, near, wide, s):
                remember_hole(at, s.trail)
                value = 0
            else:
                v = around(x, y, width, at, s.trail)
                value = _value(value, decode, at, v, near, top, s)
                if value < 0:
                    return False
            if decode:
                plane[y, x] = value
    return True


@inlined
def holes_around(at: Place, t: Trail) -> tuple[int, int]:
    """Return which of the nearest 6 and 11 neighbours are holes, as bits."""
    h, i, u, a = t.hole, at.i, at.u, at.a
    near = h[i - 1] | h[u] << 1 | h[u - 1] << 2 | h[u + 1] << 3 | h[i - 2] << 4 | h[a] << 5
    wide = near | h[u - 2] << 6 | h[u + 2] << 7 | h[a + 1] << 8 | h[a - 1] << 9 | h[i - 3] << 10
    return near, wide


@inlined
def code_hole(bit: int, decode: bool, at: Place, near: int, wide: int, s: Any) -> int:
    """Code whether the pixel is a hole."""
    seen, slots, rows = s.trail.seen, s.mixer.slots, int64(HOLE_ROWS)
    north = int64(seen[at.u])
    north_east = coarse(seen[at.u + 1] - north) + 7
    steps = (coarse(seen[at.i - 1] - north) + 7) * 16 + north_east
    slots[0] = slot(wide)
    if wide == 0:
        slots[1] = TABLE + slot(steps)
        return code(bit, decode, s.mixer, 2, 0, rows, rows + 64, rows + 128)
    return hole_at_edge(bit, decode, at, near, wide, steps, s)


@compiled
def hole_at_edge(
    bit: int, decode: bool, at: Place, near: int, wide: int, steps: int, s: Any
) -> int:
    """Code whether the pixel is a hole where there are others nearby."""
    h, i, u, a, slots = s.trail.hole, at.i, at.u, at.a, s.mixer.slots
    right = near | h[u + 2] << 6 | h[u + 3] << 7 | h[u + 4] << 8 | h[u + 5] << 9
    left = near | h[i - 3] << 6 | h[i - 4] << 7 | h[i - 5] << 8 | h[i - 6] << 9
    left |= h[a - 2] << 10 | h[a + 2] << 11 | h[a + 3] << 12
    size = s.trail.size
    slots[1] = TABLE + slot((near << 8) + steps)
    slots[2] = 2 * TABLE + slot(right)
    slots[3] = 3 * TABLE + slot(near << 4 | steps & 15)
    slots[4] = 4 * TABLE + slot(left)
    slots[5] = 5 * TABLE + slot(near << 4 | bit_length(size[u] + size[i - 1] + size[u + 1]))
    ahead = 1 + h[u + 1] + h[u + 2] + h[u + 3] + h[u + 4]
    first, second, third = near, 64 + (wide >> 5 & 63), 128 + ahead
    rows = int64(HOLE_ROWS)
    return code(bit, decode, s.mixer, HOLES, 0, rows + first, rows + second, rows + third)


@inlined
def slot(number: int) -> int:
    """Hash a context of a hole flag."""
    z = number * 0x9E3779B1
    return (z ^ z >> 15) & TABLE - 1


@inlined
def _value(value: int, decode: bool, at: Place, v: Around, near: int, top: int, s: State) -> int:
    """Code the value of a pixel that is no hole; return it, or -1 where it is impossible."""
    t = s.trail
    along, across = tracked(at, v, t)
    g = guesses(v, along, across)
    best = min(max(blend(g, at, t), UNIT), top * UNIT)
    middle = best + UNIT // 2 >> 6
    look(at, v, middle, near, t, s.quantities)
    compare(g, best, middle, s.quantities)
    hashed(s.quantities, s.mixer.slots, OF_VALUES)
    side = (best - middle * UNIT >> 3) + (12 if near else 4)
    c = Calm(calm(at, t), trust(at, t), side)
    value = _decide(value, decode, middle, other(middle, v), c, s.mixer)
    if value == IMPOSSIBLE:
        return int64(-1)
    value = min(max(value, 1), top)
    remember(value, middle, g, at, t)
    track(value, along, across, at, t)
    return value


@inlined
def other(middle: int, v: Around) -> int:
    """Return the neighbour farthest from the prediction."""
    far = v.n
    if abs(v.w - middle) > abs(far - middle):
        far = v.w
    if abs(v.ne - middle) > abs(far - middle):
        far = v.ne
    return far


@inlined
def calm(at: Place, t: Trail) -> int:
    """Return how little the predictions missed nearby, 0 (not at all) .. 9."""
    moved = t.size[at.i - 1] + t.size[at.u] + t.size[at.u - 1] + t.size[at.u + 1]
    return min(_BITS[np.uint64(min(moved * 4, 511))], 9)


@inlined
def trust(at: Place, t: Trail) -> int:
    """Return how much the better of the two trackers missed nearby, 0 (nothing) .. 9."""
    m, w, n = t.missed, at.i - 1, at.u
    bad = min(m[w, TRACK_W] + m[n, TRACK_W], m[w, TRACK_N] + m[n, TRACK_N])
    return min(_BITS[np.uint64(min(bad >> 4, 511))], 9)


@compiled
def _ask(bit: int, decode: bool, node: int, c: Calm, m: Mixer) -> int:
    """Code a decision about a value."""
    row = node * 16
    first, second, third = row + c.calm, SET + row + c.trust, 2 * SET + row + c.side
    return code(bit, decode, m, VALUES, NODES[np.uint64(node)], first, second, third)


_decide = decisions(_ask)
