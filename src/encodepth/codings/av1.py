"""Lossy colour and depth: one AV1 frame. Colour is 10-bit 4:4:4, depth 12-bit grey.

Parameters: the quality; of depth also the range that the plane's 0 and 1 stand for.
"""

from __future__ import annotations

import numpy as np

from ..packing import Fields
from . import av1_color as colors
from . import av1_frames as frames
from . import depth
from .base import Ask, Coded, Facts, References, nothing_left, pack_range, take_quality, take_range


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code colour (H, W, 3) or depth (h, w).

    Raises:
        InvalidImageError: colour has a side that AV1's decoder refuses.
    """
    if not frames.fits(modality, plane):
        return None
    if modality == "color":
        payload = colors.encode_color(plane, ask.quality, ask.effort, ask.tune)
        return Coded(payload, bytes([ask.quality]))
    mapped = depth.to_plane(plane, ask)
    if mapped is None:
        return None
    payload = frames.encode_plane(mapped.plane, mapped.quality, ask.effort)
    payload = mapped.beside(plane, ask.effort) + payload
    return Coded(payload, bytes([ask.quality]) + pack_range(mapped.low, mapped.high))


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    known = facts(modality, coded)
    if modality == "color":
        return colors.decode_color(coded.payload, *shape)
    valid = seen.plane("mask")
    apart, payload = depth.split(coded.payload, valid, shape)
    plane = frames.decode_plane(payload, *shape)
    return depth.to_steps(plane, valid, known.low, known.high, apart)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    fields = Fields(coded.parameters)
    quality = take_quality(fields, modality)
    low, high = take_range(fields) if modality == "depth" else (0, 0)
    nothing_left(fields, modality)
    return Facts(quality=quality, low=low, high=high)
