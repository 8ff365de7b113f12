"""A start from which a row of the thesis codes at once, fitted to pictures in closed form.

Every halving takes 2x2 patches of the features before to their strongest principal components, of
unit spread; y is what is left in steps that suit the trade-off. z tells the strongest channels of
y; scales are least-squares fits to the sizes of what is decoded before; g_s is the least-squares
fit to the features that it undoes. What the blocks do beyond that starts at zero.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import TcmStage
from .linear_parts import clear, fit, halve, principal, put_down
from .linear_prior import start_prior
from .resample import RBS, RBU, Subpel
from .tcm import TCM, pad


@torch.no_grad()
def start_linear(model: TCM, x: Tensor, lmbda: float) -> None:
    """Make a fresh model a transform codec fitted to pictures, (B, target, H, W) in [0, 1].

    Four million pixels, in crops of 256x256 rather than smaller ones, fit every matrix. `lmbda` is
    the worth of a squared error in bits, as that of training by it. A guide starts unseen. Rows
    with SWAtten predict nothing from z at first.
    """
    config, g_a, g_s = model.config, model.g_a, model.g_s
    for part in model.modules():
        if isinstance(part, TcmStage):
            for half in (part.plain, part.shifted):
                clear(half.mix)
    x = pad(x)
    mean = x.mean(dim=(0, 2, 3))
    features, spread = x - mean[:, None, None], torch.ones_like(mean)
    steps, levels = [], [x]
    for down in g_a.down:
        width = cast(RBS, down).skip.out_features
        features, step = principal(features, spread, width)
        spread = step.spread
        steps.append(step)
        levels.append(features / spread[:, None, None])
    features, last = principal(features, spread, config.latent)
    size = _step_size(config.target, lmbda)
    centre = mean
    for down, step in zip(g_a.down, steps, strict=True):
        halve(cast(RBS, down), step, centre)
        centre = torch.zeros_like(step.spread)
    put_down(g_a.out, last.down / size)
    y_hat = start_prior(model, features / size)
    for up, wanted in zip(g_s.up, levels[:0:-1], strict=True):
        clear(cast(RBU, up).conv)
        y_hat = _fit_up(cast(RBU, up).skip, y_hat, wanted)
    _fit_up(g_s.out, y_hat, x)


def _fit_up(layer: Subpel, x: Tensor, wanted: Tensor) -> Tensor:
    """Let a sub-pixel convolution give what is wanted of x, twice as large; return what it does."""
    given = fit(cast(nn.Conv2d, layer[0]), x, F.pixel_unshuffle(wanted, 2))
    return F.pixel_shuffle(given, 2)


def _step_size(components: int, lmbda: float) -> float:
    """Best step of a uniform quantiser at high rates: 6 C / (ln 2 * lambda * 255^2) squared."""
    return math.sqrt(6 * components / (math.log(2) * lmbda * 255**2))
