"""Exact and bounded depth codecs as pairs of functions, called as those of stills."""

from __future__ import annotations

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from .stills import Shape, jxl_decode, jxl_exact_encode


def quantised_encode(depth: NDArray, bound: float) -> bytes:
    """Quantise by 2E+1 steps, holes 0, then JPEG XL lossless; E = setting in steps (mm)."""
    half = int(bound)
    quantised = (depth.astype(np.int64) + half) // (2 * half + 1)
    return jxl_exact_encode(quantised.astype(np.uint16), 7)


def quantised_decode(data: bytes, shape: Shape, bound: float) -> NDArray:
    quantised = jxl_decode(data, shape, bound).astype(np.int64)
    return np.clip(quantised * (2 * int(bound) + 1), 0, 65535).astype(np.uint16)


def png_encode(depth: NDArray, level: float) -> bytes:
    return bytes(imagecodecs.png_encode(depth, level=int(level)))


def png_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(imagecodecs.png_decode(data))


def zstd_encode(depth: NDArray, level: float) -> bytes:
    return bytes(imagecodecs.zstd_encode(depth.astype("<u2").tobytes(), level=int(level)))


def zstd_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.frombuffer(imagecodecs.zstd_decode(data), "<u2").reshape(shape)


def rvl_encode(depth: NDArray, _: float) -> bytes:
    import rvl

    return bytes(rvl.compress(depth.astype("<u2").tobytes()))


def rvl_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    import rvl

    return np.frombuffer(rvl.decompress(data), "<u2")[: shape[0] * shape[1]].reshape(shape)
