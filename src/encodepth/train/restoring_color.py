"""Training the restorer of colour: pictures that AV1 coded ahead, the estimate, the rest.

A crop carries the quality and the error of the picture it is cut from, for that is what a file says
about it. The loss is the squared error that is left, in units of the picture's, crops of huge error
tamed; where teachers estimated the error, it is the error of their estimate (`taught`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import metrics
from ..learned.restore import strength_of
from ..learned.restore_color import SENT, Correction
from ..networks.color_restorer import (
    CONFIG,
    ColorRestorer,
    color_features,
    color_net,
)
from ..networks.restorer_weights import save_restorer
from .batches import LEVEL, Batch, Frame
from .bd import by_quality
from .config import Recipe
from .restoring import sized
from .start import restorer_state, start_from
from .tasks import Costs, Task

_TAME = 4.0  # a crop's error beyond this many times the picture's counts less and less


class RestoreColorTask(Task):
    """The network that restores AV1's colour."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.config = sized(CONFIG, recipe.model)
        self.net = color_net(self.config)
        if recipe.model.init:
            start_from(self.net, restorer_state(recipe.model.init), recipe.model.init)
        self.freeze(tuple(f"net.{prefix}" for prefix in recipe.model.frozen))

    def forward(self, batch: Batch) -> Costs:
        assert batch.color is not None
        _, before, after = self._restore(batch)
        return {
            "loss": after / (1 + before / _TAME),
            "color_distortion": after / before.mean().clamp(min=1e-6),
        }

    def reconstruct(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the restored crops; how many bits AV1 took for them alone nobody knows."""
        restored, _, _ = self._restore(batch)
        return {"color": (restored / 255, restored.new_zeros(len(restored)))}

    def export(self, path: Path) -> None:
        """Write the weights as the package ships them."""
        save_restorer(path, self.config, copy.deepcopy(self.net).cpu())

    @torch.no_grad()
    def validate(self, frames: Sequence[Frame], device: torch.device) -> list[dict[str, float]]:
        """Return the figures of whole pictures, for every quality.

        `color_bpp` and `color_psnr` in dB of the restored picture, `color_gain` over AV1's in dB,
        and `color_bd_rate` against AV1 in percent, the mean over pictures and the same for all
        qualities.
        """
        restorer = ColorRestorer(copy.deepcopy(self.net), 0, str(device))
        found = [_figures(restorer, frame) for frame in frames]
        return by_quality(found, self.qualities, "color", [*found[0]])

    def estimate(self, batch: Batch, net: nn.Module) -> Tensor:
        """Return the error that a network sees in what was coded, in units of its size."""
        assert batch.coded is not None
        assert batch.size is not None
        size = batch.size.view(-1, 1, 1, 1)
        x = color_features(batch.coded * 255, size, batch.quality.view(-1, 1, 1, 1))
        with self.autocast(x.device):
            error: Tensor = net(x.contiguous(memory_format=torch.channels_last))
        return error.float()

    def _restore(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return restored pictures, 0..255, and each one's error before and after."""
        assert batch.color is not None
        assert batch.coded is not None
        assert batch.size is not None
        size = batch.size.view(-1, 1, 1, 1)
        decoded, original = batch.coded * 255, batch.color * 255
        if batch.estimate is not None:
            original = decoded + batch.estimate * size
        estimate = self.estimate(batch, self.net)
        restored = decoded + estimate * size
        before, after = (
            ((picture - original) / size).square().flatten(1).mean(1)
            for picture in (decoded, restored)
        )
        return restored, before, after


def _figures(restorer: ColorRestorer, frame: Frame) -> dict[str, float]:
    """Return one coded picture's figures, as a file with gains of one would have them."""
    assert frame.color is not None
    assert frame.coded is not None
    coded, pixels = frame.coded, frame.size[0] * frame.size[1]
    correction = Correction(strength_of(coded.rmse))
    decoded = coded.picture.astype(np.float32) / np.float32(LEVEL)
    restored = restorer.restore_color(decoded, round(coded.quality), correction)
    after = metrics.psnr(restored, frame.color)
    plain = metrics.psnr(np.rint(decoded).astype(np.uint8), frame.color)
    return {
        "plain_bpp": coded.bpp,
        "color_bpp": coded.bpp + 8 * SENT / pixels,
        "color_psnr": after,
        "color_gain": after - plain,
    }
