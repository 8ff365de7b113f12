"""Record a camera live: 640x480 at 30 Hz for a minute, depth within 5 mm; then check every frame.

Usage: python examples/record_live.py [SECONDS] [FILE]

The camera is made up: a bundled pair that moves and flickers. Every frame is in the file as soon as
it is coded, so a crash costs no more than a few. Frames that find no room are dropped and counted,
so the camera never waits; what is behind is said every second, and at the end how long frames took.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import encodepth

LIVINGROOM = Path(__file__).parents[1] / "samples" / "livingroom"
RATE, BOUND_MM = 30, 5


class Camera:
    """Frames by number, each in well under a millisecond."""

    def __init__(self) -> None:
        still = encodepth.read(next(LIVINGROOM.glob("color.*")), LIVINGROOM / "depth.png")
        assert still.color is not None
        assert still.depth is not None
        self.color = np.concatenate([still.color, still.color], axis=1)
        depth = np.concatenate([still.depth, still.depth], axis=1)
        noise = np.random.default_rng(0).integers(-2, 3, (4, *depth.shape))
        self.depth = np.where(depth > 0, np.clip(depth + noise, 1, 65535), 0).astype(np.uint16)
        self.width, self.unit = still.color.shape[1], still.depth_unit

    def frame(self, number: int) -> encodepth.RgbdImage:
        """Return a frame: the pair, moved by a pixel a frame."""
        at = number % self.width
        columns = slice(at, at + self.width)
        return encodepth.RgbdImage(
            self.color[:, columns], self.depth[number % 4][:, columns], self.unit
        )


def main(seconds: float = 60, target: str = "live.rgbd") -> None:
    """Record, then read back and compare."""
    camera, count = Camera(), round(seconds * RATE)
    encodepth.encode(camera.frame(0), effort=1, max_depth_error=BOUND_MM)  # compiled
    kept = []
    with encodepth.Writer(
        target, rate=RATE, effort=1, max_depth_error=BOUND_MM, live=True, when_full="drop",
        overwrite=True,
    ) as writer:  # fmt: skip
        start, latest = time.perf_counter(), 0.0
        for number in range(count):
            due = start + number / RATE
            time.sleep(max(due - time.perf_counter(), 0))
            latest = max(latest, time.perf_counter() - due)
            if writer.append(camera.frame(number), time=number * 10**9 // RATE):
                kept.append(number)
            if number % RATE == RATE - 1:
                print(f"{writer.waiting} frames behind, {writer.dropped} dropped", end="\r")
    spent = time.perf_counter() - start
    print(f"{len(kept)} of {count} frames in {spent:.1f} s, {writer.dropped} dropped, ", end="")
    print(f"{writer.bytes / len(kept):,.0f} bytes a frame, asked for {1000 * latest:.0f} ms late")
    middle, most, worst = (1000 * float(np.percentile(writer.delays, p)) for p in (50, 95, 100))
    print(f"in the file after {middle:.0f} ms, 95 % within {most:.0f}, all within {worst:.0f}")

    worst, wrong = 0.0, 0
    for number, frame in zip(kept, encodepth.Reader(target), strict=True):
        own, depth = camera.frame(number).depth, frame.image.depth
        assert own is not None
        assert depth is not None
        off = np.abs(depth.astype(float) - own) * camera.unit * 1000
        worst = max(worst, float(off.max()))
        wrong += frame.time != number * 10**9 // RATE or not np.array_equal(depth > 0, own > 0)
    print(f"every frame read back: worst depth {worst:.1f} mm, {wrong} with other holes or times")


if __name__ == "__main__":
    main(*([float(sys.argv[1])] if sys.argv[1:] else []), *sys.argv[2:3])
