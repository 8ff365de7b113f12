"""Colour and depth <-> their streams, by the coder asked for: exact, AV1, learned, or restored.

Holes are exact in every mode: exact depth keeps them itself, lossy depth has a mask stream beside
it. Depth of the same size as colour may lean on it (`Seen`): a depth network on the decoded
symbols, a network that restores AV1's depth on the decoded picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .codings import av1 as avif
from .codings import exact as lossless
from .codings.filling import depth_plane, depth_range
from .codings.mask import decode_mask, encode_mask
from .container import MAX_DEPTH, Coding, Kind, Stream
from .frame import RgbdImage
from .networks.loaded import Loaded
from .search import Setting

if TYPE_CHECKING:
    from .networks.context import Guide
    from .networks.loaded import Model

AUTO_RESTORES = 8  # the effort from which on `auto` lets a network restore AV1's depth

_RESTORER = "restore"  # the shipped weights
_MERGE_FROM = 1 / 32  # bytes per pixel of lossy depth from which exact coding may be smaller

Size = tuple[int, int]  # width, height


@dataclass
class Seen:
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


def encode_color(
    image: RgbdImage, coder: str, quality: int, effort: int, models: Loaded
) -> tuple[Stream, Guide | None]:
    """Return the colour stream, and its symbols if it is learned."""
    color = image.color
    assert color is not None
    if coder == "jxl":
        payload = lossless.encode_color(color, effort)
        return Stream(Kind.COLOR, Coding.EXACT, payload), None
    if coder in ("avif", "auto"):  # measured on data/val: no other is smaller
        payload = avif.encode_color(color, quality, effort)
        return Stream(Kind.COLOR, Coding.AVIF, payload, quality=quality), None
    model = models.own
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


def decode_color(
    stream: Stream, size: Size | None, models: Loaded
) -> tuple[np.ndarray, Guide | None]:
    """Return colour (H, W, 3), and its symbols if it is learned."""
    assert size is not None
    width, height = size
    if stream.coding == Coding.EXACT:
        return lossless.decode_color(stream.payload, height, width), None
    if stream.coding == Coding.AVIF:
        return avif.decode_color(stream.payload, height, width), None
    return models.of(stream, "decode_color").decode_color(
        stream.payload, height, width, stream.quality, stream.check
    )


def decode_color_context(stream: Stream, size: Size | None, models: Loaded) -> Guide | None:
    """Return the symbols of learned colour alone, without making the picture."""
    assert size is not None
    return models.of(stream, "decode_color").decode_color_context(
        stream.payload, size[1], size[0], stream.quality, stream.check
    )


def encode_depth(
    image: RgbdImage,
    coder: str,
    setting: Setting,
    effort: int,
    error: int,
    seen: Seen,
    models: Loaded,
) -> list[Stream]:
    """Return the depth stream, a mask stream before it if it needs one; `error` bounds exact."""
    depth, quality, free = image.depth, setting.quality, coder == "auto"
    assert depth is not None
    low, high = depth_range(depth)
    if coder == "jxl" or low >= high:  # no range to map: exact costs next to nothing
        payload = lossless.encode_depth(depth, error, effort)
        return [Stream(Kind.DEPTH, Coding.EXACT, payload, max_error=error)]
    high = min(low + round((high - low) * setting.stretch), MAX_DEPTH)
    plane, valid = depth_plane(depth, low, high), depth > 0
    masks = [] if valid.all() else [Stream(Kind.MASK, Coding.EXACT, encode_mask(valid))]
    if coder == "learned" and "depth" in models.own.codes:
        model, guide = models.own, seen.context
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
        return [*masks, stream]
    payload = avif.encode_plane(plane, quality, effort)
    stream = Stream(Kind.DEPTH, Coding.AVIF, payload, quality=quality, low=low, high=high)
    if coder == "learned" or (free and effort >= AUTO_RESTORES and models.has(_RESTORER)):
        stream = _restored(stream, plane, valid, seen, models)
    streams = [*masks, stream]
    if free and effort > lossless.FAST_EFFORT and len(payload) > depth.size * _MERGE_FROM:
        return _merged(depth, streams, effort, seen, models)
    return streams


def decode_depth(
    stream: Stream, mask: Stream | None, size: Size | None, seen: Seen, models: Loaded
) -> np.ndarray:
    """Return depth (h, w) in steps, 0 where it was not measured."""
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
        restorer = models.of(stream, "restore")
        plane = restorer.restore(rough, valid, stream.payload[0], seen.pixels)
    else:
        plane = models.of(stream, "decode_depth").decode_depth(
            stream.payload, height, width, stream.quality, stream.check, valid, seen.context
        )
    steps = np.rint(plane * np.float32(stream.high - stream.low))
    steps += np.float32(stream.low)
    np.clip(steps, stream.low, stream.high, out=steps)
    return np.where(valid, steps.astype(np.uint16), np.uint16(0))


def depth_rmse(depth: np.ndarray, streams: list[Stream], seen: Seen, models: Loaded) -> float:
    """Return the error of coded depth over its valid pixels, in steps."""
    *masks, stream = streams
    mask = masks[0] if masks else None
    size = (depth.shape[1], depth.shape[0])
    seen = seen if stream.depends else Seen()
    decoded = decode_depth(stream, mask, size, seen, models)
    off = np.subtract(decoded, depth, dtype=np.float64)[depth > 0]
    return math.sqrt(np.square(off).mean()) if len(off) else 0.0


def _restored(
    stream: Stream, plane: np.ndarray, valid: np.ndarray, seen: Seen, models: Loaded
) -> Stream:
    """Return AV1 depth for a network to restore, or as it is where that is no better."""
    from .networks.restorer import strength_of

    rough = avif.decode_plane(stream.payload, *plane.shape)
    rmse = math.sqrt(float(np.square(rough - plane)[valid].mean()))
    strength, restorer = strength_of(avif.TOP * rmse), models[_RESTORER]
    if not restorer.helps(rough, plane, valid, strength, seen.pixels):
        return stream
    return replace(
        stream,
        coding=Coding.RESTORED,
        payload=bytes([strength]) + stream.payload,
        weights=restorer.fingerprint,
        depends=seen.pixels is not None,
    )


def _merged(
    depth: np.ndarray, streams: list[Stream], effort: int, seen: Seen, models: Loaded
) -> list[Stream]:
    """Return depth of merged values where that is smaller at no more error, else `streams`."""
    error = lossless.bound_of_rmse(depth, depth_rmse(depth, streams, seen, models))
    payload = lossless.encode_depth(depth, error, effort)
    if len(payload) >= sum(len(s.payload) for s in streams):
        return streams
    return [Stream(Kind.DEPTH, Coding.EXACT, payload, max_error=error)]


def _beside(model: Model, image: RgbdImage) -> tuple[np.ndarray, ...]:
    """Return what the encoder of a fusion model sees beside its target: one array or none."""
    if model.guide == "color" and image.color is not None:
        return (image.color,)
    if model.guide == "depth" and image.depth is not None:
        return (depth_plane(image.depth, *depth_range(image.depth)),)
    return ()
