"""BOP (Hodan et al. 2018): 000001/{rgb or gray, depth}/000000.* with scene_camera.json.

That file has for each frame `cam_K`, `depth_scale` (millimetres per step) and, in many scenes, the
pose of the world before the camera in millimetres.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import EncodepthError
from .beside import Facts, matrix_camera, unit_number
from .found import Found, How, by_stem, child
from .pair import Pair, Source
from .poses import from_world
from .tree import Folder

_TABLE = "scene_camera.json"


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of one scene.

    Raises:
        EncodepthError: scene_camera.json makes no sense.
    """
    colors, depths = child(folder, "rgb", "gray"), child(folder, "depth")
    if _TABLE not in folder.files or depths is None:
        return None
    table = _table(folder)
    pairs, lonely = by_stem(colors, depths, partial(_pair, folder, table), how)
    return Found("BOP", pairs, lonely)


def _table(folder: Folder) -> dict[int, dict[str, Any]]:
    path = folder.path / _TABLE
    try:
        return {int(key): dict(own) for key, own in json.loads(folder.text(_TABLE)).items()}
    except (ValueError, TypeError, AttributeError):
        raise EncodepthError(
            f"{path} is no table of frames; expected cam_K and depth_scale for each"
        ) from None


def _pair(
    folder: Folder,
    table: dict[int, dict[str, Any]],
    frame: str,
    color: Path | None,
    depth: Path | None,
) -> Pair:
    own = table.get(int(frame), {}) if frame.isdecimal() else {}
    facts = Facts()
    if own.get("depth_scale") is not None:
        scale = unit_number(folder.path / _TABLE, "depth_scale", own["depth_scale"])
        facts = facts.or_else(scale / 1000, Source(f'key "depth_scale" of {_TABLE}'))
    camera = matrix_camera(own.get("cam_K"))
    if camera is not None:
        facts = replace(facts, camera=camera, camera_source=Source(f'key "cam_K" of {_TABLE}'))
    pose = from_world(own.get("cam_R_w2c"), own.get("cam_t_w2c"), 1e-3)
    return facts.pair(folder.sequence(), frame, color, depth, pose=pose)
