"""What lossy codings of depth share: from steps to a plane in [0, 1] and back, far pixels apart.

`depthquality` chooses the line and AV1's quality, `depthmap` maps and keeps what is far beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import depthmap, depthquality
from .base import MAX_STEPS, Ask
from .depthmap import Mapping
from .filling import depth_plane, depth_range


@dataclass(frozen=True)
class Mapped:
    """A depth map as a lossy coding sees it.

    Attributes:
        plane: float32 (h, w) in [0, 1], holes and far pixels filled.
        low, high: the steps that 0 and 1 stand for.
        quality: libavif's, 0..100.
        far: pixels beyond so many steps are kept apart; 0 for none.
        far_bound: steps that those may be off by.
    """

    plane: np.ndarray
    low: int
    high: int
    quality: int
    far: int = 0
    far_bound: int = 0

    def beside(self, depth: np.ndarray, effort: int) -> bytes:
        """Return what stands before the plane's payload: the far pixels, or nothing."""
        if not self.far:
            return b""
        far = np.where(depth > self.far, depth, np.uint16(0))
        return depthmap.beside(far, self.far_bound, effort)


def to_plane(depth: np.ndarray, ask: Ask) -> Mapped | None:
    """Map depth so that AV1 keeps about the error that the quality stands for.

    Returns None where depth has fewer than two values: there is no range to map, and exact coding
    costs next to nothing.
    """
    chosen = depthquality.plan(depth, ask.unit, ask.quality, stretch=ask.stretch, most=MAX_STEPS)
    if chosen is None:
        return None
    low, span = chosen.mapping
    plane = depthmap.to_plane(depth, chosen.mapping, chosen.far)
    return Mapped(plane, low, low + span, chosen.quality, chosen.far, chosen.far_bound)


def whole_range(depth: np.ndarray, ask: Ask) -> Mapped | None:
    """Map depth from its lowest to its highest value, as networks of their own want it."""
    low, high = depth_range(depth)
    if low >= high:
        return None
    high = min(low + round((high - low) * ask.stretch), MAX_STEPS)
    return Mapped(depth_plane(depth, low, high), low, high, ask.quality)


def to_steps(
    plane: np.ndarray,
    valid: np.ndarray | None,
    low: int,
    high: int,
    apart: np.ndarray | None = None,
) -> np.ndarray:
    """Map a plane back to depth in steps, uint16 (h, w), 0 where it was not measured.

    Args:
        plane: float32, about [0, 1].
        valid: bool (h, w); None means everywhere.
        low, high: what 0 and 1 stand for.
        apart: far pixels, 0 elsewhere.
    """
    everywhere = np.ones(plane.shape, bool) if valid is None else valid
    return depthmap.from_plane(plane, everywhere, Mapping(low, high - low), apart)


def split(
    payload: bytes, valid: np.ndarray | None, shape: tuple[int, int]
) -> tuple[np.ndarray | None, bytes]:
    """Return the far pixels of a payload, 0 elsewhere, or None; and the plane's payload.

    Raises:
        CorruptFileError: it is cut short, or has far pixels where nothing was measured.
    """
    return depthmap.split(payload, np.ones(shape, bool) if valid is None else valid)
