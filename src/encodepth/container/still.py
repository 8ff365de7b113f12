"""Version 1 of .rgbd, one picture: a few header bytes, then one payload per stream.

docs/format.md specifies it. The header is binary and counted in every rate we report: at the
lowest rates of depth a 640x480 map is some hundred bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import CorruptFileError, InvalidImageError
from ..frame import MAX_PIXELS, MAX_SIDE, MILLIMETRE, Intrinsics
from ..modalities import is_known, modality
from ..packing import Fields, varint
from .stream import Stream

MAGIC = b"\x9aRZD"  # not UTF-8, so no text file starts with it
VERSION = 1
RECORDING = 2  # the version of recordings
MAX_STREAMS = 16

_HEAD = struct.Struct("<4sBBB")  # magic, version, features, stream count
_CRC32 = struct.Struct("<I")
_UNIT = struct.Struct("<d")
_INTRINSICS = struct.Struct("<4f")

_DEPTH_SIZE = 1  # feature bits; a file with any other bit is refused, never misread
_DEPTH_UNIT = 2
_CAMERA = 4
_PLANE_SIZES = 8
_KNOWN_FEATURES = _DEPTH_SIZE | _DEPTH_UNIT | _CAMERA | _PLANE_SIZES

_LEANS = 0x40  # bits of a stream's first byte, above 3 bits of modality and 3 of coding
_SAME_WEIGHTS = 0x80
_LONGER = 7  # modality and coding numbers that announce a longer stream header

COLOR, DEPTH, MASK = 0, 1, 2
_TO_COLOR = ((COLOR, 0),)

# How the parameters of a stream lie in its header, by (modality, coding): b a byte, W four bytes
# that are left out where the stream before with such has the same, h two bytes, v a varint. All
# others are a varint of how many bytes follow, and these.
_LAYOUTS = {
    (COLOR, 0): "bWh",
    (COLOR, 1): "b",
    (COLOR, 2): "",
    (COLOR, 3): "bW",
    (DEPTH, 0): "bWhvv",
    (DEPTH, 1): "bvv",
    (DEPTH, 2): "v",
    (DEPTH, 3): "bWvv",
    (MASK, 2): "",
}
_FIELD = {"b": "quality", "W": "weights fingerprint", "h": "symbol check", "v": "parameter"}

Size = tuple[int, int]


@dataclass(frozen=True)
class Still:
    """A parsed file. `Still.parse(s.serialize()) == s` for every valid `s`.

    Attributes:
        streams: at most one of each modality.
        sizes: (width, height) in pixels of every modality that has a stream, but the mask, which
            has depth's.
        depth_unit: metres per step.
        intrinsics: held as the float32 that the file stores.

    Raises:
        ValueError: the fields contradict each other or are out of range.
    """

    streams: tuple[Stream, ...]
    sizes: Mapping[int, Size] = field(default_factory=dict)
    depth_unit: float = MILLIMETRE
    intrinsics: Intrinsics | None = None

    def __post_init__(self) -> None:
        held = [stream.modality for stream in self.streams]
        for number in held:
            if held.count(number) > 1:
                raise ValueError(
                    f"{held.count(number)} {modality(number).name} streams; expected one"
                )
        if not held or held == [MASK]:
            raise ValueError("neither a color nor a depth stream")
        if MASK in held and DEPTH not in held:
            raise ValueError("a mask stream without a depth stream")
        if set(self.sizes) != set(held) - {MASK}:
            raise ValueError("every stream but a mask has a size, and nothing else has")
        for number, size in self.sizes.items():
            _check_size(modality(number).name, size)
        for stream in self.streams:
            self._check_references(stream)
        if not 1e-9 <= self.depth_unit <= 1e3:
            raise ValueError(f"depth unit {self.depth_unit} is not within 1e-9..1000 metres")
        if self.intrinsics is not None:
            stored = _INTRINSICS.unpack(_camera_bytes(self.intrinsics))
            object.__setattr__(self, "intrinsics", Intrinsics(*stored))

    def stream(self, name: str) -> Stream | None:
        """Return the stream of a modality, or None."""
        number = modality(name).number
        return next((stream for stream in self.streams if stream.modality == number), None)

    def size(self, name: str) -> Size:
        """Return (width, height) of a modality that has a stream."""
        number = modality(name).number
        return self.sizes[DEPTH if number == MASK else number]

    def only(self, name: str) -> Still:
        """Return the file that would hold one modality alone."""
        number = modality(name).number
        streams = tuple(stream for stream in self.streams if stream.modality == number)
        return Still(streams, {number: self.sizes[number]}, self.depth_unit, self.intrinsics)

    def serialize(self) -> bytes:
        """Return the file's bytes, CRC-32 last."""
        size = self._first_size()
        features, fields = 0, varint(size[0]) + varint(size[1])
        depth = self.sizes.get(DEPTH, size)
        if depth != size:
            features |= _DEPTH_SIZE
            fields += varint(depth[0]) + varint(depth[1])
        if self.depth_unit != MILLIMETRE:
            features |= _DEPTH_UNIT
            fields += _unit_bytes(self.depth_unit)
        if self.intrinsics is not None:
            features |= _CAMERA
            fields += _camera_bytes(self.intrinsics)
        if any(self.sizes[s.modality] != depth for s in self.streams if s.modality > MASK):
            features |= _PLANE_SIZES
        out = bytearray(_HEAD.pack(MAGIC, VERSION, features, len(self.streams)) + fields)
        weights = None
        for i, stream in enumerate(self.streams):
            sized = bool(features & _PLANE_SIZES) and stream.modality > MASK
            head, weights = _stream_head(
                stream, self.sizes[stream.modality] if sized else None, weights
            )
            out += head
            if i < len(self.streams) - 1:
                out += varint(len(stream.payload))
        for stream in self.streams:
            out += stream.payload
        return bytes(out + _CRC32.pack(zlib.crc32(out)))

    @classmethod
    def parse(cls, data: bytes) -> Still:
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
        read = Fields(body, _HEAD.size)
        size = depth = (read.varint("width"), read.varint("height"))
        if features & _DEPTH_SIZE:
            depth = (read.varint("depth width"), read.varint("depth height"))
        unit = _read_unit(read) if features & _DEPTH_UNIT else MILLIMETRE
        camera = read.struct(_INTRINSICS, "intrinsics") if features & _CAMERA else None
        heads, sizes = _read_heads(read, count, bool(features & _PLANE_SIZES))
        streams = _with_payloads(read, heads)
        try:
            parsed = cls(
                streams,
                _all_sizes(streams, size, depth, sizes),
                unit,
                None if camera is None else Intrinsics(*camera),
            )
        except (ValueError, InvalidImageError) as error:
            raise CorruptFileError(str(error)) from None
        if parsed.serialize() != data:
            raise CorruptFileError("the header is not in its shortest form")
        return parsed

    def _first_size(self) -> Size:
        """Return the size that the header begins with: colour's, else depth's, else the first."""
        for number in (COLOR, DEPTH, self.streams[0].modality):
            if number in self.sizes:
                return self.sizes[number]
        raise AssertionError("a file has a stream with a size")

    def _check_references(self, stream: Stream) -> None:
        name = modality(stream.modality).name
        for number, back in stream.references:
            if back or number != COLOR or stream.modality in (COLOR, MASK):
                raise ValueError(f"{name} stream leans on what a still picture has not")
            if COLOR not in self.sizes:
                raise ValueError(f"{name} depends on a color stream, and there is none")
            if self.sizes[COLOR] != self.sizes[stream.modality]:
                raise ValueError(f"{name} depends on color of another size")


@dataclass(frozen=True)
class _Head:
    """A stream's header, and how long its payload is; None for the last."""

    stream: Stream
    length: int | None


def _check_size(name: str, size: Size) -> None:
    if min(size) > 0 and max(size) <= MAX_SIDE and size[0] * size[1] <= MAX_PIXELS:
        return
    raise ValueError(
        f"{name} of {size[0]}x{size[1]} is outside 1..{MAX_PIXELS} pixels and {MAX_SIDE} a side"
    )


def _all_sizes(
    streams: tuple[Stream, ...], size: Size, depth: Size, own: Mapping[int, Size]
) -> dict[int, Size]:
    """Return the size of every stream's modality, from what the header says."""
    known = {COLOR: size, DEPTH: depth}
    held = [stream.modality for stream in streams if stream.modality != MASK]
    return {number: own.get(number, known.get(number, depth)) for number in held}


def _unit_bytes(unit: float) -> bytes:
    """Return whole steps per metre where that is exact, else 0 and a float64."""
    per_metre = round(1 / unit)
    if per_metre and 1 / per_metre == unit:
        return varint(per_metre)
    return b"\0" + _UNIT.pack(unit)


def _read_unit(read: Fields) -> float:
    per_metre = read.varint("depth unit")
    return 1 / per_metre if per_metre else read.struct(_UNIT, "depth unit")[0]


def _camera_bytes(camera: Intrinsics) -> bytes:
    return _INTRINSICS.pack(camera.fx, camera.fy, camera.cx, camera.cy)


def _stream_head(
    stream: Stream, size: Size | None, weights: bytes | None
) -> tuple[bytes, bytes | None]:
    """Return a stream's header without its length, and the last weights so far."""
    fields, layout = Fields(stream.parameters), _LAYOUTS.get((stream.modality, stream.coding))
    first = stream.modality | stream.coding << 3 | _LEANS * bool(stream.references)
    out = b"" if size is None else varint(size[0]) + varint(size[1])
    if layout is None:
        return bytes([first]) + out + varint(fields.left) + stream.parameters, weights
    for kind in layout:
        part = _take(fields, kind)
        if kind == "W" and part == weights:
            first |= _SAME_WEIGHTS
        else:
            out += part
        weights = part if kind == "W" else weights
    fields.end(f"the parameters of the {modality(stream.modality).name} stream")
    return bytes([first]) + out, weights


def _take(fields: Fields, kind: str) -> bytes:
    """Return one field of a layout, as it is stored."""
    if kind == "v":
        return varint(fields.varint(_FIELD[kind]))
    return fields.take({"b": 1, "h": 2, "W": 4}[kind], _FIELD[kind])


def _read_heads(read: Fields, count: int, sized: bool) -> tuple[list[_Head], dict[int, Size]]:
    """Read what `_stream_head` wrote, `count` times, with the payload lengths between."""
    heads: list[_Head] = []
    sizes: dict[int, Size] = {}
    weights: bytes | None = None
    for i in range(count):
        at, first = read.at, read.byte("stream header")
        number, coding = first & 7, first >> 3 & 7
        if not is_known(number):
            raise CorruptFileError(f"unknown stream kind {number} at byte {at}")
        if coding == _LONGER:
            raise CorruptFileError(f"unknown coding {coding} at byte {at}")
        if sized and number > MASK:
            sizes[number] = (read.varint("plane width"), read.varint("plane height"))
        parameters, weights = _read_parameters(read, number, coding, first, weights)
        leans = _TO_COLOR if first & _LEANS else ()
        length = read.varint("payload length") if i < count - 1 else None
        heads.append(_Head(Stream(number, coding, b"", parameters, leans), length))
    return heads, sizes


def _read_parameters(
    read: Fields, number: int, coding: int, first: int, weights: bytes | None
) -> tuple[bytes, bytes | None]:
    """Return a stream's parameters and the last weights so far."""
    at = read.at - 1
    layout = _LAYOUTS.get((number, coding))
    if first & _SAME_WEIGHTS and "W" not in (layout or ""):
        raise CorruptFileError(f"stream at byte {at} needs no weights but repeats some")
    if layout is None:
        return read.take(read.varint("length of parameters"), "parameters"), weights
    out = b""
    for kind in layout:
        if kind == "W" and first & _SAME_WEIGHTS:
            if weights is None:
                raise CorruptFileError(f"stream at byte {at} repeats weights that none had before")
            out += weights
        else:
            part = _take(read, kind)
            out += part
            weights = part if kind == "W" else weights
    return out, weights


def _with_payloads(read: Fields, heads: list[_Head]) -> tuple[Stream, ...]:
    """Read the payloads, the last of which ends where the file does."""
    lengths = [head.length for head in heads[:-1]]
    last = read.left - sum(n or 0 for n in lengths)
    payloads = [read.take(n or 0, "payload") for n in lengths] + [read.take(last, "payload")]
    return tuple(
        Stream(s.modality, s.coding, payload, s.parameters, s.references)
        for s, payload in zip((head.stream for head in heads), payloads, strict=True)
    )


def _checked_body(data: bytes) -> bytes:
    """Check magic, version and CRC-32; return the bytes before the CRC."""
    if data[:4] != MAGIC:
        raise CorruptFileError(f"not an .rgbd file: starts with {data[:4].hex() or 'nothing'}")
    if len(data) < _HEAD.size + 2 + _CRC32.size:
        raise CorruptFileError(f"truncated: {len(data)} bytes, shorter than the header")
    if data[4] == RECORDING:
        raise CorruptFileError("a recording; open it with encodepth.Reader")
    if data[4] != VERSION:
        raise CorruptFileError(f"format version {data[4]}; this build reads version {VERSION}")
    body, (crc,) = data[: -_CRC32.size], _CRC32.unpack(data[-_CRC32.size :])
    if zlib.crc32(body) != crc:
        raise CorruptFileError("checksum mismatch: the file was cut short or altered")
    return body
