"""Time exact depth of this tree against another one, in turn, and compare their bytes.

Run: git worktree add --detach ../old COMMIT
     python -m runs.machines.bench_surface ../old DEPTH.png .. [--repeat 5]

Each round encodes (with the proof) and decodes each picture by both trees, so that a busy machine
slows both and the ratio stays; the least of all rounds counts. Processor time is of all threads.
Both trees are compiled anew, and how long that takes is printed first.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np

from encodepth.io.pictures import read

HERE = Path(__file__).parents[1]
Times = dict[str, list[float]]


def main() -> None:
    """Time all pictures and print a table."""
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("old", type=Path, help="root of the other tree")
    parse.add_argument("depth", type=Path, nargs="+")
    parse.add_argument("--repeat", type=int, default=5)
    asked = parse.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        os.environ["NUMBA_CACHE_DIR"] = folder  # before numba is imported
        trees = {}
        for name, root in (("old", asked.old), ("new", HERE)):
            package = f"encodepth_{name}"
            (Path(folder) / package).symlink_to((root / "src" / "encodepth").resolve())
            trees[name] = load(package)
        print(f"{'':24} {'':>8}  encode + proof ms   decode ms")
        print(f"{'':24} {'bytes':>8} {'wall':>8} {'cpu':>8} {'wall':>8} {'cpu':>8}")
        sums = {name: np.zeros(4) for name in trees}
        for path in asked.depth:
            depth = read(depth=path).depth
            assert depth is not None
            for name, figures in measure(trees, depth, asked.repeat).items():
                size, *times = figures
                sums[name] += times
                label = f"{path.parent.parent.name[:12]}/{path.stem[-6:]} {name}"
                print(f"{label:24} {size:8}" + "".join(f" {t:8.1f}" for t in times), flush=True)
        ratio = sums["new"] / sums["old"]
        print(f"{'new / old':24} {'':8}" + "".join(f" {r:8.2f}" for r in ratio))


def load(package: str) -> ModuleType:
    """Import a tree's exact coder; say how long that and compiling it takes."""
    start = clocks()
    module = importlib.import_module(f"{package}.lossless")
    tiny = np.arange(12, dtype=np.uint16).reshape(3, 4)
    module.decode_depth(module.encode_depth(tiny), 3, 4)
    wall, processor = np.subtract(clocks(), start)
    print(f"{package}: ready after {wall:.1f} s, {processor:.1f} s of processor time")
    return module


def measure(
    trees: dict[str, ModuleType], depth: np.ndarray, repeat: int
) -> dict[str, tuple[float, ...]]:
    """Return bytes and least times in ms: encode wall and processor, decode wall and processor."""
    best = {name: np.full(4, np.inf) for name in trees}
    data: dict[str, bytes] = {}
    for _ in range(repeat):
        for name, tree in trees.items():
            marks = [clocks()]
            data[name] = tree.encode_depth(depth)
            marks.append(clocks())
            decoded = tree.decode_depth(data[name], *depth.shape)
            marks.append(clocks())
            assert np.array_equal(decoded, depth)
            best[name] = np.minimum(best[name], 1e3 * np.diff(marks, axis=0).ravel())
    assert data["old"] == data["new"], "the trees write other bytes"
    return {name: (len(data[name]), *best[name]) for name in trees}


def clocks() -> tuple[float, float]:
    """Return wall and processor time, in seconds."""
    return time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()
