"""Pixels to points and cameras that look at them: metres, camera frame (x right, y down, z ahead).

A viewpoint at yaw 0, pitch 0 and distance 1 is the camera that took the picture, so a rendering
from there is the picture itself; the page's viewer (cloud.js) does the same arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InvalidImageError
from ..frame import Intrinsics, RgbdImage
from ..metrics import EDGE_MM, EDGE_SHARE, back_project, edge_pixels

GUESSED_FOCAL = 525 / 640  # focal length over width, of PrimeSense and Kinect v1 cameras
NO_COLOR = 176  # grey of points when the file holds no colour


@dataclass(frozen=True, eq=False)
class Cloud:
    """The points of one frame, still laid out as its depth map.

    Attributes:
        points: float32 (h, w, 3) in metres; z is 0 where nothing was measured.
        colors: uint8 (h, w, 3).
    """

    points: NDArray[np.float32]
    colors: NDArray[np.uint8]


@dataclass(frozen=True)
class Viewpoint:
    """Where to look from, as an orbit around a point on the optical axis.

    Attributes:
        name: for captions.
        yaw: degrees to the right (+) of the camera that took the picture.
        pitch: degrees above (+) it.
        distance: of the eye from the centre of the orbit, 1 = as far as that camera.
    """

    name: str
    yaw: float = 0.0
    pitch: float = 0.0
    distance: float = 1.0


VIEWPOINTS = (
    Viewpoint("from the camera"),
    Viewpoint("30° to the left, 12° above", -30, 12, 1.15),
    Viewpoint("35° to the right, 20° above", 35, 20, 1.25),
    Viewpoint("55° above", 0, 55, 1.35),
)
"""The viewpoints of the rendered picture."""


def guess_intrinsics(width: int, height: int) -> Intrinsics:
    """Return the pinhole of a common depth camera: 525 pixels at a width of 640, centred."""
    focal = GUESSED_FOCAL * max(width, height)
    return Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2)


def depth_intrinsics(image: RgbdImage) -> tuple[Intrinsics, bool]:
    """Return the intrinsics in pixels of the depth map, and whether they are a guess.

    Note:
        Where colour and depth differ in size, a file does not say whose pixels its intrinsics
        count; they are taken to be of the picture whose centre is nearer to the principal point.

    Raises:
        InvalidImageError: the image has no depth.
    """
    height, width = depth_of(image).shape
    camera = image.intrinsics
    if camera is None:
        return guess_intrinsics(width, height), True
    if image.color is None or image.color.shape[:2] == (height, width):
        return camera, False
    rows, columns = image.color.shape[:2]
    off_depth = abs(camera.cx / width - 0.5) + abs(camera.cy / height - 0.5)
    off_color = abs(camera.cx / columns - 0.5) + abs(camera.cy / rows - 0.5)
    if off_depth <= off_color:
        return camera, False
    x, y = width / columns, height / rows
    centre = ((camera.cx + 0.5) * x - 0.5, (camera.cy + 0.5) * y - 0.5)
    return Intrinsics(camera.fx * x, camera.fy * y, *centre), False


def depth_of(image: RgbdImage) -> NDArray[np.uint16]:
    """Return the depth map.

    Raises:
        InvalidImageError: there is none.
    """
    if image.depth is None:
        raise InvalidImageError("the picture has no depth; a point cloud needs it")
    return image.depth


def color_on_depth(image: RgbdImage) -> NDArray[np.uint8]:
    """Return the colour of each depth pixel, (h, w, 3); an even grey where there is no colour."""
    height, width = depth_of(image).shape
    if image.color is None:
        return np.full((height, width, 3), NO_COLOR, np.uint8)
    if image.color.shape[:2] == (height, width):
        return image.color
    picture = Image.fromarray(image.color).resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture)


def cloud(image: RgbdImage, colors: NDArray[np.uint8] | None = None) -> Cloud:
    """Back-project a depth map.

    Args:
        image: with depth.
        colors: (h, w, 3) to paint the points with, instead of the colour picture.
    """
    depth = depth_of(image)
    camera, _ = depth_intrinsics(image)
    points = np.zeros((*depth.shape, 3), np.float32)
    points[depth > 0] = back_project(depth, camera, depth_unit=image.depth_unit)
    return Cloud(points, color_on_depth(image) if colors is None else colors)


def joined(z: NDArray[np.float32], axis: int) -> NDArray[np.bool_]:
    """Say which pixels continue the surface of the next one along an axis, (h, w).

    They do when both are valid and their depths differ by less than a jump: 50 mm or 3 %,
    whichever is larger. The last row or column continues nothing.
    """
    here, there = (z[:-1], z[1:]) if axis == 0 else (z[:, :-1], z[:, 1:])
    near = np.minimum(here, there)
    step = np.abs(there - here)
    smooth = (near > 0) & (step < np.maximum(np.float32(EDGE_MM / 1000), EDGE_SHARE * near))
    return np.pad(smooth, [(0, 1), (0, 0)] if axis == 0 else [(0, 0), (0, 1)])


def orbit_centre(depth: NDArray[np.uint16], depth_unit: float) -> float:
    """Return the distance in metres, on the optical axis, of the point that views turn around.

    The median of the valid depths; 1 if there are none.
    """
    valid = depth[depth > 0]
    return float(np.median(valid)) * depth_unit if valid.size else 1.0


def pose(view: Viewpoint, centre: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rotation (3, 3) and eye (3,) of a viewpoint; a point p is seen at R @ (p - eye).

    Args:
        view: the viewpoint.
        centre: distance in metres of the orbit's centre, as from `orbit_centre`.
    """
    yaw, pitch = math.radians(view.yaw), math.radians(view.pitch)
    turn = np.array(
        [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]]
    )
    tilt = np.array(
        [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
    )
    rotation = tilt @ turn
    ahead = rotation.T @ np.array([0, 0, centre * view.distance])
    return rotation, np.array([0, 0, centre]) - ahead


def flying_by_shape(depth: NDArray[np.uint16], depth_unit: float) -> NDArray[np.bool_]:
    """Mark pixels that hang in the air between a nearer and a farther neighbour, (h, w).

    A pixel is flying when its 3x3 neighbourhood has a valid depth nearer and another farther than
    its own, each by more than 50 mm and by more than 3 %. It needs no original, so it also finds
    what a sensor itself got wrong; surfaces seen at a grazing angle can be marked wrongly.
    """
    metres = depth.astype(np.float32) * np.float32(depth_unit)
    valid = depth > 0
    step = np.maximum(np.float32(EDGE_MM / 1000), np.float32(EDGE_SHARE) * metres)
    nearest = _extreme(np.where(valid, metres, np.inf), np.minimum)
    farthest = _extreme(np.where(valid, metres, -np.inf), np.maximum)
    return valid & (nearest < metres - step) & (farthest > metres + step)


def flying_by_error(
    depth: NDArray[np.uint16], original: NDArray[np.uint16], unit: float, original_unit: float
) -> NDArray[np.bool_]:
    """Mark pixels near a depth jump of the original that err by more than 50 mm, (h, w)."""
    error = depth * (unit * 1000) - original * (original_unit * 1000)
    return edge_pixels(original, depth_unit=original_unit) & (np.abs(error) > EDGE_MM) & (depth > 0)


def error_mm(decoded: RgbdImage, original: RgbdImage) -> NDArray[np.float32]:
    """Return decoded minus original depth in mm, (h, w); NaN where either has a hole.

    Raises:
        InvalidImageError: one has no depth, or the sizes differ.
    """
    ours, theirs = depth_of(decoded), depth_of(original)
    if ours.shape != theirs.shape:
        raise InvalidImageError(
            f"depth is {ours.shape[1]}x{ours.shape[0]} but the other is "
            f"{theirs.shape[1]}x{theirs.shape[0]}; compare pictures of one size"
        )
    error = ours * (decoded.depth_unit * 1000) - theirs * (original.depth_unit * 1000)
    return np.where((ours > 0) & (theirs > 0), error, np.nan).astype(np.float32)


def _extreme(values: NDArray, better: np.ufunc) -> NDArray:
    """Return the least or largest value of each 3x3 neighbourhood."""
    padded = np.pad(values, 1, mode="edge")
    rows = better(better(padded[:-2], padded[1:-1]), padded[2:])
    return better(better(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
