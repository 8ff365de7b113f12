"""Depth restored after AV1: what a plane lost at its edges, estimated from it, holes and colour.

A U-net on half, quarter and eighth resolution sees the decoded plane, its deviation from the local
mean, the hole mask, how large the error is (one byte that the encoder sends) and decoded colour.
It estimates the error, which is taken away. Only floats are involved and no symbol hangs on them,
so machines may differ by a rounding; holes are no business of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..learned import restore
from ..learned.restore import Restoring
from .in_torch import InTorch

_WINDOW = 9  # of the local mean
_HUGE = 1e30


@dataclass(frozen=True)
class RestorerConfig:
    """The network's size.

    Attributes:
        widths: channels at half, quarter and eighth resolution.
        blocks: residual blocks at half and quarter resolution on the way down, at eighth, at
            quarter and half on the way up.
    """

    widths: tuple[int, int, int] = (16, 48, 80)
    blocks: tuple[int, int, int, int, int] = (0, 2, 5, 1, 2)


class RestorerNet(nn.Module):
    """(B, inputs, H, W) of features -> the error in units of its own size, (B, outputs, H, W).

    Sides are multiples of 8. Depth has 7 `features` and one plane; colour 8 and three.
    """

    def __init__(self, config: RestorerConfig, inputs: int = 7, outputs: int = 1) -> None:
        super().__init__()
        self.outputs = outputs
        half, quarter, eighth = config.widths
        counts = config.blocks
        self.head = nn.Conv2d(4 * inputs, half, 3, padding=1)
        self.half_in = _residuals(half, counts[0])
        self.to_quarter = nn.Conv2d(4 * half, quarter, 1)
        self.quarter_in = _residuals(quarter, counts[1])
        self.to_eighth = nn.Conv2d(4 * quarter, eighth, 1)
        self.eighth = _residuals(eighth, counts[2])
        self.from_eighth = nn.Conv2d(eighth, 4 * quarter, 1)
        self.quarter_out = _residuals(quarter, counts[3])
        self.from_quarter = nn.Conv2d(quarter, 4 * half, 1)
        self.half_out = _residuals(half, counts[4])
        self.tail = nn.Conv2d(half, 4 * outputs, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        half = self.half_in(_on_pixels_of_4(self.head, x))
        quarter = self.quarter_in(_on_pixels_of_4(self.to_quarter, half))
        eighth = self.eighth(_on_pixels_of_4(self.to_eighth, quarter))
        quarter = self.quarter_out(quarter + _to_pixels_of_4(self.from_eighth, eighth))
        half = self.half_out(half + _to_pixels_of_4(self.from_quarter, quarter))
        return F.pixel_shuffle(self.tail(half), 2)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.leaky_relu(self.first(x), 0.1))
        return out


def _on_pixels_of_4(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return `conv(F.pixel_unshuffle(x, 2))` as one convolution of twice the side and stride.

    Nothing is copied for it, which takes a sixth of the time.
    """
    outputs, inputs, side, _ = conv.weight.shape
    parts = conv.weight.view(outputs, inputs // 4, 2, 2, side, side)
    kernel = parts.permute(0, 1, 4, 2, 5, 3).reshape(outputs, inputs // 4, 2 * side, 2 * side)
    return F.conv2d(x, kernel, conv.bias, stride=2, padding=side - 1)


def _to_pixels_of_4(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return `F.pixel_shuffle(conv(x), 2)` for a kernel of 1 as one transposed convolution.

    It takes a third of the time. Its bias would be one for all four pixels, so a plane of ones
    brings those of `conv`.
    """
    assert conv.bias is not None
    outputs, inputs = conv.weight.shape[:2]
    kernel = conv.weight.view(outputs // 4, 2, 2, inputs).permute(3, 0, 1, 2)
    kernel = torch.cat([kernel, conv.bias.view(1, outputs // 4, 2, 2)])
    return F.conv_transpose2d(torch.cat([x, torch.ones_like(x[:, :1])], 1), kernel, stride=2)


def _residuals(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[_Residual(width) for _ in range(count)])


def features(codes: Tensor, holes: Tensor, color: Tensor, size: Tensor) -> Tensor:
    """Return what the network sees, (B, 7, H, W).

    Args:
        codes: the decoded plane, 0..4095, (B, 1, H, W).
        holes: 1 where nothing was measured, (B, 1, H, W).
        color: 0..1, (B, 3, H, W); all 0.5 where there is none.
        size: of the error, in codes, (B, 1, 1, 1).
    """
    valid = 1 - holes
    mean = _local_mean(codes * valid) / (_local_mean(valid) + 1e-3)
    deviation = asinh((codes - mean) / size) * valid
    level = (torch.log2(size) / 4 - 1).expand_as(codes)
    return torch.cat([codes / 1024 - 2, deviation, holes, level, color * 2 - 1], 1)


def asinh(x: Tensor) -> Tensor:
    """Return the inverse hyperbolic sine, of operators that ONNX Runtime has quick ones of."""
    sign = (x * _HUGE).clamp(-1, 1)
    return sign * torch.log(x.abs() + torch.sqrt(x * x + 1))


def _local_mean(x: Tensor) -> Tensor:
    """Return the mean of a square window about each pixel, zeros beyond the border."""
    pad = _WINDOW // 2
    rows = F.avg_pool2d(x, (_WINDOW, 1), 1, (pad, 0))
    return F.avg_pool2d(rows, (1, _WINDOW), 1, (0, pad))


class DepthEstimate(nn.Module):
    """AV1's plane and what is known beside it -> the estimated error, in codes."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, codes: Tensor, holes: Tensor, color: Tensor, size: Tensor) -> Tensor:
        error: Tensor = self.net(features(codes, holes, color, size)) * size
        return error


class RestoringInTorch(Restoring):
    """A network that runs as it is trained instead of as a graph.

    Args:
        net: the network.
        fingerprint: first 32 bits of the hash of its weights.
        device: where it runs.
    """

    whole: type[nn.Module]  # from the graph's inputs to its output, around the network

    def __init__(self, net: nn.Module, fingerprint: int, device: str = "cpu") -> None:
        self.fingerprint, self.device = fingerprint, torch.device(device)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._runtime = InTorch({self.graph: self.whole(self.net)}, device)


class Restorer(RestoringInTorch, restore.Restorer):
    """The network that restores depth, in torch."""

    whole = DepthEstimate
