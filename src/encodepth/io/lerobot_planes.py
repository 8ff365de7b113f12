"""How LeRobot stores planes: colour and depth in video files, or as pictures inside parquet.

Depth in video is 12-bit codes between `depth_min` and `depth_max`, linear or in the logarithm of
depth + `shift`. What lies outside is clipped, so a hole is stored as code 0, which LeRobot itself
gives back as `depth_min`. Here code 0 is a hole again, and a note counts them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EncodepthError, InvalidImageError
from ..frame import MILLIMETRE, Note, RgbdImage
from .given import File
from .pictures import read_files

QMAX = 4095  # the largest code
_STEPS = (1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5)  # metres, tried for codes that lie close
_FAR_STEPS = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1)  # and for a far end
_MOST = 65534


@dataclass(frozen=True)
class Codes:
    """What a code of depth means, by the fields of `info.json`.

    Attributes:
        near, far, shift: `video.depth_min`, `video.depth_max`, `video.shift`, in metres.
        log: `video.use_log`.

    Raises:
        EncodepthError: no depth follows from these.
    """

    near: float = 0.01
    far: float = 10.0
    shift: float = 3.5
    log: bool = True

    def __post_init__(self) -> None:
        numbers = (self.near, self.far, self.shift)
        good = all(isinstance(n, int | float) and math.isfinite(n) for n in numbers)
        if not good or not 0 <= self.near < self.far <= 6500 or self.near + self.shift <= 0:
            raise EncodepthError(
                f"depth_min {self.near}, depth_max {self.far}, shift {self.shift} make no sense; "
                "expected metres with 0 <= depth_min < depth_max"
            )

    @cached_property
    def metres(self) -> np.ndarray:
        """Depth of every code in metres, float32 (4096,), as LeRobot's tensors have it.

        That is float32 throughout with a logarithm undone to the nearest float32, so that rounding
        to millimetres gives LeRobot's own numbers.
        """
        low, high = (
            (math.log(self.near + self.shift), math.log(self.far + self.shift))
            if self.log
            else (float(self.near), float(self.far))
        )
        found = np.arange(QMAX + 1, dtype=np.float32) * np.float32((high - low) / QMAX)
        found += np.float32(low)
        if self.log:
            found = np.exp(found.astype(np.float64)).astype(np.float32) - np.float32(self.shift)
        return np.clip(found, np.float32(self.near), np.float32(self.far))

    @cached_property
    def unit(self) -> float:
        """Metres per step that depth is kept in: 1 mm, as LeRobot's own output.

        Finer where codes lie closer than that, coarser where 16 bits would not reach `far`.
        """
        if self.far > _MOST * MILLIMETRE:
            return next(step for step in _FAR_STEPS if self.far <= _MOST * step)
        closest = float(np.diff(self.metres[1:].astype(np.float64)).min())
        reach = [step for step in _STEPS if self.far <= _MOST * step]
        return next((step for step in reach if step <= closest), reach[-1])

    @cached_property
    def steps(self) -> np.ndarray:
        """Steps of `unit` for every code, uint16 (4096,); 0, a hole, for code 0."""
        found = np.rint(self.metres * np.float32(1 / self.unit)).astype(np.uint16)
        found[0] = 0
        return found

    def image(self, codes: np.ndarray) -> RgbdImage:
        """Return codes, uint16 (h, w), as a depth map, with notes on what LeRobot lost.

        Raises:
            InvalidImageError: a code has more than 12 bits.
        """
        if codes.max(initial=0) > QMAX:
            raise InvalidImageError(f"a depth code of {codes.max()}; LeRobot's have 12 bits")
        counts = (
            (f"code 0 (LeRobot's depth_min, {self.near:g} m) became holes", codes == 0),
            (f"depth at LeRobot's depth_max, {self.far:g} m: that or beyond", codes == QMAX),
        )
        found = ((what, int(np.count_nonzero(where))) for what, where in counts)
        notes = tuple(Note(what, pixels) for what, pixels in found if pixels)
        return RgbdImage(None, self.steps[codes], self.unit, notes=notes)


def pictures_of(
    rows: Iterable[dict[str, Any]], root: Path, *, depth_unit: float | None
) -> Iterator[RgbdImage]:
    """Yield pictures that lie in parquet, {"bytes": .., "path": ..} each.

    Args:
        rows: in order.
        root: where paths begin, for pictures that are not in the parquet itself.
        depth_unit: metres per 1 of the numbers in depth maps; None for colour.

    Raises:
        InvalidImageError: one cannot be read.
    """
    for row in rows:
        name, data = row.get("path") or "a picture", row.get("bytes")
        if data is None:
            try:
                data = (root / name).read_bytes()
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise InvalidImageError(f"{root / name} cannot be read: {reason}") from None
        file = File(f"{name} in {root}", data)
        if depth_unit is None:
            yield read_files(file, None)
        else:
            image = read_files(None, file, depth_unit=depth_unit)
            if image.depth_unit >= 1:
                raise InvalidImageError(
                    f"{file.name} holds whole numbers, and info.json says metres; say "
                    '"depth_unit": "mm" there'
                )
            yield image


def video_frames(path: Path, times: Sequence[float], fps: float, layout: str) -> Iterator[Any]:
    """Yield the frames of a video at some times, decoded in order.

    Args:
        path: of the file.
        times: seconds, ascending.
        fps: frames a second; a frame has to lie within half a frame of its time.
        layout: pixel format of PyAV, "rgb24" or "gray12le".

    Raises:
        EncodepthError: PyAV is missing, the file cannot be read, or a time has no frame.
    """
    av = need("av")
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if times and times[0] > 0:
                container.seek(
                    max(round((times[0] - 0.5 / fps) / stream.time_base) - 1, 0), stream=stream
                )
            decoded = (f for f in container.decode(stream) if f.pts is not None)
            frame = next(decoded, None)
            for time in times:
                while frame is not None and _at(frame, stream) < time - 0.5 / fps:
                    frame = next(decoded, None)
                if frame is None or _at(frame, stream) > time + 0.5 / fps:
                    raise EncodepthError(f"{path} has no frame at {time:.4f} s")
                yield frame.to_ndarray(format=layout)
    except (OSError, IndexError, av.error.FFmpegError) as error:
        words = getattr(error, "strerror", None) or " ".join(str(error).split())
        words = (words or type(error).__name__).lower()
        raise EncodepthError(f"{path} cannot be read: {words}") from None


def _at(frame: Any, stream: Any) -> float:
    return float(frame.pts * stream.time_base)


def need(package: str) -> Any:
    """Return a package of the extra `lerobot`.

    Raises:
        EncodepthError: it is not installed.
    """
    import importlib

    with suppress(ModuleNotFoundError):
        return importlib.import_module(package)
    raise EncodepthError(
        f"LeRobot datasets need the package {package.partition('.')[0]}; "
        "pip install 'encodepth[lerobot]'"
    )
