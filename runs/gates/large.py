"""An 8192x8192 pair through networks, AV1 and exact: time and peak memory of encoding and decoding.

    python -m runs.gates.large [--model NAME] [--side 8192] [--ways learned ...]

Time: minutes on two cores. Writes results/large.json.

The picture is a mosaic of the bundled pairs, so it holds real texture, edges and holes. Every step
runs in its own process; a step above 6 GB fails.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import encodepth
from runs.common import RESULTS, ROOT, keep, options

WAYS = {  # name -> what `Codec.encode` is asked
    "learned": {"coding": {"color": "learned", "depth": "restored"}},
    "av1": {"coding": "av1"},
    "exact": {"lossless": "both"},
    "quick": {"effort": 1},
    "quick, exact depth": {"effort": 1, "lossless": "depth"},
}
LIMIT_GB = 6.0


def main() -> int:
    parser = options(__doc__, output=RESULTS / "large.json", model=True)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    asked = parser.parse_args()
    kept = json.loads(asked.output.read_text())["rows"] if asked.output.exists() else []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for way in asked.ways:
            for step in (_encode, _decode):
                row = _apart(step, folder, way, asked.side, asked.model)
                rows.append({"way": way, "step": step.__name__[1:], **row})
                print(json.dumps(rows[-1]), flush=True)
    others = [row for row in kept if row.get("way") not in (None, *asked.ways)]
    keep(asked.output, [*others, *rows])
    return 1 if any(row["peak_gb"] > LIMIT_GB or not row["whole"] for row in rows) else 0


def _apart(step, *given) -> dict:  # type: ignore[no-untyped-def]
    """Run a step in a process of its own and return what it measured."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(step, given)


def _encode(folder: str, way: str, side: int, model: str) -> dict:
    image = _mosaic(side)
    start = time.perf_counter()
    data = encodepth.Codec(model).encode(image, **WAYS[way])
    seconds = time.perf_counter() - start
    Path(folder, f"{way}.rgbd").write_bytes(data)
    found = {"seconds": round(seconds, 1), "cpu_seconds": round(time.process_time(), 1)}
    return {**found, "bytes": len(data), "whole": True, "peak_gb": _peak()}


def _decode(folder: str, way: str, side: int, model: str) -> dict:
    data = Path(folder, f"{way}.rgbd").read_bytes()
    start = time.perf_counter()
    image = encodepth.Codec(model).decode(data)
    seconds, peak = time.perf_counter() - start, _peak()
    original = _mosaic(side)
    whole = image.color.shape == original.color.shape
    whole &= np.array_equal(image.depth == 0, original.depth == 0)
    if way == "exact":
        whole &= np.array_equal(image.color, original.color)
    if "exact" in way:
        whole &= np.array_equal(image.depth, original.depth)
    return {"seconds": round(seconds, 1), "bytes": len(data), "whole": whole, "peak_gb": peak}


def _mosaic(side: int) -> encodepth.RgbdImage:
    """Lay the bundled pairs side by side, each tile flipped its own way."""
    pairs = [_sample(folder) for folder in sorted((ROOT / "samples").iterdir()) if folder.is_dir()]
    color, depth = np.empty((side, side, 3), np.uint8), np.empty((side, side), np.uint16)
    for k, (top, left) in enumerate(
        (y, x) for y in range(0, side, 480) for x in range(0, side, 640)
    ):
        area = np.s_[top : top + 480, left : left + 640]
        for plane, source in zip((color, depth), pairs[k % len(pairs)], strict=True):
            tile = source[:: (-1) ** (k // 3), :: (-1) ** (k // 5)]
            plane[area] = tile[: plane[area].shape[0], : plane[area].shape[1]]
    return encodepth.RgbdImage(color, depth)


def _sample(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    (color,) = folder.glob("color.*")
    image = encodepth.read(color, folder / "depth.png")
    return image.color, image.depth


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


if __name__ == "__main__":
    sys.exit(main())
