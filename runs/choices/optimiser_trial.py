"""Which optimiser trains a network best: short runs of one recipe from one start, equal CPU time.

Time: seconds times arms of one core, and the recipe's validation; needs ../shared.

    python -m runs.choices.optimiser_trial recipes/restore-color.toml --seconds 240 \\
        --arm "optimiser.kind=adam optimiser.lr=1.2e-3" \\
        --arm "optimiser.kind=soap optimiser.lr=3e-3" [-o FILE.jsonl] [--folder out/trial]

Every arm sees the same batches in the same order, at a constant rate after the recipe's warm-up.
CPU time of the process is counted, not wall time, for the machine may be shared. A line holds an
arm's settings, its steps, and the validation of its averaged weights.
A folder of an arm can be gone on from with `encodepth train --resume`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from encodepth.train.config import Recipe
from encodepth.train.devices import Devices
from encodepth.train.frames import open_training, open_validation
from encodepth.train.journal import write_run
from encodepth.train.loop import Loop
from encodepth.train.recipe import load_recipe, resolved
from encodepth.train.run import make_task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--arm", action="append", required=True, help="settings, key=value ...")
    parser.add_argument("--common", action="append", default=[], help="a setting of all arms")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--folder", type=Path, default=Path("out/trial"))
    parser.add_argument("-o", "--output", type=Path, default=Path("results/optimiser_trial.jsonl"))
    args = parser.parse_args()
    for arm in args.arm:
        name = arm.replace("optimiser.", "").replace(" ", "-").replace("=", "-")
        fixed = ("schedule.decay=0", "validation.every=1000000", f"output={args.folder / name}")
        recipe = load_recipe(args.recipe, (*args.common, *arm.split(), *fixed))
        line = json.dumps({"recipe": recipe.name, "arm": arm, **run(recipe, args.seconds)})
        print(line, flush=True)
        with open(args.output, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def run(recipe: Recipe, seconds: float) -> dict[str, Any]:
    """Train one arm and return its figures."""
    torch.set_num_threads(max(recipe.optimiser.threads, 1))
    torch.manual_seed(recipe.seed)
    folder = Path(recipe.folder)
    folder.mkdir(parents=True, exist_ok=True)
    sources, validation = open_training(recipe, print), open_validation(recipe, print)
    loop = Loop(make_task(recipe), sources, validation, folder, Devices(cpu=True), quiet=True)
    write_run(folder, resolved(recipe), {})
    began = time.process_time()
    outcome = loop.run(lambda: time.process_time() - began > seconds)
    spent = round(time.process_time() - began, 1)
    return {"steps": outcome.step, "cpu_seconds": spent, "validation": loop.validate()}


if __name__ == "__main__":
    main()
