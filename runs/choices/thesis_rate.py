"""Which optimiser and rate the linear start of the thesis's rows bears: short runs, equal CPU time.

    python -m runs.choices.thesis_rate [--seconds 110] [-o results/thesis/rates.jsonl]

Time: --seconds an arm of one idle core, and two minutes to pack pictures. Needs ../shared.

Every arm trains `rgb-linear` of `runs.results.thesis` (blocks frozen, lambda .013) at a constant
rate, four crops of 128, and is validated on the middle 256x256 of a picture of each sequence of
`data/val`, with averaged weights. The first takes steps too small to matter: it is the start.
Arms that the output has are not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from encodepth.train.recipe import load_recipe
from runs.common import RESULTS, SHARED, append, options
from runs.results.thesis import BUDGET, plan, settings_of

from .optimiser_trial import run

ARMS = ("adam 1e-9", "adam 1e-5", "adam 3e-5", "adam 1e-4", "soap 2e-5", "soap 5e-5")
ANEW = ("optimiser.", "data.validation=", "data.crop=")  # what is not as in the experiment


def main() -> None:
    parser = options(__doc__, output=RESULTS / "thesis" / "rates.jsonl")
    parser.add_argument("--seconds", type=float, default=110)
    parser.add_argument("--folder", type=Path, default=Path("out/thesis-rate"))
    asked = parser.parse_args()
    lines = asked.output.read_text(encoding="utf-8").splitlines() if asked.output.exists() else []
    done = {json.loads(line)["arm"] for line in lines}
    given = argparse.Namespace(
        smoke=False, output=asked.folder, shared=SHARED, packs=str(asked.folder / "packs")
    )
    settings = [s for s in settings_of(plan(BUDGET)[0], given) if not s.startswith(ANEW)]
    for arm in ARMS:
        if arm in done:
            continue
        kind, rate = arm.split()
        recipe = load_recipe("recipes/rgb.toml", [
            *settings,
            f"optimiser.kind={kind}", f"optimiser.lr={rate}", "optimiser.soap_largest=256",
            "optimiser.batch=4", "optimiser.ema=0.9", "optimiser.precision=fp32",
            "optimiser.threads=1", "data.crop=128", "data.validation_size=[256,256]",
            'data.validation=[{kind="photos",path="val/*/color",limit=1}]',
            "schedule.decay=0", "validation.every=1000000",
            f"output={str(asked.folder / arm.replace(' ', '-'))!r}",
        ])  # fmt: skip
        append(asked.output, {"arm": arm, **run(recipe, asked.seconds)})


if __name__ == "__main__":
    main()
