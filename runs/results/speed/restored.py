"""Decoding a pair of 640x480 that networks restored, beside the same file as AV1 left it.

By the clock, with as many threads as there are cores, one decoder in turn with the other.
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any

from encodepth import Codec
from encodepth.codings.base import DEFAULT_EFFORT
from runs.common import frames_of

from .clock import VGA, Row, least
from .stills import folders

EFFORTS = DEFAULT_EFFORT, 8
QUALITY = 50
_TURNS = 9


def restored(asked: Any) -> list[Row]:
    """Measure the first frame of every folder that has that size."""
    rows, codec = [], Codec()
    for folder in folders():
        image = frames_of(folder, count=1)[0].load()
        if image.depth is None or image.depth.shape != VGA or image.color is None:
            continue
        for effort in EFFORTS:
            data = codec.encode(image, quality=QUALITY, effort=effort, coding="restored")
            walls: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(_TURNS):
                for networks, wall in walls.items():
                    wall.append(least(partial(codec.decode, data, restore=networks), 1)[2])
            rows.append({
                "recording": f"{folder.parent.name}/{folder.name}",
                "effort": effort,
                "plain_wall": min(walls[False]),
                "restored_wall": min(walls[True]),
                "more_median": round(median(walls[True]) - median(walls[False]), 2),
            })  # fmt: skip
    return rows
