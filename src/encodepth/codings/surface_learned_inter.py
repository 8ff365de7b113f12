"""Exact or bounded depth over time, by contexts and a network that learns inside the group.

As `surface_inter.py`, with planes coded by `inter_learning.py`. Where few values leave nothing to
learn, `surface_inter.py` codes the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import exact, surface_inter, surface_learned
from .base import Ask, Coded, References, pack_bound
from .exact import facts
from .surface_inter import By, decode_by, encode_by

__all__ = ["decode_group", "encode_group", "facts"]

_NETWORK = 1  # that is written
_FEWEST = 3  # values


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code depth (h, w) exactly, or within `ask.error` steps, and prove it. Parameter: the bound.

    Returns:
        A group, or stills where they are smaller.

    Raises:
        EncodepthError: the bytes decode to something else than was promised.
    """
    used = np.unique(np.concatenate([exact.values_of(plane) for plane in planes]))
    used = used[used > 0]
    if len(np.unique(exact.merged_values(used, ask.error)[used])) < _FEWEST:
        group = surface_inter.encode_group(modality, planes, ask, seen)
        return group and [replace(c, coding=c.coding or "surface-inter") for c in group]
    return encode_by(LEARNING, modality, planes, ask)


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes, each decoded when it is asked for."""
    return decode_by(LEARNING, group, shape)


def _coder(values: np.ndarray) -> Any:
    from .inter_learning import learning_coder  # compiled code

    return learning_coder(values, _NETWORK)


def _alone(plane: np.ndarray, ask: Ask) -> Coded:
    payload = surface_learned.encode_plane(plane, ask.error)
    if payload is None:
        return surface_inter.CONTEXTS.alone(plane, ask)
    return Coded(payload, pack_bound(ask.error), coding="surface-learned")


LEARNING = By(bytes([_NETWORK]), _coder, _alone)
