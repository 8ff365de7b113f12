"""Exact and bounded depth at efforts 7, 8 and 9 against JPEG XL's slowest: bytes and times.

    python -m runs.results.exact_depth ../shared/data results/exact_depth.json [--frames 1]

Time: about four minutes. Frames spread evenly over every sequence of data/val and data/test, and
one of every recording of data/sequences; whole .rgbd files of depth alone, decoded and compared;
bounds are 5 mm. JPEG XL (effort 9) codes the depth as it is, its bytes alone counted. Times are of
all threads' processor time, the least of two runs, in ms; encoding decodes too, to prove.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from encodepth import RgbdImage, decode, encode
from encodepth.codings.jpegxl import encode_frame

EFFORTS = (7, 8, 9)
BOUND = 0.005  # metres


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=1, help="of each sequence")
    asked = parser.parse_args()
    tiny = RgbdImage(depth=np.arange(1, 70001, dtype=np.uint16).reshape(200, 350))
    for effort in EFFORTS:
        decode(encode(tiny, lossless="depth", effort=effort))  # compiles
    rows = []
    for folder, count in folders(asked.data, asked.frames):
        for path in spread(sorted((folder / "depth").iterdir()), count):
            image = read(folder, path)
            rows.append({"sequence": name(folder), "frame": path.stem} | measure(image))
            print(json.dumps(rows[-1]), flush=True)
    asked.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table(rows)


def folders(data: Path, frames: int) -> list[tuple[Path, int]]:
    """Return folders of frames and how many are taken of each."""
    stills = [*sorted(data.glob("val/*")), *sorted(data.glob("test/*"))]
    moving = [p for p in sorted(data.glob("sequences/*/*")) if p.parent.name != "train"]
    return [(p, frames) for p in stills] + [(p, 1) for p in moving]


def name(folder: Path) -> str:
    return "/".join(folder.parts[-3 if folder.parts[-3] == "sequences" else -2 :])


def spread(paths: list[Path], count: int) -> list[Path]:
    count = min(count, len(paths))
    return [paths[(2 * k + 1) * len(paths) // (2 * count)] for k in range(count)]


def read(folder: Path, path: Path) -> RgbdImage:
    per_metre = json.loads((folder / "meta.json").read_text())["depth_units_per_meter"]
    depth = np.array(Image.open(path)).astype(np.uint16)
    if isinstance(per_metre, str):  # SUN's: millimetres rotated by three bits
        depth, per_metre = (depth >> 3 | depth << 13).astype(np.uint16), 1000
    return RgbdImage(depth=depth, depth_unit=1 / per_metre)


def measure(image: RgbdImage) -> dict:
    """Return bytes and times of one picture."""
    depth = image.depth
    assert depth is not None
    row: dict = {"size": list(depth.shape), "jpegxl 9": len(encode_frame(depth, 9))}
    for effort in EFFORTS:
        data, spent = timed(lambda e=effort: encode(image, lossless="depth", effort=e))
        back, took = timed(lambda d=data: decode(d))
        if not np.array_equal(back.depth, depth):
            raise SystemExit("depth came back changed")
        row |= {f"bytes {effort}": len(data), f"ms {effort}": [spent, took]}
        bounded = encode(image, max_depth_error=BOUND * 1000, effort=effort)
        row[f"bounded {effort}"] = len(bounded)
    return row


def timed(do: Callable) -> tuple:
    """Return the result and the least processor time of two runs, in ms."""
    least = float("inf")
    for _ in range(2):
        begun = time.process_time()
        result = do()
        least = min(least, 1000 * (time.process_time() - begun))
    return result, round(least, 1)


def table(rows: list[dict]) -> None:
    """Print means of sequences for each effort against 7, and the mean of their gains."""
    for effort in EFFORTS[1:]:
        print(
            f"| sequence | JPEG XL 9 | effort 7 | effort {effort} | | of JPEG XL | within 5 mm | |"
        )
        print("|---|---|---|---|---|---|---|---|")
        found = []
        for one in dict.fromkeys(row["sequence"] for row in rows):
            size, gain = compared([row for row in rows if row["sequence"] == one], effort)
            found.append(gain)
            print(
                f"| {one} | {size['jpegxl 9']:.0f} | {size['bytes 7']:.0f} "
                f"| {size[f'bytes {effort}']:.0f} | {gain[0]:+.1%} | {gain[1]:+.1%} "
                f"| {size[f'bounded {effort}']:.0f} | {gain[2]:+.1%} |"
            )
        mean = [fmean(column) for column in zip(*found, strict=True)]
        print(
            f"mean: {mean[0]:+.1%} of effort 7, {mean[1]:+.1%} of JPEG XL, {mean[2]:+.1%} within "
            f"5 mm; time of effort 7's: encoding {mean[3]:.2f}, decoding {mean[4]:.2f}"
        )


def compared(rows: list[dict], effort: int) -> tuple[dict, list[float]]:
    """Return mean bytes, and gains of bytes and factors of time against effort 7."""
    keys = [key for key, value in rows[0].items() if isinstance(value, int)]
    size = {key: fmean(row[key] for row in rows) for key in keys}
    spent = [[sum(row[f"ms {e}"][k] for row in rows) for k in (0, 1)] for e in (7, effort)]
    gain = [size[f"bytes {effort}"] / size[key] - 1 for key in ("bytes 7", "jpegxl 9")]
    gain.append(size[f"bounded {effort}"] / size["bounded 7"] - 1)
    return size, gain + [spent[1][k] / spent[0][k] for k in (0, 1)]


if __name__ == "__main__":
    main()
