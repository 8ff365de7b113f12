"""Time the main job on a 640x480 pair: warm Codec, cold command, in turn with JPEG XL.

    python -m runs.machines.time_main [--model NAME] [--coding networks|av1|auto]

Time: a minute on two idle cores. Writes results/time_main.json.

JPEG XL effort 7, lossless, of the same colour and depth is timed in every round, so that a busy
machine slows both and the ratio stays. Processor time counts
all threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

THREADS = "2"
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before torch is imported
    os.environ[variable] = THREADS

import imagecodecs  # noqa: E402
import numpy as np  # noqa: E402

import encodepth  # noqa: E402
from encodepth.info import StreamInfo  # noqa: E402
from runs.common import RESULTS, ROOT, keep, options  # noqa: E402

CAMERAS = json.loads((ROOT / "samples" / "cameras.json").read_text())
Times = list[tuple[float, float]]  # wall, processor
CODINGS = {"networks": {"color": "learned", "depth": "restored"}, "av1": "av1", "auto": "auto"}
COMMAND = [sys.executable, "-m", "encodepth.cli.main"]


def main() -> None:
    """Time everything, print a table, keep it if asked."""
    parse = options(__doc__, output=RESULTS / "time_main.json", model=True)
    parse.add_argument("--pair", default="desk", choices=CAMERAS)
    parse.add_argument("--coding", default="networks", choices=list(CODINGS))
    parse.add_argument("--quality", type=int, default=50)
    parse.add_argument("--repeat", type=int, default=15)
    asked = parse.parse_args()

    folder = ROOT / "samples" / asked.pair
    image = encodepth.read(
        next(folder.glob("color.*")), folder / "depth.png", **CAMERAS[asked.pair]
    )
    codec, coding = encodepth.Codec(asked.model), CODINGS[asked.coding]
    encode = partial(codec.encode, image, quality=asked.quality, coding=coding)
    try:
        data = encode()  # loads the weights
    except encodepth.ModelNotFoundError as error:
        sys.exit(f"{error}; time what needs no weights with --coding av1")
    codec.decode(data)
    times = in_turn(
        asked.repeat,
        {
            "JPEG XL": lambda: jpeg_xl(image),
            "encode": encode,
            "decode": lambda: codec.decode(data),
        },
    )
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "frame.rgbd"
        file.write_bytes(data)
        decode = [*COMMAND, "decode", "--quiet", "-f", "--model", asked.model, str(file)]
        times |= in_turn(
            max(asked.repeat // 3, 3),
            {
                "--help": lambda: subprocess.run([*COMMAND, "--help"], capture_output=True),
                "cold decode": lambda: subprocess.run(decode, check=True),
            },
        )
    show(asked, data, times)
    keep(asked.output, record(asked, data, times))


def in_turn(repeat: int, jobs: dict[str, Callable[[], object]]) -> dict[str, Times]:
    """Run every job once per round; return the seconds of each."""
    times: dict[str, Times] = {name: [] for name in jobs}
    for _ in range(repeat):
        for name, job in jobs.items():
            start, used = time.perf_counter(), os.times()
            job()
            wall = time.perf_counter() - start
            times[name].append((wall, sum(os.times()[:4]) - sum(used[:4])))
    return times


def jpeg_xl(image: encodepth.RgbdImage) -> int:
    """Code the pair losslessly at effort 7, two threads; return the bytes."""
    settings = {"lossless": True, "effort": 7, "numthreads": int(THREADS)}
    color = imagecodecs.jpegxl_encode(image.color, **settings)
    return len(color) + len(imagecodecs.jpegxl_encode(image.depth, **settings))


def show(asked: argparse.Namespace, data: bytes, times: dict[str, Times]) -> None:
    """Print median, spread and, for what is timed in turn with JPEG XL, the ratio of each round."""
    codings = ", ".join(f"{s.modality} {s.coding}" for s in _streams(data))
    print(f"{asked.pair}, quality {asked.quality}, {len(data):,} bytes ({codings})")
    load = "{:.1f} now, {:.1f} over 5 minutes, {:.1f} over 15".format(*os.getloadavg())
    print(f"{THREADS} threads on {os.cpu_count()} cores, load {load}")
    print("seconds       median   25..75 %        best  processor  times JPEG XL (25..75 %)")
    xl = [wall for wall, _ in times["JPEG XL"]]
    for name, both in times.items():
        wall, used = ([pair[i] for pair in both] for i in (0, 1))
        low, middle, high = np.percentile(wall, (25, 50, 75))
        line = f"{name:12}{middle:8.3f} {low:6.3f}..{high:6.3f} {min(wall):7.3f}"
        line += f" {np.median(used):10.3f}"
        if name in ("encode", "decode"):
            a, b, c = np.percentile(np.divide(wall, xl), (25, 50, 75))
            line += f"  {b:.2f} ({a:.2f}..{c:.2f})"
        print(line)


def record(asked: argparse.Namespace, data: bytes, times: dict[str, Times]) -> dict:
    """Return what was measured, on what, as JSON's types."""
    return {
        "pair": asked.pair,
        "quality": asked.quality,
        "bytes": len(data),
        "codings": {s.modality: s.coding for s in _streams(data)},
        "threads": int(THREADS),
        "load": os.getloadavg()[0],
        "wall_and_processor_s": {n: np.round(both, 4).tolist() for n, both in times.items()},
    }


def _streams(data: bytes) -> tuple[StreamInfo, ...]:
    return encodepth.inspect(data).streams


if __name__ == "__main__":
    main()
