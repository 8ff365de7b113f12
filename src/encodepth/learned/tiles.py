"""A plane cut into tiles: what each gives, and the larger area that it must see for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Area = tuple[slice, slice]


@dataclass(frozen=True)
class Window:
    """A tile.

    Attributes:
        core: what it gives.
        wide: what it sees: the core and a halo, within the plane.
    """

    core: Area
    wide: Area

    @property
    def inner(self) -> Area:
        """The core, seen from the wide area."""
        (cy, cx), (wy, wx) = self.core, self.wide
        return _moved(cy, -wy.start), _moved(cx, -wx.start)


def windows(size: tuple[int, int], side: int, halo: int) -> Iterator[Window]:
    """Yield the tiles of a plane (h, w) in reading order, each at most `side` wide and high."""
    height, width = size
    for top in range(0, height, side):
        for left in range(0, width, side):
            core = slice(top, min(top + side, height)), slice(left, min(left + side, width))
            rows, columns = (
                slice(max(s.start - halo, 0), min(s.stop + halo, n))
                for s, n in zip(core, size, strict=True)
            )
            yield Window(core, (rows, columns))


def extent(area: Area) -> tuple[int, int]:
    """Return height and width of an area."""
    return area[0].stop - area[0].start, area[1].stop - area[1].start


def times(area: Area, factor: int) -> Area:
    """Return the area in units that are `factor` times smaller."""
    rows, columns = (slice(s.start * factor, s.stop * factor) for s in area)
    return rows, columns


def _moved(area: slice, by: int) -> slice:
    return slice(area.start + by, area.stop + by)
