"""Exact or bounded depth in some tens of milliseconds: each decision under five contexts, mixed.

As `quick.py`, but a decision's estimates under five contexts of the neighbourhood are mixed in the
logistic domain by weights that learn online which to trust (Mahoney, "Adaptive weighing of context
models for lossless data compression", 2005). One context is a tracker that follows a surface along
rows and columns finer than a step. docs/format-quick.md defines the bytes.
"""

# mypy: disable-error-code="arg-type, operator"
from __future__ import annotations

import math

import numpy as np

from ..native import compiled, inlined
from .band_rows import Rows
from .bands import Banded, facts
from .lanes import at_most, clip, get_lane, load8, put_lane, same8, store, total
from .range56 import begin, ended, estimates, finish, move, number, pause

__all__ = ["decode", "decode_plane", "encode", "encode_plane", "facts"]

_NODES = 32  # estimates of one context: sign, hole, jump, as predicted there, two rows of sizes
_SIGN, _HOLE, _JUMP, _SAME, _SIZE = 0, 1, 2, 3, 4
_LIKELY = 31  # weights of "as predicted"; its estimates lie apart, close together in the cache
_CALM = 3  # pixels until a surprise is forgotten
_LONG = 12  # sizes from here on are Elias gamma codes
_APART = 8  # a neighbour farther than this from the prediction may be another surface
_NEAR = 3  # values this near it belong to it
_PAD = 4  # columns beyond each side
_FINE = 10  # bits of a tracker below a step
_FOLLOWED = 2 << _FINE  # a surface is followed up to this far
_MEMORY = 6  # pixels a tracker remembers
_WRONG = 255  # corrections beyond this are alike
# Of nww, nw, n, ne, nee, w, ww, nn minus the prediction: limits, and what a step is worth in the
# numbers of contexts 3 (from bit 12 on), 1 (from bit 3 on) and 2 (below), which are made at once.
_DIGITS = np.array(
    [[3, 3, 3, 3, 2, 3, 3, 3], [1 << 12, 7 << 12, 7 << 3, 1 << 3, 1, 49 << 3, 343 << 12, 49 << 12]],
    np.int32,
)
_MIDDLE = (1200 << 12) + (171 << 3) + 2  # where all are 0
_ROUGH = 10  # kinds of neighbourhood that weights tell apart

# Where each context begins, and among the estimates those of hole flags after them.
_AT1 = 9**3 * (_CALM + 1)
_AT2 = _AT1 + 7**3 * 9
_AT3 = _AT2 + 7**3 * 5
_AT4 = _AT3 + 7**4
_CONTEXTS = _AT4 + 31**2 * 4
_HOLES = _CONTEXTS * (1 + _NODES)
_LENGTH = _HOLES + 256 + 4096 + 1024 + 2048 + 512
_BITS = _LENGTH + 16 * 17
_ESTIMATES = _BITS + 72

_SEAMS = _ROUGH * _NODES  # rows of weights: rough x node, then one for each pattern of holes
_WEIGHTS = (_SEAMS + 256, 8)
_EVEN = 65536 * 35 // 100  # weight at the start
_LIMIT = 60  # bits beyond which an estimate stops slowing down
_ONE = 1 << 22
_STEP = 6  # of the weights

_RATE = np.array([655360 // (10 * n + 16) for n in range(_LIMIT + 1)], np.int32)
_SHARE = np.array([0, *(65536 // n for n in range(1, 2 * _MEMORY + 3))], np.int32)
_KIND = np.array([min(k.bit_length(), _ROUGH - 1) for k in range(6 * _WRONG + 1)], np.int32)
_STRETCH = np.array(
    [round(256 * math.log((p + 0.5) / (4095.5 - p))) for p in range(4096)], np.int16
).clip(-2047, 2047)
_SQUASH = np.array(
    [round(_ONE / (1 + math.exp(-x / 256))) for x in range(-2047, 2048)], np.int32
).clip(1500, _ONE - 1500)


def _fresh(width: int) -> tuple[np.ndarray, ...]:
    """Return estimates, weights, three rows, trackers, room for `_look_up`, the coder's state."""
    wide = width + 2 * _PAD + 8  # lanes reach so far
    return (
        estimates(_ESTIMATES),
        np.full(_WEIGHTS, _EVEN, np.int32),
        np.full((3, wide), 2, np.int32),
        np.zeros((5, wide), np.int32),
        np.empty((4, width), np.int32),
        np.zeros(3, np.int64),
    )


@inlined
def _clip(value, limit):  # type: ignore[no-untyped-def]
    """Return 0..2 limit for -limit..limit."""
    return min(max(value, -limit), limit) + limit


@inlined
def _lanes(a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Return five numbers as lanes."""
    return put_lane(put_lane(put_lane(put_lane(put_lane(same8(0), 0, a), 1, b), 2, c), 3, d), 4, e)


@inlined
def _stretched(held):  # type: ignore[no-untyped-def]
    return np.int64(_STRETCH[held >> 20])


@inlined
def _rate(held):  # type: ignore[no-untyped-def]
    return _RATE[np.uint64(held & 1023)]


@inlined
def _mix(decision, cells, node, row, estimate, weights, coder, data, decoding):  # type: ignore[no-untyped-def]
    """Code one decision under five contexts; return it and the coder.

    `cells` is where each context's estimates are, `node` which of them, `row` which weights.
    """
    low, wide, at = coder
    node = np.uint64(node)
    c0, c1, c2 = cells[0] + node, cells[1] + node, cells[2] + node
    c3, c4 = cells[3] + node, cells[4] + node
    e0, e1, e2, e3, e4 = estimate[c0], estimate[c1], estimate[c2], estimate[c3], estimate[c4]
    x0, x1, x2 = _stretched(e0), _stretched(e1), _stretched(e2)
    x3, x4 = _stretched(e3), _stretched(e4)
    row = np.uint64(row)
    w0, w1, w2 = weights[row, np.uint64(0)], weights[row, np.uint64(1)], weights[row, np.uint64(2)]
    w3, w4 = weights[row, np.uint64(3)], weights[row, np.uint64(4)]
    a = x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3 + x4 * w4
    a = min(max(a >> 16, -2047), 2047)
    p = np.int64(_SQUASH[np.uint64(a + 2047)])
    part = (wide >> 22) * p
    if decoding:
        decision = 1 if low < part else 0
    one = 0
    if decision:
        wide = part
        one = _ONE - 1
    else:
        low = low + part if not decoding else low - part
        wide -= part
    off = (one - p) * _STEP >> 6
    x = _lanes(x0, x1, x2, x3, x4)
    store(weights, row, load8(weights, row) + (x * off + 131072 >> 18))
    held = _lanes(e0, e1, e2, e3, e4)
    rate = _lanes(_rate(e0), _rate(e1), _rate(e2), _rate(e3), _rate(e4))
    away = (held >> 10 & _ONE - 1) ^ one  # how far each estimate is from the decision
    # less away * rate >> 16, in 32 bits
    away = away - ((away >> 11) * rate + ((away & 2047) * rate >> 11) >> 5)
    held = (away ^ one) << 10 | at_most((held & 1023) + 1, same8(_LIMIT))
    estimate[c0], estimate[c1] = get_lane(held, 0), get_lane(held, 1)
    estimate[c2], estimate[c3] = get_lane(held, 2), get_lane(held, 3)
    estimate[c4] = get_lane(held, 4)
    if wide < 4294967296:
        low, at = move(low, at, data, decoding)
        wide <<= 24
    return decision, (low, wide, at)


@compiled
def _mix_apart(decision, cells, node, row, estimate, weights, coder, data, decoding):  # type: ignore[no-untyped-def]
    """Do what `_mix` does, for decisions that a call costs less than compiling them in line would.

    Nodes are given as np.int64: of every plain number numba compiles a function of its own.
    """
    return _mix(decision, cells, node, row, estimate, weights, coder, data, decoding)


@inlined
def _miss(  # type: ignore[no-untyped-def]
    value, p, w, n, ne, nw, cells, row, estimate, weights, coder, data, decoding
):
    """Code a value that is not the predicted one, `p`; a decoder may find one out of range."""
    off = value - p
    other = w if abs(w - p) > abs(n - p) else n
    other = ne if abs(ne - p) > abs(other - p) else other
    if abs(other - p) > _APART:
        near = 1 if abs(value - other) <= _NEAR else 0
        near, coder = _mix_apart(
            near, cells, np.int64(_JUMP), row + _JUMP, estimate, weights, coder, data, decoding
        )
        if near:
            p, off = other, value - other
            same, coder = _mix_apart(
                1 if off == 0 else 0, cells, np.int64(_SAME), row + _SAME, estimate, weights,
                coder, data, decoding,
            )  # fmt: skip
            if same:
                return other, coder
    negative, coder = _mix_apart(
        1 if off < 0 else 0,
        cells,
        np.int64(_SIGN),
        row + _SIGN,
        estimate,
        weights,
        coder,
        data,
        decoding,
    )
    node = _SIZE + negative
    size, counted = abs(off), np.int64(1)
    while counted < _LONG:
        more = 1 if size > counted else 0
        more, coder = _mix(more, cells, node, row + node, estimate, weights, coder, data, decoding)
        if not more:
            break
        counted += 1
        node += 2
    if counted == _LONG:
        rough = min(abs(w - nw) + abs(n - nw) >> 5, 15)
        rest, coder = number(
            size - _LONG + 1, _LENGTH + 17 * rough, np.int64(_BITS), estimate, coder, data, decoding
        )
        counted += rest - 1
    return (p - counted if negative else p + counted), coder


@inlined
def _follow(level, track_w, track_n, age_w, age_n, along_w, along_n, down_w, down_n):  # type: ignore[no-untyped-def]
    """Return a pixel's surface: height, slopes along the row and down the column, age.

    `level` is the pixel's place and `track_*` what the trackers from left and above expected.
    """
    off_w, off_n = level - track_w, level - track_n
    by_w, by_n = abs(off_w) < _FOLLOWED, abs(off_n) < _FOLLOWED
    height, along, down, age = level, np.int64(0), np.int64(0), np.int64(0)
    if by_w and by_n:
        a, b, share = age_w + 1, age_n + 1, np.int64(_SHARE[np.uint64(age_w + age_n + 2)])
        height = track_w + ((track_n - track_w) * b * share >> 16)
        along = (along_w * a + along_n * b) * share >> 16
        down = (down_w * a + down_n * b) * share >> 16
        age = min(max(age_w, age_n) + 1, _MEMORY)
    elif by_w:
        height, along, down, age = track_w, along_w, down_w, min(age_w + 1, _MEMORY)
    elif by_n:
        height, along, down, age = track_n, along_n, down_n, min(age_n + 1, _MEMORY)
    if age:
        height += (level - height) * 2 * np.int64(_SHARE[np.uint64(age + 2)]) >> 16
        share = np.int64(_SHARE[np.uint64(age + 3)])
        along += (off_w * share >> 16) if by_w else 0
        down += (off_n * share >> 16) if by_n else 0
    return height, along, down, age


@inlined
def _rest(cell):  # type: ignore[no-untyped-def]
    """Return where the estimates of a context are but for the first decision's, at `cell`."""
    return np.uint64(_CONTEXTS) + cell * np.uint64(_NODES)


@inlined
def _hole_cells(holes, w, n, ne, rough):  # type: ignore[no-untyped-def]
    """Return where the estimates of a hole flag are, `holes` being the twelve known around."""
    at = np.uint64(_HOLES)
    turns = min(abs(w - n), 3) * 4 + min(abs(ne - n), 3)
    row = holes & 127 | (holes >> 9 & 3) << 7
    return (
        at + np.uint64(holes & 255),
        at + np.uint64(256 + holes),
        at + np.uint64(4352 + (holes & 63) * 16 + turns),
        at + np.uint64(5376 + (holes & 127) * 16 + rough),
        at + np.uint64(7424 + row),
    )


@compiled
def _look_up(up, far, tracks, above):  # type: ignore[no-untyped-def]
    """Write what rows above say of a row's pixels: for all at once, which slices let a compiler do.

    `above` gets which neighbours are holes, the upper part of context 0, how wrong the two nearest
    were, and where their surface would put the pixel.
    """
    holes, steps, wrong, track = above[0], above[1], above[2], above[3]
    size = holes.size
    nww, nw, n = up[2 : size + 2], up[3 : size + 3], up[4 : size + 4]
    ne, nee, neee = up[5 : size + 5], up[6 : size + 6], up[7 : size + 7]
    nnw, nn, nne = far[3 : size + 3], far[4 : size + 4], far[5 : size + 5]
    for x in range(size):
        bits = (n[x] & 1) << 2 | (nw[x] & 1) << 3 | (ne[x] & 1) << 4 | (nee[x] & 1) << 6
        holes[x] = bits | (nww[x] & 1) << 7 | (neee[x] & 1) << 9
    for x in range(size):
        holes[x] |= (nn[x] & 1) << 5 | (nne[x] & 1) << 10 | (nnw[x] & 1) << 11
    for x in range(size):
        fall, turn = (n[x] >> 1) - (nw[x] >> 1), (ne[x] >> 1) - (n[x] >> 1)
        steps[x] = (_clip(fall, 4) * 9 + _clip(turn, 4)) * 9
    off_n, off_ne = tracks[4, 4 : size + 4], tracks[4, 5 : size + 5]
    for x in range(size):
        wrong[x] = 2 * off_n[x] + off_ne[x]
    level, down = tracks[0, 4 : size + 4], tracks[2, 4 : size + 4]
    age = tracks[3, 4 : size + 4]
    for x in range(size):
        track[x] = level[x] + down[x] if age[x] > 0 else (n[x] >> 1) << _FINE


@compiled
def _walk(  # type: ignore[no-untyped-def]
    band, first, end, table, top, data, estimate, weights, rows, tracks, above, held, decoding
):
    """Code rows first..end - 1, or decode into them; return the bytes so far, -1 if that failed.

    `rows` holds three rows, place << 1 | hole, from column 4 on; a hole's place is the predicted.
    `tracks` holds, of the pixel last seen in each column, its surface (`_follow`) and the size of
    its correction. `above` is room for `_look_up`, `held` for the coder until rows go on.
    """
    height, width = band.shape
    one, two, four = np.uint64(1), np.uint64(2), np.uint64(4)
    holes_n, steps_n, around_n, tracks_n = above[0], above[1], above[2], above[3]
    level, along, down, age, wrong = tracks[0], tracks[1], tracks[2], tracks[3], tracks[4]
    coder = begin(held, data, decoding)
    for y in range(first, end):
        line = np.uint64(y)
        here, up, far = rows[y % 3], rows[(y + 2) % 3], rows[(y + 1) % 3]
        for k in range(_PAD):
            up[width + _PAD + k] = up[width + _PAD - 1]
            up[k] = up[_PAD]
        _look_up(up, far, tracks, above)
        w = np.int64(up[four]) >> 1
        ww, left, surprise = w, (up[four] & 1) * 7, 0
        level_w, along_w, down_w, age_w = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        wrong_w = np.int64(0)
        for x in range(width):
            column, i = np.uint64(x), np.uint64(x + _PAD)
            nw, n, ne, nn = up[i - one] >> 1, up[i] >> 1, up[i + one] >> 1, far[i] >> 1
            holes = holes_n[column] | left & 3 | (left >> 2 & 1) << 8
            p = min(max(w + n - nw, min(w, n)), max(w, n))
            age_n, wrong_n = np.int64(age[i]), np.int64(wrong[i])
            track_w = level_w + along_w if age_w else w << _FINE
            track_n = np.int64(tracks_n[column])
            around = 3 * wrong_w + around_n[column]
            rough = np.int64(_KIND[np.uint64(around)])

            value = np.int64(0)
            if not decoding:
                value = np.int64(table[band[line, i - four]])
            hole = 1 if value == 0 else 0
            if holes:
                hole, coder = _mix_apart(
                    hole, _hole_cells(holes, w, n, ne, rough), np.int64(0),
                    _SEAMS + (holes & 255), estimate, weights, coder, data, decoding,
                )  # fmt: skip
            if not holes or not hole:
                dw, dn = w - p, n - p
                k0 = np.int64(steps_n[column]) + _clip(w - nw, 4)
                k0 = k0 * (_CALM + 1) + surprise
                near = put_lane(put_lane(put_lane(load8(up, i - two) >> 1, 5, w), 6, ww), 7, nn)
                digits = clip(near - p, load8(_DIGITS, 0))
                packed = total(digits * load8(_DIGITS, 1)) + _MIDDLE
                k1 = (packed >> 3 & 511) * 9 + min(wrong_w, 2) * 3 + min(wrong_n, 2)
                k2 = (_clip(dw + w - ww, 3) * 7 + _clip(dn + n - nn, 3)) * 7 + _clip(dw + ne - n, 3)
                k2 = k2 * 5 + (packed & 7)
                k3 = packed >> 12
                k4 = _clip((track_w >> 7) - (p << 3), 15) * 31 + _clip(
                    (track_n >> 7) - (p << 3), 15
                )
                k4 = k4 * 4 + (2 if age_w > 3 else 0) + (1 if age_n > 3 else 0)
                likely = (
                    np.uint64(k0), np.uint64(k1 + _AT1), np.uint64(k2 + _AT2), np.uint64(k3 + _AT3),
                    np.uint64(k4 + _AT4),
                )  # fmt: skip
                cells = (
                    _rest(likely[0]), _rest(likely[1]), _rest(likely[2]), _rest(likely[3]),
                    _rest(likely[4]),
                )  # fmt: skip
                row = rough * _NODES
                same = 1 if value == p else 0
                same, coder = _mix(
                    same, likely, 0, row + _LIKELY, estimate, weights, coder, data, decoding
                )
                if same:
                    value, hole = p, 0
                    surprise -= 1 if surprise else 0
                else:
                    surprise = _CALM
                    if not holes:
                        hole, coder = _mix_apart(
                            hole, cells, np.int64(_HOLE), row + _HOLE, estimate, weights, coder,
                            data, decoding,
                        )  # fmt: skip
                    if not hole:
                        value, coder = _miss(
                            value, p, w, n, ne, nw, cells, row, estimate, weights, coder, data,
                            decoding,
                        )  # fmt: skip
                        if value < 1 or value > top:
                            return -1
            left = (left << 1 | hole) & 7
            ww, w = w, p if hole else value
            here[i] = w << 1 | hole
            wrong_w = min(abs(w - p), _WRONG)
            wrong[i] = wrong_w
            if hole:
                level_w, along_w, down_w, age_w = w << _FINE, np.int64(0), np.int64(0), np.int64(0)
            else:
                level_w, along_w, down_w, age_w = _follow(
                    w << _FINE, track_w, track_n, age_w, age_n, along_w, np.int64(along[i]),
                    down_w, np.int64(down[i]),
                )  # fmt: skip
            level[i], along[i], down[i], age[i] = level_w, along_w, down_w, age_w
            if decoding:
                band[line, i - four] = table[0 if hole else value]
        if ended(coder, data, decoding):
            return -1
    return finish(coder, data, decoding) if end == height else pause(coder, held)


_CODING = Banded(Rows(_fresh, _walk), behind=True)
encode, decode = _CODING.encode, _CODING.decode
encode_plane, decode_plane = _CODING.encode_plane, _CODING.decode_plane
