"""TUM RGB-D (Sturm et al. 2012): rgb/ and depth/ named by time, matched through their lists.

Layout: `rgb.txt` and `depth.txt` with lines of "seconds file", or `associations.txt` with
"seconds rgb-file seconds depth-file" (either order). Depth is in steps of 0.2 mm (5000 per metre).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ..frame import Intrinsics
from .found import Found, Problem
from .pair import Pair
from .tree import Folder

UNIT = 1 / 5000
APART = 0.02  # seconds colour and depth may be apart, as in the benchmark's own tools
CAMERAS = {  # the benchmark's calibration of its three Kinects
    "freiburg1": Intrinsics(517.3, 516.5, 318.6, 255.3),
    "freiburg2": Intrinsics(520.9, 521.0, 325.1, 249.7),
    "freiburg3": Intrinsics(535.4, 539.2, 320.1, 247.6),
}
_TABLES = ("associations.txt", "association.txt", "associate.txt", "assoc.txt")


def read(folder: Folder) -> Found | None:
    """Return the pairs of a sequence, matched by table or by time."""
    table = next((name for name in _TABLES if name in folder.files), None)
    problems: list[Problem] = []
    if table is not None:
        matched = list(_associated(folder, table, problems))
    elif {"rgb.txt", "depth.txt"} <= set(folder.files):
        colors, depths = _list(folder, "rgb.txt", problems), _list(folder, "depth.txt", problems)
        matched = [(t, colors[t], depths[d]) for t, d in nearest(colors, depths)]
    else:
        return None
    here = set(_relative_files(folder))
    pairs = []
    for time, color, depth in matched:
        missing = [name for name in (color, depth) if _plain(name) not in here]
        for name in missing:
            where = folder.path / (table or ("rgb.txt" if name == color else "depth.txt"))
            problems.append(Problem(folder.path / name, f"listed in {where} but missing"))
        if not missing:
            paths = folder.path / _plain(color), folder.path / _plain(depth)
            pairs.append(Pair(folder.name, f"{time:.6f}", *paths, UNIT, camera(folder.path)))
    return Found("TUM RGB-D", tuple(pairs), tuple(problems))


def nearest(
    colors: Iterable[float], depths: Iterable[float], apart: float = APART
) -> list[tuple[float, float]]:
    """Match two lists of times one to one, closest first, at most `apart` seconds apart."""
    first, second = sorted(colors), sorted(depths)
    near: list[tuple[float, float, float]] = []
    start = 0
    for a in first:
        while start < len(second) and second[start] < a - apart:
            start += 1
        for b in second[start:]:
            if b > a + apart:
                break
            near.append((abs(a - b), a, b))
    taken_a: set[float] = set()
    taken_b: set[float] = set()
    matched = []
    for _, a, b in sorted(near):
        if a not in taken_a and b not in taken_b:
            taken_a.add(a)
            taken_b.add(b)
            matched.append((a, b))
    return sorted(matched)


def camera(path: Path) -> Intrinsics | None:
    """Return the camera that a path's name tells (freiburg1, fr1, ...)."""
    name = str(path).lower()
    for i, known in enumerate(CAMERAS.values(), 1):
        if f"freiburg{i}" in name or f"fr{i}_" in name:
            return known
    return None


def _list(folder: Folder, name: str, problems: list[Problem]) -> dict[float, str]:
    found: dict[float, str] = {}
    for number, words in _rows(folder, name):
        try:
            time, file = float(words[0]), words[1]
        except (ValueError, IndexError):
            problems.append(_bad_line(folder, name, number, "seconds file"))
            continue
        found[time] = file
    return found


def _associated(
    folder: Folder, name: str, problems: list[Problem]
) -> Iterator[tuple[float, str, str]]:
    for number, words in _rows(folder, name):
        try:
            first, a, _, b = float(words[0]), words[1], float(words[2]), words[3]
        except (ValueError, IndexError):
            problems.append(_bad_line(folder, name, number, "seconds file seconds file"))
            continue
        yield (first, b, a) if "depth" in PurePosixPath(a).parts[0].lower() else (first, a, b)


def _rows(folder: Folder, name: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(folder.text(name).splitlines(), 1):
        words = line.replace(",", " ").split()
        if words and not words[0].startswith("#"):
            yield number, words


def _bad_line(folder: Folder, name: str, number: int, expected: str) -> Problem:
    return Problem(folder.path / name, f'line {number} is not "{expected}"')


def _plain(name: str) -> str:
    """Drop "./" and refuse to leave the folder."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in (".", "..", "/"))


def _relative_files(folder: Folder) -> Iterator[str]:
    yield from folder.files
    for name, sub in folder.folders.items():
        for file in sub.files:
            yield f"{name}/{file}"
