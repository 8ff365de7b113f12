"""RGB-D pictures in memory and as picture files: units, holes, intrinsics.

A depth of 0 is a hole, everywhere in the package. Sensors also write 65535 for "nothing measured",
so `read` turns 65535, and NaN, infinity and negative numbers of float files, into 0.
"""

from __future__ import annotations

import io
import math
import os
import secrets
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import InvalidImageError

MAX_PIXELS = 1 << 27  # 16384x8192; larger pictures are refused before anything is allocated
MAX_SIDE = 65535
MILLIMETRE = 0.001

_STRIP = 1 << 20  # pixels worked on at a time where whole pictures would need much memory

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


@dataclass(frozen=True, eq=False)
class RgbdImage:
    """A colour picture, a depth map, or both; they may differ in size.

    Attributes:
        color: uint8 (H, W, 3), or None.
        depth: uint16 (h, w) in steps of `depth_unit`, 0 = hole, or None.
        depth_unit: metres per step.
        intrinsics: of the camera both are seen from, or None if unknown.

    Raises:
        InvalidImageError: both are missing, or a shape, dtype, size or unit is not as above.
    """

    color: np.ndarray | None = None
    depth: np.ndarray | None = None
    depth_unit: float = MILLIMETRE
    intrinsics: Intrinsics | None = None

    def __post_init__(self) -> None:
        if self.color is None and self.depth is None:
            raise InvalidImageError("an image needs color, depth or both; got neither")
        if self.color is not None:
            _check_array("color", self.color, np.uint8, 3)
            if self.color.shape[2] != 3:
                raise InvalidImageError(f"color has {self.color.shape[2]} channels; expected 3")
        if self.depth is not None:
            _check_array("depth", self.depth, np.uint16, 2)
        _check_unit(self.depth_unit)


def read(
    color: PathLike | None = None,
    depth: PathLike | None = None,
    *,
    depth_unit: float = MILLIMETRE,
    intrinsics: Intrinsics | Sequence[float] | None = None,
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

    Raises:
        InvalidImageError: a file is missing, is no such picture, or holds what cannot be coded.
    """
    _check_unit(depth_unit)
    if intrinsics is not None and not isinstance(intrinsics, Intrinsics):
        if len(intrinsics) != 4:
            raise InvalidImageError(f"intrinsics are fx, fy, cx, cy; got {len(intrinsics)} numbers")
        intrinsics = Intrinsics(*map(float, intrinsics))
    rgb = None if color is None else _read_color(Path(color))
    steps = None
    if depth is not None:
        steps, depth_unit = _to_steps(_read_depth(Path(depth)), depth_unit, os.fspath(depth))
    return RgbdImage(rgb, steps, depth_unit, intrinsics)


def write(image: RgbdImage, color: PathLike | None = None, depth: PathLike | None = None) -> None:
    """Write the picture's parts to files, each whole or not at all; existing files are replaced.

    Args:
        image: what to write.
        color: `.png`, `.webp` or `.tif` (exact), or `.jpg` (quality 95, no chroma subsampling).
        depth: `.png`, `.tif` or `.npy`, 16 bits, holes as 0.

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
        files.append((depth, _depth_bytes(image.depth, Path(depth))))
    for path, data in files:
        write_file(path, data)


def write_file(path: PathLike, data: bytes) -> None:
    """Write `data` under a temporary name beside `path`, then rename: never a half-written file.

    A path that exists and is no regular file (a pipe, a device) is written to directly.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        target.write_bytes(data)
        return
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def depth_range(depth: np.ndarray) -> tuple[int, int]:
    """Return the lowest and the highest valid value of a depth map; (65535, 0) if there is none."""
    return int(depth[depth > 0].min(initial=65535)), int(depth.max())


def depth_plane(depth: np.ndarray, low: int, high: int) -> np.ndarray:
    """Map depth, holes filled, to what lossy coders see: float32 (h, w), 0 at low, 1 at high."""
    plane = fill_holes(depth)
    plane -= np.float32(low)
    plane /= np.float32(max(high - low, 1))
    np.clip(plane, 0, 1, out=plane)
    return plane


def fill_holes(depth: np.ndarray) -> np.ndarray:
    """Fill the holes of a depth map smoothly by pull-push (Gortler et al., SIGGRAPH 1996).

    Pull: halve by means over the valid pixels until a side is at most 4. Push: from coarse to
    fine, a hole takes the bilinearly enlarged coarser level.

    Args:
        depth: uint16 (h, w), 0 = hole.

    Returns:
        float32 (h, w); valid pixels are untouched. All 0 if there is no valid pixel.
    """
    filled = depth.astype(np.float32)
    holes = depth == 0
    if not holes.any() or holes.all():
        return filled
    levels = [(filled, holes)]
    while min(levels[-1][0].shape) > 4 or (levels[-1][1].any() and max(levels[-1][0].shape) > 1):
        levels.append(_halve(*levels[-1]))
    for (fine, holes), (coarse, _) in zip(levels[-2::-1], levels[:0:-1], strict=True):
        _fill_from(fine, holes, coarse)
    return filled


def _halve(values: np.ndarray, holes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means over the valid pixels of each 2x2 block, and which blocks have none."""
    odd = [(0, side % 2) for side in values.shape]
    if any(pad for _, pad in odd):
        values = np.pad(values, odd)
        holes = np.pad(holes, odd, constant_values=True)
    weight = (~holes).view(np.uint8)
    sums = values[0::2] + values[1::2]
    sums = sums[:, 0::2] + sums[:, 1::2]
    count = weight[0::2] + weight[1::2]
    count = count[:, 0::2] + count[:, 1::2]
    return sums / np.maximum(count, 1).astype(np.float32), count == 0


def _fill_from(fine: np.ndarray, holes: np.ndarray, coarse: np.ndarray) -> None:
    """Set the holes of `fine` to the bilinear enlargement of `coarse`, in place, strip by strip."""
    rows = max(1, _STRIP // fine.shape[1])
    for top in range(0, len(fine), rows):
        ys, xs = np.nonzero(holes[top : top + rows])
        ys += top
        y0, x0 = ys >> 1, xs >> 1
        y1 = np.clip(y0 + (ys & 1) * 2 - 1, 0, coarse.shape[0] - 1)
        x1 = np.clip(x0 + (xs & 1) * 2 - 1, 0, coarse.shape[1] - 1)
        near = coarse[y0, x0] * np.float32(0.75) + coarse[y0, x1] * np.float32(0.25)
        far = coarse[y1, x0] * np.float32(0.75) + coarse[y1, x1] * np.float32(0.25)
        fine[ys, xs] = near * np.float32(0.75) + far * np.float32(0.25)


def _check_array(name: str, array: np.ndarray, dtype: type, dims: int) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        found = getattr(array, "dtype", type(array).__name__)
        raise InvalidImageError(f"{name} is {found}; expected a {np.dtype(dtype).name} array")
    if array.ndim != dims:
        expected = "(height, width, 3)" if dims == 3 else "(height, width)"
        raise InvalidImageError(f"{name} has shape {array.shape}; expected {expected}")
    _check_size(name, array.shape[1], array.shape[0])


def _check_size(name: str, width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise InvalidImageError(
            f"{name} is {width}x{height}, outside 1..{MAX_PIXELS} pixels and {MAX_SIDE} a side"
        )


def _check_unit(depth_unit: float) -> None:
    if not (math.isfinite(depth_unit) and 1e-9 <= depth_unit <= 1e3):
        raise InvalidImageError(
            f"depth unit {depth_unit} is not within 1e-9..1000 metres per step (0.001 for mm)"
        )


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
    _check_size(f"{name} file {path}", *picture.size)
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


def _read_npy(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InvalidImageError(f"depth file {path} does not exist") from None
    except Exception as error:
        raise InvalidImageError(f"depth file {path} cannot be read: {_one_line(error)}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        found = getattr(array, "dtype", "an archive")
        raise InvalidImageError(f"depth file {path} holds {found}; expected uint16 or float32")
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2:
        raise InvalidImageError(f"depth file {path} has shape {array.shape}; expected (h, w)")
    _check_size(f"depth file {path}", array.shape[1], array.shape[0])
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


def _depth_bytes(depth: np.ndarray, path: Path) -> bytes:
    suffix, out = path.suffix.lower(), io.BytesIO()
    if suffix == ".png":
        Image.fromarray(depth).save(out, "PNG")
    elif suffix in (".tif", ".tiff"):
        Image.fromarray(depth).save(out, "TIFF", compression="tiff_adobe_deflate")
    elif suffix == ".npy":
        np.save(out, depth)
    else:
        raise InvalidImageError(f"depth file {path} should end in .png, .tif or .npy")
    return out.getvalue()


def _describe(mode: str) -> str:
    names = {"L": "8-bit grey", "RGB": "8-bit colour", "RGBA": "8-bit colour", "P": "a palette"}
    return names.get(mode, f"of mode {mode}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
