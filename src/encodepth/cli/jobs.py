"""Long jobs over many files: workers, one progress line, failures that are capped and counted.

Whatever the number of files, a few are in memory at a time. What is finished is written down in the
output folder before it gets its name, so that a second call goes on where the first was ended.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import click

from ..errors import EncodepthError
from .compiling import is_said, say_what_compiles
from .shared import fail, written

if TYPE_CHECKING:
    from ..metrics import DepthError

Item = TypeVar("Item")
JOURNAL = ".rgbd-journal"
SHOWN = 20  # failures that are named; the rest are counted
_AHEAD = 4  # items handed out per worker
_OFTEN, _SELDOM = 0.2, 60.0  # seconds between progress lines on a terminal, and elsewhere
_BEGUN = -1  # in place of a size: the file is not finished
_SEVERAL = -2  # what several files were made of
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class Outcome(NamedTuple):
    """What became of one item."""

    size: int = 0  # bytes that were written
    error: str | None = None
    ends: bool = False  # the job: nothing more can be written
    skipped: bool = False
    notes: tuple[Any, ...] = ()
    range_m: tuple[float, float] = (0.0, 0.0)
    off: DepthError | None = None
    said: Any = None  # what the caller wants to know of it


def failed(error: Exception, reason: str) -> Outcome:
    """Return the outcome of an item that failed; a full disk ends the job."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.errno in _FATAL:
            return Outcome(error=reason, ends=True)
        below = below.__cause__ or below.__context__
    return Outcome(error=reason)


@dataclass(frozen=True)
class Job(Generic[Item]):
    """What is done to every item, in one process or several.

    Attributes:
        start: makes what a worker keeps between items, once per process.
        work: (what `start` made, item) -> its outcome. Both travel to other processes.
        jobs: processes; on Ray, cores that an item gets.
        ray: the address of a Ray cluster that does the work, or "local"; None for processes here.
        at_once: whether what is under way in processes here ends when the job is stopped.
    """

    start: Callable[[], Any]
    work: Callable[[Any, Item], Outcome]
    jobs: int = 1
    ray: str | None = None
    at_once: bool = False

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Outcome]]:
        """Yield items with their outcomes as they are done.

        Raises:
            EncodepthError: a process died, or there is no such cluster.
        """
        if self.ray is not None:
            from .cluster import run_on_ray

            yield from run_on_ray(self, self.ray, items)
            return
        if self.jobs == 1:
            kept = self.start()
            for item in items:
                yield item, self.work(kept, item)
            return
        from concurrent.futures import FIRST_COMPLETED, Future, wait
        from concurrent.futures.process import BrokenProcessPool

        left = iter(items)
        with _workers(self) as pool:
            running: dict[Future[Outcome], Item] = {}
            while True:
                for item in islice(left, self.jobs * _AHEAD - len(running)):
                    running[pool.submit(_work, self.work, item)] = item
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    try:
                        yield running.pop(future), future.result()
                    except BrokenProcessPool:
                        raise EncodepthError(
                            f"one of {self.jobs} processes died; perhaps memory ran out, try a "
                            "smaller -j"
                        ) from None


@contextmanager
def _workers(job: Job[Any]) -> Iterator[Any]:
    """Open a pool of processes; on any way out what has not begun is dropped."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import active_children, get_context

    given = (job.start, job.jobs, is_said())
    pool = ProcessPoolExecutor(job.jobs, get_context("spawn"), _begin, given)
    try:
        yield pool
    except BaseException:
        for process in active_children() if job.at_once else ():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_kept: list[Any] = []  # what a worker made at its start


def _begin(start: Callable[[], Any], jobs: int, said: bool) -> None:
    if said:
        say_what_compiles()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent sees it and ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    _kept.append(start())


def _end_with_parent() -> None:
    """Leave when the parent is gone, even killed: nobody would take what is made."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(work: Callable[[Any, Any], Outcome], item: Any) -> Outcome:
    return work(_kept[0], item)


class Journal:
    """What was made in a folder: (file, key of all that went into it, size and last bytes).

    A line is written before a file gets its name, so a file that is there has its line, whenever
    the process was ended. What several files were made of has a line of its own, with all of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[int] = set()
        self._files: set[int] = set()
        self._begun: set[int] = set()
        self._of: dict[int, list[Any]] = {}
        try:
            with open(folder / JOURNAL, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self._take(line)
        except OSError:
            pass

    def holds(self, target: Path, key: str) -> bool:
        """Whether a file was made of the same data in the same way, and is as it was made."""
        found = ending(target)
        return found is not None and hash((_name(target, self._folder), key, *found)) in self._made

    def knows(self, target: Path) -> bool:
        """Whether a file of this name was made, in whatever way."""
        return hash(_name(target, self._folder)) in self._files

    def unfinished(self, target: Path) -> bool:
        """Whether a file of this name was begun, and never finished in whatever way."""
        name = hash(_name(target, self._folder))
        return name in self._begun and name not in self._files

    def made_of(self, origin: Path, key: str) -> list[Path]:
        """Return the files that were made of something, none unless all are as they were made."""
        rows = self._of.get(hash((_name(origin, self._folder), key)), [])
        found = [self._folder / name for name, _, _ in rows]
        whole = all(ending(p) == (size, end) for p, (_, size, end) in zip(found, rows, strict=True))
        return found if whole else []

    def _take(self, line: str) -> None:
        try:
            name, key, size, end = json.loads(line)
        except (ValueError, TypeError):
            return  # the process was killed while it wrote this line
        if size == _SEVERAL:
            self._of[hash((name, key))] = end
            self._files.add(hash(name))
            return
        if size == _BEGUN:
            self._begun.add(hash(name))
            return
        self._made.add(hash((name, key, size, end)))
        self._files.add(hash(name))


def write_down(folder: Path, target: Path, key: str, data: bytes) -> None:
    """Add to a folder's journal what is about to be written.

    Raises:
        EncodepthError: the folder takes no more.
    """
    _add(folder, [_name(target, folder), key, len(data), data[-8:].hex()])


def write_down_begun(folder: Path, target: Path) -> None:
    """Add to a folder's journal that a file is written piece by piece from now on.

    Raises:
        EncodepthError: the folder takes no more.
    """
    _add(folder, [_name(target, folder), "", _BEGUN, ""])


def write_down_made(folder: Path, target: Path, key: str) -> None:
    """Add to a folder's journal a file that is finished.

    Raises:
        EncodepthError: the folder takes no more.
    """
    size, end = ending(target) or (0, "")
    _add(folder, [_name(target, folder), key, size, end])


def write_down_of(folder: Path, origin: Path, key: str, made: Iterable[Path]) -> None:
    """Add to a folder's journal all files that were made of something, and that these are all.

    Raises:
        EncodepthError: the folder takes no more.
    """
    rows = [[_name(path, folder), *(ending(path) or (0, ""))] for path in made]
    _add(folder, [_name(origin, folder), key, _SEVERAL, rows])


def _add(folder: Path, record: list[Any]) -> None:
    line = f"\n{json.dumps(record)}\n".encode()  # a full disk may have cut the line before

    def append() -> None:
        file = os.open(folder / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            left = memoryview(line)
            while left:
                left = left[os.write(file, left) :]
        finally:
            os.close(file)

    written(folder / JOURNAL, append)


def _name(target: Path, folder: Path) -> str:
    return os.path.relpath(target, folder)


def ending(path: Path) -> tuple[int, str] | None:
    """Return a file's length and its last bytes, None if there is no such file."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            return size, file.read().hex()
    except OSError:
        return None


@dataclass
class Progress:
    """One line that tells how far a job is and how long it will take, failures above it.

    On a terminal the line is drawn over; elsewhere one is printed a minute.
    """

    total: int
    quiet: bool
    done: int = 0
    failed: int = 0
    skipped: int = 0
    ended: bool = False  # before everything was tried
    _began: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)
    _drawn: bool = False

    def step(self, outcome: Outcome, name: str = "") -> None:
        """Count an item that is done."""
        self.done += 1
        self.skipped += outcome.skipped
        if outcome.error is not None:
            self.fail(f"{name}: {outcome.error}" if name else outcome.error)
        self.draw()

    def fail(self, message: str, count: int = 1) -> None:
        """Name a failure, or only count it where many were named."""
        if self.failed < SHOWN:
            self.clear()
            fail(message)
        elif self.failed - count < SHOWN:
            self.clear()
            click.echo("encodepth: more failures are counted, not named", err=True)
        self.failed += count

    def clear(self) -> None:
        """Wipe the line, for others to print."""
        if self._drawn:
            wipe()
            self._drawn = False

    def line(self, seconds: float) -> str:
        """Return how far it is after so many seconds."""
        worked = self.done - self.skipped
        left = (self.total - self.done) * seconds / max(worked, 1)
        bad = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.done:,} of {self.total:,}{bad}, {duration(left)} left"

    def draw(self) -> None:
        terminal, now = sys.stderr.isatty(), time.monotonic()
        if self.quiet or now - self._said < (_OFTEN if terminal else _SELDOM):
            return
        self._said = now
        draw(self.line(now - self._began), terminal)
        self._drawn = terminal


@dataclass
class Notes:
    """What was changed in pictures, added up over a job."""

    counted: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, notes: Iterable[Any]) -> None:
        """Add a picture's notes."""
        from ..io.check import count_notes

        count_notes(self.counted, notes)

    def merge(self, counted: Mapping[str, tuple[int, int]]) -> None:
        """Add what was counted elsewhere: what was changed -> (pictures, pixels)."""
        for what, (pictures, pixels) in counted.items():
            before = self.counted.get(what, (0, 0))
            self.counted[what] = before[0] + pictures, before[1] + pixels

    def say(self) -> None:
        """Print a line for each kind of change."""
        from ..io.check import note_words

        for what, (pictures, pixels) in self.counted.items():
            click.echo(note_words(what, pictures, pixels), err=True)


def draw(line: str, terminal: bool) -> None:
    """Print a line on stderr, on a terminal over the one before."""
    click.echo(f"\r{line}\x1b[K" if terminal else line, err=True, nl=not terminal)


def wipe() -> None:
    """Wipe a line that was drawn on a terminal."""
    click.echo("\r\x1b[K", err=True, nl=False)


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
