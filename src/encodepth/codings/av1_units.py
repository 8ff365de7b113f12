"""The units (OBUs) that AV1 streams are made of, and the bits of their headers.

Everything here is of the AV1 specification, 5.3 to 5.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..errors import CorruptFileError
from ..packing import blob

SEQUENCE, DELIMITER, FRAME_HEADER, FRAME = 1, 2, 3, 6  # types


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
