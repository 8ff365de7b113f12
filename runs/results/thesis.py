"""The thesis's experiment on a CPU: train its six rows, small, under one budget.

    python -m runs.results.thesis -o OUT [--until HH:MM] [--smoke]

Time: about 6 hours of one idle core, from the time of a step, a third of it the two baselines.
`thesis_measure` measures the weights; `runs/results/thesis.sh` does both and writes the tables
(docs/experiment.md). Training takes one run after the other in the order of `plan`, so that a cut
leaves a smaller experiment that is whole, and goes on where it was stopped. Every run of a modality
sees the same crops in the same order. Baselines start as transform codecs (`thesis.linear`).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch

from encodepth.thesis.tcm import ADDED
from encodepth.train.recipe import load_recipe
from encodepth.train.run import WEIGHTS, train
from runs.common import SHARED

GUIDED = ("rgb-4c", "rgb-attn", "depth-4c", "depth-conv")
MIDDLE = {"rgb": 0.013, "depth": 0.001}
OUTER = {"rgb": (0.0025, 0.05), "depth": (0.0001, 0.005)}  # thesis Tables 2 to 7
ROWS = {"rgb": ("rgb", "rgb-4c", "rgb-attn"), "depth": ("depth", "depth-4c", "depth-conv")}


@dataclass(frozen=True)
class Budget:
    """Steps of every stage, for colour and for depth; equal for all rows of a modality.

    Attributes:
        start: of the baselines, from the linear start; every row goes on from there.
        middle: of each row at the middle lambda.
        outer: of each row at the other two lambdas, from its middle one.
        ranges: of depth by its own range and by 65535, each from the beginning.
    """

    start: tuple[int, int] = (2000, 3000)
    middle: tuple[int, int] = (300, 400)
    outer: tuple[int, int] = (150, 200)
    ranges: int = 300


BUDGET = Budget()
SMOKE = Budget((2, 2), (2, 2), (2, 2), 2)
FRESH = ("model.start=linear",)
RATE = 2e-5  # of the linear path, which holds the picture from the first step on
RATES = {  # of what starts at adding nothing, or reads pixels; docs/log.md
    "*.tcm.*.mix.*": 5e-4,
    "*.tcm.*": 2e-3,
    "*.slices.*": 2e-4,
    "*.g_a.down.0.conv1.*": 5e-4,
}
GUIDE_RATES = {  # of what a guide brings
    "rgb-attn": {"*.g_a.?_a.*": 5e-4},
    "depth-conv": {"*.g_a.side_*": 1e-3, "*.g_a.spf.*": 5e-4},
}


@dataclass(frozen=True)
class Run:
    """One model to train.

    Attributes:
        name: of its folder, the row first.
        row: of `thesis.rows`, at full width.
        lmbda: the trade-off.
        steps: how long.
        init: (name, lambda) of the run whose weights it starts from.
        changes: settings besides.
        fusion: run whose fusion it takes over (depth-conv at another lambda).
    """

    name: str
    row: str
    lmbda: float
    steps: int
    init: tuple[str, float] | None = None
    changes: tuple[str, ...] = ()
    fusion: tuple[str, float] | None = None
    shape: str = "-small"

    @property
    def modality(self) -> str:
        """What it codes, "rgb" or "depth"."""
        return self.row.split("-")[0]


def plan(budget: Budget) -> list[Run]:
    """Every run in the order of its worth."""
    runs: list[Run] = []
    for which, (modality, lmbda) in enumerate(MIDDLE.items()):
        steps = budget.start[which]
        runs.append(Run(f"{modality}-start", modality, lmbda, steps, changes=FRESH))
        runs += of_rows(budget, modality, lmbda)
    for modality in ROWS:
        for lmbda in OUTER[modality]:
            runs += of_rows(budget, modality, lmbda)
    for row in GUIDED:  # the capacity without the information
        modality = row.split("-")[0]
        (own,) = (r for r in of_rows(budget, modality, MIDDLE[modality]) if r.row == row)
        changes = (*own.changes, 'data.guide="another"')
        runs.append(dataclasses.replace(own, name=f"{row}-another", changes=changes))
    runs += [again(run) for m in ROWS for run in of_rows(budget, m, MIDDLE[m])]
    steps, start = budget.middle[0], ("rgb-start", MIDDLE["rgb"])
    runs.append(Run("rgb-ps", "rgb", MIDDLE["rgb"], steps, start, ("model.grow=true",),
                    shape="-small-ps"))  # fmt: skip
    structural = ('loss.distortion="ms-ssim"',)
    runs.append(Run("rgb-ms-ssim", "rgb", 8, steps, start, structural))
    for divisor in ("frame", "65535"):
        changes = (f'data.depth_range="{divisor}"', *FRESH)
        runs.append(Run(f"depth-{divisor}", "depth", 0.005, budget.ranges, changes=changes))
    return runs


def again(run: Run) -> Run:
    """The same run with other crops and other noise: how much of a difference is chance."""
    init = run.init
    if init is not None and not init[0].endswith("-start"):
        init = (f"{init[0]}-again", init[1])
    changes = (*run.changes, "seed=3")
    return dataclasses.replace(run, name=f"{run.name}-again", init=init, changes=changes)


def of_rows(budget: Budget, modality: str, lmbda: float) -> Iterator[Run]:
    """The three rows of a modality at one lambda, the baseline first."""
    which = list(ROWS).index(modality)
    middle, base = MIDDLE[modality], modality
    steps = (budget.middle if lmbda == middle else budget.outer)[which]
    for row in ROWS[modality]:
        shape = "-small-gated" if row == "rgb-attn" else "-small"  # prompts start unseen
        if row == "depth-conv":  # round the frozen baseline of the same lambda (section 3.5)
            fusion = None if lmbda == middle else (row, middle)
            yield Run(row, row, lmbda, steps, (base, lmbda), fusion=fusion)
        elif lmbda == middle:
            grow = ("model.grow=true",) if row != base else ()
            yield Run(row, row, lmbda, steps, (f"{base}-start", middle), grow, shape=shape)
        else:
            moved = (f"model.init_lambda={middle:g}",)
            yield Run(row, row, lmbda, steps, (row, middle), moved, shape=shape)


def settings_of(run: Run, options: argparse.Namespace) -> list[str]:
    """What a run changes in its row's recipe."""
    scenes, every = (4, 40) if options.smoke else (300, 2)
    textures = "" if options.smoke else 'path="cid22/training_*",'
    late = not run.name.endswith("-start")
    photos = '{kind="photos",path="cid22/training_*",share=0.5},'
    alone = not late and run.modality == "rgb"  # rows must see what has depth
    pairs = f'{{kind="pairs",path="train/*",every={every},share=0.5}}'
    rooms = (
        f'{{kind="generated",{textures}count={scenes},seed=5,'
        'sensors=["none","kinect","realsense"],share=0.5}'
    )
    init = "" if run.init is None else str(weights(options.output, *run.init))
    if run.fusion is not None:
        init = str(merged(options.output, run))
    return [
        f"model.row={run.row}{run.shape}", f"loss.lambdas=[{run.lmbda:g}]",
        f"model.init={init!r}",
        f"data.root={str(options.shared / 'data')!r}", f"data.packs={options.packs!r}",
        "data.workers=0", "data.validation=[]", "data.crop=256",
        f"data.train=[{photos if alone else ''}{pairs},{rooms}]",
        f"augment.rescale={0.5 if alone else 0}",  # what has a guide is not shrunk
        "augment.flip_x=0.5", "augment.flip_y=0.3", "augment.transpose=0.3",
        "optimiser.kind=soap", f"optimiser.lr={RATE:g}", "optimiser.soap_largest=256",
        f"optimiser.rates=[{rates_of(run.row)}]",
        "optimiser.precision=fp32", "optimiser.threads=1",
        f"optimiser.batch={2 if run.modality == 'rgb' else 1}", "optimiser.ema=0.99",
        "optimiser.nan_patience=20",
        "schedule.epochs=0", "schedule.milestones=[]", f"schedule.steps={run.steps}",
        "schedule.warmup=20", f"schedule.decay={run.steps if late else run.steps // 3}",
        f"seed={2 if late else 1}",
        "log.every=25", "log.checkpoint=50", "log.tensorboard=false",
        *run.changes,
    ]  # fmt: skip


def rates_of(row: str) -> str:
    """The recipe's table of rates by tensor; convolutional fusion freezes what is not its own."""
    own = GUIDE_RATES.get(row, {})
    rates = own if row == "depth-conv" else RATES | own
    return ",".join(f'{{match="{k}",factor={v / RATE:g}}}' for k, v in rates.items())


def weights(folder: Path, name: str, lmbda: float) -> Path:
    """Where a run's weights are."""
    return folder / "runs" / name / f"lambda-{lmbda:g}" / WEIGHTS


def merged(folder: Path, run: Run) -> Path:
    """Write the frozen codec of one run with the fusion of another; return the file."""
    assert run.init is not None
    assert run.fusion is not None
    state = safetensors.torch.load_file(weights(folder, *run.init))
    other = safetensors.torch.load_file(weights(folder, *run.fusion))
    state |= {k: v for k, v in other.items() if k.startswith(ADDED)}
    path = weights(folder, run.name, run.lmbda).with_name("init.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(state, path)
    return path


def train_all(options: argparse.Namespace) -> None:
    """Train what is not trained yet, until the clock says stop."""
    for run in plan(SMOKE if options.smoke else BUDGET):
        if options.smoke and run.name.endswith("-again"):
            continue
        target = weights(options.output, run.name, run.lmbda)
        if target.exists():
            continue
        if options.only and run.name not in options.only:
            continue
        minutes = minutes_until(options.until)
        if minutes is not None and minutes < 0.5:
            print(f"time is up before {run.name} at {run.lmbda:g}", flush=True)
            break
        settings = settings_of(run, options)
        if minutes is not None:
            settings.append(f"log.minutes={minutes:.2f}")
        settings.append(f"output={str(options.output / 'runs' / run.name)!r}")
        began, spent = time.monotonic(), time.process_time()
        recipe = load_recipe(f"recipes/{run.row}.toml", settings)
        done = train(recipe, resume=True, quiet=True, cpu=True)
        print(
            f"{time.strftime('%H:%M:%S')} {run.name} {run.lmbda:g}: "
            f"{'done' if done else 'stopped'} after {time.monotonic() - began:.0f} s, "
            f"{time.process_time() - spent:.0f} s of the CPU",
            flush=True,
        )
        if not done:
            break


def minutes_until(clock: str | None) -> float | None:
    """Minutes from now to a time of the day, "HH:MM", at most 12 hours away."""
    if clock is None:
        return None
    hour, minute = map(int, clock.split(":"))
    now = time.localtime()
    left = (hour - now.tm_hour) * 60 + minute - now.tm_min - now.tm_sec / 60
    return (left + 720) % 1440 - 720


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("out/thesis"))
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--packs", default="out/packs")
    parser.add_argument("--until", metavar="HH:MM")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--smoke", action="store_true", help="two steps each, to see that it runs")
    options = parser.parse_args()
    train_all(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
