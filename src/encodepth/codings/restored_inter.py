"""Lossy colour and depth over time, and a network that takes back what AV1 did to each picture.

Payloads and parameters are those of `restored`, with a picture of `av1-inter` in them: pictures are
predicted from what AV1 decoded, and the network works on what is shown. So a reader that can do
without the network has only AV1 to decode.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..learned.restore import best_gain, said_of, strength_of
from ..learned.restore_color import SENT, Correction, best_gains, corrected, rmse
from . import av1_groups as groups
from . import av1_inter, depth
from .av1_frames import TOP, plane_of
from .base import Ask, Coded, References
from .depthmap import Mapping, to_plane
from .restored import facts, weights_for

_EFFORT = 9  # whose weights code; below, recordings have no network
_LOOKED_AT = 3  # pictures of a group on which the network is tried
_LEAST = 0.02  # of the squared error that it has to take away, to be worth its time

__all__ = ["decode_group", "encode_group", "facts"]


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code colour or depth; a group that the network would not bring nearer is AV1's own."""
    made = av1_inter.encode_group(modality, planes, ask, seen)
    return None if made is None else restored(modality, planes, made, seen)


def restored(
    modality: str, planes: Sequence[np.ndarray], made: Sequence[Coded], seen: Sequence[References]
) -> list[Coded]:
    """Lay the network over a group that `av1_inter` coded, if it helps.

    Args:
        modality: colour or depth.
        planes: as they were before coding.
        made: the coded group.
        seen: what a decoder has.
    """
    say = _say_color if modality == "color" else _say_depth
    said = say(planes, made, seen)
    if said is None:
        return [replace(coded, coding="av1-inter") for coded in made]
    weights = seen[0].models[weights_for(modality, _EFFORT)].fingerprint.to_bytes(4, "little")
    return [
        replace(
            coded,
            coding="restored-inter",
            payload=head + coded.payload,
            parameters=coded.parameters[:1] + weights + coded.parameters[1:],
        )
        for head, coded in zip(said, made, strict=True)
    ]


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes, each decoded when it is asked for."""
    known = facts(modality, group[0])
    if modality == "color":
        network = seen[0].models.of(known.weights, "restore_color", "color")
        payloads = [c.payload[SENT:] for c in group]
        pictures = groups.iterate_group(payloads, (*shape, 3), finely=True)
        for coded, picture in zip(group, pictures, strict=True):
            quality = facts(modality, coded).quality
            yield network.restore_color(picture, quality, Correction.unpack(coded.payload[:SENT]))
        return
    network = seen[0].models.of(known.weights, "restore", "depth")
    masks = [here.plane("mask") for here in seen]
    parts = [depth.split(c.payload[1:], m, shape) for c, m in zip(group, masks, strict=True)]
    pictures = groups.iterate_group([payload for _, payload in parts], shape)
    for coded, codes, (apart, _), mask in zip(group, pictures, parts, masks, strict=True):
        facts(modality, coded)
        inside = np.ones(shape, bool) if mask is None else mask
        inside = inside if apart is None else inside & (apart == 0)
        plane = network.restore(plane_of(codes), inside, coded.payload[0], None)
        yield depth.to_steps(plane, mask, known.low, known.high, apart)


def _say_color(
    planes: Sequence[np.ndarray], made: Sequence[Coded], seen: Sequence[References]
) -> list[bytes] | None:
    """Return a correction for each picture, with gains that are good for those looked at."""
    network = seen[0].models[weights_for("color", _EFFORT)]
    quality, looked = made[0].parameters[0], _looked_at(len(planes))
    strengths: list[int] = []
    gains, before, tried = [], 0.0, []
    pictures = groups.iterate_group([c.payload for c in made], planes[0].shape, finely=True)
    for i, (picture, plane) in enumerate(zip(pictures, planes, strict=True)):
        strengths.append(strength_of(rmse(picture, plane)))
        if i in looked:
            estimate = network.estimate(picture, quality, strengths[-1])
            gains.append(best_gains(picture, plane, estimate))
            before += rmse(picture, plane) ** 2
            tried.append((picture, plane, estimate))
    y, cb, cr = (round(gain) for gain in np.mean(gains, axis=0))
    after = sum(rmse(corrected(p, e, (y, cb, cr)), original) ** 2 for p, original, e in tried)
    if after > (1 - _LEAST) * before:
        return None
    return [Correction(strength, (y, cb, cr)).pack() for strength in strengths]


def _say_depth(
    planes: Sequence[np.ndarray], made: Sequence[Coded], seen: Sequence[References]
) -> list[bytes] | None:
    """Return what each picture's byte says, None where the network does not help.

    How much of an estimate counts is best for those looked at together.
    """
    network = seen[0].models[weights_for("depth", _EFFORT)]
    looked = _looked_at(len(planes))
    strengths, before, power = list[int](), 0.0, np.zeros(2)
    for i, (rough, wanted, inside) in enumerate(depth_planes(planes, made)):
        off = np.square(rough - wanted)[inside]
        strengths.append(strength_of(TOP * math.sqrt(float(off.mean()))) if len(off) else 0)
        if i in looked and len(off):
            power += network.power(rough, wanted, inside, strengths[-1])
            before += float(off.sum(dtype=np.float64))
    gain, less = best_gain(power)
    if less <= _LEAST * TOP**2 * before:
        return None
    return [bytes([said_of(strength, gain)]) for strength in strengths]


def depth_planes(
    planes: Sequence[np.ndarray], made: Sequence[Coded]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield of each picture of a group AV1's plane and the one it was coded from, both in [0, 1],
    and which of its pixels are in it, those with depth that is not coded apart."""
    known = av1_inter.facts("depth", made[0])
    line = Mapping(known.low, known.high - known.low)
    parts = [depth.split(c.payload, p > 0, p.shape) for c, p in zip(made, planes, strict=True)]
    pictures = groups.iterate_group([payload for _, payload in parts], planes[0].shape)
    for codes, plane, (apart, _) in zip(pictures, planes, parts, strict=True):
        held = plane if apart is None else np.where(apart > 0, np.uint16(0), plane)
        yield plane_of(codes), to_plane(held, line), held > 0


def _looked_at(count: int) -> range:
    """Return the places of the pictures on which the network is tried, the first not among them."""
    step = -(-count // _LOOKED_AT)
    return range(step // 2, count, step)
