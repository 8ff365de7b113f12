"""What is trained here: for each family a store of pictures, and the loss of crops drawn from it.

The losses are those of `encodepth.train`, without what would make the processor wait for the GPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from encodepth.codings import av1_frames
from encodepth.networks.color_restorer import color_features, color_net
from encodepth.networks.restorer import RestorerConfig, features
from encodepth.train.batches import LEVEL, Batch
from encodepth.train.recipe import load_recipe
from encodepth.train.restoring import RestoreTask
from encodepth.train.restoring_color import RestoreColorTask
from encodepth.train.tasks import BaseTask, Task

from .store import Planes, Store

_TAME = 4.0  # as in `encodepth.train.restoring`
_BLIND = 0.15  # of depth's crops see no colour
_COLORS = {"photos": 0.7, "frames": 0.2, "rooms": 0.1}
_DEPTHS = {"frames": 0.55, "rooms": 0.45}


class Job(ABC):
    """A network in training.

    Args:
        task: holds the network and writes its weights.
        store: what crops are drawn from.
        compiled: let torch compile the network.
    """

    recipe: str
    folder: str  # where its pictures arrive
    side: int  # of a crop
    grid = 1

    def __init__(self, task: Task, store: Store, compiled: bool) -> None:
        self.task, self.store = task, store
        network = getattr(task, "net", task)
        assert isinstance(network, nn.Module)
        self.network: Callable[..., Any] = torch.compile(network) if compiled else network

    @abstractmethod
    def read(self, file: Any) -> tuple[Planes, list[float]]:
        """Return planes and facts of a picture's file."""

    @abstractmethod
    def loss(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return the loss of a fresh batch, and a figure for people."""


class Base(Job):
    """Learned colour."""

    recipe, folder, side = "recipes/base-color.toml", "color", 256

    def __init__(
        self, init: str, pixels: int, device: torch.device, compiled: bool, config: str
    ) -> None:
        task = BaseTask(_recipe(self.recipe, init, "bf16" if device.type == "cuda" else "fp32"))
        store = Store({"color": (torch.uint8, 3)}, 0, _COLORS, pixels, device)
        super().__init__(task.to(device), store, compiled)

    def read(self, file: Any) -> tuple[Planes, list[float]]:
        return {"color": file["color"]}, []

    def loss(self, batch: int) -> tuple[Tensor, Tensor]:
        planes, _ = self.store.crops(batch, self.side, self.grid)
        color = planes["color"].float() / 255
        steps = torch.arange(batch, device=color.device)
        quality = (steps + torch.rand(batch, device=color.device)) / batch * 100  # stratified
        costs = self.network(Batch(color, None, None, quality, quality, True, 0))
        return costs["loss"].mean(), costs["color_bpp"].mean()


class RestoreColor(Job):
    """The network that restores AV1's colour."""

    recipe, folder, side, grid = "recipes/restore-color.toml", "coded", 128, 8

    def __init__(
        self, init: str, pixels: int, device: torch.device, compiled: bool, config: str
    ) -> None:
        task = RestoreColorTask(_recipe(self.recipe, init))
        if config:
            widths, blocks = (tuple(map(int, part.split(","))) for part in config.split("/"))
            task.config = RestorerConfig(widths, blocks)  # type: ignore[arg-type]
            task.net = color_net(task.config)
        planes = {"color": (torch.uint8, 3), "picture": (torch.float32, 3)}
        store = Store(planes, 2, _COLORS, pixels, device)
        task.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(task, store, compiled)

    def read(self, file: Any) -> tuple[Planes, list[float]]:
        picture = file["picture"].astype(np.float32) / LEVEL
        facts = [float(file["quality"]), float(file["size"])]
        return {"color": file["color"], "picture": picture}, facts

    def loss(self, batch: int) -> tuple[Tensor, Tensor]:
        planes, facts = self.store.crops(batch, self.side, self.grid)
        original, decoded = planes["color"].float(), planes["picture"]
        quality, size = (f.view(-1, 1, 1, 1) for f in facts.unbind(1))
        x = color_features(decoded, size, quality)
        restored = decoded + _estimate(self.network, x) * size
        return _left(*(((p - original) / size).square() for p in (decoded, restored)))


class Restore(Job):
    """The network that restores AV1's depth."""

    recipe, folder, side, grid = "recipes/restore.toml", "depth", 128, 8

    def __init__(
        self, init: str, pixels: int, device: torch.device, compiled: bool, config: str
    ) -> None:
        task = RestoreTask(_recipe(self.recipe, init))
        planes = {
            "color": (torch.uint8, 3),
            "picture": (torch.float32, 1),
            "depth": (torch.float32, 1),
            "valid": (torch.float32, 1),
        }
        store = Store(planes, 1, _DEPTHS, pixels, device)
        task.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(task, store, compiled)

    def read(self, file: Any) -> tuple[Planes, list[float]]:
        top = np.float32(file["top"])
        planes = {"color": file["color"], "valid": file["valid"].astype(np.float32)}
        planes |= {n: file[n].astype(np.float32) / top for n in ("picture", "depth")}
        return planes, [float(file["size"])]

    def loss(self, batch: int) -> tuple[Tensor, Tensor]:
        planes, facts = self.store.crops(batch, self.side, self.grid)
        coded, target, valid = planes["picture"], planes["depth"], planes["valid"]
        size, seen = facts.view(-1, 1, 1, 1), planes["color"].float() / 255
        blind = torch.rand(batch, 1, 1, 1, device=seen.device) < _BLIND
        x = features(coded * av1_frames.TOP, 1 - valid, torch.where(blind, 0.5, seen), size)
        unit = size / av1_frames.TOP
        restored = coded + _estimate(self.network, x) * unit
        return _left(*(((p - target) / unit).square() * valid for p in (coded, restored)))


JOBS: dict[str, Callable[[str, int, torch.device, bool, str], Job]] = {
    "base": Base,
    "restore-color": RestoreColor,
    "restore": Restore,
}


def _recipe(path: str, init: str, precision: str = "fp32") -> Any:
    own = [f"model.init={init}", "optimiser.kind=adam", f"optimiser.precision={precision}"]
    return load_recipe(path, own)


def _estimate(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    on = x.device.type == "cuda"
    with torch.autocast(x.device.type, torch.bfloat16, enabled=on):
        return network(x.contiguous(memory_format=torch.channels_last)).float()


def _left(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of squared errors, and the share of error that is left."""
    before, after = before.flatten(1).mean(1), after.flatten(1).mean(1)
    return (after / (1 + before / _TAME)).mean(), after.mean() / before.mean()
