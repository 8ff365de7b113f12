"""What a step computes: for the default family and for the thesis's, a batch in, costs out.

The loop knows neither family. It asks a `Task` for costs, for validation figures and for a file
of weights; data-parallel training wraps the task as any other module.
"""

from __future__ import annotations

import abc
import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import metrics
from ..errors import EncodepthError
from ..networks.plane import PlaneModel, Reconstruction
from ..networks.weights import save_weights
from ..train import losses
from .batches import Batch, Frame, collate
from .config import Recipe
from .start import SIZES, load_plane

Costs = dict[str, Tensor]
"""Per picture, (B,): "loss", and "<plane>_bpp", "<plane>_distortion" for what is trained."""

_STEP_MM = 1000.0
_BESIDE = 50.0  # quality of colour beside depth in validation
_TEND = 100  # steps


class Task(nn.Module, abc.ABC):
    """A model in training."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.qualities: tuple[int, ...] = recipe.validation.qualities
        self.samples = 16  # pictures that `calibrate` sees

    @abc.abstractmethod
    def forward(self, batch: Batch) -> Costs:
        """Return the costs of a batch."""

    @abc.abstractmethod
    def reconstruct(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return for every plane trained (picture, bits of each picture)."""

    @abc.abstractmethod
    def export(self, path: Path) -> None:
        """Write the weights as users load them."""

    def calibrate(self, batch: Batch) -> None:
        """Prepare fresh weights from a first batch."""

    def tend(self, step: int) -> None:
        """Keep what is solved rather than trained in line with the weights."""

    @contextmanager
    def autocast(self, device: torch.device) -> Iterator[None]:
        """Low precision where the recipe asks for it."""
        low = self.recipe.optimiser.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            yield

    def freeze(self, prefixes: tuple[str, ...]) -> None:
        """Stop training every tensor whose name starts with one of the prefixes.

        Raises:
            EncodepthError: a prefix fits no tensor.
        """
        names = dict(self.named_parameters())
        for prefix in prefixes:
            found = [p for name, p in names.items() if name.startswith(prefix)]
            if not found:
                raise EncodepthError(f'model.frozen: no tensor starts with "{prefix}"')
            for parameter in found:
                parameter.requires_grad_(False)

    def validate(self, frames: Sequence[Frame], device: torch.device) -> list[dict[str, float]]:
        """Return the mean figures of one validation source, for every quality."""
        records = []
        for quality in self.qualities:
            torch.manual_seed(0)
            found = [self.measure(f, quality, device) for f in frames]
            records.append({"quality": quality} | means(found))
        return records

    @torch.no_grad()
    def measure(self, frame: Frame, quality: float, device: torch.device) -> dict[str, float]:
        """Return rate and distortion of one picture of the validation set.

        Colour: `color_bpp`, `color_psnr` in dB. Depth: `depth_bpp`, `depth_psnr` (peak: the
        frame's range), `depth_rmse_mm`, `depth_edge_bad` (share of flying pixels), all over valid
        pixels.
        """
        beside = np.array([_BESIDE])
        batch = collate([frame], np.array([quality]), beside, True, 0).to(device)
        figures = {}
        for name, (picture, bits) in self.reconstruct(batch).items():
            pixels = picture.shape[-1] * picture.shape[-2]
            figures[f"{name}_bpp"] = float(bits[0]) / pixels
            decoded = picture[0].float().clamp(0, 1).cpu()
            figures |= _color(decoded, batch) if name == "color" else _depth(decoded, frame)
        return figures

    def _cost(self, name: str, x_hat: Tensor, x: Tensor, bits: Tensor, lmbda: Tensor,
              valid: Tensor | None) -> Costs:  # fmt: skip
        """Return one plane's costs."""
        loss = self.recipe.loss
        bpp = bits / (x.shape[-1] * x.shape[-2])
        distortion = losses.distortion(x_hat.float(), x, loss, valid)
        cost = losses.rate_distortion(bpp, distortion, lmbda, loss)
        return {"loss": cost, f"{name}_bpp": bpp, f"{name}_distortion": distortion}


def means(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of every figure."""
    return {k: sum(f[k] for f in figures) / len(figures) for k in figures[0]}


class BaseTask(Task):
    """The default family: learned colour."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        model = recipe.model
        self.planes = nn.ModuleDict({"color": PlaneModel(SIZES[model.size])})  # checkpoints say so
        self.fresh = not model.init
        if model.init:
            load_plane(self.plane, model.init)
        self.freeze(tuple(f"planes.{prefix}" for prefix in model.frozen))

    def forward(self, batch: Batch) -> Costs:
        result = self._run(batch)
        low, high = self.plane.config.lambdas
        lmbda = low * (high / low) ** (batch.quality / 100)
        assert batch.color is not None
        return self._cost("color", result.picture, batch.color, result.bits, lmbda, None)

    def reconstruct(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        result = self._run(batch)
        return {"color": (result.picture, result.bits)}

    def calibrate(self, batch: Batch) -> None:
        if self.fresh:
            assert batch.color is not None
            self.plane.calibrate(batch.color)

    def export(self, path: Path) -> None:
        save_weights(path, copy.deepcopy(self.plane).cpu())

    @property
    def plane(self) -> PlaneModel:
        """The network."""
        plane = self.planes["color"]
        assert isinstance(plane, PlaneModel)
        return plane

    def _run(self, batch: Batch) -> Reconstruction:
        assert batch.color is not None
        with self.autocast(batch.color.device):
            found: Reconstruction = self.plane(batch.color, batch.quality)
        return found


def _color(decoded: Tensor, batch: Batch) -> dict[str, float]:
    assert batch.color is not None
    pictures = ((x * 255).round().byte().cpu().numpy() for x in (decoded, batch.color[0]))
    return {"color_psnr": metrics.psnr(*pictures)}


def _depth(decoded: Tensor, frame: Frame) -> dict[str, float]:
    assert frame.depth is not None
    assert frame.valid is not None
    plane, original = decoded[0].numpy(), np.where(frame.valid, frame.depth, 0)
    steps = np.rint(frame.low + plane.astype(np.float64) * (frame.high - frame.low))
    mine = np.where(frame.valid, steps.clip(1, 65535), 0).astype(np.uint16)
    errors = metrics.depth_errors(mine, original.astype(np.uint16), depth_unit=frame.unit)
    span = (frame.high - frame.low) * frame.unit * _STEP_MM
    return {
        "depth_psnr": -20 * math.log10(max(errors.rmse_mm / max(span, 1e-9), 1e-6)),
        "depth_rmse_mm": errors.rmse_mm,
        "depth_edge_bad": errors.edge_bad,
    }
