"""Many recordings, for `encodepth encode DATA... --out-dir DIR --recordings`, here or on Ray.

Few are made one after another, each with all processors; many are shared out among processes, or
among the machines of a cluster. What an earlier call made of the same data with the same settings
is left, whichever way it was made: the folder's journal says what is done. Shared out, a recording
gets its name when it is whole, so one whose process died is simply made again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import EncodepthError
from ..files import growing_file
from ..io.origins import Origin, find_origins
from .jobs import (
    SHOWN,
    Job,
    Journal,
    Notes,
    Outcome,
    Progress,
    failed,
    write_down_begun,
    write_down_made,
    write_down_of,
)
from .many import make_folder, named_apart, sum_line
from .recording import Call, key_of, key_with, record_here, record_options, tell_problems
from .shared import explain, fail

if TYPE_CHECKING:
    from ..io.recordings import Opened, Recordable


_MANY = 2  # times as many recordings as processes are shared out


class Task(NamedTuple):
    """What recordings are made of.

    Attributes:
        origin: a bag, an archive, a folder ..
        place: of what is made, without its suffix.
        only: the name of one recording in it; None for all there are.
        begun: whether an earlier call began it and never finished.
    """

    origin: Origin
    place: Path
    only: str | None
    begun: bool = False


@dataclass
class _Kept:
    """What a process keeps between tasks: what is asked, what was made, what was opened last."""

    folder: Path
    call: Call
    journal: Journal
    opened: dict[str, Opened] = field(default_factory=dict)

    def open(self, path: Path) -> Opened:
        """Open what recordings are made of; a dataset of many is listed once."""
        from ..io.recordings import open_recordable

        if str(path) not in self.opened:
            self.opened = {str(path): open_recordable(path, self.call.given)}
        return self.opened[str(path)]

    def targets(self, task: Task, found: Sequence[Recordable]) -> list[tuple[Path, Recordable]]:
        """Return where each recording of a task goes."""
        place = task.place
        if task.only is not None:
            return [(_suffixed(place), one) for one in found if one.name == task.only]
        if len(found) == 1:
            return [(_suffixed(place), found[0])]
        return [(_suffixed(place / one.name), one) for one in found]

    def is_made(self, target: Path, key: str, *, begun: bool) -> bool:
        """Whether a recording is there as it would be made.

        Raises:
            EncodepthError: another one is, and may not be overwritten.
        """
        if not self.call.force and self.journal.holds(target, key):
            return True
        if target.is_file() and not (self.call.force or begun or self.journal.unfinished(target)):
            raise EncodepthError(f"{target} exists and was made otherwise; use -f")
        target.parent.mkdir(parents=True, exist_ok=True)
        return False


def encode_recordings(paths: Sequence[str], folder: Path, call: Call) -> int:
    """Code every sequence at or below `paths` to FOLDER/SEQUENCE.rgbd; return the exit status.

    Raises:
        EncodepthError: a path holds nothing to record, or the folder cannot be written.
    """
    kept = _Kept(folder, call, Journal(folder))
    tasks, bad = _tasks(paths, kept)
    if bad and call.stop:
        return 1
    make_folder(folder)
    if call.ray is not None or (call.jobs > 1 and len(tasks) >= _MANY * call.jobs):
        return max(bad, _shared_out(tasks, kept))
    return max(bad, _one_by_one(tasks, kept))


def _tasks(paths: Sequence[str], kept: _Kept) -> tuple[list[Task], int]:
    """Return what there is to do, and whether something is wrong with it."""
    found: dict[Path, Task] = {}
    bad = 0
    for path, before in zip(paths, named_apart(paths), strict=True):
        origins, problems = find_origins(path)
        tasks = []
        for origin in origins:
            place = kept.folder / before / origin.name
            tasks.append(Task(origin, place, None, kept.journal.unfinished(place)))
        if not origins:
            opened, wrong = kept.open(Path(path))
            problems = [*problems, *wrong]
            own = Path(os.path.abspath(path)).name.removesuffix(".zip")
            for one in opened:
                below = "" if before and one.name == own else one.name
                place = kept.folder / before / below
                tasks.append(Task(Origin(path, one.name, one.stamp()), place, one.name))
        for task in tasks:
            if found.setdefault(task.place, task) is not task:
                other, target = found[task.place].origin.at, _suffixed(task.place)
                fail(f"{path}: {task.origin.name} is left out: {target} is made of {other}")
                bad += 1
        bad += tell_problems(problems, kept.call)
    return [*found.values()], int(bad > 0)


def _one_by_one(tasks: Sequence[Task], kept: _Kept) -> int:
    """Make recordings in this process, with a line for each; return the exit status."""
    call, count, left, bad = kept.call, 0, 0, 0
    for task in tasks:
        made: list[Path] = []
        whole, wrong = _whole_key(task, call), 0
        try:
            done = [] if call.force else kept.journal.made_of(task.place, whole)
            count, left = count + len(done), left + len(done)
            if done:
                continue
            with task.origin.here() as path:
                found, problems = kept.open(path)
                wrong += 0 if task.only is not None else tell_problems(problems, call)
                for target, one in kept.targets(task, found):
                    count += 1
                    key = key_of(one, call, task.origin.stamp)
                    begun = task.begun or kept.journal.unfinished(target)
                    made.append(target)
                    if kept.is_made(target, key, begun=begun):
                        left += 1
                        continue
                    write_down_begun(kept.folder, target)
                    lost = record_here(one, target, replace(call, force=call.force or begun))
                    write_down_made(kept.folder, target, key)
                    wrong += lost
            if task.only is None and not wrong:
                write_down_of(kept.folder, task.place, whole, made)
        except Exception as error:
            reason = explain(error)
            if reason is None:
                raise
            fail(_named(task, kept.folder, reason))
            wrong = 1
        bad += wrong
        if wrong and call.stop:
            break
    if not call.quiet:
        before = f", {left:,} made before and left" if left else ""
        click.echo(f"{count:,} recordings{before} in {kept.folder}", err=True)
    return 1 if bad else 0


class _Row(NamedTuple):
    """A recording that was made, or made before: its file, the key of it, words on unit and camera,
    a line of JSON if that was asked for.
    """

    target: Path
    key: str
    words: str
    json: str


@dataclass
class _Said:
    """What another process has to tell of a task."""

    rows: list[_Row] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    doubts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # the first of them
    lost: int = 0  # frames, or pictures of a dataset


def _shared_out(tasks: Sequence[Task], kept: _Kept) -> int:
    """Make recordings in processes or on a cluster, with one line for all; return the status."""
    call, folder = kept.call, kept.folder
    progress, notes, words, size = Progress(len(tasks), call.quiet), Notes(), _Words(), 0
    own = call if call.ray else replace(call, jobs=1)
    job = Job(partial(_begin, folder, own), _make, call.jobs, call.ray, at_once=True)
    for task in (done for done in tasks if _is_done(done, kept)):
        progress.step(Outcome(skipped=True), task.origin.at)
    for task, outcome in job.run(_handed_out(tasks, kept)):
        said: _Said = outcome.said or _Said()
        for row in said.rows:
            write_down_made(folder, row.target, row.key)
            words.add(str(row.target), row.words)
            if call.as_json and row.json:
                progress.clear()
                click.echo(row.json)
        if task.only is None and outcome.error is None and not said.lost:
            write_down_of(folder, task.place, _whole_key(task, call), [r.target for r in said.rows])
        if outcome.error is not None:
            outcome = outcome._replace(error=_named(task, folder, outcome.error))
        progress.step(outcome)
        for problem in said.problems:
            progress.fail(problem)
        if more := said.lost - len(said.problems):
            progress.fail(f"{task.origin.at}: {more:,} more frames were left out", more)
        notes.merge(said.notes.counted)
        words.doubts += said.doubts
        size += outcome.size
        if outcome.ends or (call.stop and progress.failed):
            progress.ended = True
            break
    progress.clear()
    if not call.quiet:
        words.say()
        notes.say()
        click.echo(sum_line(progress, f"{size:,} bytes in {folder}", "sources"), err=True)
    return 1 if progress.failed else 0


def _is_done(task: Task, kept: _Kept) -> bool:
    if kept.call.force:
        return False
    key = _whole_key(task, kept.call)
    return task.only is None and bool(kept.journal.made_of(task.place, key))


def _handed_out(tasks: Sequence[Task], kept: _Kept) -> Iterator[Task]:
    """Yield what has to be done, written down as begun."""
    for task in tasks:
        if _is_done(task, kept):
            continue
        if task.only is not None:
            begun = kept.journal.unfinished(_suffixed(task.place))
            write_down_begun(kept.folder, _suffixed(task.place))
            yield task._replace(begun=begun)
        else:
            write_down_begun(kept.folder, task.place)
            yield task


@dataclass
class _Words:
    """Where unit and camera come from, each wording once with the first recording that has it."""

    counted: dict[str, tuple[str, int]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    def add(self, name: str, words: str) -> None:
        first, count = self.counted.get(words, (name, 0))
        self.counted[words] = first, count + 1

    def say(self) -> None:
        said = [
            f"{first}{f' and {n - 1:,} more' if n > 1 else ''}: {words}"
            for words, (first, n) in self.counted.items()
            if words
        ]
        said += [f"encodepth: doubtful: {doubt}" for doubt in dict.fromkeys(self.doubts)]
        for line in said[:SHOWN]:
            click.echo(line, err=True)
        if said[SHOWN:]:
            click.echo(f"and {len(said) - SHOWN:,} more such lines", err=True)


def _begin(folder: Path, call: Call) -> _Kept:
    return _Kept(folder, replace(call, quiet=True), Journal(folder))


def _make(kept: _Kept, task: Task) -> Outcome:
    """Make the recordings of one task, each whole or not at all."""
    said, size, skipped = _Said(), 0, True
    try:
        with task.origin.here() as path:
            found, problems = kept.open(path)
            if task.only is None:
                said.problems += [str(p) for p in problems if p.fatal][:SHOWN]
                said.lost += sum(p.count for p in problems if p.fatal)
                said.doubts += [str(p) for p in problems if not p.fatal]
            for target, one in kept.targets(task, found):
                key = key_of(one, kept.call, task.origin.stamp)
                if kept.is_made(target, key, begun=task.begun):
                    said.rows.append(_Row(target, key, "", ""))
                    continue
                skipped = False
                size += _record_apart(one, target, kept.call, key, said)
            said.problems = [task.origin.said(problem, path) for problem in said.problems]
            said.doubts = [task.origin.said(doubt, path) for doubt in said.doubts]
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        reason = _named(task, kept.folder, reason)
        return failed(error, reason)._replace(size=size, said=said)
    return Outcome(size, skipped=skipped, said=said)


def _record_apart(one: Recordable, target: Path, call: Call, key: str, said: _Said) -> int:
    """Make a recording under another name and rename it; return its bytes.

    Raises:
        EncodepthError: there is nothing to record, or it cannot be written.
    """
    from ..sequence.about import inspect_recording
    from ..sequence.recording import record

    which, options = record_options(one, call)
    problems: list[str] = []
    with growing_file(target) as part:
        made = record(
            one.read(which),
            part,
            tell=None if call.stop else lambda error: problems.append(str(error)),
            **(options | {"overwrite": False}),
        )
    shown = inspect_recording(target, str(target)).json() if call.as_json else ""
    said.rows.append(_Row(target, key, one.words, shown))
    said.notes.merge(made.notes)
    room = max(0, SHOWN - len(said.problems))
    said.problems += [f"{target}: {problem}" for problem in problems[:room]]
    said.lost += made.failed
    return made.bytes


def _named(task: Task, folder: Path, reason: str) -> str:
    """Return a failure with the name of what failed before it, unless it has one."""
    known = task.origin.at in reason or f"{folder}{os.sep}" in reason
    return reason if known else f"{task.origin.at}: {reason}"


def _whole_key(task: Task, call: Call) -> str:
    """Return a hash over all that goes into the recordings of a task, as far as is known before."""
    return key_with(call, task.origin.stamp, repr(call.given))


def _suffixed(place: Path) -> Path:
    return place.with_name(place.name + ".rgbd")
