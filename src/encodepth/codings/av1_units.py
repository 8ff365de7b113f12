"""The units (OBUs) that AV1 streams are made of, and the bits of their headers.

Everything here is of the AV1 specification, 5.3 to 5.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..errors import CorruptFileError
from ..packing import blob

SEQUENCE, DELIMITER, FRAME_HEADER, FRAME = 1, 2, 3, 6  # types


class Announced(NamedTuple):
    """What a sequence header says.

    Attributes:
        still: whether it is the reduced one of a still picture; else it is of pictures over time.
        width, height: of a picture at most.
        bits_of: that width and height are written in.
        depth: bits of a sample.
    """

    still: bool
    width: int
    height: int
    bits_of: tuple[int, int]
    depth: int


def announced(sequence: bytes) -> Announced | None:
    """Read the body of a sequence header (5.5.1).

    Returns:
        What it says; None where it is neither a reduced still picture's nor that of pictures of one
        layer without timing.
    """
    take = bits(sequence)
    profile, still, reduced = take(3), take(1), take(1)
    if still != reduced:
        return None
    if not still and take(1 + 1 + 5 + 12):  # timing, delay, operating points, layers
        return None
    if take(5) > 7 and not still:  # level, from 4.0 on with a tier
        take(1)
    bits_of = (take(4) + 1, take(4) + 1)
    width, height = take(bits_of[0]) + 1, take(bits_of[1]) + 1
    if still:
        take(6)  # which tools there are
    else:
        _skip_tools(take)
    depth = (12 if profile == 2 and take(1) else 10) if take(1) else 8
    return Announced(still == 1, width, height, bits_of, depth)


def _skip_tools(take: Callable[[int], int]) -> None:
    """Pass over which tools there are over time."""
    if take(1):  # frames have numbers
        take(4 + 3)
    take(3 + 4)  # tools within a picture and between pictures
    if order := take(1):
        take(2)
    force_tools = 2 if take(1) else take(1)  # of screens; 2: each frame says
    if force_tools and not take(1):
        take(1)
    take(3 * order)
    take(3)


def units(stream: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (type, start, start of its body, end) of the units of a stream.

    Raises:
        CorruptFileError: it is not made of whole units that say their size and have no extension.
    """
    at = 0
    while at < len(stream):
        start, head = at, stream[at]
        if head & 0x85 or not head & 2:  # forbidden bit, extension, reserved bit; size is a must
            raise CorruptFileError(f"AV1 unit at byte {at} starts with {head:#04x}")
        at, size = at + 1, 0
        for shift in range(0, 35, 7):
            if at >= len(stream):
                raise CorruptFileError(f"AV1 unit at byte {start} is cut short")
            byte = stream[at]
            size |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                break
        if size > len(stream) - at:
            raise CorruptFileError(f"AV1 unit at byte {start} is cut short")
        yield head >> 3 & 15, start, at, at + size
        at += size


def unit(kind: int, body: bytes) -> bytes:
    """Return a unit that says its size."""
    return bytes([kind << 3 | 2]) + blob(body)


def bits(data: bytes) -> Callable[[int], int]:
    """Return what takes so many bits off the front of bytes, highest first; zeros behind the end.

    It is for headers: after 16 bytes nothing is left.
    """
    held, at = int.from_bytes(data[:16].ljust(16, b"\0"), "big"), 128

    def take(count: int) -> int:
        nonlocal at
        at -= count
        return held >> at & (1 << count) - 1

    return take
