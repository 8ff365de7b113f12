"""nerfstudio's transforms.json (also Polycam, Record3D, SDFStudio): frames with files and cameras.

Camera by `fl_x fl_y cx cy` of the file or of a frame; poses look along -z and are turned to ours.
16-bit depth is in millimetres unless `depth_unit_scale_factor` says otherwise, as in nerfstudio.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import EncodepthError
from .beside import Facts, size_in, text_camera, unit_number
from .found import Found, How, Problem
from .pair import Pair, Source
from .poses import from_opengl
from .tree import Folder

_TABLE = "transforms.json"
_UNIT = "depth_unit_scale_factor"


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs that the table lists.

    Raises:
        EncodepthError: transforms.json is no JSON, or has a unit that makes no sense.
    """
    if _TABLE not in folder.files:
        return None
    path = folder.path / _TABLE
    try:
        table = json.loads(folder.text(_TABLE))
    except ValueError as error:
        raise EncodepthError(f"{path} is not JSON: {error}") from None
    frames = table.get("frames") if isinstance(table, dict) else None
    if not isinstance(frames, list) or not any(isinstance(f, dict) for f in frames):
        return None
    if not any(isinstance(f, dict) and "depth_file_path" in f for f in frames):
        return None
    problems: list[Problem] = list(_about_camera(path, table))
    here = set(_files_below(folder))
    pairs = tuple(_pairs(folder, table, frames, here, problems))
    return Found("nerfstudio", pairs, tuple(problems))


def _pairs(
    folder: Folder,
    table: dict[str, Any],
    frames: list[Any],
    here: set[str],
    problems: list[Problem],
) -> Iterator[Pair]:
    stems = Counter(
        PurePosixPath(str(own.get("file_path") or own.get("depth_file_path"))).stem
        for own in frames
        if isinstance(own, dict)
    )
    for number, own in enumerate(frames):
        if not isinstance(own, dict):
            problems.append(Problem(folder.path / _TABLE, f"frame {number} is no table"))
            continue
        files = [_plain(own.get(key)) for key in ("file_path", "depth_file_path")]
        missing = [name for name in files if name is not None and name not in here]
        problems += [Problem(folder.path / m, f"listed in {_TABLE} but missing") for m in missing]
        if missing or files == [None, None]:
            continue
        color, depth = (None if name is None else folder.path / name for name in files)
        facts = _facts(folder.path / _TABLE, own, table)
        path = PurePosixPath(files[0] or files[1] or "").with_suffix("")
        frame = path.name if stems[path.name] == 1 else "_".join(path.parts)
        pose = from_opengl(own.get("transform_matrix"))
        yield facts.pair(folder.sequence(), frame, color, depth, pose=pose)


def _facts(path: Path, own: Mapping[str, Any], table: Mapping[str, Any]) -> Facts:
    facts = Facts()
    values = {**table, **own}
    numbers = [values.get(key) for key in ("fl_x", "fl_y", "cx", "cy")]
    if numbers[1] is None:
        numbers[1] = numbers[0]  # as nerfstudio does
    camera = text_camera(" ".join(map(str, numbers)))
    if camera is not None:
        source = Source(f'key "fl_x" of {_TABLE}', size=size_in(values))
        facts = replace(facts, camera=camera, camera_source=source)
    unit = values.get(_UNIT)
    if unit is not None:
        return facts.or_else(unit_number(path, _UNIT, unit), Source(f'key "{_UNIT}" of {_TABLE}'))
    return facts.or_else(0.001, Source("nerfstudio's convention"))


def _about_camera(path: Path, table: Mapping[str, Any]) -> Iterator[Problem]:
    model = table.get("camera_model", "OPENCV")
    if model not in ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
        yield Problem(path, f'the camera is "{model}"; only a pinhole is kept of it', fatal=False)
    elif any(table.get(key) for key in ("k1", "k2", "k3", "p1", "p2")):
        yield Problem(path, "the camera's distortion (k1, k2 ..) is left out", fatal=False)


def _plain(name: object) -> str | None:
    if not isinstance(name, str) or not name:
        return None
    return "/".join(p for p in PurePosixPath(name).parts if p not in (".", "..", "/"))


def _files_below(folder: Folder) -> Iterator[str]:
    for sub in folder.walk():
        start = sub.path.relative_to(folder.path).as_posix()
        yield from (name if start == "." else f"{start}/{name}" for name in sub.files)
