"""Numbers in files: varints out, and fields taken off the front of bytes with every shortage named.

A varint is an unsigned integer, 7 bits a byte, low bits first, the top bit of a byte set when more
follow, always in its shortest form when we write it.
"""

from __future__ import annotations

import struct

from .errors import CorruptFileError

_MOST = 5  # bytes of a varint


def varint(value: int) -> bytes:
    """Return an integer from 0 on in 7 bits a byte."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class Fields:
    """Takes fields off the front of `body`.

    Raises:
        CorruptFileError: from every method, when bytes are missing or a number is too long.
    """

    def __init__(self, body: bytes, at: int = 0) -> None:
        self.body, self.at = body, at

    @property
    def left(self) -> int:
        """Bytes that were not taken yet."""
        return len(self.body) - self.at

    def take(self, size: int, what: str) -> bytes:
        """Return the next `size` bytes."""
        if not 0 <= size <= self.left:
            raise CorruptFileError(
                f"{what} at byte {self.at} claims {size} bytes, {self.left} remain"
            )
        self.at += size
        return self.body[self.at - size : self.at]

    def byte(self, what: str) -> int:
        """Return the next byte as a number."""
        return self.take(1, what)[0]

    def struct(self, layout: struct.Struct, what: str) -> tuple:
        """Return what a layout of fixed size holds."""
        return layout.unpack(self.take(layout.size, what))

    def varint(self, what: str) -> int:
        """Return a varint of at most 5 bytes."""
        start, value = self.at, 0
        for shift in range(0, 7 * _MOST, 7):
            byte = self.byte(what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise CorruptFileError(f"{what} at byte {start} is longer than {_MOST} bytes")

    def end(self, what: str) -> None:
        """Make sure that nothing is left."""
        if self.left:
            raise CorruptFileError(f"{self.left} stray bytes after {what}")
