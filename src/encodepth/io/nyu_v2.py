"""NYU Depth v2 (Silberman et al. 2012): the labelled .mat file, and the raw Kinect folders.

Labelled: HDF5 with images (n, 3, w, h), rawDepths and depths (n, w, h) in metres; rawDepths, which
keeps the holes, is used where it is there. Raw: `r-<seconds>-*.ppm` and `d-<seconds>-*.pgm` in one
folder per scene; depth is the Kinect's byte-swapped 11-bit disparity, and not registered to colour.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import EncodepthError, InvalidImageError
from ..frame import Intrinsics, RgbdImage
from .found import Found, How, Problem, nanoseconds_of, nearest
from .pair import Pair, Source
from .tree import Folder, as_file, read_bytes

COLOR_CAMERA = Intrinsics(518.857901, 519.469611, 325.582449, 253.736166)  # the toolbox's
DEPTH_CAMERA = Intrinsics(582.624482, 582.691032, 313.044759, 238.443897)
FARTHEST = 10.0  # metres; the toolbox clips there, here it is a hole
_SOURCES = (Source("NYU Depth v2's convention"), Source("NYU Depth v2's toolbox"))
_NAME = re.compile(r"^([rd])-(\d+(?:\.\d+)?)-.*\.(ppm|pgm)$")
_PGM = re.compile(rb"^P5(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s")


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of a raw scene, matched by time."""
    times: dict[str, dict[float, str]] = {"r": {}, "d": {}}
    for name in folder.files:
        match = _NAME.match(name)
        if match:
            times[match[1]][float(match[2])] = name
    colors, depths = times["r"], times["d"]
    if not colors or not depths:
        return None
    pairs = tuple(
        Pair(
            folder.sequence(),
            f"{a:.6f}",
            folder.path / colors[a],
            folder.path / depths[b],
            0.001,
            DEPTH_CAMERA,
            read_raw,
            *_SOURCES,
            time=a,
            time_ns=nanoseconds_of(_NAME.match(colors[a])[2]),  # type: ignore[index]
        )
        for a, b in nearest(colors, depths, apart=0.05)
    )
    return Found("NYU Depth v2, raw", pairs)


def read_labelled(path: Path) -> Found:
    """Return the pairs of nyu_depth_v2_labeled.mat.

    Raises:
        EncodepthError: it is not that file, or h5py is not installed.
    """
    file = _open(path)
    images, depths = file.get("images"), file.get("rawDepths", file.get("depths"))
    if images is None or depths is None:
        raise EncodepthError(f"{path} holds no images and depths; expected NYU Depth v2, labelled")
    count = min(len(images), len(depths))
    if images.ndim != 4 or depths.ndim != 3 or images.shape[2:] != depths.shape[1:]:
        shapes = f"images {images.shape} and depths {depths.shape}"
        raise EncodepthError(f"{path} holds {shapes}; expected (n, 3, w, h) and (n, w, h)")
    names = _scenes(file, count)
    pairs = tuple(
        Pair(
            names[i], f"{i + 1:04d}", path / "images" / str(i), path / "depths" / str(i), 0.001,
            COLOR_CAMERA, read_record, *_SOURCES,
        )
        for i in range(count)
    )  # fmt: skip
    problems: tuple[Problem, ...] = ()
    if len(images) != len(depths):
        lengths = f"{len(images)} images but {len(depths)} depths"
        problems = (Problem(path, lengths),)
    return Found("NYU Depth v2, labelled", pairs, problems)


def read_record(pair: Pair) -> RgbdImage:
    """Read one pair of the labelled file; metres become whole millimetres."""
    assert pair.color is not None
    file, i = _open(pair.color.parents[1]), int(pair.color.name)
    try:
        color = np.asarray(file["images"][i])
        metres = np.asarray(file["rawDepths" if "rawDepths" in file else "depths"][i])
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InvalidImageError(f"{pair.color} cannot be read: {reason}") from None
    color = np.ascontiguousarray(color.transpose(2, 1, 0).astype(np.uint8))
    return RgbdImage(color, _millimetres(metres.T), 0.001, pair.intrinsics)


def read_raw(pair: Pair) -> RgbdImage:
    """Read a raw pair: swapped bytes, then disparity to metres as the toolbox does."""
    assert pair.color is not None
    assert pair.depth is not None
    try:
        with Image.open(as_file(pair.color), formats=("PPM",)) as picture:
            color = np.asarray(picture.convert("RGB"))
    except InvalidImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InvalidImageError(f"color file {pair.color} cannot be read: {reason}") from None
    disparity = _pgm(pair.depth).astype(np.float64)
    metres = 351.3 / np.where(disparity < 1092, 1092.5 - disparity, np.inf)
    metres[disparity == 0] = 0
    return RgbdImage(color, _millimetres(metres), 0.001, pair.intrinsics)


def _pgm(path: Path) -> np.ndarray:
    data = read_bytes(path)
    match = _PGM.match(data)
    if match is None:
        raise InvalidImageError(f"depth file {path} is no binary PGM picture")
    width, height, most = (int(number) for number in match.groups())
    if most < 256:
        raise InvalidImageError(f"depth file {path} is 8-bit grey; expected 16 bits")
    body = data[match.end() :]
    if len(body) < 2 * width * height or not 0 < width * height <= 1 << 27:
        raise InvalidImageError(
            f"depth file {path} is cut short: {len(body)} bytes of {2 * width * height}"
        )
    return np.frombuffer(body, "<u2", width * height).reshape(height, width)


def _millimetres(metres: np.ndarray) -> np.ndarray:
    valid = np.isfinite(metres) & (metres > 0) & (metres < FARTHEST)
    return np.where(valid, np.rint(np.where(valid, metres, 0) * 1000), 0).astype(np.uint16)


def _scenes(file: Any, count: int) -> list[str]:
    """Return the scene of each pair; MATLAB keeps texts as references to arrays of letters."""
    try:
        references = np.asarray(file["scenes"]).reshape(-1)[:count]
        names = ["".join(chr(int(c)) for c in np.asarray(file[r]).ravel()) for r in references]
    except (KeyError, ValueError, TypeError, OSError):
        names = []
    names = [re.sub(r"[^\w.-]", "_", name).strip(".") or "labelled" for name in names]
    return names + ["labelled"] * (count - len(names))


def _open(path: Path) -> Any:
    try:
        return _open_once(path, path.stat().st_mtime_ns, os.getpid())
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise EncodepthError(f"{path} does not exist") from None
        raise EncodepthError(f"{path} is no MATLAB 7.3 file (HDF5), or is cut short") from None


@lru_cache(maxsize=4)
def _open_once(path: Path, changed: int, process: int) -> Any:
    try:
        import h5py
    except ModuleNotFoundError:
        raise EncodepthError(f"{path} needs h5py; pip install encodepth[data]") from None
    return h5py.File(path, "r")
