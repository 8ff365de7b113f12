"""A folder, an archive or a recording into one recording, for `encodepth encode RECORDING`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EncodepthError
from .jobs import Progress, duration
from .options import check, flag
from .shared import PIPE, Common, check_free, fail

if TYPE_CHECKING:
    from ..io.recordings import Given, Read, Recordable
    from ..sequence.recording import Recorded
    from ..settings import Settings

_NAMED = 5  # sequences in one line


@dataclass(frozen=True)
class Call(Common):
    """What all recordings of a call have in common."""

    given: Given
    key_interval: int
    frames: slice
    live: bool
    bitrate: float | None  # Mbit a second that a quality is searched for


class FrameRange(click.ParamType):
    """A:B, frames from A on and before B; either may be missing."""

    name = "range"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> slice:
        if isinstance(value, slice):
            return value
        first, colon, last = str(value).partition(":")
        try:
            if not colon:
                raise ValueError
            return slice(int(first) if first else None, int(last) if last else None)
        except ValueError:
            self.fail(f'"{value}" is not A:B, frames from A on and before B', param, ctx)


def chosen(which: slice, count: int) -> range:
    """Return the numbers of the frames that --frames names.

    Raises:
        EncodepthError: there are none.
    """
    found = range(*which.indices(count))
    if not count:
        raise EncodepthError("there is no whole frame; the file may be cut off")
    if not found:
        first, last = ("" if n is None else n for n in (which.start, which.stop))
        raise EncodepthError(f"--frames {first}:{last} names none of {count:,} frames")
    return found


def encode_recording(path: str, output: str | None, call: Call) -> int:
    """Code one sequence to one file; return the exit status.

    Raises:
        EncodepthError: there are several sequences, the file exists, or cannot be written.
    """
    from ..io.recordings import open_recordable
    from ..io.ros.bag import is_bag

    if call.live and call.jobs > 1:
        raise EncodepthError("--live codes frames as they come, one after another; leave out -j")
    own = Path(os.path.abspath(path))
    name = own.name if own.is_dir() else own.stem
    target = Path(output) if output else own.parent / f"{name}.rgbd"
    if output != PIPE:
        check_free(target, force=call.force, sources=[path])
    found, problems = open_recordable(path, call.given)
    if len(found) > 1:
        names = ", ".join(one.name for one in found[:_NAMED])
        more = f" and {len(found) - _NAMED:,} more" if found[_NAMED:] else ""
        how = "choose one's --depth-topic" if is_bag(path) else "name the folder of one"
        raise EncodepthError(
            f"{path} holds {len(found):,} sequences: {names}{more}; {how}, or "
            "make a recording of each with --out-dir DIR --recordings"
        )
    failed = tell_problems(problems, call)
    if failed and (call.stop or not found):
        return 1
    (one,) = found
    return 1 if record_here(one, PIPE if output == PIPE else target, call) or failed else 0


@dataclass
class _Progress(Progress):
    """Frames a second beside how far it is."""

    written: int = 0

    def line(self, seconds: float) -> str:
        speed = self.written / seconds if seconds else 0.0
        bad = f", {self.failed:,} failed" if self.failed else ""
        line = f"{self.done:,} of {self.total:,} frames{bad}"
        if not speed:
            return f"{line}, the first group is being coded"
        return f"{line}, {speed:.3g} a second, {duration((self.total - self.done) / speed)} left"


def record_options(one: Recordable, call: Call) -> tuple[range, dict[str, Any]]:
    """Return which frames of a sequence are recorded, and the options of `record` for it.

    Raises:
        EncodepthError: there are none, or settings do not go with what it holds.
    """
    which = chosen(call.frames, one.count)
    like = one.like()
    if like is not None:
        check(call.settings, like.held)
    settings = call.settings
    if call.bitrate is not None:
        settings = _for_bitrate(one, which, call, call.bitrate)
    return which, {
        "cameras": one.cameras,
        "metadata": one.metadata,
        "rate": one.rate,
        "jobs": 1 if call.live else call.jobs,
        "key_interval": call.key_interval,
        "like": like,
        "overwrite": call.force,
        "live": call.live,
        "measure": True,
        "model": call.model,
        "device": call.device,
        **vars(settings),
    }


def record_here(one: Recordable, target: Path | str, call: Call) -> int:
    """Code one sequence; return how many frames were left out.

    Raises:
        EncodepthError: there is nothing to record, or it cannot be written.
        KeyboardInterrupt: somebody ended it; what is whole is kept, and that was said.
    """
    from ..io.check import note_words
    from ..sequence.recording import Recorded, record

    if not call.quiet:
        count = len(chosen(call.frames, one.count))
        click.echo(f"{one.name}: {count:,} frames, {one.words}", err=True)
    which, options = record_options(one, call)
    progress = _Progress(len(which), call.quiet)
    seen, found = _Range(), Recorded()

    def step(now: Recorded) -> None:
        nonlocal found
        if now.ending and not call.quiet and now.taken:
            progress.clear()
            fail("ending; what is under way is finished first")
        found = now
        progress.done, progress.written = now.frames + now.failed, now.frames
        progress.draw()

    try:
        made = record(
            seen.of(one.read(which)),
            _sink() if target == PIPE else target,
            progress=step,
            tell=None if call.stop else lambda error: progress.fail(str(error)),
            **options,
        )
    except BaseException:
        progress.clear()
        _say_kept(target, found, len(which))
        raise
    progress.clear()
    _say(target, made, seen, call)
    if call.bitrate is not None and target != PIPE:
        _say_missed(str(target), call.bitrate)
    if not call.quiet:
        for what, (images, pixels) in made.notes.items():
            click.echo(note_words(what, images, pixels), err=True)
        if made.failed:
            fail(f"{made.failed:,} of {made.taken:,} frames were left out")
    return made.failed


def _for_bitrate(one: Recordable, which: range, call: Call, megabits: float) -> Settings:
    """Return the settings with the quality at which groups of the recording have that bitrate.

    Raises:
        EncodepthError: there is none, or the frames to try cannot be read.
    """
    from ..frame import Frame
    from ..sequence.bitrate import sampled, search

    groups = []
    for some in sampled(len(which), call.key_interval):
        read = [f for f in one.read(which[some.start : some.stop]) if isinstance(f, Frame)]
        groups += [read] if read else []
    ends = [f for n in (which[0], which[-1]) for f in one.read(range(n, n + 1))]
    times = [f.time for f in ends if isinstance(f, Frame)]
    if not groups or len(times) < 2 or times[1] <= times[0]:
        raise EncodepthError(f"{one.name}: its first and last frame tell no time to reckon with")
    seconds = (times[1] - times[0]) / 1e9
    wanted = megabits * 1e6 / 8 * seconds / len(which)
    found = search(
        groups, wanted, call.settings, model=call.model, device=call.device, live=call.live
    )
    if not call.quiet:
        rate = found.bytes_per_frame / wanted * megabits
        click.echo(
            f"quality {found.quality}: {rate:.3g} Mbit/s in {found.groups} groups that were tried",
            err=True,
        )
    return replace(call.settings, quality=found.quality)


def _say_missed(target: str, megabits: float) -> None:
    """Say how far the whole is from the bitrate that was asked for, where that is far."""
    from ..sequence.about import inspect_recording
    from ..sequence.bitrate import WITHIN

    off = inspect_recording(target).megabits / megabits - 1
    if abs(off) > WITHIN:
        over = "over" if off > 0 else "under"
        fail(f"{target}: {100 * abs(off):.1f} % {over} the target of {megabits:g} Mbit/s")


@dataclass
class _Range:
    """The range of depth over the frames that pass."""

    near: float = 0.0
    far: float = 0.0

    def of(self, frames: Iterator[Read]) -> Iterator[Read]:
        """Yield frames as they are, looking at each."""
        for frame in frames:
            image = None if isinstance(frame, EncodepthError) else frame.image
            depth = None if image is None else image.depth
            if image is not None and depth is not None and (valid := depth[depth > 0]).size:
                near, far = (float(v) * image.depth_unit for v in (valid.min(), valid.max()))
                self.near = min(self.near, near) if self.far else near
                self.far = max(self.far, far)
            yield frame


def _say(target: Path | str, made: Recorded, seen: _Range, call: Call) -> None:
    """Say what was written: bytes of each part, the error of depth."""
    from ..sequence.about import inspect_recording

    off = {"depth_rmse_mm": made.depth_rmse_mm, "depth_max_error_mm": made.depth_max_mm}
    if target == PIPE:
        line = f"stdout: {made.bytes:,} bytes, {made.frames:,} frames"
    else:
        about = inspect_recording(target, str(target))
        line = about.line()
        if call.as_json:
            click.echo(json.dumps(json.loads(about.json()) | off | {"failed": made.failed}))
    if call.as_json or call.quiet:
        return
    if made.off is not None:
        line += f"; depth {made.off.words}"
        line += f", {seen.near:.4g} to {seen.far:.4g} m" if seen.far else ""
    click.echo(line, err=True)


def _say_kept(target: Path | str, found: Recorded, count: int) -> None:
    """Say what is left of a recording that ended early."""
    if target == PIPE:
        return
    if found.frames:
        fail(f"{target} holds the first {found.frames:,} of {count:,} frames, and is whole")
    elif found.taken:
        fail(f"{target} was not written")


def tell_problems(problems: Sequence[Any], call: Call) -> int:
    """Name what is wrong with the data, and return how much of it costs frames."""
    progress = Progress(0, call.quiet)
    for problem in problems:
        if problem.fatal:
            progress.fail(str(problem), problem.count)
        elif not call.quiet:
            click.echo(f"encodepth: doubtful: {problem}", err=True)
    return progress.failed


def _sink() -> Any:
    if sys.stdout.isatty():
        raise EncodepthError("stdout is a terminal; say -o FILE, or send it to a file or a pipe")
    return sys.stdout.buffer


def key_of(one: Recordable, call: Call, stamp: str) -> str:
    """Return a hash over all that goes into a recording, of which `stamp` is its data's."""
    held = dict(one.cameras), dict(one.metadata)
    return key_with(call, stamp, one.words, one.rate, *held)


def key_with(call: Call, *data: object) -> str:
    """Return a hash over what is asked of recordings, and over what tells their data."""
    from .. import __version__

    facts = (
        data,
        (repr(call.settings), call.key_interval, repr(call.frames), call.live, call.bitrate),
        (call.model, __version__),
    )
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def refuse_targets(settings: Settings) -> None:
    """Refuse what is searched for one picture at a time.

    Raises:
        click.UsageError: names the option.
    """
    for name in ("target_bytes", "target_rmse"):
        if getattr(settings, name) is not None:
            raise click.UsageError(f"{flag(name)} is for single pictures; a recording takes -q")
