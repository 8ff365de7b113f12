"""Depth as a camera that has moved sees it: a pinhole camera, and six small integers of motion.

Everything is integers below 2^63, so every machine computes the same. Depth is in 1/64 steps,
places are in 1/64 or 1/256 pixel, rays in 2^-16, rotations in 2^-20 (docs/format-v2.md).
"""

from __future__ import annotations

import numpy as np

from ..native import compiled, inlined
from .arithmetic import int64
from .pose import LIMIT, ONE, PIXEL, Motion, View, turn

_RAY = 16  # bits behind the point of a ray
_FRACTION = 14  # of a coordinate of a point, beyond 1/64 steps
_SMOOTH = 5  # pixels of one surface differ by less than 2^-5 of their depth
_EMPTY = 1 << 30


def rotation(motion: Motion) -> np.ndarray:
    """Return the rotation matrix of a motion in 2^-20, int64 (3, 3)."""
    rows, norm = turn(*motion[:3], ONE)
    return np.array([[n * ONE // norm for n in row] for row in rows], np.int64)


def warp(depth: np.ndarray, view: View, motion: Motion) -> np.ndarray:
    """Return depth as the moved camera sees it.

    Args:
        depth: int32 (h, w) in 1/64 steps, up to 2^22; 0 = hole.
        view: the camera.
        motion: what takes points from there to here.

    Returns:
        int32 (h, w) in 1/64 steps, 0 where nothing is seen.
    """
    height, width = depth.shape
    seen = np.full(depth.shape, _EMPTY, np.int32)
    turned, shift = rotation(motion), np.array(motion[3:], np.int64)
    columns = ((np.arange(width, dtype=np.int64) * PIXEL - view.cx) << _RAY) // view.fx
    lines = ((np.arange(height, dtype=np.int64) * PIXEL - view.cy) << _RAY) // view.fy
    camera = np.array(view, np.int64)
    _splat(depth, columns, lines, camera, turned, shift, seen)
    made = np.zeros_like(depth)
    _refine(depth, seen, columns, lines, camera, turned, shift, made)
    return made


@inlined
def _ahead(r: np.ndarray, row: int, x: int, y: int) -> int:
    """Return a coordinate of a turned ray (x, y, 1), in 2^-16."""
    return (r[row, 0] * x + r[row, 1] * y + (r[row, 2] << _RAY)) >> 20


@inlined
def _back(r: np.ndarray, row: int, x: int, y: int, z: int) -> int:
    """Return a coordinate of a point turned back."""
    return (r[0, row] * x + r[1, row] * y + r[2, row] * z) >> 20


@compiled
def _splat(
    depth: np.ndarray,
    columns: np.ndarray,
    lines: np.ndarray,
    camera: np.ndarray,
    r: np.ndarray,
    t: np.ndarray,
    seen: np.ndarray,
) -> None:
    """Lay every pixel where it is seen now, the nearest on top."""
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            z = int64(depth[y, x])
            if z == 0:
                continue
            rx, ry = columns[x], lines[y]
            px = (_ahead(r, 0, rx, ry) * z >> 2) + (t[0] << _FRACTION)
            py = (_ahead(r, 1, rx, ry) * z >> 2) + (t[1] << _FRACTION)
            pz = (_ahead(r, 2, rx, ry) * z >> 2) + (t[2] << _FRACTION)
            if pz <= 0:
                continue
            u = (camera[0] * 4 * px // pz + camera[2] * 4 + 32) >> 6
            v = (camera[1] * 4 * py // pz + camera[3] * 4 + 32) >> 6
            if 0 <= u < width and 0 <= v < height:
                near = pz >> _FRACTION
                if 0 < near < min(int64(seen[v, u]), LIMIT):
                    seen[v, u] = near


@compiled
def _refine(
    depth: np.ndarray,
    seen: np.ndarray,
    columns: np.ndarray,
    lines: np.ndarray,
    camera: np.ndarray,
    r: np.ndarray,
    t: np.ndarray,
    made: np.ndarray,
) -> None:
    """Look up between the pixels where each pixel came from."""
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            guess = _guess(seen, x, y)
            if guess == 0:
                continue
            value = guess
            for _ in range(2):
                px = (columns[x] * value >> 2) - (t[0] << _FRACTION)
                py = (lines[y] * value >> 2) - (t[1] << _FRACTION)
                pz = (value << _FRACTION) - (t[2] << _FRACTION)
                sx, sy = _back(r, 0, px, py, pz), _back(r, 1, px, py, pz)
                sz = _back(r, 2, px, py, pz) >> 4
                if sz <= 0:
                    break
                u = camera[0] * 16 * (sx >> 4) // sz + camera[2] * 16
                v = camera[1] * 16 * (sy >> 4) // sz + camera[3] * 16
                z = _between(depth, u, v)
                if z == 0:
                    break
                rx = ((u - camera[2] * 16) << 12) // camera[0]
                ry = ((v - camera[3] * 16) << 12) // camera[1]
                found = ((_ahead(r, 2, rx, ry) * z >> 2) + (t[2] << _FRACTION)) >> _FRACTION
                if abs(found - guess) > guess >> 4:
                    break
                value = found
            made[y, x] = min(max(value, 1), LIMIT - 1)


@inlined
def _guess(seen: np.ndarray, x: int, y: int) -> int:
    """Return the depth seen at a pixel; where there is none, the farthest around it; 0 for none."""
    height, width = seen.shape
    value = int64(seen[y, x])
    if value != _EMPTY:
        return value
    value = 0
    for j in range(max(y - 1, 0), min(y + 2, height)):
        for i in range(max(x - 1, 0), min(x + 2, width)):
            near = int64(seen[j, i])
            if near != _EMPTY:
                value = max(value, near)
    return value


@inlined
def _between(depth: np.ndarray, u: int, v: int) -> int:
    """Return depth at a place in 1/256 pixel, 0 for none: between four pixels of a surface."""
    height, width = depth.shape
    x, y = u >> 8, v >> 8
    if x < -1 or y < -1 or x >= width or y >= height:
        return int64(0)
    right, down = u & 255, v & 255
    x0, x1, y0, y1 = max(x, 0), min(x + 1, width - 1), max(y, 0), min(y + 1, height - 1)
    a, b = int64(depth[y0, x0]), int64(depth[y0, x1])
    c, d = int64(depth[y1, x0]), int64(depth[y1, x1])
    low, high = min(min(a, b), min(c, d)), max(max(a, b), max(c, d))
    if low > 0 and high - low < high >> _SMOOTH:
        upper = a * (256 - right) + b * right
        lower = c * (256 - right) + d * right
        return (upper * (256 - down) + lower * down) >> 16
    upper, lower = (b, d) if right >= 128 else (a, c)
    return lower if down >= 128 else upper
