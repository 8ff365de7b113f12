"""What lossy coders see of a depth map: holes filled smoothly, its range mapped to 0..1."""

from __future__ import annotations

import numpy as np

_STRIP = 1 << 20  # pixels worked on at a time where whole pictures would need much memory


def depth_range(depth: np.ndarray) -> tuple[int, int]:
    """Return the lowest and the highest valid value of a depth map; (65535, 0) if there is none."""
    return int(depth[depth > 0].min(initial=65535)), int(depth.max())


def depth_plane(depth: np.ndarray, low: int, high: int) -> np.ndarray:
    """Map depth, holes filled, to what lossy coders see: float32 (h, w), 0 at low, 1 at high."""
    plane = fill_holes(depth)
    plane -= np.float32(low)
    plane /= np.float32(max(high - low, 1))
    np.clip(plane, 0, 1, out=plane)
    return plane


def fill_holes(depth: np.ndarray) -> np.ndarray:
    """Fill the holes of a depth map smoothly by pull-push (Gortler et al., SIGGRAPH 1996).

    Pull: halve by means over the valid pixels until a side is at most 4. Push: from coarse to
    fine, a hole takes the bilinearly enlarged coarser level.

    Args:
        depth: uint16 (h, w), 0 = hole.

    Returns:
        float32 (h, w); valid pixels are untouched. All 0 if there is no valid pixel.
    """
    filled = depth.astype(np.float32)
    holes = depth == 0
    if not holes.any() or holes.all():
        return filled
    levels = [(filled, holes)]
    while min(levels[-1][0].shape) > 4 or (levels[-1][1].any() and max(levels[-1][0].shape) > 1):
        levels.append(_halve(*levels[-1]))
    for (fine, holes), (coarse, _) in zip(levels[-2::-1], levels[:0:-1], strict=True):
        _fill_from(fine, holes, coarse)
    return filled


def _halve(values: np.ndarray, holes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means over the valid pixels of each 2x2 block, and which blocks have none."""
    odd = [(0, side % 2) for side in values.shape]
    if any(pad for _, pad in odd):
        values = np.pad(values, odd)
        holes = np.pad(holes, odd, constant_values=True)
    weight = (~holes).view(np.uint8)
    sums = values[0::2] + values[1::2]
    sums = sums[:, 0::2] + sums[:, 1::2]
    count = weight[0::2] + weight[1::2]
    count = count[:, 0::2] + count[:, 1::2]
    return sums / np.maximum(count, 1).astype(np.float32), count == 0


def _fill_from(fine: np.ndarray, holes: np.ndarray, coarse: np.ndarray) -> None:
    """Set the holes of `fine` to the bilinear enlargement of `coarse`, in place, strip by strip."""
    rows = max(1, _STRIP // fine.shape[1])
    for top in range(0, len(fine), rows):
        ys, xs = np.nonzero(holes[top : top + rows])
        ys += top
        y0, x0 = ys >> 1, xs >> 1
        y1 = np.clip(y0 + (ys & 1) * 2 - 1, 0, coarse.shape[0] - 1)
        x1 = np.clip(x0 + (xs & 1) * 2 - 1, 0, coarse.shape[1] - 1)
        near = coarse[y0, x0] * np.float32(0.75) + coarse[y0, x1] * np.float32(0.25)
        far = coarse[y1, x0] * np.float32(0.75) + coarse[y1, x1] * np.float32(0.25)
        fine[ys, xs] = near * np.float32(0.75) + far * np.float32(0.25)
