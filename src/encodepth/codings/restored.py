"""Lossy depth: an AV1 frame, and a network that takes away what AV1 did to it (a post-filter).

The network sees the decoded plane, the mask, how large the error is (the payload's first byte) and
decoded colour of the same view. Parameters: the quality, the weights' fingerprint, the range.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import CorruptFileError
from ..packing import Fields
from . import av1, depth
from . import av1_frames as frames
from .base import Ask, Coded, Facts, References, nothing_left, take_quality, take_range

WEIGHTS = "restore"  # the shipped weights
MAX_STRENGTH = 64  # below which a payload's first byte is
_LEAST = -8  # strengths are quarter octaves from here on: an error of a quarter code


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code depth (h, w); what the network would not bring nearer is AV1's own."""
    mapped, plain = depth.to_plane(plane, ask), av1.encode(modality, plane, ask, seen)
    if mapped is None or plain is None:
        return None
    codes, valid, color = mapped[0], plane > 0, seen.plane("color")
    rough = frames.decode_plane(plain.payload, *codes.shape)
    rmse = math.sqrt(float(np.square(rough - codes)[valid].mean()))
    strength, network = strength_of(frames.TOP * rmse), seen.models[WEIGHTS]
    if not network.helps(rough, codes, valid, strength, color):
        return Coded(plain.payload, plain.parameters, coding="av1")
    weights = network.fingerprint.to_bytes(4, "little")
    parameters = plain.parameters[:1] + weights + plain.parameters[1:]
    leans = (("color", 0),) if color is not None else ()
    return Coded(bytes([strength]) + plain.payload, parameters, leans)


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    known = facts(modality, coded)
    rough = frames.decode_plane(coded.payload[1:], *shape)
    mask = seen.plane("mask")
    valid = np.ones(shape, bool) if mask is None else mask
    network = seen.models.of(known.weights, "restore", modality)
    color = seen.plane("color") if coded.references else None
    plane = network.restore(rough, valid, coded.payload[0], color)
    return depth.to_steps(plane, mask, known.low, known.high)


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


def strength_of(rmse: float) -> int:
    """Return the byte, below `MAX_STRENGTH`, that stands for an RMSE in codes of the plane."""
    octaves = math.log2(max(rmse, 2 ** (_LEAST / 4)))
    return min(round(4 * octaves) - _LEAST, MAX_STRENGTH - 1)


def size_of(strength: int) -> float:
    """Return the RMSE in codes that a byte stands for."""
    return float(2 ** ((strength + _LEAST) / 4))
