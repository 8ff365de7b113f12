"""Redwood indoor LiDAR-RGBD (Park, Zhou, Koltun 2017), the thesis's training set (section 3.2).

Layout: one archive or folder per scene, `rgbd_bedroom/bedroom/` with `image/000000.jpg` and
`depth/000000.png`, 640x480, depth in millimetres, focal length 525, principal point (319.5, 239.5).
A scene may lie in several such folders. A folder that is only called bedroom is not this dataset.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from ..frame import Intrinsics
from .beside import facts_beside
from .folder import matched
from .found import Found, How, child, pictures
from .pair import Pair, Source
from .tree import Folder

TRAINING = ("apartment", "bedroom", "boardroom", "lobby")  # section 3.2
VALIDATION = ("loft",)
CAMERA = Intrinsics(525.0, 525.0, 319.5, 239.5)
_SOURCE = Source("Redwood's convention")


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of one scene, or of one of its parts."""
    colors, depths = child(folder, "image", "rgb", "color"), child(folder, "depth")
    if not _published(folder.path.absolute()) or colors is None or depths is None:
        return None
    if not pictures(colors):
        return None
    facts = facts_beside(folder).or_else(0.001, _SOURCE, CAMERA, _SOURCE)
    pairs, lonely = matched(folder, colors, depths, facts, how)
    return Found("Redwood indoor LiDAR-RGBD", pairs, lonely + facts.problems)


def split(pairs: Iterable[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Return (training, validation) pairs by the thesis's scenes."""
    training: list[Pair] = []
    validation: list[Pair] = []
    for pair in pairs:
        scene = scene_of(pair.path.absolute().parent.parent)
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


def _published(path: PurePath) -> bool:
    """Whether a path bears the name of a scene's archive, rgbd_bedroom, in its last parts."""
    scene = scene_of(path)
    names = [part.lower().removesuffix(".zip") for part in path.parts[-3:]]
    return scene is not None and any(n.rstrip("0123456789_-") == f"rgbd_{scene}" for n in names)
