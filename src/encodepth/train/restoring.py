"""Training the restorer: depth through AV1, the network's estimate of what that did, the rest.

A batch is coded as if it were one picture in pieces: at one quality and with one strength, the RMSE
of all its crops together, because the strength of a picture speaks of its edges even where it is
calm. The loss is the error that is left over the error there was, crops of huge error tamed.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..codings import av1_color
from ..codings import av1_frames as avif
from ..learned.restore import size_of, strength_of
from ..networks.restorer import RestorerConfig, RestorerNet, features
from ..networks.restorer_weights import save_restorer
from .batches import Batch
from .config import Recipe
from .start import restorer_state, start_from
from .tasks import Costs, Task

_QUALITIES = (5.0, 92.0)  # AV1's that are drawn
_EFFORT = 4  # of AV1 in training; a network that corrects one effort corrects all
_TAME = 4.0  # a crop's error beyond this many times the batch's counts less and less


class RestoreTask(Task):
    """The network that restores AV1's depth, seeing AV1's colour in most steps."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.config = RestorerConfig()
        self.net = RestorerNet(self.config)
        if recipe.model.init:
            start_from(self.net, restorer_state(recipe.model.init), recipe.model.init)
        self.freeze(tuple(f"net.{prefix}" for prefix in recipe.model.frozen))

    def forward(self, batch: Batch) -> Costs:
        low, high = _QUALITIES
        quality = low + (high - low) * float(batch.quality[0]) / 100
        restored, rough, strength, bits = self._restore(batch, quality)
        assert batch.depth is not None
        assert batch.valid is not None
        unit = size_of(strength) / avif.TOP
        before, after = (
            (((plane - batch.depth) / unit).square() * batch.valid).flatten(1).mean(1)
            for plane in (rough, restored)
        )
        pixels = batch.depth.shape[-1] * batch.depth.shape[-2]
        return {
            "loss": after / (1 + before / _TAME),
            "depth_bpp": bits / pixels,
            "depth_distortion": after / before.mean().clamp(min=1e-6),
        }

    def reconstruct(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """As a file would hold it: the bits are those of the AV1 frame."""
        restored, _, _, bits = self._restore(batch, float(batch.quality[0]))
        return {"depth": (restored, bits)}

    def export(self, path: Path) -> None:
        """Write the weights as the package ships them."""
        save_restorer(path, self.config, copy.deepcopy(self.net).cpu())

    def _restore(self, batch: Batch, quality: float) -> tuple[Tensor, Tensor, int, Tensor]:
        """Return the restored planes, AV1's planes, the strength, and the bits of each."""
        assert batch.depth is not None
        assert batch.valid is not None
        planes = batch.depth[:, 0].cpu().numpy()
        payloads = [avif.encode_plane(plane, round(quality), _EFFORT) for plane in planes]
        decoded = [avif.decode_plane(data, *planes.shape[1:]) for data in payloads]
        rough = torch.from_numpy(np.stack(decoded))[:, None].to(batch.depth.device)
        error = (rough - batch.depth).square()[batch.valid > 0]
        strength = strength_of(avif.TOP * float(error.mean().sqrt() if len(error) else 0.0))
        size = rough.new_full((1, 1, 1, 1), size_of(strength))
        x = features(rough * avif.TOP, 1 - batch.valid, self._seen(batch), size)
        with self.autocast(rough.device):
            estimate = self.net(x)
        restored = rough + estimate.float() * size / avif.TOP
        bits = torch.tensor([8.0 * len(data) for data in payloads], device=rough.device)
        return restored, rough, strength, bits

    def _seen(self, batch: Batch) -> Tensor:
        """Return colour as AV1 leaves it at the context's quality, or grey where none is seen."""
        assert batch.depth is not None
        if batch.color is None or not batch.context:
            return torch.full_like(batch.depth, 0.5).expand(-1, 3, -1, -1)
        pictures = (batch.color * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        qualities = batch.context_quality.round().int().tolist()
        coded = [
            av1_color.decode_color(
                av1_color.encode_color(np.ascontiguousarray(picture), quality, _EFFORT),
                *picture.shape[:2],
            )
            for picture, quality in zip(pictures, qualities, strict=True)
        ]
        stack = torch.from_numpy(np.stack(coded)).permute(0, 3, 1, 2)
        return stack.float().to(batch.depth.device) / 255
