"""How far a group's depth is off once it is decoded; the encoder has both and can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..container import chunk
from ..container.header import Header
from ..errors import EncodepthError
from ..frame import Frame
from ..modalities import modality
from .group import DecodedGroup

_DEPTH = modality("depth").number


@dataclass(frozen=True)
class DepthError:
    """The error of depth over measured pixels; errors of parts add up to that of the whole.

    Attributes:
        squares: sum of squared errors, mm^2.
        pixels: how many measured pixels there are.
        max_mm: the largest error.
    """

    squares: float
    pixels: int
    max_mm: float

    @property
    def rmse_mm(self) -> float:
        """Root of the mean squared error, in mm."""
        return math.sqrt(self.squares / self.pixels) if self.pixels else 0.0

    def __add__(self, other: DepthError) -> DepthError:
        return DepthError(
            self.squares + other.squares,
            self.pixels + other.pixels,
            max(self.max_mm, other.max_mm),
        )


def error_of(
    coded: Sequence[chunk.Frame], frames: Sequence[Frame], header: Header, models: Any
) -> DepthError | None:
    """Decode the depth of a group that was just coded and compare; None if it has no depth.

    Raises:
        EncodepthError: a hole moved, which no coding may do.
    """
    group = DecodedGroup(chunk.Chunk(0, tuple(coded)), header, models)
    found: DepthError | None = None
    for i, frame in enumerate(frames):
        depth = frame.image.depth
        if depth is None:
            continue
        decoded = group.plane(_DEPTH, i)
        valid = depth > 0
        if decoded is None or not np.array_equal(decoded > 0, valid):
            raise EncodepthError(
                f"frame {frame.number}: a hole of depth was not kept; please report"
            )
        off = np.subtract(decoded, depth, dtype=np.float64)[valid] * (frame.image.depth_unit * 1000)
        here = DepthError(
            float(np.square(off).sum()), off.size, float(np.abs(off).max(initial=0.0))
        )
        found = here if found is None else found + here
    return found
