"""TUM RGB-D (Sturm et al. 2012): rgb/ and depth/ named by time, matched through their lists.

Layout: `rgb.txt` and `depth.txt` with lines of "seconds file", or `associations.txt` with
"seconds rgb-file seconds depth-file" (either order). The benchmark's depth is in steps of 0.2 mm
(5000 per metre), but many tools write its lists beside depth in millimetres: only a recording that
bears the benchmark's name has its unit and camera for certain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePosixPath

import numpy as np

from ..frame import Intrinsics
from .beside import Facts, facts_beside
from .found import Found, How, Problem, nearest
from .pair import Pair, Source
from .poses import from_quaternion
from .tree import Folder

UNIT = 1 / 5000
CAMERAS = {  # the benchmark's calibration of its three Kinects
    "1": Intrinsics(517.3, 516.5, 318.6, 255.3),
    "2": Intrinsics(520.9, 521.0, 325.1, 249.7),
    "3": Intrinsics(535.4, 539.2, 320.1, 247.6),
}
_OWN = re.compile(r"rgbd_dataset_freiburg([123])(?:_|$)")
_TABLES = ("associations.txt", "association.txt", "associate.txt", "assoc.txt")
_LISTS = ("rgb.txt", "depth.txt")
Match = tuple["_Stamp", str | None, str | None]  # when, colour file, depth file


class _Stamp(float):
    """Seconds, and in `ns` the same as exactly as the list has it."""

    ns: int

    @classmethod
    def of(cls, text: str) -> _Stamp:
        """Read "1305031102.175304"; raises ValueError where that is no number."""
        stamp = cls(text)
        if not math.isfinite(stamp):
            raise ValueError(text)
        stamp.ns = round(Decimal(text).scaleb(9))
        return stamp


def read(folder: Folder, how: How) -> Found | None:
    """Return the pairs of a sequence, matched by table or by time."""
    table = next((name for name in _TABLES if name in folder.files), None)
    problems: list[Problem] = []
    if table is not None:
        matches = list(_associated(folder, table, problems))
    elif set(_LISTS) <= set(folder.files):
        colors, depths = (_list(folder, name, problems) for name in _LISTS)
        matches = list(_matched(colors, depths, how))
    else:
        return None
    number = _recording(folder)
    facts = _facts(folder, number, lists=table is None)
    pairs = tuple(_pairs(folder, matches, table, facts, problems, how))
    layout = "TUM RGB-D" if number else "lists of times as TUM RGB-D's"
    return Found(layout, pairs, (*problems, *facts.problems))


def _pairs(
    folder: Folder,
    matches: list[Match],
    table: str | None,
    facts: Facts,
    problems: list[Problem],
    how: How,
) -> Iterator[Pair]:
    here = set(_relative_files(folder))
    poses = _poses(folder, [match[0] for match in matches])
    for time, color, depth in matches:
        missing = [name for name in (color, depth) if name and _plain(name) not in here]
        for name in missing:
            where = folder.path / (table or ("rgb.txt" if name == color else "depth.txt"))
            problems.append(Problem(folder.path / name, f"listed in {where} but missing"))
        left = [None if name in missing else name for name in (color, depth)]
        if not missing or (how.alone and any(left)):
            paths = [None if name is None else folder.path / _plain(name) for name in left]
            frame = f"{time:.6f}"
            found = facts.pair(folder.sequence(), frame, *paths, time=time, pose=poses.get(time))
            yield replace(found, time_ns=time.ns)


def _matched(colors: dict[_Stamp, str], depths: dict[_Stamp, str], how: How) -> Iterator[Match]:
    """Yield colour and depth closest in time; with `how.alone` what is left over by itself."""
    stamps = {float(stamp): stamp for stamp in colors}
    pairs = [(stamps[t], d) for t, d in nearest(colors, depths)]
    rows: list[Match] = [(t, colors[t], depths[d]) for t, d in pairs]  # type: ignore[index]
    if how.alone:
        taken = {t for t, _ in pairs}, {d for _, d in pairs}
        rows += [(t, name, None) for t, name in colors.items() if t not in taken[0]]
        rows += [(t, None, name) for t, name in depths.items() if t not in taken[1]]
        rows.sort(key=lambda row: row[0].ns)
    yield from rows


def _recording(folder: Folder) -> str | None:
    """Return the number of the benchmark's Kinect, None if this is not one of its recordings."""
    for part in reversed(folder.path.absolute().parts[-2:]):
        match = _OWN.search(part)
        if match:
            return match[1]
    return None


def _facts(folder: Folder, number: str | None, *, lists: bool) -> Facts:
    """Return what is known; lists alone make the unit doubtful, a table alone leaves it unknown."""
    found = facts_beside(folder)
    if number is not None:
        source = Source("TUM RGB-D's convention")
        return found.or_else(UNIT, source, CAMERAS[number], source)
    if not lists or found.unit is not None:
        return found
    words = "TUM RGB-D's convention, by its lists of times"
    doubt = f"nothing says the depth unit but {words}: {UNIT:g} m (--depth-unit says otherwise)"
    problems = (*found.problems, Problem(folder.path, doubt, fatal=False))
    return Facts(
        UNIT, Source(words, sure=False), found.camera, found.camera_source, problems=problems
    )


def _poses(folder: Folder, times: list[float]) -> dict[float, np.ndarray | None]:
    """Return the pose nearest to each time, at most 20 ms away, of groundtruth.txt."""
    if "groundtruth.txt" not in folder.files:
        return {}
    known: dict[float, np.ndarray | None] = {}
    for _, words in _rows(folder, "groundtruth.txt"):
        try:
            time, *numbers = map(float, words)
            known[time] = from_quaternion(numbers)
        except (ValueError, TypeError):
            continue
    return {a: known[b] for a, b in nearest(times, known)}


def _list(folder: Folder, name: str, problems: list[Problem]) -> dict[_Stamp, str]:
    found: dict[_Stamp, str] = {}
    for number, words in _rows(folder, name):
        try:
            time, file = _Stamp.of(words[0]), words[1]
        except (ValueError, IndexError):
            problems.append(_bad_line(folder, name, number, "seconds file"))
            continue
        found[time] = file
    return found


def _associated(folder: Folder, name: str, problems: list[Problem]) -> Iterator[Match]:
    for number, words in _rows(folder, name):
        try:
            first, a, _, b = _Stamp.of(words[0]), words[1], float(words[2]), words[3]
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
