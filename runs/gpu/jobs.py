"""What is trained here: for each family a store of pictures, and batches of crops drawn from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from encodepth.learned.restore import size_of, strength_of
from encodepth.learned.weights import find_weights
from encodepth.networks.restorer import RestorerNet, RestoringInTorch
from encodepth.networks.restorer_weights import load_color_restorer, load_restorer
from encodepth.train.batches import LEVEL, Batch
from encodepth.train.recipe import load_recipe
from encodepth.train.restoring import RestoreTask
from encodepth.train.restoring_color import RestoreColorTask
from encodepth.train.tasks import BaseTask, Costs, Task

from .store import Planes, Store

_BLIND = 0.15  # of depth's crops see no colour
_COLORS = {"photos": 0.7, "frames": 0.2, "rooms": 0.1}
_DEPTHS = {"frames": 0.55, "rooms": 0.45}


class Job(ABC):
    """A network in training.

    Args:
        settings: of its recipe, "key=value"; teachers estimate its crops as they are drawn.
        pixels: room for pictures.
        device: where all happens.
        compiled: let torch compile the networks.
    """

    recipe: str
    task_of: type[Task]
    folder: str  # where its pictures arrive
    planes: ClassVar[Mapping[str, tuple[torch.dtype, int]]]
    facts: int
    shares: Mapping[str, float]
    side: int  # of a crop
    grid = 1
    channels_last = True
    opened: Callable[[Path, str], RestoringInTorch] | None = None  # a teacher

    def __init__(
        self, settings: Sequence[str], pixels: int, device: torch.device, compiled: bool
    ) -> None:
        low = "bf16" if device.type == "cuda" else "fp32"
        own = ["optimiser.kind=adam", f"optimiser.precision={low}"]
        recipe = load_recipe(self.recipe, [*own, *settings])
        self.task = self.task_of(recipe).to(device)
        self.teachers = [self._teacher(name, device, compiled) for name in recipe.model.teachers]
        if self.channels_last:
            self.task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compiled:
            getattr(self.task, "net", self.task).compile()
        self.store = Store(self.planes, self.facts, self.shares, pixels, device)

    def costs(self, count: int) -> Costs:
        """Return the costs of a fresh batch."""
        batch = self.batch(*self.store.crops(count, self.side, self.grid))
        if self.teachers:
            assert isinstance(self.task, RestoreTask | RestoreColorTask)
            with torch.no_grad():
                known = [self.task.estimate(batch, teacher) for teacher in self.teachers]
                batch.estimate = torch.stack(known).mean(0)
        costs: Costs = self.task(batch)
        return costs

    def _teacher(self, name: str, device: torch.device, compiled: bool) -> RestorerNet:
        assert self.opened is not None
        net: RestorerNet = self.opened(find_weights(name), str(device)).net.eval()
        if compiled:
            net.compile()
        return net

    @abstractmethod
    def read(self, file: Any) -> tuple[Planes, list[float]]:
        """Return planes and facts of a picture's file."""

    @abstractmethod
    def batch(self, planes: dict[str, Tensor], facts: Tensor) -> Batch:
        """Return crops as the task takes them."""


class Base(Job):
    """Learned colour."""

    recipe, task_of, folder = "recipes/base-color.toml", BaseTask, "color"
    planes, facts, shares = {"color": (torch.uint8, 3)}, 0, _COLORS
    side = 256
    channels_last = False  # depthwise kernels train three times as fast

    def read(self, file: Any) -> tuple[Planes, list[float]]:
        return {"color": file["color"]}, []

    def batch(self, planes: dict[str, Tensor], facts: Tensor) -> Batch:
        color = planes["color"].float() / 255
        count, device = len(color), color.device
        steps = torch.arange(count, device=device) + torch.rand(count, device=device)
        quality = steps / count * 100  # stratified
        return Batch(color, None, None, quality, quality, True, 0)


class RestoreColor(Job):
    """The network that restores AV1's colour."""

    recipe, task_of, folder = "recipes/restore-color.toml", RestoreColorTask, "coded"
    planes: ClassVar = {"color": (torch.uint8, 3), "picture": (torch.float32, 3)}
    facts, shares = 2, _COLORS
    side, grid = 128, 8
    opened = staticmethod(load_color_restorer)

    def read(self, file: Any) -> tuple[Planes, list[float]]:
        picture = file["picture"].astype(np.float32) / LEVEL
        facts = [float(file["quality"]), _size(file)]
        return {"color": file["color"], "picture": picture}, facts

    def batch(self, planes: dict[str, Tensor], facts: Tensor) -> Batch:
        color, coded = planes["color"].float() / 255, planes["picture"] / 255
        quality, size = facts.unbind(1)
        return Batch(color, None, None, quality, quality, True, 0, coded, size=size)


class Restore(Job):
    """The network that restores AV1's depth."""

    recipe, task_of, folder = "recipes/restore.toml", RestoreTask, "depth"
    planes: ClassVar = {
        "color": (torch.uint8, 3),
        "picture": (torch.float32, 1),
        "depth": (torch.float32, 1),
        "valid": (torch.float32, 1),
    }
    facts, shares = 1, _DEPTHS
    side, grid = 128, 8
    opened = staticmethod(load_restorer)

    def read(self, file: Any) -> tuple[Planes, list[float]]:
        top = np.float32(file["top"])
        planes = {"color": file["color"], "valid": file["valid"].astype(np.float32)}
        planes |= {n: file[n].astype(np.float32) / top for n in ("picture", "depth")}
        return planes, [_size(file)]

    def batch(self, planes: dict[str, Tensor], facts: Tensor) -> Batch:
        size, seen = facts[:, 0], planes["color"].float() / 255
        blind = torch.rand(len(size), 1, 1, 1, device=size.device) < _BLIND
        color = torch.where(blind, 0.5, seen)
        depth, valid, coded = (planes[n] for n in ("depth", "valid", "picture"))
        return Batch(color, depth, valid, size, size, True, 0, coded, size=size)


JOBS: dict[str, type[Job]] = {
    "base": Base,
    "restore-color": RestoreColor,
    "restore": Restore,
}


def _size(file: Any) -> float:
    return size_of(strength_of(float(file["rmse"])))
