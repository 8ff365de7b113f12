"""A lower bound that does not kill the gradient of what it holds up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """Return max(x, bound); the gradient passes where x is free or where it would raise x."""
    if torch.is_grad_enabled() and x.requires_grad:
        return _LowerBound.apply(x, bound)
    return x.clamp(min=bound)


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,), (grad,) = ctx.saved_tensors, grads
        return grad * ((x >= ctx.bound) | (grad < 0)), None
