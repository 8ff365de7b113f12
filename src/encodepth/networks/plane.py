"""One modality's network: transforms, gains and entropy model; what training sees of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..learned.symbols import SCALE_MAX, SCALE_MIN, SCALES
from .blocks import blend_weights, linear
from .config import PlaneConfig
from .context import INDEX_SHIFT, Context, Guide, take
from .integer import round_clamp
from .transforms import Analysis, Synthesis

ALIGN = 32  # pictures are padded to multiples of this
_LOG_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)


@dataclass
class Reconstruction:
    """What a forward pass returns."""

    picture: Tensor  # (B, components, H, W), not clamped
    bits: Tensor  # (B,), estimated bits of y and z
    guide: Guide


class PlaneModel(nn.Module):
    """Codes colour (3 components), with a reference latent where its config has a place for one."""

    def __init__(self, config: PlaneConfig) -> None:
        super().__init__()
        self.config = config
        self.g_a = Analysis(config)
        self.g_s = Synthesis(config)
        self.context = Context(config)
        self.log_gain = nn.Parameter(_start_gains(config))

    def gain(self, blend: Tensor) -> Tensor:
        """Return quantisation steps per unit of the latent, (B, M, 1, 1)."""
        return torch.exp(blend @ self.log_gain)[:, :, None, None]

    def forward(
        self,
        picture: Tensor,
        quality: Tensor,
        guide: Guide | None = None,
    ) -> Reconstruction:
        """Code and decode: in training with noise in the rate, else with what rounding costs.

        Args:
            picture: (B, components, H, W) in [0, 1], sides multiples of 32.
            quality: (B,) in 0..100.
            guide: the reference latent.
        """
        blend = blend_weights(quality, self.config.anchors)
        seen, bits = self._code(picture, blend, guide)
        latent_guide = guide.latent if guide is not None else None
        output = self.g_s(seen.latent, blend, latent_guide) + 0.5
        return Reconstruction(output, bits, seen)

    def _code(self, picture: Tensor, blend: Tensor, guide: Guide | None) -> tuple[Guide, Tensor]:
        """Return (latent and symbols, estimated bits (B,)) of pictures, arguments as `forward`."""
        gain = self.gain(blend)
        y = self.g_a(picture - 0.5, blend, guide.latent if guide is not None else None) * gain
        z = self.context.hyper.analyse(pad_latent(y))
        z_index = round_clamp(blend @ self.context.z_index, 1, SCALES - 1)[:, :, None, None]
        relax = _noisy if self.training else torch.round
        bits = _gaussian_bits(relax(z), z_index.expand_as(z)).flatten(1).sum(1)
        z_hat = round_clamp(z, -32767, 32767)
        features = self.context.features(z_hat, blend, y.shape[-2:], guide)
        offset = round_clamp(blend @ self.context.y_index / INDEX_SHIFT, -(2**22), 2**22)
        spent = []

        def code(step: int, mean: Tensor, index: Tensor) -> Tensor:
            residual = take(y, step) - mean
            spent.append(_gaussian_bits(relax(residual), index).flatten(1).sum(1))
            return round_clamp(residual, -32767, 32767)

        y_hat, symbols = self.context.walk(features, gain, offset[:, :, None, None], code)
        return Guide(y_hat, symbols), bits + sum(spent)

    @torch.no_grad()
    def calibrate(self, picture: Tensor) -> None:
        """Fit an untrained model to sample pictures, as for `forward`.

        Every feature of the transforms is brought to unit spread (a DCT's differ by a factor of a
        thousand), without changing what the transforms do, and the table indexes start from the
        spread of the latent.
        """
        x = picture - 0.5
        before = x.new_ones(0)
        for k, ratio in enumerate(self.g_a.ratios):
            down, up = self.g_a.down[k], self.g_s.up[k]
            assert isinstance(down, nn.Conv2d)
            assert isinstance(up, nn.Conv2d)
            assert down.bias is not None
            if k:
                inner = before.repeat_interleave(ratio * ratio)
                down.weight.mul_(inner[:, None, None])
                up.weight.div_(inner[:, None, None, None])
            x = linear(F.pixel_unshuffle(x, ratio), down)
            spread = x.square().mean(dim=(0, 2, 3)).sqrt().clamp(min=1e-4)
            x = x / spread[:, None, None]
            down.weight.div_(spread[:, None, None, None])
            down.bias.div_(spread)
            up.weight.mul_(spread[:, None, None])
            before = spread
        self.log_gain.add_(before.log())
        for k in range(self.config.anchors):
            quality = picture.new_full((len(picture),), 100 * k / (self.config.anchors - 1))
            y = x * self.gain(blend_weights(quality, self.config.anchors))
            size = y.abs().mean(dim=(0, 2, 3)).clamp(min=SCALE_MIN)
            self.context.y_index[k] = torch.log(size / SCALE_MIN) / _LOG_STEP


def pad_latent(y: Tensor) -> Tensor:
    """Repeat the last row and column until both sides are multiples of 4, as h_a needs."""
    h, w = y.shape[-2:]
    return F.pad(y, (0, -w % 4, 0, -h % 4), mode="replicate")


def _start_gains(config: PlaneConfig) -> Tensor:
    """High-rate optimum of a transform codec: step^2 = 6 C / (ln 2 * lambda * 255^2)."""
    rows = []
    for k in range(config.anchors):
        lmbda = config.lmbda(100 * k / (config.anchors - 1))
        step = math.sqrt(6 * config.components / (math.log(2) * lmbda * 255**2))
        rows.append(torch.full((config.latent,), -math.log(step)))
    return torch.stack(rows)


def _noisy(x: Tensor) -> Tensor:
    return x + torch.empty_like(x).uniform_(-0.5, 0.5)


def _gaussian_bits(x: Tensor, index: Tensor) -> Tensor:
    """Bits of values x coded as integers by zero-mean Gaussians of the given table indexes."""
    inverse = torch.exp(index * -_LOG_STEP) * (math.sqrt(0.5) / SCALE_MIN)
    size = x.abs()
    mass = 0.5 * (torch.erfc((size - 0.5) * inverse) - torch.erfc((size + 0.5) * inverse))
    mass = mass + (mass.clamp(min=1e-12) - mass).detach()
    return -torch.log2(mass)
