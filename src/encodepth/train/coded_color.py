"""Colour that AV1 coded ahead of training, as the network that restores it sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..codings import av1_color as avif
from .batches import LEVEL, Coded, Frame, Frames
from .coded import VERSION, CodedFrames, Entry, Listed, packed, spread
from .config import Ahead, Source

_LEAST_SHRINK, _MOST_SHRINK = 0.5, 0.9
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Way:
    """How AV1 codes a picture once."""

    quality: int
    speed: int
    tune: str


def color_ahead(
    frames: Frames, source: Source, ahead: Ahead, smallest: int, packs: Path,
    say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return a training source's pictures with their codings, made first where there are none.

    Each is coded `source.versions` times at qualities spread over the range, part of them from a
    copy made smaller by a factor of its own, no side below `smallest`.
    """

    def entries() -> Iterator[Entry]:
        for i in range(len(frames)):
            picture, rng = np.asarray(frames[i].color), np.random.default_rng([VERSION, i])
            ways = _drawn(rng, ahead, source.versions)
            small = round(len(ways) * ahead.shrunk)
            yield from code(picture, ways[small:])
            yield from code(smaller(rng, picture, smallest), ways[:small])

    return packed(frames, f"{ahead} {source.versions} {smallest}", entries, packs, say)


def color_at(
    frames: Sequence[Frame], label: str, qualities: Sequence[int], ways: Sequence[tuple[int, str]],
    packs: Path, say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return validation pictures at fixed qualities, one after the other.

    Args:
        frames: with colour.
        label: of the source.
        qualities: of every picture, in this order.
        ways: (speed, tune); the pictures take them in turn.
        packs: the folder for packs.
        say: tells people that one is made.
    """

    def entries() -> Iterator[Entry]:
        for i, frame in enumerate(frames):
            way = ways[i % len(ways)]
            yield from code(np.asarray(frame.color), [Way(q, *way) for q in qualities])

    return packed(Listed(frames, label), f"{list(qualities)} {list(ways)}", entries, packs, say)


def code(
    picture: Picture, ways: Sequence[Way], extra: Mapping[str, str] | None = None
) -> Iterator[Entry]:
    """Yield a picture beside what AV1 leaves of it, for each way; `extra` is libaom's."""
    height, width = picture.shape[:2]
    for way in ways:
        data = avif.encode_color_as(
            picture, way.quality, way.speed, way.tune, threads=1, extra=extra
        )
        decoded = avif.decode_finely(data, height, width)
        yield frame_of(picture, decoded, way.quality, len(data)), asdict(way)


def frame_of(picture: Picture, decoded: NDArray[np.float32], quality: int, size: int) -> Frame:
    """Return a picture beside what a decoder shows of it, 0..255, in so many bytes."""
    height, width = picture.shape[:2]
    error = np.square(decoded - picture).mean(dtype=np.float64)
    coded = Coded(
        np.rint(decoded * LEVEL).astype(np.uint16),
        quality,
        float(np.sqrt(error)),
        8 * size / (height * width),
    )
    return Frame(picture, coded=coded)


def _drawn(rng: np.random.Generator, ahead: Ahead, count: int) -> list[Way]:
    """Return codings in random order, their qualities spread over the range."""
    qualities = rng.permutation(spread(rng, ahead.qualities, count)).tolist()
    return [
        Way(quality, int(rng.choice(ahead.speeds)), str(rng.choice(ahead.tunes)))
        for quality in qualities
    ]


def smaller(rng: np.random.Generator, picture: Picture, smallest: int) -> Picture:
    """Return a copy made smaller by a factor of its own, no side below `smallest`."""
    height, width = picture.shape[:2]
    factor = max(rng.uniform(_LEAST_SHRINK, _MOST_SHRINK), smallest / min(height, width))
    size = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
