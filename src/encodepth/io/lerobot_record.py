"""A LeRobot dataset as what can become recordings: one of each episode and view."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from ..errors import EncodepthError, InvalidSettingError
from ..frame import RgbdImage
from .lerobot import LeRobot, View, open_lerobot
from .recordings import Given, Opened, Read, Recordable


def open_episodes(path: Path, given: Given) -> Opened:
    """Return the episodes of a dataset, view by view.

    Raises:
        EncodepthError: it cannot be read.
        InvalidSettingError: an option is given that the dataset itself answers.
    """
    for name in ("depth_unit", "depth_step", "pair_by", "rate"):
        if getattr(given, name) is not None:
            raise InvalidSettingError(f"{name} has no meaning for LeRobot, which says it itself")
    data = open_lerobot(path, intrinsics=given.intrinsics)
    found = [_one(data, e, view) for e in range(len(data.episodes)) for view in data.views]
    return tuple(found), data.problems


def _one(data: LeRobot, episode: int, view: View) -> Recordable:
    row = data.episodes[episode]
    keys = {f"lerobot.{name}": plane.key for name, plane in view.planes.items()}
    return Recordable(
        f"{view.name}/episode-{row['episode_index']:06d}",
        data.path,
        row["length"],
        partial(_read, data, episode, view),
        data.words(view),
        partial(_first, data, episode, view),
        metadata={"lerobot.episode": row["episode_index"], **keys},
        rate=data.fps,
        stamp=lambda: repr([row, data.info, data.intrinsics]),
    )


def _read(data: LeRobot, episode: int, view: View, which: range) -> Iterator[Read]:
    """Yield frames of a range; damage ends an episode, for its pictures lie in one stream."""
    try:
        yield from islice(data.frames(episode, view), which.start, which.stop, which.step)
    except EncodepthError as error:
        yield error


def _first(data: LeRobot, episode: int, view: View) -> RgbdImage | None:
    try:
        return next(data.frames(episode, view)).image
    except (EncodepthError, StopIteration):
        return None
