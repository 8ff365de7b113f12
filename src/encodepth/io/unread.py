"""Files that are about a camera and say none: named, so that an unknown camera surprises nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .found import Problem

_OF_CAMERAS = re.compile(r"(.*intrinsics?(_depth|_color)?|cam_?k|k)\.(txt|json)", re.I)
_KEYS = ("fx", "fl_x", "focal_x", "ppx", "intrinsics", "intrinsic", "intrinsic_matrix",
         "camera_matrix", "cam_K", "K")  # fmt: skip


def unread(path: Path, values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Say that nothing was made of a file that says neither camera nor unit, and should.

    Args:
        path: the file.
        values: its keys; empty where it is a table of numbers.
    """
    keys = [key for key in _KEYS if values.get(key) is not None]
    if keys:
        words = f'the key "{keys[0]}" makes no whole camera (fx, fy, cx, cy or a matrix); left out'
    elif _OF_CAMERAS.fullmatch(path.name):
        words = "no camera can be read in it (3x3, 4x4, or fx fy cx cy); left out"
    else:
        return ()
    return (Problem(path, words, fatal=False),)
