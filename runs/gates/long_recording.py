"""Write a long recording, seek in it, verify every frame, and watch memory all the while.

    python -m runs.gates.long_recording [--minutes 10] [--effort 1] [--place FOLDER]
                                        [-o results/long_recording.json]

Time: some 35 minutes on an idle core for 10 minutes of 640x480 at 30 Hz, at effort 1.

Frames are those of a recording in ../shared/data (of samples/ where it is absent), forth and
back, each shifted by a few pixels, with noise on depth and holes of its own; a frame's number is
all that it is made from, so what is read is compared with what was written. Colour is lossy, depth
within 5 mm, holes exact. Writer and reader run in processes of their own; memory is all that each
holds, the 15 pictures that frames are made of included (`before`), after every frame and at its
peak. Exits with 1 if a frame is wrong, if memory passes 500 MB, or if it is more than a tenth
higher in the last quarter than in the second.
"""

from __future__ import annotations

import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import Frame, Reader, RgbdImage, open_dataset, read, record
from encodepth.metrics import psnr
from encodepth.sequence.recording import Recorded
from runs.common import DATA, RESULTS, ROOT, keep, options, progress

RATE, WIDTH, HEIGHT = 30, 640, 480
BOUND_MM, MOST_MB, SEEKS, EVERY = 5.0, 500, 200, 3
SOURCE = DATA / "sequences" / "train" / "tum_fr1_rpy"


def originals() -> list[RgbdImage]:
    """Return pictures of 640x480 to make frames of."""
    if SOURCE.is_dir():
        return [pair.load() for pair in list(open_dataset(SOURCE))[::EVERY]]
    desk = ROOT / "samples" / "desk"
    return [read(desk / "color.webp", desk / "depth.png", depth_unit=0.0002)]


def made(sources: Sequence[RgbdImage], number: int) -> RgbdImage:
    """Return the frame of a number: a picture, shifted, with noise and holes of its own."""
    rng = np.random.default_rng(number)
    turn = number % (2 * len(sources))
    source = sources[min(turn, 2 * len(sources) - 1 - turn)]
    assert source.color is not None
    assert source.depth is not None
    shift = tuple(rng.integers(-3, 4, 2))
    color = np.roll(source.color, shift, (0, 1))
    depth = np.roll(source.depth, shift, (0, 1)).astype(np.int32)
    noise = rng.integers(-4, 5, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1)
    depth = np.where(depth > 0, np.clip(depth + noise, 1, 65534), 0)
    y, x = rng.integers(0, HEIGHT - 40), rng.integers(0, WIDTH - 40)
    depth[y : y + 40, x : x + 40] = 0
    return RgbdImage(color, depth.astype(np.uint16), source.depth_unit)


def memory_mb() -> float:
    """Return what this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """Return the most that this process ever held, in MB."""
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return round(int(found[1]) * 1024 / 1e6, 1) if found else 0.0


def wrong(frame: Frame, own: RgbdImage) -> bool:
    """Whether a decoded frame breaks a promise: holes, the bound, or has another one's colour."""
    depth, color = frame.image.depth, frame.image.color
    if depth is None or color is None or own.depth is None or own.color is None:
        return True
    valid = own.depth > 0
    off = np.abs(depth.astype(np.int32) - own.depth)[valid] * own.depth_unit * 1000
    holes = np.array_equal(depth > 0, valid)
    return not holes or float(off.max(initial=0)) > BOUND_MM + 1e-6 or psnr(color, own.color) < 25


def main() -> None:
    """Write, seek, verify; print and keep what was measured."""
    parser = options(__doc__, output=RESULTS / "long_recording.json")
    parser.add_argument("--minutes", type=float, default=10.0, help="of recording")
    parser.add_argument("--effort", type=int, default=1)
    parser.add_argument("--place", type=Path, help="where the file lies while it is tested")
    args = parser.parse_args()
    count = round(args.minutes * 60 * RATE)
    with tempfile.TemporaryDirectory(dir=args.place) as folder:
        path = Path(folder, "long.rgbd")
        written = _apart(write, path, count, args.effort)
        seen = _apart(look, path, count)
        size = path.stat().st_size
    record_ = {
        "frames": count,
        "minutes": args.minutes,
        "effort": args.effort,
        "bytes": size,
        "writer": written,
        "reader": seen,
        "load_average": os.getloadavg()[0],
    }
    keep(args.output, record_)
    print(record_)
    flat = all(_is_flat(quarters) for part in (written, seen) for quarters in part["mb"].values())
    small = max(written["peak_mb"], seen["peak_mb"]) <= MOST_MB
    whole = written["frames"] == seen["frames"] == count
    good = not seen["wrong_frames"] and not seen["problems"]
    sys.exit(0 if whole and good and flat and small else 1)


def _apart(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """Do work in a process that holds nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def write(path: Path, count: int, effort: int) -> dict[str, Any]:
    """Write the recording; return what it took."""
    sources, held, said = originals(), list[float](), time.monotonic()
    before = memory_mb()

    def step(found: Recorded) -> None:
        nonlocal said
        held.append(memory_mb())
        if time.monotonic() - said > 60:
            said = time.monotonic()
            progress(f"{found.frames} of {count} frames written, {held[-1]:.0f} MB")

    began, cpu = time.monotonic(), time.process_time()
    frames = (Frame(made(sources, i), i * 10**9 // RATE) for i in range(count))
    written = record(
        frames, path, effort=effort, max_depth_error=BOUND_MM, rate=RATE, progress=step
    )
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    progress(f"written in {wall:.0f} s, {cpu:.0f} s of processor time")
    return {
        "frames": written.frames,
        "seconds": round(wall, 1),
        "processor_ms_per_frame": round(1000 * cpu / count, 1),
        "before_mb": round(before, 1),
        "mb": {"write": _quarters(held)},
        "peak_mb": peak_mb(),
    }


def look(path: Path, count: int) -> dict[str, Any]:
    """Seek in the recording and read all of it; return what was found."""
    sources, held, bad = originals(), {"seek": list[float](), "verify": list[float]()}, 0
    before, began = memory_mb(), time.monotonic()
    with Reader(path) as reader:
        spent = time.process_time()
        for number in np.random.default_rng(1).integers(0, count, SEEKS):
            bad += wrong(reader[int(number)], made(sources, int(number)))
            held["seek"].append(memory_mb())
        spent = time.process_time() - spent
        progress(f"{SEEKS} seeks, {bad} wrong")
        for frame in reader:
            bad += wrong(frame, made(sources, frame.number))
            held["verify"].append(memory_mb())
            if frame.number % 3000 == 2999:
                progress(f"{frame.number + 1} of {count} frames verified, {bad} wrong")
        return {
            "frames": len(reader),
            "seconds": round(time.monotonic() - began, 1),
            "seek_processor_ms": round(1000 * spent / SEEKS, 1),
            "wrong_frames": bad,
            "problems": list(reader.problems),
            "before_mb": round(before, 1),
            "mb": {name: _quarters(found) for name, found in held.items()},
            "peak_mb": peak_mb(),
        }


def _quarters(held: Sequence[float]) -> list[float]:
    """Return the most memory in each quarter of the way."""
    return [round(float(part.max()), 1) for part in np.array_split(np.array(held), 4)]


def _is_flat(quarters: Sequence[float]) -> bool:
    return quarters[3] <= 1.1 * quarters[1] and max(quarters) <= MOST_MB


if __name__ == "__main__":
    main()
