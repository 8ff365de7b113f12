"""RGB-D pictures in memory: arrays, their unit, the camera they are seen from.

A depth of 0 is a hole, everywhere in the package. Sensors also write 65535 for "nothing measured":
that is a hole too, in arrays as in files, and becomes 0.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .errors import InvalidImageError
from .modalities import IMAGE, PLANES, modality

MAX_PIXELS = 1 << 27  # 16384x8192; larger pictures are refused before anything is allocated
MAX_SIDE = 65535
MILLIMETRE = 0.001
INVALID = 65535  # what sensors write beside 0 for "nothing measured"
OUTSIDE = "depth outside the distances asked for, now holes"

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera in pixels: focal lengths `fx`, `fy` and principal point `cx`, `cy`.

    Raises:
        InvalidImageError: a number is beyond 1e9 or not finite, or a focal length under 0.001.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if not all(abs(value) <= 1e9 for value in values) or min(self.fx, self.fy) < 1e-3:
            raise InvalidImageError(
                f"intrinsics {values} must be finite pixels, with focal lengths above 0"
            )


class Note(NamedTuple):
    """What was changed on a picture's way in: `what`, and how many pixels, 0 for the whole picture.

    `what` names no file and no number that differs from picture to picture, so that notes add up.
    """

    what: str
    pixels: int = 0

    def __str__(self) -> str:
        if not self.pixels:
            return self.what
        return f"{self.pixels:,} pixel{'s' * (self.pixels > 1)} of {self.what}"


@dataclass(frozen=True, eq=False)
class RgbdImage:
    """A colour picture, a depth map, or both; they may differ in size.

    Arrays are taken as they are, not copied, but for other orders of bytes than the machine's.

    Attributes:
        color: uint8 (H, W, 3), or None.
        depth: uint16 (h, w) in steps of `depth_unit`, 0 = hole (65535 becomes 0), or None.
        depth_unit: metres per step.
        intrinsics: of the camera both are seen from, or None if unknown.
        planes: further planes by name ("infrared", "confidence", "labels"), uint8 or uint16 (h, w).
        rounding: metres that a valid pixel of depth is at most off what was measured, where floats
            had to be rounded to steps; 0 where every value is kept.
        notes: what was changed to get here: pixels that became holes, a colour profile, a step that
            was chosen.
        jpeg: the JPEG file that colour was read from; colour that is kept exactly is kept as that
            file as long as its pixels are still the file's.
        rounding_rmse: metres, root of the mean square of what valid pixels were rounded by.

    Raises:
        InvalidImageError: both are missing, or a shape, dtype, size or unit is not as above.
    """

    color: np.ndarray | None = None
    depth: np.ndarray | None = None
    depth_unit: float = MILLIMETRE
    intrinsics: Intrinsics | None = None
    planes: Mapping[str, np.ndarray] = field(default_factory=dict)
    rounding: float = 0.0
    notes: tuple[Note, ...] = ()
    jpeg: bytes | None = None
    rounding_rmse: float = 0.0

    def __post_init__(self) -> None:
        for name in IMAGE:
            object.__setattr__(self, name, _plain(name, getattr(self, name)))
        planes = {name: _plain(name, plane) for name, plane in self.planes.items()}
        object.__setattr__(self, "planes", planes)
        if self.color is None and self.depth is None and not self.planes:
            raise InvalidImageError("an image needs color, depth or both; got neither")
        if self.color is not None:
            _check_array("color", self.color, np.uint8, 3)
            if self.color.shape[2] != 3:
                raise InvalidImageError(f"color has {self.color.shape[2]} channels; expected 3")
        if self.depth is not None:
            _check_array("depth", self.depth, np.uint16, 2)
            self._open_holes(self.depth)
        for name, plane in self.planes.items():
            _check_plane(name, plane)
        check_unit(self.depth_unit)

    def _open_holes(self, depth: np.ndarray) -> None:
        if depth.max() == INVALID:
            invalid = depth == INVALID
            count = int(np.count_nonzero(invalid))
            object.__setattr__(self, "depth", np.where(invalid, np.uint16(0), depth))
            note = Note(f"{INVALID} became holes", count)
            object.__setattr__(self, "notes", (*self.notes, note))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Return every array that is held, by modality."""
        both = {"color": self.color, "depth": self.depth}
        return {k: a for k, a in both.items() if a is not None} | dict(self.planes)

    @property
    def files(self) -> dict[str, bytes]:
        """Return the files that are kept beside arrays, by modality."""
        return {} if self.jpeg is None else {"color": self.jpeg}

    @property
    def held(self) -> tuple[str, ...]:
        """Return the modalities that are held."""
        return tuple(self.arrays)


@dataclass(frozen=True, eq=False)
class Frame:
    """What was seen at one moment of a recording.

    Attributes:
        image: colour, depth, further planes; a frame may lack any of what others have.
        time: nanoseconds of the recording's clock.
        pose: camera to world, float64 (4, 4), or None if unknown.
        number: its place in the recording.
    """

    image: RgbdImage
    time: int
    pose: np.ndarray | None = None
    number: int = 0


def _plain(name: str, array: Any) -> Any:
    """Return a numpy array as a plain one in the machine's order of bytes, others as they are.

    Raises:
        InvalidImageError: samples are masked out, which a file cannot say.
    """
    if not isinstance(array, np.ndarray):
        return array
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InvalidImageError(
            f"{name} has samples that are masked; give them values, such as .filled(0) for holes "
            "of depth"
        )
    array = np.asarray(array)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _check_array(name: str, array: np.ndarray, dtype: type, dims: int) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        found = getattr(array, "dtype", type(array).__name__)
        raise InvalidImageError(f"{name} is {found}; expected a {np.dtype(dtype).name} array")
    if array.ndim != dims:
        expected = "(height, width, 3)" if dims == 3 else "(height, width)"
        raise InvalidImageError(f"{name} has shape {array.shape}; expected {expected}")
    check_size(name, array.shape[1], array.shape[0])


def check_size(name: str, width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise InvalidImageError(
            f"{name} is {width}x{height}, outside 1..{MAX_PIXELS} pixels and {MAX_SIDE} a side"
        )


def check_unit(depth_unit: float) -> None:
    number = isinstance(depth_unit, numbers.Real) and not isinstance(depth_unit, bool)
    if not (number and math.isfinite(depth_unit) and 1e-9 <= depth_unit <= 1e3):
        raise InvalidImageError(
            f"depth unit {depth_unit!r} is not within 1e-9..1000 metres per step (0.001 for mm)"
        )


def _check_plane(name: str, plane: np.ndarray) -> None:
    """Refuse a further plane of an unknown name, type or size."""
    if name not in PLANES:
        raise InvalidImageError(f'no plane "{name}"; there are {", ".join(PLANES)}')
    types = modality(name).dtypes
    if not isinstance(plane, np.ndarray) or plane.dtype.name not in types:
        found = getattr(plane, "dtype", type(plane).__name__)
        expected = " or ".join(types)
        raise InvalidImageError(f"{name} is {found}; expected a {expected} array")
    _check_array(name, plane, plane.dtype.type, 2)
