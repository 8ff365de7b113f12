"""LeRobot datasets for `encode DATASET --out-dir OUT`, each episode a recording, and back."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .jobs import Job, Notes, Outcome, Progress, failed
from .many import make_folder, sum_line
from .shared import explain

if TYPE_CHECKING:
    from ..io.lerobot import LeRobot
    from .many import Batch


class _Task(NamedTuple):
    """A view of an episode, by their places in the dataset."""

    episode: int
    view: int


class _Kept(NamedTuple):
    """What a worker keeps between episodes."""

    data: LeRobot
    folder: Path
    batch: Batch


def encode(path: Path, folder: Path, batch: Batch, camera: Any) -> int:
    """Encode a dataset; return the exit status.

    Raises:
        EncodepthError: it cannot be read, or the folder cannot be written.
        click.UsageError: cores are asked for where an episode has one.
    """
    from ..frame import Intrinsics
    from ..io.lerobot import open_lerobot
    from ..io.lerobot_write import prepare

    if batch.ray is not None and batch.jobs > 1:
        raise click.UsageError("-j goes without --ray for LeRobot: an episode has one core there")
    data = open_lerobot(path, intrinsics=None if camera is None else Intrinsics(*camera))
    if not batch.quiet:
        _describe(data)
    make_folder(folder)
    prepare(data, folder, batch.settings, force=batch.force)
    tasks = [_Task(e, v) for e in range(len(data.episodes)) for v in range(len(data.views))]
    progress, notes, size = Progress(len(tasks), batch.quiet), Notes(), 0
    job = Job(partial(_Kept, data, folder, batch), _record, batch.jobs, batch.ray)
    for task, outcome in job.run(tasks):
        name = f"{path}: episode {task.episode} of {data.views[task.view].name}"
        progress.step(outcome, name)
        if outcome.said is not None:
            notes.merge(outcome.said["notes"])
        size += outcome.size
        if batch.as_json and outcome.said is not None:
            progress.clear()
            click.echo(json.dumps(outcome.said))
        if outcome.ends or (batch.stop and outcome.error is not None):
            progress.ended = True
            break
    progress.clear()
    if not batch.quiet:
        notes.say()
        click.echo(sum_line(progress, f"{size:,} bytes in {folder}", "recordings"), err=True)
    return 1 if progress.failed else 0


def decode(path: str, folder: Path, *, force: bool, quiet: bool) -> int:
    """Write the dataset that a folder of recordings was made of; return the exit status.

    Raises:
        EncodepthError: a recording is missing or damaged, or the folder cannot be written.
    """
    from ..io.lerobot import open_lerobot
    from ..io.lerobot_back import restore

    data = open_lerobot(path)
    frames = sum(int(row["length"]) for row in data.episodes)
    progress = Progress(frames * sum(len(view.planes) for view in data.views), quiet)
    restore(path, folder, tell=lambda _: progress.step(Outcome()), force=force)
    progress.clear()
    if not quiet:
        for view in data.views:
            for plane in view.planes.values():
                how = "pictures, as recorded" if not plane.video else (
                    "video of 12-bit codes" if plane.is_depth else "video, coded again"
                )  # fmt: skip
                click.echo(f"{plane.key}: {how}", err=True)
        click.echo(f"{len(data.episodes):,} episodes of {frames:,} frames in {folder}", err=True)
    return 0


def _describe(data: LeRobot) -> None:
    """Say what the views are, and where unit and camera come from."""
    count = len(data.episodes)
    for view in data.views:
        keys = " and ".join(plane.key for plane in view.planes.values())
        episodes = f"{count:,} episode{'s' * (count > 1)}"
        click.echo(f"{view.name}: {keys}, {episodes}, {data.words(view)}", err=True)
    for problem in data.problems:
        click.echo(f"encodepth: doubtful: {problem}", err=True)


def _record(kept: _Kept, task: _Task) -> Outcome:
    """Write one recording."""
    from ..io.lerobot_write import record_episode

    data, folder, batch = kept
    try:
        made = record_episode(
            data,
            data.views[task.view],
            task.episode,
            folder,
            batch.settings,
            force=batch.force,
            model=batch.model,
            device=batch.device,
        )
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        return failed(error, reason)
    said = {"file": str(made.path), "frames": made.frames, "bytes": made.bytes, "notes": made.notes}
    return Outcome(made.bytes, skipped=made.skipped, said=said)
