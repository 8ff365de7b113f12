"""Writing recordings: frames in, a chunk out for every group of pictures, never going back.

A chunk is written with one call and flushed, so power lost or a killed process costs the group that
was under way and nothing else; the file opens without repair. Live, every frame is a chunk.
"""

from __future__ import annotations

import os
import threading
import time as clock
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..codec import between
from ..container import chunk
from ..container.header import Camera, Value
from ..container.sequence import SequenceWriter
from ..errors import EncodepthError, InvalidImageError, InvalidSettingError
from ..frame import Frame, RgbdImage
from ..learned.models import Models
from ..settings import Settings, number, whole
from .announce import Announced
from .coder import Coder
from .group import GroupEncoder
from .live import ROOM, Running
from .measure import DepthError, error_of

KEY_INTERVAL = 30
MAX_INTERVAL = 1024
MAX_DELAYS = 1 << 14  # that are kept
_NS = 1_000_000_000
_Made = tuple[list[chunk.Frame], chunk.Part, DepthError | None]


class Writer:
    """A recording under way. Use it in a `with` block, or call `close`.

    Frames are coded by threads of its own, `key_interval` at a time or, live, as they come;
    `append` returns at once while there is room for more.

    Args:
        target: a path that does not exist yet, or an object with `write`.
        key_interval: frames of a group of pictures; a reader decodes at most so many for one.
        rate: frames a second, for frames that are appended without a time.
        cameras: modality -> its camera; of images' intrinsics where it is not given.
        metadata: small facts by name.
        like: an image with every plane that frames will have; without it, what the first group has
            is what the recording may have.
        overwrite: whether a file at `target` may be replaced.
        room: frames that may wait to be coded.
        when_full: "wait" for room, or "drop" the frame and count it.
        live: code and write every frame as it comes, at the cost of some bytes: colour does not
            look ahead, depth does not lean on frames before. What the first frame has is then what
            the recording may have, and `key_interval` only says how often a reader can begin.
        jobs: groups coded at a time; the bytes are the same for any number. Live there is one.
        measure: decode every group and keep how far depth is off (`depth_error`).
        model, device: as for `Codec`.
        **settings: as for `Codec.encode`, but targets.

    Attributes:
        frames: appended so far, without those dropped.
        dropped: frames that found no room.
        bytes: written so far.
        delays: seconds from `append` until the frame was in the file, of the last 16384 written.
        depth_error: of all frames written so far, None if it is not measured or there is no depth.

    Raises:
        InvalidSettingError: a setting is out of its range, or has no meaning for recordings.
        EncodepthError: the target exists or cannot be written.
    """

    def __init__(
        self,
        target: Any,
        *,
        key_interval: int = KEY_INTERVAL,
        rate: float | None = None,
        cameras: Mapping[str, Camera] | None = None,
        metadata: Mapping[str, Value] | None = None,
        like: RgbdImage | None = None,
        overwrite: bool = False,
        room: int | None = None,
        when_full: Literal["wait", "drop"] = "wait",
        live: bool = False,
        jobs: int = 1,
        measure: bool = False,
        model: str = "base",
        device: str = "auto",
        **settings: Any,
    ) -> None:
        self._settings = Settings.of(**settings)
        if self._settings.target_bytes or self._settings.target_rmse:
            raise InvalidSettingError("recordings have no targets of bytes or error yet")
        key_interval = whole("key_interval", key_interval, 1, MAX_INTERVAL)
        jobs = whole("jobs", jobs, 1)
        if room is not None:
            room = whole("room", room, 0)
        if rate is not None and not 0.001 <= number("rate", rate) <= 1e6:
            raise InvalidSettingError(f"rate {rate:g} is not within 0.001..1e6 frames a second")
        if live and jobs > 1:
            raise InvalidSettingError(f"live, but jobs is {jobs}; frames are coded as they come")
        if when_full not in ("wait", "drop"):
            raise InvalidSettingError(f'when_full is "{when_full}"; expected wait or drop')
        self._interval, self._rate = 1 if live else key_interval, rate
        self._running = Running(key_interval) if live else None
        self._cameras, self._metadata = dict(cameras or {}), dict(metadata or {})
        self._models, self._measure = Models(model, device=device), measure
        self._announced, self._begun = Announced(), False
        if like is not None:
            self._begin(like)
        self._pending: list[Frame] = []
        self._came: dict[int, float] = {}
        self.delays: deque[float] = deque(maxlen=MAX_DELAYS)
        self.frames = self.dropped = 0
        self.depth_error: DepthError | None = None
        self._drop = when_full == "drop"
        if room is None:
            room = ROOM if live else (1 + jobs) * key_interval
        self._waiting = threading.Semaphore(room + self._interval)
        self._file, self._own = _open(target, overwrite)
        self._name = target if self._own else getattr(target, "name", "the recording")
        self._out: SequenceWriter | None = None
        self._coder = Coder(self._encode, self._write, self._settle, jobs)
        self._closed = False

    def append(
        self, image: RgbdImage, *, time: int | None = None, pose: np.ndarray | None = None
    ) -> bool:
        """Add a frame; return whether it was taken, which it is unless frames may be dropped.

        Args:
            image: of the sizes, unit and modalities that the first group had, or fewer.
            time: nanoseconds of the recording's clock; from the rate if None.
            pose: camera to world, (4, 4).

        Raises:
            InvalidImageError: the image does not go with those before; the recording goes on.
            InvalidSettingError: there is neither a time nor a rate; a time is no whole number, or a
                pose no 4x4 matrix; or floats rounded to steps break what was asked of depth.
            EncodepthError: an earlier frame could not be written.
        """
        self._check_alive()
        if time is None:
            if self._rate is None:
                raise InvalidSettingError("append needs a time in ns, or the writer a rate")
            time = round((self.frames + self.dropped) * _NS / self._rate)
        time = whole("time", time)
        if pose is not None:
            pose = _as_pose(pose)
        self._begin(image)
        if image.depth is not None:
            bound = self._settings.bound(image.depth_unit, image.rounding)
            self._settings.smoothing(bound)
        self._announced.take(image, self.frames)
        if not self._waiting.acquire(blocking=not self._drop):
            self.dropped += 1
            return False
        self._check_alive()
        self._came[self.frames] = clock.perf_counter()
        image = between(image, self._settings)
        self._pending.append(Frame(image, time, pose, self.frames))
        self.frames += 1
        if len(self._pending) == self._interval:
            self.flush()
        return True

    def flush(self) -> None:
        """Have the frames appended so far coded, as a group of their own; live they are anyway."""
        if self._pending:
            if self._out is None:
                header = self._announced.header(self._cameras, self._rate, self._metadata)
                try:
                    self._out = SequenceWriter(self._file, header)
                except OSError as error:
                    raise _cannot_write(self._name, error) from error
            self._coder.put(self._pending)
            self._pending = []

    @property
    def waiting(self) -> int:
        """Frames that are not written yet."""
        return self.frames - self.written

    @property
    def written(self) -> int:
        """Frames that are in the file."""
        return 0 if self._out is None else self._out.frames

    @property
    def failure(self) -> BaseException | None:
        """What keeps frames from being written, which `append` and `close` raise."""
        return self._coder.failure

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return 0 if self._out is None else self._out.size

    def close(self) -> None:
        """Code what is left, write the index, close the file.

        Raises:
            EncodepthError: something could not be written; whole chunks before it are.
        """
        self._close(self.flush)
        if self._out is None:
            raise InvalidImageError("the recording has no frame")

    def stop(self) -> None:
        """Close without coding what no thread has begun; whole groups before it are written.

        Where there is none, no file is left.

        Raises:
            EncodepthError: something could not be written.
        """
        self._pending = []
        self._close(self._coder.drop)

    def _close(self, before: Any) -> None:
        if self._closed:
            return
        self._closed = True
        before()
        self._coder.close()
        if self._running is not None:
            self._running.close()
        try:
            if self._out is not None and self.failure is None:
                self._out.close()
        except OSError as error:
            raise _cannot_write(self._name, error) from error
        finally:
            if self._own:
                self._file.close()
                if not self.written and Path(self._name).is_file():
                    Path(self._name).unlink()
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
            return
        with suppress(EncodepthError):  # the error under way says more
            self.close()

    def _check_alive(self) -> None:
        if self._closed:
            raise EncodepthError("the recording is closed")
        if self.failure is not None:
            raise self.failure

    def _begin(self, image: RgbdImage) -> None:
        """Check what is asked for against the first image there is."""
        if not self._begun:
            self._settings.check(image.held)
            self._announced.take(image, 0)
            self._begun = True

    def _encode(self, frames: Sequence[Frame]) -> _Made:
        """Code a group; one of several threads at once."""
        images = [frame.image for frame in frames]
        unit = next((i.depth_unit for i in images if i.depth is not None), images[0].depth_unit)
        settings, bound = self._settings, self._settings.max_depth_error
        if bound is not None:  # what rounding floats to steps took of the bound is not there twice
            off = max(image.rounding for image in images)
            settings = replace(settings, max_depth_error=bound - 1000 * off)
        live, part = self._running is not None, chunk.Part.WHOLE
        if self._running is not None:
            part = self._running.next_frame()
        coded = GroupEncoder(settings, self._models, unit, live, self._running).encode(frames)
        assert self._out is not None
        error = None
        if self._measure:
            error = error_of(coded, frames, self._out.header, self._models)
        return coded, part, error

    def _write(self, made: _Made) -> None:
        coded, part, error = made
        assert self._out is not None
        whole = self._out.size
        try:
            self._out.write(coded, part)
        except OSError as error_:
            if self._own:
                with suppress(OSError):
                    self._file.truncate(whole)
            raise _cannot_write(self._name, error_) from error_
        if error is not None:
            self.depth_error = error if self.depth_error is None else self.depth_error + error

    def _settle(self, frames: Sequence[Frame]) -> None:
        now = clock.perf_counter()
        for frame in frames:
            came = self._came.pop(frame.number)
            if frame.number < self.written:
                self.delays.append(now - came)
            self._waiting.release()


@contextmanager
def opened(target: Any, overwrite: bool) -> Iterator[Any]:
    """Open what a recording is written to; a file that is not finished is taken away.

    Raises:
        EncodepthError: it exists or cannot be written.
    """
    file, own = _open(target, overwrite)
    try:
        yield file
    except BaseException as error:
        if own:
            Path(file.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(target, error) from error
        raise
    finally:
        if own:
            file.close()


def _open(target: Any, overwrite: bool) -> tuple[Any, bool]:
    """Return what to write to, and whether it was opened here."""
    if hasattr(target, "write"):
        return target, False
    path = Path(os.path.realpath(target))
    if overwrite and path.is_file():
        path.unlink()  # whoever reads the old one goes on reading it
    device = path.exists() and not path.is_file() and not path.is_dir()
    try:
        return open(path, "wb" if device else "xb", buffering=0), True
    except FileExistsError:
        raise EncodepthError(f"{path} exists; use overwrite=True or another name") from None
    except OSError as error:
        raise _cannot_write(path, error) from None


def _as_pose(pose: Any) -> np.ndarray:
    matrix = np.asarray(pose, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InvalidSettingError(
            f"pose is {matrix.shape}; expected a 4x4 matrix of finite numbers, camera to world"
        )
    return matrix


def _cannot_write(name: object, error: OSError) -> EncodepthError:
    return EncodepthError(f"cannot write {name}: {(error.strerror or str(error)).lower()}")
