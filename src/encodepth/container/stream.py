"""What a file holds of one modality: which coding made it, what it leans on, and its bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stream:
    """One coded plane of one frame.

    Attributes:
        modality: its number (`modalities`).
        coding: the number of the coding (`codings`); what it means depends on the modality.
        payload: the coded samples.
        parameters: what the coding needs besides, packed by it and moved unread.
        references: planes that decoding needs first, as (modality, frames back). Colour of the
            same frame is (0, 0). The mask of a depth map is part of it and not listed.
    """

    modality: int
    coding: int
    payload: bytes = b""
    parameters: bytes = b""
    references: tuple[tuple[int, int], ...] = ()

    @property
    def is_key(self) -> bool:
        """Whether it needs no frame before."""
        return all(back == 0 for _, back in self.references)
