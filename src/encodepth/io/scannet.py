"""ScanNet (Dai et al. 2017), frames as its exporters write them.

Layout: `scene0000_00/{color/0.jpg, depth/0.png, intrinsic/intrinsic_depth.txt}`, or the 25k subset
with `intrinsics_depth.txt` beside the folders. Depth in millimetres, 640x480; colour is larger.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..frame import Intrinsics
from .found import Found, Problem, by_stem, camera, child, pictures
from .pair import Pair
from .tree import Folder


def read(folder: Folder) -> Found | None:
    """Return the pairs of one scene."""
    colors, depths = child(folder, "color"), child(folder, "depth")
    inside = child(folder, "intrinsic")
    place = inside if inside is not None else folder
    table = next(
        (n for n in place.files if n in ("intrinsic_depth.txt", "intrinsics_depth.txt")), ""
    )
    if colors is None or depths is None or not pictures(colors):
        return None
    if not table and not folder.name.startswith("scene"):
        return None
    view = camera(place.text(table)) if table else None
    problems: tuple[Problem, ...] = ()
    if table and view is None:
        problems = (Problem(place.path / table, "not a 4x4 matrix; left out", fatal=False),)
    pairs, lonely = by_stem(colors, depths, partial(_pair, folder.name, view))
    return Found("ScanNet", pairs, lonely + problems)


def _pair(sequence: str, view: Intrinsics | None, frame: str, color: Path, depth: Path) -> Pair:
    return Pair(sequence, frame, color, depth, 0.001, view)
