"""Render a coloured point cloud in numpy: square splats into a z-buffer, twice as fine as shown.

No display and no GPU. A splat is as wide as the way on the screen to the next pixel of the same
surface, so surfaces stay closed from every side and only what the camera never saw stays open.
The page's viewer (cloud.js) draws by the same rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..frame import Intrinsics
from .geometry import Cloud, Viewpoint, joined, pose

NEAR = 0.05  # metres; nearer points are behind the eye's back
MAX_SPLAT = 4.5  # in pixels of the depth map; a point close to the eye grows no further
SUPERSAMPLING = 2
BACKGROUND = (216, 220, 226)  # apart from white walls and from dark furniture


def render(
    cloud: Cloud,
    camera: Intrinsics,
    view: Viewpoint,
    centre: float,
    *,
    width: int = 640,
    background: tuple[int, int, int] = BACKGROUND,
) -> NDArray[np.uint8]:
    """Return a picture of the cloud, uint8 (height, width, 3), in the depth map's proportions.

    Args:
        cloud: the points.
        camera: intrinsics of the depth map that they come from, which also give the field of view.
        view: where to look from.
        centre: distance in metres of what the viewpoint turns around.
        width: of the rendering, pixels.
        background: colour where there is no point.
    """
    rows, columns = cloud.points.shape[:2]
    height = max(1, round(width * rows / columns))
    scale = SUPERSAMPLING * width / columns
    rotation, eye = pose(view, centre)
    seen = (cloud.points - eye.astype(np.float32)) @ rotation.T.astype(np.float32)
    drawn = (cloud.points[..., 2] > 0) & (seen[..., 2] > NEAR)
    z = np.where(drawn, seen[..., 2], np.float32(1))
    x = (np.float32(camera.fx) * seen[..., 0] / z + np.float32(camera.cx + 0.5)) * scale
    y = (np.float32(camera.fy) * seen[..., 1] / z + np.float32(camera.cy + 0.5)) * scale
    least = scale * cloud.points[..., 2] / z  # what the pixel covered, seen face on
    side = _sides(x, y, cloud.points[..., 2] * drawn, least, MAX_SPLAT * scale)
    front = _splat(
        x[drawn], y[drawn], z[drawn], side[drawn], (SUPERSAMPLING * width, SUPERSAMPLING * height)
    )
    painted = np.vstack([cloud.colors[drawn], np.array([background], np.uint8)])[front]
    fine = painted.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3)
    return np.rint(fine.astype(np.float32).mean((1, 3))).astype(np.uint8)


def _sides(x: NDArray, y: NDArray, z: NDArray, least: NDArray, most: float) -> NDArray[np.int32]:
    """Return the side of each splat in fine pixels, (h, w), at most `most`."""
    side = least.copy()
    for axis in (0, 1):
        step = np.maximum(
            np.abs(np.diff(x, axis=axis, append=0)), np.abs(np.diff(y, axis=axis, append=0))
        )
        step = np.where(joined(z, axis), step, 0)
        np.maximum(side, step, out=side)
        np.maximum(side, np.roll(step, 1, axis), out=side)  # the last row or column joins nothing
    return np.clip(np.ceil(side - 0.02), 1, max(1, int(most))).astype(np.int32)


def _splat(
    x: NDArray, y: NDArray, z: NDArray, side: NDArray[np.int32], size: tuple[int, int]
) -> NDArray[np.int64]:
    """Return for each pixel the index of the nearest point that covers it, -1 where none does."""
    width, height = size
    # One integer orders by depth and names the point: depth in the high bits, index in the low.
    key = (z.astype(np.float32).view(np.int32).astype(np.int64) << 32) | np.arange(len(z))
    nearest = np.full(width * height, np.iinfo(np.int64).max)
    left = np.floor(x - side / 2 + 0.5).astype(np.int32)
    top = np.floor(y - side / 2 + 0.5).astype(np.int32)
    for reach in range(int(side.max(initial=0))):  # the splats that reach so far, ring by ring
        wide = np.flatnonzero(side > reach)
        ring = [(reach, i) for i in range(reach + 1)] + [(i, reach) for i in range(reach)]
        for dx, dy in ring:
            column, row = left[wide] + dx, top[wide] + dy
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            at = wide[inside]
            np.minimum.at(nearest, row[inside] * width + column[inside], key[at])
    found = nearest != np.iinfo(np.int64).max
    return np.where(found, nearest & 0xFFFFFFFF, -1)
