"""SUN RGB-D (Song, Lichtenberg, Xiao 2015): one folder per frame, depth bits rotated.

Layout: `kv1/NYUdata/NYU0001/{image/*.jpg, depth/*.png, intrinsics.txt}`; the two files may differ
in name. 16 bits hold (mm << 3) | (mm >> 13). `depth_bfx`, filled in by its authors, is not used.
"""

from __future__ import annotations

from pathlib import PurePath

from .found import DEPTHS, Found, Problem, camera, child, pictures
from .pair import Pair, read_rotated
from .tree import Folder


def read(folder: Folder) -> Found | None:
    """Return the one pair of a frame's folder."""
    colors, depths = child(folder, "image"), child(folder, "depth")
    if colors is None or depths is None or "intrinsics.txt" not in folder.files:
        return None
    found, measured = pictures(colors), pictures(depths, DEPTHS)
    if len(found) > 1 or len(measured) > 1:
        return None
    if not found or not measured:
        what = "color in image/" if not found else "depth in depth/"
        return Found("SUN RGB-D", (), (Problem(folder.path, f"no {what}"),))
    view = camera(folder.text("intrinsics.txt"))
    problems: tuple[Problem, ...] = ()
    if view is None:
        path = folder.path / "intrinsics.txt"
        problems = (Problem(path, "not a 3x3 matrix; left out", fatal=False),)
    color, depth = colors.path / found[0], depths.path / measured[0]
    sequence = _sequence(folder.path)
    pair = Pair(sequence, folder.name, color, depth, 0.001, view, read_rotated)
    return Found("SUN RGB-D", (pair,), problems)


def _sequence(path: PurePath) -> str:
    """Name sensor and part, such as kv1/NYUdata, as far as the path tells."""
    parts = path.parts[:-1]
    for sensor in ("kv1", "kv2", "realsense", "xtion"):
        if sensor in parts:
            return "/".join(parts[parts.index(sensor) :])
    return path.parent.name
