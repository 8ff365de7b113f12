"""Adaptive binary arithmetic coding as compiled functions that keep their state in registers.

A range coder of 56 bits that moves three bytes at a time; a carry runs back through the bytes
already written. Estimates are 32-bit words, probability << 10 | bits seen, and slow down as they
learn. Only integers, all below 2^63: the bytes mean the same on every machine.

Encoder and decoder are one source. `decoding` is a bool; where it is a constant of the function
that calls, code apart is compiled for it: quicker code, twice the compilation.
"""

# mypy: disable-error-code="assignment, return-value"
from __future__ import annotations

import numpy as np

from ..native import compiled, inlined

Coder = tuple[int, int, int]  # low (decoding: how far the bytes lie above it), width, bytes moved

_WINDOW = 56  # bits
AHEAD = _WINDOW // 8  # bytes that a decoder has read where an encoder has written none
_NARROW = 1 << 32  # below this width bytes move
_SHIFT, _ONE = 22, 1 << 22  # an estimate's probability of a 1, in 1/2^22
_LONGEST = 17  # bits of a number
_LIMIT = 80  # bits beyond which an estimate stops slowing down
HALF = _ONE >> 1 << 10  # an estimate that has seen nothing

_RATE = np.array([655360 // (10 * n + 16) for n in range(_LIMIT + 1)], np.int32)


def estimates(size: int) -> np.ndarray:
    """Return estimates that have seen nothing, uint32 (size,)."""
    return np.full(size, HALF, np.uint32)


@inlined
def bit(
    decision: int, cell: int, estimate: np.ndarray, coder: Coder, data: np.ndarray, decoding: object
) -> tuple[int, Coder]:
    """Code one decision, 0 or 1, or decode it, and learn from it.

    Args:
        decision: unused when decoding.
        cell: its place in `estimate`, uint32 (n,), from `estimates`.
        coder: the coder's state.
        data: uint8 (n,), the bytes written or read.
        decoding: whether to decode.

    Returns:
        The decision and the coder's new state.
    """
    low, wide, at = coder
    index = np.uint64(cell)
    held = np.int64(estimate[index])
    p, seen = held >> 10, held & 1023
    part = (wide >> _SHIFT) * p
    if decoding:
        decision = 1 if low < part else 0
    rate = np.int64(_RATE[np.uint64(seen)])
    seen += 1 if seen < _LIMIT else 0
    if decision:  # each way to its end, so that callers need not ask again which it was
        wide = part
        p += (_ONE - 1 - p) * rate >> 16
        estimate[index] = p << 10 | seen
        if wide < _NARROW:
            low, at = move(low, at, data, decoding)
            wide <<= 24
        return 1, (low, wide, at)
    low = low + part if not decoding else low - part
    wide -= part
    p -= p * rate >> 16
    estimate[index] = p << 10 | seen
    if wide < _NARROW:
        low, at = move(low, at, data, decoding)
        wide <<= 24
    return 0, (low, wide, at)


@inlined
def number(  # type: ignore[no-untyped-def]
    value, lengths, bits, estimate, coder, data, decoding
):
    """Code a number 1..131071: its bit length in unary, then the bits below the leading one.

    The estimates of the length are from `lengths` on (17), those of the bits from `bits` on (72).
    """
    length, more = 1, 1
    while length < _LONGEST:
        more = 1 if value >> length else 0
        more, coder = bit(more, lengths + length, estimate, coder, data, decoding)
        if not more:
            break
        length += 1
    found = np.int64(1)
    for k in range(length - 1):
        cell = bits + 4 * length + (0 if k == 0 else 1 + 2 * (found & 1) if k == 1 else 2)
        one = value >> length - 2 - k & 1
        one, coder = bit(one, cell, estimate, coder, data, decoding)
        found = found << 1 | one
    return found, coder


@compiled
def move(low: int, at: int, data: np.ndarray, decoding: object) -> tuple[int, int]:
    """Write the top three bytes of `low`, or read three; beyond the end nothing, or zeros."""
    i, size, one = np.uint64(at), np.uint64(data.size), np.uint64(1)
    if decoding:
        low <<= 24
        for k in range(3):
            if i < size:
                low |= np.int64(data[i]) << 16 - 8 * k
            i += one
        return low, at + 3
    if i + np.uint64(3) <= size:
        if low >> _WINDOW:
            _carry(data, i)
        for k in range(3):
            data[i] = low >> 48 - 8 * k & 255
            i += one
    return (low & _NARROW - 1) << 24, at + 3


@inlined
def _carry(data: np.ndarray, end: int) -> None:
    """Add one to the number that the bytes before `end` are."""
    j = end - np.uint64(1)
    while data[j] == 255:
        data[j] = 0
        j -= np.uint64(1)
    data[j] += 1


@inlined
def start(data: np.ndarray, decoding: object) -> Coder:
    """Return the state of a coder at the beginning of `data`."""
    low, at = np.int64(0), np.int64(0)
    if decoding:
        for _ in range(AHEAD):
            low = low << 8 | (np.int64(data[np.uint64(at)]) if at < data.size else 0)
            at += 1
    return low, np.int64(1) << _WINDOW, at


@inlined
def begin(held: np.ndarray, data: np.ndarray, decoding: object) -> Coder:
    """Return the state that `pause` kept in `held`, int64 (3,); zeros: one at the beginning."""
    if held[1] == 0:
        return start(data, decoding)
    return held[0], held[1], held[2]


@inlined
def pause(coder: Coder, held: np.ndarray) -> int:
    """Keep a coder's state until rows go on; return how many bytes moved."""
    held[0], held[1], held[2] = coder
    return held[2]


@inlined
def ended(coder: Coder, data: np.ndarray, decoding: object) -> bool:
    """Return whether the bytes ended before what they should say: tested once a row."""
    _, _, at = coder
    return at > data.size + (AHEAD if decoding else 0)


@compiled
def finish(coder: Coder, data: np.ndarray, decoding: object) -> int:
    """Write the fewest bytes, at least one in all, that with zeros after them mean what was coded.

    Returns:
        The bytes in all; -1 if they do not fit, or, decoding, if bytes are missing or left.
    """
    low, wide, at = coder
    if decoding:
        return data.size if data.size <= at <= data.size + AHEAD else -1
    if at > data.size:
        return -1
    for size in range(8):
        unit = np.int64(1) << _WINDOW - 8 * size
        value = (low + unit - 1) // unit * unit
        if value < low + wide and at + size > 0:
            if at + size > data.size:
                return -1
            if value >> _WINDOW:
                _carry(data, np.uint64(at))
            for k in range(size):
                data[np.uint64(at + k)] = value >> 48 - 8 * k & 255
            return at + size
    return -1
