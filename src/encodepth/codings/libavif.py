"""libavif itself, for what imagecodecs has no argument for: which error the encoder minimises.

libavif tunes a still picture for the eye. Depth has none: asked for the least squared error, the
same encoder needs 4 to 15 % fewer bytes at equal RMSE, and palettes, which it keeps for what looks
like a screen, save another 17 % on clean renderings. The library is the one that imagecodecs
carries, or the system's; only fields that have kept their places since libavif 1.0 are touched.
Where there is no such library the caller has to do without.
"""

from __future__ import annotations

import ctypes as c
from functools import cache

import numpy as np

from .carried import find
from .room import empty

_MAJOR = b"1."  # of the version whose layout is below
_GREY, _444, _RGB, _FULL_RANGE, _AOM, _Y_PLANE = 4, 1, 0, 1, 1, 1
_THREADS = 2  # always: two or more give the same bytes, one gives others
_OPTIONS = {"tune": "psnr", "tune-content": "screen", "enable-intrabc": "0"}  # libaom's
_QUICK = 4  # the speed from which on tools are left out that take time and save next to nothing
_QUICK_OPTIONS = {
    "enable-1to4-partitions": "0",
    "enable-filter-intra": "0",
    "min-partition-size": "8",
}


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


class _Encoder(c.Structure):
    _fields_ = (
        ("codec", c.c_int),
        ("threads", c.c_int),
        ("speed", c.c_int),
        ("key_frames", c.c_int),
        ("timescale", c.c_uint64),
        ("repetitions", c.c_int),
        ("layers", c.c_uint32),
        ("quality", c.c_int),
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


class _Bytes(c.Structure):
    _fields_ = (("data", c.c_void_p), ("size", c.c_size_t))


def encode_grey(codes: np.ndarray, bits: int, quality: int, speed: int) -> bytes | None:
    """Return a grey AVIF file with the least squared error for its size; None without libavif.

    Args:
        codes: uint16 (h, w), 0 .. 2**bits - 1.
        bits: 10 or 12.
        quality: 0..100, libavif's.
        speed: 0 (slow) .. 10, libaom's.
    """
    library = _library()
    if library is None:
        return None
    height, width = codes.shape
    image = library.avifImageCreate(width, height, bits, _GREY)
    encoder, out = library.avifEncoderCreate(), _Bytes()
    try:
        if not image or not encoder or library.avifImageAllocatePlanes(image, _Y_PLANE):
            return None
        held = image.contents
        held.range = _FULL_RANGE
        rows = c.cast(held.planes[0], c.POINTER(c.c_uint16))
        np.ctypeslib.as_array(rows, (height, held.row_bytes[0] // 2))[:, :width] = codes
        settings = encoder.contents
        settings.codec, settings.threads = _AOM, _THREADS
        settings.speed, settings.quality = speed, quality
        for key, value in depth_extras(speed).items():
            library.avifEncoderSetCodecSpecificOption(encoder, key.encode(), value.encode())
        if library.avifEncoderWrite(encoder, image, c.byref(out)):
            return None
        return c.string_at(out.data, out.size)
    finally:
        library.avifRWDataFree(c.byref(out))
        if encoder:
            library.avifEncoderDestroy(encoder)
        if image:
            library.avifImageDestroy(image)


def depth_extras(speed: int) -> dict[str, str]:
    """Return libaom's options for a depth map: the least squared error, and what is worth it."""
    return _OPTIONS | fewer_tools(speed)


def fewer_tools(speed: int) -> dict[str, str]:
    """Return libaom's options that leave out tools whose time saves next to nothing."""
    return _QUICK_OPTIONS if speed >= _QUICK else {}


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
    image, encoder, data = c.POINTER(_Image), c.POINTER(_Encoder), c.POINTER(_Bytes)
    rgb = c.POINTER(_Rgb)
    functions = (
        ("avifVersion", c.c_char_p, ()),
        ("avifImageCreate", image, (c.c_uint32, c.c_uint32, c.c_uint32, c.c_int)),
        ("avifImageAllocatePlanes", c.c_int, (image, c.c_uint32)),
        ("avifImageDestroy", None, (image,)),
        ("avifRGBImageSetDefaults", None, (rgb, image)),
        ("avifImageYUVToRGB", c.c_int, (image, rgb)),
        ("avifEncoderCreate", encoder, ()),
        ("avifEncoderSetCodecSpecificOption", c.c_int, (encoder, c.c_char_p, c.c_char_p)),
        ("avifEncoderWrite", c.c_int, (encoder, image, data)),
        ("avifEncoderDestroy", None, (encoder,)),
        ("avifRWDataFree", None, (data,)),
    )
    return find(("avif",), functions, lambda library: library.avifVersion().startswith(_MAJOR))
