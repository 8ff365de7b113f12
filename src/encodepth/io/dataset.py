"""Opens any known dataset: finds out its layout and lists its pairs, reading no picture.

A folder is searched downwards; wherever a layout is recognised its pairs are taken, so a folder of
several datasets, or of many sequences, is a dataset too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from ..errors import EncodepthError
from ..frame import Intrinsics
from . import nyu_v2
from .folder import ALONE, COLOR_ALONE
from .found import Found, How, PairBy, Problem, merged
from .layouts import LAYOUTS
from .pair import ASSUMED, OPTION, Pair
from .tree import Folder, open_tree

_PAIRINGS = ("name", "time", "order")


@dataclass(frozen=True)
class Dataset(Sequence[Pair]):
    """The pairs below a path.

    Attributes:
        path: where they are.
        layouts: what was recognised, without repetition.
        pairs: sequence by sequence.
        problems: what is wrong with names and tables; pictures are checked by `check`.
    """

    path: Path
    layouts: tuple[str, ...]
    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, i: int) -> Pair: ...
    @overload
    def __getitem__(self, i: slice) -> tuple[Pair, ...]: ...
    def __getitem__(self, i: int | slice) -> Pair | tuple[Pair, ...]:
        return self.pairs[i]


def open_dataset(
    path: str | os.PathLike[str],
    *,
    depth_unit: float | None = None,
    intrinsics: Intrinsics | None = None,
    depth_step: float | None = None,
    far: float | None = None,
    pair_by: PairBy | None = None,
    alone: bool = False,
) -> Dataset:
    """List the pairs below a folder, a .zip archive or NYU's labelled .mat file.

    No picture is read. Each pair says where its unit and camera come from (`unit_source`,
    `camera_source`): a file's key, the published convention of a layout, an option. What is not
    known is not guessed: the camera is None; depth counts as millimetres, and a problem says so.
    A sequence is named by its path below `path`.

    Args:
        path: where to look.
        depth_unit: metres per step, instead of what the layout says.
        intrinsics: instead of what the layout says.
        depth_step: metres that float depth is rounded to; None for the finest its range allows.
        far: metres; float depth beyond becomes holes before a step is chosen.
        pair_by: "name", "time" (at most 20 ms apart) or "order", where the layout leaves it open.
        alone: whether a picture whose partner is missing is a pair of one, and no problem.

    Raises:
        EncodepthError: nothing is there that looks like pairs.
    """
    if pair_by is not None and pair_by not in _PAIRINGS:
        raise ValueError(f'pair_by is "{pair_by}"; expected {", ".join(_PAIRINGS)}')
    path, how = Path(path), How(pair_by, alone)
    found = [nyu_v2.read_labelled(path)] if path.suffix == ".mat" else list(_search(path, how))
    found, strays = _without_strays(found)
    pairs = tuple(pair for f in found for pair in f.pairs)
    if not pairs and not any(f.problems for f in found):
        raise EncodepthError(
            f"no pairs of color and depth at {path}; expected color/ and depth/ with equal names,"
            " *_color and *_depth, or a dataset that docs/data.md lists"
        )
    given: dict[str, object] = {}
    if depth_unit is not None:
        given |= {"depth_unit": depth_unit, "unit_source": OPTION}
    if intrinsics is not None:
        given |= {"intrinsics": intrinsics, "camera_source": OPTION}
    if depth_step is not None:
        given |= {"depth_step": depth_step}
    if far is not None:
        given |= {"far": far}
    if given:
        pairs = tuple(replace(pair, **given) for pair in pairs)  # type: ignore[arg-type]
    layouts = tuple(dict.fromkeys(f.layout for f in found if f.layout))
    pairs, doubles = _once(pairs)
    found_wrong = (problem for f in found for problem in f.problems)
    problems = (*found_wrong, *doubles, *strays, *_unknown_unit(path, pairs))
    if depth_unit is not None:
        problems = tuple(p for p in problems if p.fatal or "the depth unit" not in p.message)
    return Dataset(path, layouts, pairs, merged(problems))


def _search(path: Path, how: How) -> Iterator[Found]:
    tree = open_tree(path)
    yield from _below(tree, how)
    left_out = [
        Problem(where, reason, fatal="left out" not in reason)
        for folder in tree.walk()
        for where, reason in folder.left_out
    ]
    if left_out:
        yield Found("", (), tuple(left_out))


def _below(tree: Folder, how: How) -> Iterator[Found]:
    found = next(filter(None, (layout.read(tree, how) for layout in LAYOUTS)), None)
    if found is not None:
        yield found
        if found.layout not in ALONE:  # these hide no pairs below their neighbours
            return
    for name in tree.files:
        if name == "nyu_depth_v2_labeled.mat":
            yield nyu_v2.read_labelled(tree.path / name)
    taken = set() if found is None else {pair.path.parent for pair in found.pairs}
    for sub in tree.folders.values():
        if sub.path not in taken:
            yield from _below(sub, how)


def _once(pairs: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], tuple[Problem, ...]]:
    """Leave out pairs whose sequence and frame another one has."""
    known: dict[tuple[str, str], Pair] = {}
    problems = []
    for pair in pairs:
        first = known.setdefault((pair.sequence, pair.frame), pair)
        if first is not pair:
            problems.append(Problem(pair.path, f"left out: named as {first.path} is"))
    return tuple(known.values()), tuple(problems)


def _without_strays(found: list[Found]) -> tuple[list[Found], tuple[Problem, ...]]:
    """Leave out folders of colour alone where others have depth: they may be anybody's pictures."""
    strays = [f for f in found if f.layout == COLOR_ALONE]
    if len(strays) == len(found):
        return found, ()
    problems = tuple(
        Problem(f.pairs[0].path.parent, "left out: color without depth; name it alone", fatal=False)
        for f in strays
    )
    return [f for f in found if f.layout != COLOR_ALONE], problems


def _unknown_unit(path: Path, pairs: tuple[Pair, ...]) -> tuple[Problem, ...]:
    """Say aloud that a unit is assumed, once for all sequences."""
    unknown = {p.sequence: p for p in pairs if p.unit_source == ASSUMED and p.depth is not None}
    if not unknown:
        return ()
    names = list(unknown)
    where = f'"{names[0]}"' + (f" and {len(names) - 1:,} more sequences" if len(names) > 1 else "")
    message = f"nothing says the depth unit of {where}; taken as 0.001 m a step"
    return (Problem(path, message + " (--depth-unit says otherwise)", fatal=False),)
