"""RgbdImage <-> .rgbd bytes: the one place where pictures, coders and the container meet.

Colour is coded first; depth of the same size may then lean on it: a depth network on the decoded
symbols, or, for models without one, a network that restores AV1's depth on the decoded picture.
Holes are exact in every mode: exact depth keeps them itself, lossy depth has a mask stream beside
it. Torch is imported only when a network takes part.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import avif, lossless
from .container import MAX_DEPTH, Coding, Container, Kind, Stream
from .errors import EncodepthError, InvalidImageError, ModelNotFoundError
from .image import RgbdImage, fill_holes
from .mask import decode_mask, encode_mask
from .search import TOLERANCE, Setting, reach

if TYPE_CHECKING:
    from .models.base import BaseModel
    from .models.context import Guide
    from .models.restorer import Restorer
    from .models.tcm_model import TcmModel

    Model = BaseModel | TcmModel

DEFAULT_MODEL = "base"
_RESTORER = "restore"  # the shipped weights
DEFAULT_QUALITY = 50
DEFAULT_EFFORT = 7
MODALITIES = ("color", "depth")
CODERS = ("auto", "learned", "avif", "jxl")

AUTO = {
    # What `auto` takes: (from this quality on, coder), measured on data/val.
    "color": ((0, "avif"),),
    "depth": ((0, "avif"),),
}

_MERGE_FROM = 1 / 32  # bytes per pixel of lossy depth from which exact coding may be smaller
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
        self._device = device
        self._loaded: dict[str, Model | Restorer] = {}
        if isinstance(model, str | os.PathLike):
            self._name = os.fspath(model)
        else:
            self._name = "the given model"
            self._loaded[self._name] = model

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
                measured best at that quality), or one of these for each of "color" and "depth".
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
        job = _Job(self, image, coders, effort, error)
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
            pixels, guide = self._decode_color(color, container.color_size)
        elif color is not None and leans is not None:
            guide = self._color_context(color, container.color_size)
        if depth is not None and want_depth:
            mask = container.stream(Kind.MASK)
            seen = _Seen() if leans is None else _Seen(guide, lambda: pixels)
            steps = self._decode_depth(depth, mask, container.depth_size, seen)
        if not want_color:
            pixels = None
        return RgbdImage(pixels, steps, container.depth_unit, container.intrinsics)

    def _encode_color(
        self, image: RgbdImage, coder: str, quality: int, effort: int
    ) -> tuple[Stream, Guide | None]:
        color = image.color
        assert color is not None
        coder = self._choose("color", coder, quality)
        if coder == "jxl":
            payload = lossless.encode_color(color, effort)
            return Stream(Kind.COLOR, Coding.EXACT, payload), None
        if coder == "avif":
            payload = avif.encode_color(color, quality, effort)
            return Stream(Kind.COLOR, Coding.AVIF, payload, quality=quality), None
        model = self._own_model()
        pixels, beside = np.ascontiguousarray(color), _beside(model, image)
        coded = model.encode_color(pixels, quality, *beside, effort=effort)
        stream = Stream(
            Kind.COLOR,
            Coding.LEARNED,
            coded.payload,
            quality=quality,
            weights=model.fingerprint,
            check=coded.check,
        )
        return stream, coded.context

    def _encode_depth(
        self,
        image: RgbdImage,
        coder: str,
        setting: Setting,
        effort: int,
        error: int,
        seen: _Seen,
    ) -> list[Stream]:
        depth, quality, free = image.depth, setting.quality, coder == "auto"
        assert depth is not None
        coder = self._choose("depth", coder, quality)
        valid = depth > 0
        low, high = int(depth[valid].min(initial=65535)), int(depth.max())
        if coder == "jxl" or low >= high:  # no range to map: exact costs next to nothing
            payload = lossless.encode_depth(depth, error, effort)
            return [Stream(Kind.DEPTH, Coding.EXACT, payload, max_error=error)]
        high = min(low + round((high - low) * setting.stretch), MAX_DEPTH)
        streams = [] if valid.all() else [Stream(Kind.MASK, Coding.EXACT, encode_mask(valid))]
        plane = _plane(depth, low, high)
        learns = coder == "learned" and "depth" in self._own_model().codes
        if not learns:
            payload = avif.encode_plane(plane, quality, effort)
            stream = Stream(Kind.DEPTH, Coding.AVIF, payload, quality=quality, low=low, high=high)
            if coder == "learned":
                return [*streams, self._restored(stream, plane, valid, seen)]
            if free and effort > lossless.FAST_EFFORT and len(payload) > depth.size * _MERGE_FROM:
                merged = self._merge(depth, [*streams, stream], effort)
                return [merged] if merged else [*streams, stream]
        else:
            model, guide = self._own_model(), seen.context
            beside = _beside(model, image)
            coded = model.encode_depth(plane, valid, quality, guide, *beside, effort=effort)
            stream = Stream(
                Kind.DEPTH,
                Coding.LEARNED,
                coded.payload,
                quality=quality,
                low=low,
                high=high,
                weights=model.fingerprint,
                check=coded.check,
                depends=guide is not None,
            )
        return [*streams, stream]

    def _restored(
        self, stream: Stream, plane: np.ndarray, valid: np.ndarray, seen: _Seen
    ) -> Stream:
        """Return AV1 depth for a network to restore, or as it is where that is no better."""
        from .models.restorer import strength_of

        rough = avif.decode_plane(stream.payload, *plane.shape)
        rmse = math.sqrt(float(np.square(rough - plane)[valid].mean()))
        strength, restorer = strength_of(avif.TOP * rmse), self._restorer()
        if not restorer.helps(rough, plane, valid, strength, seen.pixels):
            return stream
        return replace(
            stream,
            coding=Coding.RESTORED,
            payload=bytes([strength]) + stream.payload,
            weights=restorer.fingerprint,
            depends=seen.pixels is not None,
        )

    def _merge(self, depth: np.ndarray, streams: list[Stream], effort: int) -> Stream | None:
        """Return depth of merged values where that is smaller than `streams` at no more error."""
        *masks, stream = streams
        decoded = self._decode_depth(
            stream, masks[0] if masks else None, (depth.shape[1], depth.shape[0]), _Seen()
        )
        off = np.subtract(decoded, depth, dtype=np.float64)[depth > 0]
        error = lossless.bound_of_rmse(depth, float(np.sqrt(np.square(off).mean())))
        payload = lossless.encode_depth(depth, error, effort)
        if len(payload) >= sum(len(s.payload) for s in streams):
            return None
        return Stream(Kind.DEPTH, Coding.EXACT, payload, max_error=error)

    def _decode_color(
        self, stream: Stream, size: tuple[int, int] | None
    ) -> tuple[np.ndarray, Guide | None]:
        assert size is not None
        width, height = size
        if stream.coding == Coding.EXACT:
            return lossless.decode_color(stream.payload, height, width), None
        if stream.coding == Coding.AVIF:
            return avif.decode_color(stream.payload, height, width), None
        return self._find(stream, "decode_color").decode_color(
            stream.payload, height, width, stream.quality, stream.check
        )

    def _color_context(self, stream: Stream, size: tuple[int, int] | None) -> Guide | None:
        assert size is not None
        return self._find(stream, "decode_color").decode_color_context(
            stream.payload, size[1], size[0], stream.quality, stream.check
        )

    def _decode_depth(
        self,
        stream: Stream,
        mask: Stream | None,
        size: tuple[int, int] | None,
        seen: _Seen,
    ) -> np.ndarray:
        assert size is not None
        width, height = size
        if stream.coding == Coding.EXACT:
            return lossless.decode_depth(stream.payload, height, width)
        if mask is None:
            valid = np.ones((height, width), bool)
        else:
            valid = decode_mask(mask.payload, height, width)
        if stream.coding == Coding.AVIF:
            plane = avif.decode_plane(stream.payload, height, width)
        elif stream.coding == Coding.RESTORED:
            rough = avif.decode_plane(stream.payload[1:], height, width)
            restorer = self._find(stream, "restore")
            plane = restorer.restore(rough, valid, stream.payload[0], seen.pixels)
        else:
            plane = self._find(stream, "decode_depth").decode_depth(
                stream.payload, height, width, stream.quality, stream.check, valid, seen.context
            )
        steps = np.rint(plane * np.float32(stream.high - stream.low))
        steps += np.float32(stream.low)
        np.clip(steps, stream.low, stream.high, out=steps)
        return np.where(valid, steps.astype(np.uint16), np.uint16(0))

    def _choose(self, modality: str, coder: str, quality: int) -> str:
        """Resolve `auto`: the table's coder, or AVIF where that needs weights nobody has."""
        if coder != "auto":
            return coder
        choice = next(name for start, name in reversed(AUTO[modality]) if quality >= start)
        if choice == "learned":
            try:
                if modality not in self._own_model().codes:
                    return "avif"
            except ModelNotFoundError:
                return "avif"
        return choice

    def _own_model(self) -> Model:
        return self._load(self._name)

    def _restorer(self) -> Restorer:
        return self._load(_RESTORER)

    def _find(self, stream: Stream, task: str) -> Any:
        """Return the model whose weights a stream was made with: ours, or any that is installed.

        It has the method `task`.
        """
        from .models.weights import list_models

        missing: EncodepthError | None = None
        for name in dict.fromkeys([*self._loaded, self._name, *(r.name for r in list_models())]):
            try:
                model = self._load(name)
            except ModelNotFoundError as error:
                missing = missing or error
                continue
            if model.fingerprint == stream.weights and hasattr(model, task):
                return model
        raise ModelNotFoundError(
            f"the {stream.kind.name.lower()} stream needs weights {stream.weights:08x}, which are "
            "not installed (encodepth models lists all)" + (f"; {missing}" if missing else "")
        )

    def _load(self, name: str) -> Any:
        if name not in self._loaded:
            import torch

            from .models.base import load_model

            device = self._device
            if device == "auto":
                device = "cuda" if torch.cuda.is_available() else "cpu"
            self._loaded[name] = load_model(name, device)
        return self._loaded[name]


@dataclass
class _Seen:
    """What depth may know of the colour stream beside it.

    Attributes:
        context: the symbols of learned colour.
        decode: gives colour (H, W, 3) as a decoder of the file has it.
    """

    context: Guide | None = None
    decode: Callable[[], np.ndarray | None] = lambda: None

    @cached_property
    def pixels(self) -> np.ndarray | None:
        return self.decode()


class _Job:
    """One picture on its way into a file; what a search tries shares its streams.

    Args:
        codec: whose models and coders are used.
        image: the picture.
        coders: of "color" and "depth".
        effort: 1..9.
        error: bound in steps for exact depth.
    """

    def __init__(
        self, codec: Codec, image: RgbdImage, coders: dict[str, str], effort: int, error: int
    ) -> None:
        self._codec, self._image, self._coders = codec, image, coders
        self._effort, self._error = effort, error
        self._color: tuple[int, Stream, _Seen] | None = None
        self._rmse: float | None = None  # millimetres, where depth is to meet an error
        self._near = Setting(DEFAULT_QUALITY)  # what met it for another colour

    def file(self, quality: int, depth: Setting) -> bytes:
        """Return the file with colour of a quality and depth of a setting."""
        image, streams, seen = self._image, [], _Seen()
        if image.color is not None:
            if self._color is None or self._color[0] != quality:
                coder, effort = self._coders["color"], self._effort
                coded, guide = self._codec._encode_color(image, coder, quality, effort)
                decode = partial(self._codec._decode_color, coded, _size(image.color))
                self._color = (quality, coded, _Seen(guide, lambda: decode()[0]))
            _, stream, beside = self._color
            streams.append(stream)
            if image.depth is not None and image.color.shape[:2] == image.depth.shape:
                seen = beside
        if image.depth is not None:
            if self._rmse is None:
                streams += self._depth(depth, seen)
            else:
                streams += self._depth_of_error(self._rmse, seen)
        return Container(
            tuple(streams),
            _size(image.color),
            _size(image.depth),
            image.depth_unit,
            image.intrinsics,
        ).serialize()

    def aim(self, millimetres: float, fixed: Setting | None) -> None:
        """From now on search the depth quality for an error."""
        if not 0 < millimetres < math.inf:
            raise ValueError(f"target_rmse {millimetres} is not a number of millimetres above 0")
        if not self._lossy("depth") or fixed is not None:
            raise ValueError("target_rmse, but depth has no quality that could be searched")
        self._rmse = millimetres

    def fit(self, target: int, quality: int, fixed: Setting | None) -> bytes:
        """Return the file that comes nearest to `target` bytes from below.

        A pair's qualities rise together as far as they fit; what is left goes to depth, whose
        settings are finer.
        """
        if not (target == int(target) and target > 0):
            raise ValueError(f"target_bytes {target} is not a whole number above 0")
        window = ((1 - TOLERANCE) * target, float(target))
        best, least = b"", 0

        def size(quality: int, depth: Setting) -> float:
            nonlocal best, least
            data = self.file(quality, depth)
            least = min(least or len(data), len(data))
            if len(best) < len(data) <= target:
                best = data
            return float(len(data))

        color = self._lossy("color")
        depth = self._lossy("depth") and fixed is None and self._rmse is None
        if not (color or depth):
            raise ValueError("target_bytes, but nothing has a quality that could be searched")
        if color:
            tried = reach(
                lambda s: size(s.quality, s if depth else fixed or Setting(quality)),
                window,
                start=quality,
                slope=0.035,
                fine=False,
            )
            quality = max((s.quality for s, value in tried.items() if value <= target), default=0)
        if depth and len(best) < window[0]:
            low = quality if color else 0
            start = min(low + 4, 100) if color else quality
            reach(lambda s: size(quality, s), window, start=start, slope=0.03, low=low)
        if not best:
            raise InvalidImageError(
                f"the file has {least:,} bytes at its smallest, above the target of {target:,}"
            )
        return best

    def _depth(self, setting: Setting, seen: _Seen) -> list[Stream]:
        coder, effort, error = self._coders["depth"], self._effort, self._error
        return self._codec._encode_depth(self._image, coder, setting, effort, error, seen)

    def _depth_of_error(self, millimetres: float, seen: _Seen) -> list[Stream]:
        """Return depth whose error is nearest to the one asked for."""
        window = (1 / ((1 + TOLERANCE) * millimetres), 1 / ((1 - TOLERANCE) * millimetres))
        best: tuple[float, list[Stream]] = (math.inf, [])

        def fidelity(setting: Setting) -> float:
            nonlocal best
            streams = self._depth(setting, seen)
            found = max(self._error_of(streams, seen), 1e-6)
            off = abs(math.log(found / millimetres))
            if off < best[0]:
                best, self._near = (off, streams), setting
            return 1 / found

        tried = reach(fidelity, window, start=self._near.quality, slope=0.02)
        if max(tried.values()) < window[0]:
            raise InvalidImageError(
                f"depth is off by {1 / max(tried.values()):.3g} mm (RMSE) at best, more than the "
                f"{millimetres:g} mm asked for; use max_depth_error or lossless"
            )
        return best[1]

    def _error_of(self, streams: list[Stream], seen: _Seen) -> float:
        """Return the RMSE over the valid pixels of depth, in millimetres."""
        depth = self._image.depth
        assert depth is not None
        mask = streams[0] if streams[0].kind == Kind.MASK else None
        stream = streams[-1]
        decoded = self._codec._decode_depth(
            stream, mask, _size(depth), seen if stream.depends else _Seen()
        )
        off = decoded[depth > 0].astype(np.float64) - depth[depth > 0]
        rms = float(np.sqrt(np.square(off).mean())) if len(off) else 0.0
        return rms * self._image.depth_unit * 1000

    def _lossy(self, modality: str) -> bool:
        held = getattr(self._image, modality) is not None
        return held and self._coders[modality] != "jxl"


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


def _beside(model: Model, image: RgbdImage) -> tuple[np.ndarray, ...]:
    """Return what the encoder of a fusion model sees beside its target: one array or none."""
    if model.guide == "color" and image.color is not None:
        return (image.color,)
    if model.guide == "depth" and image.depth is not None:
        valid = image.depth > 0
        low, high = int(image.depth[valid].min(initial=65535)), int(image.depth.max())
        return (_plane(image.depth, low, max(high, low + 1)),)
    return ()


def _plane(depth: np.ndarray, low: int, high: int) -> np.ndarray:
    """Map depth to 0..1 over low..high, holes filled."""
    plane = fill_holes(depth)
    plane -= np.float32(low)
    plane /= np.float32(high - low)
    np.clip(plane, 0, 1, out=plane)
    return plane


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
