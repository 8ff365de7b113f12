"""The frames of a folder, with or without depth, as `evaluate` takes them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import EncodepthError
from ..image import RgbdImage, read

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
    folder = Path(path)
    pictures = _pictures(folder)
    if pictures:
        return pictures
    return _pairs(folder)


def _pictures(folder: Path) -> list[Picture]:
    """Pictures that lie right in the folder, which no pair does."""
    if not folder.is_dir():
        raise EncodepthError(f"{folder} is no folder of frames")
    found = sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURES)
    return [Picture(folder.name, file.stem, file) for file in found]


@dataclass(frozen=True)
class _Pair:
    sequence: str
    frame: str
    color: Path
    depth: Path
    depth_unit: float
    rotated: bool  # SUN RGB-D stores depth rotated by three bits

    def load(self) -> RgbdImage:
        image = read(self.color, self.depth, depth_unit=self.depth_unit)
        if not self.rotated or image.depth is None:
            return image
        depth = (image.depth >> 3) | (image.depth << 13)
        return replace(image, depth=np.where(depth == 65535, 0, depth).astype(np.uint16))


def _pairs(folder: Path) -> list[_Pair]:
    found = []
    for depth in sorted(folder.glob("**/depth/*.png")):
        base = depth.parents[1]
        units = json.loads((base / "meta.json").read_text())["depth_units_per_meter"]
        rotated = not isinstance(units, int)
        color = next((base / "color").glob(f"{depth.stem}.*"))
        unit = 0.001 if rotated else 1 / units
        found.append(_Pair(base.name, depth.stem, color, depth, unit, rotated))
    if not found:
        raise EncodepthError(f"no frames below {folder}")
    return found
