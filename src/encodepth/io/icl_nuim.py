"""Augmented ICL-NUIM (Choi, Zhou, Koltun 2015), the thesis's test set (section 3.3).

Layout as downloaded: `livingroom1-color`, `livingroom1-depth-clean` and `-depth-simulated`, folders
or archives side by side, with 00000.jpg and 00000.png; as Open3D unpacks it: `colors`, `depth` and
`depth_noisy` in one folder with a trajectory. Depth in millimetres; the camera is Redwood's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .found import Found, Problem, by_stem, child, inner
from .pair import Pair
from .redwood import CAMERA
from .tree import Folder

_KINDS = {"-depth-clean": "clean", "-depth-simulated": "noisy"}


def read(folder: Folder) -> Found | None:
    """Return the pairs of every scene whose folders lie side by side here."""
    pairs: tuple[Pair, ...] = ()
    problems: tuple[Problem, ...] = ()
    for sequence, colors, depths in _sequences(folder):
        more, lonely = by_stem(inner(colors), inner(depths), partial(_pair, sequence))
        pairs, problems = pairs + more, problems + lonely
    return Found("augmented ICL-NUIM", pairs, problems) if pairs or problems else None


def _sequences(folder: Folder) -> Iterator[tuple[str, Folder, Folder]]:
    for name, colors in folder.folders.items():
        scene = name.removesuffix("-color")
        if scene != name:
            for ending, kind in _KINDS.items():
                if scene + ending in folder.folders:
                    yield f"{scene}_{kind}", colors, folder.folders[scene + ending]
    beside, clean = child(folder, "colors", "color"), child(folder, "depth")
    noisy = child(folder, "depth_noisy")
    known = noisy is not None or any(f.endswith("-traj.txt") for f in folder.files)
    if known and beside is not None:
        if clean is not None:
            yield f"{folder.name}_clean", beside, clean
        if noisy is not None:
            yield f"{folder.name}_noisy", beside, noisy


def _pair(sequence: str, frame: str, color: Path, depth: Path) -> Pair:
    return Pair(sequence, frame, color, depth, 0.001, CAMERA)
