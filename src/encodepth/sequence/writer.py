"""Writing recordings: frames in, a chunk out for every group of pictures, never going back.

A chunk is written with one call and flushed, so power lost or a killed process costs the group that
was under way and nothing else; the file opens without repair.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..container.header import Camera, Header, Modality, Value
from ..container.sequence import SequenceWriter
from ..errors import EncodepthError, InvalidImageError, InvalidSettingError
from ..frame import Frame, Intrinsics, RgbdImage
from ..modalities import modality
from ..networks.loaded import Loaded
from ..settings import Settings
from .group import GroupEncoder

KEY_INTERVAL = 30
_NS = 1_000_000_000


class Writer:
    """A recording under way. Use it in a `with` block, or call `close`.

    Frames are coded by a thread of its own, `key_interval` at a time; `append` returns at once
    while there is room for more.

    Args:
        target: a path that does not exist yet, or an object with `write`.
        key_interval: frames of a group of pictures; a reader decodes at most so many for one.
        rate: frames a second, for frames that are appended without a time.
        cameras: modality -> its camera; of images' intrinsics where it is not given.
        metadata: small facts by name.
        overwrite: whether a file at `target` may be replaced.
        room: frames that may wait to be coded.
        when_full: "wait" for room, or "drop" the frame and count it.
        live: give every group's bytes out as they come, at the cost of some bytes.
        model, device: as for `Codec`.
        **settings: as for `Codec.encode`, but targets.

    Attributes:
        frames: appended so far, without those dropped.
        dropped: frames that found no room.
        bytes: written so far.

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
        overwrite: bool = False,
        room: int | None = None,
        when_full: Literal["wait", "drop"] = "wait",
        live: bool = False,
        model: str = "base",
        device: str = "auto",
        **settings: Any,
    ) -> None:
        self._settings = Settings.of(**settings)
        if self._settings.target_bytes or self._settings.target_rmse:
            raise InvalidSettingError("recordings have no targets of bytes or error yet")
        if not 1 <= key_interval <= 1024:
            raise InvalidSettingError(f"key_interval {key_interval} is not within 1..1024")
        self._interval, self._rate, self._live = key_interval, rate, live
        self._cameras, self._metadata = dict(cameras or {}), dict(metadata or {})
        self._models = Loaded(model, device)
        self._first: RgbdImage | None = None
        self._pending: list[Frame] = []
        self.frames = self.dropped = 0
        self._drop = when_full == "drop"
        self._room = 2 * key_interval if room is None else room
        self._queue: queue.Queue[list[Frame] | None] = queue.Queue()
        self._waiting = threading.Semaphore(self._room + key_interval)
        self._failure: BaseException | None = None
        self._file, self._own = _open(target, overwrite)
        self._out: SequenceWriter | None = None
        self._thread = threading.Thread(target=self._work, name="encodepth writer", daemon=True)
        self._thread.start()
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
            InvalidImageError: the image does not go with those before.
            InvalidSettingError: there is neither a time nor a rate.
            EncodepthError: an earlier frame could not be written.
        """
        self._check_alive()
        if time is None:
            if self._rate is None:
                raise InvalidSettingError("append needs a time in ns, or the writer a rate")
            time = round((self.frames + self.dropped) * _NS / self._rate)
        self._check(image)
        if not self._waiting.acquire(blocking=not self._drop):
            self.dropped += 1
            return False
        self._check_alive()
        self._pending.append(Frame(image, int(time), pose, self.frames))
        self.frames += 1
        if len(self._pending) == self._interval:
            self._hand_over()
        return True

    @property
    def waiting(self) -> int:
        """Frames that are not written yet."""
        return self.frames - (self._out.frames if self._out is not None else 0)

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return 0 if self._out is None else self._out.size

    def close(self) -> None:
        """Code what is left, write the index, close the file.

        Raises:
            EncodepthError: something could not be written; whole chunks before it are.
        """
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._queue.put(None)
        self._thread.join()
        try:
            if self._out is not None and self._failure is None:
                self._out.close()
        finally:
            if self._own:
                self._file.close()
        if self._failure is not None:
            raise self._failure
        if self._out is None:
            raise InvalidImageError("the recording has no frame")

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
        if self._failure is not None:
            raise self._failure

    def _check(self, image: RgbdImage) -> None:
        """Refuse an image that contradicts the first one."""
        first = self._first
        if first is None:
            self._first = image
            self._settings.check(image.held)
            return
        if image.depth is not None and image.depth_unit != first.depth_unit:
            raise InvalidImageError(
                f"frame {self.frames}: depth unit {image.depth_unit:g}; the recording has "
                f"{first.depth_unit:g}"
            )

    def _hand_over(self) -> None:
        if self._pending:
            self._queue.put(self._pending)
            self._pending = []

    def _work(self) -> None:
        """Code groups as they come, in a thread of its own."""
        while (frames := self._queue.get()) is not None:
            try:
                if self._failure is None:
                    self._write(frames)
            except BaseException as error:
                self._failure = error
            for _ in frames:
                self._waiting.release()

    def _write(self, frames: list[Frame]) -> None:
        if self._out is None:
            self._out = SequenceWriter(self._file, self._header(frames))
        header = self._out.header
        for frame in frames:
            _check_sizes(frame, header)
        unit = frames[0].image.depth_unit
        encoder = GroupEncoder(self._settings, self._models, unit, self._live)
        self._out.write(encoder.encode(frames))

    def _header(self, frames: list[Frame]) -> Header:
        """Return what the first group says of the recording."""
        arrays: dict[str, np.ndarray] = {}
        for frame in frames:
            arrays = frame.image.arrays | arrays
        if "depth" in arrays:
            arrays.setdefault("mask", arrays["depth"])
        cameras = dict(self._cameras)
        seen = next((f.image.intrinsics for f in frames if f.image.intrinsics is not None), None)
        if seen is not None:
            for name in ("color", "depth"):
                if name in arrays:
                    cameras.setdefault(name, _camera(seen))
        places = list(cameras.items())
        unit = frames[0].image.depth_unit
        rate = None if self._rate is None else round(1000 * self._rate)
        held = []
        for name, array in sorted(arrays.items(), key=lambda item: modality(item[0]).number):
            kind = modality(name)
            number = next((i for i, (k, _) in enumerate(places) if k == name), None)
            held.append(
                Modality(
                    kind.number,
                    array.shape[1],
                    array.shape[0],
                    channels=kind.channels,
                    bits=1 if name == "mask" else 8 * array.dtype.itemsize,
                    unit=unit if name == "depth" else None,
                    rate=rate,
                    camera=number,
                )
            )
        return Header(tuple(held), tuple(c for _, c in places), self._metadata)


def _open(target: Any, overwrite: bool) -> tuple[Any, bool]:
    """Return what to write to, and whether it was opened here."""
    if hasattr(target, "write"):
        return target, False
    path = Path(target)
    if overwrite and path.is_file():
        path.unlink()  # whoever reads the old one goes on reading it
    try:
        return open(path, "xb", buffering=0), True
    except FileExistsError:
        raise EncodepthError(f"{path} exists; use overwrite=True or another name") from None
    except OSError as error:
        raise EncodepthError(f"cannot write {path}: {(error.strerror or '').lower()}") from None


def _camera(intrinsics: Intrinsics) -> Camera:
    return Camera((intrinsics.fx, intrinsics.fy), (intrinsics.cx, intrinsics.cy))


def _check_sizes(frame: Frame, header: Header) -> None:
    """Refuse a plane that the header does not announce."""
    held = {m.number: m for m in header.modalities}
    for name, array in frame.image.arrays.items():
        known = held.get(modality(name).number)
        if known is None:
            raise InvalidImageError(
                f"frame {frame.number} has {name}, which the first {KEY_INTERVAL} frames had not"
            )
        size = array.shape[1], array.shape[0]
        if size != (known.width, known.height):
            raise InvalidImageError(
                f"{name} of frame {frame.number} is {size[0]}x{size[1]}; the recording has "
                f"{known.width}x{known.height}"
            )
