"""Numbers and texts in files, each in its one form, and fields taken off the front of bytes.

A varint is an unsigned integer, 7 bits a byte, low bits first, the top bit of a byte set when more
follow, in its shortest form. Whatever is read has been checked: a shortage, a longer spelling of a
number, or a number that is not finite is a CorruptFileError that says where.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

from .errors import CorruptFileError

MAX_WHOLE = (1 << 64) - 1  # of a varint
SHORT, LONG = 5, 10  # bytes of a varint: what version 1 allows, and what 64 bits need


def view(data: Any) -> memoryview | None:
    """Return what is bytes-like as plain bytes, None for anything else.

    That is bytes, bytearray, memoryview, mmap, an array of bytes or a scalar of them (numpy.void),
    as TFRecord, HDF5, Zarr and LMDB give. Nothing is copied where the bytes lie in one piece.
    """
    try:
        found = memoryview(data)
    except TypeError:
        return None
    try:
        return found.cast("B")
    except TypeError:  # in pieces, or of a type of its own
        return memoryview(found.tobytes())


def varint(value: int) -> bytes:
    """Return an unsigned integer below 2^64."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def signed_varint(value: int) -> bytes:
    """Return an integer within -2^63 .. 2^63 - 1 as the varint of 0, -1, 1, -2 .. by number."""
    return varint(value << 1 if value >= 0 else ~value << 1 | 1)


def text(value: str) -> bytes:
    """Return UTF-8 behind the varint of its length in bytes."""
    return blob(value.encode())


def blob(value: bytes) -> bytes:
    """Return bytes behind the varint of their number."""
    return varint(len(value)) + value


def floats(values: Sequence[float]) -> bytes:
    """Return float64s, little-endian."""
    return struct.pack(f"<{len(values)}d", *values)


class Fields:
    """Takes fields off the front of bytes; every shortage is a CorruptFileError.

    Args:
        body: the bytes.
        at: where to begin.
        where: begins the messages, as in "chunk 3".
        longest: bytes that a varint may have.
    """

    def __init__(self, body: bytes, at: int = 0, where: str = "", longest: int = SHORT) -> None:
        self.body, self.at, self.where, self.longest = body, at, where, longest

    def fail(self, what: str) -> CorruptFileError:
        """Return the error that says what is wrong, and where."""
        return CorruptFileError(f"{self.where}: {what}" if self.where else what)

    @property
    def left(self) -> int:
        """Bytes that have not been taken."""
        return len(self.body) - self.at

    def take(self, size: int, what: str) -> bytes:
        """Take `size` bytes."""
        if not 0 <= size <= self.left:
            raise self.fail(f"{what} at byte {self.at} claims {size} bytes, {self.left} remain")
        self.at += size
        return self.body[self.at - size : self.at]

    def byte(self, what: str) -> int:
        """Take one byte as a number."""
        return self.take(1, what)[0]

    def struct(self, layout: struct.Struct, what: str) -> tuple:
        """Take what a layout of fixed size holds."""
        return layout.unpack(self.take(layout.size, what))

    def varint(self, what: str, most: int = MAX_WHOLE) -> int:
        """Take an unsigned integer of at most `most`."""
        start, value, shift = self.at, 0, 0
        while True:
            byte = self.byte(what)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift == 7 * self.longest:
                raise self.fail(f"{what} at byte {start} is longer than {self.longest} bytes")
        if byte == 0 and shift > 7:
            raise self.fail(f"{what} at byte {start} is not in its shortest form")
        if value > most:
            raise self.fail(f"{what} {value} at byte {start} is above {most}")
        return value

    def signed_varint(self, what: str) -> int:
        """Take an integer within -2^63 .. 2^63 - 1."""
        value = self.varint(what)
        return ~(value >> 1) if value & 1 else value >> 1

    def blob(self, what: str, most: int) -> bytes:
        """Take at most `most` bytes that stand behind their number."""
        return self.take(self.varint(f"length of {what}", most), what)

    def text(self, what: str, most: int) -> str:
        """Take at most `most` bytes of UTF-8."""
        start = self.at
        try:
            return self.blob(what, most).decode()
        except UnicodeDecodeError:
            raise self.fail(f"{what} at byte {start} is not UTF-8") from None

    def floats(self, count: int, what: str) -> tuple[float, ...]:
        """Take finite float64s."""
        start = self.at
        values = struct.unpack(f"<{count}d", self.take(8 * count, what))
        if not all(math.isfinite(value) for value in values):
            raise self.fail(f"{what} at byte {start} is not finite")
        return values

    def end(self, what: str) -> None:
        """Make sure that nothing is left."""
        if self.left:
            raise self.fail(f"{self.left} stray bytes after {what}")
