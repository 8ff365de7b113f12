"""g_a and g_s of the default family: stages of blocks between patch projections."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Block, Modulation, dct_rows, linear
from .config import PlaneConfig


class Analysis(nn.Module):
    """g_a: picture (B, components, H, W) -> latent (B, M, H / 16, W / 16)."""

    def __init__(self, config: PlaneConfig) -> None:
        super().__init__()
        self.ratios = _ratios(config)
        inputs = [config.components, *config.widths[:-1]]
        self.down = nn.ModuleList(
            nn.Conv2d(i * r * r, o, 1)
            for i, o, r in zip(inputs, config.widths, self.ratios, strict=True)
        )
        self.tune = nn.ModuleList(Modulation(w, config.anchors) for w in config.widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Block(w) for _ in range(n)))
            for w, n in zip(config.widths, config.blocks, strict=True)
        )
        if config.guide:
            self.guide = nn.Conv2d(config.guide, config.latent, 1, bias=False)
            nn.init.zeros_(self.guide.weight)
        for down, matrix in zip(self.down, dct_chain(config), strict=True):
            _start(down, matrix)

    def forward(self, x: Tensor, blend: Tensor, guide: Tensor | None = None) -> Tensor:
        last = len(self.ratios) - 1
        for k, ratio in enumerate(self.ratios):
            x = linear(F.pixel_unshuffle(x, ratio), self.down[k])
            if k == last and guide is not None:
                x = x + linear(guide, self.guide)
            x = self.blocks[k](self.tune[k](x, blend))
        return x.float()


class Synthesis(nn.Module):
    """g_s: latent (B, M, h, w) -> picture (B, components, 16 h, 16 w)."""

    def __init__(self, config: PlaneConfig) -> None:
        super().__init__()
        self.ratios = _ratios(config)
        outputs = [config.components, *config.widths[:-1]]
        self.up = nn.ModuleList(
            nn.Conv2d(i, o * r * r, 1)
            for i, o, r in zip(config.widths, outputs, self.ratios, strict=True)
        )
        self.tune = nn.ModuleList(Modulation(w, config.anchors) for w in config.widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Block(w) for _ in range(n)))
            for w, n in zip(config.widths, config.blocks, strict=True)
        )
        if config.guide:
            self.guide = nn.Conv2d(config.guide, config.latent, 1, bias=False)
            self.fine_guide = nn.Conv2d(config.guide, 4 * config.widths[-2], 1, bias=False)
            nn.init.zeros_(self.guide.weight)
            nn.init.zeros_(self.fine_guide.weight)
        for up, matrix in zip(self.up, dct_chain(config), strict=True):
            _start(up, matrix.T)

    def forward(self, y: Tensor, blend: Tensor, guide: Tensor | None = None) -> Tensor:
        x, last = y, len(self.ratios) - 1
        for k in range(last, -1, -1):
            if guide is not None and k == last:
                x = x + linear(guide, self.guide)
            elif guide is not None and k == last - 1:
                x = x + F.pixel_shuffle(linear(guide, self.fine_guide), 2)
            x = self.blocks[k](self.tune[k](x, blend))
            x = F.pixel_shuffle(linear(x, self.up[k]), self.ratios[k])
        return x


def dct_chain(config: PlaneConfig) -> list[Tensor]:
    """Return for each stage the matrix that turns the stage before into a DCT of larger patches.

    Stage 0 maps pixels to the `widths[0]` lowest DCT coefficients of its patch; stage k maps the
    coefficients of the sub-patches to the lowest ones of the whole patch. Each matrix has
    min(width, coefficients) rows; its transpose is the synthesis step.
    """
    chain: list[Tensor] = []
    before = torch.eye(config.components)
    side = 1
    for patch, width in zip(config.patches, config.widths, strict=True):
        rows = dct_rows(patch, config.components)[:width]
        ratio = patch // side
        pixels = rows.view(len(rows), config.components, ratio, side, ratio, side)
        small = before.view(len(before), config.components, side, side)
        step = torch.einsum("nciajb,mcab->nmij", pixels, small)
        chain.append(step.reshape(len(rows), -1))
        before, side = rows, patch
    return chain


def _ratios(config: PlaneConfig) -> tuple[int, ...]:
    before = (1, *config.patches[:-1])
    return tuple(p // q for p, q in zip(config.patches, before, strict=True))


def _start(conv: nn.Module, matrix: Tensor) -> None:
    """Put `matrix` into the top left of a 1x1 convolution; features beyond it start small."""
    assert isinstance(conv, nn.Conv2d)
    nn.init.normal_(conv.weight, std=0.02)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    rows, columns = matrix.shape
    with torch.no_grad():
        conv.weight[:rows] = 0
        conv.weight[:, :columns] = 0
        conv.weight[:rows, :columns] = matrix[:, :, None, None]
