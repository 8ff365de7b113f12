"""The floor under the learned coder: one AV1 key frame, as AVIF makes it, without AVIF's boxes.

AVIF spends some 270 bytes on boxes that repeat what an .rgbd header says. A payload here is only
the AV1 sequence header and the frame; the decoder writes the boxes anew around them. As the boxes
are ours and the sequence header is checked, a payload cannot ask for another size.
"""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
from PIL import Image

from ..errors import CorruptFileError, EncodepthError, InvalidImageError
from .libavif import encode_grey

DEFAULT_EFFORT = 7

MAX_SIDE = 32768  # libavif's
TOP = 4095  # depth planes have 12 bits
_BEST = 99  # 100 means lossless to libavif, in another pixel format
_SPEED = (10, 10, 9, 9, 8, 8, 7, 6, 4, 3)  # libaom's speed for effort 0..9
_DEPTH_SPEED = (10, 9, 8, 7, 6, 5, 5, 4, 3, 1)
_DELIMITER, _SEQUENCE, _FRAME = 2, 1, 6  # AV1 OBU types


def encode_color(color: np.ndarray, quality: int, effort: int = DEFAULT_EFFORT) -> bytes:
    """Code a uint8 (H, W, 3) picture as 8-bit 4:4:4, tuned for SSIM.

    Args:
        color: the picture.
        quality: 0..100, libavif's.
        effort: 1 (fast) .. 9 (small).
    """
    return encode_color_as(color, quality, _SPEED[effort], "ssim")


def encode_color_as(
    color: np.ndarray, quality: int, speed: int, tune: str, *, threads: int = 0
) -> bytes:
    """Code as `encode_color` does, at a speed of libaom's and tuned for "ssim" or "psnr".

    Args:
        color: the picture.
        quality: 0..100, libavif's.
        speed: 0 (small) .. 10 (fast).
        tune: what libaom calls so.
        threads: at most so many, 0 for as many as there are cores.
    """
    out = io.BytesIO()
    Image.fromarray(color).save(
        out,
        "AVIF",
        quality=min(quality, _BEST),
        subsampling="4:4:4",
        codec="aom",
        speed=speed,
        advanced={"tune": tune},
        **({"max_threads": threads} if threads else {}),
    )
    return _strip(out.getvalue())


def decode_color(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_color` coded.

    Raises:
        CorruptFileError: the payload is not such a picture of that size.
    """
    return _decode(payload, (height, width, 3), np.uint8)


def fits(modality: str, plane: np.ndarray) -> bool:
    """Whether the decoder takes a picture of that size; depth that it does not is coded exactly.

    Raises:
        InvalidImageError: colour that it does not take.
    """
    height, width = plane.shape[:2]
    if max(height, width) <= MAX_SIDE:
        return True
    if modality == "color":
        raise InvalidImageError(
            f"color is {width}x{height}; AV1 goes up to {MAX_SIDE} a side, so keep it exactly "
            '(lossless "color") or cut it'
        )
    return False


def encode_plane(plane: np.ndarray, quality: int, effort: int = DEFAULT_EFFORT) -> bytes:
    """Code a float (h, w) plane in [0, 1] as 12 bits, 4:0:0, tuned for squared error."""
    codes = np.rint(plane * TOP).astype(np.uint16)
    quality, speed = min(quality, _BEST), _DEPTH_SPEED[effort]
    return _strip(encode_grey(codes, 12, quality, speed) or _encode_for_eyes(codes, quality, speed))


def _encode_for_eyes(codes: np.ndarray, quality: int, speed: int) -> bytes:
    """Return a 12-bit grey AVIF of about the error that `encode_grey` has at that quality.

    imagecodecs codes a 2-D array losslessly whatever the quality; three equal planes with
    pixelformat 400 are the way around.
    """
    return bytes(
        imagecodecs.avif_encode(
            np.repeat(codes[..., None], 3, axis=2),
            min(max(round((quality - 24) / 0.74), 0), _BEST),
            speed=speed,
            bitspersample=12,
            pixelformat="400",
        )
    )


def decode_plane(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_plane` coded: float32 (h, w) in [0, 1].

    Raises:
        CorruptFileError: the payload is not such a plane of that size.
    """
    codes = _decode(payload, (height, width), np.uint16)
    return np.minimum(codes, TOP).astype(np.float32) / np.float32(TOP)


def _decode(payload: bytes, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Put the boxes around a payload and decode it."""
    length = payload[0] if payload else 0
    sequence, frame = payload[1 : 1 + length], payload[1 + length :]
    if _announced_size(sequence) != (shape[1], shape[0]):
        raise CorruptFileError(
            f"AV1 payload announces {_announced_size(sequence)}; expected {(shape[1], shape[0])}"
        )
    try:
        picture = imagecodecs.avif_decode(_dress(sequence, frame, shape))
    except Exception:
        raise CorruptFileError(f"damaged AV1 payload of {len(payload)} bytes") from None
    if picture.shape != shape or picture.dtype != dtype:
        raise CorruptFileError(
            f"AV1 payload holds {picture.dtype} {picture.shape}; expected {np.dtype(dtype)} {shape}"
        )
    return picture


def _strip(avif: bytes) -> bytes:
    """Return the length of the sequence header, the sequence header, and the frame."""
    parts = {}
    for kind, body in _units(_media(avif)):
        if kind in parts or kind not in (_DELIMITER, _SEQUENCE, _FRAME):
            raise EncodepthError(f"the AV1 encoder wrote an unexpected unit of type {kind}")
        parts[kind] = body
    return bytes([len(parts[_SEQUENCE])]) + parts[_SEQUENCE] + parts[_FRAME]


def _media(avif: bytes) -> bytes:
    """Return what the `mdat` box holds (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= len(avif):
        size = int.from_bytes(avif[at : at + 4], "big") or len(avif) - at
        if avif[at + 4 : at + 8] == b"mdat":
            return avif[at + 8 : at + size]
        at += size
    raise EncodepthError("the AVIF encoder wrote no mdat box")


def _units(stream: bytes) -> list[tuple[int, bytes]]:
    """Split an AV1 stream into (type, payload) of its OBUs (AV1 specification, 5.3)."""
    units, at = [], 0
    while at < len(stream):
        kind, extended = stream[at] >> 3 & 15, stream[at] >> 2 & 1
        at += 1 + extended
        size = shift = 0
        while True:
            byte = stream[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        units.append((kind, stream[at : at + size]))
        at += size
    return units


def _announced_size(sequence: bytes) -> tuple[int, int]:
    """Return (width, height) of a still picture's sequence header (AV1 specification, 5.5.1).

    Its reduced form has no way to say another size in the frame.
    """
    bits = int.from_bytes(sequence[:12].ljust(12, b"\0"), "big")
    at = 96

    def take(count: int) -> int:
        nonlocal at
        at -= count
        return bits >> at & (1 << count) - 1

    take(3)  # profile
    still, reduced = take(1), take(1)
    if not (still and reduced):
        raise CorruptFileError("AV1 payload is not a reduced still picture")
    take(5)  # level
    width_bits, height_bits = take(4) + 1, take(4) + 1
    return take(width_bits) + 1, take(height_bits) + 1


def _dress(sequence: bytes, frame: bytes, shape: tuple[int, ...]) -> bytes:
    """Return a whole AVIF file (MIAF, ISO/IEC 23000-22) around a sequence header and a frame."""
    grey = len(shape) == 2
    depths = [12] if grey else [8, 8, 8]
    profile = sequence[0] >> 5
    # av1C: version; profile, level 0; high bit depth, 12 bits, monochrome, subsampling.
    codec = bytes([0x81, profile << 5, 0x7C if grey else 0, 0])
    stream = _unit(_SEQUENCE, sequence) + _unit(_FRAME, frame)
    properties = _box(
        b"ipco",
        _box(b"ispe", bytes(4) + shape[1].to_bytes(4, "big") + shape[0].to_bytes(4, "big")),
        _box(b"pixi", bytes([0, 0, 0, 0, len(depths), *depths])),
        _box(b"av1C", codec),
        _box(b"colr", b"nclx" + bytes([0, 2, 0, 2, 0, 6, 0x80])),  # BT.601 matrix, full range
    )
    links = _box(b"ipma", bytes.fromhex("00000000 00000001 0001 04 01 02 83 04"))
    head = _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")

    def meta(offset: int) -> bytes:
        place = offset.to_bytes(4, "big") + len(stream).to_bytes(4, "big")
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
            _box(b"pitm", bytes.fromhex("00000000 0001")),
            _box(b"iloc", bytes.fromhex("00000000 4400 0001 0001 0000 0001") + place),
            _box(
                b"iinf",
                bytes.fromhex("00000000 0001"),
                _box(b"infe", bytes.fromhex("02000000 0001 0000") + b"av01Color\0"),
            ),
            _box(b"iprp", properties, links),
        )

    offset = len(head) + len(meta(0)) + 8
    return head + meta(offset) + _box(b"mdat", stream)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def _unit(kind: int, body: bytes) -> bytes:
    size, rest = bytearray(), len(body)
    while rest >= 0x80:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([kind << 3 | 2, *size, rest]) + body
