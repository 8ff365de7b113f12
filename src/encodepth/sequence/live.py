"""A group under way whose frames are coded as they come, each of them a part of the group.

A coding that leans on frames before keeps its encoder from frame to frame (`begin` of its module);
every other codes a frame alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..codings.base import Ask, Coded
from ..container.chunk import Part

ROOM = 8  # frames that may wait: a quarter of a second at 30 Hz


class Running:
    """The encoders of the group under way, by modality.

    One frame at a time; of that, several threads may code a modality each.

    Args:
        key_interval: frames of a group.
    """

    def __init__(self, key_interval: int) -> None:
        self._interval, self._place = key_interval, -1
        self._held: dict[str, tuple[Any, int]] = {}  # and the frame that had it last

    def next_frame(self) -> Part:
        """Go on to the next frame; return what it is of its group."""
        self._place = (self._place + 1) % self._interval
        if self._place:
            return Part.FURTHER
        self.close()
        return Part.FIRST if self._interval > 1 else Part.WHOLE

    def add(self, name: str, module: Any, plane: np.ndarray, ask: Ask) -> Coded | None:
        """Code a plane of this frame; None where the coding does not go on from frame to frame."""
        if name in self._held:
            encoder, last = self._held[name]
        elif (encoder := getattr(module, "begin", _nothing)(name, plane, ask)) is None:
            return None
        else:
            last = self._place
        coded: Coded = encoder.add(plane)
        self._held[name] = encoder, self._place
        leans = tuple((kind, self._place - last) for kind, _ in coded.references)
        return replace(coded, references=leans)

    def close(self) -> None:
        """Give the encoders' memory back."""
        for encoder, _ in self._held.values():
            encoder.close()
        self._held.clear()


def _nothing(name: str, plane: np.ndarray, ask: Ask) -> None:
    return None
