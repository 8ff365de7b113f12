"""A chunk: frames that decode without any other chunk, behind a prefix that can be read alone.

The prefix holds the chunk's place in the recording (number of its first frame, times), the body
everything else relative to it, each under a checksum of its own. So a chunk is cut out or joined
to another recording by writing 45 bytes anew and copying the rest unread.

What is recorded live comes in parts, chunks that go on from the ones before: a group that is
written frame by frame.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import IntEnum

from ..errors import CorruptFileError
from ..packing import LONG, Fields, floats, signed_varint, varint
from .stream import Stream

CHUNK_MARKER = b"\x9achk"
MAX_FRAMES = 1 << 16  # of a chunk
MAX_BODY = 1 << 30  # bytes of a chunk besides its prefix
MAX_NUMBER = 1 << 48  # of a frame
MAX_STREAMS = 15  # of a frame
MAX_REFERENCES = 15  # of a stream
MAX_PARAMETERS = 4096  # bytes of a stream
MIN_TIME, MAX_TIME = -(1 << 62), 1 << 62  # in ns: 146 years to both sides of the clock's zero

_PREFIX = struct.Struct("<4sBQqqIII")  # marker, flags, first frame, times, frames, length, CRC
_CRC = struct.Struct("<I")
PREFIX_SIZE = _PREFIX.size + _CRC.size
_STREAMS, _POSE = 0x0F, 0x30  # of a frame's first byte: how many streams, which pose
_POSES = {0x10: 7, 0x20: 12}  # numbers of each
_SAME = 1  # of a stream's flags: coding, references and parameters as of the last one of its kind

_StreamHead = tuple[int, tuple[tuple[int, int], ...], bytes]  # coding, references, parameters


class Part(IntEnum):
    """What a chunk holds of a group, whose frames decode without any other group."""

    WHOLE = 0
    FIRST = 1
    FURTHER = 2  # its frames may lean on those of the parts before


@dataclass(frozen=True)
class Frame:
    """What was seen at one moment.

    Attributes:
        time: ns, as the recording's clock had it.
        streams: 1..15 of modalities that differ.
        pose: of the recording's common frame in the world, if known: translation in metres and
            quaternion (x, y, z, w), or rotation row by row and translation; 7 or 12 numbers.
    """

    time: int
    streams: tuple[Stream, ...]
    pose: tuple[float, ...] | None = None

    def stream(self, modality: int) -> Stream | None:
        """Return the stream of that modality, or None."""
        return next((stream for stream in self.streams if stream.modality == modality), None)

    @property
    def key(self) -> bool:
        """Whether decoding can start here."""
        return all(stream.is_key for stream in self.streams)


@dataclass(frozen=True)
class Prefix:
    """What a chunk's first 45 bytes say.

    Attributes:
        first: number of the first frame in the recording.
        start, end: time of the first and the last frame, in ns.
        frames: how many there are.
        length: bytes that follow the prefix.
        checksum: CRC-32 of those bytes.
        part: what the chunk holds of its group.
    """

    first: int
    start: int
    end: int
    frames: int
    length: int
    checksum: int
    part: Part = Part.WHOLE

    @property
    def size(self) -> int:
        """Bytes of the whole chunk."""
        return PREFIX_SIZE + self.length

    def serialize(self) -> bytes:
        """Return the prefix's bytes."""
        out = _PREFIX.pack(
            CHUNK_MARKER, self.part, self.first, self.start, self.end, self.frames, self.length,
            self.checksum,
        )  # fmt: skip
        return out + _CRC.pack(zlib.crc32(out))

    @classmethod
    def parse(cls, data: bytes, where: str = "chunk") -> Prefix:
        """Read a prefix at the front of `data`.

        Raises:
            CorruptFileError: there is none, or a field is out of range.
        """
        read = Fields(data, longest=LONG, where=where)
        body = read.take(_PREFIX.size, "prefix")
        if _CRC.unpack(read.take(_CRC.size, "prefix"))[0] != zlib.crc32(body):
            raise read.fail("prefix is damaged: checksum mismatch")
        marker, part, first, start, end, frames, length, checksum = _PREFIX.unpack(body)
        if marker != CHUNK_MARKER or part > max(Part):
            wanted = f"{CHUNK_MARKER.hex()}00, 01 or 02"
            raise read.fail(f"prefix starts with {body[:5].hex()}; expected {wanted}")
        if not 1 <= frames <= MAX_FRAMES or first > MAX_NUMBER or length > MAX_BODY:
            raise read.fail(f"prefix claims {frames} frames from {first} on in {length} bytes")
        if frames * 4 > length:  # time, head, modality, flags and length, but for the first time
            raise read.fail(f"{frames} frames do not fit in {length} bytes")
        return cls(first, start, end, frames, length, checksum, Part(part))


@dataclass(frozen=True)
class Chunk:
    """Frames in a row. `Chunk.parse(c.serialize(n), n) == c` where all modalities are in `n`.

    Raises:
        ValueError: a field is out of range, or a stream leans on what is not in the chunk; of a
            further part, on what is not in this one or before it.
    """

    first: int
    frames: tuple[Frame, ...]
    part: Part = Part.WHOLE

    def __post_init__(self) -> None:
        if not 0 <= self.first <= MAX_NUMBER:
            raise ValueError(f"first frame {self.first}; expected 0..{MAX_NUMBER}")
        if not 1 <= len(self.frames) <= MAX_FRAMES:
            raise ValueError(f"{len(self.frames)} frames in a chunk; expected 1..{MAX_FRAMES}")
        before: list[frozenset[int]] = []
        for number, frame in enumerate(self.frames):
            try:
                before.append(_check_frame(frame, before, self.part is Part.FURTHER))
            except ValueError as error:
                raise ValueError(f"frame {self.first + number}: {error}") from None

    def serialize(self) -> bytes:
        """Return the chunk's bytes, prefix first.

        Raises:
            ValueError: there are more than 2^30 of them.
        """
        body = bytearray()
        last: dict[int, _StreamHead] = {}
        before = self.frames[0].time
        for number, frame in enumerate(self.frames):
            if number:
                body += signed_varint(frame.time - before)
            body += _frame_head(frame, last)
            before = frame.time
        for frame in self.frames:
            for stream in frame.streams:
                body += stream.payload
        if len(body) > MAX_BODY:
            raise ValueError(f"chunk of {len(body)} bytes; expected at most {MAX_BODY}")
        prefix = Prefix(
            self.first, self.frames[0].time, before, len(self.frames), len(body), zlib.crc32(body),
            self.part,
        )  # fmt: skip
        return prefix.serialize() + bytes(body)

    @classmethod
    def parse(cls, data: bytes, modalities: AbstractSet[int], where: str = "chunk") -> Chunk:
        """Read a whole chunk.

        Args:
            data: prefix and body, no more.
            modalities: numbers that the header has.
            where: begins the messages, as in "chunk 3".

        Raises:
            CorruptFileError: bytes missing or left over, a bad checksum, any field out of range or
                not in its one form, a modality that the header does not have.
        """
        prefix = Prefix.parse(data, where)
        body = data[PREFIX_SIZE:]
        if len(body) != prefix.length:
            raise CorruptFileError(
                f"{where}: prefix claims {prefix.length} bytes, {len(body)} remain"
            )
        if zlib.crc32(body) != prefix.checksum:
            raise CorruptFileError(f"{where}: checksum mismatch: its frames are damaged")
        read = Fields(body, longest=LONG, where=where)
        last: dict[int, _StreamHead] = {}
        heads, time = [], prefix.start
        for number in range(prefix.frames):
            if number:
                time += read.signed_varint("time")
            heads.append(_read_frame_head(read, time, modalities, last))
        if time != prefix.end:
            raise read.fail(f"last frame is at {time} ns; the prefix says {prefix.end}")
        frames = tuple(_with_payloads(read, frame, lengths) for frame, lengths in heads)
        if read.left:
            raise read.fail(f"{read.left} stray bytes after the last payload")
        try:
            return cls(prefix.first, frames, prefix.part)
        except ValueError as error:
            raise read.fail(str(error)) from None


def grouped(parts: Sequence[Chunk]) -> Chunk:
    """Return the group that is in one whole chunk, or in a first part and those that follow it.

    Raises:
        ValueError: these are not the parts of a group, or lean on what it does not have.
    """
    if len(parts) == 1 and parts[0].part is not Part.FURTHER:
        return replace(parts[0], part=Part.WHOLE)
    kinds = [part.part for part in parts]
    if kinds != [Part.FIRST, *[Part.FURTHER] * (len(parts) - 1)]:
        raise ValueError(f"parts of kind {[*map(int, kinds)]}; expected 1, then 2")
    for before, part in itertools.pairwise(parts):
        if part.first != before.first + len(before.frames):
            raise ValueError(f"frame {part.first} follows {before.first + len(before.frames) - 1}")
    return Chunk(parts[0].first, tuple(frame for part in parts for frame in part.frames))


def moved(data: bytes, first: int, shift: int = 0) -> bytes:
    """Return a chunk with another number of its first frame, its times moved by `shift` ns.

    Its frames are neither read nor checked.

    Raises:
        CorruptFileError: the prefix is damaged.
        ValueError: a number or a time is out of range.
    """
    prefix = Prefix.parse(data)
    if not 0 <= first <= MAX_NUMBER:
        raise ValueError(f"first frame {first}; expected 0..{MAX_NUMBER}")
    times = (prefix.start + shift, prefix.end + shift)
    if not all(MIN_TIME <= time <= MAX_TIME for time in times):
        raise ValueError(f"times {times} are beyond 2^62 ns")
    prefix = replace(prefix, first=first, start=times[0], end=times[1])
    return prefix.serialize() + data[PREFIX_SIZE:]


def _check_frame(frame: Frame, before: Sequence[frozenset[int]], further: bool) -> frozenset[int]:
    """Check a frame and what it leans on; return its modalities.

    Of a `further` part what stands before the chunk is not known here.
    """
    if not MIN_TIME <= frame.time <= MAX_TIME:
        raise ValueError(f"time {frame.time} is beyond 2^62 ns")
    if not 1 <= len(frame.streams) <= MAX_STREAMS:
        raise ValueError(f"{len(frame.streams)} streams; expected 1..{MAX_STREAMS}")
    if frame.pose is not None:
        if len(frame.pose) not in _POSES.values():
            raise ValueError(f"pose of {len(frame.pose)} numbers; expected 7 or 12")
        if not all(math.isfinite(number) for number in frame.pose):
            raise ValueError("pose is not finite")
    here: set[int] = set()
    for stream in frame.streams:
        if not (0 <= stream.modality <= 255 and 0 <= stream.coding <= 255):
            raise ValueError(f"modality {stream.modality}, coding {stream.coding}; expected 0..255")
        if stream.modality in here:
            raise ValueError(f"two streams of modality {stream.modality}")
        if len(stream.references) > MAX_REFERENCES:
            raise ValueError(f"{len(stream.references)} references; at most {MAX_REFERENCES}")
        if len(stream.parameters) > MAX_PARAMETERS:
            raise ValueError(f"{len(stream.parameters)} bytes of parameters; at most 4096")
        for modality, back in stream.references:
            if further and back > len(before):
                continue
            there = here if back == 0 else before[-back] if 0 < back <= len(before) else ()
            if modality not in there:
                raise ValueError(
                    f"stream of modality {stream.modality} leans on modality {modality} "
                    f"{back} frames back, which the chunk does not have"
                )
        here.add(stream.modality)
    return frozenset(here)


def _frame_head(frame: Frame, last: dict[int, _StreamHead]) -> bytes:
    """Return a frame without time and payloads; `last` has each modality's last stream head."""
    first = len(frame.streams)
    if frame.pose is not None:
        first |= next(bit for bit, count in _POSES.items() if count == len(frame.pose))
    out = bytearray([first]) + floats(frame.pose or ())
    for stream in frame.streams:
        head = (stream.coding, stream.references, stream.parameters)
        same = last.get(stream.modality) == head
        out += bytes([stream.modality, _SAME * same])
        if not same:
            out += bytes([stream.coding, len(stream.references)])
            for modality, back in stream.references:
                out += bytes([modality]) + varint(back)
            out += varint(len(stream.parameters)) + stream.parameters
            last[stream.modality] = head
        out += varint(len(stream.payload))
    return bytes(out)


def _read_frame_head(
    read: Fields, time: int, modalities: AbstractSet[int], last: dict[int, _StreamHead]
) -> tuple[Frame, list[int]]:
    """Read what `_frame_head` wrote; return the frame without payloads, and their lengths."""
    start = read.at
    first = read.byte("frame")
    count, pose = first & _STREAMS, first & _POSE
    if first & ~(_STREAMS | _POSE) or not count or (pose and pose not in _POSES):
        raise read.fail(f"frame at byte {start} starts with {first:#04x}")
    numbers = read.floats(_POSES[pose], "pose") if pose else None
    streams, lengths = [], []
    for _ in range(count):
        start = read.at
        modality, flags = read.byte("modality"), read.byte("stream flags")
        if modality not in modalities:
            raise read.fail(f"stream at byte {start} has modality {modality}; the header has not")
        if flags & ~_SAME:
            raise read.fail(f"stream at byte {start} has flags {flags:#04x}; expected 0 or 1")
        head = last.get(modality) if flags & _SAME else _read_stream_head(read)
        if head is None:
            raise read.fail(f"stream at byte {start} is like the last of its kind; there is none")
        if not flags & _SAME and last.get(modality) == head:
            raise read.fail(f"stream at byte {start} repeats the last of its kind in full")
        last[modality] = head
        streams.append(Stream(modality, head[0], b"", head[2], head[1]))
        lengths.append(read.varint("payload length", MAX_BODY))
    return Frame(time, tuple(streams), numbers), lengths


def _read_stream_head(read: Fields) -> _StreamHead:
    """Return (coding, references, parameters)."""
    coding, count = read.byte("coding"), read.byte("reference count")
    if count > MAX_REFERENCES:
        raise read.fail(f"{count} references at byte {read.at - 1}; at most {MAX_REFERENCES}")
    references = tuple(
        (read.byte("reference"), read.varint("frames back", MAX_FRAMES)) for _ in range(count)
    )
    return coding, references, read.blob("parameters", MAX_PARAMETERS)


def _with_payloads(read: Fields, frame: Frame, lengths: list[int]) -> Frame:
    streams = tuple(
        replace(stream, payload=read.take(length, "payload"))
        for stream, length in zip(frame.streams, lengths, strict=True)
    )
    return replace(frame, streams=streams)
