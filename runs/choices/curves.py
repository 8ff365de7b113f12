"""Bytes and likeness of pictures over qualities, and what one way of coding saves over another."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from encodepth import metrics
from encodepth.codings.av1_color import decode_color
from encodepth.codings.av1_groups import decode_group


class Curve(NamedTuple):
    """Bytes and each of `MEASURES` for rising qualities, and the processor's seconds in all."""

    points: list[tuple[float, ...]]
    seconds: float


def ssimulacra2(shown: np.ndarray, picture: np.ndarray) -> float:
    """Return SSIMULACRA2 by the package of that name, which reads files; 100 is the same."""
    files = io.BytesIO(), io.BytesIO()
    for file, samples in zip(files, (picture, shown), strict=True):
        Image.fromarray(samples).save(file, "PNG", compress_level=0)
    return float(compute_ssimulacra2(*files))


MEASURES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "PSNR": metrics.psnr,
    "MS-SSIM": metrics.ms_ssim_db,
    "SSIMULACRA2": ssimulacra2,
}


def of_still(
    picture: np.ndarray, qualities: Sequence[int], encode: Callable[[int], bytes]
) -> Curve:
    """Return the curve of a picture, uint8 (H, W, 3); `encode` returns its payload at a quality."""
    shape = picture.shape[:2]
    return _curve(
        [picture],
        qualities,
        lambda quality: [encode(quality)],
        lambda coded: [decode_color(coded[0], *shape)],
    )


def of_group(
    pictures: Sequence[np.ndarray], qualities: Sequence[int], encode: Callable[[int], list[bytes]]
) -> Curve:
    """Return the curve of pictures coded as one group; measures are means over them."""
    shape = pictures[0].shape
    return _curve(pictures, qualities, encode, lambda coded: decode_group(coded, shape))


def _curve(
    pictures: Sequence[np.ndarray],
    qualities: Sequence[int],
    encode: Callable[[int], list[bytes]],
    decode: Callable[[list[bytes]], Sequence[np.ndarray]],
) -> Curve:
    points, seconds = [], 0.0
    for quality in qualities:
        began = time.process_time()
        coded = encode(quality)
        seconds += time.process_time() - began
        shown = decode(coded)
        found = [
            np.mean([measure(a, b) for a, b in zip(shown, pictures, strict=True)])
            for measure in MEASURES.values()
        ]
        points.append((float(sum(map(len, coded))), *map(float, found)))
    return Curve(points, seconds)


def saved(plain: Sequence[Curve], other: Sequence[Curve]) -> dict[str, list[float]]:
    """Return the BD-rates in percent of each curve against its partner, by every measure."""
    return {
        name: [
            metrics.bd_rate(*([(p[0], p[i]) for p in c.points] for c in pair))
            for pair in zip(plain, other, strict=True)
        ]
        for i, name in enumerate(MEASURES, 1)
    }


def percent(rates: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the mean BD-rate by every measure, as tables have it."""
    return {f"{name} %": round(float(np.mean(found)), 2) for name, found in rates.items()}


def longer(plain: Sequence[Curve], other: Sequence[Curve]) -> float:
    """Return how many times the seconds of `plain` the others took."""
    return sum(c.seconds for c in other) / sum(c.seconds for c in plain)
