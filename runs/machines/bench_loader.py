"""How quickly a loader gives frames of a recording, in order and at random. Ten minutes.

    python -m runs.machines.bench_loader [--frames 60] [--data FOLDER]

Needs torch. One sequence is recorded at effort 1 and at effort 7 (quality 50, depth exact, groups
of 30), and a `DataLoader` takes batches of 4 of `encodepth.torch.Recordings` in order, at random,
by a `GroupSampler` and as a shuffled `Stream`: with two threads in its own process, and with 1 and
2 worker processes of one thread each; for comparison the same frames are read from their own
picture files; and at random once more where the cache holds the recording ("again"), as in every
epoch but the first. Frames a second by the clock, after the workers have started, and milliseconds
of CPU time a frame of all processes and threads, which other load on the machine touches less; the
best of several passes. Then the sequence is recorded with a key frame every 1, 5, 10 and 30 frames,
and frames are read at random from groups that are not kept: bytes and milliseconds of CPU time a
frame. Writes results/bench_loader.json and the tables of docs/loaders.md.
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
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler

from encodepth import Writer
from encodepth.io.pair import Pair
from encodepth.torch import GroupSampler, Recordings, Stream, collate

from ..common import DATA, RESULTS, ROOT, fill_page, frames_of, keep, need, options, progress, show

ORDERS = ("in order", "at random", "sampler", "stream", "again")
AGAIN = 1 << 30  # bytes of cache
KEYS = ("color", "depth", "valid", "time", "index")
PAGE = ROOT / "docs" / "loaders.md"
MARK = "<!-- runs/machines/bench_loader.py -->"
HEAD = ("| source | order | in | frames a second | CPU ms a frame |", "|---|---|---|---|---|")
KEY_MARK = "<!-- runs/machines/bench_loader.py, key frames -->"
KEY_HEAD = (
    "| key frame every | bytes a frame | CPU ms of a frame at random | of the next one |",
    "|---|---|---|---|",
)
BATCH = 4
WARM = 2  # batches a worker may have made before the clock starts
WAYS = (0, 1, 2)  # workers; 0 stands for two threads
INTERVALS = (1, 5, 10, 30)
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
    with tempfile.TemporaryDirectory() as place:
        intervals = [_interval(Path(place), chosen, every, args.passes) for every in INTERVALS]
        rows = _loaded(Path(place), chosen, args.passes)
    show(intervals)
    show(rows)
    keep(
        args.output,
        {
            "frames": args.frames,
            "passes": args.passes,
            "load": os.getloadavg()[0],
            "rows": rows,
            "key_intervals": intervals,
        },
    )
    if args.output == RESULTS / "bench_loader.json":
        fill_page(PAGE, MARK, [*HEAD, *map(_line, rows)])
        fill_page(PAGE, KEY_MARK, [*KEY_HEAD, *map(_line, intervals)])


def _line(row: Row) -> str:
    return f"| {' | '.join(str(cell) for cell in row.values())} |"


def _record(path: Path, pairs: list[Pair], **settings: Any) -> None:
    with Writer(path, rate=30, lossless="depth", **settings) as writer:
        for pair in pairs:
            writer.append(pair.load())


def _loaded(place: Path, chosen: list[Pair], passes: int) -> list[Row]:
    """Return how quickly loaders are, of every source, in every order and way."""
    rows: list[Row] = []
    sources: dict[str, Path | None] = {"picture files": None}
    for effort in (1, 7):
        made = sources[f"recording, effort {effort}"] = place / f"{effort}.rgbd"
        _record(made, chosen, effort=effort)
        progress(f"effort {effort}: {made.stat().st_size / len(chosen):.0f} bytes a frame")
    for name, path in sources.items():
        for order in ORDERS[:2] if path is None else ORDERS:
            for workers in (0,) if order == "again" else WAYS:
                each = []
                for _ in range(passes):
                    data = Files(chosen) if path is None else _data(path, order, workers)
                    if order == "again":
                        _speeds(data, order, workers)
                    each.append(_speeds(data, order, workers))
                rows.append({
                    "source": name, "order": order,
                    "in": f"{workers} workers" if workers else "2 threads",
                    "frames_a_second": round(max(clock for clock, _ in each), 1),
                    "cpu_ms": round(min(cpu for _, cpu in each), 1),
                })  # fmt: skip
                progress(rows[-1])
    return rows


def _data(path: Path, order: str, workers: int) -> Recordings:
    more = {"cache": AGAIN} if order == "again" else {}
    return Recordings(path, keys=KEYS, threads=1 if workers else 2, **more)


def _interval(place: Path, chosen: list[Pair], every: int, passes: int) -> Row:
    """Return what a frame at random costs with a key frame every so many, no group being kept."""
    path = place / f"every{every}.rgbd"
    _record(path, chosen, effort=1, key_interval=every)
    order = np.random.default_rng(1).permutation(len(chosen)).tolist()
    row: Row = {"every": every, "bytes": round(path.stat().st_size / len(chosen))}
    data = Recordings(path, keys=KEYS, cache=0, threads=1)
    for name, places in (("random_ms", order), ("next_ms", range(len(chosen)))):
        least = np.inf
        for _ in range(passes + 1):  # the first of all compiles
            start = time.process_time()
            for i in places:
                data[i]
            least = min(least, time.process_time() - start)
        row[name] = round(least / len(chosen) * 1e3, 1)
    progress(row)
    return row


def _speeds(data: Dataset[Any], order: str, workers: int) -> tuple[float, float]:
    """Return frames a second of one pass with workers warm, and CPU time of a frame in ms."""
    source: Dataset[Any] | Stream = data
    sampler: Sampler[int] | None = None
    if order == "stream":
        assert isinstance(data, Recordings)
        source = Stream(data, threads=data.threads)
    elif order == "sampler":
        assert isinstance(data, Recordings)
        sampler = GroupSampler(data, batch_size=BATCH, workers=workers)
    elif order in ("at random", "again"):
        chance = torch.Generator().manual_seed(1)
        sampler = RandomSampler(data, generator=chance)  # type: ignore[arg-type]
    before, count, start, early = _cpu(), 0, 0.0, 0
    loader = DataLoader(
        source, batch_size=BATCH, sampler=sampler, num_workers=workers, collate_fn=collate,
        multiprocessing_context="fork" if workers else None,
    )  # fmt: skip
    for number, batch in enumerate(loader, 1):
        count += len(batch["depth"])
        if number == WARM:
            start, early = time.perf_counter(), count
    clock = (count - early) / (time.perf_counter() - start)
    del loader
    gc.collect()  # the workers are gone, so their time is known
    return clock, (_cpu() - before) / count * 1e3


def _cpu() -> float:
    own, ended = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()
