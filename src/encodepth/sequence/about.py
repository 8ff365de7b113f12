"""What a recording says of itself: frames, seconds, bytes of each modality, what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from .. import codings
from ..codings.base import Coded, Facts
from ..container.sequence import SequenceReader
from ..container.stream import Stream
from ..errors import CorruptFileError
from ..modalities import modality
from .source import open_source

VERSION = 2
_NS = 1e9


@dataclass(frozen=True)
class TrackInfo:
    """One modality of a recording."""

    modality: str
    codings: tuple[str, ...]
    max_error_mm: float | None  # of exact codings the largest there is; 0 = exact
    smoothed: bool  # whether the decoder smooths depth within that, in some frame
    size: tuple[int, int]  # width, height
    frames: int
    key_frames: int
    bytes: int

    @property
    def how(self) -> str:
        """Return the codings, and what they promise of depth, in words."""
        promised = f", within {self.max_error_mm:g} mm" if self.max_error_mm else ""
        return " and ".join(self.codings) + promised + ", smoothed" * self.smoothed


@dataclass(frozen=True)
class RecordingInfo:
    """A recording."""

    file: str
    bytes: int
    version: int
    frames: int
    seconds: float  # from the first frame to the last
    chunks: int
    depth_unit_m: float | None
    tracks: tuple[TrackInfo, ...]
    problems: tuple[str, ...]

    @property
    def megabits(self) -> float:
        """Mbit a second; 0 where no time passes."""
        return 8e-6 * self.bytes / self.seconds if self.seconds else 0.0

    def line(self) -> str:
        """Return one line for people: frames, seconds, bytes of each part."""
        parts = [f"{t.modality} {t.bytes:,} ({t.how})" for t in self.tracks]
        rest = self.bytes - sum(t.bytes for t in self.tracks)
        return (
            f"{self.file}: {self.bytes:,} bytes, {self.frames:,} frames, {self.seconds:.2f} s, "
            f"{self.megabits:.3g} Mbit/s = " + " + ".join([*parts, f"rest {rest:,}"])
        )

    def json(self) -> str:
        """Return the fields as one line of JSON."""
        return json.dumps(asdict(self))


class _Stream(NamedTuple):
    """What of a frame's plane is counted."""

    coding: int
    is_key: bool
    bytes: int
    facts: Facts


def is_recording(data: bytes) -> bool:
    """Whether a file that starts so is a recording."""
    return data[:4] == b"\x9aRZD" and data[4:5] == bytes([VERSION])


def inspect_recording(source: Any, name: str = "") -> RecordingInfo:
    """Return what a recording says of itself, reading every chunk but decoding nothing.

    Args:
        source: as `Reader` takes it.
        name: what to call it.

    Raises:
        CorruptFileError: this is no recording, or its header is damaged.
    """
    opened = open_source(source)
    try:
        file = SequenceReader(opened.read_at, opened.size)
        tracks: dict[int, list[_Stream]] = {}
        problems, times = list(file.problems), []
        for number in range(len(file.chunks)):
            try:
                chunk = file.read(number)
            except CorruptFileError as error:
                problems.append(str(error))
                continue
            for frame in chunk.frames:
                times.append(frame.time)
                for s in frame.streams:
                    tracks.setdefault(s.modality, []).append(_stream(s))
        sizes = {m.number: (m.width, m.height) for m in file.header.modalities}
        units = {m.number: m.unit for m in file.header.modalities if m.unit is not None}
        return RecordingInfo(
            file=name or opened.name,
            bytes=opened.size,
            version=VERSION,
            frames=file.frames,
            seconds=(max(times) - min(times)) / _NS if times else 0.0,
            chunks=len(file.chunks),
            depth_unit_m=next(iter(units.values()), None),
            tracks=tuple(
                _track(n, held, sizes[n], units.get(n)) for n, held in sorted(tracks.items())
            ),
            problems=tuple(problems),
        )
    finally:
        opened.close()


def _track(
    number: int, streams: list[_Stream], size: tuple[int, int], unit: float | None
) -> TrackInfo:
    names = dict.fromkeys(codings.of(s.coding, number).name for s in streams)
    errors = [s.facts.error for s in streams]
    exact = [error for error in errors if error is not None]
    worst = max(exact) * (unit or 0) * 1000 if len(exact) == len(errors) else None
    return TrackInfo(
        modality(number).name,
        tuple(names),
        None if worst is None else round(worst, 6),
        any(s.facts.smooth for s in streams),
        size,
        len(streams),
        sum(s.is_key for s in streams),
        sum(s.bytes for s in streams),
    )


def _stream(stream: Stream) -> _Stream:
    module = codings.module(codings.of(stream.coding, stream.modality))
    facts = module.facts(modality(stream.modality).name, Coded(stream.payload, stream.parameters))
    return _Stream(stream.coding, stream.is_key, len(stream.payload), facts)
