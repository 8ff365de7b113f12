"""What a reader found in a folder, and how colour and depth files are matched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Literal

from .pair import Pair
from .tree import Folder

COLORS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm")
DEPTHS = (".png", ".tif", ".tiff", ".npy")
PairBy = Literal["name", "time", "order"]
APART = 0.02  # seconds colour and depth may be apart, as in the TUM benchmark's own tools
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file or folder; `fatal` if it makes a pair unusable.

    Attributes:
        path: the file or folder, the first of `count` that have the same fault.
        message: what is wrong.
        fatal: whether a pair is lost by it.
        count: how many files have this fault.
    """

    path: Path
    message: str
    fatal: bool = True
    count: int = 1

    def __str__(self) -> str:
        start = f"{self.path}: "
        text = self.message if str(self.path) in self.message else start + self.message
        return text + (f", and {self.count - 1:,} more like it" if self.count > 1 else "")


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


@dataclass(frozen=True)
class How:
    """What the caller asks of every reader.

    Attributes:
        pair_by: how colour and depth are matched where the layout leaves it open.
        alone: whether a picture without a partner is a pair of one, and no problem; what a
            recording wants.
    """

    pair_by: PairBy | None = None
    alone: bool = False


Reader = Callable[[Folder, How], Found | None]
"""Returns what it found if the folder has its layout, None if it has another one."""

Make = Callable[[str, Path | None, Path | None], Pair]
"""(frame, colour file, depth file) -> the pair."""

Matched = tuple[tuple[Pair, ...], tuple[Problem, ...]]


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


def by_stem(colors: Folder | None, depths: Folder | None, make: Make, how: How) -> Matched:
    """Pair the pictures of two folders, by name without suffix unless `how` says otherwise.

    Names that differ only in leading zeros agree too. Where no name agrees but both folders hold
    one picture, these are a pair. Without one of the folders every picture stands alone.
    """
    problems: list[Problem] = []
    seen = {} if colors is None else _keyed(colors, pictures(colors), problems)
    measured = {} if depths is None else _keyed(depths, pictures(depths, DEPTHS), problems)
    if depths is None or colors is None:
        alone = seen if depths is None else measured
        pairs = [
            make(file.stem, *((file, None) if depths is None else (None, file)))
            for _, file in sorted(alone.items(), key=lambda item: natural(item[0]))
        ]
        return tuple(pairs), tuple(problems)
    pairs_, lonely = by_key(seen, measured, make, how)
    return pairs_, (*problems, *lonely)


def by_key(colors: dict[str, Path], depths: dict[str, Path], make: Make, how: How) -> Matched:
    """Pair files of equal keys, or by order or time as `how` says; the rest are problems."""
    if how.pair_by == "order":
        return _by_order(colors, depths, make)
    if how.pair_by == "time":
        return _by_time(colors, depths, make, how)
    shared = [k for k in colors if k in depths]
    if not shared and len(colors) == len(depths) == 1:
        (color,), (depth,) = colors.values(), depths.values()
        return (make(color.stem, color, depth),), ()
    if not shared and colors and depths:
        return (), (_no_name_agrees(colors, depths),)
    kept = sorted(colors.keys() | depths.keys() if how.alone else shared, key=natural)
    named = {k: colors.get(k) or depths[k] for k in kept}
    pairs = tuple(make(_frame(p, k), colors.get(k), depths.get(k)) for k, p in named.items())
    if how.alone:
        return pairs, ()
    lonely = [Problem(p, "no depth of that name") for k, p in colors.items() if k not in depths]
    lonely += [Problem(p, "no color of that name") for k, p in depths.items() if k not in colors]
    return pairs, tuple(lonely)


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


def time_of(stem: str) -> float | None:
    """Return the seconds that a file's name tells: its last number; ms, us, ns by its length."""
    nanoseconds = nanoseconds_of(stem)
    return None if nanoseconds is None else nanoseconds / 1e9


def nanoseconds_of(stem: str) -> int | None:
    """Return the same in nanoseconds, exactly as the digits say it."""
    numbers = _NUMBER.findall(stem)
    if not numbers:
        return None
    whole = len(numbers[-1].partition(".")[0])
    digits = 0 if whole >= 18 else 3 if whole >= 15 else 6 if whole >= 12 else 9
    return round(Decimal(numbers[-1]).scaleb(digits))


def merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Count files of one folder that have one fault as one problem, where there are many."""
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        message = problem.message.replace(str(problem.path), "*")
        groups.setdefault((problem.path.parent, message, problem.fatal), []).append(problem)
    found: list[Problem] = []
    for group in groups.values():
        if len(group) <= 3:
            found += group
        else:
            first, count = group[0], sum(p.count for p in group)
            found.append(Problem(first.path, first.message, first.fatal, count))
    return tuple(found)


def natural(key: str) -> tuple[int, str]:
    """Sort numbers by value, before other names."""
    return (int(key), "") if key.isascii() and key.isdecimal() else (1 << 62, key)


def _keyed(folder: Folder, names: Iterable[str], problems: list[Problem]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in names:
        key = _key(name)
        if key in found:
            problems.append(
                Problem(folder.path / name, f"left out: {found[key].name} is beside it")
            )
        else:
            found[key] = folder.path / name
    return found


def _by_order(colors: dict[str, Path], depths: dict[str, Path], make: Make) -> Matched:
    if len(colors) != len(depths):
        where = next(iter((*colors.values(), *depths.values()))).parent.parent
        counts = f"{len(colors)} color and {len(depths)} depth pictures"
        return (), (Problem(where, f"{counts}; pairing by order needs equally many"),)
    first, second = (sorted(files, key=_by_number) for files in (colors, depths))
    return tuple(
        make(colors[a].stem, colors[a], depths[b]) for a, b in zip(first, second, strict=True)
    ), ()


def _by_time(colors: dict[str, Path], depths: dict[str, Path], make: Make, how: How) -> Matched:
    problems: list[Problem] = []
    times: list[dict[float, Path]] = []
    for files in (colors, depths):
        known: dict[float, Path] = {}
        for path in files.values():
            time = time_of(path.stem)
            if time is None:
                problems.append(Problem(path, "its name tells no time"))
            else:
                known[time] = path
        times.append(known)
    matched = nearest(times[0], times[1])
    rows: list[tuple[Path, Path | None, Path | None]]
    rows = [(times[0][a], times[0][a], times[1][b]) for a, b in matched]
    taken = {path for _, color, depth in rows for path in (color, depth)}
    if how.alone:
        rows += [(p, p, None) for p in times[0].values() if p not in taken]
        rows += [(p, None, p) for p in times[1].values() if p not in taken]
        rows = sorted(rows, key=lambda row: nanoseconds_of(row[0].stem) or 0)
        return tuple(_timed(make(path.stem, c, d), path) for path, c, d in rows), tuple(problems)
    for known, other in zip(times, ("depth", "color"), strict=True):
        late = f"no {other} within {APART * 1000:g} ms"
        problems += [Problem(p, late) for p in known.values() if p not in taken]
    return tuple(_timed(make(path.stem, c, d), path) for path, c, d in rows), tuple(problems)


def _timed(pair: Pair, named: Path) -> Pair:
    """Return a pair with the time that a file's name tells."""
    return replace(pair, time=time_of(named.stem), time_ns=nanoseconds_of(named.stem))


def _no_name_agrees(colors: dict[str, Path], depths: dict[str, Path]) -> Problem:
    color, depth = next(iter(colors.values())), next(iter(depths.values()))
    return Problem(
        color,
        f"no color picture has the name of a depth picture ({len(colors)} and {len(depths)}: "
        f"{color.name}, {depth.name} ..); pair them by order or time (--pair-by)",
    )


def _by_number(key: str) -> tuple[object, ...]:
    """Sort by every number in a name, texts between them as texts."""
    parts = re.split(r"(\d+)", key)
    return tuple((1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts)


def _key(name: str) -> str:
    stem = PurePath(name).stem
    return stem.lstrip("0") or "0" if stem.isdigit() else stem


def _frame(path: Path, key: str) -> str:
    return path.stem if _key(path.name) == key else key
