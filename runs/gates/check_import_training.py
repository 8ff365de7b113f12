"""Train every row of the thesis's family, and rgb-conv, for 20 steps from imported weights.

    python -m runs.gates.check_import_training [--rows ROW ...] [--steps N] [-o FILE]

Time: about 6 minutes of one idle core. Needs ../shared: real pairs, and the program that makes a
file in the layout of the public weights. Writes results/check_import_training.json; rows that it
has already are not trained again.

Full width, batch 1, crops of 128, hence depth by squared error rather than eq. 24, whose MS-SSIM
needs sides above 160. The values of the weights are random, so the losses say that training runs,
not how well. Each row is trained by its own recipe, with `model.init` naming the file. CPU seconds
per step are the least of five steps' means, and what a forward pass computes is counted. The exit
status is 1 if a loss is no number, or a frozen codec changed.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from encodepth.evaluate.counting import count, parameters_of
from encodepth.thesis.rows import config_of
from encodepth.thesis.start import tcm_model
from encodepth.thesis.tcm import ADDED, ALIGN, TCM
from encodepth.thesis.weights import load_tcm
from encodepth.train import checkpoint
from encodepth.train.journal import RUN, read_metrics
from encodepth.train.recipe import load_recipe
from encodepth.train.run import train
from runs.common import DATA, RESULTS, ROOT, keep, need, options, progress
from runs.gates.check_import import MAKER, maker_of

ROWS = ("rgb", "rgb-4c", "rgb-conv", "depth", "depth-4c", "depth-conv", "rgb-attn")
SOURCE = "train/tum_fr1_rpy"
EVERY = 5  # steps in a line of the log


def main() -> int:
    parser = options(__doc__, output=RESULTS / "check_import_training.json")
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    need(MAKER, DATA / SOURCE)
    record: dict[str, Any] = {"torch": torch.__version__, "batch": 1, "steps": asked.steps}
    kept = json.loads(asked.output.read_text())["rows"] if asked.output.is_file() else []
    record["rows"] = kept
    done = {at["row"] for at in kept}
    with tempfile.TemporaryDirectory() as folder:
        public = Path(folder, "0.013.pth.tar")
        torch.save(maker_of(MAKER).checkpoint(), public)
        for row in [row for row in asked.rows if row not in done]:
            progress(row)
            record["rows"].append(train_row(row, public, Path(folder), asked.steps))
            print(json.dumps(record["rows"][-1]), flush=True)
            keep(asked.output, record)
    return 0 if all(r["ok"] for r in record["rows"]) else 1


def train_row(row: str, public: Path, folder: Path, steps: int) -> dict[str, Any]:
    """Train one row; return its losses and what a step takes."""
    lmbda, crop = 0.013 if row.startswith("rgb") else 0.001, 128
    grow = str(row.endswith(("4c", "attn"))).lower()
    settings = (
        f"output={folder / row}", f"model.init={public}", f"model.grow={grow}",
        f"loss.lambdas=[{lmbda}]", "loss.distortion=mse", f"data.crop={crop}", f"data.root={DATA}",
        f'data.train=[{{kind = "pairs", path = "{SOURCE}", every = 4}}]', "data.validation=[]",
        "data.workers=0", f"data.packs={folder / 'packs'}", "optimiser.batch=1",
        "optimiser.precision=fp32", "optimiser.threads=1", f"log.every={EVERY}",
        "log.checkpoint=100000", "log.tensorboard=false", "schedule.milestones=[]",
        "schedule.epochs=0", f"schedule.steps={steps}",
    )  # fmt: skip
    (weights,) = train(load_recipe(ROOT / "recipes" / f"{row}.toml", settings), quiet=True)
    lines = [r for r in read_metrics(weights.parent) if r["kind"] == "train"]
    losses = [r["loss"] for r in lines]
    used = [r["cores"] / r["steps_per_second"] for r in lines[1:] or lines]
    run = json.loads((weights.parent / RUN).read_text(encoding="utf-8"))
    changed = _changed(row, public, weights) if row.endswith("conv") else []
    (weights.parent / checkpoint.NAME).unlink()
    weights.unlink()
    parameters, macs = _size(row, crop)
    return {
        "row": row,
        "lambda": lmbda,
        "crop": crop,
        "parameters": parameters,
        "trained": run["parameters"],
        "losses": losses,
        "cpu_seconds_per_step": round(min(used), 3),
        "forward_gmac": round(macs / 1e9, 2),
        "ok": math.isfinite(sum(losses)) and len(losses) == steps // EVERY and not changed,
    }


def _changed(row: str, public: Path, weights: Path) -> list[str]:
    """Return the tensors of a frozen codec that training changed."""
    after = load_tcm(weights).state_dict()
    own = tcm_model(config_of(row), str(public)).state_dict()
    return [k for k, v in own.items() if not k.startswith(ADDED) and not torch.equal(after[k], v)]


def _size(row: str, crop: int) -> tuple[int, int]:
    """Return a row's parameters and the multiply-accumulates of a forward pass of one crop."""
    with torch.device("meta"):
        config = config_of(row)
        ghost = TCM(config).eval()
        side = -(-crop // ALIGN) * ALIGN
        x = torch.empty(1, config.target, side, side)
        guide = torch.empty(1, config.guide, side, side) if config.guide else None
    _, macs = count(ghost, {}, lambda: ghost(x, guide))
    return parameters_of(ghost), macs


if __name__ == "__main__":
    sys.exit(main())
