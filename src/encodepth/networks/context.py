"""Entropy model of the default family: hyperprior, four coding steps, integer scales.

The latent is coded in four steps. In step i every position codes a quarter of its channels, and
the four phases of each 2x2 cell take turns, so that every channel group soon sees decoded
neighbours on all sides. A symbol is q = round(y - mean): the mean is float and only shifts the
value, the scale comes from integers alone (z and the symbols already decoded) and picks the
probability table, so any machine decodes the same symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..learned.symbols import SCALE_MAX, SCALE_MIN, SCALES
from .blocks import Block, Modulation, linear
from .config import PlaneConfig
from .integer import HIDDEN_MAX, WEIGHT_BITS, IntegerConv, requantise, round_clamp

STEPS = 4
_PHASES = (0, 3, 1, 2)  # order in which a channel group visits the 2x2 cell: a diagonal first
INDEX_SHIFT = 2.0 ** -(WEIGHT_BITS + 1)  # sums of the scale path per table index
_LOG_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)

CodeStep = Callable[[int, Tensor, Tensor], Tensor]
"""(step, mean, table index), each (B, M, h/2, w/2) -> the symbols q as the decoder sees them."""


class Hyper(nn.Module):
    """h_a, and the two paths from z back to the latent's resolution (h / 4, w / 4 -> h, w)."""

    def __init__(self, config: PlaneConfig) -> None:
        super().__init__()
        m, c, z = config.latent, config.mean, config.hyper
        self.enter = nn.Conv2d(m, c, 1)
        last = nn.Conv2d(4 * c, z, 1)
        nn.init.normal_(last.weight, std=0.3 * (4 * c) ** -0.5)  # z starts near zero
        self.down = nn.ModuleList([nn.Conv2d(4 * c, c, 1), last])
        self.encode = nn.ModuleList([Block(c), Block(c)])
        self.up = nn.ModuleList([nn.Conv2d(z, 4 * c, 1), nn.Conv2d(c, 4 * c, 1)])
        self.tune = Modulation(c, config.anchors)
        self.decode = nn.ModuleList([Block(c), Block(c)])
        s = config.scale
        self.scale_up = nn.ModuleList([IntegerConv(2 * z, 4 * s), IntegerConv(s, 4 * s)])
        self.scale_spatial = nn.ModuleList([IntegerConv(s, s, 3, groups=s) for _ in range(2)])

    def analyse(self, y: Tensor) -> Tensor:
        """Map the gained latent (B, M, h, w), h and w multiples of 4, to z before rounding."""
        x = linear(torch.asinh(y), self.enter)
        for down, block in zip(self.down, self.encode, strict=True):
            x = linear(F.pixel_unshuffle(block(x), 2), down)
        return x

    def mean_features(self, z: Tensor, blend: Tensor) -> Tensor:
        """Map integer z to float features (B, mean, h, w)."""
        x = F.pixel_shuffle(linear(z, self.up[0]), 2)
        x = self.decode[0](self.tune(x, blend))
        return self.decode[1](F.pixel_shuffle(linear(x, self.up[1]), 2)).float()

    def scale_features(self, z: Tensor) -> Tensor:
        """Map integer z to integer activations (B, scale, h, w)."""
        fine, coarse = (z * 16).clamp(-HIDDEN_MAX, HIDDEN_MAX), z.clamp(-HIDDEN_MAX, HIDDEN_MAX)
        x = torch.cat([fine, coarse], dim=1)
        for up, spatial in zip(self.scale_up, self.scale_spatial, strict=True):
            x = requantise(F.pixel_shuffle(up(x), 2))
            x = requantise(spatial(x))
        return x


class MeanStep(nn.Module):
    """Float mean of one step's quarter, from the features and the latent decoded so far."""

    def __init__(self, config: PlaneConfig, first: bool) -> None:
        super().__init__()
        m, c = config.latent, config.mean
        if not first:
            self.spatial = nn.Conv2d(m, m, 3, padding=1, groups=m)
            self.reduce = nn.Conv2d(m, c, 1)
        self.block = Block(c)
        self.out = nn.Conv2d(STEPS * c, m, 1, groups=STEPS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, decoded: Tensor | None, step: int) -> Tensor:
        x = features
        if decoded is not None:
            x = x + self.reduce(self.spatial(decoded))
        return linear(by_group(F.leaky_relu(self.block(x), 0.01), step), self.out)


class ScaleStep(nn.Module):
    """Integer table index of one step's quarter, from integer features and decoded symbols."""

    def __init__(self, config: PlaneConfig, first: bool) -> None:
        super().__init__()
        m, s = config.latent, config.scale
        self.enter = IntegerConv(s, s)
        if not first:
            self.spatial = IntegerConv(m, m, 3, groups=m)
            self.reduce = IntegerConv(m, s)
            with torch.no_grad():
                self.spatial.weight.copy_(self.spatial.weight.abs())
        self.hidden_spatial = IntegerConv(s, s, 3, groups=s)
        self.hidden = IntegerConv(s, s)
        self.out = IntegerConv(STEPS * s, m, groups=STEPS)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, features: Tensor, magnitudes: Tensor | None, step: int, offset: Tensor
    ) -> Tensor:
        x = self.enter(features)
        if magnitudes is not None:
            x = x + self.reduce(requantise(self.spatial(magnitudes)))
        x = requantise(self.hidden_spatial(requantise(x)))
        sums = self.out(by_group(requantise(self.hidden(x)), step))
        return round_clamp((sums + offset) * INDEX_SHIFT, 0, SCALES - 1)


class Context(nn.Module):
    """Everything between the latent and its symbols, for one modality."""

    def __init__(self, config: PlaneConfig) -> None:
        super().__init__()
        self.config = config
        self.hyper = Hyper(config)
        self.means = nn.ModuleList(MeanStep(config, i == 0) for i in range(STEPS))
        self.scales = nn.ModuleList(ScaleStep(config, i == 0) for i in range(STEPS))
        self.z_index = nn.Parameter(torch.full((config.anchors, config.hyper), 20.0))
        self.y_index = nn.Parameter(torch.full((config.anchors, config.latent), 20.0))
        if config.guide:
            self.mean_guide = nn.Conv2d(config.guide, config.mean, 1, bias=False)
            self.scale_guide = IntegerConv(config.guide, config.scale)
            nn.init.zeros_(self.mean_guide.weight)
            nn.init.zeros_(self.scale_guide.weight)

    def features(
        self,
        z: Tensor,
        blend: Tensor,
        size: tuple[int, int],
        guide: Guide | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (mean, scale) features (B, C, h, w) from integer z and a reference.

        Args:
            z: integers (B, Z, ceil(h / 4), ceil(w / 4)).
            size: (h, w) of the latent.
            guide: the reference latent, or None.
        """
        h, w = size
        mean = self.hyper.mean_features(z, blend)[..., :h, :w]
        scale = self.hyper.scale_features(z)[..., :h, :w]
        if guide is not None:
            mean = mean + linear(guide.latent, self.mean_guide)
            scale = scale + requantise(self.scale_guide(magnitude(guide.symbols)))
        return mean, scale.clamp(max=HIDDEN_MAX)

    def walk(
        self,
        features: tuple[Tensor, Tensor],
        gain: Tensor,
        offset: Tensor,
        code: CodeStep,
    ) -> tuple[Tensor, Tensor]:
        """Visit the four steps in coding order; training, encoding and decoding differ in `code`.

        Args:
            features: from `features`.
            gain: (B, M, 1, 1), quantisation steps per unit of the latent.
            offset: (B, M, 1, 1) integers, the quality's part of the scale path.
            code: adds noise, pushes to the coder or pulls from it.

        Returns:
            (y_hat in natural units, symbols q), each (B, M, h, w).
        """
        mean_features, scale_features = features
        b, _, h, w = mean_features.shape
        cells = mean_features.new_zeros(b, self.config.latent, 4, h // 2, w // 2)
        symbols = torch.zeros_like(cells)
        decoded: Tensor | None = None
        magnitudes: Tensor | None = None
        for step in range(STEPS):
            mean = self.means[step](mean_features, decoded, step)
            index = self.scales[step](scale_features, magnitudes, step, offset)
            q = code(step, mean * gain, index)
            cells = put(cells, q / gain + mean, step)
            symbols = put(symbols, q, step)
            decoded = F.pixel_shuffle(cells.flatten(1, 2), 2)
            magnitudes = magnitude(F.pixel_shuffle(symbols.flatten(1, 2), 2))
        assert decoded is not None
        return decoded, F.pixel_shuffle(symbols.flatten(1, 2), 2)


class Guide:
    """A latent as decoded: the place where a reference enters what is coded after it."""

    def __init__(self, latent: Tensor, symbols: Tensor) -> None:
        self.latent = latent  # y_hat, float, for means and transforms
        self.symbols = symbols  # q, integers, for scales


def magnitude(symbols: Tensor) -> Tensor:
    """Return symbols as activations: 8 |q|, at most 255."""
    return (symbols.abs() * 8).clamp(max=HIDDEN_MAX)


def phase(step: int, group: int) -> int:
    """Return the phase (0..3, row-major in a 2x2 cell) that a channel group codes in a step."""
    return _PHASES[(step + group) % STEPS]


def by_group(x: Tensor, step: int) -> Tensor:
    """Lay out features (B, C, h, w) as (B, 4 C, h/2, w/2): group g holds its phase of this step."""
    return torch.cat([_at(x, phase(step, g)) for g in range(STEPS)], dim=1)


def take(x: Tensor, step: int) -> Tensor:
    """Take the step's quarter (B, M, h/2, w/2) out of a latent (B, M, h, w)."""
    groups = enumerate(x.chunk(STEPS, dim=1))
    return torch.cat([_at(part, phase(step, g)) for g, part in groups], dim=1)


def _at(x: Tensor, place: int) -> Tensor:
    """Return one phase (B, C, h/2, w/2) of the 2x2 cells of x."""
    return x[:, :, place // 2 :: 2, place % 2 :: 2]


def put(cells: Tensor, x: Tensor, step: int) -> Tensor:
    """Return `cells` (B, M, 4, h/2, w/2) with the step's quarter set to x (B, M, h/2, w/2)."""
    groups = []
    parts = x.chunk(STEPS, dim=1)
    for g, group in enumerate(cells.chunk(STEPS, dim=1)):
        here = phase(step, g)
        planes = [parts[g] if p == here else group[:, :, p] for p in range(4)]
        groups.append(torch.stack(planes, dim=2))
    return torch.cat(groups, dim=1)
