"""Training a row of the thesis's table at one lambda."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn

from ..train.batches import Batch
from ..train.config import Recipe
from ..train.tasks import Costs, Task
from .linear import start_linear
from .rescale import rescale_latent
from .rows import config_of
from .start import tcm_model
from .tcm import pad
from .weights import save_tcm

_TEND = 100  # steps
_PIXELS = 2**22  # that a linear start is fitted to
_SQUARED = {"mse": 1.0, "comprehensive": 200.0, "ms-ssim": 1 / 1280}
"""Lambda of a squared error that buys about as many bits: by trial, and by LIC-TCM's lambdas."""


class TcmTask(Task):
    """One row of the thesis's table at one lambda."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self.qualities = (0,)
        (lmbda,) = recipe.loss.lambdas
        config = dataclasses.replace(config_of(recipe.model.row), lmbda=lmbda)
        self.config = config
        self.model = tcm_model(config, recipe.model.init, grow=recipe.model.grow)
        if recipe.model.init_lambda:
            rescale_latent(self.model, recipe.model.init_lambda, lmbda)
        for transform in (self.model.g_a, self.model.g_s):
            self._lower(transform)
        self.freeze(tuple(f"model.{prefix}" for prefix in recipe.model.frozen))
        self.linear = recipe.model.start == "linear" and not recipe.model.init
        if self.linear:
            self.samples = max(self.samples, _PIXELS // recipe.data.crop**2)
        transforms = (*self.model.g_a.parameters(), *self.model.g_s.parameters())
        self.rate_alone = not any(p.requires_grad for p in transforms)

    def forward(self, batch: Batch) -> Costs:
        x, guide = self._planes(batch)
        if self.rate_alone:
            return self._rate(x, guide)
        out = self.model(x, guide)
        masked = self.config.target == 1 and self.recipe.loss.holes == "ignore"
        lmbda = torch.full((len(x),), self.config.lmbda, device=x.device)
        valid = batch.valid if masked else None
        return self._cost(self._name, out.x_hat, x, out.bits.float(), lmbda, valid)

    def calibrate(self, batch: Batch) -> None:
        """Start from a linear transform if the recipe says so and there are no weights."""
        if self.linear:
            lmbda = self.config.lmbda * _SQUARED[self.recipe.loss.distortion]
            where = self.model.borders.device
            start_linear(self.model.cpu(), self._planes(batch)[0].cpu(), lmbda)
            self.model.to(where)

    def reconstruct(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """As `compress` would code it, in float32."""
        training = self.training
        self.eval()
        out = self.model(*self._planes(batch))
        self.train(training)
        return {self._name: (out.x_hat, out.bits)}

    def tend(self, step: int) -> None:
        """Solve now and then for what z is rounded around; a frozen codec keeps its own."""
        if step % _TEND == 0 and self.model.z_prior.matrices[0].requires_grad:
            self.model.z_prior.solve_quantiles()

    def export(self, path: Path) -> None:
        """Write the model with the tables of its weights as they are now."""
        model = copy.deepcopy(self.model).cpu()
        model.update_tables()
        save_tcm(path, model)

    def _lower(self, transform: nn.Module) -> None:
        """Run a transform in low precision in training; the entropy model stays in float32."""
        full = transform.forward

        def forward(x: Tensor, guide: Tensor | None = None) -> Tensor:
            if not self.training:
                return full(x, guide)
            with self.autocast(x.device):
                return full(x, guide)

        transform.forward = forward

    def _rate(self, x: Tensor, guide: Tensor | None) -> Costs:
        """With both transforms frozen the latent stays as it is, and only its rate can fall."""
        bits = self.model.estimate_bits(self.model.analyse(pad(x), guide))
        bpp = bits / (x.shape[-1] * x.shape[-2])
        return {"loss": bpp, f"{self._name}_bpp": bpp}

    @property
    def _name(self) -> str:
        return "color" if self.config.target == 3 else "depth"

    def _planes(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return (target, guide)."""
        color, depth = batch.color, batch.depth
        if depth is not None and self.recipe.loss.holes == "zero":
            assert batch.valid is not None
            depth = depth * batch.valid
        target, other = (color, depth) if self.config.target == 3 else (depth, color)
        assert target is not None
        return target, other if self.config.guide else None
