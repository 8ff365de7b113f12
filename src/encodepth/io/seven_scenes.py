"""7-Scenes (Shotton et al. 2013): frame-000000.color.png beside frame-000000.depth.png.

Layout: `chess/seq-01/`, or `seq-01.zip` as downloaded. Depth in millimetres, 65535 is a hole; depth
is not registered to colour. The camera is the one its page gives for both.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from ..frame import Intrinsics
from .found import Found, by_key
from .pair import Pair
from .tree import Folder

CAMERA = Intrinsics(585.0, 585.0, 320.0, 240.0)
_NAME = re.compile(r"^(frame-\d+)\.(color|depth)\.png$")


def read(folder: Folder) -> Found | None:
    """Return the pairs of one sequence."""
    files: dict[str, dict[str, Path]] = {"color": {}, "depth": {}}
    for name in folder.files:
        match = _NAME.match(name)
        if match:
            files[match[2]][match[1]] = folder.path / name
    if not files["color"] and not files["depth"]:
        return None
    pairs, lonely = by_key(files["color"], files["depth"], partial(_pair, _sequence(folder)))
    return Found("7-Scenes", pairs, lonely)


def _sequence(folder: Folder) -> str:
    above = folder.path.parent
    if above.suffix == ".zip" and above.stem == folder.name:  # seq-01.zip/seq-01
        above = above.parent
    return f"{above.name}/{folder.name}"


def _pair(sequence: str, frame: str, color: Path, depth: Path) -> Pair:
    return Pair(sequence, frame, color, depth, 0.001, CAMERA)
