"""Frames as compact text inside a page: exact depth, colour as a picture, flying pixels as bits.

Depth is predicted from its neighbours, split into high and low bytes and deflated, about as small
as a PNG; the page inflates it with the browser's own DecompressionStream (cloud.js).
"""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..frame import RgbdImage
from ..view import colormap
from .geometry import (
    color_on_depth,
    depth_intrinsics,
    depth_of,
    flying_by_error,
    flying_by_shape,
    orbit_centre,
)

MAX_SIDE = 1024  # of an embedded map; larger ones keep every second, third, ... pixel
EXACT_PIXELS = 1 << 20  # colour up to this size is embedded losslessly, larger at quality 90

Json = dict[str, Any]


def frame(
    image: RgbdImage,
    label: str,
    *,
    original: RgbdImage | None = None,
    against: int | None = None,
    color: str | int | None = None,
    side: int = MAX_SIDE,
    **more: Any,
) -> Json:
    """Return one frame for the page's viewer.

    Args:
        image: with depth.
        label: the frame's name on its button.
        original: what to judge flying pixels by; without it, by their shape alone.
        against: index, among the page's frames, of the one that `original` is.
        color: a data URI, "#id" of a picture on the page, or the index of a frame whose colour
            is shown; by default the image's own, exactly as decoded if it is not very large.
        side: of the embedded map; a larger one keeps every second, third, ... pixel.
        more: further fields for the page.
    """
    depth, unit = depth_of(image), image.depth_unit
    if original is None:
        flying = flying_by_shape(depth, unit)
    else:
        flying = flying_by_error(depth, depth_of(original), unit, original.depth_unit)
    step = -(-max(depth.shape) // side)
    camera, guessed = depth_intrinsics(image)
    low, high = colormap.shown_range(depth, unit)
    thin = depth[::step, ::step]
    if color is None:
        color = "" if image.color is None else picture(color_on_depth(image)[::step, ::step])
    return {
        "label": label,
        "width": thin.shape[1],
        "height": thin.shape[0],
        "step": step,
        "unit": unit,
        "camera": [camera.fx / step, camera.fy / step, camera.cx / step, camera.cy / step],
        "guessed": guessed,
        "centre": orbit_centre(depth, unit),
        "range": [low, high],
        "points": int(np.count_nonzero(depth)),
        "holes": float(np.mean(depth == 0)),
        "flying": int(flying.sum()),
        "depth": pack_depth(thin),
        "marks": pack_bits(flying[::step, ::step]),
        "against": against,
        "color": color,
        **more,
    }


def color_tables() -> Json:
    """Return the colours that cloud.js needs, as base64 of 256 RGB triples each."""
    return {
        "depth": _text(colormap.depth_map().tobytes()),
        "error": _text(colormap.error_map().tobytes()),
        "hole": list(colormap.HOLE),
        "flying": list(colormap.FLYING),
    }


def picture(pixels: NDArray[np.uint8], quality: int | None = None) -> str:
    """Return a WebP as a data URI, lossless unless a quality is given or it is very large."""
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if quality is None and pixels.shape[0] * pixels.shape[1] <= EXACT_PIXELS:
        image.save(out, "WEBP", lossless=True, method=4, quality=60)
    else:
        image.save(out, "WEBP", quality=90 if quality is None else quality, method=4)
    return "data:image/webp;base64," + _text(out.getvalue())


def pack_depth(depth: NDArray[np.uint16]) -> str:
    """Return uint16 (h, w) as base64: prediction errors modulo 65536, high bytes, low bytes."""
    error = (depth.astype(np.int32) - _predict(depth.astype(np.int32))).astype(np.uint16)
    planes = np.stack([error >> 8, error & 255]).astype(np.uint8)
    return _text(zlib.compress(planes.tobytes(), 9))


def unpack_depth(text: str, height: int, width: int) -> NDArray[np.uint16]:
    """Invert `pack_depth`, pixel by pixel as cloud.js does."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    high, low = raw.reshape(2, height, width).astype(np.int32)
    depth = np.zeros((height, width), np.int32)
    for y in range(height):
        for x in range(width):
            left = depth[y, x - 1] if x else 0
            up = depth[y - 1, x] if y else 0
            corner = depth[y - 1, x - 1] if x and y else 0
            guess = sorted((left, up, left + up - corner))[1]
            depth[y, x] = (guess + (high[y, x] << 8) + low[y, x]) & 0xFFFF
    return depth.astype(np.uint16)


def pack_bits(marks: NDArray[np.bool_]) -> str:
    """Return a mask (h, w) as base64 of deflated bits, highest bit first."""
    return _text(zlib.compress(np.packbits(marks).tobytes(), 9))


def _predict(depth: NDArray[np.int32]) -> NDArray[np.int32]:
    """Guess each pixel as the median of left, up, and left + up - corner (LOCO-I)."""
    padded = np.pad(depth, [(1, 0), (1, 0)])
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    plane = left + up - corner
    least, most = np.minimum(left, up), np.maximum(left, up)
    return np.clip(plane, least, most)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
