"""A depth plane given the one before it, exactly: what stayed, holes, surfaces and jumps.

A group begins with a plane that `surface.py` codes alone; what was learned there is carried on from
plane to plane. A pixel among others that stayed as they were may say with one decision that it
stayed too, as most do before a still camera. All others are coded as in `surface.py`, with the
picture before as further contexts (`inter_predict.py`, `inter_contexts.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import CorruptFileError
from ..native import compiled, inlined
from .along import CHUNK, SLACK
from .arithmetic import AT, bit_length, check_end, decoder, encoder, finish, int64
from .inter_contexts import LATE, LATE_QUANTITIES, compare_back, hashed_back, look_back, say
from .inter_mixing import code_wide, wide_mixer
from .inter_predict import CHANGE, MEAN, Before, before, foretell, learn_plane, remember_late
from .lanes import load8, store
from .mixing import Mixer, code
from .surface import State, calm, code_rows, holes_around, other, slot, trust
from .surface_contexts import NODES, TABLE, VALUES, coarse, compare, hashed, look
from .surface_decisions import IMPOSSIBLE, OF_VALUES, ROWS, SET, SLOTS, decisions
from .surface_predict import (
    PAD,
    UNIT,
    Place,
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

# Tables and rows of weights after those of planes that are coded alone.
OF_LATE = SLOTS  # contexts of values
_OF_STAYED = OF_LATE + LATE * TABLE
_STAYED = 8  # contexts of what stayed
_OF_HOLES = _OF_STAYED + _STAYED * TABLE
_LATE_HOLES = 11  # contexts of a hole flag
ALL_SLOTS = _OF_HOLES + _LATE_HOLES * TABLE
TIME_ROWS = ROWS  # the fourth set of weights,
_STAYED_ROWS = TIME_ROWS + SET  # of what stayed,
_HOLE_ROWS = _STAYED_ROWS + 3 * 64  # and of holes
ALL_ROWS = _HOLE_ROWS + 3 * 64

_CALM = 4  # of four neighbours that stayed, for a pixel to be asked
_BITS = np.array([k.bit_length() for k in range(512)], np.int64)


class Inter(NamedTuple):
    """All that an encoder or a decoder of a group knows."""

    state: Any  # as of planes alone
    late: np.ndarray  # int32 (n, 8): error of each prediction of the picture before, in a ring
    same: np.ndarray  # int32 (n,): 1 where the pixel is as before, in a ring
    before: Before


class Coder(NamedTuple):
    """How the planes of a group are coded.

    Attributes:
        fresh: (width, coder, data) -> what both sides begin a group with, an `Inter`.
        first: (plane, first row, end, top, decode, its state) -> whether the first plane worked.
        after: (plane, top, asking, decode, what is known) -> whether another did, as `walk_after`.
    """

    fresh: Callable[[int, np.ndarray, np.ndarray], Inter]
    first: Any
    after: Any


class Calm(NamedTuple):
    """What chooses the weights of a decision about a value."""

    calm: int
    trust: int
    side: int
    late: int  # how well the picture before foretold nearby, 0 (best) .. 14; 15 where it has a hole


def begin(width: int, state: Any) -> Inter:
    """Return what a group begins with; of the pictures before nothing is known yet.

    Args:
        width: of the planes.
        state: as of planes alone.
    """
    t = state.trail
    return Inter(state, np.zeros_like(t.missed), np.zeros_like(t.hole), before(0, 0))


def _fresh(width: int, coder: np.ndarray, data: np.ndarray) -> Inter:
    mixer = wide_mixer(ALL_SLOTS, ALL_ROWS, _STAYED_ROWS, coder, data)
    return begin(width, State(trail(width), mixer, np.zeros(LATE_QUANTITIES, np.int32)))


def _next_plane(s: Inter, coder: np.ndarray, data: np.ndarray) -> Inter:
    """Return what both sides begin a plane of the group with."""
    width = len(s.same) // 4 - 2 * PAD
    mixer = s.state.mixer._replace(coder=coder, data=data)
    state = s.state._replace(trail=trail(width), mixer=mixer)
    s.late[:], s.same[:] = 0, 0
    return s._replace(state=state)


def encode_next(
    by: Coder,
    known: Inter | None,
    plane: np.ndarray,
    top: int,
    asking: bool,
    moved: bool = False,
) -> tuple[bytes | None, Inter]:
    """Code the next plane of a group.

    Args:
        by: how.
        known: what was known after the one before; None for the first. It is changed.
        plane: int32 (h, w) of 0..top, 0 = hole.
        top: the largest value of the group.
        asking: whether pixels may say that they stayed.
        moved: whether what was known has been moved with the camera (`inter_moved.py`).

    Returns:
        The bytes, None where the plane is noise of over six bytes a pixel; what is known
        now.
    """
    coder, data = encoder(), np.zeros(plane.size * CHUNK + 64, np.uint8)
    done, s = _code(by, known, plane, top, (asking, moved), False, coder, data)
    if not done or coder[AT] + SLACK > len(data):
        return None, s
    return data[: finish(coder, data)].tobytes(), s


def decode_next(
    by: Coder,
    known: Inter | None,
    payload: bytes,
    shape: tuple[int, int],
    top: int,
    asking: bool,
    moved: bool = False,
) -> tuple[np.ndarray, Inter]:
    """Decode what `encode_next` coded: int32 (h, w), and what is known now.

    Raises:
        CorruptFileError: the bytes are not such a plane.
    """
    data = np.frombuffer(bytearray(payload), np.uint8)
    plane, coder = np.zeros(shape, np.int32), decoder(data)
    done, s = _code(by, known, plane, top, (asking, moved), True, coder, data)
    if not done:
        raise CorruptFileError("exact depth ends too early or holds an impossible value")
    check_end(coder, data)
    return plane, s


def _code(
    by: Coder,
    known: Inter | None,
    plane: np.ndarray,
    top: int,
    way: tuple[bool, bool],  # asking, moved
    decode: bool,
    coder: np.ndarray,
    data: np.ndarray,
) -> tuple[bool, Inter]:
    if known is None:
        s = by.fresh(plane.shape[1], coder, data)
        done = by.first(plane, 0, plane.shape[0], top, decode, s.state)
        if not done:
            return done, s
        s = s._replace(before=before(*plane.shape))  # a damaged size has not come so far
    else:
        s = _next_plane(known, coder, data)
        done = by.after(plane, top, way[0], decode, s)
    learn_plane(plane, way[1], s.before)
    return done, s


def walk_after(value_of: Any) -> Any:
    """Return what codes a plane given the one before.

    Args:
        value_of: (value, decode, x, y, near holes, asked, top, what is known) -> the value of a
            pixel that is no hole, or -1 where it is impossible.

    Returns:
        An inlined (plane, top, asking, decode, what is known) -> whether that worked. The plane is
        int32 (h, w), 0 = hole; `asking` says whether pixels may say that they stayed.
    """

    @inlined
    def after(plane: np.ndarray, top: int, asking: bool, decode: bool, s: Any) -> bool:
        height, width = plane.shape
        row = width + 2 * PAD
        m, t = s.state.mixer, s.state.trail
        for y in range(height):
            if m.coder[AT] > len(m.data) + SLACK:
                return False
            for x in range(width):
                at = place(x, y, width)
                j = (y + PAD) * row + x + PAD
                value, was = int64(plane[y, x]), int64(s.before.value[j])
                u = at.u
                stayed = s.same[at.i - 1] + s.same[u] + s.same[u - 1] + s.same[u + 1]
                asked = 1 if asking and stayed >= _CALM else 0
                if asked and _same(value == was, decode, at, j, row, s):
                    _stay(was, x, y, width, at, s)
                    value = was
                else:
                    near, wide = holes_around(at, t)
                    hole = False
                    if was or not asked:
                        hole = _hole(value == 0, decode, at, near, wide, asked, j, row, s) == 1
                    if hole:
                        remember_hole(at, t)
                        store(s.late, at.i, load8(s.late, at.i - 1))
                        value = 0
                    else:
                        value = value_of(value, decode, x, y, near, asked, top, s)
                        if value < 0:
                            return False
                s.same[at.i] = 1 if value == was else 0
                if decode:
                    plane[y, x] = value
        return True

    return after


@inlined
def _same(bit: int, decode: bool, at: Place, j: int, row: int, s: Inter) -> int:
    """Code whether a pixel stayed as it was."""
    e, stay, b, slots = s.same, s.before.stay, s.before.value, s.state.mixer.slots
    i, u, a, seen = at.i, at.u, at.a, s.state.trail.seen
    was = int64(b[j])
    four = e[i - 1] | e[u] << 1 | e[u - 1] << 2 | e[u + 1] << 3
    more = four | e[i - 2] << 4 | e[a] << 5 | e[u + 2] << 6 | e[u - 2] << 7
    all_ = more | e[a - 1] << 8 | e[a + 1] << 9 | e[i - 3] << 10 | e[u + 3] << 11 | e[u + 4] << 12
    held, held_e, held_s = int64(stay[j]), int64(stay[j + 1]), int64(stay[j + row])
    held_w, held_n = int64(stay[j - 1]), int64(stay[j - row])
    holes = int64(was == 0) | int64(b[j + 1] == 0) << 1 | int64(b[j + row] == 0) << 2
    holes |= int64(b[j - 1] == 0) << 3 | int64(b[j - row] == 0) << 4
    east, south = coarse(b[j + 1] - was) + 7, coarse(b[j + row] - was) + 7
    west, north = coarse(seen[i - 1] - was) + 7, coarse(seen[u] - was) + 7
    base = int64(_OF_STAYED)
    slots[0] = base + slot(all_ << 1 | holes & 1)
    slots[1] = base + TABLE + slot((held * 16 + held_e) * 16 + held_s << 4 | four)
    slots[2] = base + 2 * TABLE + slot((held * 16 + held_w) * 16 + held_n << 4 | four)
    slots[3] = base + 3 * TABLE + slot((east * 16 + south) * 16 + min(held, 3) << 4 | four)
    slots[4] = base + 4 * TABLE + slot((west * 16 + north) * 16 + east << 4 | four & 3)
    off = min(max(s.before.other[j] - was, -7), 7) + 7
    slots[5] = base + 5 * TABLE + slot((off * 16 + held) << 8 | more)
    slots[6] = base + 6 * TABLE + slot((holes << 4 | four) * 16 + held)
    late = min(_BITS[np.uint64(min(abs(s.before.mean[j] - (was << 6)), 511))], 9)
    slots[7] = base + 7 * TABLE + slot((late * 16 + held) * 16 + south << 4 | four)
    r = int64(_STAYED_ROWS)
    few = e[i - 2] + e[a] + e[u + 2] + e[u - 2] + e[a - 1] + e[a + 1] + e[i - 3] + e[u + 3]
    return code(bit, decode, s.state.mixer, _STAYED, 0, r + held, r + 64 + holes, r + 128 + few)


@inlined
def _stay(was: int, x: int, y: int, width: int, at: Place, s: Inter) -> None:
    """Remember a pixel that stayed as it was."""
    t, i = s.state.trail, at.i
    store(s.late, i, load8(s.late, i - 1))
    if was == 0:
        remember_hole(at, t)
        return
    along, across = tracked(at, around(x, y, width, at, t), t)
    t.hole[i], t.seen[i], t.moved[i], t.size[i] = 0, was, 0, t.size[i - 1] >> 1
    store(t.missed, i, load8(t.missed, i - 1))
    track(was, along, across, at, t)


@inlined
def _hole(
    bit: int, decode: bool, at: Place, near: int, wide: int, asked: int, j: int, row: int, s: Inter
) -> int:
    """Code whether the pixel is a hole."""
    b, slots, seen = s.before.value, s.state.mixer.slots, s.state.trail.seen
    were = int64(b[j] == 0) | int64(b[j + 1] == 0) << 1 | int64(b[j + row] == 0) << 2
    were |= int64(b[j - 1] == 0) << 3 | int64(b[j - row] == 0) << 4
    far = int64(b[j + row + 1] == 0) | int64(b[j + row - 1] == 0) << 1
    far |= int64(b[j - row + 1] == 0) << 2 | int64(b[j - row - 1] == 0) << 3
    far |= int64(b[j + 2] == 0) << 4 | int64(b[j + 2 * row] == 0) << 5
    north = int64(seen[at.u])
    steps = (coarse(seen[at.i - 1] - north) + 7) * 16 + coarse(seen[at.u + 1] - north) + 7
    base, r = int64(_OF_HOLES), int64(_HOLE_ROWS)
    if wide == 0 and were == 0 and far == 0:
        slots[0] = base + slot(asked)
        slots[1] = base + TABLE + slot(steps)
        return code(bit, decode, s.state.mixer, 2, 0, r + 63, r + 127, r + 191)
    return _hole_at_edge(bit, decode, at, near, wide, asked, steps, were, far, j, row, s)


@compiled
def _hole_at_edge(
    bit: int,
    decode: bool,
    at: Place,
    near: int,
    wide: int,
    asked: int,
    steps: int,
    were: int,
    far: int,
    j: int,
    row: int,
    s: Inter,
) -> int:
    """Code whether the pixel is a hole where there are others nearby, or were."""
    t, b, slots = s.state.trail, s.before.value, s.state.mixer.slots
    h, i, u, a, size = t.hole, at.i, at.u, at.a, t.size
    right = near | h[u + 2] << 6 | h[u + 3] << 7 | h[u + 4] << 8 | h[u + 5] << 9
    left = near | h[i - 3] << 6 | h[i - 4] << 7 | h[i - 5] << 8 | h[i - 6] << 9
    left |= h[a - 2] << 10 | h[a + 2] << 11 | h[a + 3] << 12
    wrong = (h[i - 1] ^ were >> 3 & 1) | (h[u] ^ were >> 4 & 1) << 1
    wrong |= (h[u - 1] ^ far >> 3 & 1) << 2 | (h[u + 1] ^ far >> 2 & 1) << 3
    count = int64(0)
    for line in range(j - 3 * row, j + 4 * row, row):
        for k in range(line - 3, line + 4):
            count += b[k] == 0
    was, stay = int64(b[j]), int64(s.before.stay[j])
    east = coarse(b[j + 1] - was) + 7 if was else 15
    west = coarse(t.seen[i - 1] - was) + 7 if was else 15
    base = int64(_OF_HOLES)
    slots[0] = base + slot((wide << 1 | asked) + 4)
    slots[1] = base + TABLE + slot((near << 8) + steps)
    slots[2] = base + 2 * TABLE + slot(right)
    slots[3] = base + 3 * TABLE + slot(near << 4 | steps & 15)
    slots[4] = base + 4 * TABLE + slot(left)
    slots[5] = base + 5 * TABLE + slot(near << 4 | bit_length(size[u] + size[i - 1] + size[u + 1]))
    slots[6] = base + 6 * TABLE + slot(((near & 15) << 5 | were) << 4 | far & 15)
    slots[7] = base + 7 * TABLE + slot(((wrong << 5 | were) << 6 | far) << 1 | asked)
    slots[8] = base + 8 * TABLE + slot((((wrong << 4 | near & 15) << 3 | were & 7) << 4) + east)
    slots[9] = base + 9 * TABLE + slot((((wide & 63) << 4) + west << 3 | were & 7) << 4 | stay)
    slots[10] = base + 10 * TABLE + slot((count << 4 | stay) << 8 | wrong << 4 | near & 15)
    r = int64(_HOLE_ROWS)
    first, second, third = (near, 64 + were + (32 if wide else 0), 128 + wrong + 16 * (were & 1))
    return code(bit, decode, s.state.mixer, _LATE_HOLES, 0, r + first, r + second, r + third)


@inlined
def _value(
    value: int, decode: bool, x: int, y: int, near: int, asked: int, top: int, s: Inter
) -> int:
    """Code the value of a pixel that is no hole; return it, or -1 where it is impossible."""
    t, q, b = s.state.trail, s.state.quantities, s.before
    width = len(s.same) // 4 - 2 * PAD
    row = width + 2 * PAD
    at, j = place(x, y, width), (y + PAD) * row + x + PAD
    v = around(x, y, width, at, t)
    along, across = tracked(at, v, t)
    g = guesses(v, along, across)
    was = int64(b.value[j])
    surface = along if t.age[at.i - 1] >= t.age[at.u] else across
    h = foretell(v, at, j, row, surface >> 4, t, b)
    best = min(max(blend(g, at, t), UNIT), top * UNIT)
    middle = best + UNIT // 2 >> 6
    look(at, v, middle, near, t, q)
    compare(g, best, middle, q)
    hashed(q, s.state.mixer.slots, OF_VALUES)
    look_back(at, v, middle, j, row, t, b, q)
    compare_back(h, best, middle, was, q)
    quiet, late = calm(at, t), late_of(at, s.late) if was else 15
    say(asked, quiet, late, q)
    hashed_back(q, s.state.mixer.slots, OF_LATE)
    side = (best - middle * UNIT >> 3) + (12 if near else 4)
    c = Calm(quiet, trust(at, t), side, late)
    value = _decide(value, decode, middle, other(middle, v), c, s.state.mixer)
    if value == IMPOSSIBLE:
        return int64(-1)
    value = min(max(value, 1), top)
    remember(value, middle, g, at, t)
    remember_late(value, h, at, s.late)
    track(value, along, across, at, t)
    return value


@inlined
def late_of(at: Place, late: np.ndarray) -> int:
    """Return how much the better of two predictions of the picture before missed, 0..14."""
    i, u = at.i - 1, at.u
    change = late[i, CHANGE] + late[u, CHANGE] + late[u + 1, CHANGE]
    mean = late[i, MEAN] + late[u, MEAN] + late[u + 1, MEAN]
    return min(_BITS[np.uint64(min(min(change, mean) >> 4, 511))], 14)


@compiled
def _ask(bit: int, decode: bool, node: int, c: Calm, m: Mixer) -> int:
    """Code a decision about a value."""
    r = node * 16
    rows = (r + c.calm, SET + r + c.trust, 2 * SET + r + c.side, TIME_ROWS + r + c.late)
    return code_wide(bit, decode, m, (VALUES, LATE), NODES[np.uint64(node)], rows, int64(ALL_ROWS))


_decide = decisions(_ask)


_after = walk_after(_value)


@compiled
def code_after(plane: np.ndarray, top: int, asking: bool, decode: bool, s: Inter) -> bool:
    """Code a plane, or decode into it, as `walk_after` says."""
    return _after(plane, top, asking, decode, s)


PLAIN = Coder(_fresh, code_rows, code_after)
