"""Depth as a colour picture, so that any RGB codec can carry it (thesis section 5.4).

A colour map is a curve through the RGB cube. It passes only 1000 to 1500 of the cube's colours,
so 16 bits cannot stay on it: that is where the thesis stopped. Two ways on, both here:

`paint` stays on the curve and is inverted to the nearest colour of it, for lossy codecs.
`embed` gives each of the 65536 values a colour of its own, as near to the curve as there is one
left, and is inverted exactly, for lossless codecs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError
from ..evaluate import ours
from ..evaluate.baselines import (
    RANGE_BYTES,
    SHORT_NAMES,
    conventional,
    decode_mask,
    depth_fields,
    encode_mask,
    fill_as_anchors,
    from_plane,
    lossless_rgb,
    timed,
    to_plane,
)
from ..evaluate.records import Record
from ..frame import RgbdImage

VALUES = 1 << 16
MAPS = ("jet", "turbo", "hue")
LOSSLESS = "jxl-lossless-rgb"
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


class ColorCodec(Protocol):
    """What a painted picture is handed to: a conventional codec, or ours (`ours.ColorOnly`)."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> str: ...

    @property
    def settings(self) -> tuple[float, ...]: ...

    def missing(self) -> str | None: ...

    @property
    def prepare(self) -> Callable[[NDArray], NDArray]: ...

    @property
    def encode(self) -> Callable[[NDArray, float], bytes]: ...

    @property
    def decode(self) -> Callable[[bytes, tuple[int, ...], float], NDArray]: ...

    @property
    def restore(self) -> Callable[[NDArray], NDArray[Any]]: ...


@dataclass(frozen=True)
class Painted:
    """A colour codec that codes depth through a colour map; measured as a depth codec.

    Painted: holes filled, depth mapped linearly over its range to 16 bits and painted; the mask
    and the range are coded and counted as for the conventional depth codecs. Embedded: every
    16-bit value has its own colour, holes among them, so a lossless codec needs nothing else.
    """

    map_name: str
    codec: ColorCodec
    embedded: bool = False

    @property
    def name(self) -> str:
        """`turbo+jxl-e7`, or `turbo-exact+...` where every value has its own colour."""
        return f"{self._head}+{self.codec.name}"

    @property
    def _head(self) -> str:
        return f"{self.map_name}-exact" if self.embedded else self.map_name

    @property
    def spec(self) -> str:
        """What finds it again in another process."""
        return f"{self._head}+{self.codec.spec}"

    @property
    def settings(self) -> tuple[float, ...]:
        """Those of the colour codec."""
        return self.codec.settings

    def modalities(self) -> tuple[str, ...]:
        """Depth only."""
        return ("depth",)

    def missing(self) -> str | None:
        """Say why the codec cannot run here, or None."""
        return self.codec.missing()

    def weights(self) -> str:
        """Fingerprint of our weights, or nothing where none take part."""
        return self.codec.weights() if isinstance(self.codec, ours.ColorOnly) else ""

    def measure(self, image: RgbdImage, setting: float) -> list[Record]:
        """Encode and decode the depth of one picture; the times include the colour map."""
        if image.depth is None or not image.depth.any():
            return []
        run = self._embedded if self.embedded else self._painted
        weights = self.weights()
        of = {"weights": weights} if weights else {}
        return [{**run(image.depth, image.depth_unit, setting), **of}]

    def _painted(self, depth: NDArray[np.uint16], unit: float, setting: float) -> Record:
        mask = encode_mask(depth > 0)
        valid = decode_mask(mask, depth.shape)
        low, high = int(depth[valid].min()), int(depth.max())
        plane = to_plane(fill_as_anchors(depth), low, high, bits=16)
        colors = find_map(self.map_name)
        colors.unpaint(colors.paint(plane[:1, :1]))  # make the tables outside the times
        data, encode_ms = timed(lambda: self._encode(colors.paint(plane), setting))
        codes, decode_ms = timed(lambda: colors.unpaint(self._decode(data, depth.shape, setting)))
        decoded = from_plane(codes, low, high, 16, valid)
        return {
            **depth_fields(len(data) + len(mask) + RANGE_BYTES, decoded, depth, unit),
            "encode_ms": encode_ms,
            "decode_ms": decode_ms,
            "mask_bytes": len(mask),
        }

    def _embedded(self, depth: NDArray[np.uint16], unit: float, setting: float) -> Record:
        colors = find_map(self.map_name)
        colors.extract(colors.embed(depth[:1, :1]))  # make the tables outside the times
        data, encode_ms = timed(lambda: self._encode(colors.embed(depth), setting))
        decoded, decode_ms = timed(lambda: colors.extract(self._decode(data, depth.shape, setting)))
        return {
            **depth_fields(len(data), decoded, depth, unit),
            "encode_ms": encode_ms,
            "decode_ms": decode_ms,
        }

    def _encode(self, rgb: NDArray[np.uint8], setting: float) -> bytes:
        return self.codec.encode(self.codec.prepare(rgb), setting)

    def _decode(self, data: bytes, shape: tuple[int, ...], setting: float) -> NDArray[np.uint8]:
        return self.codec.restore(self.codec.decode(data, (*shape, 3), setting))


def parse(name: str) -> Painted | None:
    """Read a name such as `turbo+avif-aom-444-s6`, `jet-exact+jxl-lossless-rgb` or `turbo+base`.

    Returns:
        None if the name does not begin with a colour map.

    Raises:
        EncodepthError: what follows the map is no colour codec, or the map is made exact for one
            that is not.
    """
    head, _, codec_name = name.partition("+")
    map_name = head.removesuffix("-exact")
    if map_name not in _CURVES or not codec_name:
        return None
    codec, exact = _color_codec(codec_name)
    embedded = head != map_name
    if embedded and not exact:
        raise EncodepthError(
            f'"{name}" needs a lossless colour codec, {LOSSLESS} or base+lossless; '
            f"{map_name}+{codec_name} is the way for one with losses"
        )
    return Painted(map_name, codec, embedded)


def _color_codec(name: str) -> tuple[ColorCodec, bool]:
    """Return a colour codec and whether it keeps every value."""
    known = {c.name: c for c in (*conventional(), lossless_rgb()) if c.modality == "color"}
    short = {s: found[0] for s, names in SHORT_NAMES.items() if (found := _of_color(names, known))}
    if name in known or name in short:
        chosen = known[short.get(name, name)]
        return chosen, chosen.name == LOSSLESS
    own = ours.parse(name)
    if own.way == "bound":
        raise EncodepthError(f'"{name}" codes depth alone; a colour map needs a colour codec')
    if own.model != ours.DEFAULT and not ours.is_model(own.model):
        near = get_close_matches(own.model, [ours.DEFAULT, *short, *known], n=1, cutoff=0.6)
        hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}, base"
        raise EncodepthError(f'no colour codec "{name}"; {hint}')
    return ours.ColorOnly(own), own.way == "lossless"


def _of_color(names: Sequence[str], known: Mapping[str, object]) -> list[str]:
    return [name for name in names if name in known]


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
