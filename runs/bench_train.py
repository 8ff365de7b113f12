"""How a training step's time is spent: the network, or waiting for data. Needs the recipe's data.

Time: about two minutes for recipes/base-color.toml on one core; packs are made first if missing.
    python runs/bench_train.py recipes/base-color.toml [--steps 30] [--set KEY=VALUE ...] [-o FILE]
Prints, and appends to FILE as one JSON line:
  step_ms, wait_ms       a step of the real loop (median), and what of it was spent waiting for data
  av1_share              coding crops by AV1 inside the step (recipes/restore.toml) / all time
  network_share          1 - (all waiting + AV1) / all time, over the measured steps
  network_ms             the same step over and over on one batch, no loader at work (median)
  loader_images_per_s    the loader alone, one process, as fast as it can
  needed_images_per_s    what the network consumes
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from encodepth.codings import av1_frames as avif
from encodepth.train.devices import Devices
from encodepth.train.frames import open_training
from encodepth.train.loop import Loop
from encodepth.train.recipe import load_recipe
from encodepth.train.run import make_task

WARM = 5  # steps before anything is measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    recipe = load_recipe(
        arguments.recipe, [*arguments.settings, f"schedule.steps={arguments.steps + WARM + 1}"]
    )
    if recipe.optimiser.threads:
        torch.set_num_threads(recipe.optimiser.threads)
    torch.manual_seed(recipe.seed)
    sources = open_training(recipe, print)
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(make_task(recipe), sources, [], Path(folder), Devices(), quiet=True)
        loop.task.train()
        figures: dict[str, Any] = {"recipe": recipe.name, "batch": recipe.optimiser.batch}
        figures |= measure(loop)
    figures |= {"device": str(loop.devices.device), "threads": torch.get_num_threads()}
    figures |= {"settings": arguments.settings, "pictures": sum(len(s) for s in sources)}
    figures |= {"machine": platform.machine(), "cores": os.cpu_count() or 0}
    figures |= {"load": round(os.getloadavg()[0], 1), "torch": torch.__version__}
    print(json.dumps(figures, indent=2))
    print(
        f"{100 * figures['network_share']:.1f} % of a step of {figures['step_ms']} ms is the"
        f" network; one loader process makes {figures['loader_images_per_s']} pictures per second,"
        f" the network takes {figures['needed_images_per_s']}"
    )
    if arguments.output:
        with open(arguments.output, "a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")


def measure(loop: Loop) -> dict[str, float]:
    """Run the loop's own step, then its two halves apart."""
    feed = loop._feed()
    times, waits, av1 = [], [], _watch_av1()
    for n in range(loop.steps - 1):
        if n == WARM:
            av1.clear()
        began = time.perf_counter()
        _, waited, batch = loop._advance(feed)
        _finish(loop)
        times.append(time.perf_counter() - began)
        waits.append(waited)
        loop.step += 1
    times, waits = times[WARM:], waits[WARM:]
    coding = sum(av1) / sum(times)
    del feed
    alone = []
    for _ in range(10):
        began = time.perf_counter()
        loop._advance(itertools.repeat(batch))
        _finish(loop)
        alone.append(time.perf_counter() - began)
    began, count = time.perf_counter(), 20
    for n in range(count):
        loop.batches[n]
    size = loop.recipe.optimiser.batch
    loader = size * count / (time.perf_counter() - began)
    return {
        "step_ms": round(median(times) * 1000, 1),
        "wait_ms": round(median(waits) * 1000, 1),
        "av1_share": round(coding, 4),
        "network_share": round(1 - sum(waits) / sum(times) - coding, 4),
        "network_ms": round(median(alone) * 1000, 1),
        "loader_images_per_s": round(loader, 1),
        "needed_images_per_s": round(size / median(alone), 1),
    }


def _watch_av1() -> list[float]:
    """Return a list that gets the seconds of every call of the AV1 coder from now on."""
    spent: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments)
            spent.append(time.perf_counter() - began)
            return result

        return run

    for name in ("encode_plane", "decode_plane", "encode_color", "decode_color"):
        setattr(avif, name, timed(getattr(avif, name)))
    return spent


def _finish(loop: Loop) -> None:
    if loop.devices.device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
