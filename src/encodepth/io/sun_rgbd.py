"""SUN RGB-D (Song, Lichtenberg, Xiao 2015): one folder per frame, depth bits rotated.

Layout: `kv1/NYUdata/NYU0001/{image/*.jpg, depth/*.png, intrinsics.txt}`; the two files may differ
in name. 16 bits hold (mm << 3) | (mm >> 13). `depth_bfx`, filled in by its authors, is not used.
One frame beside intrinsics.txt is not enough: the path names a sensor below SUNRGBD, or what its
authors put into every frame's folder lies there too.
"""

from __future__ import annotations

from .beside import Facts, text_camera
from .found import DEPTHS, Found, How, Problem, child, pictures
from .pair import Source, read_rotated
from .tree import Folder

_SENSORS = ("kv1", "kv2", "realsense", "xtion")
_OWN = ("depth_bfx", "annotation", "annotation2Dfinal", "annotation3D", "annotation3Dfinal",
        "annotation3Dlayout", "extrinsics", "fullres", "scene.txt", "seg.mat")  # fmt: skip


def read(folder: Folder, how: How) -> Found | None:
    """Return the one pair of a frame's folder."""
    colors, depths = child(folder, "image"), child(folder, "depth")
    if colors is None or depths is None or "intrinsics.txt" not in folder.files:
        return None
    if not _published(folder):
        return None
    found, measured = pictures(colors), pictures(depths, DEPTHS)
    if len(found) > 1 or len(measured) > 1:
        return None
    if not found or not measured:
        what = "color in image/" if not found else "depth in depth/"
        return Found("SUN RGB-D", (), (Problem(folder.path, f"no {what}"),))
    view = text_camera(folder.text("intrinsics.txt"))
    problems: tuple[Problem, ...] = ()
    if view is None:
        path = folder.path / "intrinsics.txt"
        problems = (Problem(path, "not a 3x3 matrix; left out", fatal=False),)
    facts = Facts().or_else(0.001, Source("SUN RGB-D's convention"))
    facts = facts.or_else(camera=view, camera_source=Source("intrinsics.txt"))
    sequence = folder.sequence() if folder.above is None else folder.above.sequence()
    files = colors.path / found[0], depths.path / measured[0]
    pair = facts.pair(sequence, folder.name, *files, reader=read_rotated)
    return Found("SUN RGB-D", (pair,), problems)


def _published(folder: Folder) -> bool:
    parts = folder.path.absolute().parts[:-1]
    named = any("sunrgbd" in part.lower() for part in parts) and any(s in parts for s in _SENSORS)
    beside = {*folder.files, *folder.folders}
    return named or sum(name in beside for name in _OWN) >= 2
