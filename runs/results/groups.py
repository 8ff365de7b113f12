"""What groups of pictures are worth over stills: colour and lossy depth. An hour, one core.

    python -m runs.results.groups [--frames 30] [--only color|depth] [--sequences SEQ ...]

On the sequences of data/sequences/train and val, cut to 640x480 around the middle, every way codes
the first frames as one group at four qualities; bytes, error and CPU time a frame give a curve, and
the curve a BD-rate against stills (colour at equal PSNR of RGB, error pooled over the sequence;
depth at equal RMSE of valid pixels). Times are of a thread and as good as the machine is idle. Goes
on where it stopped and writes results/groups.json.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from encodepth.codings import av1, libavif
from encodepth.codings.av1_groups import (
    LOOKAHEAD,
    decode_group,
    depth_extras,
    encode_group,
    quantizer,
)
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.codings.libaom import Options, Usage
from encodepth.errors import EncodepthError
from encodepth.metrics import bd_rate

ROOT = Path(__file__).parents[2]
SEQUENCES = ROOT / "../shared/data/sequences"
NAMES = {
    "rpy": ("train/tum_fr1_rpy", 0.2),  # mm a step
    "aims": ("train/realsense_aims_slam", 1.0),
    "office": ("val/realsense_taeyoung_office", 1.0),
    "static": ("val/realsense_articulation_static", 1.0),
}
FAR = 20000  # steps of 1 mm from which on RealSense depth is noise
HEIGHT, WIDTH = 480, 640
QUALITIES = (25, 50, 75)
GOOD, LIVE = Usage.GOOD, Usage.REALTIME

Run = Callable[[list[np.ndarray], int], tuple[list[bytes], list[np.ndarray], float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=15)
    parser.add_argument("--only", choices=("color", "depth"))
    parser.add_argument("--sequences", nargs="+", choices=NAMES, default=[*NAMES])
    parser.add_argument("-o", type=Path, default=ROOT / "results" / "groups.json")
    args = parser.parse_args()
    records = json.loads(args.o.read_text()) if args.o.exists() else {}
    for what, ways in (("color", color_ways()), ("depth", depth_ways())):
        if args.only not in (None, what):
            continue
        for way, run in ways.items():
            for name in args.sequences:
                key = f"{what} {name} {args.frames} {way}"
                if key not in records:
                    measure = measure_color if what == "color" else measure_depth
                    records[key] = measure(name, args.frames, run)
                    args.o.parent.mkdir(exist_ok=True)
                    args.o.write_text(json.dumps(records, indent=1) + "\n")
        show(records, what, [*ways], args.sequences, args.frames)


def color_ways() -> dict[str, Run]:
    ways: dict[str, Run] = {"stills effort 7": color_stills}
    for usage, speed, tune in (
        (LIVE, 10, "psnr"), (LIVE, 8, "psnr"), (GOOD, 6, "psnr"), (LIVE, 9, "psnr"),
        (LIVE, 7, "psnr"), (LIVE, 10, "ssim"), (GOOD, 5, "psnr"), (GOOD, 6, "ssim"),
        (GOOD, 4, "psnr"),
    ):  # fmt: skip
        lag = 0 if usage == LIVE else LOOKAHEAD
        ways[f"{usage.name.lower()} {speed} {tune}"] = group(usage, speed, lag, {"tune": tune})
    return ways


def depth_ways() -> dict[str, Run]:
    ways: dict[str, Run] = {"stills speed 4": depth_stills(4)}
    for usage, speed, lag in (
        (GOOD, 6, LOOKAHEAD), (LIVE, 8, 0), (LIVE, 10, 0), (GOOD, 4, LOOKAHEAD),
    ):  # fmt: skip
        ways[f"{usage.name.lower()} {speed}"] = group(usage, speed, lag, depth_extras(speed))
        if (usage, speed) == (GOOD, 6):
            ways[f"{usage.name.lower()} {speed} alone"] = group(
                usage, speed, lag, depth_extras(speed), alone=True
            )
    ways["stills speed 8"] = depth_stills(8)
    return ways


def group(usage: Usage, speed: int, lag: int, extra: dict[str, str], alone: bool = False) -> Run:
    """All pictures as one group, or each as a group of its own."""

    def run(
        pictures: list[np.ndarray], quality: int
    ) -> tuple[list[bytes], list[np.ndarray], float, float]:
        options = Options(quantizer(quality), speed, usage, lag, extra=extra)
        groups = [[picture] for picture in pictures] if alone else [pictures]
        start = time.thread_time()
        coded = [encode_group(pictures, options) for pictures in groups]
        middle = time.thread_time()
        decoded = [p for payloads in coded for p in decode_group(payloads, pictures[0].shape)]
        payloads = [payload for payloads in coded for payload in payloads]
        return payloads, decoded, middle - start, time.thread_time() - middle

    return run


def color_stills(
    pictures: list[np.ndarray], quality: int
) -> tuple[list[bytes], list[np.ndarray], float, float]:
    start = time.process_time()  # Pillow's encoder has threads of its own
    payloads = [av1.encode_color(picture, quality) for picture in pictures]
    middle = time.process_time()
    decoded = [av1.decode_color(payload, HEIGHT, WIDTH) for payload in payloads]
    return payloads, decoded, middle - start, time.process_time() - middle


def depth_stills(speed: int) -> Run:
    def run(
        pictures: list[np.ndarray], quality: int
    ) -> tuple[list[bytes], list[np.ndarray], float, float]:
        start = time.process_time()
        payloads = []
        for picture in pictures:
            file = libavif.encode_grey(picture, 12, quality, speed)
            assert file is not None
            payloads.append(av1._strip(file))
        middle = time.process_time()
        decoded = [av1._decode(payload, (HEIGHT, WIDTH), np.uint16) for payload in payloads]
        return payloads, decoded, middle - start, time.process_time() - middle

    return run


def measure_color(name: str, frames: int, run: Run) -> list[dict[str, float]]:
    pictures = [pixels.convert("RGB") for pixels in opened(name, "color", frames)]
    arrays = [middle(np.array(picture)) for picture in pictures]
    return [
        point(arrays, quality, run, lambda decoded: rmse(decoded, arrays)) for quality in QUALITIES
    ]


def measure_depth(name: str, frames: int, run: Run) -> list[dict[str, float]]:
    unit = NAMES[name][1]
    maps = [middle(np.array(p).astype(np.uint16)) for p in opened(name, "depth", frames)]
    maps = [np.where(depth * unit > FAR, 0, depth).astype(np.uint16) for depth in maps]
    ranges = [depth_range(depth) for depth in maps]
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    codes = [np.rint(depth_plane(depth, low, high) * av1.TOP).astype(np.uint16) for depth in maps]

    def error(decoded: list[np.ndarray]) -> float:
        back = [
            low + np.minimum(p, av1.TOP).astype(float) / av1.TOP * (high - low) for p in decoded
        ]
        return unit * rmse(
            [np.rint(p)[d > 0] for p, d in zip(back, maps, strict=True)],
            [d[d > 0] for d in maps],
        )

    return [point(codes, quality, run, error) for quality in QUALITIES]


def point(
    pictures: list[np.ndarray],
    quality: int,
    run: Run,
    error: Callable[[list[np.ndarray]], float],
) -> dict[str, float]:
    payloads, decoded, encoding, decoding = run(pictures, quality)
    return {
        "quality": quality,
        "bytes": sum(map(len, payloads)) / len(pictures),
        "rmse": error(decoded),
        "encode_ms": 1000 * encoding / len(pictures),
        "decode_ms": 1000 * decoding / len(pictures),
    }


def show(
    records: dict[str, list[dict[str, float]]],
    what: str,
    ways: list[str],
    names: list[str],
    frames: int,
) -> None:
    """Print BD-rates against the first way, and times."""
    print(f"{what}, BD-rate in percent against {ways[0]}; ms a frame to encode and decode")
    for way in ways:
        cells, times = [], []
        for name in names:
            curves = [records[f"{what} {name} {frames} {w}"] for w in (ways[0], way)]
            try:
                cells.append(bd_rate(*([(p["bytes"], decibels(p)) for p in c] for c in curves)))
            except EncodepthError:
                cells.append(math.nan)
            times.append([[p["encode_ms"], p["decode_ms"]] for p in curves[1]])
        encode, decode = np.mean(times, axis=(0, 1))
        row = " ".join(f"{cell:7.1f}" for cell in cells)
        print(f"{way:20s} {row}  mean {np.mean(cells):6.1f}  {encode:6.1f} {decode:5.1f}")


def decibels(record: dict[str, float]) -> float:
    return -20 * math.log10(record["rmse"])


def rmse(decoded: list[np.ndarray], originals: list[np.ndarray]) -> float:
    """Root of the squared error over all samples of all pictures."""
    total = sum(
        float(np.square(a.astype(np.float64) - b).sum())
        for a, b in zip(decoded, originals, strict=True)
    )
    return math.sqrt(total / sum(original.size for original in originals))


def opened(name: str, kind: str, frames: int) -> list[Image.Image]:
    files = sorted((SEQUENCES / NAMES[name][0] / kind).iterdir())
    return [Image.open(file) for file in files[:frames]]


def middle(array: np.ndarray) -> np.ndarray:
    top, left = (array.shape[0] - HEIGHT) // 2, (array.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(array[top : top + HEIGHT, left : left + WIDTH])


if __name__ == "__main__":
    main()
