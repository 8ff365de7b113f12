"""How libaom is best asked for lossy depth over time. Half an hour, one core.

    python -m runs.choices.depth_groups [--frames 9] [--size 400x300] [--sequences SEQ ...]

The first frames of sequences of data/sequences/train and val are cut around the middle and mapped
by one line, as `av1-inter` does it. Every way codes them at three qualities; AV1's bytes at equal
RMSE of the pixels in the plane are set against stills of effort 7. Choices are in
docs/depth-quality.md.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from encodepth.codings import av1_frames, depth
from encodepth.codings.av1_groups import (
    LOOKAHEAD,
    decode_group,
    depth_extras,
    encode_group,
    quantizer,
)
from encodepth.codings.base import Ask
from encodepth.codings.depthmap import Mapping, to_plane
from encodepth.codings.libaom import Options, Usage
from encodepth.errors import EncodepthError
from encodepth.metrics import bd_rate
from runs.results.over_time import NAMES, TEST, Cut, load

QUALITIES = (20, 50, 80)
LARGE = {"min-partition-size": "8"}

Run = Callable[[list[np.ndarray], int], tuple[int, list[np.ndarray]]]
Point = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--size", default="400x300")
    parser.add_argument("--sequences", nargs="+", default=[n for n in NAMES if n not in TEST])
    args = parser.parse_args()
    width, height = (int(side) for side in args.size.split("x"))
    for name in args.sequences:
        images = load(name, "depth", Cut(width, height, args.frames))
        maps = [image.depth for image in images if image.depth is not None]
        lines = [mapped(maps, images[0].depth_unit, quality) for quality in QUALITIES]
        first: list[Point] = []
        for way, run in ways().items():
            start = time.thread_time()
            curve = [point(*line, run) for line in lines]
            spent = 1000 * (time.thread_time() - start) / len(maps) / len(lines)
            first = first or curve
            try:
                change = bd_rate(first, curve)
            except EncodepthError:
                change = math.nan
            print(f"{name:8s} {way:32s} {change:6.1f} % {spent:6.0f} ms", flush=True)


def ways() -> dict[str, Run]:
    """Return every way by name, stills first."""
    best = Options(0, 5, Usage.GOOD, 0, finer=0, extra=depth_extras(5))
    large = replace(best, extra=depth_extras(5) | LARGE)
    return {
        "stills": stills,
        "hierarchy, looking ahead": group(replace(large, lag=LOOKAHEAD, finer=None)),
        "one quantizer, looking ahead": group(replace(large, lag=LOOKAHEAD)),
        "one quantizer": group(large),
        "one quantizer, blocks of 4": group(best),
        "the same, speed 6": group(replace(best, speed=6)),
        "the same, speed 3": group(replace(best, speed=3, extra=depth_extras(3))),
        "the same, each alone": group(best, 1),
    }


def stills(codes: list[np.ndarray], quality: int) -> tuple[int, list[np.ndarray]]:
    planes = [picture / np.float32(av1_frames.TOP) for picture in codes]
    payloads = [av1_frames.encode_plane(plane, quality) for plane in planes]
    decoded = [av1_frames.decode_plane(payload, *codes[0].shape) for payload in payloads]
    return sum(map(len, payloads)), [plane * av1_frames.TOP for plane in decoded]


def group(options: Options, size: int = 1024) -> Run:
    """All pictures as groups of so many."""

    def run(codes: list[np.ndarray], quality: int) -> tuple[int, list[np.ndarray]]:
        asked, total, decoded = replace(options, quantizer=quantizer(quality)), 0, []
        for i in range(0, len(codes), size):
            payloads = encode_group(codes[i : i + size], asked)
            total += sum(map(len, payloads))
            decoded += decode_group(payloads, codes[0].shape)
        return total, decoded

    return run


def mapped(
    maps: list[np.ndarray], unit: float, quality: int
) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """Return codes of all maps by one line, which pixels are in the plane, and AV1's quality."""
    line = depth.to_plane(np.concatenate(maps[:: max(1, len(maps) // 5)]), Ask(quality, unit=unit))
    assert line is not None
    far = line.far or line.high
    inside = [np.where((m >= line.low) & (m <= far), m, np.uint16(0)) for m in maps]
    mapping = Mapping(line.low, line.high - line.low)
    codes = [np.rint(to_plane(m, mapping) * av1_frames.TOP).astype(np.uint16) for m in inside]
    return codes, [m > 0 for m in inside], line.quality


def point(codes: list[np.ndarray], held: list[np.ndarray], quality: int, run: Run) -> Point:
    """Return bytes and the error in dB, of whole codes."""
    total, decoded = run(codes, quality)
    off = [
        np.subtract(np.minimum(a, av1_frames.TOP), b, dtype=np.float64)[valid]
        for a, b, valid in zip(decoded, codes, held, strict=True)
    ]
    return total, -10 * math.log10(float(np.square(np.concatenate(off)).mean()))


if __name__ == "__main__":
    main()
