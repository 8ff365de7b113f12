"""Depth as a colour picture, so that any RGB codec can carry it (thesis section 5.4).

A colour map is a curve through the RGB cube. It passes only 1000 to 1500 of the cube's colours,
so 16 bits cannot stay on it: that is where the thesis stopped. Two ways on, both here:

`paint` stays on the curve and is inverted to the nearest colour of it, for lossy codecs.
`embed` gives each of the 65536 values a colour of its own, as near to the curve as there is one
left, and is inverted exactly, for lossless codecs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError

VALUES = 1 << 16
MAPS = ("jet", "turbo", "hue")
_CHUNK = 4096  # colours compared with the whole curve at a time

# Fifth-degree fit of Turbo by its author (A. Mikhailov 2019, thesis reference [49]), in 0..1
_TURBO = np.array(
    [
        [0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943],
        [0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604],
        [0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973],
    ]
)


@dataclass(frozen=True)
class ColorMap:
    """A curve of colours for the codes 0..65535, and the ways to and from it."""

    name: str
    curve: NDArray[np.uint8]  # (65536, 3); neighbouring codes mostly share a colour

    def paint(self, codes: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Colour each code by the curve: (H, W) to (H, W, 3). Rounds by half a curve step."""
        return self.curve[codes]

    def unpaint(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """Return the code in the middle of those with the nearest colour of the curve, (H, W)."""
        colors, middles = self._steps
        packed, where = np.unique(_pack(rgb), return_inverse=True)
        wanted = _unpack(packed)
        nearest = np.empty(len(packed), np.uint16)
        for start in range(0, len(packed), _CHUNK):
            part = wanted[start : start + _CHUNK].astype(np.float32)
            # |c - p|^2 without |p|^2, which is the same for every c
            distance = np.square(colors).sum(1) - 2 * part @ colors.T
            nearest[start : start + _CHUNK] = middles[distance.argmin(1)]
        return nearest[where].reshape(rgb.shape[:2])

    def embed(self, codes: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Colour each code by a colour that no other code has: (H, W) to (H, W, 3)."""
        return self._own_colors[codes]

    def extract(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """Invert `embed` exactly; a colour that it never gives is unpainted instead."""
        packed = _pack(rgb)
        order, ranked = self._ranked
        at = np.minimum(np.searchsorted(ranked, packed), VALUES - 1)
        codes = order[at].astype(np.uint16)
        unknown = ranked[at] != packed
        if unknown.any():
            codes[unknown] = self.unpaint(rgb[unknown][None])[0]
        return codes

    @cached_property
    def deviation(self) -> int:
        """Largest difference, in levels of a channel, of an embedded colour from the curve's."""
        return int(np.abs(self._own_colors.astype(int) - self.curve).max())

    @cached_property
    def _steps(self) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
        """Distinct colours of the curve, (N, 3), and the middle of the codes that have each."""
        starts = _run_starts(self.curve)
        ends = np.append(starts[1:], VALUES) - 1
        return self.curve[starts].astype(np.float32), ((starts + ends) // 2).astype(np.uint16)

    @cached_property
    def _own_colors(self) -> NDArray[np.uint8]:
        """Go along the curve and give each run of equal colours the nearest ones not yet taken."""
        taken = np.zeros((256, 256, 256), bool)
        own = np.empty((VALUES, 3), np.uint8)
        starts = _run_starts(self.curve)
        for start, end in zip(starts, np.append(starts[1:], VALUES), strict=True):
            center = self.curve[start].astype(int)
            ahead = self.curve[min(int(end), VALUES - 1)].astype(int) - center
            near = _nearest_free(taken, center, int(end - start))
            along = near[np.lexsort((*near.T, near @ ahead))]
            taken[tuple(along.T)] = True
            own[start:end] = along
        return own

    @cached_property
    def _ranked(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Codes in the order of their own colours, and those colours packed."""
        packed = _pack(self._own_colors)
        order = np.argsort(packed, kind="stable")
        return order, packed[order]


def find_map(name: str) -> ColorMap:
    """Return the colour map "jet", "turbo" or "hue" (made once: the same object every time).

    Raises:
        EncodepthError: there is no such map.
    """
    if name not in _CURVES:
        raise EncodepthError(f'no colour map "{name}"; there are {", ".join(_CURVES)}')
    return _made(name)


@lru_cache(maxsize=8)
def _made(name: str) -> ColorMap:
    return ColorMap(name, np.clip(np.rint(_CURVES[name]()), 0, 255).astype(np.uint8))


def _turbo() -> NDArray[np.float64]:
    t = np.linspace(0, 1, VALUES)
    return 255 * np.stack([np.polyval(row[::-1], t) for row in _TURBO], axis=1)


def _polyline(*corners: tuple[int, int, int]) -> NDArray[np.float64]:
    """Walk from corner to corner of the RGB cube so that a code is worth the same everywhere."""
    points = np.array(corners, np.float64)
    lengths = np.abs(np.diff(points, axis=0)).max(1)
    at = np.append(0, np.cumsum(lengths))
    along = np.linspace(0, at[-1], VALUES)
    return np.stack([np.interp(along, at, points[:, channel]) for channel in range(3)], axis=1)


_CURVES: dict[str, Callable[[], NDArray[np.float64]]] = {
    "jet": partial(
        _polyline,
        (0, 0, 128), (0, 0, 255), (0, 255, 255), (255, 255, 0), (255, 0, 0), (128, 0, 0),
    ),
    "turbo": _turbo,
    # all hues once; the ends are neighbours, one level apart, so that errors can wrap around
    "hue": partial(
        _polyline,
        (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255),
        (255, 0, 1),
    ),
}  # fmt: skip


def _run_starts(curve: NDArray[np.uint8]) -> NDArray[np.int64]:
    changes = (np.diff(curve.astype(int), axis=0) != 0).any(1)
    return np.append(0, np.nonzero(changes)[0] + 1)


def _nearest_free(taken: NDArray[np.bool_], center: NDArray, count: int) -> NDArray[np.int64]:
    """Return the `count` free colours nearest to a colour, (count, 3); ties by colour."""
    radius = 6
    while True:
        low, high = np.maximum(center - radius, 0), np.minimum(center + radius, 255) + 1
        box = taken[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        free = np.argwhere(~box) + low
        distance = np.square(free - center).sum(1)
        inside = distance <= radius**2  # further out, the box leaves colours of equal distance out
        if inside.sum() >= count:
            free, distance = free[inside], distance[inside]
            return free[np.argsort(distance, kind="stable")[:count]]
        radius *= 2


def _pack(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    wide = rgb.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _unpack(packed: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)
