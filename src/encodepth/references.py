"""What a decoder has when it comes to a stream: planes of this frame and of frames before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Make = Callable[[], np.ndarray]


class Seen:
    """Planes by modality and how many frames back, each decoded when it is first wanted.

    Args:
        models: the networks at hand.
        originals: planes before coding, which only an encoder has.
        files: the files that planes were read from, the same.
    """

    def __init__(
        self,
        models: Any,
        originals: Mapping[str, np.ndarray] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.models = models
        self._originals = dict(originals or {})
        self._files = dict(files or {})
        self._made: dict[tuple[str, int], np.ndarray] = {}
        self._makers: dict[tuple[str, int], Make] = {}

    def offer(self, modality: str, make: Make, back: int = 0) -> None:
        """Have `make` decode a plane, once, when somebody asks for it."""
        self._makers[modality, back] = make
        self._made.pop((modality, back), None)

    def plane(self, modality: str, back: int = 0) -> np.ndarray | None:
        """Return a plane as it was decoded, or None where there is none."""
        key = modality, back
        if key not in self._made and key in self._makers:
            self._made[key] = self._makers[key]()
        return self._made.get(key)

    def original(self, modality: str) -> np.ndarray | None:
        """Return a plane as it was before coding, or None."""
        return self._originals.get(modality)

    def file(self, modality: str) -> bytes | None:
        """Return the file that a plane was read from, or None."""
        return self._files.get(modality)
