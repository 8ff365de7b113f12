"""Colour as one AV1 key frame, as AVIF makes it, without AVIF's boxes: 4:4:4, of 10 bits.

Its planes are coordinates along axes that are found for the picture (`color_axes`). With 8 bits
they tell fewer colours apart than RGB of 8 bits does, and what the encoder predicts from is rounded
with them; with 10 bits the same error takes 3 % fewer bytes. Payloads of version 0.1 have 8 bits,
and Y, Cb and Cr: how many there are stands in the sequence header.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial

import numpy as np
from PIL import Image

from ..errors import CorruptFileError
from . import av1_frames as frames
from . import color_axes, dav1d, libaom, ycbcr_fine
from .av1_groups import COLOR_BITS
from .av1_units import FRAME, SEQUENCE, unit
from .base import DEFAULT_EFFORT

TUNE = "ssim"  # what a picture is coded for that nobody said it of
_QUICK = 7  # the speed above which fewer blocks are looked at for a picture's axes:
_BLOCKS = 320, 80  # 20 and 5 ms
_SPEED = (9, 9, 9, 9, 8, 7, 6, 5, 4, 3)  # libaom's for effort 0..9, by runs/choices/color_av1.py


def encode_color(
    color: np.ndarray, quality: int, effort: int = DEFAULT_EFFORT, tune: str | None = None
) -> bytes:
    """Code a uint8 (H, W, 3) picture.

    Args:
        color: the picture.
        quality: 0..100, libavif's.
        effort: 1 (fast) .. 9 (small).
        tune: for "ssim" or "psnr"; `TUNE` without.
    """
    speed = _SPEED[effort]
    return encode_color_as(color, quality, speed, tune or TUNE, extra=frames.fewer_tools(speed))


def encode_color_as(
    color: np.ndarray,
    quality: int,
    speed: int,
    tune: str,
    *,
    threads: int = frames.THREADS,
    bits: int = COLOR_BITS,
    extra: Mapping[str, str] | None = None,
    turned: bool = True,
    usage: libaom.Usage | None = None,
) -> bytes:
    """Code as `encode_color` does, at a speed of libaom's and tuned for "ssim" or "psnr".

    Without libaom at hand Pillow's writes 8 bits.

    Args:
        color: the picture.
        quality: 0..100, libavif's.
        speed: 0 (small) .. 9 (fast).
        tune: what libaom calls so.
        threads: at most so many.
        bits: 8 or 10 of a sample.
        extra: further options of libaom's.
        turned: along the picture's own axes instead of Y, Cb and Cr, where 10 bits hold them.
        usage: how libaom searches; what measured best without.
    """
    if not libaom.available():
        return _encode_with_pillow(color, quality, speed, tune)
    wanted = {"tune": tune} | frames.FILTERED | dict(extra or {})
    usage = _usage(speed, tune) if usage is None else usage
    options = libaom.Options(
        frames.quantizer(quality), speed, usage, 0, threads, extra=wanted, still=True
    )
    blocks = _BLOCKS[speed > _QUICK]
    axes = color_axes.find([color], blocks) if turned and bits == COLOR_BITS else None
    with libaom.Encoder(color.shape[1], color.shape[0], bits, False, options) as encoder:
        units = encoder.add(ycbcr_fine.to_planes(color, bits, axes)) + encoder.finish()
    return color_axes.pack(axes) + frames.join(b"".join(units))


def decode_color(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode what `encode_color` coded: uint8 (H, W, 3).

    Raises:
        CorruptFileError: the payload is not such a picture of that size.
    """
    picture = _decode(payload, (height, width, 3))
    return picture if picture.dtype == np.uint8 else np.rint(picture).astype(np.uint8)


def decode_finely(payload: bytes, height: int, width: int) -> np.ndarray:
    """Decode to float32 (H, W, 3), 0..255, not rounded to 8 bits where the stream has more.

    Raises:
        CorruptFileError: the payload is not such a picture of that size.
    """
    return _decode(payload, (height, width, 3)).astype(np.float32, copy=False)


def _decode(payload: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Return uint8 colour of a stream of 8 bits, or float32, not rounded, of one of more."""
    axes, payload = color_axes.split(payload)
    sequence, frame = frames.split(payload)
    depth = frames.check(sequence, shape)
    if depth == 8:
        if axes is not None:
            raise CorruptFileError("a still picture of 8 bits says along which axes it lies")
        return frames.decode_boxed(payload, shape, np.uint8)
    if not dav1d.available():
        codes = frames.decode_boxed(payload, shape, np.uint16, plain=True)
        return ycbcr_fine.to_rgb(ycbcr_fine.of_codes(codes), depth, axes)
    whole = unit(SEQUENCE, sequence) + unit(FRAME, frame)
    try:
        make = partial(ycbcr_fine.to_rgb, bits=depth, axes=axes)
        (picture,) = dav1d.decode([whole], shape[:2], depth, False, make, frames.THREADS)
    except CorruptFileError:
        raise CorruptFileError(f"damaged AV1 payload of {len(payload)} bytes") from None
    return picture


def _usage(speed: int, tune: str) -> libaom.Usage:
    """Return how libaom searches, by runs/choices/color_tune.py."""
    return frames.usage(speed) if tune == "psnr" else libaom.Usage.ALL_INTRA


def _encode_with_pillow(color: np.ndarray, quality: int, speed: int, tune: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(color).save(
        out,
        "AVIF",
        quality=min(quality, frames.BEST),
        subsampling="4:4:4",
        codec="aom",
        speed=speed,
        advanced={"tune": tune} | frames.FILTERED,
    )
    return frames.join(frames.media(out.getvalue()))
