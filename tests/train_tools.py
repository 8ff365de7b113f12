"""Tiny recipes, tasks and loops for the tests of training."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from encodepth.train.batches import Frame
from encodepth.train.devices import Devices
from encodepth.train.loop import Loop, Validation
from encodepth.train.recipe import make_recipe
from encodepth.train.run import make_task

TINY = {
    "name": "test",
    "model": {"size": "tiny"},
    "data": {
        "train": [{"kind": "generated", "count": 1}],
        "crop": 64,
        "workers": 0,
        "validation_size": [64, 64],
    },
    "loss": {"power": 0.35},
    "optimiser": {"batch": 2, "lr": 1e-3, "ema": 0.9},
    "schedule": {"steps": 4, "warmup": 2, "decay": 2},
    "validation": {"every": 100, "qualities": [50]},
    "log": {"every": 1, "checkpoint": 100, "tensorboard": False},
}
RESTORE = {**TINY, "model": {"family": "restore"}}  # sees depth, and colour beside it
TCM = {
    **TINY,
    "model": {"family": "tcm", "row": "depth-small"},
    "loss": {"lambdas": [0.01]},
    "optimiser": {"batch": 2, "lr": 1e-3},
}


class Shapes:
    """Four frames of smooth colour and a depth step with a hole."""

    label, fingerprint = "shapes", "0"

    def __len__(self):
        return 4

    def __getitem__(self, i):
        rng = np.random.default_rng(i)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8))
        color = np.asarray(coarse.resize((96, 80), Image.Resampling.BICUBIC))
        depth = np.full((80, 96), 1000, np.uint16) + np.arange(96, dtype=np.uint16) * 5
        depth[20:50, 10 + 9 * i : 60] = 2000 + 300 * i
        valid = np.ones((80, 96), bool)
        valid[5:15, 5:40] = False
        return Frame(color, depth, valid, 1000, 3000)


def loop_of(folder, table=TINY, settings=(), **keywords):
    """Return a loop over `Shapes` in a folder, its weights started from the recipe's seed."""
    recipe = make_recipe(table, settings)
    torch.manual_seed(recipe.seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shapes = Shapes()
    validation = [Validation("shapes", [_middle(shapes[0])])]
    keywords.setdefault("task", make_task(recipe))
    task = keywords.pop("task")
    return Loop(task, [shapes], validation, folder, Devices(cpu=True), quiet=True, **keywords)


def _middle(frame):
    area = np.s_[8:72, 16:80]
    return Frame(frame.color[area], frame.depth[area], frame.valid[area], frame.low, frame.high)
