"""Random but fixed weights with codec-like statistics, for tests, profiles and benchmarks.

Freshly drawn LIC-TCM weights give latents near zero and nothing to code. Here the last layers of
g_a, h_a and the scale networks are rescaled so that latents spread over many symbols and their
predicted scales fit them, about as in a trained model at a middling rate. Nothing else is touched.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .rows import TcmConfig
from .tcm import TCM

_SPREAD = (0.2, 6.0)  # standard deviations of the latent's channels, log-spaced
_HYPER_SPREAD = 2.0


def random_tcm(config: TcmConfig, seed: int = 0) -> TCM:
    """Build a model whose weights follow from `seed` alone (torch's own initialisation first).

    Returns:
        The model in evaluation mode, tables made.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TCM(config).eval()
        picture = _texture(config.target)
        guide = _texture(config.guide) if config.guide else None
    low, high = _SPREAD
    place = torch.arange(config.latent) * 7 % config.latent  # no order along channels
    target = low * (high / low) ** (place / config.latent)
    with torch.no_grad():
        y = model.g_a(picture, guide)
        y = _rescale(model.g_a.out, y, target)
        last = model.h_a[-1]
        assert isinstance(last, nn.Conv2d)
        _rescale(last, model.h_a(y), torch.full((config.hyper,), _HYPER_SPREAD))
        for net, scale in zip(model.slices.scale, target.chunk(config.slices), strict=True):
            _predict(net[-1], scale)  # type: ignore[index]
    return model


def _texture(channels: int) -> Tensor:
    """Smooth shapes with a little grain, (1, channels, 256, 256) in [0, 1]."""
    coarse = F.interpolate(torch.rand(1, channels, 8, 8), size=(256, 256), mode="bicubic")
    fine = F.interpolate(torch.rand(1, channels, 64, 64), size=(256, 256), mode="bicubic")
    return (0.7 * coarse + 0.2 * fine + 0.1 * torch.rand(1, channels, 256, 256)).clamp(0, 1)


def _rescale(layer: nn.Conv2d, out: Tensor, target: Tensor) -> Tensor:
    """Give each output channel the standard deviation `target` and zero mean; return the output."""
    assert layer.bias is not None
    mean, spread = out.mean(dim=(0, 2, 3)), out.std(dim=(0, 2, 3))
    factor = target / spread
    layer.weight *= factor[:, None, None, None]
    layer.bias.copy_((layer.bias - mean) * factor)
    return (out - mean[:, None, None]) * factor[:, None, None]


def _predict(layer: nn.Conv2d, target: Tensor) -> None:
    """Make a scale network predict `target`, give or take what its features say."""
    assert layer.bias is not None
    layer.weight *= target[:, None, None, None]
    layer.bias.copy_(target * (1 + layer.bias))
