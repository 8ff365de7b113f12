"""Generalised divisive normalisation, the non-linearity of RBS and RBU (thesis Figure 13).

x * rsqrt(beta + gamma x^2): each channel is normalised by a weighted energy of all channels at the
same pixel; the inverse multiplies by the square root. (Ballé, Laparra, Simoncelli, ICLR 2016.)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bound import lower_bound
from .derived import Derived, is_tracing

PEDESTAL = 2.0**-36
BETA_MIN = 1e-6
_PIXELS = 8192  # per step in inference: the working set stays in the cache


class GDN(nn.Module):
    """GDN or its inverse over `channels`, with channels^2 + channels parameters, plus a skip path.

    Beta and gamma are stored as square roots above a small pedestal, which keeps them positive
    and their gradients alive near zero. Gamma starts at 0.1 on the diagonal, beta at 1.
    """

    def __init__(self, channels: int, *, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + PEDESTAL))
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + PEDESTAL))
        self._beta, self._gamma = Derived(), Derived()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Normalise x and add `skip`, both (B, C, H, W), fastest in channels_last memory."""
        beta = self._beta.get(lambda: _positive(self.beta, BETA_MIN), self.beta)
        gamma = self._gamma.get(lambda: _positive(self.gamma, 0.0), self.gamma)
        flat, plus = (t.permute(0, 2, 3, 1).reshape(-1, x.shape[1]) for t in (x, skip))
        if torch.is_grad_enabled() or is_tracing() or x.is_meta:
            out = plus + flat * self._factor(flat, beta, gamma)
        else:
            out = torch.empty_like(flat)
            parts = (t.split(_PIXELS) for t in (flat, plus, out))
            for rows, added, done in zip(*parts, strict=True):
                torch.addcmul(added, rows, self._factor(rows, beta, gamma), out=done)
        b, c, h, w = x.shape
        return out.view(b, h, w, c).permute(0, 3, 1, 2)

    def _factor(self, rows: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
        energy = F.linear(rows * rows, gamma, beta)
        return energy.sqrt() if self.inverse else energy.rsqrt()


def _positive(root: Tensor, minimum: float) -> Tensor:
    """Undo the square-root storage of a parameter that stays above `minimum`."""
    return lower_bound(root, (minimum + PEDESTAL) ** 0.5).square() - PEDESTAL
