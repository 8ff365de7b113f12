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
from .av1_frames import TOP, plane_of
from .base import MAX_STEPS, Ask, Coded, References, pack_range
from .depthmap import Mapping, beside, to_plane

_LOOKED_AT = 5  # pictures of a group from which the line of depth is chosen

__all__ = ["Begun", "begin", "decode_group", "encode_group", "facts"]


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code colour (H, W, 3) or depth (h, w), all of one size."""
    if modality == "color":
        options = groups.color_options(ask.quality, ask.effort, ask.live, ask.tune)
        parameters = bytes([ask.quality])
        payloads = groups.encode_group(planes, options, groups.color_bits(ask.effort, ask.live))
        return _chained(modality, payloads, parameters)
    line = depth.to_plane(_looked_at(planes), ask)
    if line is None:
        return None
    mapping = Mapping(line.low, line.high - line.low)
    low, far = line.low, line.far or line.high
    inside = [np.where((p >= low) & (p <= far), p, np.uint16(0)) for p in planes]
    codes = [np.rint(to_plane(p, mapping) * TOP).astype(np.uint16) for p in inside]
    payloads = groups.encode_group(codes, groups.depth_options(line.quality, ask.effort, ask.live))
    outside = [np.where(held == 0, p, np.uint16(0)) for p, held in zip(planes, inside, strict=True)]
    apart = [beside(plane, line.far_bound, ask.effort) for plane in outside]
    payloads = [far + payload for far, payload in zip(apart, payloads, strict=True)]
    return _chained(modality, payloads, bytes([ask.quality]) + pack_range(line.low, line.high))


class Begun:
    """A group of colour pictures under way, each coded as it comes.

    Args:
        first: (H, W, 3), the group's first picture, whose axes all of them have.
        ask: what is wanted, `live` as well.
    """

    def __init__(self, first: np.ndarray, ask: Ask) -> None:
        options = groups.color_options(ask.quality, ask.effort, True, ask.tune)
        bits = groups.color_bits(ask.effort, True)
        axes = groups.color_axes_of([first], bits)
        self._encoder = groups.GroupEncoder(first.shape, options, bits, axes)
        self._parameters = bytes([ask.quality])
        self._leans: tuple[tuple[str, int], ...] = ()

    def add(self, picture: np.ndarray) -> Coded:
        """Code a picture, which leans on the one before."""
        (payload,) = self._encoder.add(picture)
        coded = Coded(payload, self._parameters, self._leans)
        self._leans = (("color", 1),)
        return coded

    def close(self) -> None:
        """Give the memory back."""
        self._encoder.close()


def begin(modality: str, plane: np.ndarray, ask: Ask) -> Begun | None:
    """Begin a group with what will be its first picture; None of depth, whose range is that of
    the whole group."""
    return Begun(plane, ask) if modality == "color" else None


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes, each decoded when it is asked for."""
    known = facts(modality, group[0])
    if modality == "color":
        yield from groups.iterate_group([coded.payload for coded in group], (*shape, 3))
        return
    masks = [here.plane("mask") for here in seen]
    parts = [depth.split(c.payload, m, shape) for c, m in zip(group, masks, strict=True)]
    pictures = groups.iterate_group([payload for _, payload in parts], shape)
    for codes, (apart, _), valid in zip(pictures, parts, masks, strict=True):
        yield depth.to_steps(plane_of(codes), valid, known.low, known.high, apart)


def _looked_at(planes: Sequence[np.ndarray]) -> np.ndarray:
    """Return some pictures in one, those with the nearest and the farthest depth among them.

    What lies off the line is coded apart, and costs more than the longer line.
    """
    places = set(range(0, len(planes), max(1, len(planes) // _LOOKED_AT)))
    places.add(int(np.argmin([p.min(initial=MAX_STEPS, where=p > 0) for p in planes])))
    places.add(int(np.argmax([p.max() for p in planes])))
    return np.concatenate([planes[i] for i in sorted(places)])


def _chained(modality: str, payloads: list[bytes], parameters: bytes) -> list[Coded]:
    return [
        Coded(payload, parameters, ((modality, 1),) if i else ())
        for i, payload in enumerate(payloads)
    ]
