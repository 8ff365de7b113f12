"""Real decoded pictures for the report: the same frame through several codecs at like rates.

Whatever is shown is coded and decoded here, from real bytes, and measured into records of its own
(pictures.jsonl beside the page), so that also the numbers under a picture have a record file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codec import parse
from ..errors import EncodepthError, InvalidImageError
from ..evaluate import baselines as anchors
from ..evaluate import ours
from ..evaluate.records import Record
from ..frame import RgbdImage
from ..io.pictures import read

COLOR_CODECS = ("jpeg-turbo-420", "jxl-e7", "avif-aom-444-s6", "hevc-x265-444-slow")
DEPTH_CODECS = ("jp2k-16b-lin", "hevc-x265-12b-lin", "avif-aom-12b-s4-lin")
COLOR_RATE = 0.17  # bits per pixel; the middle row of the thesis's Table 8
DEPTH_RATES = (0.05, 0.1, 0.2)
SET = "pictures"
_HALVINGS = 2  # of the gap between two settings, to come near a rate


@dataclass(frozen=True, eq=False)
class Decoded:
    """One decoded part of a frame, with the record that measures it."""

    codec: str
    target: float  # bits per pixel that were aimed at
    picture: NDArray
    record: Record


@dataclass(frozen=True, eq=False)
class Scene:
    """One original frame and what codecs made of it."""

    name: str
    image: RgbdImage
    color: list[Decoded] = field(default_factory=list)
    depth: list[Decoded] = field(default_factory=list)

    def records(self) -> list[Record]:
        """The records of everything decoded."""
        return [d.record for d in (*self.color, *self.depth)]


Trial = tuple[int, Any]
"""(bytes, what decoding them takes)."""


@dataclass(frozen=True)
class _Coder:
    """One codec on one picture: `size` of a setting, `decode` at it."""

    name: str
    settings: tuple[float, ...]
    whole: bool  # settings are whole numbers
    size: Callable[[float], int]
    decode: Callable[[float], NDArray]
    halvings: int = _HALVINGS


def own_codec() -> str:
    """Our codec as it can run here: the default model, or our files with AVIF inside."""
    return "base" if ours.parse("base").missing() is None else "base+avif"


def read_scene(folder: str | os.PathLike[str]) -> tuple[str, RgbdImage]:
    """Read a folder's one colour picture and depth map: `color.*`, `depth.*`.

    The camera and the depth unit come from `cameras.json` in the folder above, under its name.

    Raises:
        EncodepthError: a part is missing, or is no picture.
    """
    place = Path(folder)
    parts = [sorted(place.glob(f"{name}.*")) for name in ("color", "depth")]
    if not all(parts):
        raise InvalidImageError(f"{place} has no color.* and depth.*; expected one picture pair")
    table = place.parent / "cameras.json"
    try:
        known = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}
    except (OSError, ValueError):
        raise EncodepthError(f"{table} cannot be read as JSON") from None
    camera = known.get(place.name, {})
    image = read(
        parts[0][0],
        parts[1][0],
        depth_unit=camera.get("depth_unit", 0.001),
        intrinsics=camera.get("intrinsics"),
    )
    return place.name, image


def decode_scene(name: str, image: RgbdImage, *, stop: Callable[[], bool] = lambda: False) -> Scene:
    """Code and decode the frame with every codec that is installed, until told to stop."""
    scene = Scene(name, image)
    known = {codec.name: codec for codec in anchors.conventional()}
    own = _Own(own_codec(), image)
    assert image.color is not None
    assert image.depth is not None
    color = (*_conventional(known, COLOR_CODECS, image), own.coder("color"))
    depth = (*_conventional(known, DEPTH_CODECS, image), own.coder("depth"))
    for coder in color:
        if not stop():
            scene.color.extend(_at_rates(scene, coder, (COLOR_RATE,), "color"))
    for coder in depth:
        if not stop():
            scene.depth.extend(_at_rates(scene, coder, DEPTH_RATES, "depth"))
    return scene


def near_rate(
    size: Callable[[float], int],
    settings: Sequence[float],
    target: float,
    *,
    whole: bool = True,
    halvings: int = _HALVINGS,
) -> float:
    """Return the setting whose bytes come nearest to `target`, by ratio.

    Searches the given settings, along which the bytes only grow or only shrink, by halves; then
    halves the gap around the target a few times more.
    """
    tried: dict[float, int] = {}

    def bytes_of(setting: float) -> int:
        if setting not in tried:
            tried[setting] = size(setting)
        return tried[setting]

    growing = bytes_of(settings[-1]) > bytes_of(settings[0])
    low, high = (0, len(settings) - 1) if growing else (len(settings) - 1, 0)
    while abs(high - low) > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bytes_of(settings[middle]) <= target else (low, middle)
    smaller, larger = settings[low], settings[high]
    for _ in range(halvings if bytes_of(smaller) <= target <= bytes_of(larger) else 0):
        between = (smaller + larger) / 2
        between = float(round(between)) if whole else between
        if between in tried:
            break
        if bytes_of(between) <= target:
            smaller = between
        else:
            larger = between
    return min(tried, key=lambda setting: abs(math.log(tried[setting] / target)))


def _at_rates(scene: Scene, coder: _Coder, rates: Iterable[float], modality: str) -> list[Decoded]:
    original = scene.image.color if modality == "color" else scene.image.depth
    assert original is not None
    pixels = original.shape[0] * original.shape[1]
    found: dict[float, Decoded] = {}
    for rate in rates:
        setting = near_rate(
            coder.size,
            coder.settings,
            rate * pixels / 8,
            whole=coder.whole,
            halvings=coder.halvings,
        )
        if setting in found:
            continue
        decoded, size = coder.decode(setting), coder.size(setting)
        if modality == "color":
            fields = anchors.color_fields(size, decoded, original)
        else:
            fields = anchors.depth_fields(size, decoded, original, scene.image.depth_unit)
        head = {"set": SET, "sequence": scene.name, "frame": scene.name, "modality": modality}
        plain = int(setting) if setting == int(setting) else setting
        record = {**head, "codec": coder.name, "setting": plain, **fields}
        found[setting] = Decoded(coder.name, rate, decoded, record)
    return list(found.values())


def _conventional(
    known: dict[str, anchors.Conventional], names: Sequence[str], image: RgbdImage
) -> list[_Coder]:
    here = [known[name] for name in names if name in known and known[name].missing() is None]
    return [_wrapped(codec, image) for codec in here]


def _wrapped(codec: anchors.Conventional, image: RgbdImage) -> _Coder:
    """Run a conventional codec in the pipeline of its records."""
    source = image.color if codec.modality == "color" else image.depth
    assert source is not None
    restore, beside = codec.restore, 0
    if codec.bits:
        valid, holes = source > 0, anchors.encode_mask(source > 0)
        low, high = int(source[valid].min()), int(source.max())
        plane = anchors.to_plane(anchors.fill_as_anchors(source), low, high, codec.bits)
        beside = len(holes) + anchors.RANGE_BYTES
        restore = partial(anchors.from_plane, low=low, high=high, bits=codec.bits, valid=valid)
    else:
        plane = codec.prepare(source)

    @cache
    def coded(setting: float) -> bytes:
        return codec.encode(plane, setting)

    return _Coder(
        codec.name,
        codec.settings,
        whole=not codec.name.startswith("jxl"),
        size=lambda setting: len(coded(setting)) + beside,
        decode=lambda setting: restore(codec.decode(coded(setting), plane.shape, setting)),
    )


class _Own:
    """Our codec on a pair: one file per quality; depth is charged all but the colour's part.

    The colour stream never sees depth, so colour's rate is found with files of colour alone, and
    depth's at few qualities: a learned file takes seconds.
    """

    def __init__(self, name: str, image: RgbdImage) -> None:
        from ..codec import Codec

        self.name, self.image, self.codec = name, image, Codec("base")
        self.way = ours.parse(name).way
        self.files: dict[tuple[int, str], bytes] = {}

    def coder(self, modality: str) -> _Coder:
        """Return one modality of it."""
        qualities = (5, 20, 40, 60, 80, 95) if modality == "color" else (5, 20, 35, 50, 65, 80)
        return _Coder(
            self.name,
            tuple(map(float, qualities)),
            whole=True,
            size=lambda setting: self._size(setting, modality),
            decode=lambda setting: self._decoded(setting, modality),
            halvings=_HALVINGS if modality == "color" else 0,
        )

    def _file(self, setting: float, modality: str) -> bytes:
        name = (round(setting), modality)
        if name not in self.files:
            image = RgbdImage(self.image.color) if modality == "color" else self.image
            self.files[name] = self.codec.encode(image, quality=name[0], coder=self.way)
        return self.files[name]

    def _size(self, setting: float, modality: str) -> int:
        data = self._file(setting, modality)
        if modality == "color":
            return len(data)
        return len(data) - len(parse(data).only("color").serialize())

    def _decoded(self, setting: float, modality: str) -> NDArray[Any]:
        image = self.codec.decode(self._file(setting, modality))
        part = image.color if modality == "color" else image.depth
        assert part is not None
        return np.asarray(part)
