"""ScanNet (Dai et al. 2017), frames as its exporters write them.

Layout: `scene0000_00/{color/0.jpg, depth/0.png, intrinsic/intrinsic_depth.txt}`, or the 25k subset
with `intrinsics_depth.txt` beside the folders. Depth in millimetres, 640x480; colour is larger.
"""

from __future__ import annotations

import re

from .beside import Facts, facts_beside, text_camera
from .folder import matched
from .found import Found, How, Problem, child, pictures
from .pair import Source
from .tree import Folder

_SCENE = re.compile(r"scene\d{4}_\d{2}")
_TABLES = ("intrinsic_depth.txt", "intrinsics_depth.txt")


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of one scene."""
    colors, depths = child(folder, "color"), child(folder, "depth")
    inside = child(folder, "intrinsic")
    place = inside if inside is not None else folder
    table = next((name for name in place.files if name in _TABLES), "")
    if colors is None or depths is None or not pictures(colors):
        return None
    if not table and not _SCENE.fullmatch(folder.name):
        return None
    view = text_camera(place.text(table)) if table else None
    problems: tuple[Problem, ...] = ()
    if table and view is None:
        problems = (Problem(place.path / table, "not a 4x4 matrix; left out", fatal=False),)
    facts = Facts()
    if view is not None:
        facts = facts.or_else(camera=view, camera_source=Source(table))
    own = facts_beside(folder)
    facts = facts.or_else(own.unit, own.unit_source, own.camera, own.camera_source)
    facts = facts.or_else(0.001, Source("ScanNet's convention"))
    pairs, lonely = matched(folder, colors, depths, facts, how)
    return Found("ScanNet", pairs, lonely + problems)
