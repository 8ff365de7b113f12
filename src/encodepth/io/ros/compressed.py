"""sensor_msgs/CompressedImage to arrays and back: JPEG, PNG, and compressedDepth by PNG or RVL.

compressedDepth has 12 bytes before its picture: a number of its kind and two floats. Depth of 16
bits is stored as it is. Floats are stored as A / depth + B in 16 bits, A and B being the floats, so
they come back rounded, the more so the farther.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from ...errors import InvalidImageError
from ...frame import check_size
from ..given import File
from ..opening import decode, open_picture
from . import rvl
from .images import ENCODINGS, Pixels, encoding

_HEAD = struct.Struct("<iff")  # kind, A, B
_SIZE = struct.Struct("<II")  # width, height, before what RVL coded
_DEPTH = "compressedDepth"
CODECS = ("png", "rvl")


def from_compressed(form: str, data: np.ndarray | bytes, name: str) -> Pixels:
    """Return the pixels of a sensor_msgs/CompressedImage.

    Args:
        form: its field `format`: "jpeg", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth
            rvl" ..
        data: its field `data`.
        name: its topic, for messages.

    Raises:
        InvalidImageError: it is none of these, or is damaged.
    """
    held = bytes(data)
    if _DEPTH in form or name.endswith(f"/{_DEPTH}"):
        return _from_depth(form, held, name)
    return _from_picture(form, held, name)


def encoding_of(form: str) -> str:
    """Return the encoding that a format names: "16UC1" of "16UC1; compressedDepth", else ""."""
    first = form.split(";")[0].strip()
    return first if first in ENCODINGS else ""


def compress_depth(depth: np.ndarray, codec: str) -> tuple[str, np.ndarray]:
    """Return format and data of a compressedDepth message, which holds every value.

    Args:
        depth: uint16 (h, w), millimetres as REP 118 has it.
        codec: "png" or "rvl".
    """
    if codec == "rvl":
        coded = _SIZE.pack(depth.shape[1], depth.shape[0]) + rvl.compress(depth)
    else:
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(depth)).save(out, "png", compress_level=1)
        coded = out.getvalue()
    whole = _HEAD.pack(0, 0.0, 0.0) + coded
    return f"16UC1; {_DEPTH} {codec}", np.frombuffer(whole, np.uint8)


def _from_depth(form: str, data: bytes, name: str) -> Pixels:
    row = encoding(form.split(";")[0].strip(), name)
    if row.kind == "color" or row.sample == "u1":
        raise InvalidImageError(f"{name} is {_DEPTH} of {row.name}; expected 16UC1 or 32FC1")
    if len(data) <= _HEAD.size:
        raise InvalidImageError(f"a picture of {name} has {len(data)} bytes, no more than a header")
    _, a, b = _HEAD.unpack_from(data)
    coded = data[_HEAD.size :]
    whole = _from_rvl(coded, name) if form.rstrip().endswith("rvl") else _grey_16(coded, name)
    if row.sample != "f4":
        return Pixels(whole, row.name)
    with np.errstate(all="ignore"):
        depth = np.float32(a) / (whole.astype(np.float32) - np.float32(b))
    return Pixels(np.where(whole > 0, depth, np.float32(np.nan)), row.name)


def _from_rvl(coded: bytes, name: str) -> np.ndarray:
    if len(coded) < _SIZE.size:
        raise InvalidImageError(f"RVL data of {name} has {len(coded)} bytes, no size")
    width, height = _SIZE.unpack_from(coded)
    check_size(f"the picture of {name}", width, height)
    try:
        return rvl.decompress(coded[_SIZE.size :], height, width)
    except InvalidImageError as error:
        raise InvalidImageError(f"{name}: {error}") from None


def _grey_16(coded: bytes, name: str) -> np.ndarray:
    pixels = _open(coded, name)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise InvalidImageError(f"{name} holds no picture of one channel of 16 bits")
    return pixels


def _from_picture(form: str, data: bytes, name: str) -> Pixels:
    """Decode a picture file; the format says what one channel of 16 bits is."""
    pixels = _open(data, name)
    named = encoding_of(form)
    if pixels.ndim == 3:
        return Pixels(pixels, "rgb8")
    if pixels.dtype == np.uint8:
        if named and ENCODINGS[named].kind == "depth":
            raise InvalidImageError(
                f'{name} is depth in 8 bits ("{form}"), which is not what was measured; expected '
                "compressedDepth or PNG of 16 bits"
            )
        return Pixels(pixels, "mono8")
    return Pixels(pixels, named if named in ("mono16", "16UC1") else "16UC1")


def _open(data: bytes, name: str) -> np.ndarray:
    """Return uint8 (h, w, 3), uint8 (h, w) or uint16 (h, w) of a picture file."""
    file = File(name, data)
    with open_picture(file, "picture") as picture:
        opened = decode(picture, file, "picture").pixels
        if opened.mode.startswith("I"):
            return np.array(opened).astype(np.uint16)
        return np.array(opened if opened.mode == "L" else opened.convert("RGB"))
