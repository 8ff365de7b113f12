"""Exact or bounded depth in a few milliseconds: one prediction, one context for each decision.

A pixel's place in the list of values (`values.py`) is predicted by the median of left, above and
the plane through the neighbours. Where no neighbour is a hole, one decision says "as predicted"
and is all that most pixels cost. What is left says hole, jump to a neighbour's surface, sign and
size. docs/format-quick.md defines the bytes.
"""

from __future__ import annotations

import numpy as np

from ..native import compiled, inlined
from .band_rows import Rows
from .bands import Banded, facts
from .range56 import begin, bit, ended, estimates, finish, number, pause

__all__ = ["decode", "decode_plane", "encode", "encode_plane", "facts"]

_REACH = 12  # differences beyond this are alike
_NODES = 32  # estimates of one context: as predicted, sign, two rows of sizes, jump
_SIGN, _JUMP = 1, 30
_SIZES = 14  # estimates between a row of sizes and the next
_CALM = 3  # pixels until a surprise is forgotten
_LONG = 12  # sizes from here on are Elias gamma codes
_APART = 8  # a neighbour farther than this from the prediction may be another surface
_NEAR = 3  # values this near it belong to it
_CONTEXTS = 9**3 * (_CALM + 1)

# Where in the estimates each kind of decision begins.
_SEAMS = _CONTEXTS * _NODES  # hole flags by the pattern of holes around
_INSIDE = _SEAMS + 256  # hole flags where there is none around
_LENGTH = _INSIDE + 9**3
_BITS = _LENGTH + 16 * 17
_OTHER = _BITS + 72
_ESTIMATES = _OTHER + 16 * _NODES


def _classes() -> np.ndarray:
    """Return -4..4 for differences -12..12: finer near 0."""
    size = np.abs(np.arange(-_REACH, _REACH + 1))
    kind = (size > 0).astype(np.int32) + (size > 1) + (size > 2) + (size > 6)
    return np.where(np.arange(-_REACH, _REACH + 1) < 0, -kind, kind).astype(np.int32)


_CLASS = _classes()


def _fresh(width: int) -> tuple[np.ndarray, ...]:
    """Return estimates, three rows, room for three of `_look_up`, the coder's state."""
    rows, room = np.full((3, width + 5), 2, np.int32), np.empty((3, width + 1), np.int32)
    return estimates(_ESTIMATES), rows, room, np.zeros(3, np.int64)


@inlined
def _class(difference):  # type: ignore[no-untyped-def]
    return np.int64(_CLASS[np.uint64(min(max(difference, -_REACH), _REACH) + _REACH)])


@inlined
def _miss(value, p, w, n, ne, nw, base, estimate, coder, data, decoding):  # type: ignore[no-untyped-def]
    """Code a value that is not the predicted one, `p`; a decoder may find one out of range."""
    off = value - p
    other = w if abs(w - p) > abs(n - p) else n
    other = ne if abs(ne - p) > abs(other - p) else other
    if abs(other - p) > _APART:
        near = 1 if abs(value - other) <= _NEAR else 0
        near, coder = bit(near, base + _JUMP, estimate, coder, data, decoding)
        if near:
            off = value - other
            base = _OTHER + min(abs(other - p) >> 3, 15) * _NODES
            p = other
            same, coder = bit(1 if off == 0 else 0, base, estimate, coder, data, decoding)
            if same:
                return other, coder
    negative, coder = bit(1 if off < 0 else 0, base + _SIGN, estimate, coder, data, decoding)
    cell = base + _SIGN + 1 + negative * _SIZES
    size, counted = abs(off), np.int64(1)
    while counted < _LONG:
        more, coder = bit(1 if size > counted else 0, cell, estimate, coder, data, decoding)
        if not more:
            break
        counted += 1
        cell += 1
    if counted == _LONG:
        rough = min(abs(w - nw) + abs(n - nw) >> 5, 15)
        rest, coder = number(
            size - _LONG + 1, _LENGTH + 17 * rough, np.int64(_BITS), estimate, coder, data, decoding
        )
        counted += rest - 1
    return (p - counted if negative else p + counted), coder


@inlined
def _kind(d):  # type: ignore[no-untyped-def]
    """Return what `_class` does, without a table: of many differences at once."""
    more = (d > 0) + (d > 1) + (d > 2) + (d > 6)
    return more - (d < 0) - (d < -1) - (d < -2) - (d < -6)


@compiled
def _look_up(up, far, cells, holes, slopes):  # type: ignore[no-untyped-def]
    """Write what rows above say of a row's pixels: for all at once, which slices let a compiler do.

    `cells` gets where their estimates are but for the left neighbour, `holes` the pattern of holes
    but for those on the left, `slopes` the classes of differences between columns.
    """
    size = cells.size - 1
    nww, nw, n, ne = up[:size], up[1 : size + 1], up[2 : size + 2], up[3 : size + 3]
    nee, nn = up[4 : size + 4], far[2 : size + 2]
    here, right = up[1 : size + 2], up[2 : size + 3]
    for x in range(size + 1):
        slopes[x] = _kind((right[x] >> 1) - (here[x] >> 1))
    turns = slopes[1:]
    for x in range(size):
        cells[x] = (364 + 81 * turns[x] + 9 * slopes[x]) * (_CALM + 1) * _NODES
        above = (nww[x] & 1) << 4 | (nw[x] & 1) << 3 | (n[x] & 1) << 2 | (ne[x] & 1) << 1
        holes[x] = above | nee[x] & 1 | (nn[x] & 1) << 7


@compiled
def _walk(  # type: ignore[no-untyped-def]
    band, first, end, table, top, data, estimate, rows, room, held, way
):
    """Code rows first..end - 1, or decode into them; return the bytes so far, -1 if that failed.

    `rows` holds three rows, place << 1 | hole, from column 2 on; a hole's place is the predicted.
    `room` is for `_look_up`, `held` for the coder until rows go on. `way` is None, or a number
    where `band` is to be decoded: of each type code apart is compiled, in which `decoding` is a
    constant.
    """
    decoding = way is not None
    height, width = band.shape
    cells, holes, slopes = room[0], room[1], room[2]
    two = np.uint64(2)
    coder = begin(held, data, decoding)
    for y in range(first, end):
        line = np.uint64(y)
        here, up, far = rows[y % 3], rows[(y + 2) % 3], rows[(y + 1) % 3]
        for k in range(3):
            up[width + 2 + k] = up[width + 1]
        up[0] = up[1] = up[2]
        _look_up(up, far, cells, holes, slopes)
        n = np.int64(up[two]) >> 1
        w = nw = n
        left = (up[two] & 1) * 3
        surprise = 0
        for x in range(width):
            column = np.uint64(x)
            n = np.int64(up[column + two]) >> 1
            pattern = holes[column] | left << 5
            cell = np.int64(cells[column]) + _class(nw - w) * ((_CALM + 1) * _NODES)
            base = cell + surprise * _NODES
            low, high = min(w, n), max(w, n)
            p = min(max(w + n - nw, low), high)

            value = np.int64(0)
            if not decoding:
                value = np.int64(table[band[line, column]])
            hole = 1 if value == 0 else 0
            if pattern:
                hole, coder = bit(hole, _SEAMS + pattern, estimate, coder, data, decoding)
            if not pattern or not hole:
                same = 1 if value == p else 0
                same, coder = bit(same, base, estimate, coder, data, decoding)
                if same:
                    value, hole = p, 0
                    surprise -= 1 if surprise else 0
                else:
                    surprise = _CALM
                    if not pattern:
                        context = cell // ((_CALM + 1) * _NODES)
                        hole, coder = bit(hole, _INSIDE + context, estimate, coder, data, decoding)
                    if not hole:
                        ne = np.int64(up[column + np.uint64(3)]) >> 1
                        value, coder = _miss(
                            value, p, w, n, ne, nw, base, estimate, coder, data, decoding
                        )
                        if value < 1 or value > top:
                            return -1
            left = (left << 1 | hole) & 3
            nw, w = n, p if hole else value
            here[column + two] = w << 1 | hole
            if decoding:
                band[line, column] = table[0 if hole else value]
        if ended(coder, data, decoding):
            return -1
    return finish(coder, data, decoding) if end == height else pause(coder, held)


_CODING = Banded(Rows(_fresh, _walk, ways=(None, 1)))
encode, decode = _CODING.encode, _CODING.decode
encode_plane, decode_plane = _CODING.encode_plane, _CODING.decode_plane
