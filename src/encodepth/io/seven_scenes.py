"""7-Scenes (Shotton et al. 2013): frame-000000.color.png beside frame-000000.depth.png.

Layout: `chess/seq-01/`, or `seq-01.zip` as downloaded. Depth in millimetres, 65535 is a hole; depth
is not registered to colour. The camera is the one its page gives for both. Others name files alike:
only below a folder of one of its scenes is it this dataset, and certain by its list of sequences.
"""

from __future__ import annotations

import re

from ..frame import Intrinsics
from .beside import Facts, facts_beside
from .folder import side_by_side
from .found import Found, How
from .pair import Source
from .tree import Folder

SCENES = ("chess", "fire", "heads", "office", "pumpkin", "redkitchen", "stairs")
CAMERA = Intrinsics(585.0, 585.0, 320.0, 240.0)
_SEQUENCE = re.compile(r"seq-\d\d")
_NAME = re.compile(r"frame-\d{6}\.(color|depth)\.png")
_LISTS = ("TrainSplit.txt", "TestSplit.txt")


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of one sequence."""
    parts = [part.removesuffix(".zip") for part in folder.path.absolute().parts]
    scene = next((part for part in reversed(parts[:-1]) if part != parts[-1]), "")
    if not _SEQUENCE.fullmatch(parts[-1]) or scene not in SCENES:
        return None
    if not any(map(_NAME.fullmatch, folder.files)) or facts_beside(folder).camera is not None:
        return None
    return side_by_side(folder, how, "7-Scenes", _facts)


def _facts(folder: Folder) -> Facts:
    listed = any(name in place.files for place in folder.upwards() for name in _LISTS)
    words = "7-Scenes' convention" if listed else "7-Scenes' convention, by the names of folders"
    source = Source(words, sure=listed)
    return facts_beside(folder).or_else(0.001, source, CAMERA, source)
