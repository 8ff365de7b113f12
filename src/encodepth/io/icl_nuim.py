"""Augmented ICL-NUIM (Choi, Zhou, Koltun 2015), the thesis's test set (section 3.3).

Layout as downloaded: `livingroom1-color`, `livingroom1-depth-clean` and `-depth-simulated`, folders
or archives side by side, with 00000.jpg and 00000.png; as Open3D unpacks it: `colors`, `depth` and
`depth_noisy` in one folder with a trajectory. Depth in millimetres; the camera is Redwood's. Only
folders with the names of its four scenes are this dataset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .beside import Facts, facts_beside
from .folder import with_poses
from .found import Found, How, Problem, by_stem, child, inner
from .pair import Pair, Source
from .redwood import CAMERA
from .tree import Folder

_SCENE = re.compile(r"(livingroom|office)[12]")
_SOURCE = Source("ICL-NUIM's convention")

_KINDS = {"-depth-clean": "clean", "-depth-simulated": "noisy"}


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of every scene whose folders lie side by side here."""
    pairs: tuple[Pair, ...] = ()
    problems: tuple[Problem, ...] = ()
    facts = facts_beside(folder).or_else(0.001, _SOURCE, CAMERA, _SOURCE)
    for sequence, colors, depths in _sequences(folder):
        make = partial(_pair, sequence, facts)
        more, lonely = by_stem(inner(colors), inner(depths), make, how)
        pairs, problems = pairs + with_poses(folder, more), problems + lonely
    return Found("augmented ICL-NUIM", pairs, problems) if pairs or problems else None


def _sequences(folder: Folder) -> Iterator[tuple[str, Folder, Folder]]:
    for name, colors in folder.folders.items():
        scene = name.removesuffix("-color")
        if scene != name and _SCENE.fullmatch(scene):
            for ending, kind in _KINDS.items():
                if scene + ending in folder.folders:
                    yield folder.sequence(f"{scene}_{kind}"), colors, folder.folders[scene + ending]
    beside, clean = child(folder, "colors", "color"), child(folder, "depth")
    noisy = child(folder, "depth_noisy")
    trajectory = any(f.endswith("-traj.txt") for f in folder.files)
    if _SCENE.fullmatch(folder.name) and (trajectory or noisy is not None) and beside is not None:
        if clean is not None:
            yield f"{folder.sequence()}_clean", beside, clean
        if noisy is not None:
            yield f"{folder.sequence()}_noisy", beside, noisy


def _pair(sequence: str, facts: Facts, frame: str, color: Path | None, depth: Path | None) -> Pair:
    return facts.pair(sequence, frame, color, depth)
