"""Folders of pairs into a folder of .rgbd files, for `encodepth encode --out-dir`, and back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EncodepthError
from .jobs import Job, Journal, Notes, Outcome, Progress, failed, write_down
from .shared import Common, check_free, explain, open_codec, save

if TYPE_CHECKING:
    from ..codec import Codec
    from ..frame import RgbdImage
    from ..io.found import PairBy, Problem
    from ..io.pair import Pair
    from ..metrics import DepthError

_SEQUENCES = 20  # that are described one by one
Task = tuple[Path, "Pair"]


@dataclass(frozen=True)
class Batch(Common):
    """What all pairs of a call have in common."""

    folder: Path
    depth_step: float | None = None
    pair_by: PairBy | None = None


def encode_folders(
    paths: Sequence[str], batch: Batch, *, depth_unit: float | None, camera: Any
) -> int:
    """Code every pair below `paths` to FOLDER/SEQUENCE/FRAME.rgbd; return the exit status.

    What an earlier call made of the same data with the same settings is left as it is.

    Raises:
        EncodepthError: a path holds no pairs, or the folder cannot be written.
    """
    todo, problems = _find(paths, batch, depth_unit, camera)
    progress = Progress(len(todo), batch.quiet)
    for problem in problems:
        if problem.fatal:
            progress.fail(str(problem), problem.count)
        elif not batch.quiet:
            click.echo(f"encodepth: doubtful: {problem}", err=True)
    if progress.failed and batch.stop:
        return 1
    if not batch.quiet:
        _describe(todo, batch.folder)
    make_folder(batch.folder)
    journal = Journal(batch.folder)
    job = Job(partial(_start, batch), _encode, batch.jobs)
    total, near, far, notes = 0, 0.0, 0.0, Notes()
    off: DepthError | None = None
    for (_, pair), outcome in _outcomes(job, todo, journal, batch):
        progress.step(outcome, str(pair.path))
        total += outcome.size
        notes.add(outcome.notes)
        near, far = _wider((near, far), outcome.range_m)
        if outcome.off is not None:
            off = outcome.off if off is None else off + outcome.off
        if batch.as_json and outcome.said is not None:
            progress.clear()
            click.echo(outcome.said)
        if outcome.ends or (batch.stop and outcome.error is not None):
            progress.ended = True
            break
    progress.clear()
    if not batch.quiet:
        notes.say()
        if far:
            words = "" if off is None else f", {off.words}"
            click.echo(f"depth {near:.4g} to {far:.4g} m{words}", err=True)
        click.echo(sum_line(progress, f"{total:,} bytes in {batch.folder}", "pairs"), err=True)
    return 1 if progress.failed else 0


def named_apart(paths: Sequence[str]) -> list[str]:
    """Return what to put before names found below each path: as much as tells the paths apart.

    One path needs nothing; several have their own names, with folders above where these are equal.
    """
    if len(paths) == 1:
        return [""]
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(p[-length:]).strip("/").removesuffix(".zip") for p in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return ["/".join(p).strip("/") for p in parts]


def _find(
    paths: Sequence[str], batch: Batch, depth_unit: float | None, camera: Any
) -> tuple[list[Task], list[Problem]]:
    """List the pairs below all paths with where each goes, and what is wrong with names there."""
    from ..frame import Intrinsics
    from ..io.dataset import open_dataset
    from ..io.found import Problem

    intrinsics = None if camera is None else Intrinsics(*camera)
    todo: dict[Path, Pair] = {}
    problems: list[Problem] = []
    for path, before in zip(paths, named_apart(paths), strict=True):
        found = open_dataset(
            path,
            depth_unit=depth_unit,
            intrinsics=intrinsics,
            depth_step=batch.depth_step,
            far=batch.settings.far,
            pair_by=batch.pair_by,
        )
        problems += found.problems
        own = Path(os.path.abspath(path)).name.removesuffix(".zip")
        for pair in found.pairs:
            below = "" if before and pair.sequence == own else pair.sequence
            target = batch.folder / before / below / f"{pair.frame}.rgbd"
            other = todo.setdefault(target, pair)
            if other.path != pair.path:
                problems.append(Problem(pair.path, f"left out: {target} is made of {other.path}"))
    return list(todo.items()), problems


def _describe(todo: Iterable[Task], folder: Path) -> None:
    """Say of each sequence, by where it goes below the folder, whence unit and camera come."""
    from ..io.words import sequence_words

    sequences: dict[str, list[Pair]] = {}
    for target, pair in todo:
        name = target.parent.relative_to(folder).as_posix()
        sequences.setdefault(name, []).append(pair)
    for name, members in list(sequences.items())[:_SEQUENCES]:
        words = sequence_words(members)
        click.echo(f"{name}: {len(members):,} pair{'s' * (len(members) > 1)}, {words}", err=True)
    if len(sequences) > _SEQUENCES:
        click.echo(f"and {len(sequences) - _SEQUENCES:,} more sequences", err=True)


def _outcomes(
    job: Job[tuple[Path, Pair, str]], todo: Iterable[Task], journal: Journal, batch: Batch
) -> Iterator[tuple[Task, Outcome]]:
    """Yield what became of each pair; what was made before is not handed to a worker."""
    settled: list[tuple[Task, Outcome]] = []

    def left() -> Iterator[tuple[Path, Pair, str]]:
        for target, pair in todo:
            key = _key(pair, batch)
            outcome = None if batch.force else _made_before(target, key, journal)
            if outcome is None:
                yield target, pair, key
            else:
                settled.append(((target, pair), outcome))

    for (target, pair, _), outcome in job.run(left()):
        yield from settled
        settled.clear()
        yield (target, pair), outcome
    yield from settled


def _made_before(target: Path, key: str, journal: Journal) -> Outcome | None:
    """Return the outcome of a file that exists, None if it has to be made."""
    if journal.holds(target, key):
        return Outcome(skipped=True)
    if not target.is_file():
        return None
    how = "with other settings or from other data" if journal.knows(target) else "otherwise"
    return Outcome(error=f"{target} exists and was made {how}; use -f to overwrite it")


def _key(pair: Pair, batch: Batch) -> str:
    """Return a hash over all that goes into a file: data, unit, camera, settings, version."""
    from .. import __version__

    facts = (
        [_stat(path) for path in (pair.color, pair.depth)],
        (pair.depth_unit, pair.intrinsics, pair.depth_step, pair.reader.__name__),
        repr(batch.settings),
        (batch.model, __version__),
    )
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _stat(path: Path | None) -> tuple[str, int, int] | None:
    """Return name, length and time of a file, or of the archive it lies in."""
    from ..io.tree import size_of, split

    if path is None:
        return None
    try:
        changed = (split(path)[0] or path).stat().st_mtime_ns
    except OSError:
        changed = 0
    return path.name, size_of(path), changed


def _start(batch: Batch) -> tuple[Codec, Batch]:
    return open_codec(batch.model, batch.device), batch


def _encode(kept: tuple[Codec, Batch], task: tuple[Path, Pair, str]) -> Outcome:
    """Code one pair."""
    (codec, batch), (target, pair, key) = kept, task
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sources = [str(path) for path in (pair.color, pair.depth) if path is not None]
        check_free(target, force=batch.force, sources=sources)
        picture = pair.load()
        coded = codec.code(picture, batch.settings)
        data, picture = coded.data, coded.image
        check_free(target, force=batch.force)
        write_down(batch.folder, target, key, data)
        save(target, data)
        said = None
        if batch.as_json:
            from .info import as_dict

            said = json.dumps(as_dict(str(target), coded))
        off = coded.depth_error
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        return failed(error, reason)
    return Outcome(len(data), notes=picture.notes, range_m=_range(picture), off=off, said=said)


def _range(picture: RgbdImage) -> tuple[float, float]:
    depth = picture.depth
    if depth is None or not depth.any():
        return 0.0, 0.0
    return (
        float(depth[depth > 0].min()) * picture.depth_unit,
        float(depth.max()) * picture.depth_unit,
    )


def _wider(known: tuple[float, float], more: tuple[float, float]) -> tuple[float, float]:
    if not more[1]:
        return known
    return (min(known[0], more[0]) if known[1] else more[0], max(known[1], more[1]))


def make_folder(folder: Path) -> None:
    """Make a folder for what is written.

    Raises:
        EncodepthError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EncodepthError(f"cannot write {folder}: {reason}") from None


def sum_line(progress: Progress, written: str, what: str) -> str:
    """Return the last line of a job: how many files there were, and what became of them."""
    before = f", {progress.skipped:,} made before and left" if progress.skipped else ""
    bad = f", {progress.failed:,} failed" if progress.failed else ""
    early = f", ended after {progress.done:,}" if progress.ended else ""
    return f"{progress.total:,} {what}{early}{before}{bad}, {written}"
