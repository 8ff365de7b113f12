"""Depth steps <-> the plane in [0, 1] that lossy coders see, and the far pixels kept beside it.

The plane is linear in depth, `low` at 0 and `low + span` at 1; so an error of the plane is the same
number of millimetres at every distance. Pixels that would stretch the span for few (`far`) are
holes of the plane and lie in a payload of their own, which is an exact depth map with holes
elsewhere. What a decoder computes is three float32 operations, the same on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import CorruptFileError
from ..packing import Fields, blob
from .exact import decode_depth, encode_depth
from .filling import depth_plane

MOST_STEPS = (1 << 24) - 1  # float32 holds every whole number up to here

_MARK = 0  # first byte of a payload with far pixels; an AV1 payload starts with a length above 0


class Mapping(NamedTuple):
    """The line from depth to plane: `low` steps are 0, `low + span` steps are 1."""

    low: int
    span: int


def to_plane(depth: np.ndarray, mapping: Mapping, far: int = 0) -> np.ndarray:
    """Return the plane of a depth map: float32 (h, w) in [0, 1], holes filled.

    Args:
        depth: unsigned (h, w) in steps, 0 = hole.
        mapping: its line.
        far: pixels beyond it are filled as holes are; 0 where there are none.
    """
    if far:
        depth = np.where(depth > far, depth.dtype.type(0), depth)
    return depth_plane(depth, mapping.low, mapping.low + mapping.span)


def from_plane(
    plane: np.ndarray, valid: np.ndarray, mapping: Mapping, apart: np.ndarray | None = None
) -> np.ndarray:
    """Return depth (h, w) in steps, 0 = hole: uint16, or uint32 where the range needs it.

    Args:
        plane: float32 (h, w) in [0, 1].
        valid: which pixels were measured, bool (h, w).
        mapping: the plane's line.
        apart: the far pixels, 0 elsewhere; None without.
    """
    low, high = np.float32(mapping.low), np.float32(mapping.low + mapping.span)
    steps = np.rint(plane * np.float32(mapping.span))
    steps += low
    np.clip(steps, low, high, out=steps)
    kind = np.uint16 if mapping.low + mapping.span < 1 << 16 else np.uint32
    depth = np.where(valid, steps.astype(kind), kind(0))
    return depth if apart is None else np.where(apart > 0, apart, depth)


def beside(apart: np.ndarray, error: int, effort: int) -> bytes:
    """Return what stands before a plane's payload: pixels that its line does not reach, or nothing.

    Args:
        apart: uint16 (h, w) in steps, 0 where the plane holds.
        error: steps that they may be off by.
        effort: 1 (fast) .. 9 (small).
    """
    if not apart.any():
        return b""
    return bytes([_MARK]) + blob(encode_depth(apart, error, effort))


def beside_size(payload: bytes) -> int:
    """Return how many bytes of a payload are those of far pixels."""
    if payload[:1] != bytes([_MARK]):
        return 0
    fields = Fields(payload, at=1)
    fields.blob("far pixels", len(payload))
    return fields.at


def split(payload: bytes, valid: np.ndarray) -> tuple[np.ndarray | None, bytes]:
    """Return the far pixels, 0 elsewhere, or None; and the plane's payload, what follows them.

    Raises:
        CorruptFileError: it is cut short, or has far pixels where the mask says holes.
    """
    if payload[:1] != bytes([_MARK]):
        return None, payload
    fields = Fields(payload, at=1)
    apart = decode_depth(fields.blob("far pixels", len(payload)), *valid.shape)
    if (apart[~valid] > 0).any():
        raise CorruptFileError("far pixels lie where the mask says that nothing was measured")
    return apart, payload[fields.at :]


def within(
    depth: np.ndarray, unit: float, near: float | None = None, far: float | None = None
) -> tuple[np.ndarray, int]:
    """Turn what is nearer than `near` or beyond `far` into holes; return depth and how many.

    Args:
        depth: unsigned (h, w) in steps, 0 = hole; not changed.
        unit: metres per step.
        near, far: metres; None keeps that side as it is.

    Raises:
        ValueError: a distance is no number from 0 on, or nothing lies between the two.
    """
    for name, metres in (("near", near), ("far", far)):
        if metres is not None and not metres >= 0:
            raise ValueError(f"{name} {metres} is not a number of metres from 0 on")
    if near is not None and far is not None and near > far:
        raise ValueError(f"near {near:g} m lies beyond far {far:g} m")
    drop = np.zeros(depth.shape, bool)
    slack = 1e-6  # of a step: 0.6 m are 600 steps of a millimetre, whatever floats make of it
    if near is not None:
        drop |= depth < near / unit - slack
    if far is not None:
        drop |= depth > far / unit + slack
    drop &= depth > 0
    return np.where(drop, depth.dtype.type(0), depth), int(drop.sum())
