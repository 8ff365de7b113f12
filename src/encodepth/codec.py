"""RgbdImage <-> .rgbd bytes: the one place where pictures, coders and the container meet.

Colour is coded first; depth of the same size may then lean on it (`streams`). A target of bytes or
error is met by making the file again with other qualities (`search`). Torch is imported only when
a network takes part (`networks.loaded`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .container import Coding, Container, Kind, Stream
from .errors import InvalidImageError
from .frame import INVALID, RgbdImage
from .networks.loaded import Loaded
from .search import Setting, depth_within, file_within
from .streams import (
    Seen,
    decode_color,
    decode_color_context,
    decode_depth,
    depth_rmse,
    encode_color,
    encode_depth,
)

if TYPE_CHECKING:
    from .networks.loaded import Model

DEFAULT_MODEL = "base"
DEFAULT_QUALITY = 50
DEFAULT_EFFORT = 7
MODALITIES = ("color", "depth")
CODERS = ("auto", "learned", "avif", "jxl")

_MAX_ERROR = 32767  # steps; beyond it every depth may become one value anyway


class Codec:
    """Encodes and decodes, keeping the weights between calls.

    Args:
        model: a shipped model's name, a weights file, or a loaded model.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
    """

    def __init__(
        self, model: str | os.PathLike[str] | Model = DEFAULT_MODEL, device: str = "auto"
    ) -> None:
        self._loaded = Loaded(model, device)

    def encode(
        self,
        image: RgbdImage,
        *,
        quality: int = DEFAULT_QUALITY,
        depth_quality: int | None = None,
        target_bytes: int | None = None,
        target_rmse: float | None = None,
        max_depth_error: float | None = None,
        lossless: str | Iterable[str] = (),
        coder: str | Mapping[str, str] = "auto",
        effort: int = DEFAULT_EFFORT,
    ) -> bytes:
        """Return the picture as the bytes of an .rgbd file.

        Args:
            image: colour, depth or both.
            quality: 0 (small) .. 100 (good), for lossy streams.
            depth_quality: the same for depth alone; `quality` if None.
            target_bytes: what the whole file may have at most. The qualities that are not given
                are searched, from `quality` on, until it has at most 3 % less.
            target_rmse: millimetres, root of the mean squared error over the valid pixels of
                depth; its quality is searched until it is met within 3 %.
            max_depth_error: millimetres no valid depth pixel may be off by; holes stay holes.
            lossless: "color", "depth", "both", or names: what to keep exactly.
            coder: "learned", "avif", "jxl" (keeps exactly, so without a quality), "auto" (what
                measured best at that effort), or one of these for each of "color" and "depth".
            effort: 1 (fast) .. 9 (small).

        Raises:
            ModelNotFoundError: a learned stream was asked for and there are no weights.
            InvalidImageError: the picture cannot be brought to a target at any quality.
            ValueError: an argument is out of its range, or contradicts another.
        """
        _check_range("quality", quality, 0, 100)
        _check_range("depth_quality", quality if depth_quality is None else depth_quality, 0, 100)
        _check_range("effort", effort, 1, 9)
        coders, exact = _coders(coder), _names(lossless)
        error = 0
        if "color" in exact:
            coders["color"] = "jxl"
        if "depth" in exact or max_depth_error is not None:
            coders["depth"] = "jxl"
            if "depth" not in exact and max_depth_error is not None:
                error = _steps(max_depth_error, image.depth_unit)
        job = _Job(image, self._loaded, coders, effort, error)
        fixed = None if depth_quality is None else Setting(depth_quality)
        if target_rmse is not None:
            job.aim(target_rmse, fixed)
        if target_bytes is not None:
            return job.fit(target_bytes, quality, fixed)
        return job.file(quality, fixed or Setting(quality))

    def decode(self, data: bytes, *, streams: str | Iterable[str] = MODALITIES) -> RgbdImage:
        """Return the picture in the bytes of an .rgbd file.

        Args:
            data: the whole file.
            streams: "color", "depth" or both; what the file lacks is left out.

        Raises:
            CorruptFileError: the bytes are not a whole, valid .rgbd file.
            ModelNotFoundError: the weights a learned stream needs are not installed.
            DesyncError: a learned stream decoded to other symbols than were encoded.
            InvalidImageError: the file holds nothing of what was asked.
        """
        container = Container.parse(data)
        wanted = _names(streams)
        color, depth = container.stream(Kind.COLOR), container.stream(Kind.DEPTH)
        want_color = color is not None and "color" in wanted
        want_depth = depth is not None and "depth" in wanted
        if not (want_color or want_depth):
            held = " and ".join(s.kind.name.lower() for s in container.streams)
            raise InvalidImageError(f"the file holds no {' or '.join(wanted)}; it holds {held}")
        pixels, guide, steps = None, None, None
        leans = depth.coding if depth is not None and want_depth and depth.depends else None
        if color is not None and (want_color or leans == Coding.RESTORED):
            pixels, guide = decode_color(color, container.color_size, self._loaded)
        elif color is not None and leans is not None:
            guide = decode_color_context(color, container.color_size, self._loaded)
        if depth is not None and want_depth:
            mask = container.stream(Kind.MASK)
            seen = Seen() if leans is None else Seen(guide, lambda: pixels)
            steps = decode_depth(depth, mask, container.depth_size, seen, self._loaded)
            if depth.coding != Coding.EXACT or depth.max_error:  # 65535 would be a hole
                steps = np.minimum(steps, INVALID - 1)
        if not want_color:
            pixels = None
        return RgbdImage(pixels, steps, container.depth_unit, container.intrinsics)


@dataclass
class _Job:
    """One picture on its way into a file; what a search tries shares its streams."""

    image: RgbdImage
    models: Loaded
    coders: dict[str, str]  # of "color" and "depth"
    effort: int
    error: int  # bound in steps for exact depth
    rmse: float | None = None  # millimetres, where depth is to meet an error
    near: int = DEFAULT_QUALITY  # what met it for another colour
    color: tuple[int, Stream, Seen] | None = None  # the last one that was coded, and its quality

    def file(self, quality: int, depth: Setting) -> bytes:
        """Return the file with colour of a quality and depth of a setting."""
        image, streams, seen = self.image, [], Seen()
        if image.color is not None:
            stream, beside = self._color_of(quality)
            streams.append(stream)
            if image.depth is not None and image.color.shape[:2] == image.depth.shape:
                seen = beside
        if image.depth is not None:
            coded = self._depth_of(depth, seen) if self.rmse is None else self._depth_within(seen)
            streams += coded
        sizes = _size(image.color), _size(image.depth)
        return Container(tuple(streams), *sizes, image.depth_unit, image.intrinsics).serialize()

    def aim(self, millimetres: float, fixed: Setting | None) -> None:
        """From now on search the depth quality for an error."""
        if not 0 < millimetres < math.inf:
            raise ValueError(f"target_rmse {millimetres} is not a number of millimetres above 0")
        if not self._lossy("depth") or fixed is not None:
            raise ValueError("target_rmse, but depth has no quality that could be searched")
        self.rmse = millimetres

    def fit(self, target: int, quality: int, fixed: Setting | None) -> bytes:
        """Return the file that comes nearest to `target` bytes from below."""
        if not (target == int(target) and target > 0):
            raise ValueError(f"target_bytes {target} is not a whole number above 0")
        color = self._lossy("color")
        depth = self._lossy("depth") and fixed is None and self.rmse is None
        if not (color or depth):
            raise ValueError("target_bytes, but nothing has a quality that could be searched")
        stays = None if depth else fixed or Setting(quality)
        return file_within(self.file, target, quality, color=color, depth=stays)

    def _color_of(self, quality: int) -> tuple[Stream, Seen]:
        if self.color is None or self.color[0] != quality:
            image, models, coder = self.image, self.models, self.coders["color"]
            stream, context = encode_color(image, coder, quality, self.effort, models)
            size = _size(image.color)
            seen = Seen(context, lambda: decode_color(stream, size, models)[0])
            self.color = (quality, stream, seen)
        return self.color[1:]

    def _depth_of(self, setting: Setting, seen: Seen) -> list[Stream]:
        image, coder = self.image, self.coders["depth"]
        return encode_depth(image, coder, setting, self.effort, self.error, seen, self.models)

    def _depth_within(self, seen: Seen) -> list[Stream]:
        depth, unit = self.image.depth, self.image.depth_unit
        assert depth is not None
        assert self.rmse is not None

        def code(setting: Setting) -> tuple[list[Stream], float]:
            streams = self._depth_of(setting, seen)
            return streams, depth_rmse(depth, streams, seen, self.models) * unit * 1000

        streams, self.near = depth_within(code, self.rmse, self.near)
        return streams

    def _lossy(self, modality: str) -> bool:
        held = getattr(self.image, modality) is not None
        return held and self.coders[modality] != "jxl"


def encode(
    image: RgbdImage,
    *,
    quality: int = DEFAULT_QUALITY,
    depth_quality: int | None = None,
    target_bytes: int | None = None,
    target_rmse: float | None = None,
    max_depth_error: float | None = None,
    lossless: str | Iterable[str] = (),
    coder: str | Mapping[str, str] = "auto",
    effort: int = DEFAULT_EFFORT,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
) -> bytes:
    """Return the picture as .rgbd bytes; see `Codec.encode`. For many pictures, keep a `Codec`."""
    return Codec(model, device).encode(
        image,
        quality=quality,
        depth_quality=depth_quality,
        target_bytes=target_bytes,
        target_rmse=target_rmse,
        max_depth_error=max_depth_error,
        lossless=lossless,
        coder=coder,
        effort=effort,
    )


def decode(
    data: bytes, *, streams: str | Iterable[str] = MODALITIES, device: str = "auto"
) -> RgbdImage:
    """Return the picture in .rgbd bytes; see `Codec.decode`. For many files, keep a `Codec`."""
    return Codec(device=device).decode(data, streams=streams)


def inspect(data: bytes) -> Container:
    """Return what a file says of itself, payloads still coded; needs no weights.

    Raises:
        CorruptFileError: the bytes are not a whole, valid .rgbd file.
    """
    return Container.parse(data)


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return modalities from "color", "depth", "both" or several names."""
    names = MODALITIES if value == "both" else (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if name not in MODALITIES:
            raise ValueError(f'no modality "{name}"; there are color and depth')
    return names


def _coders(value: str | Mapping[str, str]) -> dict[str, str]:
    """Return the coder of each modality."""
    chosen = dict.fromkeys(MODALITIES, value) if isinstance(value, str) else dict(value)
    _names(chosen)
    for name in chosen.values():
        if name not in CODERS:
            raise ValueError(f'no coder "{name}"; there are {", ".join(CODERS)}')
    return dict.fromkeys(MODALITIES, "auto") | chosen


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} {value} is not a whole number within {low}..{high}")


def _steps(millimetres: float, depth_unit: float) -> int:
    """Return a bound in millimetres as whole steps, rounded down."""
    if not millimetres >= 0:
        raise ValueError(f"max_depth_error {millimetres} is not a number of millimetres from 0 on")
    return int(min(millimetres / 1000 / depth_unit + 1e-6, _MAX_ERROR))


def _size(array: np.ndarray | None) -> tuple[int, int] | None:
    return None if array is None else (array.shape[1], array.shape[0])
