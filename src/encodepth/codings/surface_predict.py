"""Where the surface would put a pixel: eight predictions, their blend, and a tracker of surfaces.

What is known of the last rows lies in a ring of four. A `Place` says where a pixel is in it: i the
pixel, i - 1 its left neighbour, u the pixel above, a the one above that, f a row further up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..native import inlined
from .arithmetic import int64
from .lanes import at_most, get_lane, load8, put_lane, same8, size_of, store, total, wide

UNIT = 64  # predictions are in 1/64 of a value
PAD = 8  # pixels around the picture
PLANE, LINE, COLUMN, RISE, TRACK_W, TRACK_N = 2, 3, 4, 5, 6, 7  # predictors; 0 and 1 are w and n

PREDICTORS = 8
_MOST_MISSED = UNIT * 64
_MOST_MOVED = 4000
_FINE = 10  # bits of a value's fraction in the tracker
_CLOSE = 2 << _FINE  # a surface goes through a pixel within two values of it
_MEMORY = 6  # pixels a tracker remembers

FALLOFF = np.array([(1 << 26) * 128**3 // (128 + k) ** 3 for k in range(4096)], np.int32)


class Trail(NamedTuple):
    """What is known of the pixels so far, int32; arrays but `missed` have one number a pixel."""

    hole: np.ndarray  # 1 at holes and outside the picture
    seen: np.ndarray  # value; at a hole, of a neighbour
    moved: np.ndarray  # value minus prediction
    size: np.ndarray  # of that; fades in holes
    level: np.ndarray  # the tracked surface's height in 1/1024 of a value,
    slope_x: np.ndarray  # what it gains a pixel to the right
    slope_y: np.ndarray  # and down,
    age: np.ndarray  # and for how many pixels; 0 where none is tracked
    missed: np.ndarray  # (n, 8): error of each predictor in 1/64 of a value


class Place(NamedTuple):
    """Where a pixel and those above it are in the ring."""

    i: int
    u: int
    a: int
    f: int


class Around(NamedTuple):
    """Values of neighbours, by points of the compass; those outside the picture made up."""

    w: int
    n: int
    nw: int
    ne: int
    ww: int
    nn: int
    nnn: int


def trail(width: int) -> Trail:
    """Return the trail before the first row: everything around the picture is a hole."""
    size = 4 * (width + 2 * PAD)
    n = np.zeros((7, size), np.int32)
    missed = np.zeros((size, PREDICTORS), np.int32)
    return Trail(np.ones(size, np.int32), n[0], n[1], n[2], n[3], n[4], n[5], n[6], missed)


@inlined
def place(x: int, y: int, width: int) -> Place:
    """Return where a pixel is."""
    row = width + 2 * PAD
    first = x + PAD
    return Place(
        first + (y & 3) * row,
        first + (y - 1 & 3) * row,
        first + (y - 2 & 3) * row,
        first + (y - 3 & 3) * row,
    )


@inlined
def around(x: int, y: int, width: int, at: Place, t: Trail) -> Around:
    """Return the nearest neighbours' values."""
    w, n = int64(t.seen[at.i - 1]), int64(t.seen[at.u])
    nw, ne = int64(t.seen[at.u - 1]), int64(t.seen[at.u + 1])
    ww, nn = int64(t.seen[at.i - 2]), int64(t.seen[at.a])
    if y == 0:
        n, nw, ne, nn = w, w, w, w
    if x == width - 1:
        ne = n
    if x == 0:
        w, nw, ww = n, n, n
    elif x == 1:
        ww = w
    return Around(w, n, nw, ne, ww, nn, int64(t.seen[at.f]) if y > 1 else nn)


@inlined
def tracked(at: Place, v: Around, t: Trail) -> tuple[int, int]:
    """Return where the surfaces of the left and upper neighbour come through, in 1/1024."""
    along = int64(t.level[at.i - 1]) + t.slope_x[at.i - 1]
    across = int64(t.level[at.u]) + t.slope_y[at.u]
    if t.age[at.i - 1] == 0:
        along = v.w << _FINE
    if t.age[at.u] == 0:
        across = v.n << _FINE
    return along, across


@inlined
def guesses(v: Around, along: int, across: int) -> Any:
    """Return the eight predictions in 1/64 of a value, as lanes."""
    g = put_lane(put_lane(same8(v.w * UNIT), 1, v.n * UNIT), PLANE, (v.w + v.n - v.nw) * UNIT)
    g = put_lane(put_lane(g, LINE, (2 * v.w - v.ww) * UNIT), COLUMN, (2 * v.n - v.nn) * UNIT)
    g = put_lane(g, RISE, (v.w + v.ne - v.n) * UNIT)
    return put_lane(put_lane(g, TRACK_W, along >> 4), TRACK_N, across >> 4)


@inlined
def blend(g: Any, at: Place, t: Trail) -> int:
    """Return the mean of the predictions, each weighed by how little it missed nearby."""
    m = t.missed
    half = load8(m, at.i - 2) + load8(m, at.a) >> 1
    bad = load8(m, at.i - 1) + load8(m, at.u) + load8(m, at.u - 1) + load8(m, at.u + 1) + half
    bad = at_most(bad >> 2, same8(len(FALLOFF) - 1))
    share = same8(0)
    for k in range(PREDICTORS):
        share = put_lane(share, k, FALLOFF[np.uint64(get_lane(bad, k))])
    first = get_lane(g, 0)
    up, down = total(wide(share) * wide(g - first)), total(wide(share))
    return first + up // down


@inlined
def remember_hole(at: Place, t: Trail) -> None:
    """Remember that the pixel is a hole; a neighbour stands in for it."""
    i = at.i
    value = int64(t.seen[i - 1])
    if value == 0:
        value = int64(t.seen[at.u])
    t.hole[i], t.seen[i] = 1, value
    t.moved[i], t.size[i] = 0, t.size[i - 1] >> 1
    t.level[i], t.slope_x[i], t.slope_y[i], t.age[i] = value << _FINE, 0, 0, 0
    store(t.missed, i, load8(t.missed, i - 1))


@inlined
def remember(value: int, middle: int, g: Any, at: Place, t: Trail) -> None:
    """Remember the pixel's value and how well `middle` and the predictions foretold it."""
    i = at.i
    t.hole[i], t.seen[i], t.moved[i] = 0, value, value - middle
    t.size[i] = min(abs(value - middle), _MOST_MOVED)
    store(t.missed, i, at_most(size_of(g - value * UNIT), same8(_MOST_MISSED)))


@inlined
def track(value: int, along: int, across: int, at: Place, t: Trail) -> None:
    """Follow the surfaces of the left and upper neighbour through the pixel, or begin a new one.

    `along` and `across` are as `tracked` returned them. Where both come through, the surface goes
    on from their mean, weighed by age; then it bends towards the pixel, the less the older it is.
    """
    i, w, n = at.i, at.i - 1, at.u
    height = value << _FINE
    off_w, off_n = height - along, height - across
    from_w, from_n = abs(off_w) < _CLOSE, abs(off_n) < _CLOSE
    age_w, age_n = int64(t.age[w]) + 1, int64(t.age[n]) + 1
    off, slope_x, slope_y, age = int64(0), int64(0), int64(0), int64(0)
    if from_w and from_n:
        off = -_over(-off_w * age_w - off_n * age_n, age_w + age_n)
        slope_x = _mean(int64(t.slope_x[w]), age_w, int64(t.slope_x[n]), age_n)
        slope_y = _mean(int64(t.slope_y[w]), age_w, int64(t.slope_y[n]), age_n)
        age = max(age_w, age_n)
    elif from_w:
        off, slope_x, slope_y = off_w, int64(t.slope_x[w]), int64(t.slope_y[w])
        age = age_w
    elif from_n:
        off, slope_x, slope_y = off_n, int64(t.slope_x[n]), int64(t.slope_y[n])
        age = age_n
    if age > 0:
        age = min(age, _MEMORY)
        off -= _over(off * 2, age + 2)
        slope_x += _over(off_w, age + 3) if from_w else 0
        slope_y += _over(off_n, age + 3) if from_n else 0
    t.level[i], t.slope_x[i], t.slope_y[i], t.age[i] = height - off, slope_x, slope_y, age


_SHARES = np.array([0] + [-(-(1 << 23) // d) for d in range(1, 2 * _MEMORY + 3)], np.int64)


@inlined
def _over(number: int, share: int) -> int:
    """Return number // share without dividing, for +-32768 and 1..14 (a test tries them all)."""
    return ((number + (share << 15)) * _SHARES[np.uint64(share)] >> 23) - 32768


@inlined
def _mean(one: int, share: int, other: int, rest: int) -> int:
    """Return the mean of two numbers that have so many shares, rounded down."""
    if one == other:
        return one
    return (one * share + other * rest) // (share + rest)
