"""RGB-D pictures as picture files: PNG, JPEG, WebP, TIFF, .npy in and out.

A depth of 0 is a hole. Sensors also write 65535 for "nothing measured",
so `read` turns 65535, and NaN, infinity and negative numbers of float files, into 0.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import InvalidImageError
from ..files import write_file
from ..frame import MAX_PIXELS, MILLIMETRE, Intrinsics, PathLike, RgbdImage, check_size, check_unit


def read(
    color: PathLike | None = None,
    depth: PathLike | None = None,
    *,
    depth_unit: float = MILLIMETRE,
    intrinsics: Intrinsics | Sequence[float] | None = None,
    planes: Mapping[str, PathLike] | None = None,
) -> RgbdImage:
    """Read a picture pair from files.

    Args:
        color: PNG, JPEG, WebP or TIFF with 8 bits per channel: RGB, grey, palette, or with an
            alpha channel that is opaque everywhere. An EXIF orientation is applied.
        depth: 16-bit PNG or TIFF, float32 TIFF, or `.npy` (integers or floats).
        depth_unit: metres per 1 of the numbers in the depth file: 0.001 for millimetres, 0.0002
            for TUM, 1.0 for float metres. Floats are rounded to whole steps of `depth_unit`, or of
            a millimetre where `depth_unit` is larger; the result's unit is that step.
        intrinsics: fx, fy, cx, cy in pixels.
        planes: further planes by name, grey files of 8 or 16 bits; every sample is kept.

    Raises:
        InvalidImageError: a file is missing, is no such picture, or holds what cannot be coded.
    """
    check_unit(depth_unit)
    if intrinsics is not None and not isinstance(intrinsics, Intrinsics):
        if len(intrinsics) != 4:
            raise InvalidImageError(f"intrinsics are fx, fy, cx, cy; got {len(intrinsics)} numbers")
        intrinsics = Intrinsics(*map(float, intrinsics))
    rgb = None if color is None else _read_color(Path(color))
    steps = None
    if depth is not None:
        steps, depth_unit = _to_steps(_read_depth(Path(depth)), depth_unit, os.fspath(depth))
    further = {name: _read_plane(name, Path(file)) for name, file in (planes or {}).items()}
    return RgbdImage(rgb, steps, depth_unit, intrinsics, further)


def write(
    image: RgbdImage,
    color: PathLike | None = None,
    depth: PathLike | None = None,
    *,
    planes: Mapping[str, PathLike] | None = None,
) -> None:
    """Write the picture's parts to files, each whole or not at all; existing files are replaced.

    Args:
        image: what to write.
        color: `.png`, `.webp` or `.tif` (exact), or `.jpg` (quality 95, no chroma subsampling).
        depth: `.png`, `.tif` or `.npy`, 16 bits, holes as 0.
        planes: further planes by name: `.png`, `.tif` or `.npy`.

    Raises:
        InvalidImageError: the image lacks the part, or the suffix is none of these.
        OSError: the place cannot be written.
    """
    files: list[tuple[PathLike, bytes]] = []
    if color is not None:
        if image.color is None:
            raise InvalidImageError(f"no color to write to {os.fspath(color)}: there is only depth")
        files.append((color, _color_bytes(image.color, Path(color))))
    if depth is not None:
        if image.depth is None:
            raise InvalidImageError(f"no depth to write to {os.fspath(depth)}: there is only color")
        files.append((depth, _grey_bytes("depth", image.depth, Path(depth))))
    for name, file in (planes or {}).items():
        if name not in image.planes:
            raise InvalidImageError(f"no {name} to write to {os.fspath(file)}")
        files.append((file, _grey_bytes(name, image.planes[name], Path(file))))
    for path, data in files:
        write_file(path, data)


def _open(path: Path, name: str) -> Image.Image:
    """Open a picture file and check its size before its pixels are decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=("PNG", "JPEG", "WEBP", "TIFF"))
    except FileNotFoundError:
        raise InvalidImageError(f"{name} file {path} does not exist") from None
    except Image.DecompressionBombError:
        raise InvalidImageError(f"{name} file {path} is above {MAX_PIXELS} pixels") from None
    except UnidentifiedImageError:
        expected = "PNG, JPEG, WebP or TIFF" if name == "color" else "16-bit PNG, TIFF or .npy"
        raise InvalidImageError(f"{name} file {path} is no {expected} picture") from None
    except IsADirectoryError:
        raise InvalidImageError(f"{name} file {path} is a folder; expected a picture") from None
    except Exception as error:
        raise InvalidImageError(f"{name} file {path} cannot be read: {_one_line(error)}") from None
    check_size(f"{name} file {path}", *picture.size)
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) != 1:
        raise InvalidImageError(
            f"{name} file {path} holds {getattr(picture, 'n_frames', 0)} pictures; expected one"
        )
    return picture


def _pixels(picture: Image.Image, path: Path, name: str) -> Image.Image:
    """Decode the pixels and turn them the way EXIF says."""
    try:
        picture.load()
        return ImageOps.exif_transpose(picture)
    except Exception as error:
        raise InvalidImageError(f"{name} file {path} cannot be read: {_one_line(error)}") from None


def _read_color(path: Path) -> np.ndarray:
    with _open(path, "color") as picture:
        raw_modes = "".join(str(tile[3]) for tile in getattr(picture, "tile", ()))
        if picture.mode in ("I", "F") or picture.mode.startswith("I;") or ";16" in raw_modes:
            raise InvalidImageError(
                f"color file {path} has 16 bits or more per channel; expected 8 (is it the depth?)"
            )
        if picture.mode not in ("1", "L", "P", "RGB", "RGBA", "LA", "PA", "YCbCr"):
            raise InvalidImageError(
                f"color file {path} is {picture.mode}; expected RGB or grey, convert it first"
            )
        pixels = _pixels(picture, path, "color")
        if pixels.has_transparency_data and np.asarray(pixels.convert("RGBA"))[..., 3].min() < 255:
            raise InvalidImageError(
                f"color file {path} has transparent pixels; flatten it on a background first"
            )
        return np.array(pixels.convert("RGB"))


def _read_depth(path: Path) -> np.ndarray:
    """Return the numbers as stored, 2-D, integer or float."""
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    with _open(path, "depth") as picture:
        if picture.format in ("JPEG", "MPO", "WEBP"):
            raise InvalidImageError(
                f"depth file {path} is {picture.format}, which cannot hold 16 bits; "
                "expected 16-bit PNG, TIFF or .npy"
            )
        if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
            raise InvalidImageError(
                f"depth file {path} is {_describe(picture.mode)}; expected one channel of 16 bits"
            )
        return np.array(_pixels(picture, path, "depth"))


def _read_plane(name: str, path: Path) -> np.ndarray:
    """Return a further plane as stored, uint8 or uint16 (h, w)."""
    if path.suffix.lower() == ".npy":
        return _read_npy(path, name)
    with _open(path, name) as picture:
        if picture.mode not in ("L", "P", "I") and not picture.mode.startswith("I;16"):
            raise InvalidImageError(
                f"{name} file {path} is {_describe(picture.mode)}; expected grey of 8 or 16 bits"
            )
        samples = np.array(_pixels(picture, path, name))
    return samples if samples.dtype == np.uint8 else samples.astype(np.uint16)


def _read_npy(path: Path, name: str = "depth") -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InvalidImageError(f"{name} file {path} does not exist") from None
    except Exception as error:
        raise InvalidImageError(f"{name} file {path} cannot be read: {_one_line(error)}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        found = getattr(array, "dtype", "an archive")
        raise InvalidImageError(f"{name} file {path} holds {found}; expected uint16 or float32")
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2:
        raise InvalidImageError(f"{name} file {path} has shape {array.shape}; expected (h, w)")
    check_size(f"{name} file {path}", array.shape[1], array.shape[0])
    return np.array(array)


def _to_steps(raw: np.ndarray, unit: float, path: str) -> tuple[np.ndarray, float]:
    """Return (uint16 steps with holes as 0, metres per step)."""
    if raw.dtype.kind in "ui":
        low, high = int(raw.min()), int(raw.max())
        if low < 0 or high > 65535:
            raise InvalidImageError(f"depth file {path} has values {low}..{high}, not 0..65535")
        steps = raw.astype(np.uint16)
        steps[steps == 65535] = 0
        return steps, unit
    step = min(unit, MILLIMETRE)
    valid = np.isfinite(raw) & (raw > 0)
    if not valid.any():
        return np.zeros(raw.shape, np.uint16), step
    top = float(raw[valid].max())
    if unit == MILLIMETRE and top < 100:
        raise InvalidImageError(
            f"depth file {path} holds floats up to {top:.4g}, under 100 mm if millimetres; "
            "for metres say depth unit 1"
        )
    scaled = np.where(valid, raw, 0).astype(np.float64) * (unit / step)
    if top * (unit / step) > 65534.5:
        raise InvalidImageError(
            f"depth file {path} reaches {top * unit:.4g} m; "
            f"16 bits of {step:g} m hold {65534 * step:.4g} m"
        )
    return np.where(valid, np.maximum(np.rint(scaled), 1), 0).astype(np.uint16), step


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


def _grey_bytes(name: str, plane: np.ndarray, path: Path) -> bytes:
    suffix, out = path.suffix.lower(), io.BytesIO()
    if suffix == ".png":
        Image.fromarray(plane).save(out, "PNG")
    elif suffix in (".tif", ".tiff"):
        Image.fromarray(plane).save(out, "TIFF", compression="tiff_adobe_deflate")
    elif suffix == ".npy":
        np.save(out, plane)
    else:
        raise InvalidImageError(f"{name} file {path} should end in .png, .tif or .npy")
    return out.getvalue()


def _describe(mode: str) -> str:
    names = {"L": "8-bit grey", "RGB": "8-bit colour", "RGBA": "8-bit colour", "P": "a palette"}
    return names.get(mode, f"of mode {mode}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
