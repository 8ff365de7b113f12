"""How far a group's depth is off once it is decoded; the encoder has both and can tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..container import chunk
from ..container.header import Header
from ..errors import EncodepthError
from ..frame import Frame
from ..metrics import DepthError
from ..modalities import modality
from .group import DecodedGroup

_DEPTH = modality("depth").number


def error_of(
    coded: Sequence[chunk.Frame], frames: Sequence[Frame], header: Header, models: Any
) -> DepthError | None:
    """Decode the depth of a group that was just coded and compare; None if it has no depth.

    Raises:
        EncodepthError: a hole moved, which no coding may do.
    """
    part = chunk.Chunk(0, tuple(coded), chunk.Part.FURTHER)  # colour may lean on frames before
    group = DecodedGroup(part, header, models)
    found: DepthError | None = None
    for i, frame in enumerate(frames):
        depth = frame.image.depth
        if depth is None:
            continue
        decoded = group.plane(_DEPTH, i)
        if decoded is None or not np.array_equal(decoded > 0, depth > 0):
            raise EncodepthError(
                f"frame {frame.number}: a hole of depth was not kept; please report"
            )
        here = DepthError.between(decoded, frame.image)
        found = here if found is None else found + here
    return found
