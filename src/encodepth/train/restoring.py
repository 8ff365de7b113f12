"""Training the restorer of depth: planes that AV1 coded ahead, the estimate, the rest.

A crop carries the error of the plane it is cut from, for that is what a file says about it: the
strength of a picture speaks of its edges even where it is calm. The loss is the squared error that
is left, in units of the picture's, crops of huge error tamed; where teachers estimated the error,
it is the error of their estimate (`taught`).
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..codings import av1_frames as avif
from ..networks.restorer import RestorerConfig, RestorerNet, features
from ..networks.restorer_weights import save_restorer
from .batches import Batch, Frame, collate
from .bd import by_quality
from .config import Model, Recipe
from .start import restorer_state, start_from
from .tasks import Costs, Task

_SENT = 5  # bytes in a file for the strength and the weights' fingerprint
_TAME = 4.0  # a crop's error beyond this many times the picture's counts less and less


def sized(config: RestorerConfig, model: Model) -> RestorerConfig:
    """Return a network's size, as far as a recipe says one."""
    given: dict[str, Any] = {"widths": model.widths, "blocks": model.blocks}
    return dataclasses.replace(config, **{name: size for name, size in given.items() if size})


class RestoreTask(Task):
    """The network that restores AV1's depth, seeing AV1's colour in most steps."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.config = sized(RestorerConfig(), recipe.model)
        self.net = RestorerNet(self.config)
        if recipe.model.init:
            start_from(self.net, restorer_state(recipe.model.init), recipe.model.init)
        self.freeze(tuple(f"net.{prefix}" for prefix in recipe.model.frozen))

    def forward(self, batch: Batch) -> Costs:
        _, before, after = self._restore(batch)
        return {
            "loss": after / (1 + before / _TAME),
            "depth_distortion": after / before.mean().clamp(min=1e-6),
        }

    def reconstruct(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the restored crops; how many bits AV1 took for them alone nobody knows."""
        restored, _, _ = self._restore(batch)
        return {"depth": (restored, restored.new_zeros(len(restored)))}

    def export(self, path: Path) -> None:
        """Write the weights as the package ships them."""
        save_restorer(path, self.config, copy.deepcopy(self.net).cpu())

    @torch.no_grad()
    def validate(self, frames: Sequence[Frame], device: torch.device) -> list[dict[str, float]]:
        """Return the figures of whole planes, for every quality.

        `depth_bpp`, `depth_rmse` after over before, and `depth_bd_rate` against AV1 in percent at
        equal RMSE, the mean over pictures and the same for all qualities.
        """
        found = [self._figures(frame, device) for frame in frames]
        return by_quality(found, self.qualities, "depth", ("depth_bpp", "depth_rmse"))

    def _figures(self, frame: Frame, device: torch.device) -> dict[str, float]:
        assert frame.coded is not None
        none = np.zeros(1)
        _, before, after = self._restore(collate([frame], none, none, True, 0).to(device))
        pixels = frame.size[0] * frame.size[1]
        plain, restored = (-10 * math.log10(max(float(x[0]), 1e-12)) for x in (before, after))
        return {
            "plain_bpp": frame.coded.bpp,
            "depth_bpp": frame.coded.bpp + 8 * _SENT / pixels,
            "depth_psnr": restored,
            "depth_gain": restored - plain,
            "depth_rmse": 10 ** ((plain - restored) / 20),
        }

    def estimate(self, batch: Batch, net: nn.Module) -> Tensor:
        """Return the error that a network sees in what was coded, in units of its size."""
        assert batch.coded is not None
        assert batch.valid is not None
        assert batch.size is not None
        size = batch.size.view(-1, 1, 1, 1)
        x = features(batch.coded * avif.TOP, 1 - batch.valid, self._seen(batch), size)
        with self.autocast(x.device):
            error: Tensor = net(x)
        return error.float()

    def _restore(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return restored planes, 0..1, and each one's error before and after."""
        assert batch.depth is not None
        assert batch.valid is not None
        assert batch.coded is not None
        assert batch.size is not None
        size = batch.size.view(-1, 1, 1, 1)
        estimate = self.estimate(batch, self.net)
        unit = size / avif.TOP
        restored = batch.coded + estimate * unit
        wanted = batch.depth
        if batch.estimate is not None:
            wanted = batch.coded + batch.estimate * unit
        before, after = (
            (((plane - wanted) / unit).square() * batch.valid).flatten(1).mean(1)
            for plane in (batch.coded, restored)
        )
        return restored, before, after

    def _seen(self, batch: Batch) -> Tensor:
        """Return colour as AV1 leaves it, or grey where none is seen."""
        assert batch.depth is not None
        if batch.color is None or not batch.context:
            return torch.full_like(batch.depth, 0.5).expand(-1, 3, -1, -1)
        return batch.color
