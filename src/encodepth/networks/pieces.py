"""Learned colour in pieces, as `learned/plane.py` runs them: in torch, or drawn as graphs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import linear
from .context import STEPS, magnitude
from .plane import PlaneModel


def pieces_of(model: PlaneModel) -> dict[str, nn.Module]:
    """Return what `learned.plane.PIECES` names.

    Raises:
        ValueError: the network sees a reference latent, for which no piece has an entry yet.
    """
    if model.config.guide:
        raise ValueError("only networks that see nothing but their picture run outside training")
    return {
        "analysis": _Analysis(model),
        "hyper": _Hyper(model),
        "features": _Features(model),
        **{f"step{step}": _Step(model, step) for step in range(STEPS)},
        "synthesis": _Synthesis(model),
        "slope": _Slope(model),
    }


class _Analysis(nn.Module):
    """Picture (1, 3, H, W) in [-0.5, 0.5] -> latent in its natural units."""

    def __init__(self, model: PlaneModel) -> None:
        super().__init__()
        self.g_a: Any = model.g_a

    def forward(self, picture: Tensor, blend: Tensor) -> Tensor:
        latent: Tensor = self.g_a(picture, blend)
        return latent


class _Hyper(nn.Module):
    """Latent in steps of the quantiser -> z before rounding."""

    def __init__(self, model: PlaneModel) -> None:
        super().__init__()
        self.context = model.context

    def forward(self, latent: Tensor) -> Tensor:
        return self.context.hyper.analyse(latent)


class _Features(nn.Module):
    """Integer z -> (float features for means, integer features for scales)."""

    def __init__(self, model: PlaneModel) -> None:
        super().__init__()
        self.context = model.context

    def forward(self, z: Tensor, blend: Tensor) -> tuple[Tensor, Tensor]:
        hyper = self.context.hyper
        return hyper.mean_features(z, blend), hyper.scale_features(z)


class _Step(nn.Module):
    """What is known before a coding step -> (means, probability tables) of its quarter."""

    def __init__(self, model: PlaneModel, step: int) -> None:
        super().__init__()
        self.context, self.step = model.context, step

    def forward(
        self,
        mean: Tensor,
        scale: Tensor,
        offset: Tensor,
        latent: Tensor | None = None,
        symbols: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        means, scales = self.context.means[self.step], self.context.scales[self.step]
        size = None if symbols is None else magnitude(symbols)
        index = scales(scale, size, self.step, offset)
        return means(mean, latent, self.step), index.to(torch.uint8)


class _Synthesis(nn.Module):
    """Latent -> picture (1, 3, H, W) around [0, 1]."""

    def __init__(self, model: PlaneModel) -> None:
        super().__init__()
        self.g_s: Any = model.g_s

    def forward(self, latent: Tensor, blend: Tensor) -> Tensor:
        picture: Tensor = self.g_s(latent, blend) + 0.5
        return picture


class _Slope(nn.Module):
    """Latent -> (squared error of its picture, the error's gradient by the latent).

    The gradient is written out, so that searching for better symbols needs no torch either.
    """

    def __init__(self, model: PlaneModel) -> None:
        super().__init__()
        self.g_s: Any = model.g_s

    def forward(
        self, latent: Tensor, blend: Tensor, target: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        g_s, x = self.g_s, latent
        hidden: dict[tuple[int, int], Tensor] = {}
        stages = range(len(g_s.ratios))
        for k in reversed(stages):
            x = g_s.tune[k](x, blend)
            for i, block in enumerate(g_s.blocks[k]):
                hidden[k, i] = block.widen(block.spatial(x))
                x = x + block.narrow(F.leaky_relu(hidden[k, i], 0.01))
            x = F.pixel_shuffle(linear(x, g_s.up[k]), g_s.ratios[k])
        off = x + 0.5 - target
        slope = 2 * off * weight
        for k in stages:
            slope = _transposed(F.pixel_unshuffle(slope, g_s.ratios[k]), g_s.up[k])
            for i, block in reversed(list(enumerate(g_s.blocks[k]))):
                inner = _transposed(slope, block.narrow)
                inner = torch.where(hidden[k, i] < 0, inner * 0.01, inner)
                slope = slope + _transposed(_transposed(inner, block.widen), block.spatial)
            slope = slope * (1 + blend @ g_s.tune[k].scale)[:, :, None, None]
        return (off.square() * weight).sum(), slope


def _transposed(x: Tensor, conv: nn.Module) -> Tensor:
    """Apply the transpose of a convolution that keeps the size of its input."""
    assert isinstance(conv, nn.Conv2d)
    return F.conv_transpose2d(x, conv.weight, padding=conv.kernel_size[0] // 2, groups=conv.groups)
