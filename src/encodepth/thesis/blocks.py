"""The Transformer-CNN mixture block (thesis §2.4.1.1, Figure 14 right; prompted: Figure 22).

Half of the channels go through a small residual CNN, half through a Swin block, and a 1x1
convolution mixes them again. Pictures are (B, C, H, W) in channels_last memory, so a 1x1
convolution is a matrix product on a view, and its halves are slices of the weight, not of the data.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .resample import SLOPE, conv
from .swin import SwinBlock


class TcmHalf(nn.Module):
    """Stage I (plain windows) or II (shifted windows) of a TCM block over 2 * half channels."""

    def __init__(
        self,
        half: int,
        head_width: int,
        window: int,
        *,
        shifted: bool,
        prompts: int = 0,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.width = half
        self.split = nn.Linear(2 * half, 2 * half)
        self.conv1 = conv(half, half)
        self.conv2 = conv(half, half)
        self.swin = SwinBlock(
            half, head_width, window, shifted=shifted, prompts=prompts, gated=gated
        )
        self.mix = nn.Linear(2 * half, 2 * half)

    def forward(self, x: Tensor, prompts: Sequence[Tensor] = ()) -> Tensor:
        """Transform x, (B, H, W, 2 * half); prompts as in `SwinBlock`.

        Note:
            The CNN half adds its input twice, once inside its residual block and once outside,
            as the published LIC-TCM weights expect; the figure shows one of the two.
        """
        if torch.is_grad_enabled() and self._adds_nothing():
            return x
        n = self.width
        near = F.linear(x, self.split.weight[:n], self.split.bias[:n])
        deep = F.leaky_relu(self.conv1(near.permute(0, 3, 1, 2)), SLOPE, inplace=True)
        deep = F.leaky_relu(self.conv2(deep), SLOPE, inplace=True).permute(0, 2, 3, 1)

        def enter(x: Tensor, near: Tensor, deep: Tensor) -> Tensor:
            return F.linear(x, self.split.weight[n:], self.split.bias[n:])

        def leave(far: Tensor, x: Tensor, near: Tensor, deep: Tensor) -> Tensor:
            near = torch.add(deep, near, alpha=2)
            mixed = F.linear(near, self.mix.weight[:, :n], self.mix.bias)
            return mixed.add_(F.linear(far, self.mix.weight[:, n:])).add_(x)

        return self.swin.between((x, near, deep), enter, leave, prompts)

    def _adds_nothing(self) -> bool:
        """Whether the last layer is zero and frozen: training then need not compute the rest."""
        last = self.mix
        return not (last.weight.requires_grad or last.weight.any() or last.bias.any())


class TcmStage(nn.Module):
    """A whole TCM block: plain windows, then shifted windows, on (B, 2 * half, H, W)."""

    def __init__(
        self, half: int, head_width: int, window: int, *, prompts: int = 0, gated: bool = False
    ) -> None:
        super().__init__()
        self.plain, self.shifted = (
            TcmHalf(half, head_width, window, shifted=shifted, prompts=prompts, gated=gated)
            for shifted in (False, True)
        )

    def forward(self, x: Tensor, prompts: Sequence[Sequence[Tensor]] = ((), ())) -> Tensor:
        """Transform x; `prompts` holds one sequence of prompt pictures per half-block."""
        pixels = x.permute(0, 2, 3, 1)
        pixels = self.shifted(self.plain(pixels, prompts[0]), prompts[1])
        return pixels.permute(0, 3, 1, 2)
