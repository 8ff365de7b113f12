"""A recording, version 2 of `.rgbd`: a header, chunks one after another, an index at the end.

It is written as a stream and needs no index to be read: without one (power was lost, the process
was killed) the chunks' prefixes say where the next one is. Damage costs the group it is in, which
is a chunk, or several that were written as their frames came.
"""

from __future__ import annotations

import bisect
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

from ..errors import CorruptFileError
from ..packing import LONG, Fields, signed_varint, varint
from .chunk import (
    CHUNK_MARKER,
    MAX_BODY,
    MAX_FRAMES,
    MAX_NUMBER,
    MAX_TIME,
    MIN_TIME,
    PREFIX_SIZE,
    Chunk,
    Frame,
    Part,
    Prefix,
    grouped,
    moved,
)
from .header import Header, header_size

INDEX_MARKER = b"\x9aidx"
END_MARKER = b"\x9aend"
MAX_INDEX = 1 << 28  # bytes

_INDEX = struct.Struct("<4sI")  # marker, length of what follows up to the CRC
_CRC = struct.Struct("<I")
_FOOTER = struct.Struct("<QI4s")  # offset of the index, CRC of the offset, marker
_START = 1 << 16  # bytes that are read at once for the header, and searched at once for a chunk
_LEAST_ENTRY = 4  # bytes of an index entry

ReadAt = Callable[[int, int], bytes]
"""(offset, size) -> so many bytes of the file from there; fewer are an error."""


class Sink(Protocol):
    """What a recording is written to."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Entry:
    """A group's place in the file and in the recording: a chunk, or the parts of one.

    Attributes:
        offset, size: bytes of its chunks, prefixes and all.
        first, frames: number of its first frame, and how many it has.
        start, end: times of its first and its last frame, in ns.
    """

    offset: int
    size: int
    first: int
    frames: int
    start: int
    end: int

    def and_more(self, part: Prefix) -> Entry:
        """Return the entry with a further part.

        Raises:
            ValueError: a group has no room for so much.
        """
        frames, size = self.frames + part.frames, self.size + part.size
        if frames > MAX_FRAMES or size > MAX_BODY + PREFIX_SIZE:
            raise ValueError(f"group of {frames} frames in {size} bytes")
        return replace(self, frames=frames, size=size, end=part.end)


class SequenceWriter:
    """Writes a recording, chunk by chunk, and never goes back.

    A chunk is given to the file in one `write` and flushed, so whatever happens later leaves it
    whole. `close` writes the index; without it the file reads as well, if slower to open.

    Args:
        file: anything with `write`, and with `flush` if it holds bytes back.
        header: goes first.
    """

    def __init__(self, file: Sink, header: Header) -> None:
        self._file, self.header = file, header
        self.entries: list[Entry] = []
        data = header.serialize()
        self._at, self._open, self._goes_on = len(data), True, False
        self._write(data)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._at

    @property
    def frames(self) -> int:
        """How many frames are written."""
        return self.entries[-1].first + self.entries[-1].frames if self.entries else 0

    def write(self, frames: Sequence[Frame], part: Part = Part.WHOLE) -> Entry:
        """Write frames as a chunk, or as a part of a group; return the group's entry.

        Whether what a further part leans on is in the parts before shows when the group is read.

        Raises:
            ValueError: they lean on others, have a modality that the header does not have, are out
                of range, or go on from nothing; nothing is written.
        """
        for frame in frames:
            for stream in frame.streams:
                if stream.modality not in self.header.numbers:
                    raise ValueError(f"modality {stream.modality} is not in the header")
        return self._add(Chunk(self.frames, tuple(frames), part).serialize())

    def copy(self, chunk: bytes, shift: int = 0) -> Entry:
        """Write a group of another recording with the same modalities, without decoding it.

        Args:
            chunk: as `SequenceReader.raw` returns it.
            shift: ns that are added to its times.

        Raises:
            CorruptFileError: its prefix is damaged.
            ValueError: its times would be out of range.
        """
        return [self._add(moved(part, self.frames, shift)) for part in _parts(chunk)][-1]

    def close(self) -> None:
        """Write index and footer; the file itself stays open."""
        if self._open:
            self._open = False
            end = index_bytes(self.entries) + footer_bytes(self._at)
            self._write(end)
            self._at += len(end)

    def _add(self, data: bytes) -> Entry:
        assert self._open
        prefix = Prefix.parse(data)
        if further := prefix.part is Part.FURTHER:
            if not self._goes_on:
                raise ValueError("a further part of a group that was not begun")
            entry = self.entries[-1].and_more(prefix)
        else:
            entry = _entry(self._at, prefix)
        self._write(data)
        self._at += len(data)
        self.entries[-1 if further else len(self.entries) :] = [entry]
        self._goes_on = prefix.part is not Part.WHOLE
        return entry

    def _write(self, data: bytes) -> None:
        left = data
        while left:  # a raw file may take less than it is given
            taken = self._file.write(left)
            left = left[taken:] if isinstance(taken, int) else b""
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()


class SequenceReader:
    """Reads a recording in any order; holds its header and the places of its chunks.

    It keeps no position and changes nothing after it is made: several threads may use it if
    `read_at` allows that.

    Args:
        read_at: (offset, size) -> bytes.
        size: of the file, in bytes.
        use_index: False to look for chunks as if the file had no index.

    Attributes:
        header: what frames are made of.
        chunks: those that can be found, in order, the parts of a group as one; frames may be
            missing between them.
        problems: one line for each thing that is wrong with the file, none if all is well. Whether
            a chunk's frames are damaged shows only when it is read.
        indexed: whether the file has its index, which it lacks if it was not closed.

    Raises:
        CorruptFileError: the header is missing or damaged.
    """

    def __init__(self, read_at: ReadAt, size: int, use_index: bool = True) -> None:
        self._read_at, self.size = read_at, size
        start = self._read(0, min(size, _START))
        needed = header_size(start)
        if len(start) < needed <= size:
            start = self._read(0, needed)
        self.header, self._begin = Header.parse(start)
        found: list[str] = []
        entries = self._from_index(found) if use_index else None
        self.indexed = entries is not None
        self.chunks = tuple(self._scan(found) if entries is None else entries)
        self.problems = tuple(found)
        self._firsts = [entry.first for entry in self.chunks]

    @property
    def frames(self) -> int:
        """One more than the number of the last frame that is there."""
        return self.chunks[-1].first + self.chunks[-1].frames if self.chunks else 0

    def find(self, frame: int) -> int:
        """Return which chunk a frame is in.

        Raises:
            IndexError: the recording has no such frame.
            CorruptFileError: the chunk it was in is lost.
        """
        if not 0 <= frame < self.frames:
            raise IndexError(f"frame {frame}; the recording has {self.frames}")
        number = bisect.bisect_right(self._firsts, frame) - 1
        if number < 0 or frame >= self.chunks[number].first + self.chunks[number].frames:
            raise CorruptFileError(f"frame {frame} is in a damaged part of the file")
        return number

    def read(self, number: int) -> Chunk:
        """Read and check a chunk.

        Raises:
            CorruptFileError: it is damaged, or not what the index says.
        """
        entry, where = self.chunks[number], f"chunk {number}"
        parts = _parts(self.raw(number), where)
        try:
            chunk = grouped([Chunk.parse(part, self.header.numbers, where) for part in parts])
        except ValueError as error:
            raise CorruptFileError(f"{where}: {error}") from None
        found = (chunk.first, len(chunk.frames), chunk.frames[0].time, chunk.frames[-1].time)
        if found != (entry.first, entry.frames, entry.start, entry.end):
            raise CorruptFileError(f"{where}: frames and times differ from the index")
        return chunk

    def raw(self, number: int) -> bytes:
        """Return a chunk's bytes unread, for `SequenceWriter.copy`."""
        return self._read(self.chunks[number].offset, self.chunks[number].size)

    def _read(self, offset: int, size: int) -> bytes:
        data = self._read_at(offset, size)
        if len(data) != size:
            raise CorruptFileError(f"truncated: {len(data)} of {size} bytes at byte {offset}")
        return data

    def _from_index(self, problems: list[str]) -> list[Entry] | None:
        """Return the chunks that the index names, None if there is no whole one."""
        least = self._begin + len(index_bytes(())) + _FOOTER.size
        if self.size < least:
            return None
        footer = self._read(self.size - _FOOTER.size, _FOOTER.size)
        try:
            offset = parse_footer(footer)
            size = self.size - _FOOTER.size - offset
            if not self._begin <= offset or not _INDEX.size <= size <= MAX_INDEX:
                raise CorruptFileError(f"footer puts the index at byte {offset}")
            return parse_index(self._read(offset, size), self._begin, offset)
        except CorruptFileError as error:
            if footer.endswith(END_MARKER):
                problems.append(str(error))
            return None

    def _scan(self, problems: list[str]) -> list[Entry]:
        """Return the groups that prefixes name, and go on behind those that are damaged."""
        found: list[Entry] = []
        at, frame, goes_on = self._begin, 0, False
        while at < self.size:
            head = self._read(at, min(PREFIX_SIZE, self.size - at))
            if head[: len(INDEX_MARKER)] == INDEX_MARKER:
                break
            try:
                prefix = Prefix.parse(head, f"chunk at byte {at}")
                if prefix.first < frame:
                    raise CorruptFileError(f"chunk at byte {at}: frame {prefix.first} comes twice")
                further = prefix.part is Part.FURTHER
                if further and not (goes_on and prefix.first == frame):
                    raise CorruptFileError(f"chunk at byte {at}: what it goes on from is missing")
                entry = found[-1].and_more(prefix) if further else _entry(at, prefix)
            except (CorruptFileError, ValueError) as error:
                after, goes_on = self._next_chunk(at + 1, frame), False
                cut = after is None and len(head) < PREFIX_SIZE
                problems.append(f"truncated: {len(head)} bytes at byte {at}" if cut else str(error))
                if after is None:
                    break
                at = after
                continue
            if prefix.size > self.size - at:
                problems.append(
                    f"truncated: chunk at byte {at} claims {prefix.size} bytes, "
                    f"{self.size - at} remain"
                )
                break
            if prefix.first > frame:
                problems.append(f"frames {frame}..{prefix.first - 1} are missing")
            found[-1 if further else len(found) :] = [entry]
            at, frame = at + prefix.size, prefix.first + prefix.frames
            goes_on = prefix.part is not Part.WHOLE
        return found

    def _next_chunk(self, at: int, frame: int) -> int | None:
        """Return where the next group begins with a whole prefix, not before that frame."""
        while at + PREFIX_SIZE <= self.size:
            window = self._read(at, min(_START, self.size - at))
            place = window.find(CHUNK_MARKER)
            while place >= 0 and place + PREFIX_SIZE <= len(window):
                try:
                    prefix = Prefix.parse(window[place : place + PREFIX_SIZE])
                    if prefix.first >= frame and prefix.part is not Part.FURTHER:
                        return at + place
                except CorruptFileError:
                    pass
                place = window.find(CHUNK_MARKER, place + 1)
            at += max(len(window) - PREFIX_SIZE + 1, 1)
        return None


def _entry(at: int, prefix: Prefix) -> Entry:
    return Entry(at, prefix.size, prefix.first, prefix.frames, prefix.start, prefix.end)


def _parts(data: bytes, where: str = "chunk") -> list[bytes]:
    """Return the chunks that a group's bytes consist of; the last is what is left, whole or not.

    Raises:
        CorruptFileError: a prefix is damaged.
    """
    parts: list[bytes] = []
    at = 0
    while not parts or at < len(data):
        prefix = Prefix.parse(data[at : at + PREFIX_SIZE], where)
        whole = prefix.part is Part.WHOLE
        parts.append(data[at:] if whole else data[at : at + prefix.size])
        at = len(data) if whole else at + prefix.size
    return parts


def index_bytes(entries: Sequence[Entry]) -> bytes:
    """Return the index of chunks that follow one another without gaps, CRC-32 last."""
    body, time = bytearray(varint(len(entries))), 0
    for entry in entries:
        body += varint(entry.size) + varint(entry.frames)
        body += signed_varint(entry.start - time) + signed_varint(entry.end - entry.start)
        time = entry.end
    out = _INDEX.pack(INDEX_MARKER, len(body)) + body
    return out + _CRC.pack(zlib.crc32(out))


def parse_index(data: bytes, begin: int, end: int) -> list[Entry]:
    """Read an index of the chunks between two offsets.

    Raises:
        CorruptFileError: a bad checksum, bytes missing or left over, any field out of range, or
            chunks that do not fill the space between the offsets.
    """
    read = Fields(data, longest=LONG, where="index")
    marker, length = _INDEX.unpack(read.take(_INDEX.size, "head"))
    if marker != INDEX_MARKER or length != read.left - _CRC.size:
        raise read.fail(f"starts with {data[:8].hex()}; expected {INDEX_MARKER.hex()} and length")
    if _CRC.unpack(data[-_CRC.size :])[0] != zlib.crc32(data[: -_CRC.size]):
        raise read.fail("checksum mismatch")
    count = read.varint("chunk count", length // _LEAST_ENTRY)
    rows = [_read_entry(read) for _ in range(count)]
    if read.left != _CRC.size:
        raise read.fail(f"{read.left - _CRC.size} stray bytes after the last entry")
    offsets = list(accumulate((row[0] for row in rows), initial=begin))
    if offsets[-1] != end:
        raise read.fail(f"chunks end at byte {offsets[-1]}; expected {end}")
    entries, first, time = [], 0, 0
    for offset, (size, frames, start, span) in zip(offsets, rows, strict=False):
        start += time
        time = start + span
        if not (MIN_TIME <= start <= MAX_TIME and MIN_TIME <= time <= MAX_TIME):
            raise read.fail(f"time of frame {first} is beyond 2^62 ns")
        entries.append(Entry(offset, size, first, frames, start, time))
        first += frames
    if first > MAX_NUMBER:
        raise read.fail(f"{first} frames; at most {MAX_NUMBER}")
    return entries


def _read_entry(read: Fields) -> tuple[int, int, int, int]:
    """Return size, frames, time after the last entry's end, and time from start to end."""
    size, frames = read.varint("size", MAX_BODY + PREFIX_SIZE), read.varint("frames", MAX_FRAMES)
    if size < PREFIX_SIZE + _LEAST_ENTRY or not frames:
        raise read.fail(f"entry claims {frames} frames in {size} bytes")
    return size, frames, read.signed_varint("start"), read.signed_varint("end")


def footer_bytes(offset: int) -> bytes:
    """Return the file's last 16 bytes, which say where the index is."""
    place = struct.pack("<Q", offset)
    return _FOOTER.pack(offset, zlib.crc32(place), END_MARKER)


def parse_footer(data: bytes) -> int:
    """Return where the index is.

    Raises:
        CorruptFileError: these are not the last 16 bytes of a recording that was closed.
    """
    offset, checksum, marker = _FOOTER.unpack(data)
    if marker != END_MARKER or zlib.crc32(data[:8]) != checksum:
        raise CorruptFileError(f"file ends with {data.hex()}; expected a footer")
    return offset
