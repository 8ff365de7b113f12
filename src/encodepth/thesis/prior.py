"""The factorised prior of z: one learned density per channel (thesis §2.4.1.2).

A channel's cumulative density is the sigmoid of a tiny monotone network, 1-3-3-3-3-1 (Ballé et
al., ICLR 2018, appendix 6.1). Medians and tails are three stored quantiles per channel; they are
solved by bisection rather than trained.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..learned.symbols import PRECISION
from .bound import lower_bound

WIDTHS = (1, 3, 3, 3, 3, 1)
START_SCALE = 10.0  # width of a fresh density
TAIL = 1e-9  # mass beyond the outer quantiles
FLOOR = 1e-9  # smallest likelihood
_RADIUS_MAX = 2000  # wider tails escape


class FactorizedPrior(nn.Module):
    """Independent densities of `channels` channels; 61 parameters each."""

    quantiles: nn.Parameter

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.matrices, self.biases, self.factors = (nn.ParameterList() for _ in range(3))
        scale = START_SCALE ** (1 / (len(WIDTHS) - 1))
        for inside, outside in pairwise(WIDTHS):
            start = math.log(math.expm1(1 / scale / outside))
            self.matrices.append(nn.Parameter(torch.full((channels, outside, inside), start)))
            self.biases.append(nn.Parameter(torch.empty(channels, outside, 1).uniform_(-0.5, 0.5)))
            if outside > 1:
                self.factors.append(nn.Parameter(torch.zeros(channels, outside, 1)))
        start_quantiles = torch.tensor([-START_SCALE, 0.0, START_SCALE]).repeat(channels, 1, 1)
        self.quantiles = nn.Parameter(start_quantiles, requires_grad=False)

    @torch.no_grad()
    def start(self, spread: Tensor) -> None:
        """Make each density a logistic round zero of a channel's standard deviation, (C,)."""
        scale = (spread * (math.sqrt(3) / math.pi)) ** (1 / (len(WIDTHS) - 1))
        for matrix, bias, outside in zip(self.matrices, self.biases, WIDTHS[1:], strict=True):
            matrix.copy_(torch.log(torch.expm1(1 / scale / outside))[:, None, None])
            bias.zero_()
        self.solve_quantiles()

    @property
    def medians(self) -> Tensor:
        """What z is rounded around, (C,)."""
        return self.quantiles[:, 0, 1]

    def likelihood(self, z: Tensor) -> Tensor:
        """Probability of the unit interval around each value of z, (B, C, h, w), same shape."""
        flat = z.transpose(0, 1).reshape(z.shape[1], 1, -1)
        lower, upper = self._logits(flat - 0.5), self._logits(flat + 0.5)
        sign = torch.where(lower + upper > 0, -1.0, 1.0)  # differences are exact on the small side
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        b, c, h, w = z.shape
        return lower_bound(mass, FLOOR).view(c, b, h, w).transpose(0, 1)

    @torch.no_grad()
    def solve_quantiles(self) -> None:
        """Set the quantiles to where the cumulative density is TAIL/2, 1/2 and 1 - TAIL/2."""
        edge = math.log(2 / TAIL - 1)
        target = torch.tensor([-edge, 0.0, edge], device=self.quantiles.device)
        low = torch.full_like(self.quantiles, -1e5)
        high = -low
        for _ in range(60):
            middle = (low + high) / 2
            below = self._logits(middle) < target
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        self.quantiles.copy_((low + high) / 2)

    @torch.no_grad()
    def tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return (radii (C,), frequencies) of the symbols round(z - median), for the coder.

        Each table covers -radius..radius and one escape; its frequencies sum to 2^PRECISION.
        Made in double precision, so that all machines make the same tables of the same weights.
        """
        exact = copy.deepcopy(self).cpu().double()
        outer = (exact.quantiles - exact.quantiles[:, :, 1:2]).abs().amax(dim=(1, 2))
        radii = outer.ceil().clamp(1, _RADIUS_MAX).int().numpy().astype(np.int32)
        reach = torch.arange(-int(radii.max()), int(radii.max()) + 1)
        z = exact.medians[None, :, None, None] + reach[None, None, None, :]
        mass = exact.likelihood(z)[0, :, 0].numpy()
        centre = mass.shape[1] // 2
        parts = []
        for row, r in zip(mass, radii, strict=True):
            inner = row[centre - r : centre + r + 1]
            parts.append(to_frequencies(np.append(inner, max(1 - inner.sum(), TAIL))))
        return radii, np.concatenate(parts)

    def _logits(self, x: Tensor) -> Tensor:
        """Logit of the cumulative density at x, (C, 1, points)."""
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = torch.matmul(F.softplus(matrix), x) + bias
            if i < len(self.factors):
                x = x + torch.tanh(self.factors[i]) * torch.tanh(x)
        return x


def to_frequencies(mass: NDArray[np.float64]) -> NDArray[np.int32]:
    """Turn masses into integer frequencies, each at least 1, that sum to 2^PRECISION."""
    mass = np.maximum(mass, 4.0 / 2**PRECISION)
    frequency = np.maximum(np.round(mass / mass.sum() * 2**PRECISION), 1).astype(np.int64)
    frequency[int(frequency.argmax())] += 2**PRECISION - frequency.sum()
    return frequency.astype(np.int32)
