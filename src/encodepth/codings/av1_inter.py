"""Lossy colour and depth over time: a group of pictures by AV1, a key frame and what follows it.

Parameters as of `av1`: the quality, and of depth the range, which is one for the whole group. A
picture leans on the one before, and so on the key frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from . import av1_groups as groups
from . import depth
from .av1 import facts
from .av1_frames import TOP
from .base import Ask, Coded, References, pack_range
from .filling import depth_plane, depth_range

__all__ = ["decode_group", "encode_group", "facts"]


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code colour (H, W, 3) or depth (h, w), all of one size."""
    if modality == "color":
        options = groups.color_options(ask.quality, ask.effort, ask.live)
        parameters = bytes([ask.quality])
        return _chained(modality, groups.encode_group(planes, options), parameters)
    ranges = [depth_range(plane) for plane in planes if plane.any()]
    low, high = min(r[0] for r in ranges or [(1, 0)]), max(r[1] for r in ranges or [(1, 0)])
    if low >= high:
        return None
    codes = [np.rint(depth_plane(plane, low, high) * TOP).astype(np.uint16) for plane in planes]
    options = groups.depth_options(ask.quality, ask.effort, ask.live)
    parameters = bytes([ask.quality]) + pack_range(low, high)
    return _chained(modality, groups.encode_group(codes, options), parameters)


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes, each decoded when it is asked for."""
    known = facts(modality, group[0])
    payloads = [coded.payload for coded in group]
    if modality == "color":
        yield from groups.iterate_group(payloads, (*shape, 3))
        return
    for codes, here in zip(groups.iterate_group(payloads, shape), seen, strict=True):
        plane = np.minimum(codes, TOP).astype(np.float32) / np.float32(TOP)
        yield depth.to_steps(plane, here.plane("mask"), known.low, known.high)


def _chained(modality: str, payloads: list[bytes], parameters: bytes) -> list[Coded]:
    return [
        Coded(payload, parameters, ((modality, 1),) if i else ())
        for i, payload in enumerate(payloads)
    ]
