"""Lossy colour and depth: an AV1 frame, and a network that takes back what AV1 did (a post-filter).

Depth's network sees the decoded plane, the mask, how large the error is (the payload's first byte
says so, and how much of the estimate counts) and decoded colour of the same view. Colour's sees the
decoded picture, its quality, and three bytes that say how large the error is and how much of the
estimate counts in Y, Cb and Cr. Parameters: the quality, the weights' fingerprint, of depth the
range.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import CorruptFileError
from ..learned.restore import best_gain, said_of, strength_of
from ..learned.restore_color import SENT, Correction
from ..packing import Fields
from . import av1_color as colors
from . import av1_frames as frames
from . import depth
from .base import Ask, Coded, Facts, References, nothing_left, pack_range, take_quality, take_range

WEIGHTS = {  # that ship: from an effort on, by modality
    1: {"color": "restore-color-small", "depth": "restore-small"},
    8: {"color": "restore-color", "depth": "restore"},
}


def weights_for(modality: str, effort: int) -> str:
    """Return the name of the weights that code at an effort; any that are installed decode."""
    return WEIGHTS[max(least for least in WEIGHTS if least <= effort)][modality]


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code colour or depth; what the network would not bring nearer is AV1's own."""
    if not frames.fits(modality, plane):
        return None
    if modality == "color":
        return _encode_color(plane, ask, seen)
    mapped = depth.to_plane(plane, ask)
    if mapped is None:
        return None
    payload = frames.encode_plane(mapped.plane, mapped.quality, ask.effort)
    inside = (plane > 0) & ((plane <= mapped.far) if mapped.far else True)
    rough, color = frames.decode_plane(payload, *plane.shape), seen.plane("color")
    rmse = math.sqrt(float(np.square(rough - mapped.plane)[inside].mean()))
    network = seen.models[weights_for(modality, ask.effort)]
    strength = strength_of(frames.TOP * rmse)
    gain, less = best_gain(network.power(rough, mapped.plane, inside, strength, color))
    payload = mapped.beside(plane, ask.effort) + payload
    quality, line = bytes([ask.quality]), pack_range(mapped.low, mapped.high)
    if less <= 0:
        return Coded(payload, quality + line, coding="av1")
    weights = network.fingerprint.to_bytes(4, "little")
    leans = (("color", 0),) if color is not None else ()
    said = bytes([said_of(strength, gain)])
    return Coded(said + payload, quality + weights + line, leans)


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    if modality == "color":
        return _decode_color(coded, shape, seen)
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
    fields = Fields(coded.parameters)
    quality = take_quality(fields, modality)
    weights = int.from_bytes(fields.take(4, "weights fingerprint"), "little")
    if modality == "color":
        nothing_left(fields, modality)
        if len(coded.payload) < SENT:
            raise CorruptFileError("restored color does not say by how much")
        return Facts(quality=quality, weights=weights)
    if not coded.payload:
        raise CorruptFileError("restored depth does not say by how much")
    low, high = take_range(fields)
    nothing_left(fields, modality)
    return Facts(quality=quality, low=low, high=high, weights=weights)


def _encode_color(color: np.ndarray, ask: Ask, seen: References) -> Coded:
    payload = colors.encode_color(color, ask.quality, ask.effort, ask.tune)
    quality = bytes([ask.quality])
    network = seen.models[weights_for("color", ask.effort)]
    decoded = colors.decode_finely(payload, *color.shape[:2])
    correction = network.correction(decoded, color, ask.quality)
    if not any(correction.gains):
        return Coded(payload, quality, coding="av1")
    weights = network.fingerprint.to_bytes(4, "little")
    return Coded(correction.pack() + payload, quality + weights)


def _decode_color(coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    known = facts("color", coded)
    assert known.quality is not None
    decoded = colors.decode_finely(coded.payload[SENT:], *shape)
    network = seen.models.of(known.weights, "restore_color", "color")
    restored: np.ndarray = network.restore_color(
        decoded, known.quality, Correction.unpack(coded.payload[:SENT])
    )
    return restored
