"""Lossy depth: an AV1 frame, and a network that takes away what AV1 did to it (a post-filter).

The network sees the decoded plane, the mask, how large the error is (the payload's first byte) and
decoded colour of the same view. Parameters: the quality, the weights' fingerprint, the range.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import CorruptFileError
from ..learned.restore import MAX_STRENGTH, strength_of
from ..packing import Fields
from . import av1_frames as frames
from . import depth
from .base import Ask, Coded, Facts, References, nothing_left, pack_range, take_quality, take_range

WEIGHTS = "restore"  # the shipped weights


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code depth (h, w); what the network would not bring nearer is AV1's own."""
    mapped = depth.to_plane(plane, ask)
    if mapped is None:
        return None
    payload = frames.encode_plane(mapped.plane, mapped.quality, ask.effort)
    inside = (plane > 0) & ((plane <= mapped.far) if mapped.far else True)
    rough, color = frames.decode_plane(payload, *plane.shape), seen.plane("color")
    rmse = math.sqrt(float(np.square(rough - mapped.plane)[inside].mean()))
    strength, network = strength_of(frames.TOP * rmse), seen.models[WEIGHTS]
    helps = network.helps(rough, mapped.plane, inside, strength, color)
    payload = mapped.beside(plane, ask.effort) + payload
    quality, line = bytes([ask.quality]), pack_range(mapped.low, mapped.high)
    if not helps:
        return Coded(payload, quality + line, coding="av1")
    weights = network.fingerprint.to_bytes(4, "little")
    leans = (("color", 0),) if color is not None else ()
    return Coded(bytes([strength]) + payload, quality + weights + line, leans)


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    known, mask = facts(modality, coded), seen.plane("mask")
    apart, payload = depth.split(coded.payload[1:], mask, shape)
    rough = frames.decode_plane(payload, *shape)
    inside = np.ones(shape, bool) if mask is None else mask
    inside = inside if apart is None else inside & (apart == 0)
    network = seen.models.of(known.weights, "restore", modality)
    color = seen.plane("color") if coded.references else None
    plane = network.restore(rough, inside, coded.payload[0], color)
    return depth.to_steps(plane, mask, known.low, known.high, apart)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    if not coded.payload or coded.payload[0] >= MAX_STRENGTH:
        raise CorruptFileError("restored depth does not say by how much")
    fields = Fields(coded.parameters)
    quality = take_quality(fields, modality)
    weights = int.from_bytes(fields.take(4, "weights fingerprint"), "little")
    low, high = take_range(fields)
    nothing_left(fields, modality)
    return Facts(quality=quality, low=low, high=high, weights=weights)
