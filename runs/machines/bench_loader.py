"""How quickly a loader gives frames of a recording, in order and at random. Five minutes.

    python -m runs.machines.bench_loader [--frames 60] [--data FOLDER]

Needs torch. One sequence is recorded at effort 1 and at effort 7 (quality 50, depth exact, groups
of 30), and a `DataLoader` takes samples of `encodepth.torch.Recordings` in order, at random and as
a shuffled `Stream`, with 1 and 2 workers; for comparison the same frames are read from their own
picture files. Frames a second by the clock, after the workers have started, and frames a second of
CPU time of all processes, which other load on the machine hardly touches; the best of several
passes. Writes results/bench_loader.json and the table of docs/loaders.md.
"""

from __future__ import annotations

import gc
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from encodepth import Writer
from encodepth.io.pair import Pair
from encodepth.torch import Recordings, Stream

from ..common import DATA, RESULTS, ROOT, fill_page, frames_of, keep, need, options, progress, show

KEYS = ("color", "depth", "valid", "time", "index")
PAGE = ROOT / "docs" / "loaders.md"
MARK = "<!-- runs/machines/bench_loader.py -->"
HEAD = ("| source | order | workers | frames a second | of CPU time |", "|---|---|---|---|---|")
WARM = 4  # samples a worker may have made before the clock starts
Row = dict[str, Any]


class Files(Dataset[dict[str, torch.Tensor]]):
    """The same frames from picture files."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        image = self.pairs[i].load()
        assert image.color is not None
        assert image.depth is not None
        return {
            "color": torch.from_numpy(np.ascontiguousarray(image.color.transpose(2, 0, 1))),
            "depth": torch.from_numpy((image.depth * image.depth_unit).astype(np.float32))[None],
            "valid": torch.from_numpy(image.depth > 0)[None],
        }


def main() -> None:
    folder = DATA / "sequences" / "val" / "realsense_taeyoung_office"
    parser = options(__doc__, output=RESULTS / "bench_loader.json", data=folder)
    parser.add_argument("--frames", type=int, default=60, help="the sequence goes back and forth")
    parser.add_argument("--passes", type=int, default=2, help="of which the best counts")
    args = parser.parse_args()
    need(args.data)
    torch.set_num_threads(1)
    pairs = frames_of(args.data)
    around = [*range(len(pairs)), *range(len(pairs) - 2, 0, -1)]
    chosen = [pairs[around[i % len(around)]] for i in range(args.frames)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        sources: dict[str, Dataset[Any]] = {"picture files": Files(chosen)}
        for effort in (1, 7):
            path = Path(place) / f"{effort}.rgbd"
            with Writer(path, rate=30, effort=effort, lossless="depth") as writer:
                for pair in chosen:
                    writer.append(pair.load())
            progress(f"effort {effort}: {path.stat().st_size / args.frames:.0f} bytes a frame")
            sources[f"recording, effort {effort}"] = Recordings(path, keys=KEYS)
        for name, data in sources.items():
            for order in ("in order", "at random", "stream"):
                if order == "stream" and not isinstance(data, Recordings):
                    continue
                for workers in (1, 2):
                    passes = [_speeds(data, order, workers) for _ in range(args.passes)]
                    clock, cpu = (max(speeds) for speeds in zip(*passes, strict=True))
                    rows.append({
                        "source": name, "order": order, "workers": workers,
                        "frames_a_second": round(clock, 1),
                        "frames_a_cpu_second": round(cpu, 1),
                    })  # fmt: skip
                    progress(rows[-1])
    show(rows)
    keep(
        args.output,
        {"frames": args.frames, "passes": args.passes, "load": os.getloadavg()[0], "rows": rows},
    )
    if args.output == RESULTS / "bench_loader.json":
        lines = [f"| {' | '.join(str(cell) for cell in row.values())} |" for row in rows]
        fill_page(PAGE, MARK, [*HEAD, *lines])


def _speeds(data: Dataset[Any], order: str, workers: int) -> tuple[float, float]:
    """Return frames a second of one pass: by the clock with workers warm, and of CPU time."""
    source: Dataset[Any] | Stream = data
    sampler = None
    if order == "stream":
        assert isinstance(data, Recordings)
        source = Stream(data)
    elif order == "at random":
        chance = torch.Generator().manual_seed(1)
        sampler = RandomSampler(data, generator=chance)  # type: ignore[arg-type]
    before, count, start = _cpu(), 0, 0.0
    loader = DataLoader(
        source, batch_size=None, sampler=sampler, num_workers=workers,
        multiprocessing_context="fork", prefetch_factor=2,
    )  # fmt: skip
    for count, _ in enumerate(loader, 1):
        if count == WARM:
            start = time.perf_counter()
    clock = (count - WARM) / (time.perf_counter() - start)
    del loader
    gc.collect()  # the workers are gone, so their time is known
    return clock, count / (_cpu() - before)


def _cpu() -> float:
    own, ended = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()
