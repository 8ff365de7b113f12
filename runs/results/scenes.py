"""Generated scenes: how fast they are made, how like real frames they are, and what they look like.

    python -m runs.results.scenes

Time: a minute on two idle cores. Needs ../shared. Writes results/scenes.json and
docs/figures/scenes.webp.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encodepth.frame import RgbdImage
from encodepth.io.dataset import open_dataset
from encodepth.io.pictures import read
from encodepth.scenes.scene import scene
from encodepth.view.colormap import depth_map, paint, shown_range
from runs.common import DATA, FIGURES, RESULTS, keep, need, options

SENSORS = (None, "kinect", "realsense")
FACTS = ("holes", "distinct values", "equal neighbours", "edges", "hole rims", "roughness")
_photographs: list[NDArray[np.uint8]] = []


def main() -> int:
    parser = options(__doc__, output=RESULTS / "scenes.json", jobs=2)
    parser.add_argument("--scenes", type=int, default=60, help="scenes timed for each sensor")
    parser.add_argument("--figure", type=Path, default=FIGURES / "scenes.webp")
    asked = parser.parse_args()
    need(DATA / "cid22", DATA / "train")
    photographs = sorted((DATA / "cid22").glob("training_*"))[::3]
    record: dict[str, object] = {"speed": speed(photographs, asked.scenes, asked.jobs)}
    _open(photographs)
    record["packed"] = packed(range(24))
    rows = {f"generated, {s or 'exact'}": facts(_made(s, range(1000, 1016))) for s in SENSORS}
    for folder in sorted((DATA / "train").iterdir()):
        pairs = open_dataset(folder)
        rows[folder.name] = facts(p.load() for p in pairs[:: max(1, len(pairs) // 8)])
    record["facts"] = rows
    _print({"speed": record["speed"], "packed": record["packed"]}, rows)
    keep(asked.output, record)
    _draw(asked.figure)
    return 0


def speed(photographs: Sequence[Path], count: int, jobs: int) -> dict[str, dict[str, float | None]]:
    """Return, for each sensor, 640x480 pairs per second by the clock and CPU seconds per pair.

    On a machine that is busy with other work the clock says nothing, and its rate is left out.
    """
    found = {}
    with ProcessPoolExecutor(jobs, initializer=_open, initargs=(photographs,)) as pool:
        list(pool.map(_cost, [None] * 4 * jobs, range(4 * jobs)))  # processes start, files are read
        for sensor in SENSORS:
            load = os.getloadavg()[0] - jobs
            start = time.perf_counter()
            cpu = list(pool.map(_cost, [sensor] * count, range(count)))
            seconds = time.perf_counter() - start
            found[sensor or "exact"] = {
                "pairs_per_second": round(count / seconds, 2) if load < 0.5 else None,
                "cpu_seconds_per_pair": round(sum(cpu) / count, 4),
                "quickest_cpu_seconds": round(min(cpu), 4),
                "processes": jobs,
                "load_of_others": round(max(load, 0), 1),
            }
    return found


def packed(seeds: Sequence[int]) -> dict[str, float]:
    """Return what training pays for a scene: a copy of a whole frame out of a pack, at random."""
    from encodepth.train.config import Data, Source
    from encodepth.train.frames import to_frame
    from encodepth.train.pack import Pack, make_pack

    data = Data(train=(Source("generated", count=1),))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pack"
        make_pack(folder, (to_frame(image, data) for image in _made(None, seeds)))
        size = (folder / "frames.bin").stat().st_size
        pack, order = Pack(folder), np.random.default_rng(0).integers(len(seeds), size=400)
        start = time.process_time()
        for i in order:
            frame = pack[int(i)]
            for plane in (frame.color, frame.depth, frame.valid):
                np.array(plane)
        seconds = (time.process_time() - start) / len(order)
    return {
        "cpu_seconds_per_pair": round(seconds, 6),
        "pairs_per_cpu_second": round(1 / seconds),
        "bytes_per_pair": size // len(seeds),
    }


def facts(images: Iterable[RgbdImage]) -> dict[str, float]:
    """Return means over depth maps of what a codec notices (`FACTS`), and how many there were."""
    rows = [_facts(image) for image in images]
    means = np.mean(rows, axis=0)
    return {
        "frames": len(rows),
        **{k: float(f"{m:.4g}") for k, m in zip(FACTS, means, strict=True)},
    }


def _facts(image: RgbdImage) -> list[float]:
    assert image.depth is not None
    z = image.depth * (image.depth_unit * 1000)
    valid = (z > 0) & (z < 10000)
    both = valid[:, 1:] & valid[:, :-1]
    step = np.abs(z[:, 1:] - z[:, :-1])[both]
    rims = np.count_nonzero(valid[:, 1:] ^ valid[:, :-1])
    rims += np.count_nonzero(valid[1:] ^ valid[:-1])
    three = valid[:, 2:] & valid[:, 1:-1] & valid[:, :-2]
    bend = np.abs(z[:, 2:] - 2 * z[:, 1:-1] + z[:, :-2]) / np.maximum(z[:, 1:-1], 1) ** 2 * 1e6
    bend = bend[three]
    return [
        1 - valid.mean(),
        np.unique(image.depth[valid]).size,
        np.mean(step == 0),
        np.mean(step / z[:, :-1][both] > 0.02),
        rims / z.size,
        bend[bend < 60].mean(),  # mm at one metre; beyond is an edge
    ]


def _made(sensor: str | None, seeds: Iterable[int]) -> Iterable[RgbdImage]:
    for seed in seeds:
        yield scene(seed, sensor=sensor, textures=_photographs)  # type: ignore[arg-type]


def _open(photographs: Sequence[Path]) -> None:
    for path in photographs:
        color = read(path).color
        assert color is not None
        _photographs.append(color)


def _cost(sensor: str | None, seed: int) -> float:
    start = time.process_time()
    for _ in _made(sensor, (seed,)):
        pass
    return time.process_time() - start


def _print(speeds: object, rows: dict[str, dict[str, float]]) -> None:
    print(json.dumps(speeds, indent=1))
    print(f"{'':28}" + "".join(f"{name:>18}" for name in FACTS))
    for label, row in rows.items():
        print(f"{label:28}" + "".join(f"{row[name]:18.4g}" for name in FACTS))


def _draw(path: Path) -> None:
    """Draw two scenes for each sensor, four below one another, colour beside depth."""
    rows = []
    for seed in range(20, 26):
        parts = []
        for image in _made(SENSORS[seed % 3], (seed,)):
            assert image.color is not None
            assert image.depth is not None
            low, high = shown_range(image.depth, image.depth_unit)
            metres = image.depth * image.depth_unit
            parts += [image.color, paint(metres, low, high, depth_map(), image.depth > 0)]
        rows.append(np.concatenate(parts, axis=1)[::2, ::2])
    left, right = np.concatenate(rows[::2]), np.concatenate(rows[1::2])
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([left, right], axis=1)).save(path, quality=80)
    print(path)


if __name__ == "__main__":
    sys.exit(main())
