"""Still picture codecs as pairs: encode(picture, setting), decode(bytes, shape, setting)."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from ...errors import EncodepthError

Shape = tuple[int, ...]


def jpeg_encode(rgb: NDArray, quality: float) -> bytes:
    return bytes(
        imagecodecs.jpeg8_encode(rgb, level=int(quality), subsampling="420", optimize=True)
    )


def jpeg75_encode(rgb: NDArray, _: float) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(rgb, level=75, subsampling="420", optimize=False))


def jpeg_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(imagecodecs.jpeg8_decode(data))


def webp_encode(rgb: NDArray, quality: float) -> bytes:
    return bytes(imagecodecs.webp_encode(rgb, level=quality, method=6, lossless=False))


def webp_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(imagecodecs.webp_decode(data))[..., :3]


def jxl_encode(rgb: NDArray, distance: float) -> bytes:
    return bytes(
        imagecodecs.jpegxl_encode(rgb, distance=distance, effort=7, lossless=False, numthreads=1)
    )


def jxl_exact_encode(picture: NDArray, effort: float) -> bytes:
    return bytes(
        imagecodecs.jpegxl_encode(picture, lossless=True, effort=int(effort), numthreads=1)
    )


def jxl_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(imagecodecs.jpegxl_decode(data, numthreads=1))


def avif_encode(rgb: NDArray, quality: float) -> bytes:
    return bytes(
        imagecodecs.avif_encode(
            rgb, level=int(quality), speed=6, pixelformat="yuv444", codec="aom", numthreads=1
        )
    )


def avif_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(imagecodecs.avif_decode(data, numthreads=1))


def avif12_encode(plane: NDArray, quality: float) -> bytes:
    grey = np.repeat(plane[..., None], 3, axis=2)  # a 2-D array would be coded losslessly
    return bytes(
        imagecodecs.avif_encode(
            grey, level=int(quality), speed=4, bitspersample=12, pixelformat="yuv400",
            codec="aom", numthreads=1,
        )
    )  # fmt: skip


def avif12_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    plane = avif_decode(data, shape, setting)
    return plane[..., 0] if plane.ndim == 3 else plane


def avif_ssim_encode(rgb: NDArray, quality: float) -> bytes:
    from PIL import Image, features

    if not features.check("avif"):
        raise EncodepthError("this Pillow was built without AVIF")
    out = io.BytesIO()
    Image.fromarray(rgb).save(
        out, "AVIF", quality=int(quality), speed=6, subsampling="4:4:4", codec="aom",
        max_threads=1, advanced={"tune": "ssim"},
    )  # fmt: skip
    return out.getvalue()


def pillow_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    from PIL import Image

    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def jp2k_encode(picture: NDArray, decibels: float) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(
            picture,
            level=decibels,  # type: ignore[arg-type]  # decibels need not be whole
            reversible=False,
            codecformat="j2k",
            numthreads=1,
        )
    )


def jp2k_decode(data: bytes, shape: Shape, setting: float) -> NDArray:
    return np.asarray(imagecodecs.jpeg2k_decode(data, numthreads=1))
