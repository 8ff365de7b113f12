"""The .rgbd file: a few header bytes, then one payload per stream (docs/format.md, version 1).

At the thesis's lowest depth rate (0.003 bpp, Table 11) a 640x480 map is 115 bytes, so the header
is binary and counted in every rate we report. This module moves bytes only; it never imports torch.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from .errors import CorruptFileError, InvalidImageError
from .frame import MAX_PIXELS, MAX_SIDE, MILLIMETRE, Intrinsics

MAGIC = b"\x9aRZD"  # not UTF-8, so no text file starts with it
VERSION = 1
MAX_STREAMS = 16
MAX_QUALITY = 100
MAX_DEPTH = 65535  # in steps of the depth unit
MAX_STRENGTH = 64  # below which the first byte of restored depth is

_HEAD = struct.Struct("<4sBBB")  # magic, version, features, stream count
_CRC32 = struct.Struct("<I")
_WEIGHTS = struct.Struct("<I")
_CHECK = struct.Struct("<H")
_UNIT = struct.Struct("<d")
_INTRINSICS = struct.Struct("<4f")

_DEPTH_SIZE = 1  # feature bits; a file with any other bit is refused, never misread
_DEPTH_UNIT = 2
_CAMERA = 4
_KNOWN_FEATURES = _DEPTH_SIZE | _DEPTH_UNIT | _CAMERA

_DEPENDS = 0x40  # bits of a stream's first byte, above 3 bits of kind and 3 of coding
_SAME_WEIGHTS = 0x80


class Kind(IntEnum):
    """What a stream holds. The numbers are the format's: append only, never reorder."""

    COLOR = 0
    DEPTH = 1
    MASK = 2  # which depth pixels are valid; without one, all are


class Coding(IntEnum):
    """How a stream is coded. The numbers are the format's: append only, never reorder."""

    LEARNED = 0
    AVIF = 1
    EXACT = 2  # lossless.py; for depth perhaps after moving values by at most `max_error` steps
    RESTORED = 3  # depth: an AV1 frame, and a network that takes back what AV1 did to it


WEIGHTED = (Coding.LEARNED, Coding.RESTORED)  # what needs weights to decode


@dataclass(frozen=True)
class Stream:
    """One entropy-coded payload and what a decoder needs to read it.

    Attributes:
        quality: 0..100, what the encoder was asked for; lossy codings only.
        low, high: depth in steps that the lossy codings' 0 and 1 stand for; lossy depth only.
        max_error: bound in steps on |decoded - original| of valid pixels, 0 = lossless; exact
            depth only.
        weights: first 32 bits of the SHA-256 of the decoder-side tensors; learned and restored
            only.
        check: CRC-16 of the decoded symbols; learned only.
        depends: learned depth that was coded with the file's colour stream as context, or restored
            depth whose network sees the decoded colour.

    Raises:
        ValueError: a field is out of range, or not one of this kind and coding.
    """

    kind: Kind
    coding: Coding
    payload: bytes
    quality: int = 0
    low: int = 0
    high: int = 0
    max_error: int = 0
    weights: int = 0
    check: int = 0
    depends: bool = False

    def __post_init__(self) -> None:
        name, lossy = self.kind.name.lower(), self.coding != Coding.EXACT
        if self.kind == Kind.MASK and lossy:
            raise ValueError(f"mask stream is coded as {self.coding.name.lower()}; expected exact")
        if self.coding == Coding.RESTORED:
            if self.kind != Kind.DEPTH:
                raise ValueError(f"{name} stream is restored; only depth may be")
            if not self.payload or self.payload[0] >= MAX_STRENGTH:
                raise ValueError("restored depth does not say by how much")
        if not 0 <= self.quality <= (MAX_QUALITY if lossy else 0):
            raise ValueError(f"quality {self.quality} of the {name} stream is outside 0..100")
        if self.kind == Kind.DEPTH and lossy:
            if not 1 <= self.low <= self.high <= MAX_DEPTH:
                raise ValueError(
                    f"depth range {self.low}..{self.high} is not within 1..{MAX_DEPTH}"
                )
        elif self.low or self.high:
            raise ValueError(f"{name} stream has a depth range")
        exact_depth = self.kind == Kind.DEPTH and not lossy
        if not 0 <= self.max_error <= (MAX_DEPTH if exact_depth else 0):
            raise ValueError(f"error bound {self.max_error} of the {name} stream is out of range")
        learned, weighted = self.coding == Coding.LEARNED, self.coding in WEIGHTED
        if not 0 <= self.weights <= (0xFFFFFFFF if weighted else 0):
            raise ValueError(f"weights {self.weights:#x} of the {name} stream are out of range")
        if not 0 <= self.check <= (0xFFFF if learned else 0):
            raise ValueError(f"check {self.check:#x} of the {name} stream is out of range")
        if self.depends and not (weighted and self.kind == Kind.DEPTH):
            raise ValueError(
                f"{name} stream says it depends on color; only learned and restored depth may"
            )


@dataclass(frozen=True)
class Container:
    """A parsed .rgbd file. `Container.parse(c.serialize()) == c` for every valid `c`.

    Attributes:
        streams: at most one of each kind.
        color_size, depth_size: (width, height) in pixels, None where there is no such stream.
        depth_unit: metres per step.
        intrinsics: held as the float32 that the file stores.

    Raises:
        ValueError: the fields contradict each other or are out of range.
    """

    streams: tuple[Stream, ...]
    color_size: tuple[int, int] | None = None
    depth_size: tuple[int, int] | None = None
    depth_unit: float = MILLIMETRE
    intrinsics: Intrinsics | None = None

    def __post_init__(self) -> None:
        kinds = [stream.kind for stream in self.streams]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ValueError(f"{kinds.count(kind)} {kind.name.lower()} streams; expected one")
        if Kind.COLOR not in kinds and Kind.DEPTH not in kinds:
            raise ValueError("neither a color nor a depth stream")
        if Kind.MASK in kinds and Kind.DEPTH not in kinds:
            raise ValueError("a mask stream without a depth stream")
        for kind, size in ((Kind.COLOR, self.color_size), (Kind.DEPTH, self.depth_size)):
            if (kind in kinds) != (size is not None):
                raise ValueError(f"{kind.name.lower()} stream and its size go together")
            if size is None or (
                min(size) > 0 and max(size) <= MAX_SIDE and size[0] * size[1] <= MAX_PIXELS
            ):
                continue
            raise ValueError(
                f"{kind.name.lower()} of {size[0]}x{size[1]} is outside 1..{MAX_PIXELS} pixels "
                f"and {MAX_SIDE} a side"
            )
        depth = self.stream(Kind.DEPTH)
        if depth is not None and depth.coding == Coding.EXACT and Kind.MASK in kinds:
            raise ValueError("a mask stream beside an exact depth stream, which has its own holes")
        if depth is not None and depth.depends:
            color, learned = self.stream(Kind.COLOR), depth.coding == Coding.LEARNED
            if color is None or (learned and color.coding != Coding.LEARNED):
                wanted = "a learned color stream" if learned else "a color stream"
                raise ValueError(f"depth depends on {wanted}, and there is none")
            if self.color_size != self.depth_size:
                raise ValueError("depth depends on color of another size")
            if learned and color.weights != depth.weights:
                raise ValueError("depth depends on color of other weights")
        if not 1e-9 <= self.depth_unit <= 1e3:
            raise ValueError(f"depth unit {self.depth_unit} is not within 1e-9..1000 metres")
        if self.intrinsics is not None:
            stored = _INTRINSICS.unpack(_camera_bytes(self.intrinsics))
            object.__setattr__(self, "intrinsics", Intrinsics(*stored))

    def stream(self, kind: Kind) -> Stream | None:
        """Return the stream of that kind, or None."""
        return next((stream for stream in self.streams if stream.kind == kind), None)

    def serialize(self) -> bytes:
        """Return the file's bytes, CRC-32 last."""
        size = self.color_size or self.depth_size
        assert size is not None
        features = 0
        fields = _varint(size[0]) + _varint(size[1])
        if self.color_size and self.depth_size and self.color_size != self.depth_size:
            features |= _DEPTH_SIZE
            fields += _varint(self.depth_size[0]) + _varint(self.depth_size[1])
        if self.depth_unit != MILLIMETRE:
            features |= _DEPTH_UNIT
            fields += _unit_bytes(self.depth_unit)
        if self.intrinsics is not None:
            features |= _CAMERA
            fields += _camera_bytes(self.intrinsics)
        out = bytearray(_HEAD.pack(MAGIC, VERSION, features, len(self.streams)) + fields)
        weights = None
        for i, stream in enumerate(self.streams):
            out += _stream_head(stream, weights, last=i == len(self.streams) - 1)
            weights = stream.weights if stream.coding in WEIGHTED else weights
        for stream in self.streams:
            out += stream.payload
        return bytes(out + _CRC32.pack(zlib.crc32(out)))

    @classmethod
    def parse(cls, data: bytes) -> Container:
        """Read a whole file.

        Raises:
            CorruptFileError: wrong magic, unknown version or feature, bad CRC, any field out of
                range or at odds with another, bytes missing or left over.
        """
        body = _checked_body(data)
        _, _, features, count = _HEAD.unpack_from(body)
        if features & ~_KNOWN_FEATURES:
            raise CorruptFileError(
                f"feature bits {features & ~_KNOWN_FEATURES:#04x} are unknown to this build; "
                "a newer encodepth may read the file"
            )
        if not 1 <= count <= MAX_STREAMS:
            raise CorruptFileError(f"{count} streams; expected 1..{MAX_STREAMS}")
        read = _Reader(body, _HEAD.size)
        size = (read.varint("width"), read.varint("height"))
        other = size
        if features & _DEPTH_SIZE:
            other = (read.varint("depth width"), read.varint("depth height"))
        unit = read.unit() if features & _DEPTH_UNIT else MILLIMETRE
        camera = read.struct(_INTRINSICS, "intrinsics") if features & _CAMERA else None
        heads: list[dict] = []
        lengths: list[int] = []
        for i in range(count):
            heads.append(_read_stream_head(read, heads))
            lengths.append(read.varint("payload length") if i < count - 1 else -1)
        lengths[-1] = len(body) - read.at - sum(lengths[:-1])
        payloads = [read.take(length, "payload") for length in lengths]
        kinds = [head["kind"] for head in heads]
        try:
            parsed = cls(
                tuple(
                    Stream(**head, payload=payload)
                    for head, payload in zip(heads, payloads, strict=True)
                ),
                size if Kind.COLOR in kinds else None,
                other if Kind.DEPTH in kinds else None,
                unit,
                None if camera is None else Intrinsics(*camera),
            )
        except (ValueError, InvalidImageError) as error:
            raise CorruptFileError(str(error)) from None
        if parsed.serialize() != data:
            raise CorruptFileError("the header is not in its shortest form")
        return parsed


class _Reader:
    """Takes fields off the front of `body`; every shortage is a CorruptFileError."""

    def __init__(self, body: bytes, at: int) -> None:
        self.body, self.at = body, at

    def take(self, size: int, what: str) -> bytes:
        left = len(self.body) - self.at
        if not 0 <= size <= left:
            raise CorruptFileError(f"{what} at byte {self.at} claims {size} bytes, {left} remain")
        self.at += size
        return self.body[self.at - size : self.at]

    def struct(self, layout: struct.Struct, what: str) -> tuple:
        return layout.unpack(self.take(layout.size, what))

    def varint(self, what: str) -> int:
        """Read 7 bits a byte, low first, at most 5 bytes."""
        start, value = self.at, 0
        for shift in range(0, 35, 7):
            (byte,) = self.take(1, what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise CorruptFileError(f"{what} at byte {start} is longer than 5 bytes")

    def unit(self) -> float:
        per_metre = self.varint("depth unit")
        return 1 / per_metre if per_metre else self.struct(_UNIT, "depth unit")[0]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _unit_bytes(unit: float) -> bytes:
    """Return whole steps per metre where that is exact, else 0 and a float64."""
    per_metre = round(1 / unit)
    if per_metre and 1 / per_metre == unit:
        return _varint(per_metre)
    return b"\0" + _UNIT.pack(unit)


def _camera_bytes(camera: Intrinsics) -> bytes:
    return _INTRINSICS.pack(camera.fx, camera.fy, camera.cx, camera.cy)


def _stream_head(stream: Stream, weights: int | None, last: bool) -> bytes:
    """Return a stream's header; `weights` is the fingerprint of the last stream before with one."""
    weighted = stream.coding in WEIGHTED
    same = weighted and stream.weights == weights
    first = stream.kind | stream.coding << 3
    out = bytearray([first | _DEPENDS * stream.depends | _SAME_WEIGHTS * same])
    if stream.coding != Coding.EXACT:
        out.append(stream.quality)
    if weighted and not same:
        out += _WEIGHTS.pack(stream.weights)
    if stream.coding == Coding.LEARNED:
        out += _CHECK.pack(stream.check)
    if stream.kind == Kind.DEPTH:
        if stream.coding == Coding.EXACT:
            out += _varint(stream.max_error)
        else:
            out += _varint(stream.low) + _varint(stream.high - stream.low)
    return bytes(out) if last else bytes(out) + _varint(len(stream.payload))


def _read_stream_head(read: _Reader, before: list[dict]) -> dict:
    """Read what `_stream_head` wrote, but for the payload length, as arguments of `Stream`."""
    at = read.at
    (first,) = read.take(1, "stream header")
    kind, coding = first & 7, first >> 3 & 7
    if kind not in Kind._value2member_map_:
        raise CorruptFileError(f"unknown stream kind {kind} at byte {at}")
    if coding not in Coding._value2member_map_:
        raise CorruptFileError(f"unknown coding {coding} at byte {at}")
    head: dict = {"kind": Kind(kind), "coding": Coding(coding), "depends": bool(first & _DEPENDS)}
    if coding != Coding.EXACT:
        (head["quality"],) = read.take(1, "quality")
    if coding in WEIGHTED:
        if first & _SAME_WEIGHTS:
            earlier = [h["weights"] for h in before if "weights" in h]
            if not earlier:
                raise CorruptFileError(f"stream at byte {at} repeats weights that none had before")
            head["weights"] = earlier[-1]
        else:
            (head["weights"],) = read.struct(_WEIGHTS, "weights fingerprint")
    elif first & _SAME_WEIGHTS:
        raise CorruptFileError(f"stream at byte {at} needs no weights but repeats some")
    if coding == Coding.LEARNED:
        (head["check"],) = read.struct(_CHECK, "symbol check")
    if kind == Kind.DEPTH and coding == Coding.EXACT:
        head["max_error"] = read.varint("error bound")
    elif kind == Kind.DEPTH:
        head["low"] = read.varint("nearest depth")
        head["high"] = head["low"] + read.varint("depth range")
    return head


def _checked_body(data: bytes) -> bytes:
    """Check magic, version and CRC-32; return the bytes before the CRC."""
    if data[:4] != MAGIC:
        raise CorruptFileError(f"not an .rgbd file: starts with {data[:4].hex() or 'nothing'}")
    if len(data) < _HEAD.size + 2 + _CRC32.size:
        raise CorruptFileError(f"truncated: {len(data)} bytes, shorter than the header")
    if data[4] != VERSION:
        raise CorruptFileError(f"format version {data[4]}; this build reads version {VERSION}")
    body, (crc,) = data[: -_CRC32.size], _CRC32.unpack(data[-_CRC32.size :])
    if zlib.crc32(body) != crc:
        raise CorruptFileError("checksum mismatch: the file was cut short or altered")
    return body
