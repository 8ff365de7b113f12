"""A depth plane, exactly, pixel by pixel: holes, surfaces and the jumps between them.

Each pixel is predicted eight ways and the predictions blended by how well each did nearby. Two of
them come from a tracker that carries the height and slope of the surface along rows and columns
finer than a step, so a slanted plane costs next to nothing. What is left is coded bit by bit, each
bit under fourteen contexts of the neighbourhood, mixed (`mixing.py`). Where the neighbourhood holds
two surfaces, one bit says whether the pixel belongs to the other one.

All integers, so the bytes mean the same on every machine. A bound is the caller's affair: it merges
values before they come here (`exact.py`), and contours of merged values still cost little. A
closed loop, correcting predictions in steps of twice the bound, was larger on every frame tried.
"""

from __future__ import annotations

import numpy as np

from ..errors import CorruptFileError
from .mixing import AT, RATE, SQUASH, STRETCH, code, estimates, finish, jit, start, weights

_FRACTION = 64  # predictions are in 1/64 of a value
_PREDICTORS = 8
_HOLES, _VALUES = 6, 14  # contexts of a hole flag and of a decision about a value
_TABLE = 1 << 16  # estimates per context
_ROW = 16  # weights per row
_SETS = 1024  # rows per set of weights: 64 nodes x 16 selectors
_PAD = 8
_LONGEST = 12  # corrections above this are escaped
_NEAR = 8  # values from the other surface that still belong to it
_MEMORY = 6  # pixels a tracker remembers
_FAR = 16  # values between two surfaces
_CHUNK = 6  # bytes per pixel no encoding needs in practice

# What is decided, in the order of the decisions of one pixel.
_HOLE, _ZERO, _OTHER, _SIGN, _MORE, _LENGTH, _BITS = 0, 1, 2, 3, 4, 5, 6

_FALLOFF = np.array([(1 << 26) * 128**3 // (128 + k) ** 3 for k in range(4096)], np.int64)


def encode_surface(plane: np.ndarray) -> bytes | None:
    """Code a plane exactly.

    Args:
        plane: (h, w) of integers 0..65535, 0 = hole.

    Returns:
        The bytes, or None where the plane is noise that would take more than six bytes a pixel.
    """
    plane = np.ascontiguousarray(plane, np.int32)
    data = np.zeros(plane.size * _CHUNK + 64, np.uint8)
    size = _walk(plane, int(plane.max()), False, data, *_fresh(plane.shape[1]))
    return data[:size].tobytes() if size >= 0 else None


def decode_surface(payload: bytes, height: int, width: int, top: int) -> np.ndarray:
    """Decode what `encode_surface` coded: int32 (height, width).

    Args:
        payload: the bytes.
        height, width: of the plane.
        top: the largest value of the plane that was encoded.

    Raises:
        CorruptFileError: the bytes are not such a plane.
    """
    plane = np.zeros((height, width), np.int32)
    data = np.frombuffer(payload, np.uint8)
    if _walk(plane, top, True, data.copy(), *_fresh(width)) < 0:
        raise CorruptFileError("exact depth ends too early or holds an impossible value")
    return plane


def _fresh(width: int) -> tuple[np.ndarray, ...]:
    """Return what both sides begin with: estimates, weights, room for four rows, the tables."""
    tables = _HOLES + _VALUES + 1
    return (
        estimates(tables * _TABLE),
        weights((3 * _SETS + 3 * 64 + 64) * _ROW),
        np.zeros((8 + _PREDICTORS, 4 * (width + 2 * _PAD)), np.int32),
        STRETCH,
        SQUASH,
        RATE,
        _FALLOFF,
    )


@jit
def _bits(value: int) -> int:
    """Return the bit length of a number >= 0."""
    size = 0
    while value > 0:
        value >>= 1
        size += 1
    return size


@jit
def _clip(value: int, limit: int) -> int:
    """Return 0..2 limit for -limit..limit."""
    return min(max(value, -limit), limit) + limit


@jit
def _class(value: int) -> int:
    """Return 1..13 for a difference, finer near 0."""
    size = abs(value)
    if size < 1:
        k = 0
    elif size < 2:
        k = 1
    elif size < 4:
        k = 2
    elif size < 8:
        k = 3
    elif size < 24:
        k = 4
    elif size < 96:
        k = 5
    else:
        k = 6
    return 7 + k if value >= 0 else 7 - k


@jit
def _walk(
    plane: np.ndarray,
    top: int,
    decode: bool,
    data: np.ndarray,
    estimate: np.ndarray,
    weight: np.ndarray,
    memory: np.ndarray,
    stretch: np.ndarray,
    squash: np.ndarray,
    rate: np.ndarray,
    falloff: np.ndarray,
) -> int:
    """Code `plane`, or decode into it; return the bytes written or read, -1 if that failed."""
    height, width = plane.shape
    row = width + 2 * _PAD
    seen, surface, slope_x, slope_y = memory[0], memory[1], memory[2], memory[3]
    age, moved, size_of, hole = memory[4], memory[5], memory[6], memory[7]
    missed = memory[8:]
    hole[:] = 1
    coder = np.zeros(4, np.int64)
    slots, rows = np.zeros(_ROW, np.int64), np.zeros(3, np.int64)
    stretched = np.zeros(_ROW, np.int64)
    keys, guess = np.zeros(_ROW, np.int64), np.zeros(_PREDICTORS, np.int64)
    unit = _FRACTION
    start(coder, data, decode)
    for y in range(height):
        at_row = (y & 3) * row + _PAD
        up_row = ((y + 3) & 3) * row + _PAD
        top_row = ((y + 2) & 3) * row + _PAD
        far_row = ((y + 1) & 3) * row + _PAD
        if coder[AT] > len(data) + 8:
            return -1
        for x in range(width):
            i, u, t = at_row + x, up_row + x, top_row + x
            w, n, nw, ne = seen[i - 1], seen[u], seen[u - 1], seen[u + 1]
            near = hole[i - 1] | hole[u] << 1 | hole[u - 1] << 2 | hole[u + 1] << 3
            near |= hole[i - 2] << 4 | hole[t] << 5
            wide = near | hole[u - 2] << 6 | hole[u + 2] << 7 | hole[t + 1] << 8
            wide |= hole[t - 1] << 9 | hole[i - 3] << 10

            # The hole flag's contexts.
            keys[0] = wide
            keys[1] = _class(w - n) * 16 + _class(ne - n)
            contexts = 2
            rows[0], rows[1], rows[2] = 3 * _SETS, 3 * _SETS + 64, 3 * _SETS + 128
            if wide:
                contexts = _HOLES
                keys[1] += near << 8
                keys[2] = near | hole[u + 2] << 6 | hole[u + 3] << 7 | hole[u + 4] << 8
                keys[2] |= hole[u + 5] << 9
                keys[3] = near << 4 | _class(ne - n)
                keys[4] = near | hole[i - 3] << 6 | hole[i - 4] << 7 | hole[i - 5] << 8
                keys[4] |= hole[i - 6] << 9 | hole[t - 2] << 10 | hole[t + 2] << 11
                keys[4] |= hole[t + 3] << 12
                keys[5] = near << 4 | _bits(size_of[u] + size_of[i - 1] + size_of[u + 1])
                rows[0] += near
                rows[1] += (wide >> 5) & 63
                rows[2] += hole[u + 1] + hole[u + 2] + hole[u + 3] + hole[u + 4] + 1
            for k in range(contexts):
                z = keys[k] * 0x9E3779B1
                z ^= z >> 15
                keys[k] = z
                slots[k] = k * _TABLE + (z & _TABLE - 1)

            what, node, hidden = _HOLE, 0, 0
            value = plane[y, x]
            middle, base, fraction, calm, trust = 0, 0, 0, 0, 0
            offset, negative, counted, length, rest = 0, 0, 0, 0, 0
            other, beside = False, False
            result, track_w, track_n, age_w, age_n = 0, 0, 0, 0, 0
            while True:
                if what == _HOLE:
                    bit = 1 if value == 0 else 0
                elif what == _ZERO:
                    bit = 1 if offset == 0 else 0
                elif what == _OTHER:
                    bit = 1 if abs(value - hidden) <= _NEAR else 0
                elif what == _SIGN:
                    bit = 1 if offset < 0 else 0
                elif what == _MORE:
                    bit = 1 if abs(offset) == counted else 0
                elif what == _LENGTH:
                    bit = 1 if length + 1 < _bits(abs(offset) - _LONGEST) else 0
                else:
                    bit = (abs(offset) - _LONGEST) >> rest - 1 & 1
                if what >= _LENGTH:
                    contexts = 2
                    if what == _LENGTH:
                        slots[0], slots[1] = 64 * calm + 2 * length + negative, 1024 + length
                    else:
                        slots[0], slots[1] = 2048 + 32 * rest + length, 3072 + length
                    slots[0] += (_HOLES + _VALUES) * _TABLE
                    slots[1] += (_HOLES + _VALUES) * _TABLE
                    rows[0] = 3 * _SETS + 192 + 2 * (what - _LENGTH)
                    rows[1], rows[2] = rows[0] + 4, rows[0] + 8
                elif what != _HOLE:
                    for k in range(_VALUES):
                        z = keys[k] ^ node * 0x9E5B
                        slots[k] = (_HOLES + k) * _TABLE + (z & _TABLE - 1)
                    rows[0] = node * 16 + calm
                    rows[1] = _SETS + node * 16 + trust
                    rows[2] = 2 * _SETS + node * 16 + fraction + 4 + (8 if near else 0)
                for k in range(3):
                    rows[k] *= _ROW
                bit = code(
                    bit, decode, coder, data, contexts, slots, rows, estimate, weight, stretched,
                    stretch, squash, rate,
                )  # fmt: skip

                if what == _HOLE:
                    if bit:
                        break
                    # A value: predict it.
                    ww, nn, nne, nee = seen[i - 2], seen[t], seen[t + 1], seen[u + 2]
                    if y == 0:
                        n, nw, ne, nn = w, w, w, w
                    if x == width - 1:
                        ne = n
                    if x == 0:
                        w, nw, ww = n, n, n
                    elif x == 1:
                        ww = w
                    age_w, age_n = age[i - 1], age[u]
                    track_w = surface[i - 1] + slope_x[i - 1] if age_w > 0 else w << 10
                    track_n = surface[u] + slope_y[u] if age_n > 0 else n << 10
                    guess[0], guess[1] = w * unit, n * unit
                    guess[2], guess[3] = (w + n - nw) * unit, (2 * w - ww) * unit
                    guess[4], guess[5] = (2 * n - nn) * unit, (w + ne - n) * unit
                    guess[6], guess[7] = track_w >> 4, track_n >> 4
                    up, down = 0, 0
                    for k in range(_PREDICTORS):
                        m = missed[k]
                        bad = m[i - 1] + m[u] + m[u - 1] + m[u + 1] + (m[i - 2] + m[t] >> 1)
                        share = falloff[min((bad << 4) // unit, 4095)]
                        up += share * (guess[k] - guess[0])
                        down += share
                    best = min(max(guess[0] + up // down, unit), top * unit)
                    middle = best + unit // 2 >> 6
                    base = middle
                    fraction = best - middle * unit >> 3
                    nearby = size_of[i - 1] + size_of[u] + size_of[u - 1] + size_of[u + 1]
                    calm = min(_bits(nearby * 4), 9)
                    bad = min(missed[6, i - 1] + missed[6, u], missed[7, i - 1] + missed[7, u])
                    trust = min(_bits(bad * 4 // unit), 9)
                    offset = value - middle
                    hidden = n
                    if abs(w - middle) > abs(hidden - middle):
                        hidden = w
                    if abs(ne - middle) > abs(hidden - middle):
                        hidden = ne
                    beside = abs(hidden - middle) > _FAR

                    # Contexts: neighbours as they lie about the prediction, coarse and wide or
                    # fine and near; predictions; recent corrections.
                    nww, neee, nnn = seen[u - 2], seen[u + 3], seen[far_row + x] if y > 1 else nn
                    nnw = seen[t - 1]
                    dw, dn, dnw, dne = w - middle, n - middle, nw - middle, ne - middle
                    dww, dnn, dnee, dnww = ww - middle, nn - middle, nee - middle, nww - middle
                    dnne, dnnw, dnnn = nne - middle, nnw - middle, nnn - middle
                    half = unit // 2
                    keys[0] = (_class(dw) * 16 + _class(dn)) * 16 + _class(dne)
                    keys[1] = _clip((guess[6] - best) // half, 31)
                    keys[1] = keys[1] * 64 + _clip((guess[7] - best) // half, 31)
                    keys[2] = _clip((guess[2] - best) // half, 31)
                    keys[2] = keys[2] * 64 + _clip((guess[3] - best) // half, 31)
                    keys[3] = (_clip(dw, 7) * 16 + _clip(dn, 7)) * 16 + _clip(dnw, 7)
                    keys[3] = keys[3] * 16 + _clip(dne, 7)
                    keys[4] = (_clip(dw, 15) * 32 + _clip(dww, 15)) * 32 + _clip(moved[i - 1], 15)
                    keys[5] = (_clip(dn, 15) * 32 + _clip(dnn, 15)) * 32 + _clip(moved[u], 15)
                    keys[6] = near * 16 + _clip((guess[5] - best) // (2 * half), 7)
                    keys[6] = keys[6] * 16 + _clip((guess[4] - best) // (2 * half), 7)
                    z = (_clip(w - n, 3) * 7 + _clip(nw - n, 3)) * 7 + _clip(ne - n, 3)
                    z = (z * 7 + _clip(nee - ne, 3)) * 7 + _clip(nww - nw, 3)
                    keys[7] = ((z * 7 + _clip(ww - w, 3)) * 7 + _clip(nn - n, 3)) * 16
                    keys[7] += _clip(-dn, 7)
                    z = (_clip(dn, 4) * 9 + _clip(nn - n, 4)) * 9 + _clip(nnw - nn, 4)
                    z = (z * 9 + _clip(nne - nn, 4)) * 9 + _clip(ne - n, 4)
                    keys[8] = z * 9 + _clip(nw - n, 4)
                    z = (_clip(dw, 2) * 5 + _clip(dn, 2)) * 5 + _clip(dnw, 2)
                    z = (z * 5 + _clip(dne, 2)) * 5 + _clip(dnee, 2)
                    z = (z * 5 + _clip(dnww, 2)) * 5 + _clip(neee - middle, 2)
                    keys[9] = z * 5 + _clip(seen[u + 4] - middle, 2)
                    z = (_clip(dw, 3) * 7 + _clip(dww, 3)) * 7 + _clip(seen[i - 3] - middle, 3)
                    z = (z * 7 + _clip(seen[i - 4] - middle, 3)) * 7 + _clip(dn, 3)
                    keys[10] = z * 7 + _clip(dne, 3)
                    z = (_clip(dn, 3) * 7 + _clip(dnn, 3)) * 7 + _clip(dnnn, 3)
                    z = (z * 7 + _clip(dw, 3)) * 7 + _clip(dnne, 3)
                    keys[11] = z * 7 + _clip(dnnw, 3)
                    z = (_clip(moved[i - 1], 2) * 5 + _clip(moved[u], 2)) * 8 + fraction + 4
                    z = z * 16 + _clip((guess[6] - middle * unit) * 2 // half, 7)
                    keys[12] = z * 16 + _clip((guess[7] - middle * unit) * 2 // half, 7)
                    z = ((_clip(dw, 1) * 3 + _clip(dn, 1)) * 3 + _clip(dnw, 1)) * 3 + _clip(dne, 1)
                    z = ((z * 3 + _clip(dnee, 1)) * 3 + _clip(dnww, 1)) * 3 + _clip(dnn, 1)
                    z = ((z * 3 + _clip(dww, 1)) * 3 + _clip(dnne, 1)) * 3 + _clip(dnnw, 1)
                    z = (z * 3 + _clip(neee - middle, 1)) * 3 + _clip(seen[u + 4] - middle, 1)
                    keys[13] = z * 3 + _clip(dnnn, 1)
                    for k in range(_VALUES):
                        z = (keys[k] + 1) * 0x9E3779B1 + k * 0x61C88647
                        z ^= z >> 16
                        z *= 0x45D9F3B
                        keys[k] = z ^ z >> 16
                    contexts = _VALUES
                    what, node = _ZERO, 0
                elif what == _ZERO:
                    if bit:
                        offset = 0
                        break
                    if beside:
                        what, node = _OTHER, 1
                    else:
                        what, node = _SIGN, 34 if other else 2
                elif what == _OTHER:
                    beside = False
                    if bit:
                        other, base = True, hidden
                        offset = value - base
                        what, node = _ZERO, 32
                    else:
                        what, node = _SIGN, 2
                elif what == _SIGN:
                    negative, counted = bit, 1
                    what, node = _MORE, (36 if other else 4) + bit
                elif what == _MORE:
                    if bit:
                        offset = -counted if negative else counted
                        break
                    counted += 1
                    node = min(node + 2, (60 if other else 28) + negative)
                    if counted > _LONGEST:
                        what, length = _LENGTH, 0
                elif what == _LENGTH:
                    if bit:
                        length += 1
                        if length > 16:
                            return -1
                    elif length:
                        what, rest, counted = _BITS, length, 1
                    else:
                        offset = -_LONGEST - 1 if negative else _LONGEST + 1
                        break
                else:
                    counted = counted << 1 | bit
                    rest -= 1
                    if rest == 0:
                        offset = _LONGEST + counted
                        offset = -offset if negative else offset
                        break

            if what == _HOLE:
                hole[i] = 1
                result = w if w > 0 else n
                seen[i], surface[i], slope_x[i], slope_y[i], age[i] = result, result << 10, 0, 0, 0
                moved[i], size_of[i] = 0, size_of[i - 1] >> 1
                for k in range(_PREDICTORS):
                    missed[k, i] = missed[k, i - 1]
                if decode:
                    plane[y, x] = 0
                continue
            result = min(max(base + offset, 1), top)
            if decode:
                plane[y, x] = result
            hole[i], seen[i] = 0, result
            moved[i] = result - middle
            size_of[i] = min(abs(moved[i]), 4000)
            for k in range(_PREDICTORS):
                missed[k, i] = min(abs(guess[k] - result * unit), 64 * unit)

            # The tracker: follow the surface through this pixel, or begin a new one.
            level, off_w, off_n = result << 10, (result << 10) - track_w, (result << 10) - track_n
            along, across = abs(off_w) < 2048, abs(off_n) < 2048
            new_age, new_x, new_y = 0, 0, 0
            if along and across:
                share_w, share_n = age_w + 1, age_n + 1
                both = share_w + share_n
                level = (track_w * share_w + track_n * share_n) // both
                new_x = (slope_x[i - 1] * share_w + slope_x[u] * share_n) // both
                new_y = (slope_y[i - 1] * share_w + slope_y[u] * share_n) // both
                new_age = min(max(age_w, age_n) + 1, _MEMORY)
            elif along:
                level, new_x, new_y = track_w, slope_x[i - 1], slope_y[i - 1]
                new_age = min(age_w + 1, _MEMORY)
            elif across:
                level, new_x, new_y = track_n, slope_x[u], slope_y[u]
                new_age = min(age_n + 1, _MEMORY)
            if new_age:
                level += ((result << 10) - level) * 2 // (new_age + 2)
                if along:
                    new_x += off_w // (new_age + 3)
                if across:
                    new_y += off_n // (new_age + 3)
            surface[i], slope_x[i], slope_y[i], age[i] = level, new_x, new_y, new_age
    if decode:
        return coder[AT] if coder[AT] <= len(data) + 8 else -1
    if coder[AT] + 8 > len(data):
        return -1
    return finish(coder, data)
