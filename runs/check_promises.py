"""Check the promises on every frame of data/test and data/val. 89 frames, 10 minutes on two cores.

    python runs/check_promises.py [--data ../shared/data] [--limit N] [--learned]

Per frame: a lossy pair comes back in its size with the exact hole mask; lossless colour and depth
come back exactly; depth bounded by 1, 2, 5, 10 and 20 mm is within the bound and no hole moves.
Beside it the bytes of exact and bounded depth against JPEG XL of effort 7 on the plane divided by
2E + 1 (bare codestreams). Exits with 1 if a promise is broken. Writes results/promises.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np

ROOT = Path(__file__).parents[1]
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
    from encodepth import RgbdImage, decode, encode, inspect, read

    name, color, depth, unit = frame
    image = read(color, depth, depth_unit=unit)
    if "sunrgbd" in str(depth):  # stored rotated; see the data's README
        rotated = image.depth >> 3 | image.depth << 13
        image = RgbdImage(image.color, rotated.astype(np.uint16), 0.001)
    broken = []
    holes = image.depth == 0
    for coder in lossy:
        decoded = decode(encode(image, coder=coder, quality=50))
        if decoded.color.shape != image.color.shape or decoded.depth.shape != image.depth.shape:
            broken.append(f"{coder}: size")
        elif not np.array_equal(decoded.depth == 0, holes):
            broken.append(f"{coder}: hole mask")
    if not np.array_equal(
        decode(encode(RgbdImage(image.color), lossless="color")).color, image.color
    ):
        broken.append("lossless color")
    sizes = {}
    for bound in BOUNDS_MM:
        only = RgbdImage(depth=image.depth, depth_unit=unit)
        data = encode(only, max_depth_error=bound) if bound else encode(only, lossless="depth")
        off = np.abs(decode(data).depth.astype(int) - image.depth)[~holes].max(initial=0)
        if off * unit * 1000 > bound + 1e-6 or not np.array_equal(decode(data).depth == 0, holes):
            broken.append(f"bound {bound} mm: off by {off * unit * 1000:g} mm or holes moved")
        (stream,) = inspect(data).streams
        anchor = quantised_jpeg_xl(image.depth, round(bound / 1000 / unit))
        sizes[bound] = {"bytes": len(data), "payload": len(stream.payload), "anchor": anchor}
    return {"set": name, "sequence": depth.parents[1].name, "broken": broken, "sizes": sizes}


def quantised_jpeg_xl(depth: np.ndarray, error: int) -> int:
    """Return the bytes of the plane (d + E) div (2E + 1) as a bare lossless JPEG XL, effort 7."""
    from encodepth.codings.jpegxl import _codestream

    codes = ((depth.astype(np.int32) + error) // (2 * error + 1)).astype(np.uint16)
    return len(_codestream(bytes(imagecodecs.jpegxl_encode(codes, lossless=True, effort=7))))


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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--limit", type=int, default=None, help="check only every Nth frame")
    parser.add_argument("--learned", action="store_true", help="check learned pairs too")
    parser.add_argument("-o", type=Path, default=ROOT / "results" / "promises.json")
    args = parser.parse_args()
    todo = frames(args.data)[:: args.limit or 1]
    if not todo:
        print(f"no frames under {args.data}")
        return 1
    lossy = ("avif", "learned") if args.learned else ("avif",)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, todo, [lossy] * len(todo)))
    broken = [f"{r['sequence']}: {what}" for r in results for what in r["broken"]]
    rows = summarise(results)
    print(f"{'frames':34s} {'n':>3s} {'bound':>6s} {'bytes':>8s} {'anchor':>8s}  mean  worst")
    for row in rows:
        print(
            f"{row['group'][:34]:34s} {row['frames']:3d} {row['bound_mm']:3d} mm "
            f"{row['mean_bytes']:8d} {row['mean_anchor_bytes']:8d} {row['mean_ratio']:.3f}  "
            f"{row['worst_ratio']:.3f}"
        )
    print(f"{len(results)} frames, lossy coders {', '.join(lossy)}: {len(broken)} promises broken")
    for what in broken:
        print(f"  {what}")
    args.o.parent.mkdir(exist_ok=True)
    args.o.write_text(
        json.dumps(
            {"frames": len(results), "lossy": lossy, "broken": broken, "rows": rows}, indent=1
        )
        + "\n"
    )
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
