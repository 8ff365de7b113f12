"""What `check_recipes.sh` left, as a record: losses of six runs, and how depth-conv starts.

    python -m runs.gates.check_recipes out/check

Time: seconds after check_recipes.sh, which calls it. Writes results/check_recipes.json.

depth-conv is built once more from the depth run's weights, and both are asked for the loss
of the first batch: it has to be the same number, bit for bit.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import torch

from encodepth.train.batches import Batches
from encodepth.train.frames import open_training
from encodepth.train.journal import read_metrics
from encodepth.train.run import WEIGHTS, make_task, split, stored_recipe
from runs.common import RESULTS, keep, options

ROWS = ("rgb", "rgb-4c", "rgb-attn", "depth", "depth-4c", "depth-conv")


def main() -> int:
    parser = options(__doc__, output=RESULTS / "check_recipes.json")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    record: dict[str, Any] = {"torch": torch.__version__}
    runs, said = asked.folder / "runs", (asked.folder / "log").read_text(encoding="utf-8")
    record["rows"] = [of_run(next((runs / row).glob("lambda-*")), said) for row in ROWS]
    record["depth_conv_starts_at"] = start = start_of_fusion(runs)
    print(json.dumps(record, indent=1))
    keep(asked.output, record)
    whole = all(r["sittings"] == ["0..10", "10..20"] for r in record["rows"])
    whole = whole and all(math.isfinite(x) for r in record["rows"] for x in r["losses"])
    return 0 if whole and start["depth"] == start["depth-conv"] else 1


def of_run(folder: Path, said: str) -> dict[str, Any]:
    """Return where a run was begun and resumed, and its mean losses over five steps each."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    trained = [r for r in read_metrics(folder) if r["kind"] == "train"]
    recipe = run["recipe"]
    return {
        "row": recipe["model"]["row"],
        "lambda": recipe["loss"]["lambdas"][0],
        "batch": recipe["optimiser"]["batch"],
        "trained_parameters": run["parameters"],
        "sittings": re.findall(rf"^{recipe['name']}: .* steps (\d+\.\.\d+),", said, re.M),
        "steps": [r["step"] for r in trained],
        "losses": [round(r["loss"], 3) for r in trained],
        "weights_bytes": (folder / "weights.safetensors").stat().st_size,
    }


def start_of_fusion(runs: Path) -> dict[str, float]:
    """Loss of the first batch under the depth run's codec and under depth-conv built round it."""
    (depth,) = split(stored_recipe(next((runs / "depth").glob("lambda-*"))))
    (conv,) = split(stored_recipe(next((runs / "depth-conv").glob("lambda-*"))))
    batch = Batches(conv, open_training(conv, lambda _: None))[0]
    found = {}
    for recipe in (depth, conv):
        torch.manual_seed(recipe.seed)
        if recipe is depth:  # where fusion's init points, taken up as a run's own weights
            model = dataclasses.replace(recipe.model, init=str(Path(recipe.folder) / WEIGHTS))
            recipe = dataclasses.replace(recipe, model=model)
        task = make_task(recipe).train()
        torch.manual_seed(0)
        with torch.no_grad():
            found[recipe.model.row.removesuffix("-small")] = float(task(batch)["loss"])
    return found


if __name__ == "__main__":
    sys.exit(main())
