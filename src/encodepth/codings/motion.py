"""How a camera moved between two depth maps: an encoder's estimate, in floats; no decoder needs it.

Points of the map before are laid on the surfaces of the next one (iterative closest points, by
projection and along the surface's slope). Where all surfaces are flat, that leaves the camera free
to slide; depth edges then decide, which are tried one direction after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .pose import FINE, ONE, PIXEL, Motion, View, fits, holds

_USUAL = 0.8  # a focal length over the longer side, where it is unknown; then by these factors
_FOCUSES = (1.15, 1.07, 1.035, 1.017)
_CLEAN = 6e-4  # of their depth that points are off a surface in the median: more is a noisy sensor
_WORTH = 0.6  # of what pixels are off without a motion
_POINTS = (1200, 4800, 19200)  # that are laid on surfaces, from coarse to fine
_ROUNDS = 10
_STEEP = 0.05  # of its depth that a surface may fall from pixel to pixel
_EDGE = 0.03  # of its depth that an edge is high, two pixels apart
_LOOKED_AT = 12000  # pixels that judge a motion
_FAR_OFF = 0.02  # of the depth: worse is not told apart
_HALVINGS = 5
_ROUNDING = 2e-4  # of the depth, at least what points are off


@dataclass(frozen=True)
class Pose:
    """A rigid motion of points: x -> turn @ x + shift, in steps."""

    turn: np.ndarray
    shift: np.ndarray
    off: float = 0.0  # of their depth that points were off surfaces, in the median

    def then(self, step: np.ndarray) -> Pose:
        """Return the motion followed by a small one: a rotation vector and a shift."""
        turn = _turn(step[:3] / 2)
        return Pose(turn @ self.turn, turn @ self.shift + step[3:], self.off)

    def whole(self) -> Motion | None:
        """Return it in the integers of a file; None where it is too far for them."""
        matrix = np.linalg.solve((self.turn + np.eye(3)).T, (self.turn - np.eye(3)).T).T
        half = np.array([matrix[2, 1], matrix[0, 2], matrix[1, 0]])
        numbers = np.rint(np.concatenate([half * ONE, self.shift * FINE]))
        if not np.isfinite(numbers).all() or np.abs(numbers).max() > 1 << 40:
            return None
        motion = Motion(*map(int, numbers))
        return motion if holds(motion) else None


STILL = Pose(np.eye(3), np.zeros(3))


class Eye:
    """A camera's focal lengths and principal point in pixels, as floats.

    Args:
        view: the camera.
    """

    def __init__(self, view: View) -> None:
        self.focus = np.array([view.fx, view.fy], float) / PIXEL
        self.centre = np.array([view.cx, view.cy], float) / PIXEL

    def points(self, depth: np.ndarray, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the points (n, 3) seen at rows and columns."""
        y, x = at
        z = depth[y, x].astype(float)
        ray = (np.stack([x, y], 1) - self.centre) / self.focus
        return np.concatenate([ray * z[:, None], z[:, None]], 1)

    def places(self, points: np.ndarray) -> np.ndarray:
        """Return where points are seen, (n, 2) as x and y in pixels; those behind are far away."""
        z = points[:, 2:]
        with np.errstate(all="ignore"):
            seen = points[:, :2] / z * self.focus + self.centre
        return np.where((z > 1) & (np.abs(seen) < 1e6), seen, -1e6)


class Path:
    """How a camera moves from each depth map to the next, looked for when it is asked for.

    Args:
        planes: uint16 (h, w) in steps, 0 = hole.
        view: the camera.
        first: its motion from the first map to the second.
    """

    def __init__(self, planes: Sequence[np.ndarray], view: View, first: Pose) -> None:
        self.view = view
        self._planes, self._pose = planes, first
        self._motions: list[Motion | None] = [None, first.whole()]

    def motion(self, i: int) -> Motion | None:
        """Return the motion to the i-th map from the one before; None where it cannot be told."""
        while len(self._motions) <= i:
            before, now = self._planes[len(self._motions) - 1 :][:2]
            found = estimate(before, now, self.view, self._pose)
            self._pose = found or self._pose
            self._motions.append(None if found is None else found.whole())
        return self._motions[i]


def path(
    planes: Sequence[np.ndarray], camera: tuple[float, float, float, float] | None
) -> Path | None:
    """Return how a camera moves through a group, None where that does not explain clean depth.

    Args:
        planes: uint16 (h, w) in steps, 0 = hole; two or more.
        camera: its fx, fy, cx, cy in pixels, None if unknown.
    """
    first, second = planes[:2]
    view = _view(camera, first.shape)
    if view is None or (pose := _begin(first, second, view)) is None or pose.off > _CLEAN:
        return None
    least = missed(first, second, view, pose)
    if least > _WORTH * missed(first, second, view, STILL):
        return None
    for tried in _FOCUSES if camera is None else ():
        best = view
        for share in (1 / tried, tried):
            other = _focused(best, share)
            found = estimate(first, second, other, pose)
            if found is not None and (off := missed(first, second, other, found)) < least:
                view, pose, least = other, found, off
    return Path(planes, view, pose)


def _view(camera: tuple[float, float, float, float] | None, shape: tuple[int, ...]) -> View | None:
    if camera is None:
        height, width = shape
        focus = max(1, round(PIXEL * _USUAL * max(shape)))
        return View(focus, focus, PIXEL * (width - 1) // 2, PIXEL * (height - 1) // 2)
    if max(map(abs, camera)) > 1 << 20:
        return None
    view = View(*(round(number * PIXEL) for number in camera))
    return view if fits(view, (shape[0], shape[1])) else None


def _focused(view: View, share: float) -> View:
    """Return a camera whose focal length is that many times as long."""
    return view._replace(fx=round(view.fx * share), fy=round(view.fy * share))


def _begin(before: np.ndarray, now: np.ndarray, view: View) -> Pose | None:
    """Return the first motion, of which nothing is expected: looked for twice."""
    pose = estimate(before, now, view)
    if pose is None or pose.off > 4 * _CLEAN:
        return pose
    return estimate(before, now, view, pose)


def estimate(before: np.ndarray, now: np.ndarray, view: View, start: Pose = STILL) -> Pose | None:
    """Return what takes points of one depth map to the next, None where it cannot be told.

    Args:
        before, now: uint16 (h, w) in steps, 0 = hole.
        view: the camera of both.
        start: what is expected.
    """
    eye, pose, normal = Eye(view), start, np.eye(6)
    for count in _POINTS:
        at = _spread(before, count)
        if len(at[0]) < _POINTS[0] // 4:
            return None
        points = eye.points(before, at)
        for _ in range(_ROUNDS):
            found = _slopes(points, now, eye, pose)
            if found is None:
                return None
            normal, pull, pose = found
            try:
                step = -np.linalg.solve(normal, pull)
            except np.linalg.LinAlgError:
                return None
            pose = pose.then(step)
            if np.abs(step[:3]).max() < 1e-5 and np.abs(step[3:]).max() < 1 / FINE:
                break
    return _slide(before, now, eye, pose, normal) if pose.off < 4 * _CLEAN else pose


def missed(before: np.ndarray, now: np.ndarray, view: View, pose: Pose) -> float:
    """Return by how much of its depth a pixel lies off after a motion, 0 .. 0.02, in the mean."""
    eye = Eye(view)
    return _missed(before, eye, eye.points(now, _judges(now)), pose)


def _turn(half: np.ndarray) -> np.ndarray:
    """Return the rotation whose axis has the length of the tangent of half its angle."""
    x, y, z = half
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.linalg.solve(np.eye(3) - across, np.eye(3) + across)


def _spread(depth: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of about so many valid pixels."""
    apart = max(1, round((depth.size / count) ** 0.5))
    part = depth[apart // 2 :: apart, apart // 2 :: apart]
    y, x = np.nonzero(part)
    return y * apart + apart // 2, x * apart + apart // 2


def _slopes(
    points: np.ndarray, now: np.ndarray, eye: Eye, pose: Pose
) -> tuple[np.ndarray, np.ndarray, Pose] | None:
    """Return the normal equations of a small motion that lays points on the surfaces of `now`.

    The motion comes back with how far they are off.
    """
    height, width = now.shape
    moved = points @ pose.turn.T + pose.shift
    seen = eye.places(moved)
    x, y = np.rint(seen).astype(int).T
    inside = (x > 0) & (y > 0) & (x < width - 1) & (y < height - 1)
    moved, seen, x, y = moved[inside], seen[inside], x[inside], y[inside]
    here, west, east = (now[y, x + k].astype(float) for k in (0, -1, 1))
    north, south = (now[y + k, x].astype(float) for k in (-1, 1))
    slope_x, slope_y = (east - west) / 2, (south - north) / 2
    flat = np.maximum(np.abs(slope_x), np.abs(slope_y)) < _STEEP * here
    flat &= np.minimum(np.minimum(west, east), np.minimum(north, south)) > 0
    if flat.sum() < _POINTS[0] // 8:
        return None
    moved, seen, slope_x, slope_y = moved[flat], seen[flat], slope_x[flat], slope_y[flat]
    across = seen - np.stack([x[flat], y[flat]], 1)
    surface = here[flat] + slope_x * across[:, 0] + slope_y * across[:, 1]
    px, py, pz = moved.T
    by_x, by_y = slope_x * eye.focus[0] / pz, slope_y * eye.focus[1] / pz
    by_z = -(by_x * px + by_y * py) / pz - 1
    turned = (by_z * py - by_y * pz, by_x * pz - by_z * px, by_y * px - by_x * py)
    change = np.stack([*turned, by_x, by_y, by_z], 1)
    relative = (surface - pz) / pz
    middle = float(np.median(np.abs(relative)))
    usual = 1.5 * middle + _ROUNDING
    share = 1 / (1 + np.square(relative / usual)) / np.square(pz)
    weighed = (change * share[:, None]).T
    normal = weighed @ change
    normal[np.diag_indices(6)] *= 1 + 1e-6
    return normal, weighed @ (surface - pz), replace(pose, off=middle)


def _judges(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of valid pixels, half of them at edges."""
    far = depth[2:-2, 2:-2].astype(np.int32)
    rough = np.abs(depth[2:-2, 4:].astype(np.int32) - depth[2:-2, :-4]) > _EDGE * far
    rough |= np.abs(depth[4:, 2:-2].astype(np.int32) - depth[:-4, 2:-2]) > _EDGE * far
    y, x = np.nonzero(rough & (far > 0))
    every = max(1, 2 * len(y) // _LOOKED_AT)
    evenly = _spread(depth, _LOOKED_AT // 2)
    return np.concatenate([y[::every] + 2, evenly[0]]), np.concatenate([x[::every] + 2, evenly[1]])


def _missed(before: np.ndarray, eye: Eye, points: np.ndarray, pose: Pose) -> float:
    """Return by how much of their depth points lie off the map before, once they are moved back."""
    height, width = before.shape
    back = (points - pose.shift) @ pose.turn
    x, y = np.rint(eye.places(back)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    z = back[inside, 2]
    gone = np.minimum(np.abs(before[y[inside], x[inside]] - z) / z, _FAR_OFF)
    return float((gone.sum() + _FAR_OFF / 2 * (~inside).sum()) / max(len(points), 1))


def _slide(before: np.ndarray, now: np.ndarray, eye: Eye, pose: Pose, normal: np.ndarray) -> Pose:
    """Return a motion improved by what edges say, along what surfaces say least about."""
    points = eye.points(now, _judges(now))
    if not len(points):
        return pose
    scale = np.array([1 / points[:, 2].mean()] * 3 + [1.0] * 3)
    stiff, ways = np.linalg.eigh(normal * scale[:, None] * scale)
    steps = (ways / np.sqrt(np.maximum(stiff, 1e-12))).T * scale
    least = _missed(before, eye, points, pose)
    reach = 4.0
    for _ in range(_HALVINGS):
        for step in steps[:4]:
            for sign in (1, -1):
                tried = pose.then(sign * reach * step)
                far = _missed(before, eye, points, tried)
                if far < least:
                    pose, least = tried, far
        reach /= 2
    return pose
