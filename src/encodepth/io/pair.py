"""One colour picture and its depth map on disk, in whatever coding its dataset has."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidImageError
from ..frame import Intrinsics, RgbdImage
from .pictures import read
from .tree import read_bytes, size_of, split


def read_files(pair: Pair) -> RgbdImage:
    """Read colour and 16-bit depth as they are; 0 and 65535 are holes."""
    if split(pair.color)[0] is None and split(pair.depth)[0] is None:
        return read(pair.color, pair.depth, depth_unit=pair.depth_unit, intrinsics=pair.intrinsics)
    with tempfile.TemporaryDirectory() as place:
        color = _unpack(pair.color, Path(place) / "color")
        depth = _unpack(pair.depth, Path(place) / "depth")
        try:
            return read(color, depth, depth_unit=pair.depth_unit, intrinsics=pair.intrinsics)
        except InvalidImageError as error:
            message = str(error).replace(str(color), str(pair.color))
            raise InvalidImageError(message.replace(str(depth), str(pair.depth))) from None


def read_rotated(pair: Pair) -> RgbdImage:
    """Read depth whose 16 bits are rotated left by three, as SUN RGB-D stores millimetres."""
    image = read_files(pair)
    assert image.depth is not None
    depth = (image.depth >> 3) | (image.depth << 13)
    return RgbdImage(image.color, depth, image.depth_unit, image.intrinsics)


@dataclass(frozen=True)
class Pair:
    """A pair that can be loaded.

    Attributes:
        sequence: scene or recording; pairs of one sequence look alike.
        frame: name within the sequence.
        color, depth: files; one in an archive is `archive.zip/folder/name`.
        depth_unit: metres per step of the depth file.
        intrinsics: of the depth map, or None if unknown.
        reader: turns the two files into a picture; the codings of depth differ.
    """

    sequence: str
    frame: str
    color: Path
    depth: Path
    depth_unit: float = 0.001
    intrinsics: Intrinsics | None = None
    reader: Callable[[Pair], RgbdImage] = read_files

    def load(self) -> RgbdImage:
        """Read both files.

        Raises:
            InvalidImageError: a file is missing, broken, or not what its dataset promises. The
                message names the file.
        """
        return self.reader(self)

    @property
    def stamp(self) -> str:
        """Names and lengths of the files, to notice when data changed."""
        sizes = f"{size_of(self.color)} {size_of(self.depth)}"
        return f"{self.sequence}/{self.frame} {sizes} {self.depth_unit}"


def _unpack(path: Path, place: Path) -> Path:
    target = place.with_suffix(path.suffix)
    target.write_bytes(read_bytes(path))
    return target
