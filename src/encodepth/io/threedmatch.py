"""3DMatch (Zeng et al. 2017): camera-intrinsics.txt, seq-01/frame-000000.{color,depth,pose}.*.

Depth in millimetres, 65535 is a hole; poses are camera to world. The TSDF tools of its authors read
and write the same.
"""

from __future__ import annotations

import re

from .beside import Facts, facts_beside
from .folder import side_by_side
from .found import Found, How
from .pair import Source
from .tree import Folder

_NAME = re.compile(r"frame-\d{6}\.depth\.png")
_CAMERA = "camera-intrinsics.txt"


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of one sequence."""
    if not any(map(_NAME.fullmatch, folder.files)):
        return None
    facts = facts_beside(folder)
    if facts.camera is None or facts.camera_source.words != _CAMERA:
        return None
    return side_by_side(folder, how, "3DMatch", _facts)


def _facts(folder: Folder) -> Facts:
    return facts_beside(folder).or_else(0.001, Source("3DMatch's convention"))
