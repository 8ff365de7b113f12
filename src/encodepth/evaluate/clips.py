"""Recordings as what is measured: frames in order, which codecs over time take as a whole.

A codec of stills is measured on each frame, and what it made of them pooled, so that it stands
beside the others in the same fields.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EncodepthError
from ..frame import Frame, RgbdImage
from ..io.recordings import open_recordable
from .pooling import pool
from .records import Record

MOST = 150  # frames of a recording, unless a limit says otherwise: all are in memory at once


@dataclass(frozen=True)
class Clip:
    """The first frames of a recording or of a sequence of a dataset.

    Attributes:
        sequence: its name.
        path: what holds it.
        count: how many frames.
    """

    sequence: str
    path: Path
    count: int

    @property
    def frame(self) -> str:
        """Which frames, as records say it: the first, and the one after the last."""
        return f"0:{self.count}"

    def load(self) -> list[RgbdImage]:
        """Read them.

        Raises:
            EncodepthError: one cannot be read.
        """
        found = {one.name: one for one in open_recordable(self.path)[0]}
        images = []
        for frame in found[self.sequence].read(range(self.count)):
            if not isinstance(frame, Frame):
                raise frame
            images.append(frame.image)
        return images


def find_clips(path: str | os.PathLike[str], limit: int | None = None) -> list[Clip]:
    """Return what below a path is a recording or a sequence of frames.

    Args:
        path: an .rgbd recording, a bag, a LeRobot dataset, or a folder of any known layout.
        limit: at most so many frames of each, the first ones; MOST if None.

    Raises:
        EncodepthError: nothing there is one.
    """
    found, _ = open_recordable(path)
    clips = [
        Clip(one.name, Path(path), min(one.count, limit or MOST)) for one in found if one.count
    ]
    if not clips:
        raise EncodepthError(f"{os.fspath(path)} has no frame")
    return clips


def measure_clip(codec: Any, images: Sequence[RgbdImage], setting: float) -> list[Record]:
    """Measure a codec on frames in order; return one record per modality."""
    over_time = getattr(codec, "measure_frames", None)
    if over_time is not None:
        return [pool(frames) for frames in over_time(images, setting)]
    apart: dict[str, list[Record]] = {}
    for image in images:
        for record in codec.measure(image, setting):
            apart.setdefault(record["modality"], []).append(record)
    return [pool(frames) for frames in apart.values()]
