"""Folders of pairs into a folder of .rgbd files, for `encodepth encode --out-dir`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EncodepthError
from .shared import check_free, explain, fail, open_codec, save

if TYPE_CHECKING:
    from ..codec import Codec
    from ..io.pair import Pair
    from ..settings import Settings


@dataclass(frozen=True)
class Batch:
    """What all pairs of a call have in common."""

    folder: Path
    settings: Settings
    model: str
    device: str
    force: bool
    jobs: int
    as_json: bool
    quiet: bool
    stop: bool  # at the first failure


def encode_folders(
    paths: Sequence[str], batch: Batch, *, depth_unit: float | None, camera: Any
) -> int:
    """Code every pair below `paths` to FOLDER/SEQUENCE/FRAME.rgbd; return the exit status.

    Raises:
        EncodepthError: a path holds no pairs, or two pairs would have one name.
    """
    from ..frame import Intrinsics
    from ..io.dataset import open_dataset

    intrinsics = None if camera is None else Intrinsics(*camera)
    todo: dict[Path, Pair] = {}
    unusable = 0
    for path in paths:
        found = open_dataset(path, depth_unit=depth_unit, intrinsics=intrinsics)
        for problem in found.problems:
            fail(str(problem) if problem.fatal else f"doubtful: {problem}")
            unusable += problem.fatal
        for pair in found.pairs:
            target = batch.folder / pair.sequence / f"{pair.frame}.rgbd"
            if target in todo:
                raise EncodepthError(
                    f"{target} would hold both {todo[target].color} and {pair.color}"
                )
            todo[target] = pair
    if unusable and batch.stop:
        return 1
    failures = unusable
    total = 0
    for done, (target, outcome) in enumerate(_outcomes(todo, batch), start=1):
        if isinstance(outcome, str):
            fail(f"{todo[target].color}: {outcome}")
            failures += 1
            if batch.stop:
                break
            continue
        total += len(outcome)
        _say(target, outcome, f"[{done}/{len(todo)}] ", batch)
    if not batch.quiet:
        bad = f", {failures} failed" if failures else ""
        click.echo(f"{len(todo)} pairs{bad}, {total:,} bytes in {batch.folder}", err=True)
    return 1 if failures else 0


def _say(target: Path, data: bytes, count: str, batch: Batch) -> None:
    from ..info import inspect
    from .info import summary

    if batch.as_json:
        click.echo(inspect(data, str(target)).json())
    elif not batch.quiet:
        click.echo(count + summary(inspect(data, str(target))), err=True)


def _outcomes(todo: dict[Path, Pair], batch: Batch) -> Iterator[tuple[Path, bytes | str]]:
    """Yield (target, the bytes written or what went wrong) as pairs are done."""
    if batch.jobs == 1:
        codec = open_codec(batch.model, batch.device)
        for target, pair in todo.items():
            yield target, _attempt(codec, target, pair, batch)
        return
    from concurrent.futures import as_completed
    from concurrent.futures.process import BrokenProcessPool

    with _workers(batch) as pool:
        running = {pool.submit(_work, target, pair): target for target, pair in todo.items()}
        for future in as_completed(running):
            try:
                yield running[future], future.result()
            except BrokenProcessPool:
                raise EncodepthError(
                    f"one of {batch.jobs} processes died; perhaps memory ran out, try a smaller -j"
                ) from None


@contextmanager
def _workers(batch: Batch) -> Iterator[Any]:
    """Open a pool of processes; on any way out what has not begun is dropped."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(batch.jobs, get_context("spawn"), _begin, (batch,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


_here: list[tuple[Codec, Batch]] = []  # a worker's own codec


def _begin(batch: Batch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent sees it and ends us
    threads = str(max(1, (os.cpu_count() or 1) // batch.jobs))
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    _here.append((open_codec(batch.model, batch.device), batch))


def _work(target: Path, pair: Pair) -> bytes | str:
    codec, batch = _here[0]
    return _attempt(codec, target, pair, batch)


def _attempt(codec: Codec, target: Path, pair: Pair, batch: Batch) -> bytes | str:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        check_free(target, force=batch.force, sources=(str(pair.color), str(pair.depth)))
        data = codec.code(pair.load(), batch.settings).data
        check_free(target, force=batch.force)
        save(target, data)
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        return reason
    return data
