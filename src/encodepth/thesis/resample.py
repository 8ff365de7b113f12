"""Halving and doubling a picture: RBS, RBU and the sub-pixel convolution (thesis Figure 13)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .gdn import GDN

SLOPE = 0.01  # of every LeakyReLU in LIC-TCM


def conv(inside: int, outside: int, *, stride: int = 1) -> nn.Conv2d:
    """The 3x3 convolution, padding 1, that LIC-TCM is built from."""
    return nn.Conv2d(inside, outside, 3, stride=stride, padding=1)


def pointwise(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a 1x1 convolution stored as a Linear to x, (B, C, H, W)."""
    out: Tensor = layer(x.permute(0, 2, 3, 1))
    return out.permute(0, 3, 1, 2)


class Subpel(nn.Sequential):
    """Sub-pixel convolution: conv to 4 * outside channels, then (B, outside, 2H, 2W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(conv(inside, 4 * outside), nn.PixelShuffle(2))


class RBS(nn.Module):
    """Residual block with stride: (B, inside, H, W) -> (B, outside, H/2, W/2)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = conv(inside, outside, stride=2)
        self.conv2 = conv(outside, outside)
        self.gdn = GDN(outside)
        self.skip = nn.Linear(inside, outside)

    def forward(self, x: Tensor) -> Tensor:
        """Halve x."""
        deep = self.conv2(F.leaky_relu(self.conv1(x), SLOPE, inplace=True))
        return self.gdn(deep, pointwise(self.skip, x[:, :, ::2, ::2]))


class RBU(nn.Module):
    """Residual block upsampling: (B, inside, H, W) -> (B, outside, 2H, 2W)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.subpel = Subpel(inside, outside)
        self.conv = conv(outside, outside)
        self.igdn = GDN(outside, inverse=True)
        self.skip = Subpel(inside, outside)

    def forward(self, x: Tensor) -> Tensor:
        """Double x."""
        deep = self.conv(F.leaky_relu(self.subpel(x), SLOPE, inplace=True))
        return self.igdn(deep, self.skip(x))
