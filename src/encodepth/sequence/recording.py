"""Frames from anywhere into one recording: what cannot be read is counted, not the end of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ..codec import between
from ..errors import EncodepthError, InvalidImageError
from ..frame import Frame
from ..metrics import DepthError
from ..settings import Settings
from .writer import Writer

_POLL = 0.05  # seconds between looks at what is still being coded


@dataclass
class Recorded:
    """What became of the frames; while recording goes on, so far.

    Attributes:
        frames: in the file.
        failed: left out, because they could not be read or do not fit the others.
        taken: that were looked at.
        bytes: of the file.
        off: how far depth is off over measured pixels; None if that was not measured or there is no
            depth.
        notes: what was changed in images: what -> (images, pixels).
        ending: whether it ends early, and what is under way is being finished.
    """

    frames: int = 0
    failed: int = 0
    taken: int = 0
    bytes: int = 0
    off: DepthError | None = None
    notes: dict[str, tuple[int, int]] = field(default_factory=dict)
    ending: bool = False

    @property
    def depth_rmse_mm(self) -> float | None:
        """The root of the mean squared error of depth in mm, None as `off`."""
        return None if self.off is None else self.off.rmse_mm

    @property
    def depth_max_mm(self) -> float | None:
        """The largest error of depth in mm, None as `off`."""
        return None if self.off is None else self.off.max_mm


def record(
    frames: Iterable[Frame | EncodepthError],
    target: Any,
    *,
    progress: Callable[[Recorded], None] | None = None,
    tell: Callable[[EncodepthError], None] | None = None,
    jobs: int = 1,
    key_interval: int = 30,
    **options: Any,
) -> Recorded:
    """Code frames, in their order, into one recording.

    Frames are taken one by one as they are coded, so memory does not grow with their number.
    Whatever ends this early, ctrl-C too, leaves the groups that are finished as a whole recording.

    Args:
        frames: any iterable; `time` in ns of each is kept, `number` is not. An error in place of a
            frame is one that could not be read.
        target: a path that does not exist yet, or an object with `write`.
        progress: called after each frame that was taken, and while the last ones are coded.
        tell: called with the error of each frame that is left out; without it, the first such error
            is raised.
        jobs: groups of frames coded at a time; the bytes are the same for any number.
        key_interval: frames of a group of pictures.
        **options: as for `Writer`: quality, lossless, max_depth_error, effort, cameras, metadata,
            rate, like, overwrite, live, measure ..

    Raises:
        InvalidImageError: there is no frame that could be coded.
        InvalidSettingError: as `Writer`.
        EncodepthError: the target exists, or cannot be written; without `tell`, a frame could not
            be read.
    """
    found = Recorded()
    names = Settings.__dataclass_fields__.keys()
    settings = Settings.of(**{k: v for k, v in options.items() if k in {*names, "coder"}})
    usable = _usable(frames, found, tell)
    first = next(usable, None)  # before anything that is there is overwritten
    if first is None:
        raise InvalidImageError("none of the frames can be read, so there is nothing to record")
    options = {"room": jobs * key_interval, "like": first.image, **options}
    writer = Writer(target, jobs=jobs, key_interval=key_interval, **options)
    _look(writer, found, progress)
    try:
        for frame in chain([first], usable):
            image = between(frame.image, settings)
            try:
                writer.append(image, time=frame.time, pose=frame.pose)
            except InvalidImageError as error:
                _leave_out(error, found, tell)
                continue
            for note in image.notes:
                images, pixels = found.notes.get(note.what, (0, 0))
                found.notes[note.what] = images + 1, pixels + note.pixels
            _look(writer, found, progress)
        writer.flush()
        while writer.waiting and writer.failure is None:
            time.sleep(_POLL)
            _look(writer, found, progress)
        writer.close()
    except BaseException:
        found.ending = True
        _look(writer, found, progress)
        writer.stop()
        raise
    finally:
        _look(writer, found, None)
    return found


def _usable(
    frames: Iterable[Frame | EncodepthError],
    found: Recorded,
    tell: Callable[[EncodepthError], None] | None,
) -> Iterator[Frame]:
    for frame in frames:
        found.taken += 1
        if isinstance(frame, Frame):
            yield frame
        else:
            _leave_out(frame, found, tell)


def _leave_out(
    error: EncodepthError, found: Recorded, tell: Callable[[EncodepthError], None] | None
) -> None:
    if tell is None:
        raise error
    found.failed += 1
    tell(error)


def _look(writer: Writer, found: Recorded, progress: Callable[[Recorded], None] | None) -> None:
    """Bring up to date what is known, and tell it."""
    found.frames, found.bytes = writer.written, writer.bytes
    found.off = writer.depth_error
    if progress is not None:
        progress(found)
