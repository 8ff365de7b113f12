"""What a depth sensor makes of exact depth: steps, shadows, speckle, borders, range.

Constants are the sensors' published geometry, checked against the frames in data/train
(docs/data.md has the comparison).
"""

from __future__ import annotations

import numpy as np

from .solids import Array

_KINECT_FOCAL, _KINECT_BASELINE = 575.8, 0.075  # px at 640 wide, metres
_KINECT_STEPS = 8  # disparity steps per pixel: 2.9, 11.6, 26 mm at 1, 2, 3 m
_REALSENSE_FOCAL, _REALSENSE_BASELINE = 610.0, 0.05
_REALSENSE_STEPS = 32


def kinect(depth: Array, color: Array, focal: float, rng: np.random.Generator) -> Array:
    """Return what a Kinect v1 measures: structured light, steps of disparity, wide shadows.

    Args:
        depth: exact depth, metres, (H, W).
        color: brightness of the scene, 0..1, (H, W); dark surfaces drop out.
        focal: of the camera that sees it, pixels.
        rng: drawn from.

    Returns:
        Measured depth in metres, 0 where nothing was measured.
    """
    height, width = depth.shape
    scale = width / 640
    reach = _KINECT_FOCAL * _KINECT_BASELINE
    seen = _jitter(depth, rng, 0.7 * scale)
    disparity = reach / np.maximum(seen, np.float32(0.2))
    disparity += _smooth_noise(rng, height, width, 6) * np.float32(0.12)
    disparity += rng.standard_normal((height, width), np.float32) * np.float32(0.03)
    disparity = np.round(disparity * _KINECT_STEPS) / _KINECT_STEPS
    measured = reach / np.maximum(disparity, np.float32(1e-3))
    hole = _shadow(seen, focal * 0.05, rng.random() < 0.5)
    hole |= _dropout(depth, color, rng, grazing=0.035, dark=0.05, blobs=0.05)
    near, far = rng.uniform(0.45, 0.6), rng.choice([3.5, 4.5, 6.0, 9.0])
    hole |= (measured < near) | (measured > far)
    hole |= _borders(height, width, rng, scale)
    return np.where(hole, np.float32(0), measured)


def realsense(depth: Array, color: Array, focal: float, rng: np.random.Generator) -> Array:
    """Return what a RealSense stereo camera measures: fattened edges, smooth error, speckle.

    Arguments and result as in `kinect`.
    """
    height, width = depth.shape
    scale = width / 640
    reach = _REALSENSE_FOCAL * _REALSENSE_BASELINE
    seen = _fatten(depth, int(rng.integers(1, 4)))
    disparity = _blur3(_blur3(reach / np.maximum(seen, np.float32(0.15))))
    strength = rng.uniform(0.03, 0.12)
    disparity += _smooth_noise(rng, height, width, 5) * np.float32(strength)
    disparity += _smooth_noise(rng, height, width, 24) * np.float32(strength)
    disparity = np.round(disparity * _REALSENSE_STEPS) / _REALSENSE_STEPS
    measured = reach / np.maximum(disparity, np.float32(1e-3))
    hole = _shadow(seen, focal * _REALSENSE_BASELINE * rng.uniform(0.2, 1.0), True)
    hole |= _dropout(depth, color, rng, grazing=0.05, dark=0.02, blobs=rng.uniform(0.0, 0.1))
    hole[:, : int(rng.uniform(0, 45) * scale)] = True
    hole |= (measured < rng.uniform(0.15, 0.35)) | (measured > 10)
    return np.where(hole, np.float32(0), measured)


def _shadow(depth: Array, reach: float, left: bool) -> np.ndarray:
    """Return what the projector cannot light: pixels behind a nearer one on their own row.

    A pixel at column u and depth z lands at u + reach / z on the projector's row; what an
    earlier pixel of the row has already passed is hidden.
    """
    z = depth if not left else depth[:, ::-1]
    place = np.arange(z.shape[1], dtype=np.float32) + np.float32(reach) / np.maximum(z, 0.2)
    ahead = np.maximum.accumulate(place, axis=1)
    hidden = place < ahead - np.float32(1.0)
    return hidden[:, ::-1].copy() if left else hidden


def _dropout(
    depth: Array,
    color: Array,
    rng: np.random.Generator,
    *,
    grazing: float,
    dark: float,
    blobs: float,
) -> np.ndarray:
    """Return pixels lost to steep surfaces, dark surfaces and patches of no signal."""
    height, width = depth.shape
    slope = np.zeros_like(depth)
    slope[:, 1:-1] = np.abs(depth[:, 2:] - depth[:, :-2])
    slope[1:-1] = np.maximum(slope[1:-1], np.abs(depth[2:] - depth[:-2]))
    patches = _smooth_noise(rng, height, width, 8) + _smooth_noise(rng, height, width, 40)
    fine = _smooth_noise(rng, height, width, 2)
    doubt = slope / (depth * np.float32(grazing) + np.float32(1e-3))
    doubt += np.float32(0.25) * patches + np.float32(0.2) * fine
    doubt += np.where(color < dark, np.float32(0.6), np.float32(0))
    doubt += np.maximum(depth - np.float32(3), 0) * np.float32(0.08)
    level = np.quantile(patches[::4, ::4], 1 - blobs) if blobs > 0 else np.inf
    return (doubt > 1) | (patches > level) & (fine > -0.5)


def _borders(height: int, width: int, rng: np.random.Generator, scale: float) -> np.ndarray:
    """Return the rim that registration to the colour camera leaves empty."""
    rim = np.zeros((height, width), bool)
    left, right, top, bottom = (int(v * scale) for v in rng.uniform(0, [14, 36, 24, 14]))
    rim[:, :left] = True
    rim[:, width - right :] = True
    rim[:top] = True
    rim[height - bottom :] = True
    return rim


def _jitter(depth: Array, rng: np.random.Generator, spread: float) -> Array:
    """Take each pixel from a random neighbour: ragged edges, flat surfaces unharmed."""
    height, width = depth.shape
    dy = np.round(_smooth_noise(rng, height, width, 2) * np.float32(spread)).astype(np.int32)
    dx = np.round(_smooth_noise(rng, height, width, 2) * np.float32(spread)).astype(np.int32)
    rows = np.clip(np.arange(height, dtype=np.int32)[:, None] + dy, 0, height - 1)
    columns = np.clip(np.arange(width, dtype=np.int32) + dx, 0, width - 1)
    return depth.ravel().take(rows * np.int32(width) + columns)


def _fatten(depth: Array, radius: int) -> Array:
    """Let near surfaces grow by `radius` pixels, as a matching window does."""
    grown = depth
    for axis in (0, 1):
        source = grown.copy()
        for shift in range(1, radius + 1):
            low = [slice(None), slice(None)]
            high = [slice(None), slice(None)]
            low[axis], high[axis] = slice(None, -shift), slice(shift, None)
            a, b = tuple(low), tuple(high)
            grown[a] = np.minimum(grown[a], source[b])
            grown[b] = np.minimum(grown[b], source[a])
    return grown


def _blur3(plane: Array) -> Array:
    """Binomial 3x3 blur of (H, W), edges repeated."""
    p = np.pad(plane, 1, mode="edge")
    rows = p[:-2] + 2 * p[1:-1] + p[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) * np.float32(1 / 16)


def _smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> Array:
    """Gaussian noise on a grid of `cell` pixels, interpolated linearly; about unit deviation."""
    rows, columns = height // cell + 2, width // cell + 2
    grid = rng.standard_normal((rows, columns), np.float32) * np.float32(1.4)
    y = np.arange(height, dtype=np.float32) / cell
    x = np.arange(width, dtype=np.float32) / cell
    iy, ix = y.astype(np.int32), x.astype(np.int32)
    fy, fx = (y - iy)[:, None], x - ix
    wide = grid[:, ix] * (1 - fx) + grid[:, ix + 1] * fx
    return wide[iy] * (1 - fy) + wide[iy + 1] * fy
