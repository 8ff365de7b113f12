"""Whether generated scenes in training lower the cost of real frames: equal short runs in pairs.

Time: about 2 minutes of an idle core for each pair of runs, 25 with three seeds; 12 for a pair of
`restore` with 1200 steps; needs ../shared.

    python -m runs.choices.mix_scenes [--planes color] [--real one] [--seeds 1 2 3] [-o FILE]
    python -m runs.choices.mix_scenes --planes restore --real all --steps 1200 --seeds 1 [-o FILE]

Trains the tiny network of the default family twice on real frames of `data/train`: on them alone,
and with a share of the crops from generated scenes instead. Start, steps and everything else are
equal. Both then code frames of `data/val` at four qualities with their averaged weights. The cost
of a frame is bits per pixel + lambda * 255^2 * MSE. The runs are compared by the geometric mean of
the ratios of their costs: below 0 %, scenes helped.

`restore` trains the network that restores AV1's depth, batch, crop and rates as in
recipes/restore.toml. The rate is AV1's and the same for both, so the cost of a frame is its RMSE
over valid pixels, as a share of AV1's own.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import statistics
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encodepth.codings import av1_color
from encodepth.codings import av1_frames as avif
from encodepth.learned.restore import strength_of
from encodepth.networks.restorer import Restorer
from encodepth.train.batches import Frame
from encodepth.train.batches import plane as plane_of
from encodepth.train.config import MSE_SCALE, Recipe
from encodepth.train.devices import Devices
from encodepth.train.frames import open_training, open_validation
from encodepth.train.loop import Loop
from encodepth.train.recipe import make_recipe
from encodepth.train.restoring import RestoreTask
from encodepth.train.run import make_task
from encodepth.train.tasks import BaseTask
from runs.common import DATA, append

QUALITIES = (10, 35, 60, 85)
REAL: dict[str, dict[str, Any]] = {  # the real frames of data/train that a run sees
    "one": {"path": "train/tum_fr1_rpy"},  # one recording of one office
    "all": {"path": "train/*"},  # every recording
}
RESTORE = Path("recipes/restore.toml")
SENSORS = ["none", "kinect", "realsense"]
Costs = dict[str, list[float]]  # sequence -> a cost for every frame and quality


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--planes", nargs="+", default=["color", "restore"], choices=["color", "restore"]
    )
    parser.add_argument("--real", nargs="+", choices=list(REAL), default=list(REAL))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--share", type=float, default=0.5, help="of crops from generated scenes")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--packs", default="out/packs")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    for seed, plane, real in itertools.product(options.seeds, options.planes, options.real):
        without = run(options, plane, real, 0, seed)
        with_them = run(options, plane, real, options.share, seed)
        append(options.output, {
            "plane": plane, "real_frames": real, "seed": seed, "share": options.share,
            "scenes": options.scenes, "sensors": SENSORS, "steps": options.steps,
            **compare(without, with_them),
            **(left(without, with_them) if plane == "restore" else {}),
        })  # fmt: skip


def run(options: argparse.Namespace, plane: str, real: str, share: float, seed: int) -> Costs:
    """Train once and return the costs of the validation frames."""
    recipe = recipe_of(options, plane, real, share, seed)
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    task = make_task(recipe)
    sources = open_training(recipe, lambda _: None)
    validation = open_validation(recipe, lambda _: None)
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(task, sources, [], Path(folder), Devices(cpu=True), quiet=True)
        loop.run()
        task.eval()
        with loop.averaged():
            if isinstance(task, RestoreTask):
                return {v.label: errors_left(task, v.frames) for v in validation}
            assert isinstance(task, BaseTask)
            return {v.label: costs(task, plane, v.frames) for v in validation}


def recipe_of(
    options: argparse.Namespace, plane: str, real: str, share: float, seed: int
) -> Recipe:
    """The recipe of one run; runs differ in the shares of their sources and in the seed."""
    train: list[dict[str, Any]] = [{"kind": "pairs", "share": 1 - share, "every": 2, **REAL[real]}]
    if share:
        train.append({
            "kind": "generated", "path": "cid22/training_*", "count": options.scenes, "seed": 5,
            "sensors": SENSORS, "share": share,
        })  # fmt: skip
    root = DATA
    names = sorted(path.name for path in (root / "val").iterdir())
    validation = [{"kind": "pairs", "path": f"val/{name}", "limit": 3} for name in names]
    if plane == "restore":
        return restore_recipe(options, train, validation, seed)
    return make_recipe({
        "name": "mix", "seed": seed, "model": {"size": "tiny"},
        "data": {"root": str(root), "packs": options.packs, "crop": 128, "workers": 0,
                 "train": train, "validation": validation},
        "augment": {"flip_x": 0.5, "flip_y": 0.3, "transpose": 0.3},
        "loss": {"power": 0.35},
        "optimiser": {"lr": 1e-3, "betas": [0.9, 0.98], "batch": 8, "ema": 0.99, "threads": 1},
        "schedule": {"steps": options.steps, "warmup": 20, "decay": options.steps // 2},
        "validation": {"every": 10**9},
        "log": {"every": 10**9, "checkpoint": 10**9, "tensorboard": False},
    })  # fmt: skip


def restore_recipe(
    options: argparse.Namespace,
    train: list[dict[str, Any]],
    validation: list[dict[str, Any]],
    seed: int,
) -> Recipe:
    """The shipped recipe with these pictures, its schedule shrunk to the steps of a run."""
    table = tomllib.loads(RESTORE.read_text(encoding="utf-8"))
    table["seed"] = seed
    table["data"] |= {
        "root": str(DATA), "packs": options.packs,
        "train": train, "validation": validation,
    }  # fmt: skip
    table["optimiser"]["ema"] = 0.99
    table["schedule"] = {"steps": options.steps, "warmup": 20, "decay": options.steps // 2}
    table["validation"]["every"] = 10**9
    table["log"] = {"every": 10**9, "checkpoint": 10**9, "tensorboard": False}
    return make_recipe(table)


def costs(task: BaseTask, plane: str, frames: Sequence[Any]) -> list[float]:
    """Rate plus lambda times distortion of every frame at every quality."""
    found = []
    for quality in QUALITIES:
        lmbda = task.plane.config.lmbda(quality)
        for frame in frames:
            figures = task.measure(frame, quality, torch.device("cpu"))
            error = 10 ** (-figures[f"{plane}_psnr"] / 10)
            found.append(figures[f"{plane}_bpp"] + lmbda * MSE_SCALE * error)
    return found


def errors_left(task: RestoreTask, frames: Sequence[Frame]) -> list[float]:
    """RMSE after restoring over RMSE of AV1, of every frame at every quality.

    The network runs in float32 and sees AV1's colour of quality 50.
    """
    restorer = Restorer(copy.deepcopy(task.net), 0)
    found = []
    for quality in QUALITIES:
        for frame in frames:
            assert frame.color is not None
            assert frame.valid is not None
            depth, (height, width) = plane_of(frame).numpy(), frame.size
            color = av1_color.decode_color(av1_color.encode_color(frame.color, 50), height, width)
            rough = avif.decode_plane(avif.encode_plane(depth, quality), height, width)
            before = rmse(rough, depth, frame.valid)
            strength = strength_of(avif.TOP * before)
            restored = restorer.restore(rough, frame.valid, strength, color)
            found.append(rmse(restored, depth, frame.valid) / before)
    return found


def rmse(
    decoded: NDArray[np.float32], depth: NDArray[np.float32], valid: NDArray[np.bool_]
) -> float:
    return float(np.sqrt(np.square(decoded - depth)[valid].mean(dtype=np.float64)))


def left(without: Costs, with_them: Costs) -> dict[str, Any]:
    """Return by how many percent AV1's RMSE changes under the network of each run."""
    means = [
        percent([math.log(c) for values in costs.values() for c in values])
        for costs in (without, with_them)
    ]
    return {"against_av1_percent": dict(zip(("without", "with"), means, strict=True))}


def compare(without: Costs, with_them: Costs) -> dict[str, Any]:
    """Return by how many percent the second costs differ, over all and by sequence."""
    logs = {
        name: [math.log(b / a) for a, b in zip(without[name], with_them[name], strict=True)]
        for name in without
    }
    every = [x for values in logs.values() for x in values]
    return {
        "cost_percent": percent(every),
        "lower_in": f"{sum(x < 0 for x in every)} of {len(every)}",
        "by_sequence": {name: percent(values) for name, values in logs.items()},
        "by_quality": {
            str(q): percent(values) for q, values in zip(QUALITIES, by_quality(logs), strict=True)
        },
    }


def by_quality(logs: Costs) -> list[list[float]]:
    """Sort the values of all sequences, quality by quality in each, by quality."""
    parts = [np.array_split(values, len(QUALITIES)) for values in logs.values()]
    return [np.concatenate(same).tolist() for same in zip(*parts, strict=True)]


def percent(logs: Sequence[float]) -> float:
    return round(100 * (math.exp(statistics.mean(logs)) - 1), 2)


if __name__ == "__main__":
    main()
