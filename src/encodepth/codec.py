"""RgbdImage <-> .rgbd bytes: the one place where plan, codings and container meet.

Streams are coded in the order color, mask, depth, further planes; each may lean on those before
(`references`). A target of bytes or error is met by making the file again with other qualities
(`search`). Networks are loaded when a stream first needs one (`learned.models`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from . import codings
from .codings.base import Ask, Coded, Facts
from .codings.depthmap import within
from .codings.depthquality import aim
from .codings.exact import bound_of_rmse, prove
from .codings.smoothing import allow, shown
from .container.still import Still
from .container.stream import Stream
from .errors import CorruptFileError, InvalidImageError, InvalidSettingError
from .frame import INVALID, OUTSIDE, Note, RgbdImage
from .learned.models import Models, Unrestoring
from .metrics import DepthError
from .modalities import PLANES, modality
from .packing import view
from .plan import LOSSY, plan
from .references import Seen
from .search import Setting, depth_about, depth_within, file_within
from .settings import DEFAULT_QUALITY, Settings, wanted_streams

DEFAULT_MODEL = "base"

_NO_JPEG = Note(
    "colour's JPEG file is not kept as such, for its pixels were converted; the converted ones are "
    "kept, exactly"
)
_MERGE_FROM = 1 / 32  # bytes per pixel of lossy depth from which a rival may be smaller


class Codec:
    """Encodes and decodes, keeping the weights between calls.

    Args:
        model: a shipped model's name, a weights file, or a loaded model.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
    """

    def __init__(
        self, model: str | os.PathLike[str] | Any = DEFAULT_MODEL, device: str = "auto"
    ) -> None:
        self._models = Models(model, device=device)

    def encode(
        self,
        image: RgbdImage,
        *,
        quality: int | None = None,
        depth_quality: int | None = None,
        target_bytes: int | None = None,
        target_rmse: float | None = None,
        max_depth_error: float | None = None,
        smooth: bool = False,
        lossless: str | Iterable[str] = (),
        coding: str | Mapping[str, str] = "auto",
        near: float | None = None,
        far: float | None = None,
        effort: int = 7,
        tune: str | None = None,
        coder: str | Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the picture as the bytes of an .rgbd file.

        Args:
            image: colour, depth or both, and further planes, which are kept exactly.
            quality: 0 (small) .. 100 (good), for lossy streams; 50 if None.
            depth_quality: the same for depth alone; `quality` if None.
            target_bytes: what the whole file may have at most. The qualities that are not given
                are searched until it has at most 3 % less.
            target_rmse: millimetres, root of the mean squared error over the valid pixels of
                depth; its quality is searched until it is met within 3 %.
            max_depth_error: millimetres no valid depth pixel may be off by; holes stay holes.
            smooth: whether half of `max_depth_error` is left to the decoder, which makes a surface
                of merged values within it.
            lossless: "color", "depth", "both", or names: what to keep exactly.
            coding: a name of `encodepth.codings`, "auto" (what measured best at that effort), or
                one of these for each of "color" and "depth".
            near, far: metres; depth outside becomes holes.
            effort: 1 (fast) .. 9 (small).
            tune: "ssim" or "psnr": which error of lossy colour AV1 makes small for its bytes, that
                of structure or the squared one; None is "ssim", "psnr" in recordings.
            coder: what `coding` was called in version 0.1: "learned", "avif", "jxl", "auto".

        Raises:
            ModelNotFoundError: a stream needs weights that are not there.
            InvalidImageError: the picture cannot be brought to a target at any quality.
            InvalidSettingError: an argument is out of its range, or contradicts another.
        """
        settings = Settings.of(
            quality=quality,
            depth_quality=depth_quality,
            target_bytes=target_bytes,
            target_rmse=target_rmse,
            max_depth_error=max_depth_error,
            smooth=smooth,
            lossless=lossless,
            coding=coding,
            coder=coder,
            near=near,
            far=far,
            effort=effort,
            tune=tune,
        )
        return self.code(image, settings).data

    def code(
        self, image: RgbdImage, settings: Settings, tell: Callable[[str], None] | None = None
    ) -> Encoded:
        """Return the picture as a file, and what the encoder knows of it; see `encode`.

        `tell` is called with each step before it is done, in words for people.
        """
        if not isinstance(image, RgbdImage):
            raise InvalidImageError(
                f"an image is an RgbdImage(color, depth); got {type(image).__name__}"
            )
        settings.check(image.held)
        settings.check_still(image.held)
        image = between(image, settings)
        job = _Job(image, self._models, settings, tell)
        quality = DEFAULT_QUALITY if settings.quality is None else settings.quality
        given = settings.depth_quality
        fixed = None if given is None else Setting(given)
        if settings.target_bytes is None:
            data = job.file(quality, fixed or Setting(quality))
        else:
            data = job.fit(settings.target_bytes, quality, fixed)
        return Encoded(data, replace(image, notes=(*image.notes, *job.notes)), self)

    def decode(
        self, data: bytes, *, streams: str | Iterable[str] | None = None, restore: bool = True
    ) -> RgbdImage:
        """Return the picture in the bytes of an .rgbd file.

        Args:
            data: the whole file.
            streams: "color", "depth", "both", or modalities by name; None for all. What the file
                lacks is left out.
            restore: whether networks restore what was coded for them; else AV1's own picture comes,
                at once, and their weights are not needed.

        Raises:
            CorruptFileError: the bytes are not a whole, valid .rgbd file.
            ModelNotFoundError: the weights a stream needs are not installed.
            DesyncError: a learned stream decoded to other symbols than were encoded.
            InvalidImageError: the file holds nothing of what was asked.
        """
        file = parse(data)
        held = [modality(s.modality).name for s in file.streams]
        wanted = wanted_streams(streams)
        if not set(wanted) & set(held):
            raise InvalidImageError(
                f"the file holds no {' or '.join(wanted)}; it holds {' and '.join(held)}"
            )
        seen = Seen(self._models if restore else Unrestoring(self._models))
        for stream in file.streams:
            _offer(seen, stream, file)
        found = {name: seen.plane(name) for name in wanted if name in held}
        planes = {k: plane for k, plane in found.items() if k in PLANES and plane is not None}
        depth, coded = found.get("depth"), file.stream("depth")
        if depth is not None and coded is not None and facts_of(coded).error != 0:
            depth = np.minimum(depth, INVALID - 1)  # a far pixel, no hole
        return RgbdImage(found.get("color"), depth, file.depth_unit, file.intrinsics, planes)


@dataclass(frozen=True, eq=False)
class Encoded:
    """A picture's file, and what it was made from.

    Attributes:
        data: the bytes of the .rgbd file.
        image: what was coded; its notes say what was changed before, and what could not be kept.
    """

    data: bytes
    image: RgbdImage
    _codec: Codec

    @cached_property
    def depth_error(self) -> DepthError | None:
        """How far decoded depth is off over its valid pixels; None where there are none."""
        depth = self.image.depth
        if depth is None or not depth.any():
            return None
        decoded = self._codec.decode(self.data, streams="depth").depth
        assert decoded is not None
        return DepthError.between(decoded, self.image)


@dataclass
class _Job:
    """One picture on its way into a file; what a search tries shares its streams."""

    image: RgbdImage
    models: Models
    settings: Settings
    tell: Callable[[str], None] | None = None  # of each step
    near: int = DEFAULT_QUALITY  # what met an error of depth for another colour
    searched: bool = False  # whether depth's quality is searched for a size
    color: tuple[int, Stream] | None = None  # the last one that was coded, and its quality

    def file(self, quality: int, depth: Setting) -> bytes:
        """Return the file with colour of a quality and depth of a setting."""
        image, seen = self.image, Seen(self.models, self.image.arrays, self.image.files)
        sizes = {modality(n).number: (a.shape[1], a.shape[0]) for n, a in image.arrays.items()}
        streams: list[Stream] = []
        if image.color is not None:
            streams.append(color := self._color(quality, seen))
            if image.depth is not None and image.color.shape[:2] == image.depth.shape:
                shape = image.depth.shape
                seen.offer("color", lambda: _decode(color, shape, seen))
        if image.depth is not None:
            streams += self._depth(image.depth, depth, seen)
        for name in image.planes:
            streams.append(_stream(name, self._code(name, image.planes[name], Ask(), seen)))
        return Still(tuple(streams), sizes, image.depth_unit, image.intrinsics).serialize()

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what a user may expect to be kept, and is not."""
        if self.color is None or self.image.jpeg is None or self._is_lossy("color"):
            return ()
        coding = codings.of(self.color[1].coding, self.color[1].modality)
        return () if coding.name == "jpeg" or "color" in self.settings.coding else (_NO_JPEG,)

    def fit(self, target: int, quality: int, fixed: Setting | None) -> bytes:
        """Return the file that comes nearest to `target` bytes from below."""
        color = self._is_lossy("color")
        depth = self._is_lossy("depth") and fixed is None and self.settings.target_rmse is None
        stays = None if depth else fixed or Setting(quality)
        self.searched = depth
        return file_within(self.file, target, quality, color=color, depth=stays)

    def _color(self, quality: int, seen: Seen) -> Stream:
        if self.color is None or self.color[0] != quality:
            assert self.image.color is not None
            coded = self._code("color", self.image.color, Ask(quality), seen)
            self.color = (quality, _stream("color", coded))
        return self.color[1]

    def _depth(self, depth: np.ndarray, setting: Setting, seen: Seen) -> list[Stream]:
        """Return the depth stream, a mask stream before it if it needs one."""
        valid = depth > 0
        masks: list[Stream] = []
        if not valid.all():
            seen.offer("mask", lambda: valid)
            if self._is_lossy("depth") and depth.any():
                masks = [_stream("mask", self._code("mask", valid, Ask(), seen))]

        unit, searching = self.image.depth_unit, self.settings.target_rmse is not None
        rounded = 1000 * self.image.rounding_rmse

        def measured(setting: Setting) -> tuple[list[Stream], float]:
            streams = self._depth_at(depth, setting, seen, masks)
            off = _rmse(depth, streams[-1], seen) * unit * 1000
            return streams, math.hypot(off, rounded) if searching else off

        if self.settings.target_rmse is not None:
            streams, self.near = depth_within(measured, self.settings.target_rmse, self.near)
            return streams
        if self.searched or not self._means_an_error():
            return self._depth_at(depth, setting, seen, masks)
        goal = aim(depth, unit, setting.quality)
        return depth_about(measured, _bytes, goal, setting, depth.size)

    def _means_an_error(self) -> bool:
        """Whether depth's quality stands for an error, which that of a network's own does not."""
        return self._is_lossy("depth") and self.settings.coding.get("depth") != "learned"

    def _depth_at(
        self, depth: np.ndarray, setting: Setting, seen: Seen, masks: list[Stream]
    ) -> list[Stream]:
        error = self.settings.bound(self.image.depth_unit, self.image.rounding)
        unit, smooth = self.image.depth_unit, self.settings.smoothing(error)
        ask = Ask(setting.quality, error - smooth, stretch=setting.stretch, unit=unit)
        coded = self._code("depth", depth, ask, seen)
        stream = _stream("depth", allow("depth", coded, smooth) if smooth else coded)
        if smooth:
            prove(depth, _decode(stream, depth.shape, seen), error)
        if codings.of(stream.coding, stream.modality).exact:
            return [stream]
        streams = [*masks, stream]
        rival = self._plan("depth").rival
        if rival and len(stream.payload) > depth.size * _MERGE_FROM:
            bound = bound_of_rmse(depth, _rmse(depth, stream, seen))
            (merged,) = self._tries((rival,), "depth", depth, Ask(error=bound), seen)
            if len(merged.payload) < sum(len(s.payload) for s in streams):
                return [_stream("depth", merged)]
        return streams

    def _code(self, name: str, plane: np.ndarray, ask: Ask, seen: Seen) -> Coded:
        chosen = self._plan(name)
        made = self._tries(chosen.codings, name, plane, ask, seen)
        found = min(made, key=_size, default=None) if chosen.smallest else next(made, None)
        if found is None:
            raise InvalidImageError(f"{name} cannot be coded by {' or '.join(chosen.codings)}")
        return found

    def _tries(
        self, names: tuple[str, ...], name: str, plane: np.ndarray, ask: Ask, seen: Seen
    ) -> Iterator[Coded]:
        """Yield the plane by each coding that can serve it, which its `coding` names."""
        ask = replace(ask, effort=self.settings.effort, tune=self.settings.tune)
        for coding in names:
            if self.tell is not None:
                self.tell(f"{name} of {plane.shape[1]}x{plane.shape[0]} by {coding}")
            made = codings.module(codings.find(coding, name)).encode(name, plane, ask, seen)
            if made is not None:
                yield replace(made, coding=made.coding or coding)

    def _plan(self, name: str) -> Any:
        chosen, asked = self.settings.coding.get(name, "auto"), self.settings.ask(name)
        coding = codings.find(chosen, name) if chosen != "auto" else None
        if coding is not None and asked != LOSSY and not coding.exact:
            chosen = "auto"
        return plan(name, asked, self.settings.effort, chosen)

    def _is_lossy(self, name: str) -> bool:
        return name in self.image.held and self.settings.ask(name) == LOSSY


def encode(
    image: RgbdImage,
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
    **settings: Any,
) -> bytes:
    """Return the picture as .rgbd bytes; `settings` are those of `Codec.encode`.

    For many pictures, keep a `Codec`.
    """
    return Codec(model, device).encode(image, **settings)


def decode(
    data: bytes,
    *,
    streams: str | Iterable[str] | None = None,
    device: str = "auto",
    restore: bool = True,
) -> RgbdImage:
    """Return the picture in .rgbd bytes; see `Codec.decode`. For many files, keep a `Codec`."""
    return Codec(device=device).decode(data, streams=streams, restore=restore)


def kept_jpeg(data: bytes) -> bytes | None:
    """Return the JPEG file that colour was kept as, byte for byte; None where only pixels were.

    Args:
        data: the whole .rgbd file.

    Raises:
        CorruptFileError: the bytes are not a whole, valid .rgbd file.
    """
    file = parse(data)
    stream = file.stream("color")
    if stream is None:
        return None
    row, (width, height) = codings.of(stream.coding, stream.modality), file.size("color")
    return codings.module(row).kept(_coded(stream), (height, width)) if row.keeps_file else None


def parse(data: bytes) -> Still:
    """Return a file's streams, payloads still coded, each one's parameters checked.

    Raises:
        CorruptFileError: the bytes are not a whole, valid .rgbd file.
    """
    file = Still.parse(as_bytes(data))
    for stream in file.streams:
        facts_of(stream)
    depth = file.stream("depth")
    masked = depth is None or codings.of(depth.coding, depth.modality).masked
    if file.stream("mask") is not None and not masked:
        raise CorruptFileError(
            "a mask stream beside an exact depth stream, which has its own holes"
        )
    return file


def between(image: RgbdImage, settings: Settings) -> RgbdImage:
    """Return the image with depth outside what was asked for as holes, and a note of how many."""
    if image.depth is None or (settings.near is None and settings.far is None):
        return image
    kept, dropped = within(image.depth, image.depth_unit, settings.near, settings.far)
    note = Note(OUTSIDE, dropped)
    return replace(image, depth=kept, notes=(*image.notes, note) if dropped else image.notes)


def as_bytes(data: Any) -> bytes:
    """Return the bytes of a bytes-like object.

    Raises:
        InvalidSettingError: it is none.
    """
    if isinstance(data, bytes):
        return data
    found = view(data)
    if found is None:
        raise InvalidSettingError(
            f"a file is bytes or bytes-like; got {type(data).__name__} (read the file first)"
        )
    return found.tobytes()


def facts_of(stream: Stream) -> Facts:
    """Say what a stream's parameters mean.

    Raises:
        CorruptFileError: this build does not know its coding, or they are out of range.
    """
    row = codings.of(stream.coding, stream.modality)
    return codings.module(row).facts(modality(stream.modality).name, _coded(stream))


def _offer(seen: Seen, stream: Stream, file: Still) -> None:
    """Have a file's stream decoded when it is wanted."""
    name = modality(stream.modality).name
    width, height = file.size(name)
    seen.offer(name, lambda: _decode(stream, (height, width), seen))


def _decode(stream: Stream, shape: tuple[int, int], seen: Seen) -> np.ndarray:
    row = codings.of(stream.coding, stream.modality)
    name, coded, module = modality(stream.modality).name, _coded(stream), codings.module(row)
    return shown(module.decode(name, coded, shape, seen), module.facts(name, coded))


def _rmse(depth: np.ndarray, stream: Stream, seen: Seen) -> float:
    """Return the error of coded depth over its valid pixels, in steps."""
    valid = depth > 0
    off = np.subtract(_decode(stream, depth.shape, seen), depth, dtype=np.float64)[valid]
    return float(np.sqrt(np.square(off).mean())) if len(off) else 0.0


def _bytes(streams: list[Stream]) -> int:
    return sum(len(stream.payload) for stream in streams)


def _size(coded: Coded) -> int:
    return len(coded.payload) + len(coded.parameters)


def _stream(name: str, coded: Coded) -> Stream:
    """Return a coded plane as the container takes it."""
    number = codings.find(coded.coding, name).number
    leans = tuple((modality(kind).number, back) for kind, back in coded.references)
    return Stream(modality(name).number, number, coded.payload, coded.parameters, leans)


def _coded(stream: Stream) -> Coded:
    leans = tuple((modality(number).name, back) for number, back in stream.references)
    return Coded(stream.payload, stream.parameters, leans)
