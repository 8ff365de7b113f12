"""The parsers that take bytes from a file, each as a function of bytes that fuzzing calls.

A target returns or raises an `EncodepthError` of one line; anything else is a fault. Checksums are
made to fit, for a fuzzer does not guess them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

from encodepth.codec import parse
from encodepth.codings import jpeg
from encodepth.codings.av1_units import bits, units
from encodepth.codings.base import Coded
from encodepth.container import header as headers
from encodepth.container.chunk import Chunk, Prefix
from encodepth.container.header import Header, Modality
from encodepth.container.sequence import SequenceReader, parse_footer, parse_index
from encodepth.container.still import MAGIC
from encodepth.errors import CorruptFileError, EncodepthError

_MODALITIES = frozenset(range(8))
_SMALL = Header((Modality(0, 8, 8, 3), Modality(1, 8, 8, bits=16, unit=0.001)))


def still(data: bytes) -> None:
    """Parse a picture behind the magic bytes, its checksum made to fit, and write it again."""
    body = MAGIC + b"\1" + data
    whole = body + zlib.crc32(body).to_bytes(4, "little")
    if parse(whole).serialize() != whole:
        raise AssertionError("another file comes out than went in")


def header(data: bytes) -> None:
    """Parse a recording's header, length and checksum made to fit."""
    out = struct.pack("<4sBI", MAGIC, headers.VERSION, len(data)) + data
    whole = out + zlib.crc32(out).to_bytes(4, "little")
    parsed, size = Header.parse(whole)
    if parsed.serialize() != whole or size != len(whole):
        raise AssertionError("another header comes out than went in")


def chunk(data: bytes) -> None:
    """Parse a chunk: three numbers of its prefix, then its body."""
    if len(data) < 4:
        return
    frames, first, span, body = data[0] + 1, data[1], data[2] | data[3] << 8, data[4:]
    prefix = Prefix(first, 0, span, frames, len(body), zlib.crc32(body)).serialize()
    parsed = Chunk.parse(prefix + body, _MODALITIES)
    if parsed.serialize() != prefix + body:
        raise AssertionError("another chunk comes out than went in")


def index(data: bytes) -> None:
    """Parse an index, length and checksum made to fit."""
    out = struct.pack("<4sI", b"\x9aidx", len(data)) + data
    parse_index(out + zlib.crc32(out).to_bytes(4, "little"), 0, 100)


def sequence(data: bytes) -> None:
    """Open a recording whose chunks and index are anything, and read what it says is there."""
    body = _SMALL.serialize() + data
    if len(data) >= 16 and data[-4:] == b"\x9aend":
        body = body[:-8] + zlib.crc32(body[-16:-8]).to_bytes(4, "little") + body[-4:]
        parse_footer(body[-16:])
    whole = SequenceReader(lambda at, size: body[at : at + size], len(body))
    for number in range(min(len(whole.chunks), 8)):
        whole.read(number)


def av1(data: bytes) -> None:
    """Walk the units of an AV1 stream, and read bits of each."""
    for _, _, start, end in units(data):
        take = bits(data[start:end])
        for count in (3, 1, 1, 5, 10, 12, 4):
            take(count)


def values(data: bytes) -> None:
    """Decode both kinds of lists of values."""
    from encodepth.codings import value_list
    from encodepth.codings import values as places

    (places if data[:1] < b"\x80" else value_list).decode_values(data[1:])


def mask(data: bytes) -> None:
    """Decode a mask of some size."""
    from encodepth.codings.mask import decode_mask

    if len(data) > 2:
        found = decode_mask(b"\0" + data[2:], data[0] % 40 + 1, data[1] % 40 + 1)
        if found.dtype != np.bool_:
            raise AssertionError(f"a mask of {found.dtype}")


def kept_jpeg(data: bytes) -> None:
    """Make a JPEG file of its payload."""
    jpeg.kept(Coded(data[1:], b"\1\0\0\0\0"), (16, 8 + data[0] if data else 8))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (still, header, chunk, index, sequence, av1, values, mask, kept_jpeg)
}


def attempt(name: str, data: bytes) -> None:
    """Call a target; whatever it raises but one line of an `EncodepthError` goes through."""
    try:
        TARGETS[name](data)
    except EncodepthError as error:
        if "\n" in str(error) or not str(error):
            raise AssertionError(f"an error of several lines: {error}") from None
        if name not in ("values", "mask", "kept_jpeg") and not isinstance(error, CorruptFileError):
            raise


def seeds() -> dict[str, list[bytes]]:
    """Return whole input for each target, to begin with."""
    from encodepth import Reader, encode
    from encodepth.codings import value_list
    from encodepth.codings import values as places
    from encodepth.codings.mask import encode_mask

    from .damage_recordings import whole_recordings
    from .damage_ways import pair, photograph, whole_files

    stills, recordings = whole_files(None), whole_recordings(None)[:3]
    small = pair(20, 30)
    made: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    made["still"] = [data[5:-4] for data in stills if len(data) < 2000]
    for data in recordings:
        whole = Reader(data).container
        made["header"].append(whole.header.serialize()[9:-4])
        for number in range(len(whole.chunks)):
            raw = whole.raw(number)
            span = whole.chunks[number].end - whole.chunks[number].start
            head = bytes([whole.chunks[number].frames - 1, 0, span & 255, span >> 8 & 255])
            made["chunk"].append(head + raw[45:])
        made["sequence"].append(data[len(whole.header.serialize()) :])
    made["index"] = [b"\1\x64\1\0\0", b"\2\x32\1\0\4\x32\2\0\0"]
    made["av1"] = [b"\x12\0\x0a\x0b" + bytes(11) + b"\x32\3abc"]
    listed = np.array([1, 2, 5, 900, 40_000], np.uint16)
    made["values"] = [
        b"\0" + places.encode_values(listed),
        b"\xff" + value_list.encode_values(listed),
    ]
    assert small.depth is not None
    made["mask"] = [bytes([19, 29]) + encode_mask(small.depth > 0)[1:]]
    made["kept_jpeg"] = [
        bytes([16])
        + parse(encode(photograph(16, 24, quality=q), lossless="color")).streams[0].payload
        for q in (85, 100)
    ]
    return made
