"""Measure codecs on frames: in parallel, resumable, one JSON line per result.

    summary = evaluate(["base", "jpeg", "avif"], open_dataset("data/test"), out="test.jsonl")

A run that was stopped goes on where it was: results already in the file are not measured again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

from ..errors import EncodepthError
from ..frame import RgbdImage
from .baselines import reference_times
from .clips import Clip, measure_clip
from .frames import Frame
from .kinds import Measurable, find_codecs
from .records import Record, RecordFile, key, machine_header

_MODALITIES_ALL = ("color", "depth")


@dataclass
class Summary:
    """What a run did: records written, records found from earlier, skips and failures by name."""

    written: int = 0
    found: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
    """One codec on one frame at the settings that are still to be measured."""

    set_name: str
    frame: Frame | Clip
    codec: str  # its name in the records
    spec: str  # what finds it again in another process
    settings: tuple[float, ...]
    modalities: tuple[str, ...]


def evaluate(
    codec_names: Sequence[str],
    frames: Iterable[Frame | Clip],
    qualities: Sequence[float] | None = None,
    *,
    out: str | os.PathLike[str],
    set_name: str = "",
    jobs: int = 1,
    modalities: Sequence[str] = _MODALITIES_ALL,
    progress: bool | None = None,
) -> Summary:
    """Measure every codec on every frame at every setting and add the records to a file.

    Args:
        codec_names: of `find_codecs`, e.g. "base", "jpeg", "webp@15/70" (two settings of it).
        frames: pairs, pictures without depth, or recordings (`clips.find_clips`): a record is then
            of all frames of one.
        qualities: settings for our own models instead of 5, 15, ... 95; conventional codecs keep
            the settings of the anchor records, as theirs mean something else for each.
        out: a JSON-lines file, made or added to.
        set_name: the "set" of the records.
        jobs: processes. Times are most honest with one; each process uses cores // jobs threads.
        modalities: measure "color", "depth" or both; a model codes a pair as one file only
            when both are asked for.
        progress: show a bar on stderr; by default when stderr is a terminal.

    Returns:
        What was done. A frame that fails is named there, and the rest is still measured.

    Raises:
        EncodepthError: an unknown codec, a file that cannot be written, or one that holds
            records of the same codec with other weights.
    """
    summary = Summary()
    codecs = _present(codec_names, qualities, modalities, summary)
    with RecordFile(out) as file:
        for codec, _ in codecs:
            _check_weights(codec, file)
        tasks = list(_tasks(codecs, list(frames), file, set_name, tuple(modalities), summary))
        if tasks:
            file.add(machine_header(jobs=jobs, threads=_threads(jobs)))
        with _bar(len(tasks), progress) as advance:
            for records, failure in _run(tasks, jobs):
                for record in records:
                    if key(record) not in file.done:
                        file.add(record)
                        summary.written += 1
                if failure:
                    summary.failures.append(failure)
                advance()
    return summary


def _present(
    names: Sequence[str],
    qualities: Sequence[float] | None,
    modalities: Sequence[str],
    summary: Summary,
) -> list[tuple[Measurable, tuple[float, ...]]]:
    """Return the codecs that can run here; the others are named in the summary."""
    codecs = []
    for codec, settings in [found for name in names for found in find_codecs(name, qualities)]:
        reason = codec.missing()
        if reason is not None:
            summary.skipped[codec.name] = reason
        elif set(codec.modalities()) & set(modalities):
            codecs.append((codec, settings))
    return codecs


def _check_weights(codec: Measurable, file: RecordFile) -> None:
    if not file.weights.get(codec.name):
        return
    now = codec.weights()
    named = {one for many in file.weights[codec.name] for one in many.split(",")}
    others = named - {now, *_restorers()}
    if others:
        raise EncodepthError(
            f'{file.path} holds records of "{codec.name}" with weights {min(others)}, these are '
            f"{now}; use another file or begin this one anew"
        )


def _restorers() -> set[str]:
    """Return the fingerprints of the networks that restore, which files name beside a model's."""
    from ..codings.restored import WEIGHTS
    from ..learned import open_model

    names = {name for names in WEIGHTS.values() for name in names.values()}
    return {f"{open_model(name).fingerprint:08x}" for name in names}


def _tasks(
    codecs: Sequence[tuple[Measurable, tuple[float, ...]]],
    frames: Sequence[Frame | Clip],
    file: RecordFile,
    set_name: str,
    modalities: tuple[str, ...],
    summary: Summary,
) -> Iterator[_Task]:
    """Yield what is not in the file yet, frame by frame so that codecs meet the same load."""
    for frame in frames:
        for codec, settings in codecs:
            wanted = [m for m in codec.modalities() if m in modalities]
            left = []
            for setting in settings:
                there = [
                    (set_name, frame.sequence, frame.frame, m, codec.name, float(setting))
                    in file.done
                    for m in wanted
                ]
                summary.found += sum(there)
                if not any(there):
                    left.append(setting)
            if left:
                yield _Task(set_name, frame, codec.name, codec.spec, tuple(left), modalities)


def _run(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[list[Record], str]]:
    if jobs <= 1 or len(tasks) < 2:
        yield from map(_measure, tasks)
        return
    # "spawn": a forked copy of a process that runs torch threads may hang
    with ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=_limit_threads,
        initargs=(_threads(jobs),),
    ) as pool:
        waiting: list[Future[tuple[list[Record], str]]] = [pool.submit(_measure, t) for t in tasks]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _measure(task: _Task) -> tuple[list[Record], str]:
    """Measure one task; return its records, and a line that names what failed."""
    head = {
        "set": task.set_name,
        "sequence": task.frame.sequence,
        "frame": task.frame.frame,
    }
    records: list[Record] = []
    try:
        clip = isinstance(task.frame, Clip)
        images = [_keep(image, task.modalities) for image in _load(task.frame)]
        codec = find_codecs(task.spec)[0][0]
        references: dict[str, Record] = {}
        for setting in task.settings:
            made = (
                measure_clip(codec, images, setting) if clip else codec.measure(images[0], setting)
            )
            for measured in made:
                modality = measured["modality"]
                if modality not in references:
                    references[modality] = reference_times(images[0], modality)
                records.append(
                    {
                        **head,
                        "modality": modality,
                        "codec": task.codec,
                        "setting": int(setting) if setting == int(setting) else setting,
                        **measured,
                        **references[modality],
                    }
                )
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return records, f"{task.codec} on {task.frame.sequence}/{task.frame.frame}: {reason}"
    return records, ""


def _load(frame: Frame | Clip) -> list[RgbdImage]:
    return frame.load() if isinstance(frame, Clip) else [frame.load()]


def _keep(image: RgbdImage, modalities: tuple[str, ...]) -> RgbdImage:
    return replace(
        image,
        color=image.color if "color" in modalities else None,
        depth=image.depth if "depth" in modalities else None,
    )


def _threads(jobs: int) -> int:
    return max(1, (os.cpu_count() or 1) // max(jobs, 1))


def _limit_threads(count: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(count)  # read by torch when a codec first imports it


@contextmanager
def _bar(total: int, progress: bool | None) -> Iterator:
    """Give a function that counts one task as done, with a bar on stderr where asked for."""
    if not (sys.stderr.isatty() if progress is None else progress):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
