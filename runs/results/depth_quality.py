"""What a depth quality means on every sequence: error in mm and bytes, before and now.

Time: an hour on two busy cores for four frames of each sequence. Needs the data.

    python -m runs.results.depth_quality [--frames 4] [--now] [--test]
                                         [-o results/depth_quality.json]

Before: lowest..highest depth of the frame mapped to 12 bits, AV1 at that quality, values merged
where that is smaller at no more error (0.1). Now: `encodepth.encode(depth_quality=...)`. Depth
alone, whole files, effort 7, 65535 taken as a hole. The last column sets bytes now against bytes
before at the same error, interpolated between qualities. With --now only what there is now is
measured, in under half of the time. Sequences that the output holds already are left as they are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from encodepth import RgbdImage, decode, encode
from encodepth.codings import exact
from encodepth.codings.av1_frames import decode_plane, encode_plane
from encodepth.codings.depthmap import Mapping, from_plane
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.codings.mask import encode_mask
from encodepth.io.pair import Pair

from ..common import sequences

QUALITIES = (10, 30, 50, 70, 90)
BEFORE = (0, *QUALITIES, 99)  # two more, so that more errors lie between them
EFFORT = 7
HEADER = 28  # bytes of a file with depth and mask beside their payloads
PARTS = ("train", "sequences/train", "val", "sequences/val")
TEST = ("test", "sequences/test")

Point = tuple[float, float, int]  # RMSE and largest error in mm, bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--frames", type=int, default=4, help="of each sequence")
    parser.add_argument("--now", action="store_true", help="leave out what was before")
    parser.add_argument("--test", action="store_true", help="the test sequences, and no others")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = known(options.output)
    for part in TEST if options.test else PARTS:
        for name, pairs in sequences(options.data / part).items():
            if any(row["sequence"] == f"{part}/{name}" for row in rows):
                continue
            before = () if options.now else BEFORE
            rows.append(measure(f"{part}/{name}", spread(pairs, options.frames), before))
            show(rows[-1])
            if options.output:
                record = {"effort": EFFORT, "sequences": rows}
                options.output.write_text(json.dumps(record, indent=1) + "\n")
    middles(rows)


def known(output: Path | None) -> list[dict]:
    """Return the sequences that an earlier call measured."""
    if output is None or not output.exists():
        return []
    rows: list[dict] = json.loads(output.read_text())["sequences"]
    for row in rows:
        for which in ("before", "now"):
            row[which] = {int(q): figures for q, figures in row[which].items()}
    return rows


def spread(pairs: list[Pair], count: int) -> list[Pair]:
    """Return so many of them, evenly spread and without the ends."""
    places = (np.arange(count) + 0.5) * len(pairs) / count
    return [pairs[i] for i in dict.fromkeys(places.astype(int).tolist())]


def measure(name: str, pairs: list[Pair], qualities: tuple[int, ...]) -> dict[str, object]:
    """Return the figures of one sequence, over its frames, by quality; `qualities` before."""
    before: dict[int, list[Point]] = {q: [] for q in qualities}
    now: dict[int, list[Point]] = {q: [] for q in QUALITIES}
    equal: dict[int, list[float]] = {q: [] for q in QUALITIES}
    ranges = []
    for pair in pairs:
        whole = pair.load()
        image = RgbdImage(depth=whole.depth, depth_unit=whole.depth_unit)
        assert image.depth is not None
        low, high = depth_range(image.depth)
        ranges.append((high - low) * image.depth_unit)
        for q in before:
            before[q].append(point_before(image, q))
        curve = sorted(points[-1][::2] for points in before.values())
        for q in QUALITIES:
            now[q].append(point(image, encode(image, depth_quality=q, effort=EFFORT)))
            rmse, _, size = now[q][-1]
            if curve and curve[0][0] <= rmse <= curve[-1][0]:
                errors, sizes = np.log(np.maximum(curve, 1e-9)).T
                equal[q].append(size / np.exp(np.interp(np.log(rmse), errors, sizes)))
    return {
        "sequence": name,
        "frames": len(pairs),
        "range_m": round(float(np.median(ranges)), 3),
        "before": {q: summary(before[q]) for q in QUALITIES if before},
        "now": {q: summary(now[q]) for q in QUALITIES},
        "bytes_at_equal_rmse": {q: round(float(np.mean(r)), 3) for q, r in equal.items() if r},
    }


def point_before(image: RgbdImage, quality: int) -> Point:
    """Return what 0.1 makes of a depth map: its streams, and a header of `HEADER` bytes."""
    depth = image.depth
    assert depth is not None
    low, high = depth_range(depth)
    valid, mapping = depth > 0, Mapping(low, high - low)
    payload = encode_plane(depth_plane(depth, low, high), quality, EFFORT)
    decoded = from_plane(decode_plane(payload, *depth.shape), valid, mapping)
    size = len(payload) + (0 if valid.all() else len(encode_mask(valid)))
    if len(payload) > depth.size / 32:
        bound = exact.bound_of_rmse(depth, errors(image, decoded)[0] / 1000 / image.depth_unit)
        merged = exact.encode_depth(depth, bound, EFFORT)
        if len(merged) < size:
            size, decoded = len(merged), exact.decode_depth(merged, *depth.shape)
    return (*errors(image, decoded), size + HEADER)


def point(image: RgbdImage, data: bytes) -> Point:
    decoded = decode(data).depth
    assert decoded is not None
    return (*errors(image, decoded), len(data))


def errors(image: RgbdImage, decoded: np.ndarray) -> tuple[float, float]:
    """Return RMSE and the largest error over measured pixels, in mm."""
    depth = image.depth
    assert depth is not None
    off = np.subtract(decoded, depth, dtype=np.float64)[depth > 0]
    off *= image.depth_unit * 1000
    return float(np.sqrt(np.square(off).mean())), float(np.abs(off).max())


def summary(points: list[Point]) -> dict[str, float]:
    rmse, largest, sizes = np.array(points).T
    return {
        "rmse_mm": round(float(np.median(rmse)), 2),
        "rmse_95_mm": round(float(np.percentile(rmse, 95)), 2),
        "largest_mm": round(float(largest.max()), 1),
        "bytes": round(float(np.median(sizes))),
    }


def show(row: dict) -> None:
    print(f"{row['sequence']} ({row['frames']} frames, {row['range_m']} m)")
    for q in QUALITIES:
        cells = [
            "{rmse_mm:7.1f} {rmse_95_mm:7.1f} {largest_mm:8.0f} mm {bytes:7.0f} B".format(
                **row[which][q]
            )
            for which in ("before", "now")
            if row[which]
        ]
        equal = row["bytes_at_equal_rmse"].get(q)
        print(f"  {q:3} {'   '.join(cells)}   {equal if equal else '-'}", flush=True)


def middles(rows: list[dict]) -> None:
    """Print, for each quality, the middle of all sequences and how far the farthest is off it."""
    for which in ("before", "now"):
        for q in QUALITIES:
            values = [row[which][q]["rmse_mm"] for row in rows if row[which]]
            if not values:
                continue
            middle = float(np.median(values))
            print(
                f"{which} {q}: {middle:.1f} mm in the middle; "
                f"{min(values) / middle:.2f} .. {max(values) / middle:.2f} of it"
            )


if __name__ == "__main__":
    main()
