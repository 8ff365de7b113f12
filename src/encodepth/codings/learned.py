"""Lossy colour (or, by models trained elsewhere, depth) by a network's transform and entropy model.

Parameters: the quality, the weights' fingerprint, the check of the decoded symbols, and of depth
the range.
"""

from __future__ import annotations

import numpy as np

from ..errors import ModelNotFoundError
from ..packing import Fields
from . import depth
from .base import Ask, Coded, Facts, References, nothing_left, pack_range, take_quality, take_range


def encode(modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded | None:
    """Code colour (H, W, 3) or depth (h, w) with the model that was chosen."""
    model = seen.models.own
    if modality not in model.codes:
        raise ModelNotFoundError(
            f"the model codes {' and '.join(model.codes) or 'nothing'} by itself, not {modality}"
        )
    parameters, samples = b"", plane
    if modality == "depth":
        mapped = depth.whole_range(plane, ask)
        if mapped is None:
            return None
        samples, parameters = mapped.plane, pack_range(mapped.low, mapped.high)
    guide = seen.original(model.guide) if model.guide else None
    beside = () if guide is None else (_as_guide(model.guide, guide),)
    samples = np.ascontiguousarray(samples)
    made = model.encode(samples, ask.quality, *beside, effort=ask.effort)
    head = bytes([ask.quality]) + model.fingerprint.to_bytes(4, "little")
    return Coded(made.payload, head + made.check.to_bytes(2, "little") + parameters)


def decode(modality: str, coded: Coded, shape: tuple[int, int], seen: References) -> np.ndarray:
    """Decode what `encode` coded."""
    known, check = facts(modality, coded), int.from_bytes(coded.parameters[5:7], "little")
    model = seen.models.of(known.weights, "decode", modality)
    samples = model.decode(coded.payload, *shape, known.quality, check)
    if modality == "color":
        return samples
    return depth.to_steps(samples, seen.plane("mask"), known.low, known.high)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    fields = Fields(coded.parameters)
    quality = take_quality(fields, modality)
    weights = int.from_bytes(fields.take(4, "weights fingerprint"), "little")
    fields.take(2, "symbol check")
    low, high = take_range(fields) if modality == "depth" else (0, 0)
    nothing_left(fields, modality)
    return Facts(quality=quality, low=low, high=high, weights=weights)


def _as_guide(kind: str, original: np.ndarray) -> np.ndarray:
    """Return what an encoder sees beside its target: colour, or depth mapped to 0..1."""
    if kind == "color":
        return original
    mapped = depth.whole_range(original, Ask())
    return np.zeros(original.shape, np.float32) if mapped is None else mapped.plane
