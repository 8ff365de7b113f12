"""What an .rgbd file says of itself, in words and numbers; needs no weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from . import codings
from .codec import as_bytes, facts_of, parse
from .container.still import VERSION, Still
from .container.stream import Stream
from .modalities import modality


@dataclass(frozen=True)
class StreamInfo:
    """One stream."""

    modality: str
    coding: str  # the name in `encodepth.codings`
    bytes: int
    size: tuple[int, int]  # width, height
    quality: int | None  # 0..100, lossy codings only
    max_error_mm: float | None  # exact codings only; 0 = exact
    smoothed: bool  # whether the decoder smooths depth within that
    range_m: tuple[float, float] | None  # nearest and farthest depth, lossy depth only
    weights: str | None  # fingerprint, of codings with a network
    references: tuple[tuple[str, int], ...]  # what it leans on: modality, frames back

    @property
    def how(self) -> str:
        """Return the coding and what was asked of it, in words."""
        if self.quality is not None:
            return f"{self.coding}, quality {self.quality}"
        return f"{self.coding}, " + (
            f"within {self.max_error_mm:g} mm{', smoothed' * self.smoothed}"
            if self.max_error_mm
            else "exact"
        )


@dataclass(frozen=True)
class FileInfo:
    """One file."""

    file: str
    bytes: int
    bits_per_pixel: float
    version: int
    depth_unit_m: float | None
    intrinsics: dict[str, float] | None
    header_bytes: int  # everything but the payloads
    streams: tuple[StreamInfo, ...]

    def stream(self, modality: str) -> StreamInfo | None:
        """Return the stream of a modality, or None."""
        return next((s for s in self.streams if s.modality == modality), None)

    def as_dict(self) -> dict:
        """Return the fields as plain data."""
        return asdict(self)

    def json(self) -> str:
        """Return the fields as one line of JSON."""
        return json.dumps(self.as_dict())


def inspect(data: bytes, name: str = "") -> FileInfo:
    """Return what a file says of itself, payloads still coded; needs no weights.

    Args:
        data: the whole file.
        name: what to call it.

    Raises:
        CorruptFileError: the bytes are not a whole, valid .rgbd file.
    """
    data = as_bytes(data)
    file = parse(data)
    width, height = file.size(modality(file.streams[0].modality).name)
    if file.stream("color") is not None:
        width, height = file.size("color")
    camera = file.intrinsics
    return FileInfo(
        file=name,
        bytes=len(data),
        bits_per_pixel=round(8 * len(data) / (width * height), 6),
        version=VERSION,
        depth_unit_m=None if file.stream("depth") is None else file.depth_unit,
        intrinsics=None if camera is None else {k: round(v, 4) for k, v in asdict(camera).items()},
        header_bytes=len(data) - sum(len(stream.payload) for stream in file.streams),
        streams=tuple(_about(file, stream) for stream in file.streams),
    )


def _about(file: Still, stream: Stream) -> StreamInfo:
    facts, name, unit = facts_of(stream), modality(stream.modality).name, file.depth_unit
    near_far = (round(facts.low * unit, 9), round(facts.high * unit, 9)) if facts.high else None
    error = None if facts.error is None else round(facts.error * unit * 1000, 6)
    return StreamInfo(
        modality=name,
        coding=codings.of(stream.coding, stream.modality).name,
        bytes=len(stream.payload),
        size=file.size(name),
        quality=facts.quality,
        max_error_mm=error,
        smoothed=facts.smooth > 0,
        range_m=near_far,
        weights=None if facts.weights is None else f"{facts.weights:08x}",
        references=tuple((modality(n).name, back) for n, back in stream.references),
    )
