"""Train one network on a GPU until a time, all of its pictures in the GPU's memory.

    python -m runs.gpu.train base|restore-color|restore --pictures FOLDER --until SECONDS
        -o FILE [--batch 64] [--rate 1e-3] [--fall 0.45] [--compile]
        [--set model.init=WEIGHTS "model.widths=[16, 48, 128]" ...]

For a GPU that is lent for minutes. Pictures come from `runs.gpu.ahead`, which may go on making them
meanwhile. The learning rate follows the clock: it falls linearly to nothing over the last part of
the time. --until is seconds since 1970. What was tried and what it gave: docs/training.md. Small
networks are compiled (--compile); the default family is not, which takes minutes.
"""

from __future__ import annotations

import argparse
import json
import queue
import threading
import time
from pathlib import Path

import numpy as np
import torch

from .jobs import JOBS, Job
from .step import Step
from .store import Planes

_CHUNK = 20  # steps between two looks at the clock
_LOG, _SAVE = 5.0, 100.0  # seconds
Found = queue.Queue[tuple[str, Planes, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--until", type=float, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3, help="of Adam")
    parser.add_argument("--warmup", type=int, default=300, help="steps")
    parser.add_argument("--fall", type=float, default=0.45, help="share of the time")
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--pixels", type=float, default=1e9, help="room for pictures")
    parser.add_argument("--least", type=int, default=20, help="pictures to begin with")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of the recipe")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    job = JOBS[args.job](args.set, int(args.pixels), device, args.compile)
    job.task.train()
    found: Found = queue.Queue()
    threading.Thread(target=_read, args=(job, args.pictures, found), daemon=True).start()
    while len(job.store) < args.least and time.time() < args.until:
        _take(found, job)
        time.sleep(0.2)
    step = Step(job, args.rate, args.batch, args.average)
    done = _train(args, job, step, found)
    step.export(args.output)
    print(f"{args.job}: {done} steps of {args.batch} on {len(job.store)} pictures", flush=True)


def _train(args: argparse.Namespace, job: Job, step: Step, found: Found) -> int:
    """Take steps until it is time; return how many."""
    began = logged = saved = time.time()
    done = before = 0
    while (now := time.time()) < args.until:
        _take(found, job)
        left = (args.until - now) / (args.until - began)
        factor = min(1.0, (done + 1) / args.warmup) * min(1.0, left / args.fall)
        step.set(factor, done)
        for _ in range(_CHUNK):
            step.run()
        done += _CHUNK
        if step.cuda:
            torch.cuda.synchronize()
        if now - logged > _LOG:
            means = (step.sums / (done - before)).tolist()
            figures = dict(zip(("loss", "figure", "norm", "bad"), means, strict=True))
            figures |= {"factor": factor, "rate": (done - before) / (now - logged)}
            line = {n: float(f"{x:.5g}") for n, x in figures.items()}
            print(json.dumps({"step": done, "pictures": len(job.store)} | line), flush=True)
            step.sums.zero_()
            logged, before = now, done
        if now - saved > _SAVE:
            step.export(args.output)
            saved = time.time()
    return done


def _read(job: Job, folder: Path, found: Found) -> None:
    """Read pictures as they arrive."""
    seen: set[Path] = set()
    while True:
        for path in sorted((folder / job.folder).glob("*.npz")):
            if path in seen:
                continue
            seen.add(path)
            with np.load(path) as file:
                planes, facts = job.read(file)
            if min(next(iter(planes.values())).shape[:2]) >= job.side:
                found.put((path.name.split("_")[0], planes, facts))
        time.sleep(1)


def _take(found: Found, job: Job) -> None:
    pictures = [found.get() for _ in range(min(found.qsize(), 64))]
    if pictures:
        job.store.add(pictures)


if __name__ == "__main__":
    main()
