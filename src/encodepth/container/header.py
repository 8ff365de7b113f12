"""A recording's header: what its frames are made of and which cameras saw them.

It stands first in the file and is small, so that a reader knows after one read how to read on.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import CorruptFileError
from ..packing import LONG, Fields, blob, floats, signed_varint, text, varint

MAGIC = b"\x9aRZD"  # as version 1
VERSION = 2
MAX_HEADER = 1 << 20  # bytes, all of it
MAX_MODALITIES = 15
MAX_CAMERAS = 15
MAX_PIXELS = 1 << 27
MAX_SIDE = 65535
MAX_CHANNELS = 4
MAX_BITS = 16
MAX_NAME = 64  # bytes of a modality's name and of a key
MAX_KEYS = 256
MAX_VALUE = 4096  # bytes of a text or of bytes
MAX_RATE = 1_000_000_000  # in frames per 1000 seconds
DISTORTIONS = {0: (0,), 1: (4, 5, 8, 12, 14), 2: (5,), 3: (4,)}  # model: counts of coefficients

_HEAD = struct.Struct("<4sBI")  # magic, version, length of the body
_CRC = struct.Struct("<I")
_NAME, _UNIT, _RATE, _CAMERA, _KNOWN = 1, 2, 4, 8, 15  # what a modality's flags announce
_EXTRINSICS = 1  # what a camera's flags announce

Value = str | int | float | bytes | bool
_TEXT, _WHOLE, _FLOAT, _BYTES, _FALSE, _TRUE = range(6)  # types of metadata


@dataclass(frozen=True)
class Modality:
    """One kind of plane that frames may have.

    Attributes:
        number: 0..255, which streams name it by; what a number means is not the container's.
        width, height: in pixels, of every plane of it.
        channels: samples of a pixel.
        bits: of a sample, 1..16.
        name: for modalities that no number is agreed on for, or of which there are several.
        unit: metres per step, for depth.
        rate: frames per 1000 seconds that its source delivers, if known; only a hint.
        camera: index into the header's cameras, if known.
    """

    number: int
    width: int
    height: int
    channels: int = 1
    bits: int = 8
    name: str = ""
    unit: float | None = None
    rate: int | None = None
    camera: int | None = None

    def __post_init__(self) -> None:
        what = f"modality {self.number}"
        _within(f"number of {what}", self.number, 0, 255)
        _within(f"width of {what}", self.width, 1, MAX_SIDE)
        _within(f"height of {what}", self.height, 1, MAX_SIDE)
        _within(f"pixels of {what}", self.width * self.height, 1, MAX_PIXELS)
        _within(f"channels of {what}", self.channels, 1, MAX_CHANNELS)
        _within(f"bits of {what}", self.bits, 1, MAX_BITS)
        _within(f"bytes of the name of {what}", len(self.name.encode()), 0, MAX_NAME)
        if self.unit is not None:
            _within(f"unit of {what}", self.unit, 1e-9, 1e3)
        if self.rate is not None:
            _within(f"rate of {what}", self.rate, 1, MAX_RATE)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with distortion, and where it sits.

    Attributes:
        focal, center: (fx, fy) and (cx, cy) in pixels.
        distortion: 0 none, 1 Brown-Conrady as OpenCV orders it (k1 k2 p1 p2 k3 ..), 2 its inverse
            (RealSense), 3 Kannala-Brandt fisheye (k1 .. k4).
        coefficients: as many as the model allows (`DISTORTIONS`).
        extrinsics: rotation, row by row, and translation in metres, 12 numbers that take a point
            from this camera to the recording's common frame; None where that is not known.
    """

    focal: tuple[float, float]
    center: tuple[float, float]
    distortion: int = 0
    coefficients: tuple[float, ...] = ()
    extrinsics: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.distortion not in DISTORTIONS:
            raise ValueError(f"distortion model {self.distortion}; expected {[*DISTORTIONS]}")
        if len(self.coefficients) not in DISTORTIONS[self.distortion]:
            raise ValueError(
                f"{len(self.coefficients)} coefficients of distortion model {self.distortion}; "
                f"expected {DISTORTIONS[self.distortion]}"
            )
        if self.extrinsics is not None and len(self.extrinsics) != 12:
            raise ValueError(f"{len(self.extrinsics)} numbers of extrinsics; expected 12")
        if len(self.focal) != 2 or len(self.center) != 2 or min(self.focal) <= 0:
            raise ValueError(f"focal lengths {self.focal} and center {self.center} are no camera's")
        for number in (*self.focal, *self.center, *self.coefficients, *(self.extrinsics or ())):
            if not math.isfinite(number):
                raise ValueError(f"camera has a number that is not finite: {number}")


@dataclass(frozen=True)
class Header:
    """What stands before the chunks. `Header.parse(h.serialize()) == (h, len(h.serialize()))`.

    Attributes:
        modalities: in ascending order of their numbers.
        cameras: that modalities refer to by index.
        metadata: free keys with a text, an integer of 64 bits, a float, bytes or a bool each.

    Raises:
        ValueError: the fields contradict each other or are out of range.
    """

    modalities: tuple[Modality, ...]
    cameras: tuple[Camera, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _within("modalities", len(self.modalities), 1, MAX_MODALITIES)
        _within("cameras", len(self.cameras), 0, MAX_CAMERAS)
        _within("metadata keys", len(self.metadata), 0, MAX_KEYS)
        _ascending("modalities", [modality.number for modality in self.modalities])
        for modality in self.modalities:
            if modality.camera is not None:
                what = f"camera of modality {modality.number}"
                _within(what, modality.camera, 0, len(self.cameras) - 1)
        for key, value in self.metadata.items():
            _check_value(key, value)
        _within("bytes of the header", len(self.serialize()), 1, MAX_HEADER)

    @property
    def numbers(self) -> frozenset[int]:
        """The modalities' numbers."""
        return frozenset(modality.number for modality in self.modalities)

    def serialize(self) -> bytes:
        """Return the header's bytes, CRC-32 last."""
        body = bytearray([len(self.modalities), len(self.cameras)])
        for modality in self.modalities:
            body += _modality_bytes(modality)
        for camera in self.cameras:
            body += _camera_bytes(camera)
        body += varint(len(self.metadata))
        for key in sorted(self.metadata, key=str.encode):
            body += text(key) + _value_bytes(self.metadata[key])
        out = _HEAD.pack(MAGIC, VERSION, len(body)) + body
        return out + _CRC.pack(zlib.crc32(out))

    @classmethod
    def parse(cls, data: bytes) -> tuple[Header, int]:
        """Read the header at the front of `data`; return it and its length in bytes.

        Raises:
            CorruptFileError: another kind of file, another version, bytes missing, a bad CRC, any
                field out of range or not in its one form.
        """
        size = header_size(data)
        if len(data) < size:
            raise CorruptFileError(f"truncated: header claims {size} bytes, {len(data)} remain")
        body, (crc,) = data[_HEAD.size : size - 4], _CRC.unpack_from(data, size - 4)
        if zlib.crc32(data[: size - 4]) != crc:
            raise CorruptFileError("header: checksum mismatch: the file was altered")
        read = Fields(body, longest=LONG, where="header")
        try:
            count, cameras = read.byte("modality count"), read.byte("camera count")
            _within("modalities", count, 1, MAX_MODALITIES)
            _within("cameras", cameras, 0, MAX_CAMERAS)
            header = cls(
                tuple(_read_modality(read) for _ in range(count)),
                tuple(_read_camera(read) for _ in range(cameras)),
                _read_metadata(read),
            )
        except ValueError as error:
            raise read.fail(str(error)) from None
        if read.left:
            raise read.fail(f"{read.left} stray bytes after the last field")
        return header, size


def header_size(start: bytes) -> int:
    """Return how many bytes the header has, from the first 9 of them.

    Raises:
        CorruptFileError: another kind of file, another version, or too long.
    """
    if start[:4] != MAGIC:
        raise CorruptFileError(f"not an .rgbd file: starts with {start[:4].hex() or 'nothing'}")
    if len(start) < _HEAD.size:
        raise CorruptFileError(f"truncated: {len(start)} bytes, shorter than the header")
    _, version, length = _HEAD.unpack_from(start)
    if version != VERSION:
        raise CorruptFileError(f"format version {version}; expected {VERSION}, a recording")
    size = _HEAD.size + length + _CRC.size
    if size > MAX_HEADER:
        raise CorruptFileError(f"header claims {size} bytes; expected at most {MAX_HEADER}")
    return size


def _modality_bytes(modality: Modality) -> bytes:
    flags = _NAME * bool(modality.name) | _UNIT * (modality.unit is not None)
    flags |= _RATE * (modality.rate is not None) | _CAMERA * (modality.camera is not None)
    out = bytes([modality.number, flags, modality.channels, modality.bits])
    out += varint(modality.width) + varint(modality.height)
    if modality.name:
        out += text(modality.name)
    if modality.unit is not None:
        out += _unit_bytes(modality.unit)
    if modality.rate is not None:
        out += varint(modality.rate)
    if modality.camera is not None:
        out += bytes([modality.camera])
    return out


def _read_modality(read: Fields) -> Modality:
    number, flags = read.byte("modality"), read.byte("flags")
    if flags & ~_KNOWN:
        raise read.fail(f"modality {number} has flags {flags:#04x} that this build does not know")
    channels, bits = read.byte("channels"), read.byte("bits")
    width, height = read.varint("width", MAX_SIDE), read.varint("height", MAX_SIDE)
    name = read.text("name", MAX_NAME) if flags & _NAME else ""
    if flags & _NAME and not name:
        raise read.fail(f"modality {number} has an empty name")
    unit = _read_unit(read) if flags & _UNIT else None
    rate = read.varint("rate", MAX_RATE) if flags & _RATE else None
    camera = read.byte("camera") if flags & _CAMERA else None
    return Modality(number, width, height, channels, bits, name, unit, rate, camera)


def _unit_bytes(unit: float) -> bytes:
    """Return whole steps per metre where that is exact, else 0 and a float64."""
    per_metre = round(1 / unit)
    return varint(per_metre) if per_metre and 1 / per_metre == unit else b"\0" + floats([unit])


def _read_unit(read: Fields) -> float:
    start = read.at
    per_metre = read.varint("unit")
    unit = 1 / per_metre if per_metre else read.floats(1, "unit")[0]
    _within("unit", unit, 1e-9, 1e3)
    if _unit_bytes(unit) != read.body[start : read.at]:
        raise read.fail(f"unit {unit} is not in its one form")
    return unit


def _camera_bytes(camera: Camera) -> bytes:
    flags = _EXTRINSICS * (camera.extrinsics is not None)
    out = bytes([flags, camera.distortion, len(camera.coefficients)])
    return out + floats(
        (*camera.focal, *camera.center, *camera.coefficients, *(camera.extrinsics or ()))
    )


def _read_camera(read: Fields) -> Camera:
    flags, distortion = read.byte("camera flags"), read.byte("distortion model")
    if flags & ~_EXTRINSICS:
        raise read.fail(f"camera flags {flags:#04x} are unknown to this build")
    count = read.byte("coefficient count")
    fx, fy, cx, cy = read.floats(4, "intrinsics")
    coefficients = read.floats(count, "distortion coefficients")
    extrinsics = read.floats(12, "extrinsics") if flags & _EXTRINSICS else None
    return Camera((fx, fy), (cx, cy), distortion, coefficients, extrinsics)


def _value_bytes(value: Value) -> bytes:
    match value:
        case bool():
            return bytes([_TRUE if value else _FALSE])
        case int():
            return bytes([_WHOLE]) + signed_varint(value)
        case float():
            return bytes([_FLOAT]) + floats([value])
        case str():
            return bytes([_TEXT]) + text(value)
        case _:
            return bytes([_BYTES]) + blob(value)


def _read_metadata(read: Fields) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(read.varint("metadata count", MAX_KEYS)):
        key = read.text("key", MAX_NAME)
        if metadata and key.encode() <= next(reversed(metadata)).encode():
            raise read.fail(f"metadata key {key!r} is out of order")
        metadata[key] = _read_value(read, key)
    return metadata


def _read_value(read: Fields, key: str) -> Value:
    match read.byte("value type"):
        case 0:
            return read.text("text", MAX_VALUE)
        case 1:
            return read.signed_varint("integer")
        case 2:
            return read.floats(1, "float")[0]
        case 3:
            return read.blob("bytes", MAX_VALUE)
        case 4 | 5 as kind:
            return kind == _TRUE
        case kind:
            raise read.fail(f"value of {key!r} has type {kind}; expected 0..5")


def _check_value(key: str, value: Value) -> None:
    _within(f"bytes of the key {key!r}", len(key.encode()), 1, MAX_NAME)
    if isinstance(value, str | bytes):
        size = len(value.encode() if isinstance(value, str) else value)
        _within(f"bytes of {key!r}", size, 0, MAX_VALUE)
    elif isinstance(value, int):
        _within(f"value of {key!r}", value, -(1 << 63), (1 << 63) - 1)
    elif not isinstance(value, float) or not math.isfinite(value):
        raise ValueError(f"value of {key!r} is no text, integer, finite float, bytes or bool")


def _within(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{what}: {value}; expected {least}..{most}")


def _ascending(what: str, numbers: Iterable[int]) -> None:
    before = -1
    for number in numbers:
        if number <= before:
            raise ValueError(f"{what} are not in ascending order: {number} after {before}")
        before = number
