"""Colour kept as the JPEG file that it came from: smaller than the file, and the file comes back.

JPEG XL (ISO/IEC 18181-2) codes the coefficients of a JPEG anew and notes how the file wrote them.
Of what it makes, two things are left out: its image header, as everywhere (`jpegxl`), and its
boxes. Segments with Exif and profiles are laid aside, deflated, before it sees the file. Decoding
makes the file again and decodes that, so the samples are those of a JPEG decoder.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np

from ..errors import CorruptFileError, DesyncError
from ..packing import Fields, blob, varint
from ..turning import ORIENTATIONS, UPRIGHT, stored_shape, turn
from .base import Ask, Coded, Facts, References, nothing_left
from .jpegxl import codestream_of, image_header

MAX_PIXELS = 1 << 26  # of a picture that is coded anew: its coefficients are 6 bytes a pixel
MAX_ASIDE = 1 << 24  # bytes that may be laid aside
_AS_IT_IS, _GREY, _COLOR = 0, 1, 3  # first byte of a payload; above 0 components
_START = b"\xff\xd8"
_BOXES = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
_PARAMETERS = struct.Struct("<BI")  # orientation, CRC-32 of the samples
_ASIDE = (0xE1, 0xE2)  # APP1: Exif, XMP; APP2: profiles
_NOTES = (*range(0xE0, 0xF0), 0xFE)  # APP0..15 and comments
_FRAMES = tuple(m for m in range(0xC0, 0xD0) if m not in (0xC4, 0xC8, 0xCC))
_ALONE = (0x00, 0x01, *range(0xD0, 0xDA))  # markers without a length, or where samples begin


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code colour as the JPEG file it was read from.

    None where there is no file, or where its samples, as stored or turned by an orientation, are
    not those given.
    """
    file = seen.file(modality)
    if file is None:
        return None
    try:
        orientation = _orientation(samples(file), plane)
    except CorruptFileError:
        return None
    if orientation is None:
        return None
    payload = _smallest(file, stored_shape((plane.shape[0], plane.shape[1]), orientation))
    check = zlib.crc32(np.ascontiguousarray(plane).data)
    return Coded(payload, _PARAMETERS.pack(orientation, check))


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode the file that was kept.

    Raises:
        DesyncError: the JPEG decoder here gives other samples than the one that encoding saw.
    """
    orientation, check = _parameters(coded)
    plane = turn(samples(kept(coded, shape)), orientation)
    got = zlib.crc32(plane.data)
    if got != check:
        raise DesyncError(
            f"{modality} decoded to other samples than were encoded (check {check:08x}, got "
            f"{got:08x}): another JPEG decoder, or damage; the file that was kept can be had "
            "(decode --jpeg)"
        )
    return plane


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    _parameters(coded)
    return Facts(error=0)


def kept(coded: Coded, shape: tuple[int, int]) -> bytes:
    """Return the JPEG file itself; `shape` is that of the samples.

    Raises:
        CorruptFileError: the payload is no such file.
    """
    orientation, _ = _parameters(coded)
    shape = stored_shape(shape, orientation)
    file = _unpack(coded.payload, shape)
    if _frame_header(file)[:2] != shape:
        raise CorruptFileError("the JPEG that was kept has another size than its picture")
    return file


def samples(file: bytes) -> np.ndarray:
    """Decode a JPEG file to uint8 (h, w, 3), as stored.

    Raises:
        CorruptFileError: it is damaged, or of a kind that this decoder does not read.
    """
    try:
        return np.ascontiguousarray(imagecodecs.jpeg8_decode(file, outcolorspace="RGB"))
    except Exception:
        raise CorruptFileError(f"a JPEG of {len(file)} bytes that cannot be decoded") from None


def _parameters(coded: Coded) -> tuple[int, int]:
    """Return the orientation, and the check of the samples.

    Raises:
        CorruptFileError: a field is out of its range.
    """
    fields = Fields(coded.parameters)
    orientation, check = fields.struct(_PARAMETERS, "JPEG parameters")
    nothing_left(fields, "color")
    if orientation not in ORIENTATIONS:
        raise CorruptFileError(f"a JPEG turned by orientation {orientation}; expected 1..8")
    return orientation, check


def _orientation(stored: np.ndarray, plane: np.ndarray) -> int | None:
    """Return the orientation that makes `plane` of the file's pixels; None if none does."""
    able = (o for o in ORIENTATIONS if np.array_equal(turn(stored, o), plane))
    return UPRIGHT if np.array_equal(stored, plane) else next(able, None)


def _smallest(file: bytes, shape: tuple[int, int]) -> bytes:
    """Return the file coded anew, or as it is where that cannot be or saves nothing."""
    as_it_is = bytes([_AS_IT_IS]) + file
    try:
        payload = _pack(file, shape)
        anew = len(payload) < len(as_it_is) and _unpack(payload, shape) == file
    except CorruptFileError:
        return as_it_is
    return payload if anew else as_it_is


def _pack(file: bytes, shape: tuple[int, int]) -> bytes:
    """Return the payload: what is laid aside, how the file is written, the frame.

    Raises:
        CorruptFileError: JPEG XL does not take the file.
    """
    components = _frame_header(file)[2]
    header = _header(shape, components)
    at, size = _aside(file)
    packed = zlib.compress(file[at : at + size], 9)
    aside = varint(size) + (varint(at) + blob(packed) if size else b"")
    try:
        boxed = bytes(imagecodecs.jpegxl_encode_jpeg(file[:at] + file[at + size :]))
    except Exception:
        raise CorruptFileError("JPEG XL does not take the file") from None
    frame, written = codestream_of(boxed), _box(boxed, b"jbrd")
    if not frame.startswith(header) or written is None:
        raise CorruptFileError("JPEG XL wrote a header that is unknown here")
    return bytes([components]) + aside + blob(written) + frame[len(header) :]


def _unpack(payload: bytes, shape: tuple[int, int]) -> bytes:
    """Return the file that was packed.

    Raises:
        CorruptFileError: the payload is no such file.
    """
    fields = Fields(payload)
    components = fields.byte("components of a JPEG")
    if components == _AS_IT_IS:
        return payload[1:]
    size = fields.varint("bytes laid aside", MAX_ASIDE)
    at = fields.varint("their place") if size else 0
    aside = _inflate(fields.blob("what is laid aside", len(payload)), size) if size else b""
    written = fields.blob("how the JPEG is written", len(payload))
    codestream = _header(shape, components) + fields.take(fields.left, "frame")
    boxes = _BOXES + _boxed(b"jbrd", written) + _boxed(b"jxlc", codestream)
    try:
        bare = bytes(imagecodecs.jpegxl_decode_jpeg(boxes, numthreads=1))
    except Exception:
        raise CorruptFileError(f"damaged JPEG payload of {len(payload)} bytes") from None
    file = bare[:at] + aside + bare[at:]
    if size and _aside(file) != (at, size):
        raise CorruptFileError(f"what was laid aside does not belong at byte {at} of a JPEG")
    return file


def _inflate(packed: bytes, size: int) -> bytes:
    """Return `size` bytes, and never make more."""
    inflate = zlib.decompressobj()
    try:
        out = inflate.decompress(packed, size + 1)
    except zlib.error:
        out = b""
    if len(out) != size or not inflate.eof or inflate.unused_data:
        raise CorruptFileError(f"what is laid aside of a JPEG does not inflate to {size} bytes")
    return out


def _aside(file: bytes) -> tuple[int, int]:
    """Return (place, bytes) of the segments from the first with Exif or a profile to the last."""
    found = [(at, size) for at, marker, size in _segments(file) if marker in _ASIDE]
    if not found:
        return 0, 0
    first, (last, size) = found[0][0], found[-1]
    return (first, last + size - first) if last + size - first <= MAX_ASIDE else (0, 0)


def _segments(file: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (place, marker, bytes) of the application segments and comments that begin a file."""
    at = len(_START)
    while file[at : at + 1] == b"\xff" and file[at + 1 : at + 2] and file[at + 1] in _NOTES:
        size = 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if size < 4 or at + size > len(file):
            return
        yield at, file[at + 1], size
        at += size


def _frame_header(file: bytes) -> tuple[int, int, int]:
    """Return (height, width, components) as a JPEG file says.

    Raises:
        CorruptFileError: it does not say so before its samples.
    """
    at = len(_START)
    while at + 10 <= len(file) and file.startswith(_START) and file[at] == 0xFF:
        marker = file[at + 1]
        if marker in _FRAMES:
            height, width, components = struct.unpack_from(">HHB", file, at + 5)
            return height, width, components
        if marker in _ALONE:
            break
        at += 1 if marker == 0xFF else 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    raise CorruptFileError("a JPEG without a frame header")


def _header(shape: tuple[int, int], components: int) -> bytes:
    """Return the image header of a JPEG that is coded anew.

    Raises:
        CorruptFileError: it has neither 1 nor 3 components, or too many pixels.
    """
    if components not in (_GREY, _COLOR) or shape[0] * shape[1] > MAX_PIXELS:
        raise CorruptFileError(
            f"a JPEG of {components} components and {shape[1]}x{shape[0]}; expected 1 or 3, and "
            f"at most {MAX_PIXELS} pixels"
        )
    return image_header(shape if components == _GREY else (*shape, components), np.dtype(np.uint8))


def _boxed(kind: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def _box(data: bytes, kind: bytes) -> bytes | None:
    """Return what the first box of a kind holds."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if data[at + 4 : at + 8] == kind:
            return data[at + 8 : at + size]
        at += max(size, 8)
    return None
