"""RgbdImage <-> .rgbd bytes: the one place where pictures, coders and the container meet.

Colour is coded first; learned depth of the same size then has the decoded colour's symbols as
context. Holes are exact in every mode: exact depth keeps them itself, lossy depth has a mask stream
beside it. Torch is imported only when a learned stream is coded or decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from . import avif, lossless
from .container import Coding, Container, Kind, Stream
from .errors import EncodepthError, InvalidImageError, ModelNotFoundError
from .image import RgbdImage, fill_holes
from .mask import decode_mask, encode_mask

if TYPE_CHECKING:
    from .models.base import BaseModel
    from .models.context import Guide
    from .models.tcm_model import TcmModel

    Model = BaseModel | TcmModel

DEFAULT_MODEL = "base"
DEFAULT_QUALITY = 50
DEFAULT_EFFORT = 7
MODALITIES = ("color", "depth")
CODERS = ("auto", "learned", "avif", "jxl")

AUTO = {
    # What `auto` takes: (from this quality on, coder), measured on data/val.
    "color": ((0, "avif"),),
    "depth": ((0, "avif"),),
}

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
        self._loaded: dict[str, Model] = {}
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
            max_depth_error: millimetres no valid depth pixel may be off by; holes stay holes.
            lossless: "color", "depth", "both", or names: what to keep exactly.
            coder: "learned", "avif", "jxl" (keeps exactly, so without a quality), "auto" (what
                measured best at that quality), or one of these for each of "color" and "depth".
            effort: 1 (fast) .. 9 (small), for AVIF and JPEG XL.

        Raises:
            ModelNotFoundError: a learned stream was asked for and there are no weights.
            ValueError: an argument is out of its range.
        """
        depth_quality = quality if depth_quality is None else depth_quality
        _check_range("quality", quality, 0, 100)
        _check_range("depth_quality", depth_quality, 0, 100)
        _check_range("effort", effort, 1, 9)
        coders, exact = _coders(coder), _names(lossless)
        streams: list[Stream] = []
        guide = None
        if image.color is not None:
            choice = "jxl" if "color" in exact else coders["color"]
            stream, guide = self._encode_color(image, choice, quality, effort)
            streams.append(stream)
        if image.depth is not None:
            if image.color is not None and image.color.shape[:2] != image.depth.shape:
                guide = None
            choice, error = coders["depth"], 0
            if "depth" in exact or max_depth_error is not None:
                choice = "jxl"
                if "depth" not in exact and max_depth_error is not None:
                    error = _steps(max_depth_error, image.depth_unit)
            streams += self._encode_depth(image, choice, depth_quality, effort, error, guide)
        return Container(
            tuple(streams),
            _size(image.color),
            _size(image.depth),
            image.depth_unit,
            image.intrinsics,
        ).serialize()

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
        pixels, guide = None, None
        if color is not None and want_color:
            pixels, guide = self._decode_color(color, container.color_size)
        elif color is not None and want_depth and depth is not None and depth.depends:
            guide = self._color_context(color, container.color_size)
        steps = None
        if depth is not None and want_depth:
            mask = container.stream(Kind.MASK)
            steps = self._decode_depth(
                depth, mask, container.depth_size, guide if depth.depends else None
            )
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
        coded = model.encode_color(np.ascontiguousarray(color), quality, *_seen(model, image))
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
        quality: int,
        effort: int,
        error: int,
        guide: Guide | None,
    ) -> list[Stream]:
        depth = image.depth
        assert depth is not None
        coder = self._choose("depth", coder, quality)
        valid = depth > 0
        low, high = int(depth[valid].min(initial=65535)), int(depth.max())
        if coder == "jxl" or low >= high:  # no range to map: exact costs next to nothing
            payload = lossless.encode_depth(depth, error, effort)
            return [Stream(Kind.DEPTH, Coding.EXACT, payload, max_error=error)]
        streams = [] if valid.all() else [Stream(Kind.MASK, Coding.EXACT, encode_mask(valid))]
        plane = _plane(depth, low, high)
        if coder == "avif":
            payload = avif.encode_plane(plane, quality, effort)
            stream = Stream(Kind.DEPTH, Coding.AVIF, payload, quality=quality, low=low, high=high)
        else:
            model = self._own_model()
            coded = model.encode_depth(plane, valid, quality, guide, *_seen(model, image))
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

    def _decode_color(
        self, stream: Stream, size: tuple[int, int] | None
    ) -> tuple[np.ndarray, Guide | None]:
        assert size is not None
        width, height = size
        if stream.coding == Coding.EXACT:
            return lossless.decode_color(stream.payload, height, width), None
        if stream.coding == Coding.AVIF:
            return avif.decode_color(stream.payload, height, width), None
        return self._model_of(stream).decode_color(
            stream.payload, height, width, stream.quality, stream.check
        )

    def _color_context(self, stream: Stream, size: tuple[int, int] | None) -> Guide | None:
        assert size is not None
        return self._model_of(stream).decode_color_context(
            stream.payload, size[1], size[0], stream.quality, stream.check
        )

    def _decode_depth(
        self,
        stream: Stream,
        mask: Stream | None,
        size: tuple[int, int] | None,
        guide: Guide | None,
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
        else:
            plane = self._model_of(stream).decode_depth(
                stream.payload, height, width, stream.quality, stream.check, valid, guide
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

    def _model_of(self, stream: Stream) -> Model:
        """Return the model whose weights a stream was made with: ours, or any that is installed."""
        from .models.weights import list_models

        missing: EncodepthError | None = None
        for name in dict.fromkeys([self._name, *(record.name for record in list_models())]):
            try:
                model = self._load(name)
            except ModelNotFoundError as error:
                missing = missing or error
                continue
            if model.fingerprint == stream.weights:
                return model
        raise ModelNotFoundError(
            f"the {stream.kind.name.lower()} stream needs weights {stream.weights:08x}, which are "
            "not installed (encodepth models lists all)" + (f"; {missing}" if missing else "")
        )

    def _load(self, name: str) -> Model:
        if name not in self._loaded:
            import torch

            from .models.base import load_model

            device = self._device
            if device == "auto":
                device = "cuda" if torch.cuda.is_available() else "cpu"
            self._loaded[name] = load_model(name, device)
        return self._loaded[name]


def encode(
    image: RgbdImage,
    *,
    quality: int = DEFAULT_QUALITY,
    depth_quality: int | None = None,
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


def _seen(model: Model, image: RgbdImage) -> tuple[np.ndarray, ...]:
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
