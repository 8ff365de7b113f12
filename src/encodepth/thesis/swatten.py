"""SWAtten and the networks that predict a latent slice (thesis §2.4.1.2, Figure 15)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .resample import conv, pointwise
from .swin import SwinBlock


class ResidualUnit(nn.Module):
    """1x1 to half the width, 3x3, 1x1 back, plus the input; ReLU between and after."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = nn.Linear(channels, channels // 2)
        self.conv = conv(channels // 2, channels // 2)
        self.leave = nn.Linear(channels // 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform x, (B, C, H, W)."""
        deep = F.relu(pointwise(self.enter, x))
        return F.relu(pointwise(self.leave, F.relu(self.conv(deep))) + x)


class SWAtten(nn.Module):
    """Swin-transformer attention over a support of `channels`, computed at width `inner`."""

    def __init__(
        self, channels: int, inner: int = 128, head_width: int = 16, window: int = 8
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(channels, inner)
        self.plain = SwinBlock(inner, head_width, window, shifted=False)
        self.shifted = SwinBlock(inner, head_width, window, shifted=True)
        self.value = nn.Sequential(*(ResidualUnit(inner) for _ in range(3)))
        self.gate = nn.Sequential(*(ResidualUnit(inner) for _ in range(3)))
        self.gate_out = nn.Linear(inner, inner)
        self.leave = nn.Linear(inner, channels)

    def forward(self, support: Tensor) -> Tensor:
        """Attend over the support, (B, channels, h, w); h and w multiples of the window."""
        x = pointwise(self.enter, support)
        z = self.shifted(self.plain(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        gate = torch.sigmoid(pointwise(self.gate_out, self.gate(z)))
        return pointwise(self.leave, torch.addcmul(x, self.value(x), gate))


class SliceNet(nn.Sequential):
    """Three convolutions from a support to one slice: its mean, its scale, or its LRP."""

    def __init__(self, channels: int, widths: tuple[int, int], outside: int) -> None:
        a, b = widths
        super().__init__(conv(channels, a), nn.GELU(), conv(a, b), nn.GELU(), conv(b, outside))
