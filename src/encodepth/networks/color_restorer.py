"""Colour restored after AV1: what its quantiser took away, estimated from what it left.

The depth restorer's U-net sees decoded RGB, its deviation from the local mean, the quality it was
coded at and how large the error is (a byte that the encoder sends), and estimates the error. The
encoder also sends by how much the estimate counts in Y, Cb and Cr. Only floats are involved and no
symbol hangs on them, so machines may differ by a rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..learned import restore_color
from .restorer import RestorerConfig, RestorerNet, RestoringInTorch, asinh

INPUTS, OUTPUTS = 8, 3
CONFIG = RestorerConfig((16, 48, 80), (0, 2, 4, 1, 1))
_WINDOW = 7  # of the local mean


def color_net(config: RestorerConfig = CONFIG) -> RestorerNet:
    """Return a fresh network, whose estimate is zero."""
    return RestorerNet(config, INPUTS, OUTPUTS)


def color_features(decoded: Tensor, size: Tensor, quality: Tensor) -> Tensor:
    """Return what the network sees, (B, 8, H, W).

    Args:
        decoded: RGB, 0..255, (B, 3, H, W).
        size: RMSE of the picture's samples, of 255, (B, 1, 1, 1).
        quality: that it was coded at, libavif's 0..100, (B, 1, 1, 1).
    """
    deviation = asinh((decoded - _local_mean(decoded)) / size)
    level, quality = (
        fact.expand(len(decoded), 1, *decoded.shape[2:])
        for fact in (torch.log2(size) / 2 - 1, quality / 40 - 1.25)
    )
    return torch.cat([decoded / 127.5 - 1, deviation, level, quality], 1)


def _local_mean(x: Tensor) -> Tensor:
    """Return the mean of a square window about each pixel, of what lies in the picture."""
    pad = _WINDOW // 2
    rows = F.avg_pool2d(x, (_WINDOW, 1), 1, (pad, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, _WINDOW), 1, (0, pad), count_include_pad=False)


class ColorEstimate(nn.Module):
    """AV1's picture, how large its error is and its quality -> the estimated error, of 255."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, decoded: Tensor, size: Tensor, quality: Tensor) -> Tensor:
        error: Tensor = self.net(color_features(decoded, size, quality)) * size
        return error


class ColorRestorer(RestoringInTorch, restore_color.ColorRestorer):
    """The network that restores colour, in torch."""

    whole = ColorEstimate
