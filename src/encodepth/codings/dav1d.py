"""dav1d itself: temporal units in, planes out, one by one and without boxes around them.

imagecodecs decodes AVIF with the dav1d inside its libavif; this is the same code, asked directly,
so that the first pictures of a group cost only themselves and no copy of the others. Where dav1d
cannot be reached, `None` says so and the caller has to do with what AVIF offers. Layouts are those
of dav1d's interface 7 (dav1d 1.1 and later).
"""

from __future__ import annotations

import ctypes as c
import errno
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

import numpy as np

from ..errors import CorruptFileError
from .carried import find

_MAJOR = 7  # of the interface
_AGAIN = -errno.EAGAIN
_GREY, _444 = 0, 3  # pixel layouts
_FREE = 1024  # bytes behind the fields that are declared, more than dav1d has there

Made = TypeVar("Made")


class _Settings(c.Structure):
    _fields_ = (
        ("threads", c.c_int),
        ("frame_delay", c.c_int),
        ("grain", c.c_int),
        ("operating_point", c.c_int),
        ("all_layers", c.c_int),
        ("size_limit", c.c_uint),
        ("allocator", c.c_void_p * 3),
        ("log_cookie", c.c_void_p),
        ("log", c.c_void_p),
        ("free", c.c_uint8 * _FREE),
    )


class _Data(c.Structure):
    _fields_ = (
        ("data", c.c_void_p),
        ("size", c.c_size_t),
        ("reference", c.c_void_p),
        ("free", c.c_uint8 * _FREE),
    )


class _Picture(c.Structure):
    _fields_ = (
        ("sequence", c.c_void_p),
        ("frame", c.c_void_p),
        ("planes", c.c_void_p * 3),
        ("row_bytes", c.c_ssize_t * 2),
        ("width", c.c_int),
        ("height", c.c_int),
        ("layout", c.c_int),
        ("bits", c.c_int),
        ("free", c.c_uint8 * _FREE),
    )


def available() -> bool:
    """Say whether dav1d can be reached here."""
    return _library() is not None


def decode(
    units: list[bytes],
    shape: tuple[int, int],
    bits: int,
    grey: bool,
    make: Callable[[list[np.ndarray]], Made],
    threads: int = 1,
) -> Iterator[Made]:
    """Yield what is made of the planes of each temporal unit's picture, as it is asked for.

    Args:
        units: temporal units from a key frame on, the first with a sequence header.
        shape: (height, width) that every picture has.
        bits: 8, 10 or 12 that every sample has.
        grey: whether there is one plane, or three of that shape.
        make: called with the planes, whose memory is dav1d's and is gone afterwards.
        threads: dav1d's; the samples are the same whatever their number.

    Raises:
        CorruptFileError: a unit does not hold exactly one such picture.
    """
    library = _library()
    assert library is not None
    settings = _Settings()
    library.dav1d_default_settings(c.byref(settings))
    settings.threads, settings.frame_delay = threads, 1
    settings.size_limit = shape[0] * shape[1]
    settings.log = None  # damage is told by what is raised, not on stderr
    context = c.c_void_p()
    if library.dav1d_open(c.byref(context), c.byref(settings)):
        raise MemoryError("dav1d does not start")
    try:
        for number, unit in enumerate(units):
            picture = _Picture()
            try:
                if not _feed(library, context, unit, picture):
                    raise CorruptFileError(f"damaged AV1 picture {number} of a group")
                made = make(_planes(picture, shape, bits, grey, number))
            finally:
                library.dav1d_picture_unref(c.byref(picture))
            yield made
    finally:
        library.dav1d_close(c.byref(context))


def _feed(library: c.CDLL, context: c.c_void_p, unit: bytes, picture: _Picture) -> bool:
    """Send a temporal unit; say whether it gave one picture, no more and no less."""
    data = _Data()
    place = library.dav1d_data_create(c.byref(data), len(unit))
    if not place:
        return False
    c.memmove(place, unit, len(unit))
    spare, pictures, got = _Picture(), 0, _AGAIN

    def get() -> int:
        nonlocal pictures
        got = library.dav1d_get_picture(context, c.byref(spare if pictures else picture))
        pictures += got == 0
        return int(got)

    try:
        while data.size and pictures < 2:
            sent = library.dav1d_send_data(context, c.byref(data))
            if sent not in (0, _AGAIN):
                return False
            got = get()
            if got not in (0, _AGAIN) or got == sent == _AGAIN:
                return False
        while pictures < 2 and (got := get()) == 0:
            pass
        return pictures == 1 and got == _AGAIN
    finally:
        library.dav1d_data_unref(c.byref(data))
        library.dav1d_picture_unref(c.byref(spare))


def _planes(
    picture: _Picture, shape: tuple[int, int], bits: int, grey: bool, number: int
) -> list[np.ndarray]:
    """Return the planes of a picture that is what was expected, in its own memory."""
    found = (picture.height, picture.width, picture.bits, picture.layout)
    if found != (*shape, bits, _GREY if grey else _444):
        raise CorruptFileError(
            f"AV1 picture {number} of a group is {picture.width}x{picture.height} of "
            f"{picture.bits} bits; expected {shape[1]}x{shape[0]} of {bits}"
        )
    sample = c.c_uint8 if bits == 8 else c.c_uint16
    planes = []
    for i in range(1 if grey else 3):
        row = picture.row_bytes[min(i, 1)] // c.sizeof(sample)
        rows = c.cast(picture.planes[i], c.POINTER(sample))
        planes.append(np.ctypeslib.as_array(rows, (shape[0], row))[:, : shape[1]])
    return planes


@cache
def _library() -> c.CDLL | None:
    """Return a library that has dav1d in it, None where there is none."""
    data, picture = c.POINTER(_Data), c.POINTER(_Picture)
    functions = (
        ("dav1d_version_api", c.c_uint, ()),
        ("dav1d_default_settings", None, (c.POINTER(_Settings),)),
        ("dav1d_open", c.c_int, (c.POINTER(c.c_void_p), c.POINTER(_Settings))),
        ("dav1d_close", None, (c.POINTER(c.c_void_p),)),
        ("dav1d_data_create", c.c_void_p, (data, c.c_size_t)),
        ("dav1d_data_unref", None, (data,)),
        ("dav1d_send_data", c.c_int, (c.c_void_p, data)),
        ("dav1d_get_picture", c.c_int, (c.c_void_p, picture)),
        ("dav1d_picture_unref", None, (picture,)),
    )
    return find(
        ("dav1d", "avif"), functions, lambda library: library.dav1d_version_api() >> 16 == _MAJOR
    )
