"""Recordings by index: frames, clips, or frames some time apart, from any number of files.

Nothing is decoded before it is asked for. What was decoded of a group of pictures is kept up to a
number of bytes, so reading in order, or in the order of a `Stream`, decodes each group once; a
frame at random costs the frames of its group before it.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import torch
from torch.utils.data import Dataset

from ..container.sequence import Entry
from ..errors import CorruptFileError, InvalidSettingError
from ..frame import Frame
from ..modalities import modality
from ..sequence.ahead import ahead
from ..sequence.cache import CACHE_BYTES, GroupCache
from ..sequence.find import Where, find_recordings
from ..sequence.reader import Reader
from ..settings import whole
from .samples import DEFAULT_KEYS, Form, Sample, stacked

_OPEN = 64  # recordings that are open at once
_NS = 1_000_000_000


@dataclass(frozen=True)
class _Run:
    """Frames of a recording that follow each other, and where samples begin among them.

    Attributes:
        recording: number of the file.
        first: number of the first frame.
        ends: frame numbers at which its groups of pictures end.
        samples: how many begin here.
    """

    recording: int
    first: int
    ends: tuple[int, ...]
    samples: int


@dataclass(frozen=True)
class Group:
    """A group of pictures and the samples that begin in it.

    Attributes:
        samples: their indices.
        bytes: of its decoded planes.
    """

    samples: range
    bytes: int


class Recordings(Dataset[Sample]):
    """Frames of recordings as dictionaries of tensors, by index.

    A sample has, as `keys` says:

    | key | tensor |
    |---|---|
    | color | (3, H, W) uint8, or float32 within 0..1 |
    | depth | (1, H, W) float32, metres or millimetres, `hole` where nothing was measured |
    | valid | (1, H, W) bool, where depth was measured |
    | time | int64, nanoseconds of the recording's clock |
    | index | int64, the frame's number in its recording |
    | recording | int64, which of `files` |
    | camera | (4,) float32: fx, fy, cx, cy in pixels, NaN if unknown |
    | pose | (4, 4) float64, camera to world in metres, NaN if unknown; only where asked for |
    | infrared, confidence, labels | (1, H, W) uint8, or int32 for 16 bits; only where asked for |

    With `clip` or `deltas` each has a first axis of frames. Works in worker processes, forked or
    spawned; each has a cache of its own.

    Args:
        where: a file, a pattern, a folder, or several of these; paths or URLs of fsspec.
        keys: what a sample has; None for all but what is "only where asked for", less what no
            recording holds.
        color: "uint8" or "float32".
        depth: "m" or "mm".
        hole: what holes are given as, in that unit.
        clip: so many consecutive frames a sample; one without the first axis if None.
        stride: of a clip, in frames.
        deltas: seconds from a frame at which frames are wanted, such as (-0.1, 0.0); the nearest in
            time are given, and "pad", bool, says where none lies within half a frame's time.
        transform: called with each sample; what it returns is the sample.
        cache: bytes of decoded groups that are kept, in each process.
        threads: that decode at a time, of a batch or where this is iterated; they call `transform`.
        model, device: as for `Reader`.

    Attributes:
        files: the recordings, by path or URL.
        problems: a line for each file that was left out or is damaged.

    Raises:
        InvalidSettingError: an argument is none that is known, or contradicts another.
        EncodepthError: a file cannot be read, or nothing is there.
        CorruptFileError: a file that was named itself is no recording.
    """

    def __init__(
        self,
        where: Where,
        *,
        keys: Sequence[str] | None = None,
        color: str = "uint8",
        depth: str = "m",
        hole: float = 0.0,
        clip: int | None = None,
        stride: int = 1,
        deltas: Sequence[float] | None = None,
        transform: Callable[[Sample], Any] | None = None,
        cache: int = CACHE_BYTES,
        threads: int = 2,
        model: str = "base",
        device: str = "cpu",
    ) -> None:
        if clip is not None and deltas is not None:
            raise InvalidSettingError("clip and deltas both say which frames; leave one out")
        if min(1 if clip is None else clip, stride) < 1:
            raise InvalidSettingError(f"clip {clip} and stride {stride} are numbers from 1 on")
        self.clip, self.stride = clip, stride
        self.deltas = None if deltas is None else tuple(deltas)
        self.transform, self.threads = transform, whole("threads", threads, 1)
        self._cache_bytes, self._model, self._device = cache, model, device
        self.form = Form(tuple(DEFAULT_KEYS if keys is None else keys), color, depth, hole)
        self.files: tuple[str, ...] = ()
        self.problems: tuple[str, ...] = ()
        self._runs: list[_Run] = []
        self._frame_bytes: list[int] = []
        self._list(where, given=keys is not None)
        self._ends = list(accumulate(run.samples for run in self._runs))
        self._begin()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, i: int) -> Any:
        sample = self._sample(*self._place(i))
        return sample if self.transform is None else self.transform(sample)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Return several samples, decoded side by side: what a `DataLoader` calls for a batch."""
        threads = min(self.threads, len(indices))
        if threads < 2:
            return [self[i] for i in indices]
        return list(self.ahead(indices, threads, 2 * threads))

    def __iter__(self) -> Iterator[Any]:
        return self.ahead(range(len(self)), self.threads, 2 * self.threads)

    def ahead(self, indices: Iterable[int], threads: int, room: int) -> Iterator[Any]:
        """Yield samples in order, decoded by several threads, so many ahead of the one in use."""
        return ahead(self.__getitem__, indices, threads, room, self._hold)

    def reader(self, recording: int) -> Reader:
        """Return the reader of one of `files`, open while it is among the last that were used."""
        if os.getpid() != self._process:
            self._begin()
        with self._lock:
            if recording in self._readers:
                self._readers.move_to_end(recording)
                return self._readers[recording]
            reader = Reader(
                self.files[recording],
                streams=self.form.streams,
                model=self._model,
                device=self._device,
                cache=self._cache,
                threads=1,
            )
            self._readers[recording] = reader
            while len(self._readers) > _OPEN:
                self._readers.popitem(last=False)[1].close()
            return reader

    def groups(self) -> list[Group]:
        """Return the groups of pictures in which samples begin, in order."""
        found = []
        for run, end in zip(self._runs, self._ends, strict=True):
            start, here = end - run.samples, run.first
            for stop in run.ends:
                samples = range(start + here - run.first, min(start + stop - run.first, end))
                if samples:
                    found.append(Group(samples, (stop - here) * self._frame_bytes[run.recording]))
                here = stop
        return found

    @property
    def cache_bytes(self) -> int:
        """Bytes of decoded groups that are kept, in each process."""
        return self._cache_bytes

    def __getstate__(self) -> dict[str, Any]:
        """Let another process open the files for itself."""
        own = ("_readers", "_cache", "_process", "_lock")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._cache = GroupCache(self._cache_bytes)
        self._readers: OrderedDict[int, Reader] = OrderedDict()
        self._process = os.getpid()  # last: until then another thread begins for itself

    def _list(self, where: Where, *, given: bool) -> None:
        """Open every file once, for what its header and its index say."""
        files: list[str] = []
        problems: list[str] = []
        held: list[dict[str, int]] = []
        for name, itself in find_recordings(where):
            try:
                reader = Reader(name, cache=0)
            except CorruptFileError as error:
                if itself:
                    raise
                problems.append(f"{name}: {error}; left out")
                continue
            with reader:
                problems += [f"{name}: {problem}" for problem in reader.problems]
                self._runs += _runs(len(files), reader.container.chunks, self._span)
                sizes = {
                    modality(m.number).name: m.width * m.height * m.channels * -(-m.bits // 8)
                    for m in reader.container.header.modalities
                }
                held.append(sizes)
                files.append(name)
        if not files:
            raise CorruptFileError(f"no recording at {where}: {problems[0]}")
        self.files, self.problems = tuple(files), tuple(problems)
        self._fit(held, given=given)
        self._frame_bytes = [sum(s.get(name, 0) for name in self.form.streams) for s in held]

    def _fit(self, held: list[dict[str, int]], *, given: bool) -> None:
        """Leave out the keys that no recording can serve, unless they were asked for by name.

        Raises:
            InvalidSettingError: a recording cannot serve a key that others can, or that was named.
        """
        anywhere = {name for sizes in held for name in sizes}
        if not given:
            lacking = {n for n in ("color", "depth") if n not in anywhere}
            gone = lacking | ({"valid"} if "depth" in lacking else set())
            self.form = replace(self.form, keys=tuple(k for k in self.form.keys if k not in gone))
        for file, sizes in zip(self.files, held, strict=True):
            for name in self.form.streams:
                if name not in sizes:
                    raise InvalidSettingError(f"{file} has no {name}; leave it out of keys=")

    @property
    def _span(self) -> int:
        """How many frames a clip reaches over."""
        return 1 if self.clip is None else (self.clip - 1) * self.stride + 1

    def _place(self, i: int) -> tuple[int, int]:
        """Return the recording of a sample and the number of its first frame there."""
        number = int(i) + (len(self) if i < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {i}; there are {len(self)}")
        which = bisect_right(self._ends, number)
        run = self._runs[which]
        return run.recording, run.first + number - (self._ends[which] - run.samples)

    def _hold(self, i: int) -> Any:
        """Return what has to live for a sample's group to be decoded no second time."""
        recording, number = self._place(i)
        return self.reader(recording).hold(number)

    def _sample(self, recording: int, number: int) -> Sample:
        reader = self.reader(recording)
        if self.deltas is not None:
            return self._around(recording, reader, number)
        if self.clip is None:
            return self._one(recording, reader[number])
        numbers = range(number, number + self._span, self.stride)
        return stacked([self._one(recording, reader[n]) for n in numbers])

    def _around(self, recording: int, reader: Reader, number: int) -> Sample:
        """Return the frames nearest to so many seconds from a frame."""
        assert self.deltas is not None
        half = _half_frame(reader)
        time = reader.time(number)
        samples, pad = [], []
        for seconds in self.deltas:
            wanted = time + round(seconds * _NS)
            frame = reader[number] if wanted == time else reader.at(wanted)
            samples.append(self._one(recording, frame))
            pad.append(abs(frame.time - wanted) > half)
        return stacked(samples) | {"pad": torch.tensor(pad)}

    def _one(self, recording: int, frame: Frame) -> Sample:
        return self.form.sample(frame, recording, self.files[recording])


def _runs(recording: int, chunks: Sequence[Entry], span: int) -> Iterator[_Run]:
    """Yield the runs of a recording's frames; a chunk that is lost ends one."""
    first, ends = 0, list[int]()
    for chunk in chunks:
        if ends and chunk.first != ends[-1]:
            yield _run(recording, first, ends, span)
            ends = []
        if not ends:
            first = chunk.first
        ends.append(chunk.first + chunk.frames)
    if ends:
        yield _run(recording, first, ends, span)


def _run(recording: int, first: int, ends: list[int], span: int) -> _Run:
    return _Run(recording, first, tuple(ends), max(ends[-1] - first - span + 1, 0))


def _half_frame(reader: Reader) -> float:
    """Return half the mean time from frame to frame, in ns."""
    chunks = reader.container.chunks
    return (chunks[-1].end - chunks[0].start) / max(len(reader) - 1, 1) / 2
