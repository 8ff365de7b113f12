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
from ..io import folder, icl_nuim, nyu_v2, redwood, scannet, seven_scenes, sun_rgbd, tum
from .found import Found, Problem, Reader
from .pair import Pair
from .tree import Folder, open_tree

READERS: tuple[Reader, ...] = (  # the first that recognises a folder has it
    sun_rgbd.read,
    tum.read,
    seven_scenes.read,
    nyu_v2.read,
    icl_nuim.read,
    redwood.read,
    scannet.read,
    folder.read,
    folder.read_side_by_side,
)


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
) -> Dataset:
    """List the pairs below a folder, a .zip archive or NYU's labelled .mat file.

    Args:
        path: where to look.
        depth_unit: metres per step, instead of what the layout says.
        intrinsics: instead of what the layout says.

    Raises:
        EncodepthError: nothing is there that looks like pairs.
    """
    path = Path(path)
    found = [nyu_v2.read_labelled(path)] if path.suffix == ".mat" else list(_search(path))
    pairs = tuple(pair for f in found for pair in f.pairs)
    if not pairs and not any(f.problems for f in found):
        raise EncodepthError(
            f"no pairs of color and depth at {path}; expected color/ and depth/ with equal names,"
            " *_color and *_depth, or a dataset that docs/data.md lists"
        )
    if depth_unit is not None:
        pairs = tuple(replace(pair, depth_unit=depth_unit) for pair in pairs)
    if intrinsics is not None:
        pairs = tuple(replace(pair, intrinsics=intrinsics) for pair in pairs)
    layouts = tuple(dict.fromkeys(f.layout for f in found))
    return Dataset(path, layouts, pairs, tuple(p for f in found for p in f.problems))


def _search(path: Path) -> Iterator[Found]:
    tree = open_tree(path)
    yield from _below(tree)


def _below(tree: Folder) -> Iterator[Found]:
    for read in READERS:
        found = read(tree)
        if found is not None:
            yield found
            return
    for name in tree.files:
        if name == "nyu_depth_v2_labeled.mat":
            yield nyu_v2.read_labelled(tree.path / name)
    for sub in tree.folders.values():
        yield from _below(sub)
