"""Kill a process at random moments of writing a recording, and read what is left.

    python -m runs.gates.kill_recording [--count 100] [--seed 0] [-o results/kill_recording.json]

Time: 3 minutes on one idle core.

A forked process writes frames without end, every other process live, and says after each how many
are in the file; it gets kill -9 at a random size of the file and a random moment after. What is
left has to open without repair, hold every frame that was said to be there, and hold no frame that
differs from what was written; at most its end is named as cut short. Exits with 1 otherwise.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import EncodepthError, Reader, RgbdImage, Writer
from runs.common import RESULTS, keep, options, progress

LARGEST = 60_000  # bytes at which the last are killed
PATIENCE = 120.0  # seconds that a child has to write so many


def picture(i: int) -> RgbdImage:
    """Return frame i: a box that moves over a slanted floor, with a hole that moves along."""
    y, x = np.mgrid[:120, :160]
    rng = np.random.default_rng(i)
    depth = (4000 - 20 * y + 3 * x + rng.integers(0, 9, y.shape)).astype(np.uint16)
    color = np.stack([x, 2 * y, 128 + 0 * x], -1).astype(np.uint8)
    at = i % 100
    box = (x > 5 + at) & (x < 30 + at) & (y > 30) & (y < 80)
    depth[box], color[box] = 900, (200, 30, 90)
    depth[(x == 5 + at) & (y > 8)] = 0
    return RgbdImage(color, depth)


def write_without_end(path: Path, tell: int, live: bool) -> None:
    """Write frames and say through a pipe how many are in the file; never returns."""
    settings: dict[str, Any] = {"effort": 1, "lossless": "depth", "live": live}
    with Writer(path, key_interval=4, rate=30, **settings) as writer:
        for i in range(10**9):
            writer.append(picture(i))
            os.write(tell, writer.written.to_bytes(4, "little"))


def killed(path: Path, rng: random.Random, live: bool) -> int:
    """Start a writer and kill it at a random moment; return how many frames it said were there."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        try:
            write_without_end(path, tell, live)
        finally:
            os._exit(3)
    os.close(tell)
    size, deadline = rng.randrange(1, LARGEST), time.monotonic() + PATIENCE
    os.set_blocking(hear, False)
    heard = b""
    while time.monotonic() < deadline and not (path.exists() and path.stat().st_size >= size):
        heard += _read(hear)
        time.sleep(0.0005)
    time.sleep(rng.random() * 0.03)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.set_blocking(hear, True)
    while part := os.read(hear, 65536):
        heard += part
    os.close(hear)
    whole = heard[: len(heard) // 4 * 4]
    return int.from_bytes(whole[-4:], "little")


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 65536)
    except BlockingIOError:
        return b""


def fault(path: Path, said: int) -> tuple[str, int, bool]:
    """Return what is wrong ("" if nothing), how many frames there are, and whether one was cut."""
    try:
        reader = Reader(path)
    except EncodepthError as error:
        return f"does not open: {error}", 0, False
    with reader:
        if len(reader) < said:
            return f"{len(reader)} frames, {said} were said to be there", len(reader), False
        if [p for p in reader.problems if not p.startswith("truncated")]:
            return f"problems: {reader.problems}", len(reader), False
        try:
            for frame in reader:
                own = picture(frame.number)
                if not np.array_equal(frame.image.depth, own.depth):
                    return f"frame {frame.number} has another depth", len(reader), False
                off = np.subtract(frame.image.color, own.color, dtype=np.int32)
                if float(np.square(off).mean()) > 200:
                    return f"frame {frame.number} has another colour", len(reader), False
        except EncodepthError as error:
            return f"does not decode: {error}", len(reader), False
        return "", len(reader), bool(reader.problems)


def main() -> None:
    """Kill and read so many times."""
    parser = options(__doc__, output=RESULTS / "kill_recording.json")
    parser.add_argument("--count", type=int, default=100, help="processes to kill")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    faults: list[str] = []
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with Writer(Path(folder, "warm.rgbd"), rate=30, effort=1, lossless="depth") as warm:
            warm.append(picture(0))  # compile and load once, before the forks
        for i in range(args.count):
            path = Path(folder, f"{i}.rgbd")
            said = killed(path, rng, i % 2 == 1)
            if not path.exists() or path.stat().st_size == 0:
                counted["killed before the header"] += 1
                continue
            what, frames, cut = fault(path, said)
            counted["frames"] += frames
            counted["ended inside a chunk"] += cut
            counted["ended between chunks"] += not cut
            if what:
                faults.append(f"kill {i}: {what}")
                progress(faults[-1])
            path.unlink()
            if i % 10 == 9:
                progress(
                    f"{i + 1} of {args.count}, {len(faults)} faults, {counted['frames']} frames"
                )
    record = {"kills": args.count, "seed": args.seed, "faults": faults, **counted}
    keep(args.output, record)
    print(record)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
