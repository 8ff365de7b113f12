"""The networks of LIC-TCM: g_a, g_s, h_a, h_s and the slice predictors (thesis Figures 14, 15)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from .blocks import TcmStage
from .bound import lower_bound
from .fusion import SPF, PromptNetwork, join
from .resample import RBS, RBU, Subpel, conv
from .rows import TcmConfig
from .swatten import SliceNet, SWAtten

HEAD_WIDTHS = (8, 16, 32)  # of g_a's stages; g_s has them in reverse
WINDOW, HYPER_WINDOW = 8, 4  # thesis §3.5
SCALE_MIN = 0.11


class Analysis(nn.Module):
    """g_a: three times RBS and TCM, then one convolution; with one of four ways to see a guide."""

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        self.config, n = config, config.half
        wide, prompts = 2 * n, 2 if config.fusion == "attention" else 0
        inside = config.target + (config.guide if config.fusion == "early" else 0)
        self.down = nn.ModuleList(RBS(c, wide) for c in (inside, wide, wide))
        self.tcm = nn.ModuleList(
            TcmStage(n, h, WINDOW, prompts=prompts, gated=config.gated) for h in HEAD_WIDTHS
        )
        self.out = conv(wide, config.latent, stride=2)
        if config.fusion == "conv":  # thesis Figure 21: two phases of fusion
            self.side_down = nn.ModuleList(RBS(c, wide) for c in (config.guide, wide))
            self.side_tcm = nn.ModuleList(TcmStage(n, h, WINDOW) for h in HEAD_WIDTHS[:2])
            self.spf = nn.ModuleList(SPF(wide) for _ in range(2))
        if config.fusion == "attention":  # thesis Figure 23
            width = config.prompt_width
            self.p_a = PromptNetwork(1 + config.target + config.guide, width, n)
            self.l_a = PromptNetwork(config.guide, width, n)

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        """Map x, (B, target, H, W) in [0, 1], and guide, (B, K, H, W), to y, (B, M, H/16, W/16).

        H and W are multiples of 64.
        """
        side, prompts = None, None
        if guide is not None:
            guide = guide.contiguous(memory_format=torch.channels_last)
            if self.config.fusion == "early":
                x = torch.cat((x, guide), dim=1)
            elif self.config.fusion == "conv":
                side = guide
            elif self.config.fusion == "attention":
                level = torch.full_like(x[:, :1], self.config.lmbda)
                prompts = join([self.p_a(torch.cat((level, guide, x), dim=1)), self.l_a(guide)])
        x = x.contiguous(memory_format=torch.channels_last)
        for i, (down, tcm) in enumerate(zip(self.down, self.tcm, strict=True)):
            x = tcm(down(x), prompts[i]) if prompts else tcm(down(x))
            if side is not None and i < len(self.spf):
                side = self.side_tcm[i](self.side_down[i](side))
                x = self.spf[i](x, side)
        return cast(Tensor, self.out(x))

    def added(self) -> list[nn.Module]:
        """The modules that convolutional fusion adds to the plain analysis."""
        return [self.side_down, self.side_tcm, self.spf] if self.config.fusion == "conv" else []


class Synthesis(nn.Module):
    """g_s: three times RBU and TCM, then a sub-pixel convolution."""

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        self.config, n = config, config.half
        wide, prompts = 2 * n, config.p_s + config.l_s
        self.up = nn.ModuleList(RBU(c, wide) for c in (config.latent, wide, wide))
        self.tcm = nn.ModuleList(
            TcmStage(n, h, WINDOW, prompts=prompts, gated=config.gated)
            for h in reversed(HEAD_WIDTHS)
        )
        self.out = Subpel(wide, config.target)
        if config.p_s:
            self.p_s = PromptNetwork(1 + config.latent, config.prompt_width, n, up=True)
        if config.l_s:
            self.l_s = PromptNetwork(config.guide, config.prompt_width, n)

    def forward(self, y_hat: Tensor, guide: Tensor | None = None) -> Tensor:
        """Map y_hat, (B, M, h, w), to the picture, (B, target, 16 h, 16 w), not clamped.

        Only a model with l_s reads the guide, (B, K, 16 h, 16 w).
        """
        x = y_hat.contiguous(memory_format=torch.channels_last)
        networks = []
        if self.config.p_s:
            level = torch.full_like(x[:, :1], self.config.lmbda)
            networks.append(self.p_s(torch.cat((level, x), dim=1)))
        if self.config.l_s:
            if guide is None:
                raise ValueError("l_s needs the guide at the decoder")
            down = self.l_s(guide.contiguous(memory_format=torch.channels_last))
            networks.append(down[::-1])
        prompts = join(networks)
        for i, (up, tcm) in enumerate(zip(self.up, self.tcm, strict=True)):
            x = tcm(up(x), prompts[i])
        return cast(Tensor, self.out(x))


class HyperAnalysis(nn.Sequential):
    """h_a: y, (B, M, h, w), to z, (B, Z, h/4, w/4); h and w multiples of 8."""

    def __init__(self, config: TcmConfig) -> None:
        wide = 2 * config.half
        super().__init__(
            RBS(config.latent, wide),
            TcmStage(config.half, HEAD_WIDTHS[-1], HYPER_WINDOW),
            conv(wide, config.hyper, stride=2),
        )


class HyperSynthesis(nn.Sequential):
    """h_mean_s or h_scale_s: z_hat, (B, Z, h/4, w/4), to side information, (B, M, h, w)."""

    def __init__(self, config: TcmConfig) -> None:
        wide = 2 * config.half
        super().__init__(
            RBU(config.hyper, wide),
            TcmStage(config.half, HEAD_WIDTHS[-1], HYPER_WINDOW),
            Subpel(wide, config.latent),
        )


class SliceNets(nn.Module):
    """Mean, scale and LRP networks of every slice; the `SliceContext` that `walk` visits."""

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        self.count, part = config.slices, config.latent // config.slices
        supports = [config.latent + part * i for i in range(config.slices)]

        def attention() -> nn.ModuleList:
            if not config.attention:
                return nn.ModuleList(nn.Identity() for _ in supports)
            return nn.ModuleList(SWAtten(c, config.attention) for c in supports)

        def nets(extra: int) -> nn.ModuleList:
            return nn.ModuleList(SliceNet(c + extra, config.slice_widths, part) for c in supports)

        self.mean_attention, self.scale_attention = attention(), attention()
        self.mean, self.scale, self.lrp = nets(0), nets(0), nets(part)

    def predict(self, i: int, side: Tensor, done: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return (mean, scale, support) of slice i; `side` is h_mean_s beside h_scale_s."""
        mean_side, scale_side = side.chunk(2, dim=1)
        support = self.mean_attention[i](_together(mean_side, *done))
        for_scale = self.scale_attention[i](_together(scale_side, *done))
        scale = lower_bound(self.scale[i](for_scale), SCALE_MIN)
        return self.mean[i](support), scale, support

    def residual(self, i: int, support: Tensor, y_hat: Tensor) -> Tensor:
        """Return the latent residual prediction of slice i, in (-0.5, 0.5)."""
        return 0.5 * torch.tanh(self.lrp[i](_together(support, y_hat)))


def _together(*parts: Tensor) -> Tensor:
    """Concatenate channels in one fixed memory layout: layout changes the last bit of a sum."""
    return torch.cat(parts, dim=1).contiguous(memory_format=torch.channels_last)
