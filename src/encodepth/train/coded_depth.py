"""Depth that AV1 coded ahead of training, as the network that restores it sees it.

Mapped as files map it (`codings/depth.py`), so that a quality stands for an error in mm here too,
beside colour as AV1 leaves it at a quality of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codings import av1_color, av1_frames, depth
from ..codings.base import Ask
from .batches import Coded, Frame, Frames
from .coded import VERSION, CodedFrames, Entry, Listed, packed, spread
from .config import Ahead, Source

_LEVEL = 16  # of a code, in what is kept of planes
_TOP = av1_frames.TOP * _LEVEL
_EFFORT = 6  # of depth; a network that corrects one effort corrects all
_COLOR_EFFORT, _MIDDLE = 3, 50

Plane = NDArray[Any]


def depth_ahead(
    frames: Frames, source: Source, ahead: Ahead, packs: Path, say: Callable[[str], None]
) -> CodedFrames:
    """Return a training source's pairs with their codings, made first where there are none.

    Each is coded `source.versions` times at qualities of depth spread over the range, its colour
    once, at a quality drawn from all of it.
    """

    def entries() -> Iterator[Entry]:
        for i in range(len(frames)):
            rng = np.random.default_rng([VERSION, i])
            qualities = spread(rng, ahead.qualities, source.versions).tolist()
            of_color = int(rng.integers(*ahead.qualities, endpoint=True))
            yield from code(frames[i], of_color, qualities)

    settings = f"depth {ahead.qualities} {source.versions} {_EFFORT} {_COLOR_EFFORT}"
    return packed(frames, settings, entries, packs, say)


def depth_at(
    frames: Sequence[Frame], label: str, qualities: Sequence[int], packs: Path,
    say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return validation pairs at fixed qualities of depth, one after the other."""

    def entries() -> Iterator[Entry]:
        for frame in frames:
            yield from code(frame, _MIDDLE, qualities)

    settings = f"depth {list(qualities)} {_EFFORT} {_COLOR_EFFORT}"
    return packed(Listed(frames, label), settings, entries, packs, say)


def code(frame: Frame, color_quality: int, qualities: Sequence[int]) -> Iterator[Entry]:
    """Yield a pair's depth at each quality, beside its colour as AV1 leaves it at one."""
    assert frame.color is not None
    measured = steps_of(frame)
    shape, seen = measured.shape, np.ascontiguousarray(frame.color)
    stream = av1_color.encode_color(seen, color_quality, _COLOR_EFFORT)
    color = av1_color.decode_color(stream, *shape)
    for quality in qualities:
        mapped = depth.to_plane(measured, Ask(quality=quality, unit=frame.unit))
        if mapped is None:
            return
        data = av1_frames.encode_plane(mapped.plane, mapped.quality, _EFFORT)
        decoded = av1_frames.decode_plane(data, *shape)
        inside = (measured > 0) & ((measured <= mapped.far) if mapped.far else True)
        facts = {"quality": mapped.quality, "low": mapped.low, "high": mapped.high}
        planes = decoded, mapped.plane, inside
        yield frame_of(planes, color, frame.unit, quality, len(data)), facts


def steps_of(frame: Frame) -> Plane:
    """Return a frame's depth in steps, 0 where nothing was measured."""
    assert frame.depth is not None
    assert frame.valid is not None
    return np.where(frame.valid, frame.depth, 0).astype(np.uint16)


def frame_of(
    planes: tuple[Plane, Plane, Plane], color: Plane, unit: float, quality: int, size: int
) -> Frame:
    """Return a plane beside what a decoder shows of it, in so many bytes.

    Args:
        planes: what it shows and what was coded, both in [0, 1], and where that was measured.
        color: beside it.
        unit: metres per step of the depth that was mapped.
        quality: it was coded at.
        size: bytes.
    """
    decoded, wanted, inside = planes
    error = np.square(decoded - wanted)[inside].mean(dtype=np.float64)
    coded = Coded(
        np.rint(decoded[..., None] * _TOP).astype(np.uint16),
        quality,
        av1_frames.TOP * float(np.sqrt(error)),
        8 * size / wanted.size,
        _TOP,
    )
    target = np.rint(wanted.clip(0, 1) * _TOP).astype(np.uint16)
    return Frame(color, target, inside, 0, _TOP, unit, coded)
