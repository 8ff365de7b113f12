"""Channel-wise autoregressive context of LIC-TCM (thesis §2.4.1.2, Figure 15).

Training, encoding and decoding visit the slices in the same order with the same arithmetic, so
that order is written once. What differs is what happens to a slice, and the caller passes that in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

CodeSlice = Callable[[int, Tensor, Tensor], Tensor]
"""(slice index, mean, scale) -> the slice as the decoder will see it, before LRP."""


class SliceContext(Protocol):
    """The networks that predict one slice from the hyperprior and the slices before it."""

    count: int

    def predict(self, i: int, side: Tensor, done: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return (mean, scale, support), each (B, M/count, h, w) but support."""

    def residual(self, i: int, support: Tensor, y_hat: Tensor) -> Tensor:
        """Return the latent residual prediction, in (-0.5, 0.5)."""


def walk(context: SliceContext, side: Tensor, code: CodeSlice) -> Tensor:
    """Visit every slice in coding order and return the decoded latent.

    Args:
        context: predicts each slice's distribution.
        side: hyper-decoder output, (B, C, h, w).
        code: rounds (training), pushes to the coder (encoding) or pulls from it (decoding).

    Returns:
        The latent y_hat, (B, M, h, w), ready for the synthesis transform.
    """
    done: list[Tensor] = []
    for i in range(context.count):
        mean, scale, support = context.predict(i, side, done)
        y_hat = code(i, mean, scale)
        done.append(y_hat + context.residual(i, support, y_hat))
    return torch.cat(done, dim=1)
