"""EXIF orientations: how pixels and a camera are turned upright.

An orientation is a number 1..8; 1 is upright, from 5 on width and height change places.
"""

from __future__ import annotations

import numpy as np

from .frame import Intrinsics

UPRIGHT = 1
ORIENTATIONS = range(1, 9)


def turn(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (h, w) or (h, w, 3) pixels upright, as an EXIF orientation says."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def turn_camera(camera: Intrinsics, orientation: int, width: int, height: int) -> Intrinsics:
    """Return the camera of a picture that is turned upright; `width`, `height` are as stored."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    if orientation in (5, 6, 7, 8):
        fx, fy, cx, cy, width, height = fy, fx, cy, cx, height, width
    if orientation in (3, 4, 7, 8):
        cy = height - 1 - cy
    if orientation in (2, 3, 6, 7):
        cx = width - 1 - cx
    return Intrinsics(fx, fy, cx, cy)


def stored_shape(shape: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return (height, width) as stored of pixels that have `shape` after they were turned."""
    return (shape[1], shape[0]) if orientation >= 5 else shape
