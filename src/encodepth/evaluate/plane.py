"""Depth as one plane for codecs of pictures: holes filled and masked, the range mapped linearly."""

from __future__ import annotations

import imagecodecs
import numpy as np
from numpy.typing import NDArray

RANGE_BYTES = 4  # lowest and highest depth, two bytes each
Shape = tuple[int, ...]


def fill_as_anchors(depth: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Fill holes by the pull-push of the anchor records, which `image.fill_holes` is not quite.

    Here a coarse value is a mean weighted by the share that is valid, odd sides are halved to the
    next whole number, and the result is rounded. Lossy bytes of frames with holes depend on it.
    """
    holes = depth == 0
    if not holes.any() or holes.all():
        return depth
    levels = [(depth.astype(np.float64), (~holes).astype(np.float64))]
    while min(levels[-1][0].shape) > 4:
        values, share = levels[-1]
        down, across = (_area_means(side) for side in values.shape)
        coarse = down @ share @ across.T
        total = down @ (values * share) @ across.T
        levels.append(
            (np.divide(total, coarse, out=np.zeros_like(total), where=coarse > 0), coarse)
        )
    values, share = levels.pop()
    filled = np.where(share > 0, values, (values * share).sum() / share.sum())
    for values, share in reversed(levels):
        down, across = (_enlarge(a, b) for a, b in zip(values.shape, filled.shape, strict=True))
        filled = np.where(share > 0, values, down @ filled @ across.T)
    return np.rint(filled).astype(np.uint16)


def to_plane(filled: NDArray, low: int, high: int, bits: int) -> NDArray[np.uint16]:
    """Map depth linearly so that `low` is 0 and `high` is the largest code of `bits` bits."""
    top = 2**bits - 1
    # divide first, as the anchors do: the quotient times `top` rounds ties in other ways
    code = np.rint((filled.astype(np.float64) - low) / max(high - low, 1) * top)
    return np.clip(code, 0, top).astype(np.uint16)


def from_plane(
    plane: NDArray, low: int, high: int, bits: int, valid: NDArray[np.bool_]
) -> NDArray[np.uint16]:
    """Invert `to_plane`, round to whole steps, and set the holes to 0."""
    depth = np.rint(plane.astype(np.float64) * ((high - low) / (2**bits - 1)) + low)
    return np.where(valid, np.clip(depth, 1, 65535), 0).astype(np.uint16)


def encode_mask(valid: NDArray[np.bool_]) -> bytes:
    """Code the hole mask by the smaller of JPEG XL and WebP lossless; one byte without holes."""
    if valid.all():
        return b"\0"
    as_jxl = imagecodecs.jpegxl_encode(
        valid.astype(np.uint8), lossless=True, effort=7, numthreads=1
    )
    grey = np.repeat(np.where(valid, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    as_webp = imagecodecs.webp_encode(grey, level=100, method=6, lossless=True)
    return min(bytes(as_jxl), bytes(as_webp), key=len)


def decode_mask(data: bytes, shape: Shape) -> NDArray[np.bool_]:
    """Invert `encode_mask`."""
    if len(data) == 1:
        return np.ones(shape, bool)
    if data[:4] == b"RIFF":
        return np.asarray(imagecodecs.webp_decode(data))[..., 0] == 0
    return np.asarray(imagecodecs.jpegxl_decode(data)) > 0


def _area_means(side: int) -> NDArray[np.float64]:
    """Matrix (ceil(side / 2), side) whose rows average equal shares of the side."""
    rows = (side + 1) // 2
    edges = np.linspace(0, side, rows + 1)
    pixel = np.arange(side)
    inside = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(inside, 0, None) * (rows / side)


def _enlarge(side: int, coarse: int) -> NDArray[np.float64]:
    """Matrix (side, coarse) that interpolates linearly between pixel centres."""
    at = np.clip((np.arange(side) + 0.5) * (coarse / side) - 0.5, 0, coarse - 1)
    return np.clip(1 - np.abs(at[:, None] - np.arange(coarse)), 0, None)
