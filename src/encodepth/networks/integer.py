"""Exact integer layers: the same integers on every machine, in training and in decoding.

Only the scale of a latent symbol chooses its probability table, so only the scale path must be
exact. Activations and weights are small integers held in float32; every sum stays below 2^24,
where float32 adds integers without rounding in any order. Gradients pass straight through the
rounding, so a network is trained in exactly the arithmetic in which it decodes.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHT_BITS = 7  # a weight w is the integer round(w * 2^7), in -127..127
HIDDEN_BITS = 4  # an activation a is the integer round(a * 2^4)
HIDDEN_MAX = 255
SYMBOL_MAX = 127  # symbols enter clamped to -127..127
EXACT = 1 << 24  # float32 holds every integer up to here


class _Round(torch.autograd.Function):
    """round(x) clamped to low..high; the gradient passes where it does not push further out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.range = (low, high)
        return x.round().clamp(low, high)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        low, high = ctx.range
        stuck = ((x < low) & (grad > 0)) | ((x > high) & (grad < 0))
        return grad.masked_fill(stuck, 0.0), None, None


def round_clamp(x: Tensor, low: float, high: float) -> Tensor:
    """Round half to even and clamp, with a straight-through gradient."""
    return _Round.apply(x, float(low), float(high))


class IntegerConv(nn.Module):
    """A convolution of integers: (B, in, H, W) integers -> (B, out, H, W) sums, not yet rescaled.

    `forward` returns sums in steps of 2^-(WEIGHT_BITS + HIDDEN_BITS); `requantise` brings them
    back to activations. Kernel size 1 (a matrix product) or depthwise 3.
    """

    def __init__(self, in_width: int, out_width: int, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        if kernel not in (1, 3):
            raise ValueError(f"kernel size {kernel}; integer convolutions have 1 or 3")
        fan_in = in_width // groups * kernel * kernel
        self.padding, self.groups = kernel // 2, groups
        weight = torch.randn(out_width, in_width // groups, kernel, kernel) * fan_in**-0.5
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(out_width))

    def integers(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias as integers held in float32."""
        weight = round_clamp(self.weight * 2**WEIGHT_BITS, -127, 127)
        bias = round_clamp(self.bias * 2 ** (WEIGHT_BITS + HIDDEN_BITS), -EXACT // 2, EXACT // 2)
        return weight, bias

    def bound(self) -> int:
        """Return the largest magnitude any partial sum can reach."""
        weight, bias = self.integers()
        sums = weight.double().abs().sum(dim=(1, 2, 3)) * HIDDEN_MAX + bias.double().abs()
        return int(sums.max())

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.integers()
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x, weight, bias, padding=self.padding, groups=self.groups)


def requantise(sums: Tensor) -> Tensor:
    """Turn sums into non-negative activations 0..255: power-of-two rescaling and ReLU in one."""
    return round_clamp(sums * 2.0**-WEIGHT_BITS, 0, HIDDEN_MAX)
