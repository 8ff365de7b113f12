"""The frames of a folder, with or without depth, as `evaluate` takes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import EncodepthError
from ..frame import RgbdImage
from ..io.pictures import read

PICTURES = (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff")


class Frame(Protocol):
    """What is measured: a pair of `encodepth.data`, or anything with these three."""

    @property
    def sequence(self) -> str: ...

    @property
    def frame(self) -> str: ...

    def load(self) -> RgbdImage: ...


@dataclass(frozen=True)
class Picture:
    """One colour picture of a folder that holds no depth, such as Kodak's."""

    sequence: str
    frame: str
    color: Path

    def load(self) -> RgbdImage:
        """Read it."""
        return read(self.color)


def find_frames(path: str | os.PathLike[str]) -> Sequence[Frame]:
    """Return the frames below a path: pairs of any known layout, or else plain pictures.

    Raises:
        EncodepthError: nothing is there that could be measured.
    """
    from ..io.dataset import open_dataset

    try:
        pairs = open_dataset(path).pairs
    except EncodepthError:
        pictures = _pictures(Path(path))
        if not pictures:
            raise
        return pictures
    return pairs


def _pictures(folder: Path) -> list[Picture]:
    """Return the pictures that lie right in the folder."""
    if not folder.is_dir():
        return []
    found = sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURES)
    return [Picture(folder.resolve().name, file.stem, file) for file in found]
