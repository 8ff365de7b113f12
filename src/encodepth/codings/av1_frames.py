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
from . import av1_boxes
from .av1_units import DELIMITER, FRAME, SEQUENCE, bits, units
from .base import DEFAULT_EFFORT
from .libavif import encode_grey

MAX_SIDE = 32768  # libavif's
TOP = 4095  # depth planes have 12 bits
_BEST = 99  # 100 means lossless to libavif, in another pixel format
_SPEED = (10, 10, 9, 9, 8, 8, 7, 6, 4, 3)  # libaom's speed for effort 0..9
_DEPTH_SPEED = (10, 9, 8, 7, 6, 5, 5, 4, 3, 1)


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
        picture = imagecodecs.avif_decode(av1_boxes.still(sequence, frame, shape))
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
    stream = _media(avif)
    for kind, _, start, stop in units(stream):
        if kind in parts or kind not in (DELIMITER, SEQUENCE, FRAME):
            raise EncodepthError(f"the AV1 encoder wrote an unexpected unit of type {kind}")
        parts[kind] = stream[start:stop]
    return bytes([len(parts[SEQUENCE])]) + parts[SEQUENCE] + parts[FRAME]


def _media(avif: bytes) -> bytes:
    """Return what the `mdat` box holds (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= len(avif):
        size = int.from_bytes(avif[at : at + 4], "big") or len(avif) - at
        if avif[at + 4 : at + 8] == b"mdat":
            return avif[at + 8 : at + size]
        at += size
    raise EncodepthError("the AVIF encoder wrote no mdat box")


def _announced_size(sequence: bytes) -> tuple[int, int]:
    """Return (width, height) of a still picture's sequence header (AV1 specification, 5.5.1).

    Its reduced form has no way to say another size in the frame.
    """
    take = bits(sequence)
    take(3)  # profile
    still, reduced = take(1), take(1)
    if not (still and reduced):
        raise CorruptFileError("AV1 payload is not a reduced still picture")
    take(5)  # level
    width_bits, height_bits = take(4) + 1, take(4) + 1
    return take(width_bits) + 1, take(height_bits) + 1
