"""The quality at which a recording has about so many bytes a second, from a few of its groups.

One quality serves the whole recording, so that it looks alike throughout; bytes go up and down with
what is seen. The groups that are tried are coded whole at each quality.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..container.chunk import Chunk, Part
from ..errors import InvalidSettingError
from ..frame import Frame
from ..learned.models import Models
from ..plan import LOSSY
from ..settings import Settings
from .group import GroupEncoder

GROUPS = 3  # that are tried
WITHIN = 0.05  # of the target


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        quality: for the whole recording.
        bytes_per_frame: of the groups that were tried, at that quality.
        groups: how many were.
    """

    quality: int
    bytes_per_frame: float
    groups: int


def sampled(count: int, key_interval: int) -> list[range]:
    """Return the frames of at most GROUPS groups, spread over a recording as it will be cut."""
    groups = [range(i, min(i + key_interval, count)) for i in range(0, count, key_interval)]
    if len(groups) <= GROUPS:
        return groups
    return [groups[round((i + 0.5) * len(groups) / GROUPS - 0.5)] for i in range(GROUPS)]


def search(
    groups: Sequence[Sequence[Frame]],
    bytes_per_frame: float,
    settings: Settings,
    *,
    model: str = "base",
    device: str = "auto",
    live: bool = False,
    tried: Callable[[int, float], None] | None = None,
) -> Searched:
    """Return the quality whose bytes are nearest to what is wanted.

    Args:
        groups: frames of some groups of pictures; no empty one.
        bytes_per_frame: what is wanted, on average.
        settings: what else is asked; without a quality.
        model, device, live: as `Writer` takes them.
        tried: called with each quality and its bytes a frame.

    Raises:
        InvalidSettingError: nothing is lossy, a quality is given, or quality 0 is too large.
    """
    held = {name for group in groups for frame in group for name in frame.image.held}
    if not any(settings.ask(name) == LOSSY for name in held):
        raise InvalidSettingError("target_bitrate searches a quality, and there is none to search")
    if settings.quality is not None:
        raise InvalidSettingError("quality and target_bitrate contradict each other")
    models = Models(model, device=device)
    known: dict[int, float] = {}

    def size(quality: int) -> float:
        if quality not in known:
            asked = replace(settings, quality=quality)
            known[quality] = _mean([_bytes(group, asked, models, live) for group in groups], groups)
            if tried is not None:
                tried(quality, known[quality])
        return known[quality]

    low, high = 0, 100
    if size(low) > bytes_per_frame * (1 + WITHIN):
        raise InvalidSettingError(
            f"at quality 0 frames still have {size(low):,.0f} bytes on average; the target leaves "
            f"{bytes_per_frame:,.0f}"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= bytes_per_frame else (low, middle)
    ends = (low, high) if abs(size(low) / bytes_per_frame - 1) > WITHIN / 5 else (low,)
    best = min(ends, key=lambda q: abs(size(q) / bytes_per_frame - 1))
    return Searched(best, size(best), len(groups))


def _bytes(group: Sequence[Frame], settings: Settings, models: Models, live: bool) -> int:
    images = [frame.image for frame in group]
    unit = next((i.depth_unit for i in images if i.depth is not None), images[0].depth_unit)
    coded = GroupEncoder(settings, models, unit, live).encode(group)
    if live:
        return sum(len(Chunk(0, (frame,), Part.FURTHER).serialize()) for frame in coded)
    return len(Chunk(0, tuple(coded)).serialize())


def _mean(sizes: Sequence[int], groups: Sequence[Sequence[Frame]]) -> float:
    return sum(sizes) / sum(len(group) for group in groups)
