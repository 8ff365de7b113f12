"""What a reader found in a folder, and how names of colour and depth files are matched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..frame import Intrinsics
from .pair import Pair
from .tree import Folder

COLORS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm")
DEPTHS = (".png", ".tif", ".tiff", ".npy")


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file or folder; `fatal` if it makes a pair unusable."""

    path: Path
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        start = f"{self.path}: "
        return self.message if str(self.path) in self.message else start + self.message


@dataclass(frozen=True)
class Found:
    """The pairs of one folder of a known layout.

    Attributes:
        layout: name of the layout, for people.
        pairs: in order of their frames.
        problems: files without a partner, tables that name missing files.
    """

    layout: str
    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...] = ()


Reader = Callable[[Folder], Found | None]
"""Returns what it found if the folder has its layout, None if it has another one."""


def pictures(folder: Folder, suffixes: Sequence[str] = COLORS) -> list[str]:
    """Return the names of the picture files in a folder."""
    return [name for name in folder.files if PurePath(name).suffix.lower() in suffixes]


def child(folder: Folder, *names: str) -> Folder | None:
    """Return the first subfolder of one of these names, whatever their case."""
    lower = {name.lower(): sub for name, sub in folder.folders.items()}
    return next((lower[name] for name in names if name in lower), None)


def inner(folder: Folder) -> Folder:
    """Step through folders that hold nothing but one folder."""
    while not folder.files and len(folder.folders) == 1:
        (folder,) = folder.folders.values()
    return folder


def by_stem(
    colors: Folder,
    depths: Folder,
    make: Callable[[str, Path, Path], Pair],
) -> tuple[tuple[Pair, ...], tuple[Problem, ...]]:
    """Pair the pictures of two folders whose names without suffix agree.

    Names that differ only in leading zeros agree too. Where no name agrees but both folders hold
    one picture, these are a pair.
    """
    return by_key(
        {_key(name): colors.path / name for name in pictures(colors)},
        {_key(name): depths.path / name for name in pictures(depths, DEPTHS)},
        make,
    )


def by_key(
    colors: dict[str, Path], depths: dict[str, Path], make: Callable[[str, Path, Path], Pair]
) -> tuple[tuple[Pair, ...], tuple[Problem, ...]]:
    """Pair files of equal keys; the rest are problems."""
    shared = sorted((k for k in colors if k in depths), key=_natural)
    if not shared and len(colors) == len(depths) == 1:
        (color,), (depth,) = colors.values(), depths.values()
        return (make(color.stem, color, depth),), ()
    pairs = tuple(make(_frame(colors[k], k), colors[k], depths[k]) for k in shared)
    lonely = [Problem(p, "no depth of that name") for k, p in colors.items() if k not in depths]
    lonely += [Problem(p, "no color of that name") for k, p in depths.items() if k not in colors]
    return pairs, tuple(lonely)


def camera(text: str) -> Intrinsics | None:
    """Return the camera of a 3x3 or 4x4 matrix written row by row, None if it is none."""
    try:
        numbers = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        return None
    if len(numbers) not in (9, 12, 16):
        return None
    row = 3 if len(numbers) == 9 else 4
    fx, cx, fy, cy = numbers[0], numbers[2], numbers[row + 1], numbers[row + 2]
    return Intrinsics(fx, fy, cx, cy) if fx > 0 and fy > 0 else None


def _key(name: str) -> str:
    stem = PurePath(name).stem
    return stem.lstrip("0") or "0" if stem.isdigit() else stem


def _frame(path: Path, key: str) -> str:
    return path.stem if _key(path.name) == key else key


def _natural(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdecimal() else (1 << 62, key)
