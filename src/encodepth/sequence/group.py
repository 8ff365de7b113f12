"""A group of pictures: frames to a chunk's streams and back.

Every modality is a track through the group. A coding that works over time gets a track whole; any
other codes its planes one by one. Within a frame the order is that of a still picture, so depth may
lean on colour, and lossy depth on its mask.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast
from weakref import proxy

import numpy as np

from .. import codings
from ..codings.base import Ask, Coded
from ..codings.exact import prove
from ..codings.room import kept
from ..codings.smoothing import allow
from ..container import chunk
from ..container.header import Header
from ..container.stream import Stream
from ..errors import CorruptFileError, InvalidImageError
from ..frame import Frame
from ..modalities import modality
from ..plan import LOSSY, plan
from ..references import Seen
from ..settings import DEFAULT_QUALITY, Settings
from .back import decoded, decoded_depth
from .live import Running
from .lossy import Lossy


@dataclass(frozen=True)
class GroupEncoder:
    """Codes groups of pictures with the same settings.

    Attributes:
        settings: what is asked of every frame.
        models: the networks at hand.
        unit: metres per step of depth.
        live: whether a picture's bytes are wanted as soon as it is there: no frame waits for later
            ones, and depth leans on none.
        running: the group that frames are parts of which come one by one, None where they come as
            groups.
    """

    settings: Settings
    models: Any
    unit: float
    live: bool = False
    running: Running | None = None

    def encode(self, frames: Sequence[Frame]) -> list[chunk.Frame]:
        """Return the frames of a chunk that decodes alone."""
        seen = [Seen(self.models, f.image.arrays, f.image.files) for f in frames]
        coded: list[dict[str, Coded]] = [{} for _ in frames]
        with ThreadPoolExecutor(2) as pool:
            color = pool.submit(self._track, "color", frames, seen)
            depth = self._depth(frames, seen)
            for name in self._further(frames):
                _lay(coded, name, self._track(name, frames, seen))
            _lay(coded, "color", color.result())
        for name, made in depth.items():
            _lay(coded, name, made)
        return [
            chunk.Frame(frame.time, _streams(here), None if frame.pose is None else _flat(frame))
            for frame, here in zip(frames, coded, strict=True)
        ]

    def _further(self, frames: Sequence[Frame]) -> list[str]:
        return list(dict.fromkeys(name for frame in frames for name in frame.image.planes))

    def _depth(self, frames: Sequence[Frame], seen: list[Seen]) -> dict[str, dict[int, Coded]]:
        """Return depth and, where it is lossy, the masks of frames with holes."""
        valid = {i: d > 0 for i, f in enumerate(frames) if (d := f.image.depth) is not None}
        holes = {i: mask for i, mask in valid.items() if not mask.all()}
        for i, mask in holes.items():
            seen[i].offer("mask", lambda mask=mask: mask)  # type: ignore[misc]
        depth = self._track("depth", frames, seen)
        lossy = {i for i, c in depth.items() if not codings.find(c.coding, "depth").exact}
        masks = self._track_of("mask", {i: m for i, m in holes.items() if i in lossy}, seen)
        return {"mask": masks, "depth": depth}

    def _track(self, name: str, frames: Sequence[Frame], seen: list[Seen]) -> dict[int, Coded]:
        planes = {i: a for i, f in enumerate(frames) if (a := f.image.arrays.get(name)) is not None}
        return self._track_of(name, planes, seen, _camera(frames))

    def _track_of(
        self,
        name: str,
        planes: dict[int, np.ndarray],
        seen: list[Seen],
        camera: tuple[float, float, float, float] | None = None,
    ) -> dict[int, Coded]:
        """Return the coded planes of a modality by their places in the group."""
        if not planes:
            return {}
        settings = self.settings
        quality = DEFAULT_QUALITY if settings.quality is None else settings.quality
        if name == "depth" and settings.depth_quality is not None:
            quality = settings.depth_quality
        bound = self._bound(name)
        smooth = settings.smoothing(bound)
        ask = Ask(
            quality,
            bound - smooth,
            settings.effort,
            unit=self.unit,
            live=self.live,
            camera=camera,
            tune=settings.tune,
        )
        asked = settings.ask(name)
        chosen = settings.coding.get(name, "auto")
        way = plan(name, asked, settings.effort, chosen, over_time=True, live=self.live)
        if name == "depth" and asked == LOSSY and chosen == "auto":
            lossy = Lossy(way, ask, seen, lambda c, p, a: self._code(c, name, p, a, seen))
            if (found := lossy.encode(planes)) is not None:
                return found
        for coding in way.codings:
            made = self._code(coding, name, planes, ask, seen)
            if made is not None:
                return self._smoothed(made, planes, smooth, seen) if smooth else made
        raise InvalidImageError(f"{name} cannot be coded as it was asked for")

    def _code(
        self, coding: str, name: str, planes: dict[int, np.ndarray], ask: Ask, seen: list[Seen]
    ) -> dict[int, Coded] | None:
        """Code a track by a coding; None where it cannot serve it."""
        row = codings.find(coding, name)
        places = list(planes)
        module = codings.module(row)
        if row.groups:
            if self.running is not None:
                ((place, plane),) = planes.items()
                if (one := self.running.add(name, module, plane, ask)) is not None:
                    return {place: replace(one, coding=coding)}
            made = module.encode_group(name, list(planes.values()), ask, [seen[i] for i in places])
            found = None if made is None else dict(zip(places, made, strict=True))
        else:
            found = {}
            for i, plane in planes.items():
                one = module.encode(name, plane, ask, seen[i])
                if one is None:
                    return None
                found[i] = one
        if found is None:
            return None
        return {i: _as(coding, c, i, places) for i, c in found.items()}

    def _smoothed(
        self, made: dict[int, Coded], planes: dict[int, np.ndarray], steps: int, seen: list[Seen]
    ) -> dict[int, Coded]:
        """Have depth smoothed by the decoder, and check that its bound holds all the same."""
        allowed = {i: allow("depth", coded, steps) for i, coded in made.items()}
        shape = next(iter(planes.values())).shape
        backs = decoded_depth(allowed, shape, seen)
        for plane, back in zip(planes.values(), backs, strict=True):
            prove(plane, back, self._bound("depth"))
        return allowed

    def _bound(self, name: str) -> int:
        return self.settings.bound(self.unit) if name == "depth" else 0


@dataclass
class _Run:
    """Planes of a track that are decoded one after the other, from a key frame on.

    Attributes:
        places: of their frames in the group.
        planes: those still to come, with their places; None before the first.
        lock: held while one is decoded, again by a track that leans on itself.
    """

    places: list[int] = field(default_factory=list)
    planes: Iterator[tuple[int, np.ndarray]] | None = None
    lock: Any = field(default_factory=threading.RLock)


@dataclass
class DecodedGroup:
    """A chunk whose planes are decoded when they are asked for, each track in order, once.

    Several threads may ask at once; planes that do not lean on each other are decoded side by side.

    Attributes:
        bytes: of payloads, and of the planes that are decoded so far.
    """

    chunk: chunk.Chunk
    header: Header
    models: Any
    bytes: int = field(init=False, default=0)
    _done: dict[tuple[int, int], np.ndarray] = field(init=False, default_factory=dict)
    _tracks: dict[int, dict[int, _Run]] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.bytes = sum(len(s.payload) for frame in self.chunk.frames for s in frame.streams)

    def plane(self, number: int, i: int) -> np.ndarray | None:
        """Return a modality's plane of the i-th frame, None where the frame has none.

        Raises:
            CorruptFileError: its payload, or one that it leans on, is damaged.
        """
        if self.chunk.frames[i].stream(number) is None:
            return None
        if (number, i) not in self._done:
            self._decode(number, i)
        return self._done[number, i]

    def lacks(self, number: int, i: int) -> bool:
        """Return whether a modality's plane of the i-th frame is there and not decoded yet."""
        there = self.chunk.frames[i].stream(number) is not None
        return there and (number, i) not in self._done

    def kept(self, number: int, i: int) -> Any:
        """Return the file that a plane of the i-th frame was kept as, None if it was not.

        Raises:
            CorruptFileError: its payload is damaged.
        """
        stream = self.chunk.frames[i].stream(number)
        if stream is None or not (row := codings.of(stream.coding, number)).keeps_file:
            return None
        size = next(m for m in self.header.modalities if m.number == number)
        return codings.module(row).kept(_coded(stream), (size.height, size.width))

    def bounds(self, i: int) -> dict[str, int | None]:
        """Return how many steps each plane of the i-th frame may be off, None for lossy codings."""
        found: dict[str, int | None] = {}
        for stream in self.chunk.frames[i].streams:
            module = codings.module(codings.of(stream.coding, stream.modality))
            name = modality(stream.modality).name
            found[name] = module.facts(name, _coded(stream)).error
        return found

    def _decode(self, number: int, i: int) -> None:
        """Decode a track from the last key frame, or where it was left, to the i-th frame."""
        run = self._run(number, i)
        while (number, i) not in self._done:
            with run.lock:  # for one plane, so that who waits for an earlier one gets it soon
                if (number, i) not in self._done:
                    self._next(number, run)

    def _next(self, number: int, run: _Run) -> None:
        """Decode the next plane of a run."""
        if run.planes is None:
            # not by `self`: a cycle would keep the arrays of groups that nobody wants any more
            mine = cast(DecodedGroup, proxy(self))
            planes = DecodedGroup._planes(mine, number, run.places)
            run.planes = zip(run.places, planes, strict=False)
        try:
            place, plane = next(run.planes)
        except Exception:
            run.planes = None  # whoever asks again hears of it again
            raise
        if place == run.places[-1]:
            run.planes = None  # and with it the decoder, whose memory is as much as ten planes
        self._done[number, place] = plane = kept(plane)
        with self._lock:
            self.bytes += plane.nbytes

    def _run(self, number: int, i: int) -> _Run:
        """Return the frames of a track that belong together, the i-th among them."""
        with self._lock:
            if number not in self._tracks:
                self._tracks[number] = dict(self._runs(number))
            return self._tracks[number][i]

    def _runs(self, number: int) -> Iterator[tuple[int, _Run]]:
        """Yield the places of a track's frames, and the run that each is in."""
        run = _Run()
        for place, frame in enumerate(self.chunk.frames):
            if (stream := frame.stream(number)) is None:
                continue
            if all(kind != number for kind, _ in stream.references):
                run = _Run()
            run.places.append(place)
            yield place, run

    def _planes(self, number: int, run: list[int]) -> Any:
        name = modality(number).name
        size = next(m for m in self.header.modalities if m.number == number)
        streams = [self.chunk.frames[k].stream(number) for k in run]
        group = [_coded(stream) for stream in streams if stream is not None]
        first = streams[0]
        assert first is not None
        if any(stream.coding != first.coding for stream in streams if stream is not None):
            raise CorruptFileError(f"a group of {name} is coded in several ways")
        row = codings.of(first.coding, number)
        seen: list[Any] = [_Place(self, k) for k in run]
        yield from decoded(row, name, group, (size.height, size.width), seen)


@dataclass(frozen=True)
class _Place:
    """A frame of a group, as what decodes one of its streams sees it (`References`)."""

    group: DecodedGroup
    i: int

    @property
    def models(self) -> Any:
        return self.group.models

    def plane(self, name: str, back: int = 0) -> np.ndarray | None:
        if back > self.i:
            return None
        return self.group.plane(modality(name).number, self.i - back)

    def original(self, name: str) -> None:
        return None

    def file(self, name: str) -> None:
        return None


def _camera(frames: Sequence[Frame]) -> tuple[float, float, float, float] | None:
    """Return fx, fy, cx, cy of the first picture that knows its camera."""
    known = (frame.image.intrinsics for frame in frames)
    found = next((camera for camera in known if camera is not None), None)
    return None if found is None else (found.fx, found.fy, found.cx, found.cy)


def _as(coding: str, coded: Coded, i: int, places: list[int]) -> Coded:
    """Return what was coded under its coding's name, frames back counted in the recording's."""
    before = [k for k in places if k < i]
    leans = tuple((kind, i - before[-back] if back else 0) for kind, back in coded.references)
    return Coded(coded.payload, coded.parameters, leans, coded.coding or coding)


def _lay(coded: list[dict[str, Coded]], name: str, made: dict[int, Coded]) -> None:
    for i, one in made.items():
        coded[i][name] = one


_ORDER = ("color", "mask", "depth")


def _streams(coded: dict[str, Coded]) -> tuple[Stream, ...]:
    names = [n for n in _ORDER if n in coded] + [n for n in coded if n not in _ORDER]
    streams = []
    for name in names:
        one = coded[name]
        number = codings.find(one.coding, name).number
        leans = tuple((modality(kind).number, back) for kind, back in one.references)
        kind = modality(name).number
        streams.append(Stream(kind, number, one.payload, one.parameters, leans))
    return tuple(streams)


def _coded(stream: Stream) -> Coded:
    leans = tuple((modality(number).name, back) for number, back in stream.references)
    return Coded(stream.payload, stream.parameters, leans)


def _flat(frame: Frame) -> tuple[float, ...]:
    """Return a pose as rotation row by row and translation."""
    assert frame.pose is not None
    return (*frame.pose[:3, :3].ravel().tolist(), *frame.pose[:3, 3].tolist())
