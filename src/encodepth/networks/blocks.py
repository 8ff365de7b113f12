"""Building blocks of the default family: patch projections and depthwise-separable residual blocks.

A transform of this family is a chain of stages, each at half the resolution of the one before. The
projections between stages start as an orthonormal DCT and the residual branches at zero, so that an
untrained network already is a working transform codec (docs/models.md).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Residual block: depthwise 3x3, 1x1 to `expand` times the width, LeakyReLU, 1x1 back.

    The last convolution starts at zero, so the block starts as the identity. Under autocast only
    the branch runs in low precision; the sum keeps the precision of the input.
    """

    def __init__(self, width: int, expand: int = 2) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.widen = nn.Conv2d(width, expand * width, 1)
        self.narrow = nn.Conv2d(expand * width, width, 1)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        return x + self.narrow(F.leaky_relu(self.widen(self.spatial(x)), 0.01))


class Modulation(nn.Module):
    """Scale and shift of every channel, chosen by the quality: one set of weights, all rates."""

    def __init__(self, width: int, anchors: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(anchors, width))
        self.shift = nn.Parameter(torch.zeros(anchors, width))

    def forward(self, x: Tensor, blend: Tensor) -> Tensor:
        """Map (B, width, H, W); `blend` (B, anchors) holds each picture's interpolation weights."""
        scale, shift = blend @ self.scale, blend @ self.shift
        return x * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


def blend_weights(quality: Tensor, anchors: int) -> Tensor:
    """Return the linear interpolation weights (B, anchors) of qualities (B,) in 0..100."""
    position = quality.float().clamp(0, 100) / 100 * (anchors - 1)
    grid = torch.arange(anchors, device=quality.device, dtype=torch.float32)
    return (1 - (position[:, None] - grid).abs()).clamp(min=0)


def linear(x: Tensor, conv: nn.Module) -> Tensor:
    """Apply a 1x1 convolution in full precision, even under autocast."""
    with torch.autocast(x.device.type, enabled=False):
        result: Tensor = conv(x.float())
    return result


def dct_rows(patch: int, components: int, chroma: float = 4.0) -> Tensor:
    """Return the DCT basis of a patch, lowest frequencies first.

    Args:
        patch: side of the patch in pixels.
        components: 1 (depth) or 3 (colour; decorrelated by an orthonormal luma-chroma rotation).
        chroma: how many times higher a chroma frequency ranks than the same luma frequency.

    Returns:
        (components * patch^2, components * patch^2), orthonormal rows over pixels in the order of
        `F.pixel_unshuffle`: component, row, column.
    """
    n = torch.arange(patch, dtype=torch.float64)
    basis = torch.cos(math.pi / patch * (n[None, :] + 0.5) * n[:, None]) * math.sqrt(2 / patch)
    basis[0] /= math.sqrt(2)
    spatial = torch.einsum("ui,vj->uvij", basis, basis).reshape(patch * patch, patch * patch)
    rank = ((n[:, None] + 1) ** 2 + (n[None, :] + 1) ** 2).reshape(-1)
    if components == 1:
        rows, order = spatial, rank
    else:
        rotation = torch.tensor(
            [[1.0, 1.0, 1.0], [-1.0, 0.0, 1.0], [-0.5, 1.0, -0.5]], dtype=torch.float64
        )
        rotation = rotation / rotation.norm(dim=1, keepdim=True)
        rows = torch.einsum("cd,fp->cfdp", rotation, spatial).reshape(3 * len(spatial), -1)
        order = torch.cat([rank, rank * chroma, rank * chroma])
    return rows[torch.argsort(order, stable=True)].float()
