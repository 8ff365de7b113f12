"""What codecs of one modality have in common."""

from __future__ import annotations


class Single:
    """What a codec of one modality, in which no weights take part, says of itself."""

    name: str
    modality: str

    @property
    def spec(self) -> str:
        """What finds it again: its name."""
        return self.name

    def modalities(self) -> tuple[str, ...]:
        """Which of "color" and "depth" it measures."""
        return (self.modality,)

    def weights(self) -> str:
        """Nothing: no weights take part."""
        return ""
