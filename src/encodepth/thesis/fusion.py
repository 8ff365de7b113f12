"""How a second picture, the guide, helps the encoder (thesis §3.1.2, §3.1.3).

Convolutional fusion (SPF with ESA, Figures 17 and 21) adds features of the guide to those of the
target; attention fusion (prompt networks, Figures 18, 22 and 23) hands them to the Swin blocks as
tokens. A guide is any (B, K, H, W) tensor of declared channels: depth, colour, a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .resample import RBS, RBU, conv, pointwise


class ESA(nn.Module):
    """Enhanced spatial attention: gates x, (B, C, H, W), by a map seen from far away (Figure 17).

    Note:
        The thesis gives no width; C/8 (32 at the thesis's 256) reaches its 47.6 M parameters.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(4, channels // 8)
        self.enter = nn.Linear(channels, inner)
        self.skip = nn.Linear(inner, inner)
        self.stride = nn.Conv2d(inner, inner, 3, stride=2)
        self.deep = nn.ModuleList(conv(inner, inner) for _ in range(3))
        self.leave = nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Gate x; H and W at least 15."""
        narrow = pointwise(self.enter, x)
        far = F.max_pool2d(self.stride(narrow), 7, stride=3)
        a, b, c = self.deep
        far = c(F.relu(b(F.relu(a(far)))))
        far = F.interpolate(far, size=x.shape[2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(pointwise(self.leave, far + pointwise(self.skip, narrow)))


class SPF(nn.Module):
    """Structure prior fusion: target features plus what the guide adds (Figure 17).

    Its last convolution starts at zero, so an untrained SPF returns the target's features exactly.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.target = conv(channels, channels)
        self.guide = conv(channels, channels)
        self.esa = ESA(2 * channels)
        self.merge = conv(2 * channels, channels)
        self.start_at_zero()

    def start_at_zero(self) -> None:
        """Make the block add nothing."""
        nn.init.zeros_(self.merge.weight)
        nn.init.zeros_(self.merge.bias)  # type: ignore[arg-type]

    def forward(self, target: Tensor, guide: Tensor) -> Tensor:
        """Fuse two feature maps, (B, C, H, W) each."""
        both = torch.cat((self.target(target), self.guide(guide)), dim=1)
        return target + self.merge(both + self.esa(both))


class PromptNetwork(nn.Module):
    """Prompt pictures for the three TCM stages of a transform: p_a, l_a, p_s or l_s (Figure 23).

    Three residual blocks give features at three sizes; for each half-block of the stage of that
    size, a stride-2 convolution makes a prompt picture, one token for 2x2 pixels.

    Args:
        channels: of the input.
        width: of the features; 256 reaches the thesis's 53.53 M parameters, 64 is the light one.
        half: channels of a prompt token.
        up: read a latent at 1/16 and go up (p_s) rather than a full-size picture and go down.

    Note:
        The thesis fixes neither width nor layout; more than a hundred layouts round to 53.53 M.
    """

    def __init__(self, channels: int, width: int, half: int, *, up: bool = False) -> None:
        super().__init__()
        block = RBU if up else RBS
        self.blocks = nn.ModuleList(block(c, width) for c in (channels, width, width))
        self.heads = nn.ModuleList(
            nn.ModuleList(conv(width, half, stride=2) for _ in range(2)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return, stage by stage in order of computation, two (B, h/2, w/2, half) pictures."""
        prompts = []
        for block, heads in zip(self.blocks, self.heads, strict=True):
            plain, shifted = cast(nn.ModuleList, heads)
            x = block(x)
            prompts.append((plain(x).permute(0, 2, 3, 1), shifted(x).permute(0, 2, 3, 1)))
        return prompts


def join(
    networks: Sequence[list[tuple[Tensor, Tensor]]],
) -> list[tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """Sort prompts by stage, then half-block, then network, as `TcmStage` takes them."""
    stages = []
    for stage in range(3):
        plain = tuple(prompts[stage][0] for prompts in networks)
        shifted = tuple(prompts[stage][1] for prompts in networks)
        stages.append((plain, shifted))
    return stages
