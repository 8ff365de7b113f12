"""From a recipe to a folder of weights: one run, or one per lambda for the thesis's models."""

from __future__ import annotations

import dataclasses
import importlib
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ..errors import EncodepthError
from . import checkpoint
from .card import write_card
from .config import Recipe
from .devices import Devices
from .frames import fingerprint, open_training, open_validation
from .journal import RUN, Progress, clock, stamp, write_run
from .loop import Loop, Outcome
from .recipe import make_recipe, resolved
from .tasks import Task

WEIGHTS = "weights.safetensors"
_RETIRED = ("planes", "context")  # settings of [model] while the default family coded depth
TASKS = {
    # family: (module, class); loaded when a recipe names it
    "base": (".tasks", "BaseTask"),
    "restore": (".restoring", "RestoreTask"),
    "restore-color": (".restoring_color", "RestoreColorTask"),
    "tcm": ("..thesis.task", "TcmTask"),
}


def train(
    recipe: Recipe, *, resume: bool = False, quiet: bool = False, cpu: bool = False
) -> list[Path]:
    """Train what a recipe describes and return the weights files of the runs that are finished.

    A run stopped by the recipe's minutes, SIGTERM or Ctrl-C leaves a checkpoint and no weights. Of
    several processes, only the main one returns files.

    Args:
        recipe: what to train.
        resume: go on with what the recipe's folder holds.
        quiet: no progress on stderr.
        cpu: stay on the CPU.

    Raises:
        EncodepthError: the folder already holds a run, data or weights cannot be used, or the loss
            is no number.
    """
    runs = split(recipe)
    taken = [r.folder for r in runs if (Path(r.folder) / checkpoint.NAME).exists()]
    if taken and not resume:
        raise EncodepthError(f"{taken[0]} holds a run; go on with --resume {recipe.folder}")
    devices = Devices(cpu)
    if devices.main and runs[0].folder != recipe.folder:
        Path(recipe.folder).mkdir(parents=True, exist_ok=True)
        write_run(Path(recipe.folder), resolved(recipe), {"runs": [r.folder for r in runs]})
    finished = []
    try:
        with _until_told() as told:
            for run in runs:
                outcome = _train_one(run, devices, quiet, told)
                if not outcome.done:
                    break
                if devices.main:
                    finished.append(Path(run.folder) / WEIGHTS)
    finally:
        devices.end()
    return finished


def make_task(recipe: Recipe) -> Task:
    """Build what a recipe trains, its weights where the recipe says they start."""
    module, name = TASKS[recipe.model.family]
    task: Task = getattr(importlib.import_module(module, __package__), name)(recipe)
    return task


def split(recipe: Recipe) -> list[Recipe]:
    """Return a recipe per weights file: one per lambda for the thesis's models, one for others."""
    if recipe.model.family != "tcm":
        return [recipe]
    runs = []
    for lmbda in recipe.loss.lambdas:
        init = recipe.model.init.replace("{lmbda}", f"{lmbda:g}")
        name, folder = f"lambda-{lmbda:g}", recipe.folder
        if Path(folder).name != name:  # it is when such a run is resumed by itself
            folder = f"{folder}/{name}"
        runs.append(
            dataclasses.replace(
                recipe,
                output=folder,
                model=dataclasses.replace(recipe.model, init=init),
                loss=dataclasses.replace(recipe.loss, lambdas=(lmbda,)),
            )
        )
    return runs


def stored_recipe(folder: str | Path, settings: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe that a run folder was made with, moved to where the folder is now.

    Raises:
        EncodepthError: the folder holds no run.
    """
    path = Path(folder) / RUN
    try:
        table = json.loads(path.read_text(encoding="utf-8"))["recipe"]
        table["model"] = {k: v for k, v in table["model"].items() if k not in _RETIRED}
    except OSError as error:
        raise EncodepthError(f"no run to resume: {path}: {error.strerror}") from None
    except (json.JSONDecodeError, KeyError, TypeError):
        raise EncodepthError(f"no run to resume: {path} is damaged") from None
    return make_recipe({**table, "output": str(folder)}, settings, where=str(path))


def _train_one(recipe: Recipe, devices: Devices, quiet: bool, told: list[int]) -> Outcome:
    folder = Path(recipe.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if recipe.optimiser.threads:
        torch.set_num_threads(recipe.optimiser.threads)
    torch.manual_seed(recipe.seed)
    progress = Progress(0, quiet or not devices.main)
    task = make_task(recipe)
    if not devices.main:
        devices.wait()  # the main process makes the packs
    sources = open_training(recipe, progress.say)
    validation = open_validation(recipe, progress.say) if devices.main else []
    if devices.main:
        devices.wait()
    loop = Loop(task, sources, validation, folder, devices, quiet)
    pictures = {s.label: len(s) for s in sources}
    facts = {
        "seed": recipe.seed,
        "data": {"fingerprint": fingerprint(sources), "pictures": pictures},
        "devices": {"processes": devices.processes, "device": str(devices.device)},
        "steps": loop.steps,
        "parameters": sum(p.numel() for p in loop.names.values()),
        "started": stamp(),
    }
    if devices.main:
        before = _facts(folder).get("data", facts["data"])
        if loop.step and before != facts["data"]:
            progress.say(f"note: the data changed since this run began: {before['pictures']}")
        write_run(folder, resolved(recipe), facts)
    progress.say(
        f"{recipe.name}: {facts['parameters']:,} parameters, {sum(pictures.values())} pictures,"
        f" steps {loop.step}..{loop.steps}, {devices.processes} x {devices.device.type}"
    )
    outcome = loop.run(lambda: bool(told))
    if not outcome.done:
        progress.say(
            f"stopped at step {outcome.step}/{outcome.steps} after {clock(outcome.seconds)};"
            f" go on with --resume {folder}"
        )
    elif devices.main:
        with loop.averaged():
            task.export(folder / WEIGHTS)
        write_card(folder, recipe, facts, outcome)
    return outcome


def _facts(folder: Path) -> dict[str, Any]:
    """Return what run.json said so far."""
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _until_told() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT instead of dying of them; a second SIGINT kills as usual."""
    told: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and told:
            raise KeyboardInterrupt
        told.append(number)

    try:
        before = {n: signal.signal(n, note) for n in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: whoever runs us deals with signals
        before = {}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
