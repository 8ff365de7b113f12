"""Datasets that `encodepth encode --out-dir` takes whole: pictures become recordings.

All else is copied. A kind of dataset is a row of `KINDS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..io.lerobot import is_lerobot

if TYPE_CHECKING:
    from .many import Batch


@dataclass(frozen=True)
class Kind:
    """A kind of dataset.

    Attributes:
        name: for messages.
        knows: whether a path is one.
        module: beside this one, with `encode(path, folder, batch, camera) -> exit status`.
    """

    name: str
    knows: Callable[[str], bool]
    module: str


KINDS = (Kind("LeRobot", is_lerobot, "lerobot"),)


def kind_of(paths: Sequence[str]) -> Kind | None:
    """Return the kind of dataset that paths are, None if they are none.

    Raises:
        click.UsageError: they are of several kinds.
    """
    found = {next((kind for kind in KINDS if kind.knows(path)), None) for path in paths}
    if len(found) > 1:
        named = next(kind for kind in found if kind is not None)
        raise click.UsageError(f"a {named.name} dataset and something else; name them apart")
    return found.pop()


def encode_whole(
    kind: Kind, paths: Sequence[str], batch: Batch, *, depth_unit: float | None, camera: Any
) -> int:
    """Encode datasets, each to a folder of its own if there are several; return the exit status.

    Raises:
        click.UsageError: an option is given that the dataset itself answers.
    """
    from .many import named_apart

    for flag, value in (
        ("--depth-unit", depth_unit),
        ("--depth-step", batch.depth_step),
        ("--pair-by", batch.pair_by),
    ):
        if value is not None:
            raise click.UsageError(f"a {kind.name} dataset says for itself what {flag} says")
    encode = importlib.import_module(f".{kind.module}", __package__).encode
    return max(
        encode(Path(path), batch.folder / name, batch, camera)
        for path, name in zip(paths, named_apart(paths), strict=True)
    )
