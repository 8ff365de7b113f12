"""Check the promises on every frame of data/test and data/val.

    python -m runs.gates.check_promises [--data ../shared/data] [--every N] [--learned]

Time: 10 minutes on two cores for 89 frames.

Per frame: a lossy pair comes back in its size with the exact hole mask; lossless colour and depth
come back exactly; depth bounded by 1, 2, 5, 10 and 20 mm is within the bound and no hole moves.
Beside it the bytes of exact and bounded depth against JPEG XL of effort 7 on the plane divided by
2E + 1 (bare codestreams). Exits with 1 if a promise is broken. Writes results/promises.json.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np

from runs.common import DATA, RESULTS, keep, need, options, show

BOUNDS_MM = (0, 1, 2, 5, 10, 20)  # 0 = lossless
SETS = ("test", "val")


def frames(data: Path) -> list[tuple[str, Path, Path, float]]:
    """Return (set, color file, depth file, metres per step) of every frame."""
    found = []
    for name in SETS:
        for depth in sorted((data / name).glob("*/depth/*")):
            meta = json.loads((depth.parents[1] / "meta.json").read_text())
            per_metre = meta["depth_units_per_meter"]
            unit = 1 / per_metre if isinstance(per_metre, int | float) else 0.001
            (color,) = (depth.parents[1] / "color").glob(f"{depth.stem}.*")
            found.append((name, color, depth, unit))
    return found


def check(frame: tuple[str, Path, Path, float], lossy: tuple[str, ...]) -> dict:
    """Return what a frame measured: which promises broke, bytes of each bound and its anchor."""
    from encodepth import RgbdImage, read

    name, color, depth, unit = frame
    image = read(color, depth, depth_unit=unit)
    if "sunrgbd" in str(depth):  # stored rotated; see the data's README
        rotated = image.depth >> 3 | image.depth << 13
        image = RgbdImage(image.color, rotated.astype(np.uint16), 0.001)
    broken = _broken(image, lossy)
    sizes = {}
    for bound in BOUNDS_MM:
        said, sizes[bound] = _bounded(image.depth, unit, bound)
        broken += said
    return {"set": name, "sequence": depth.parents[1].name, "broken": broken, "sizes": sizes}


def _broken(image, lossy: tuple[str, ...]) -> list[str]:  # type: ignore[no-untyped-def]
    """Return which promises of lossy pairs and of exact colour do not hold."""
    from encodepth import RgbdImage, decode, encode

    broken, holes = [], image.depth == 0
    for coding in lossy:
        decoded = decode(encode(image, coding=coding, quality=50))
        if decoded.color.shape != image.color.shape or decoded.depth.shape != image.depth.shape:
            broken.append(f"{coding}: size")
        elif not np.array_equal(decoded.depth == 0, holes):
            broken.append(f"{coding}: hole mask")
    exact = decode(encode(RgbdImage(image.color), lossless="color")).color
    return broken if np.array_equal(exact, image.color) else [*broken, "lossless color"]


def _bounded(depth: np.ndarray, unit: float, bound: int) -> tuple[list[str], dict[str, int]]:
    """Return (what does not hold within a bound, 0 for exact; bytes)."""
    from encodepth import RgbdImage, decode, encode, inspect

    only, holes = RgbdImage(depth=depth, depth_unit=unit), depth == 0
    data = encode(only, max_depth_error=bound) if bound else encode(only, lossless="depth")
    decoded = decode(data).depth
    off = np.abs(decoded.astype(int) - depth)[~holes].max(initial=0) * unit * 1000
    kept = off <= bound + 1e-6 and np.array_equal(decoded == 0, holes)
    said = [] if kept else [f"bound {bound} mm: off by {off:g} mm or holes moved"]
    (stream,) = inspect(data).streams
    anchor = quantised_jpeg_xl(depth, round(bound / 1000 / unit))
    return said, {"bytes": len(data), "payload": len(stream.payload), "anchor": anchor}


def quantised_jpeg_xl(depth: np.ndarray, error: int) -> int:
    """Return the bytes of the plane (d + E) div (2E + 1) as a bare lossless JPEG XL, effort 7."""
    from encodepth.codings.jpegxl import codestream_of

    codes = ((depth.astype(np.int32) + error) // (2 * error + 1)).astype(np.uint16)
    return len(codestream_of(bytes(imagecodecs.jpegxl_encode(codes, lossless=True, effort=7))))


def summarise(results: list[dict]) -> list[dict]:
    """Return a row per group of frames and bound: the ratio to the anchor, mean and worst."""
    groups = defaultdict(list)
    for result in results:
        groups[result["set"]].append(result)
        groups[f"{result['set']}/{result['sequence']}"].append(result)
    rows = []
    for group, members in sorted(groups.items()):
        for bound in BOUNDS_MM:
            sizes = [member["sizes"][bound] for member in members]
            ratios = [size["bytes"] / size["anchor"] for size in sizes]
            rows.append(
                {
                    "group": group,
                    "frames": len(members),
                    "bound_mm": bound,
                    "mean_bytes": round(sum(size["bytes"] for size in sizes) / len(sizes)),
                    "mean_anchor_bytes": round(sum(s["anchor"] for s in sizes) / len(sizes)),
                    "mean_ratio": round(sum(ratios) / len(ratios), 4),
                    "worst_ratio": round(max(ratios), 4),
                }
            )
    return rows


def main() -> int:
    parser = options(__doc__, output=RESULTS / "promises.json", data=DATA, every=1)
    parser.add_argument("--learned", action="store_true", help="check learned pairs too")
    args = parser.parse_args()
    need(args.data)
    todo = frames(args.data)[:: args.every]
    lossy = ("av1", "learned") if args.learned else ("av1",)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, todo, [lossy] * len(todo)))
    broken = [f"{r['sequence']}: {what}" for r in results for what in r["broken"]]
    rows = summarise(results)
    show(rows)
    print(f"{len(results)} frames, lossy codings {', '.join(lossy)}: {len(broken)} promises broken")
    for what in broken:
        print(f"  {what}")
    keep(
        args.output,
        {"frames": len(results), "lossy": lossy, "broken": broken, "rows": rows},
    )
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
