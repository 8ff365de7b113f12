"""The curve of a restorer in training: BD-rate on its validation pictures over core-minutes.

Time: none; reads what a run left.

    python -m runs.results.restore_curve out/restore-color [--before STEP SECONDS] [-o FILE.jsonl]

A machine that is shared gives a run less than a core, so the CPU time of its steps is added up:
wall time times the cores that they had. `--before` is what a run has behind it whose metrics are
not in the folder (a trial that it went on from). A line holds a validation source at a step.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from encodepth.train.journal import read_metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--before", type=float, nargs=2, default=(0, 0.0), metavar="N")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("results/restore_color_curve.jsonl")
    )
    args = parser.parse_args()
    lines = [json.dumps(point) for point in curve(read_metrics(args.folder), *args.before)]
    args.output.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    print("\n".join(lines))


def curve(records: list[dict[str, Any]], last: float, spent: float) -> list[dict[str, Any]]:
    """Return a point for every validation source and step, in the order of the run."""
    points: dict[tuple[int, str], dict[str, Any]] = {}
    rate = 0.0
    for record in records:
        step = record["step"]
        if record["kind"] == "train":
            spent += (step - last) / record["steps_per_second"] * record.get("cores", 1.0)
            last, rate = step, record["lr"]
        else:
            point = points.setdefault(
                (step, record["source"]),
                {
                    "step": step,
                    "core_minutes": round(spent / 60, 1),
                    "lr": rate,
                    "source": record["source"],
                    "bd_rate": record["color_bd_rate"],
                    "gain_db": {},
                },
            )
            point["gain_db"][record["quality"]] = record["color_gain"]
    return list(points.values())


if __name__ == "__main__":
    main()
