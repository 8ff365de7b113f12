"""RGB-D pictures as picture files: PNG, JPEG, WebP, TIFF, .npy in and out.

A depth of 0 is a hole, and so are 65535, NaN, infinity and negative numbers; what `read` changed is
counted in the picture's notes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InvalidImageError
from ..files import write_file
from ..frame import MILLIMETRE, Intrinsics, Note, PathLike, RgbdImage, check_size, check_unit
from ..turning import UPRIGHT, turn, turn_camera
from .floats import Steps, to_steps
from .given import File, Given, take
from .opening import decode, one_line, open_picture


def read(
    color: Given | None = None,
    depth: Given | None = None,
    *,
    depth_unit: float = MILLIMETRE,
    intrinsics: Intrinsics | Sequence[float] | np.ndarray | None = None,
    depth_step: float | None = None,
    far: float | None = None,
    planes: Mapping[str, Given] | None = None,
) -> RgbdImage:
    """Read a picture pair from files.

    What had to be changed on the way (pixels that became holes, a colour profile, floats that were
    rounded) stands in the result's `notes`.

    Args:
        color: PNG, JPEG, WebP or TIFF with 8 bits per channel: RGB, grey, palette, or with an
            alpha channel that is opaque everywhere; a path, bytes, or an open file. A colour
            profile is converted to sRGB.
        depth: 16-bit PNG or TIFF, float32 TIFF, or `.npy` (integers of 16 bits or more, or floats).
        depth_unit: metres per 1 of the numbers in the depth file: 0.001 for millimetres, 0.0002
            for TUM, 1.0 for float metres. The result's unit for integers.
        intrinsics: fx, fy, cx, cy in pixels, or a 3x3 matrix, of the pictures as stored.
        depth_step: metres per step of the result, for floats. Without it, floats that are multiples
            of a usual step (1, 0.5, 0.25, 0.2, 0.125, 0.1 mm ..) keep their values; others are
            rounded to 0.1 mm up to 6.5 m, 1 mm up to 65 m, coarser beyond: `rounding` says how far.
        far: metres; floats that are farther become holes before a step is chosen, so that a far
            pixel does not make it coarse.
        planes: further planes by name, grey files of 8 or 16 bits; every sample is kept.

    An EXIF orientation turns a picture that is read alone, and its camera. In a pair nothing is
    turned, so that colour stays over depth; only where depth has the turned colour's shape alone is
    colour turned.

    Raises:
        InvalidImageError: a file is missing, is no such picture, or holds what cannot be coded.
        TypeError: what is given is no file.
    """
    return read_files(
        None if color is None else take(color, "color"),
        None if depth is None else take(depth, "depth"),
        depth_unit=depth_unit,
        intrinsics=intrinsics,
        depth_step=depth_step,
        far=far,
        planes={name: take(file, name) for name, file in (planes or {}).items()},
    )


def read_files(
    color: File | None,
    depth: File | None,
    *,
    depth_unit: float = MILLIMETRE,
    intrinsics: Intrinsics | Sequence[float] | np.ndarray | None = None,
    depth_step: float | None = None,
    shared_step: float | None = None,
    far: float | None = None,
    planes: Mapping[str, File] | None = None,
) -> RgbdImage:
    """Read a pair whose bytes are at hand; see `read`.

    `shared_step` is metres per step of a recording's floats, which `floats.SharedStep` found.
    """
    check_unit(depth_unit)
    if depth_step is not None:
        check_unit(depth_step)
    camera = _camera(intrinsics)
    seen = None if color is None else _read_color(color)
    measured = None if depth is None else _read_depth(depth)
    if seen is not None and measured is not None:
        seen, measured = _side_by_side(seen, measured)
    elif seen is not None:
        seen, camera = _upright(seen, camera)
    elif measured is not None:
        measured, camera = _upright(measured, camera)
    notes = seen.notes if seen is not None else ()
    steps = Steps(np.zeros((1, 1), np.uint16), float(depth_unit), 0.0, ())
    if measured is not None and depth is not None:
        notes += measured.notes
        raw, unit = measured.pixels, float(depth_unit)
        if raw.dtype.kind == "f":
            steps = to_steps(raw, unit, depth.name, depth_step, shared=shared_step, far=far)
        else:
            steps = _whole_steps(raw, unit, depth.name, depth_step)
    return RgbdImage(
        None if seen is None else seen.pixels,
        None if measured is None else steps.depth,
        steps.unit,
        camera,
        {name: _read_plane(name, file) for name, file in (planes or {}).items()},
        steps.rounding,
        notes + steps.notes,
        None if seen is None else seen.jpeg,
        steps.rmse,
    )


def raw_depth(file: File) -> np.ndarray:
    """Return the numbers of a depth file as stored, (h, w), integers or floats.

    Raises:
        InvalidImageError: it is no such file.
    """
    return _read_depth(file).pixels


def picture_bytes(image: RgbdImage, kind: str, path: Path) -> bytes:
    """Return what `write` would write for "color", "depth" or a further plane.

    Raises:
        InvalidImageError: the image lacks it, or the path's suffix is none that is known.
    """
    plane = image.arrays.get(kind)
    if plane is None:
        raise InvalidImageError(
            f"no {kind} to write to {path}: there is only {' and '.join(image.held)}"
        )
    return _color_bytes(plane, path) if kind == "color" else _grey_bytes(kind, plane, path)


def write(
    image: RgbdImage,
    color: PathLike | None = None,
    depth: PathLike | None = None,
    *,
    metres: bool = False,
    planes: Mapping[str, PathLike] | None = None,
) -> None:
    """Write the picture's parts to files, each whole or not at all; existing files are replaced.

    Args:
        image: what to write.
        color: `.png`, `.webp` or `.tif` (exact), or `.jpg` (quality 95, no chroma subsampling).
        depth: `.png`, `.tif` or `.npy`, 16 bits in steps of the image's unit, holes as 0.
        metres: write depth as float32 metres instead, to `.npy` or `.tif`; `read` with depth unit 1
            gives the same steps back.
        planes: further planes by name: `.png`, `.tif` or `.npy`.

    Raises:
        InvalidImageError: the image lacks the part, the suffix is none of these, or two pictures
            have one name.
        OSError: the place cannot be written.
    """
    _refuse_equal(color, depth, *(planes or {}).values())
    files: list[tuple[PathLike, bytes]] = []
    if color is not None:
        if image.color is None:
            raise InvalidImageError(f"no color to write to {os.fspath(color)}: there is only depth")
        files.append((color, _color_bytes(image.color, Path(color))))
    if depth is not None:
        if image.depth is None:
            raise InvalidImageError(f"no depth to write to {os.fspath(depth)}: there is only color")
        files.append(
            (depth, _grey_bytes("depth", _as_metres(image) if metres else image.depth, Path(depth)))
        )
    for name, file in (planes or {}).items():
        files.append((file, picture_bytes(image, name, Path(file))))
    for path, data in files:
        write_file(path, data)


def _refuse_equal(*paths: PathLike | None) -> None:
    """Refuse one name for two pictures, of which only one would be there."""
    places: set[str] = set()
    for path in paths:
        if path is None:
            continue
        place = os.path.realpath(path)
        if place in places:
            raise InvalidImageError(f"{os.fspath(path)} is named for two pictures")
        places.add(place)


@dataclass(frozen=True)
class _Plane:
    """Decoded pixels as stored, and how EXIF wants them turned."""

    pixels: np.ndarray
    orientation: int = UPRIGHT
    notes: tuple[Note, ...] = ()
    jpeg: bytes | None = None  # the file, where it is one

    def turned(self, *notes: Note) -> _Plane:
        pixels = turn(self.pixels, self.orientation)
        return replace(self, pixels=pixels, orientation=UPRIGHT, notes=(*self.notes, *notes))

    def as_stored(self, *notes: Note) -> _Plane:
        return replace(self, orientation=UPRIGHT, notes=(*self.notes, *notes))


def _camera(given: Intrinsics | Sequence[float] | np.ndarray | None) -> Intrinsics | None:
    if given is None or isinstance(given, Intrinsics):
        return given
    numbers = np.asarray(given, np.float64)
    if numbers.shape == (3, 3):
        numbers = numbers[[0, 1, 0, 1], [0, 1, 2, 2]]
    if numbers.shape != (4,):
        raise InvalidImageError(f"intrinsics are fx, fy, cx, cy; got {numbers.size} numbers")
    return Intrinsics(*map(float, numbers))


def _upright(plane: _Plane, camera: Intrinsics | None) -> tuple[_Plane, Intrinsics | None]:
    """Turn a picture that stands alone, and its camera."""
    height, width = plane.pixels.shape[:2]
    if camera is not None:
        camera = turn_camera(camera, plane.orientation, width, height)
    return plane.turned(), camera


def _side_by_side(color: _Plane, depth: _Plane) -> tuple[_Plane, _Plane]:
    """Leave a pair as it is stored, or turn colour if depth has the turned one's shape alone."""
    if color.orientation == depth.orientation == UPRIGHT:
        return color, depth
    stored = _aspect(color.pixels.shape) == _aspect(depth.pixels.shape)
    upright = _aspect(turn(color.pixels, color.orientation).shape) == _aspect(depth.pixels.shape)
    if depth.orientation == UPRIGHT and upright and not stored:
        return color.turned(Note("colour was turned by its EXIF orientation, as depth is")), depth
    note = Note("the EXIF orientation was left out: colour and depth stay as they are stored")
    return color.as_stored(note), depth.as_stored()


def _aspect(shape: tuple[int, ...]) -> float:
    return round(math.log(shape[0] / shape[1]), 1)


def _read_color(file: File) -> _Plane:
    from .profiles import to_srgb

    with open_picture(file, "color") as picture:
        raw_modes = "".join(str(tile[3]) for tile in getattr(picture, "tile", ()))
        if picture.mode in ("I", "F") or picture.mode.startswith("I;") or ";16" in raw_modes:
            raise InvalidImageError(
                f"color file {file.name} has 16 bits or more per channel; expected 8 "
                "(is it the depth?)"
            )
        if picture.mode not in ("1", "L", "P", "RGB", "RGBA", "LA", "PA", "YCbCr"):
            raise InvalidImageError(
                f"color file {file.name} is {picture.mode}; expected RGB or grey, convert it first"
            )
        opened = decode(picture, file, "color")
        pixels = opened.pixels
        if pixels.has_transparency_data and np.asarray(pixels.convert("RGBA"))[..., 3].min() < 255:
            raise InvalidImageError(
                f"color file {file.name} has transparent pixels; flatten it on a background first"
            )
        rgb, notes = to_srgb(opened, pixels.convert("RGB"))
        jpeg = file.data if picture.format in ("JPEG", "MPO") else None
        return _Plane(np.array(rgb), opened.orientation, notes, jpeg)


def _read_depth(file: File) -> _Plane:
    """Return the numbers as stored, 2-D, integer or float."""
    if file.suffix == ".npy" or file.data[:6] == b"\x93NUMPY":
        return _Plane(_read_npy(file))
    with open_picture(file, "depth") as picture:
        if picture.format in ("JPEG", "MPO", "WEBP"):
            raise InvalidImageError(
                f"depth file {file.name} is {picture.format}, which cannot hold 16 bits; "
                "expected 16-bit PNG, TIFF or .npy"
            )
        if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
            raise InvalidImageError(
                f"depth file {file.name} is {_describe(picture.mode)}; "
                "expected one channel of 16 bits"
            )
        opened = decode(picture, file, "depth")
        return _Plane(np.array(opened.pixels), opened.orientation)


def _read_plane(name: str, file: File) -> np.ndarray:
    """Return a further plane as stored, uint8 or uint16 (h, w)."""
    if file.suffix == ".npy" or file.data[:6] == b"\x93NUMPY":
        return _read_npy(file, name)
    with open_picture(file, name) as picture:
        if picture.mode not in ("L", "P", "I") and not picture.mode.startswith("I;16"):
            raise InvalidImageError(
                f"{name} file {file.name} is {_describe(picture.mode)}; "
                "expected grey of 8 or 16 bits"
            )
        samples = np.array(decode(picture, file, name).pixels)
    if samples.dtype == np.uint8:
        return samples
    return _sixteen_bits(samples, f"{name} file {file.name}")


def _read_npy(file: File, kind: str = "depth") -> np.ndarray:
    name = file.name
    try:
        array = np.load(file.stream(), allow_pickle=False)
    except Exception as error:
        raise InvalidImageError(f"{kind} file {name} cannot be read: {one_line(error)}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        found = getattr(array, "dtype", "an archive")
        raise InvalidImageError(f"{kind} file {name} holds {found}; expected uint16 or float32")
    if array.dtype.itemsize == 1 and kind == "depth":
        raise InvalidImageError(
            f"{kind} file {name} holds {array.dtype}; 8 bits are too few, "
            "expected uint16 or float32"
        )
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2:
        raise InvalidImageError(f"{kind} file {name} has shape {array.shape}; expected (h, w)")
    check_size(f"{kind} file {name}", array.shape[1], array.shape[0])
    return array


def _whole_steps(raw: np.ndarray, unit: float, name: str, step: float | None) -> Steps:
    """Return integers, which are steps already."""
    if step is not None and abs(step / unit - 1) > 1e-9:
        raise InvalidImageError(
            f"depth file {name} holds whole numbers, which are kept: depth step {step:g} m is for "
            f"floats (the unit is {unit:g} m)"
        )
    return Steps(_sixteen_bits(raw, f"depth file {name}"), unit, 0.0, ())


def _sixteen_bits(raw: np.ndarray, what: str) -> np.ndarray:
    """Return integers as uint16.

    Raises:
        InvalidImageError: some do not fit, so that they would become others.
    """
    low, high = int(raw.min()), int(raw.max())
    if low < 0 or high > 65535:
        raise InvalidImageError(f"{what} has values {low}..{high}, not 0..65535")
    return raw.astype(np.uint16)


def _color_bytes(color: np.ndarray, path: Path) -> bytes:
    suffix, out = path.suffix.lower(), io.BytesIO()
    picture = Image.fromarray(color)
    if suffix == ".png":
        picture.save(out, "PNG")
    elif suffix == ".webp":
        picture.save(out, "WEBP", lossless=True, exact=True)
    elif suffix in (".tif", ".tiff"):
        picture.save(out, "TIFF", compression="tiff_adobe_deflate")
    elif suffix in (".jpg", ".jpeg"):
        picture.save(out, "JPEG", quality=95, subsampling=0)
    else:
        raise InvalidImageError(f"color file {path} should end in .png, .webp, .tif or .jpg")
    return out.getvalue()


def _as_metres(image: RgbdImage) -> np.ndarray:
    assert image.depth is not None
    return (image.depth * np.float64(image.depth_unit)).astype(np.float32)


def _grey_bytes(name: str, depth: np.ndarray, path: Path) -> bytes:
    suffix, out = path.suffix.lower(), io.BytesIO()
    if depth.dtype == np.float32 and suffix not in (".npy", ".tif", ".tiff"):
        raise InvalidImageError(f"depth file {path} in metres should end in .npy or .tif")
    if suffix == ".png":
        Image.fromarray(depth).save(out, "PNG")
    elif suffix in (".tif", ".tiff"):
        Image.fromarray(depth).save(out, "TIFF", compression="tiff_adobe_deflate")
    elif suffix == ".npy":
        np.save(out, depth)
    else:
        raise InvalidImageError(f"{name} file {path} should end in .png, .tif or .npy")
    return out.getvalue()


def _describe(mode: str) -> str:
    names = {"L": "8-bit grey", "RGB": "8-bit colour", "RGBA": "8-bit colour", "P": "a palette"}
    return names.get(mode, f"of mode {mode}")
