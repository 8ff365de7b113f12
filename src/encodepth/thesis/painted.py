"""Depth through a colour map and an RGB codec, as something to measure (thesis section 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError
from ..evaluate import kinds, ours
from ..evaluate.baselines import conventional, lossless_rgb, short_names
from ..evaluate.fields import depth_fields, timed
from ..evaluate.plane import (
    RANGE_BYTES,
    decode_mask,
    encode_mask,
    fill_as_anchors,
    from_plane,
    to_plane,
)
from ..evaluate.records import Record
from ..frame import RgbdImage
from .colormap import MAPS, find_map

LOSSLESS = "jxl-lossless-rgb"


@dataclass(frozen=True)
class ColorOnly:
    """Our coding of colour behind the calls of a conventional codec: one file per picture.

    For what is painted by a colour map (thesis section 5.4), and wherever else an RGB codec fits.
    """

    ours: ours.Ours

    @property
    def name(self) -> str:
        """As in records."""
        return self.ours.name

    @property
    def spec(self) -> str:
        """What finds it again in another process."""
        return self.ours.spec

    @property
    def settings(self) -> tuple[float, ...]:
        """Qualities, or a single 0 where nothing is lost."""
        return self.ours.settings

    def missing(self) -> str | None:
        """Say why it cannot run here, or None."""
        return self.ours.missing()

    def weights(self) -> str:
        """Fingerprint of the weights, or nothing where none take part."""
        return self.ours.weights()

    def prepare(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Leave the picture as it is."""
        return rgb

    def encode(self, rgb: NDArray[np.uint8], setting: float) -> bytes:
        """Return a whole .rgbd file of colour alone."""
        image = RgbdImage(color=rgb)
        return ours.codec_of(self.ours.model).encode(image, **self.ours.arguments(image, setting))

    def decode(self, data: bytes, shape: tuple[int, ...], setting: float) -> NDArray[np.uint8]:
        """Return the decoded picture, (H, W, 3)."""
        color = ours.codec_of(self.ours.model).decode(data).color
        assert color is not None
        return color

    def restore(self, decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Leave the picture as it is."""
        return decoded


class ColorCodec(Protocol):
    """What a painted picture is handed to: a conventional codec, or ours (`ColorOnly`)."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> str: ...

    @property
    def settings(self) -> tuple[float, ...]: ...

    def missing(self) -> str | None: ...

    def weights(self) -> str: ...

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
        return self.codec.weights()

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
    if map_name not in MAPS or not codec_name:
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
    short = {
        s: found[0]
        for s, names in short_names().items()
        if (found := [n for n in names if n in known])
    }
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
    return ColorOnly(own), own.way == "lossless"


# What `kinds` asks of a module ----------------------------------------------------------------


def usual() -> list[str]:
    """None: they are made of a map and a codec."""
    return []


def names() -> list[str]:
    """The colour maps, with which a name begins."""
    return list(MAPS)


def knows(name: str) -> bool:
    """Whether a codec in a record went through a colour map."""
    head, _, rest = name.partition("+")
    return bool(rest) and head.removesuffix("-exact") in MAPS


def title(name: str) -> str:
    """Return what a page calls a codec: `turbo+jp2k-8b` is "turbo + JPEG 2000"."""
    head, _, rest = name.partition("+")
    kind = kinds.kind_of(rest)
    inner = kind.offer("title")(rest) if kind else rest
    return f"{head.replace('-exact', ' exact')} + {inner}"


def is_bounded(name: str) -> bool:
    """Say no: a colour map bounds nothing."""
    return False


def find(
    name: str, chosen: tuple[float, ...] | None = None, qualities: Sequence[float] | None = None
) -> list[tuple[Painted, tuple[float, ...]]] | None:
    """Return the codec of that name, None if it does not begin with a colour map.

    Raises:
        EncodepthError: as `parse`.
    """
    found = parse(name)
    return None if found is None else [(found, chosen or found.settings)]
