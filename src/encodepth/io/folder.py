"""Plain folders of pairs: color/ beside depth/, or *_color beside *_depth in one folder.

A `meta.json` beside them may say `depth_units_per_meter` and `intrinsics` {fx, fy, cx, cy}; else
depth is in millimetres and the camera unknown.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from ..errors import EncodepthError, InvalidImageError
from ..frame import Intrinsics
from .found import DEPTHS, Found, Problem, by_key, by_stem, child, pictures
from .pair import Pair, read_files, read_rotated
from .tree import Folder

COLOR_FOLDERS = ("color", "colors", "rgb", "image", "images", "colour")
DEPTH_FOLDERS = ("depth", "depths", "depth_image", "depth_images")
_COLOR_NAME = re.compile(r"^(?:(.*?)[-_.])?(?:color|colour|rgb|image)(?:[-_.](.*))?$", re.I)
_DEPTH_NAME = re.compile(r"^(?:(.*?)[-_.])?depth(?:[-_.](.*))?$", re.I)


def read(folder: Folder) -> Found | None:
    """Return the pairs of a folder with color/ and depth/, matched by name."""
    colors, depths = child(folder, *COLOR_FOLDERS), child(folder, *DEPTH_FOLDERS)
    if colors is None or depths is None or not (pictures(colors) or pictures(depths, DEPTHS)):
        return None
    meta = _meta(folder)
    pairs, lonely = by_stem(colors, depths, partial(_pair, folder.name, meta))
    layout = "folder with meta.json" if meta else "folder"
    return Found(layout, pairs, lonely + _about_meta(folder, meta))


def read_side_by_side(folder: Folder) -> Found | None:
    """Return the pairs of a folder where colour and depth lie side by side."""
    colors = _named(folder, _COLOR_NAME)
    depths = {k: p for k, p in _named(folder, _DEPTH_NAME).items() if p.suffix.lower() in DEPTHS}
    if not depths or not colors:
        return None
    meta = _meta(folder)
    pairs, lonely = by_key(colors, depths, partial(_pair, folder.name, meta))
    return Found("color and depth side by side", pairs, lonely + _about_meta(folder, meta))


def _named(folder: Folder, pattern: re.Pattern[str]) -> dict[str, Path]:
    found = {}
    for name in pictures(folder, (*DEPTHS, ".jpg", ".jpeg", ".webp")):
        match = pattern.match(PurePath(name).stem)
        if match:
            key = "_".join(part for part in match.groups() if part)
            found[key or folder.name] = folder.path / name
    return found


def _pair(sequence: str, meta: dict[str, Any], frame: str, color: Path, depth: Path) -> Pair:
    units = meta.get("depth_units_per_meter", 1000)
    if isinstance(units, str):  # a sentence that names SUN RGB-D's coding
        return Pair(sequence, frame, color, depth, 0.001, _camera(meta), read_rotated)
    return Pair(sequence, frame, color, depth, 1 / units, _camera(meta), read_files)


def _meta(folder: Folder) -> dict[str, Any]:
    """Return meta.json's contents, {} if there is none.

    Raises:
        EncodepthError: it is there and makes no sense; guessing a unit would be worse.
    """
    if "meta.json" not in folder.files:
        return _cameras(folder)
    path = folder.path / "meta.json"
    try:
        meta = json.loads(folder.text("meta.json"))
    except ValueError as error:
        raise EncodepthError(f"{path} is not JSON: {error}") from None
    units = meta.get("depth_units_per_meter", 1000) if isinstance(meta, dict) else None
    number = isinstance(units, int | float) and not isinstance(units, bool) and 0 < units < 1e7
    if not number and not (isinstance(units, str) and "sun" in units.lower()):
        raise EncodepthError(
            f"{path}: depth_units_per_meter is {units!r}; expected a number such as 1000 or 5000"
        )
    return dict(meta)


def _cameras(folder: Folder) -> dict[str, Any]:
    """Return what a cameras.json one folder up says of this one, {} if there is none."""
    try:
        known = json.loads((folder.path.parent / "cameras.json").read_text(encoding="utf-8"))
        fx, fy, cx, cy = known[folder.name]["intrinsics"]
        units = 1 / known[folder.name]["depth_unit"]
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return {}
    camera = {"fx": fx, "fy": fy, "cx": cx, "cy": cy}
    return {"depth_units_per_meter": units, "intrinsics": camera}


def _camera(meta: dict[str, Any]) -> Intrinsics | None:
    try:
        return Intrinsics(*(float(meta["intrinsics"][k]) for k in ("fx", "fy", "cx", "cy")))
    except (KeyError, TypeError, ValueError, InvalidImageError):
        return None


def _about_meta(folder: Folder, meta: dict[str, Any]) -> tuple[Problem, ...]:
    if "intrinsics" in meta and _camera(meta) is None:
        path = folder.path / "meta.json"
        return (Problem(path, "intrinsics lack fx, fy, cx or cy; left out", fatal=False),)
    return ()
