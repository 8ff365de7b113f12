"""Lossless JPEG XL frames without their headers, so that a file cannot ask for another picture.

Every payload is a bare JPEG XL codestream (ISO/IEC 18181-1) whose image header is left out: the
decoder writes that header itself from the size it already knows. It saves some 8 bytes, and no
payload can claim a size, a channel or an animation that the container did not announce.
"""

from __future__ import annotations

import imagecodecs
import numpy as np

from ..errors import CorruptFileError, EncodepthError
from .base import Ask, Coded, Facts, References, sample_bits

_MIN_EFFORT = 2  # effort 1 of libjxl 0.11.2 writes past its buffers on 16-bit grey
_ASPECTS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # ratio codes 1..7


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code colour, or a further plane of 8 or 16 bits, exactly.

    Parameter: bits of a sample; none for colour, which has 8.
    """
    parameters = b"" if modality == "color" else bytes([8 * plane.dtype.itemsize])
    return Coded(encode_frame(plane, ask.effort), parameters)


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    if modality == "color":
        return decode_frame(coded.payload, (*shape, 3), np.uint8)
    return decode_frame(coded.payload, shape, np.dtype(f"uint{sample_bits(modality, coded)}").type)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    if modality != "color":
        sample_bits(modality, coded)
    elif coded.parameters:
        raise CorruptFileError("exact color has parameters; expected none")
    return Facts(error=0)


def encode_frame(picture: np.ndarray, effort: int) -> bytes:
    """Code uint8 (h, w), uint16 (h, w) or uint8 (h, w, 3) exactly.

    Args:
        picture: the samples.
        effort: 1 (fast) .. 9 (small), libjxl's; 1 is coded as 2.

    Raises:
        EncodepthError: the installed libjxl writes headers this format does not know.
    """
    picture = np.ascontiguousarray(picture)
    whole = imagecodecs.jpegxl_encode(
        picture, lossless=True, effort=max(effort, _MIN_EFFORT), usecontainer=False
    )
    codestream = codestream_of(bytes(whole))
    header = image_header(picture.shape, picture.dtype)
    if not codestream.startswith(header):
        raise EncodepthError(
            f"{imagecodecs.jpegxl_version()} writes an image header unknown to .rgbd "
            "version 1; install imagecodecs 2026.3.6"
        )
    return codestream[len(header) :]


def decode_frame(payload: bytes, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Decode what `encode_frame` coded.

    Raises:
        CorruptFileError: the payload is not a frame of that shape and type.
    """
    try:
        picture = imagecodecs.jpegxl_decode(image_header(shape, np.dtype(dtype)) + payload)
    except Exception:
        raise CorruptFileError(f"damaged JPEG XL payload of {len(payload)} bytes") from None
    if picture.shape != shape or picture.dtype != dtype:
        raise CorruptFileError(
            f"JPEG XL payload holds {picture.dtype} {picture.shape}; expected "
            f"{np.dtype(dtype)} {shape}"
        )
    return picture


def image_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Return the image header that libjxl writes for such samples (18181-1, annexes D and E)."""
    bits = _size_bits(shape[1], shape[0])
    bits += "000"  # not all default, no extra fields, integer samples
    bits += "00" if dtype == np.uint8 else "11" + _low_first(16 - 1, 6)
    bits += "1" if dtype == np.uint8 else "0"  # 16-bit buffers suffice
    bits += "000"  # no extra channels, not XYB
    if len(shape) == 3:
        bits += "1"  # sRGB
    else:  # grey, D65, transfer sRGB (8 bits) or linear (16 bits), relative intent
        transfer = 13 if dtype == np.uint8 else 8
        bits += "00" + "10" + "10" + "0" + "01" + _low_first(transfer - 2, 4) + "10"
    bits += "001"  # no extensions, default transform
    bits += "0" * (-len(bits) % 8)
    return b"\xff\x0a" + bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def _size_bits(width: int, height: int) -> str:
    ratio = next((i for i, (a, b) in enumerate(_ASPECTS, 1) if height * a // b == width), 0)
    small = all(side <= 256 and side % 8 == 0 for side in ((height,) if ratio else (height, width)))
    bits = "1" + _low_first(height // 8 - 1, 5) if small else "0" + _side_bits(height)
    bits += _low_first(ratio, 3)
    if not ratio:
        bits += _low_first(width // 8 - 1, 5) if small else _side_bits(width)
    return bits


def _side_bits(side: int) -> str:
    choice, size = next((i, n) for i, n in enumerate((9, 13, 18, 30)) if side <= 1 << n)
    return _low_first(choice, 2) + _low_first(side - 1, size)


def _low_first(value: int, size: int) -> str:
    return f"{value:0{size}b}"[::-1]


def codestream_of(data: bytes) -> bytes:
    """Return the codestream of a JPEG XL file, taken out of its boxes if it has any."""
    if data[:2] == b"\xff\x0a":
        return data
    out, at = b"", 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + size if size else len(data)
        if kind == b"jxlc":
            out += data[at + 8 : end]
        elif kind == b"jxlp":
            out += data[at + 12 : end]
        at = end
    return out
