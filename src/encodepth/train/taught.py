"""Coded frames beside what larger networks make of their errors, from which a small one learns.

Of the error of a coded picture a network can know some twentieth; the rest is noise to whoever
learns from it. What a trained network estimates is that twentieth alone, so a smaller one needs a
small part of the crops to be as good as it can be (distillation: Hinton, Vinyals, Dean,
arXiv 1503.02531). The mean over the teachers, in units of the picture's error, is written once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError
from ..files import new_folder
from ..learned.models import open_model
from ..learned.restore import Restorer, size_of, strength_of
from .batches import Coded, Frame
from .coded import CodedFrames

_FILE = "estimates.bin"
_EVERY = 100  # pictures from one word about progress to the next
Estimates = NDArray[np.float16]


class Taught:
    """Coded frames with the estimates of teachers."""

    def __init__(self, frames: CodedFrames, folder: Path) -> None:
        self.label, self.fingerprint = frames.label, folder.name
        self._frames = frames
        self._shapes = [_coded(frames[i]).picture.shape for i in range(len(frames))]
        self._starts = np.cumsum([0, *(math.prod(shape) for shape in self._shapes)]).tolist()
        self._data = np.memmap(folder / _FILE, "<f2", "r")

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> Frame:
        frame = self._frames[i]
        part = self._data[self._starts[i] : self._starts[i + 1]].reshape(self._shapes[i])
        return replace(frame, coded=replace(_coded(frame), estimate=part))


def taught(
    sources: Sequence[CodedFrames], teachers: Sequence[str], packs: Path, say: Callable[[str], None]
) -> list[Taught]:
    """Return coded frames with what teachers estimate of them, which is made first where it lacks.

    Args:
        sources: coded frames of each.
        teachers: weights that restore what was coded, by name or file.
        packs: the folder for packs.
        say: tells people how it goes.

    Raises:
        EncodepthError: a teacher restores the other modality, or cannot be opened.
    """
    opened = {name: open_model(name) for name in teachers}
    return [Taught(frames, _estimated(frames, opened, packs, say)) for frames in sources]


def _estimated(
    frames: CodedFrames, teachers: Mapping[str, Any], packs: Path, say: Callable[[str], None]
) -> Path:
    """Return the folder with the estimates of a source, made first where there is none."""
    facts = " ".join([frames.fingerprint, *(f"{t.fingerprint:08x}" for t in teachers.values())])
    folder = packs / f"taught-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
    if not folder.exists():
        say(f"estimating the errors of {frames.label} by {', '.join(teachers)} into {folder}")
        with new_folder(folder) as made, open(made / _FILE, "wb") as file:
            for i in range(len(frames)):
                file.write(_estimate(frames[i], teachers).tobytes())
                if (i + 1) % _EVERY == 0:
                    say(f"{frames.label}: {i + 1} of {len(frames)}")
    return folder


def _estimate(frame: Frame, teachers: Mapping[str, Any]) -> Estimates:
    """Return the mean estimate, (H, W, C), in units of the picture's error."""
    coded = _coded(frame)
    strength, found = strength_of(coded.rmse), []
    for name, teacher in teachers.items():
        if isinstance(teacher, Restorer) != (frame.depth is not None):
            raise EncodepthError(f"{name} restores the other modality; give model.teachers of ours")
        if frame.depth is None:
            decoded = coded.picture * np.float32(255 / coded.top)
            found.append(teacher.estimate(decoded, round(coded.quality), strength))
        else:
            assert frame.valid is not None
            plane = coded.picture[..., 0] / np.float32(coded.top)
            seen = frame.color if frame.color is None else np.ascontiguousarray(frame.color)
            found.append(teacher.estimate(plane, frame.valid, strength, seen)[..., None])
    mean = np.mean(found, 0) / size_of(strength)
    return np.asarray(mean, "<f2")


def _coded(frame: Frame) -> Coded:
    assert frame.coded is not None
    return frame.coded
