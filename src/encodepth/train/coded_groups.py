"""Recordings that AV1 coded ahead of training, as the networks that restore them see them.

A recording is the frames of a source in order; of colour it may be a view that moves over each of
its photographs (`moved`). Groups of pictures are coded as files code them, and of each group some
pictures are kept: neighbours are near duplicates. Colour beside depth is grey, for recordings
restore depth without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..codings import av1_groups, av1_inter
from ..codings.base import Ask
from ..codings.restored_inter import depth_planes
from . import coded_color, coded_depth
from .batches import Frame, Frames
from .coded import VERSION, CodedFrames, Entry, packed, spread
from .config import Ahead, Source
from .moved import moved

_EVERY = 4  # pictures of a group, of which one is kept
_GREY = 128
Random = np.random.Generator


def groups_ahead(
    frames: Frames, source: Source, ahead: Ahead, of_depth: bool, packs: Path,
    say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return a training source's recordings with their codings, made first where there are none.

    They are coded `source.versions` times in groups of `source.group`, at qualities spread over the
    range.
    """

    def entries() -> Iterator[Entry]:
        for i, group in enumerate(_groups(frames, source)):
            rng = np.random.default_rng([VERSION, i])
            qualities = rng.permutation(spread(rng, ahead.qualities, source.versions)).tolist()
            for quality in qualities:
                effort = int(rng.choice(source.efforts))
                yield from (depth if of_depth else color)(group, quality, effort, rng)

    what = "depth" if of_depth else "color"
    settings = f"groups {what} {ahead.qualities} {source.efforts} {source.versions} {source.group}"
    return packed(frames, settings, entries, packs, say)


def color(group: Sequence[Frame], quality: int, effort: int, rng: Random) -> Iterator[Entry]:
    """Yield some of a group's pictures beside what AV1 leaves of them."""
    pictures = [np.asarray(frame.color) for frame in group]
    made = av1_inter.encode_group("color", pictures, Ask(quality=quality, effort=effort), ()) or []
    payloads, first = [one.payload for one in made], _first(rng, group)
    shown = av1_groups.iterate_group(payloads, pictures[0].shape, finely=True)
    for i, decoded in enumerate(shown):
        if i % _EVERY == first:
            frame = coded_color.frame_of(pictures[i], decoded, quality, len(payloads[i]))
            yield frame, {"quality": quality, "effort": effort}


def depth(group: Sequence[Frame], quality: int, effort: int, rng: Random) -> Iterator[Entry]:
    """Yield some of a group's planes beside what AV1 leaves of them."""
    measured, unit = [coded_depth.steps_of(frame) for frame in group], group[0].unit
    ask = Ask(quality=quality, effort=effort, unit=unit)
    made = av1_inter.encode_group("depth", measured, ask, ())
    if made is None:  # one distance everywhere, or none
        return
    first, grey = _first(rng, group), np.full((*measured[0].shape, 3), _GREY, np.uint8)
    for i, planes in enumerate(depth_planes(measured, made)):
        if i % _EVERY == first and planes[2].any():
            frame = coded_depth.frame_of(planes, grey, unit, quality, len(made[i].payload))
            yield frame, {"quality": quality, "effort": effort}


def _groups(frames: Frames, source: Source) -> Iterator[list[Frame]]:
    """Yield groups of a source."""
    if source.kind == "photos":
        pictures = [np.asarray(frames[i].color) for i in range(len(frames))]
        for i in range(len(pictures)):
            views = moved(np.random.default_rng([VERSION, i]), pictures, i, source.group)
            yield [Frame(view) for view in views]
    else:
        group: list[Frame] = []
        for frame in (frames[i] for i in range(len(frames))):
            if group and (len(group) == source.group or _kind(frame) != _kind(group[0])):
                yield group
                group = []
            group.append(frame)
        yield group


def _kind(frame: Frame) -> tuple[tuple[int, int], float]:
    """Return what is one for all frames of a group."""
    return frame.size, frame.unit


def _first(rng: Random, group: Sequence[Frame]) -> int:
    """Return the first picture of a group that is kept."""
    return int(rng.integers(min(_EVERY, len(group))))
