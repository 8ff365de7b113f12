"""What a depth sensor makes of exact depth: steps, shadows, speckle, borders, range.

Constants of the Kinect and the RealSense are their published geometry, checked against the frames
in data/train (docs/data.md has the comparison); those of `tof` and `lidar` are estimates, checked
against no frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .faults import View, between, blur3, borders, dropout, fatten, jitter, shadow, smooth_noise
from .solids import Array

_KINECT_FOCAL, _KINECT_BASELINE = 575.8, 0.075  # px at 640 wide, metres
_KINECT_STEPS = 8  # disparity steps per pixel: 2.9, 11.6, 26 mm at 1, 2, 3 m
_REALSENSE_FOCAL, _REALSENSE_BASELINE = 610.0, 0.05
_REALSENSE_STEPS = 32
_TOF_FAR, _LIDAR_FAR = 5.5, 5.0  # metres


def kinect(view: View, rng: np.random.Generator) -> Array:
    """Return what a Kinect v1 measures: structured light, steps of disparity, wide shadows.

    Returns:
        Measured depth in metres, (H, W), 0 where nothing was measured.
    """
    height, width = view.depth.shape
    scale = width / 640
    reach = _KINECT_FOCAL * _KINECT_BASELINE
    seen = jitter(view.depth, rng, 0.6 * scale)
    disparity = reach / np.maximum(seen, np.float32(0.2))
    disparity += smooth_noise(rng, height, width, 6) * np.float32(rng.uniform(0.03, 0.08))
    disparity = np.round(disparity * _KINECT_STEPS) / _KINECT_STEPS
    measured = reach / np.maximum(disparity, np.float32(1e-3))
    hole = shadow(seen, view.focal * rng.uniform(0.05, _KINECT_BASELINE))
    hole |= dropout(view, rng, grazing=0.04, lost=rng.uniform(0, 0.02))
    far = rng.choice([3.5, 4.5, 6.0, 9.0])
    if rng.random() < 0.12:  # people cut the background away
        far = float(np.quantile(view.depth[::8, ::8], rng.uniform(0.4, 0.8)))
    hole |= (measured < rng.uniform(0.4, 0.55)) | (measured > far)
    hole |= borders(height, width, rng, scale)
    return np.where(hole, np.float32(0), measured)


def realsense(view: View, rng: np.random.Generator) -> Array:
    """Return what a RealSense stereo camera measures: fattened edges, smooth error, speckle.

    Returns:
        Measured depth in metres, (H, W), 0 where nothing was measured.
    """
    height, width = view.depth.shape
    scale = width / 640
    reach = _REALSENSE_FOCAL * _REALSENSE_BASELINE
    seen = fatten(view.depth, int(rng.integers(1, 4)))
    disparity = blur3(blur3(reach / np.maximum(seen, np.float32(0.15))))
    strength = rng.uniform(0.03, 0.15)
    disparity += smooth_noise(rng, height, width, 7) * np.float32(strength)
    disparity += smooth_noise(rng, height, width, 24) * np.float32(strength)
    disparity = np.round(disparity * _REALSENSE_STEPS) / _REALSENSE_STEPS
    measured = reach / np.maximum(disparity, np.float32(1e-3))
    hole = shadow(seen, view.focal * _REALSENSE_BASELINE * rng.uniform(0.2, 1.0))
    hole |= dropout(view, rng, grazing=0.08, lost=rng.uniform(0, 0.05))
    hole[:, : int(rng.uniform(0, 45) * scale)] = True
    hole |= (measured < rng.uniform(0.15, 0.35)) | (measured > 10)
    return np.where(hole, np.float32(0), measured)


def tof(view: View, rng: np.random.Generator) -> Array:
    """Return what a time-of-flight camera measures: steps of 1 mm, noise, points flying at edges.

    A Kinect v2, an Azure Kinect (whose view is a circle) or an L515.

    Returns:
        Measured depth in metres, (H, W), 0 where nothing was measured.
    """
    height, width = view.depth.shape
    seen = blur3(view.depth)
    edge = np.abs(seen - view.depth) > np.float32(0.03) * view.depth
    mixed = rng.random((height, width), np.float32)
    seen = np.where(edge, view.depth + mixed * (seen - view.depth), view.depth)
    dim = 1 / np.sqrt(np.maximum(view.brightness, np.float32(0.05)))
    spread = np.float32(rng.uniform(0.0003, 0.001)) * (1 + seen * seen / 2) * dim
    noise = rng.standard_normal((height, width), np.float32)
    for _ in range(int(rng.integers(0, 3))):  # a camera smooths its own picture
        noise = blur3(noise) * np.float32(1.6)
    seen = seen + spread * noise
    seen += smooth_noise(rng, height, width, 48) * np.float32(rng.uniform(0, 0.003))
    hole = edge & (mixed > rng.uniform(0.1, 1.2))
    hole |= dropout(view, rng, grazing=0.15, lost=rng.uniform(0, 0.01))
    hole |= (seen < rng.uniform(0.25, 0.5)) | (seen > _TOF_FAR)
    if rng.random() < 0.3:
        rows, columns = np.arange(height)[:, None] - height / 2, np.arange(width) - width / 2
        hole |= np.hypot(rows, columns) > rng.uniform(0.5, 0.6) * width
    return np.where(hole, np.float32(0), np.round(seen * 1000) / np.float32(1000))


def lidar(view: View, rng: np.random.Generator) -> Array:
    """Return what a phone's lidar gives: few points, smoothed and brought to the picture's size.

    Returns:
        Measured depth in metres, (H, W), 0 beyond what it reaches; it has no other holes.
    """
    height, width = view.depth.shape
    step = rng.choice([2.0, 2.5, 3.0, 4.0])
    rows, columns = (np.arange(0, n, step).astype(np.int64) for n in (height, width))
    few = view.depth[rows[:, None], columns]
    for _ in range(int(rng.integers(1, 3))):
        few = blur3(few)
    noise = smooth_noise(rng, len(rows), len(columns), 9)
    few = few * (1 + noise * np.float32(rng.uniform(0.0005, 0.004)))
    y = np.minimum(np.arange(height) / step, len(rows) - 1.001).astype(np.float32)
    x = np.minimum(np.arange(width) / step, len(columns) - 1.001).astype(np.float32)
    whole = between(few, y, x)
    measured = np.round(whole * 1000) / np.float32(1000)
    return np.where(measured > _LIDAR_FAR, np.float32(0), measured)


SENSORS: Final[dict[str, Callable[[View, np.random.Generator], Array]]] = {
    "kinect": kinect,
    "realsense": realsense,
    "tof": tof,
    "lidar": lidar,
}
