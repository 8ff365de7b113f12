"""What a recording says of itself: frames, seconds, bytes of each modality, what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from .. import codings
from ..container.sequence import SequenceReader
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
    size: tuple[int, int]  # width, height
    frames: int
    key_frames: int
    bytes: int


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
        parts = [f"{t.modality} {t.bytes:,} ({' and '.join(t.codings)})" for t in self.tracks]
        rest = self.bytes - sum(t.bytes for t in self.tracks)
        return (
            f"{self.file}: {self.bytes:,} bytes, {self.frames:,} frames, {self.seconds:.2f} s, "
            f"{self.megabits:.3g} Mbit/s = " + " + ".join([*parts, f"rest {rest:,}"])
        )

    def json(self) -> str:
        """Return the fields as one line of JSON."""
        return json.dumps(asdict(self))


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
        tracks: dict[int, list[tuple[int, bool, int]]] = {}
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
                    row = (s.coding, s.is_key, len(s.payload))
                    tracks.setdefault(s.modality, []).append(row)
        sizes = {m.number: (m.width, m.height) for m in file.header.modalities}
        units = [m.unit for m in file.header.modalities if m.unit is not None]
        return RecordingInfo(
            file=name or opened.name,
            bytes=opened.size,
            version=VERSION,
            frames=file.frames,
            seconds=(max(times) - min(times)) / _NS if times else 0.0,
            chunks=len(file.chunks),
            depth_unit_m=units[0] if units else None,
            tracks=tuple(_track(n, rows, sizes[n]) for n, rows in sorted(tracks.items())),
            problems=tuple(problems),
        )
    finally:
        opened.close()


def _track(number: int, rows: list[tuple[int, bool, int]], size: tuple[int, int]) -> TrackInfo:
    names = dict.fromkeys(codings.of(coding, number).name for coding, _, _ in rows)
    return TrackInfo(
        modality(number).name,
        tuple(names),
        size,
        len(rows),
        sum(key for _, key, _ in rows),
        sum(size for _, _, size in rows),
    )
