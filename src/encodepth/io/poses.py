"""Where cameras stood: 4x4 matrices, camera to world, metres, x right, y down, z forward."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import EncodepthError
from .tree import Folder, read_bytes

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL's camera (y up, looking along -z) to ours


def read_pose(path: Path) -> np.ndarray | None:
    """Return the matrix in a text file of 16 numbers, None if it is none (tracking was lost)."""
    try:
        return matrix(read_bytes(path).decode().replace(",", " ").split())
    except (EncodepthError, UnicodeDecodeError):
        return None


def matrix(numbers: object) -> np.ndarray | None:
    """Return 16 or 4x4 numbers, row by row, as a pose; None if they are none."""
    try:
        pose = np.asarray(numbers, np.float64).reshape(4, 4)
    except (ValueError, TypeError):
        return None
    rigid = np.isfinite(pose).all() and np.allclose(pose[3], (0, 0, 0, 1), atol=1e-6)
    return pose if rigid and abs(np.linalg.det(pose[:3, :3])) > 1e-6 else None


def from_opengl(numbers: object) -> np.ndarray | None:
    """Return the pose of a camera that looks along its -z axis (NeRF, Blender)."""
    pose = matrix(numbers)
    return None if pose is None else pose @ _FLIP


def from_world(rotation: object, translation: object, scale: float = 1.0) -> np.ndarray | None:
    """Return the pose of a world-to-camera rotation (9) and translation (3) times `scale`."""
    try:
        turn = np.asarray(rotation, np.float64).reshape(3, 3)
        shift = np.asarray(translation, np.float64).reshape(3, 1) * scale
    except (ValueError, TypeError):
        return None
    return _inverse(np.block([[turn, shift], [np.zeros((1, 3)), np.ones((1, 1))]]))


def from_quaternion(numbers: Sequence[float]) -> np.ndarray | None:
    """Return the pose of tx ty tz qx qy qz qw, as TUM writes it."""
    tx, ty, tz, *q = numbers
    length = float(np.linalg.norm(q))
    if not (np.isfinite(length) and length > 0.5):
        return None
    x, y, z, w = np.asarray(q) / length
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), tx],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), ty],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), tz],
        [0, 0, 0, 1],
    ])  # fmt: skip


def seen(folder: Folder) -> dict[str, tuple[int | None, np.ndarray | None]]:
    """Return when (ns) and from where each frame was seen, by name, as `decode` wrote it down.

    That is the key "seen" of `trajectory.json`; {} if it is not there.
    """
    if "trajectory.json" not in folder.files:
        return {}
    try:
        told = json.loads(folder.text("trajectory.json"))["seen"]
        return {
            str(name): (_whole(one.get("time_ns")), matrix(one["pose"]) if "pose" in one else None)
            for name, one in told.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, EncodepthError):
        return {}


def _whole(value: object) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 1 << 62
    return value if good else None  # type: ignore[return-value]


def trajectory(folder: Folder) -> list[np.ndarray | None]:
    """Return the poses of a trajectory beside the frames, in their order; [] if there is none.

    Read are Open3D's `trajectory.json`, `*.log` and `*-traj.txt` (three numbers, then a matrix),
    and `traj.txt` with a matrix a line.
    """
    for name in folder.files:
        if name == "trajectory.json":
            return _open3d(folder.text(name))
        if name.endswith((".log", "traj.txt")):
            found = _lines(folder, name)
            if found:
                return found
    return []


def _open3d(text: str) -> list[np.ndarray | None]:
    try:
        steps = json.loads(text)["parameters"]
        found = [matrix(np.reshape(step["extrinsic"], (4, 4)).T) for step in steps]
    except (ValueError, KeyError, TypeError):
        return []
    return [None if world is None else _inverse(world) for world in found]


def _lines(folder: Folder, name: str) -> list[np.ndarray | None]:
    try:
        rows = [[float(w) for w in line.split()] for line in folder.text(name).splitlines()]
    except (ValueError, EncodepthError):
        return []
    rows = [row for row in rows if row]
    if rows and all(len(row) == 16 for row in rows):
        return [matrix(row) for row in rows]
    blocks = [rows[i : i + 5] for i in range(0, len(rows), 5)]
    if not all([len(r) for r in block] == [3, 4, 4, 4, 4] for block in blocks):
        return []
    return [matrix(block[1:]) for block in blocks]


def _inverse(pose: np.ndarray) -> np.ndarray | None:
    return None if matrix(pose) is None else np.linalg.inv(pose)
