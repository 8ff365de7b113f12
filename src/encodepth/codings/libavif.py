"""libavif itself, for how it makes RGB of Y, Cb and Cr, which is in no other library's interface.

Its arithmetic is that of whoever shows AVIF pictures, and quick. The library is the one that
imagecodecs carries, or the system's; only fields that have kept their places since libavif 1.0 are
touched. Where there is no such library the caller has to do without.
"""

from __future__ import annotations

import ctypes as c
from functools import cache

import numpy as np

from .carried import find
from .room import empty

_MAJOR = b"1."  # of the version whose layout is below
_444, _RGB, _FULL_RANGE = 1, 0, 1


class _Image(c.Structure):
    _fields_ = (
        ("width", c.c_uint32),
        ("height", c.c_uint32),
        ("depth", c.c_uint32),
        ("format", c.c_int),
        ("range", c.c_int),
        ("chroma_position", c.c_int),
        ("planes", c.c_void_p * 3),
        ("row_bytes", c.c_uint32 * 3),
    )


class _Rgb(c.Structure):
    _fields_ = (
        ("width", c.c_uint32),
        ("height", c.c_uint32),
        ("depth", c.c_uint32),
        ("format", c.c_int),
        ("options", c.c_int * 7),  # up- and downsampling, alpha, threads: defaults
        ("pixels", c.c_void_p),
        ("row_bytes", c.c_uint32),
        ("free", c.c_uint8 * 64),  # fields that came later
    )


def to_rgb(planes: list[np.ndarray]) -> np.ndarray | None:
    """Return a picture of its Y, Cb and Cr as AVIF pictures are shown; None without libavif.

    Args:
        planes: three uint8 (H, W), BT.601 in full range; rows may lie apart.

    Returns:
        uint8 (H, W, 3).
    """
    library = _library()
    if library is None:
        return None
    height, width = planes[0].shape
    rgb = empty((height, width, 3), np.uint8)
    image = library.avifImageCreate(width, height, 8, _444)
    if not image:
        return None
    try:
        held, view = image.contents, _Rgb()
        held.range = _FULL_RANGE
        for i, plane in enumerate(planes):
            held.planes[i], held.row_bytes[i] = plane.ctypes.data, plane.strides[0]
        library.avifRGBImageSetDefaults(c.byref(view), image)
        view.format, view.depth = _RGB, 8
        view.pixels, view.row_bytes = rgb.ctypes.data, rgb.strides[0]
        return None if library.avifImageYUVToRGB(image, c.byref(view)) else rgb
    finally:
        for i in range(3):
            image.contents.planes[i] = None  # which are ours
        library.avifImageDestroy(image)


@cache
def _library() -> c.CDLL | None:
    """Return libavif 1.x, None where there is none."""
    image, rgb = c.POINTER(_Image), c.POINTER(_Rgb)
    functions = (
        ("avifVersion", c.c_char_p, ()),
        ("avifImageCreate", image, (c.c_uint32, c.c_uint32, c.c_uint32, c.c_int)),
        ("avifImageDestroy", None, (image,)),
        ("avifRGBImageSetDefaults", None, (rgb, image)),
        ("avifImageYUVToRGB", c.c_int, (image, rgb)),
    )
    return find(("avif",), functions, lambda library: library.avifVersion().startswith(_MAJOR))
