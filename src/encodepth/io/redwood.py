"""Redwood indoor LiDAR-RGBD (Park, Zhou, Koltun 2017), the thesis's training set (section 3.2).

Layout: one archive or folder per scene, `rgbd_bedroom/bedroom/` with `image/000000.jpg` and
`depth/000000.png`, 640x480, depth in millimetres, focal length 525, principal point (319.5, 239.5).
A scene may lie in several such folders.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePath

from ..frame import Intrinsics
from .found import Found, by_stem, child, pictures
from .pair import Pair
from .tree import Folder

TRAINING = ("apartment", "bedroom", "boardroom", "lobby")  # section 3.2
VALIDATION = ("loft",)
CAMERA = Intrinsics(525.0, 525.0, 319.5, 239.5)


def read(folder: Folder) -> Found | None:
    """Return the pairs of one scene, or of one of its parts."""
    scene = scene_of(folder.path)
    colors, depths = child(folder, "image", "rgb", "color"), child(folder, "depth")
    if scene is None or colors is None or depths is None or not pictures(colors):
        return None
    if "meta.json" in folder.files or "intrinsic" in folder.folders:
        return None
    part = folder.name
    sequence = scene if scene in part.lower() else f"{scene}/{part}"
    pairs, lonely = by_stem(colors, depths, partial(_pair, sequence))
    return Found("Redwood indoor LiDAR-RGBD", pairs, lonely)


def split(pairs: Iterable[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Return (training, validation) pairs by the thesis's scenes."""
    training: list[Pair] = []
    validation: list[Pair] = []
    for pair in pairs:
        scene = pair.sequence.split("/")[0]
        if scene in TRAINING:
            training.append(pair)
        elif scene in VALIDATION:
            validation.append(pair)
    return training, validation


def scene_of(path: PurePath) -> str | None:
    """Return which scene a path lies in: the last of its parts that names one."""
    for part in reversed(path.parts[-3:]):
        name = part.lower().removesuffix(".zip").removeprefix("rgbd_")
        for scene in (*TRAINING, *VALIDATION):
            if name == scene or name.rstrip("0123456789_-") == scene:
                return scene
    return None


def _pair(sequence: str, frame: str, color: Path, depth: Path) -> Pair:
    return Pair(sequence, frame, color, depth, 0.001, CAMERA)
