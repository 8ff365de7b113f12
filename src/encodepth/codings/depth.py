"""What lossy codings of depth share: the range that becomes 0..1, and the way back to steps."""

from __future__ import annotations

import numpy as np

from .base import MAX_STEPS, Ask
from .filling import depth_plane, depth_range


def to_plane(depth: np.ndarray, ask: Ask) -> tuple[np.ndarray, int, int] | None:
    """Map depth, holes filled, to float32 (h, w) in [0, 1].

    Returns:
        (plane, the step that is 0, the step that is 1), or None where depth has fewer than two
        values: there is no range to map, and exact coding costs next to nothing.
    """
    low, high = depth_range(depth)
    if low >= high:
        return None
    high = min(low + round((high - low) * ask.stretch), MAX_STEPS)
    return depth_plane(depth, low, high), low, high


def to_steps(plane: np.ndarray, valid: np.ndarray | None, low: int, high: int) -> np.ndarray:
    """Map a plane back to depth in steps, uint16 (h, w), 0 where it was not measured.

    Args:
        plane: float32, about [0, 1].
        valid: bool (h, w); None means everywhere.
        low, high: what 0 and 1 stand for.
    """
    steps = np.rint(plane * np.float32(high - low))
    steps += np.float32(low)
    np.clip(steps, low, high, out=steps)
    found = steps.astype(np.uint16)
    return found if valid is None else np.where(valid, found, np.uint16(0))
