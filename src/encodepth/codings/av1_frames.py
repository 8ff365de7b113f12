"""A depth plane as one AV1 key frame, and what is common to all stills: a file without its boxes.

AVIF spends some 270 bytes on boxes that repeat what an .rgbd header says. A payload here is only
the AV1 sequence header and the frame; the decoder writes the boxes anew around them. As the boxes
are ours and the sequence header is checked, a payload cannot ask for another size.
"""

from __future__ import annotations

import imagecodecs
import numpy as np

from ..errors import CorruptFileError, EncodepthError, InvalidImageError
from ..modalities import TOP_CODE
from . import av1_boxes, libaom
from .av1_units import DELIMITER, FRAME, SEQUENCE, announced, units
from .base import DEFAULT_EFFORT

MAX_SIDE = 32768  # libavif's
TOP = TOP_CODE
BEST = 99  # 100 means lossless to libavif, in another pixel format
THREADS = 2  # always: two or more give the same bytes, one gives others
FILTERED = {"enable-cdef": "1"}  # which libaom leaves out of pictures that stand alone
FILMS = 5  # the speed from which on down its search for films leaves less squared error
_DEPTH_TOOLS = {"tune": "psnr", "tune-content": "screen", "enable-intrabc": "0"}
_QUICK = 4  # libaom's speed from which on tools are left out whose time saves next to nothing
_FEWER_TOOLS = {
    "enable-1to4-partitions": "0",
    "enable-filter-intra": "0",
    "min-partition-size": "8",
}
_SPEED = (9, 9, 9, 6, 6, 5, 5, 5, 3, 2)  # libaom's for effort 0..9; 8 and 7 save little over 9


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
    speed = _SPEED[effort]
    if not libaom.available():
        return join(media(_encode_for_eyes(codes, quality, speed)))
    return encode_codes(codes, quality, speed, usage(speed))


def encode_codes(
    codes: np.ndarray, quality: int, speed: int, usage: libaom.Usage, filtered: bool = True
) -> bytes:
    """Code uint16 (h, w), 0 .. 4095, at a speed of libaom's, with or without CDEF."""
    extra = depth_tools(speed) | (FILTERED if filtered else {})
    options = libaom.Options(quantizer(quality), speed, usage, 0, THREADS, extra, still=True)
    with libaom.Encoder(codes.shape[1], codes.shape[0], 12, True, options) as encoder:
        return join(b"".join(encoder.add([codes]) + encoder.finish()))


def usage(speed: int) -> libaom.Usage:
    """Return how libaom searches for the least squared error."""
    return libaom.Usage.GOOD if speed <= FILMS else libaom.Usage.ALL_INTRA


def depth_tools(speed: int) -> dict[str, str]:
    """Return libaom's options for depth: the least squared error, palettes, and what is worth it.

    Depth has no eye to please: tuned for squared error it needs 4 to 15 % fewer bytes at equal
    RMSE, and palettes, which libaom keeps for what looks like a screen, save another 17 % on clean
    renderings.
    """
    return _DEPTH_TOOLS | fewer_tools(speed)


def fewer_tools(speed: int) -> dict[str, str]:
    """Return libaom's options that leave out tools whose time saves next to nothing."""
    return _FEWER_TOOLS if speed >= _QUICK else {}


def quantizer(quality: int) -> int:
    """Return libaom's quantizer, 63 .. 0, for a quality of 0..100, as libavif has it."""
    return ((100 - min(quality, BEST)) * 63 + 50) // 100


def _encode_for_eyes(codes: np.ndarray, quality: int, speed: int) -> bytes:
    """Return a 12-bit grey AVIF of about the error that libaom itself has at that quality.

    imagecodecs codes a 2-D array losslessly whatever the quality; three equal planes with
    pixelformat yuv400 are the way around.
    """
    return bytes(
        imagecodecs.avif_encode(
            np.repeat(codes[..., None], 3, axis=2),
            min(max(round((quality - 24) / 0.74), 0), BEST),
            speed=speed,
            bitspersample=12,
            pixelformat="yuv400",
        )
    )


def decode_plane(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_plane` coded: float32 (h, w) in [0, 1].

    Raises:
        CorruptFileError: the payload is not such a plane of that size.
    """
    return plane_of(decode_boxed(payload, (height, width), np.uint16))


def plane_of(codes: np.ndarray) -> np.ndarray:
    """Return the float32 plane in [0, 1] that codes of 12 bits stand for."""
    return np.minimum(codes, TOP).astype(np.float32) / np.float32(TOP)


def decode_boxed(
    payload: bytes, shape: tuple[int, ...], dtype: type, plain: bool = False
) -> np.ndarray:
    """Put the boxes of a file around a payload and let imagecodecs decode it.

    Args:
        payload: of a still picture.
        shape, dtype: that it has to have.
        plain: return colour's planes as they are, for `ycbcr_fine.of_codes`, instead of RGB.

    Raises:
        CorruptFileError: it is not a picture of that shape and type.
    """
    sequence, frame = split(payload)
    bits = check(sequence, shape)
    try:
        picture = imagecodecs.avif_decode(av1_boxes.still(sequence, frame, shape, bits, plain))
    except Exception:
        raise CorruptFileError(f"damaged AV1 payload of {len(payload)} bytes") from None
    if picture.shape != shape or picture.dtype != dtype:
        raise CorruptFileError(
            f"AV1 payload holds {picture.dtype} {picture.shape}; expected {np.dtype(dtype)} {shape}"
        )
    return picture


def split(payload: bytes) -> tuple[bytes, bytes]:
    """Return the sequence header and the frame of a payload."""
    length = payload[0] if payload else 0
    return payload[1 : 1 + length], payload[1 + length :]


def join(stream: bytes) -> bytes:
    """Return the payload of a stream of units: its sequence header and its frame."""
    parts = {}
    for kind, _, start, stop in units(stream):
        if kind in parts or kind not in (DELIMITER, SEQUENCE, FRAME):
            raise EncodepthError(f"the AV1 encoder wrote an unexpected unit of type {kind}")
        parts[kind] = stream[start:stop]
    return bytes([len(parts[SEQUENCE])]) + parts[SEQUENCE] + parts[FRAME]


def media(avif: bytes) -> bytes:
    """Return what the `mdat` box of a file holds (ISO/IEC 14496-12): its units."""
    at = 0
    while at + 8 <= len(avif):
        size = int.from_bytes(avif[at : at + 4], "big") or len(avif) - at
        if avif[at + 4 : at + 8] == b"mdat":
            return avif[at + 8 : at + size]
        at += size
    raise EncodepthError("the AVIF encoder wrote no mdat box")


def check(sequence: bytes, shape: tuple[int, ...]) -> int:
    """Return how many bits a still picture's sequence header announces.

    Its reduced form has no way to say another size in the frame.

    Raises:
        CorruptFileError: it is of another kind, or its size is not that of `shape`.
    """
    said = announced(sequence)
    if said is None or not said.still:
        raise CorruptFileError("AV1 payload is not a reduced still picture")
    if (said.height, said.width) != shape[:2]:
        raise CorruptFileError(
            f"AV1 payload announces {(said.width, said.height)}; expected {(shape[1], shape[0])}"
        )
    return said.depth
