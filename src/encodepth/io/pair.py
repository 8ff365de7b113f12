"""One colour picture and its depth map on disk, in whatever coding its dataset has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..frame import Intrinsics, RgbdImage
from . import pictures
from .given import File, take
from .tree import read_bytes, size_of, split


class Source(NamedTuple):
    """Where a depth unit or a camera comes from, and whether that is certain.

    `size` is width and height of the pictures that a camera is said to be of, where that is said.
    """

    words: str
    sure: bool = True
    size: tuple[int, int] | None = None

    def __str__(self) -> str:
        words = self.words
        if self.size is not None:
            words += f", of {self.size[0]}x{self.size[1]}"
        known = self.sure or self in (UNKNOWN, ASSUMED)
        return words if known else f"doubtful: {words}"


UNKNOWN = Source("unknown", sure=False)
ASSUMED = Source("assumed, nothing says it", sure=False)
OPTION = Source("an option")


def read_stored(pair: Pair) -> RgbdImage:
    """Read colour and depth as they are; 0 and 65535 are holes."""
    return pictures.read_files(
        None if pair.color is None else file_of(pair.color, "color"),
        None if pair.depth is None else file_of(pair.depth, "depth"),
        depth_unit=pair.depth_unit,
        intrinsics=pair.intrinsics,
        depth_step=pair.depth_step,
        shared_step=pair.shared_step,
        far=pair.far,
    )


def read_rotated(pair: Pair) -> RgbdImage:
    """Read depth whose 16 bits are rotated left by three, as SUN RGB-D stores millimetres."""
    image = read_stored(pair)
    if image.depth is None:
        return image
    depth = (image.depth >> 3) | (image.depth << 13)
    return replace(image, depth=depth)


@dataclass(frozen=True)
class Pair:
    """A pair that can be loaded, or a picture or a depth map alone.

    Attributes:
        sequence: the recording, named by its path below what was opened.
        frame: name within the sequence.
        color, depth: files; one in an archive is `archive.zip/folder/name`. Either may be None.
        depth_unit: metres per step of the depth file.
        intrinsics: of the depth map, or None if unknown.
        reader: turns the two files into a picture; the codings of depth differ.
        unit_source, camera_source: where these come from: a file's key, the published convention
            of a layout, an option; not `sure` where that is doubtful or nothing is known.
        time: seconds, None if unknown.
        depth_step: metres that float depth is rounded to, None for the finest.
        time_ns: the same time in whole nanoseconds, as exactly as it is written down.
        shared_step: metres per step of float depth of the whole recording, None for each its own.
        far: metres; float depth beyond becomes holes before a step is chosen.
    """

    sequence: str
    frame: str
    color: Path | None
    depth: Path | None
    depth_unit: float = 0.001
    intrinsics: Intrinsics | None = None
    reader: Callable[[Pair], RgbdImage] = read_stored
    unit_source: Source = ASSUMED
    camera_source: Source = UNKNOWN
    time: float | None = None
    pose_at: Path | np.ndarray | None = field(default=None, compare=False, repr=False)
    depth_step: float | None = None
    time_ns: int | None = None
    shared_step: float | None = None
    far: float | None = None

    def load(self) -> RgbdImage:
        """Read both files.

        Raises:
            InvalidImageError: a file is missing, broken, or not what its dataset promises. The
                message names the file.
        """
        return self.reader(self)

    @property
    def pose(self) -> np.ndarray | None:
        """Camera to world, float64 (4, 4), metres; x right, y down, z forward; None if unknown."""
        from .poses import read_pose

        return read_pose(self.pose_at) if isinstance(self.pose_at, Path) else self.pose_at

    @property
    def path(self) -> Path:
        """The colour file, or the depth file where there is no colour."""
        found = self.color or self.depth
        assert found is not None
        return found

    @property
    def stamp(self) -> str:
        """Names and lengths of the files, to notice when data changed."""
        sizes = " ".join(str(0 if p is None else size_of(p)) for p in (self.color, self.depth))
        return f"{self.sequence}/{self.frame} {sizes} {self.depth_unit}"


def file_of(path: Path, kind: str) -> File:
    """Read a file of a pair, which may lie in an archive; see `take`."""
    if split(path)[0] is None:
        return take(path, kind)
    return File(str(path), read_bytes(path))
