"""Which rates the linear start of the thesis's rows bears: short runs, equal CPU time.

    python -m runs.choices.thesis_rate [--seconds 200] [-o results/thesis/rates.jsonl]

Time: --seconds an arm of one idle core, and two minutes to pack pictures. Needs ../shared.

Every arm trains `depth-start` of `runs.results.thesis` at lambda .0001 with SOAP at constant rates,
and is validated on the middle of two pictures of each sequence of `data/val`, with averaged
weights. The first takes one step too small to matter: it is the start. A rate is of the tensors
whose names fit first, the last one of all others. Arms that the output has are not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from encodepth.train.recipe import load_recipe
from runs.common import RESULTS, SHARED, append, options
from runs.results.thesis import FRESH, Run, settings_of

from .optimiser_trial import run

MIX, TCM, SLICES, LINEAR = "*.tcm.*.mix.*", "*.tcm.*", "*.slices.*", "*"
ARMS: dict[str, dict[str, float]] = {
    "start": {LINEAR: 1e-9},
    "all 2e-5": {LINEAR: 2e-5},
    "all 1e-4": {LINEAR: 1e-4},
    "blocks 5e-4": {MIX: 1e-4, TCM: 5e-4, SLICES: 1e-4, LINEAR: 2e-5},
    "priors as the linear path": {MIX: 1e-4, TCM: 5e-4, LINEAR: 2e-5},
    "linear path 1e-5": {MIX: 1e-4, TCM: 5e-4, SLICES: 1e-4, LINEAR: 1e-5},
    "blocks 1e-3": {MIX: 3e-4, TCM: 1e-3, SLICES: 3e-4, LINEAR: 2e-5},
    "blocks 2e-3": {MIX: 5e-4, TCM: 2e-3, SLICES: 3e-4, LINEAR: 2e-5},
    "blocks 4e-3": {MIX: 1e-3, TCM: 4e-3, SLICES: 1e-4, LINEAR: 1e-5},
}
ANEW = ("data.validation=", "optimiser.lr=", "optimiser.rates=", "optimiser.ema=")


def main() -> None:
    parser = options(__doc__, output=RESULTS / "thesis" / "rates.jsonl")
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--folder", type=Path, default=Path("out/thesis-rate"))
    asked = parser.parse_args()
    lines = asked.output.read_text(encoding="utf-8").splitlines() if asked.output.exists() else []
    done = {json.loads(line)["arm"] for line in lines}
    given = argparse.Namespace(
        smoke=False, output=asked.folder, shared=SHARED, packs=str(asked.folder / "packs")
    )
    start = Run("depth-start", "depth", 0.0001, 100_000, changes=FRESH)
    settings = [s for s in settings_of(start, given) if not s.startswith(ANEW)]
    for arm, rates in ARMS.items():
        if arm in done:
            continue
        *some, (_, lr) = rates.items()
        table = ",".join(f'{{match="{k}",factor={v / lr:g}}}' for k, v in some)
        recipe = load_recipe("recipes/depth.toml", [
            *settings, f"optimiser.lr={lr:g}", f"optimiser.rates=[{table}]", "optimiser.ema=0.98",
            "data.validation_size=[384,512]",
            'data.validation=[{kind="pairs",path="val/*",limit=2}]', "schedule.decay=0",
            "validation.every=1000000",
            f"output={str(asked.folder / arm.replace(' ', '-'))!r}",
        ])  # fmt: skip
        seconds = 1 if arm == "start" else asked.seconds
        append(asked.output, {"arm": arm, **run(recipe, seconds)})


if __name__ == "__main__":
    main()
