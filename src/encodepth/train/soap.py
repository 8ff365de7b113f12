"""SOAP: Adam along the eigenvectors of each weight matrix's gradient covariance (arXiv 2409.11321).

Every side of a matrix has a covariance of its gradients; its eigenvectors, brought up to date by
one step of QR now and then, are the axes along which Adam's moments are kept. Tensors that are no
matrix of a layer get plain Adam. All state is tensors, so a run resumes bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

State = dict[str, Tensor]
_EPS = 1e-8


def is_matrix(name: str, tensor: Tensor) -> bool:
    """Whether SOAP turns a tensor: a layer's weight, but no depthwise kernel, table or gain."""
    return name.endswith("weight") and tensor.ndim > 1 and min(tensor.shape[:2]) > 1


class Soap(torch.optim.Optimizer):
    """The optimiser.

    Args:
        groups: of tensors, each with "turned", whether they are matrices, and "betas": decays of
            the two moments; the second is the covariances' too.
        lr: learning rate.
        largest: side beyond which there is no covariance. A kernel (out, in, k, k) is the matrix
            (out, in k k), or where that is too wide the block (out, in, k k).
        every: steps from one QR of a matrix to its next; the matrices take turns.
    """

    def __init__(
        self, groups: list[dict[str, Any]], lr: float, *, largest: int = 640, every: int = 10
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": (0.95, 0.95), "turned": True})
        self.largest, self.every = largest, every

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every tensor that has a gradient; a matrix's first gradient only sets its axes."""
        assert closure is None
        for group in self.param_groups:
            for turn, tensor in enumerate(group["params"]):
                if tensor.grad is not None:
                    self._move(tensor, group, turn)

    def _move(self, tensor: Tensor, group: dict[str, Any], turn: int) -> None:
        shape = self._shape(tensor) if group["turned"] else tuple(tensor.shape)
        sides = [i for i, n in enumerate(shape) if group["turned"] and 1 < n <= self.largest]
        gradient, state = tensor.grad.reshape(shape), self.state[tensor]  # type: ignore[union-attr]
        first, second = group["betas"]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(gradient) for _ in "mv")
            for i in sides:
                state[f"covariance_{i}"] = _covariance(gradient, i)
                state[f"axes_{i}"] = _eigenvectors(state[f"covariance_{i}"])
            if sides:
                return
        state["step"] += 1
        count = int(state["step"])
        seen = gradient
        for i in sides:
            seen = _along(seen, i, state[f"axes_{i}"])
        mean = state["exp_avg"].lerp_(seen, 1 - first)
        square = state["exp_avg_sq"].lerp_(seen.square(), 1 - second)
        move = mean / (1 - first**count) / ((square / (1 - second**count)).sqrt() + _EPS)
        for i in sides:
            move = _along(move, i, state[f"axes_{i}"].T)
        tensor.sub_(move.reshape(tensor.shape), alpha=group["lr"])
        for i in sides:
            state[f"covariance_{i}"].lerp_(_covariance(gradient, i), 1 - second)
            if (count + turn) % self.every == 0:
                _turn(state, i)

    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        out, width = tensor.shape[0], tensor.numel() // tensor.shape[0]
        flat = tensor.ndim == 2 or width <= self.largest
        return (out, width) if flat else (out, tensor.shape[1], width // tensor.shape[1])


def _covariance(gradient: Tensor, side: int) -> Tensor:
    """Return the sum of products of a side's entries, over all other sides."""
    rows = gradient.movedim(side, 0).flatten(1)
    return rows @ rows.T


def _eigenvectors(covariance: Tensor) -> Tensor:
    """Return the axes of a covariance, in double precision: a gradient may be of very few of them.

    In single precision LAPACK does not converge on some of those.
    """
    axes: Tensor = torch.linalg.eigh(covariance.double())[1].to(covariance.dtype)
    return axes.contiguous()


def _along(x: Tensor, side: int, axes: Tensor) -> Tensor:
    """Return x with one side given along other axes, the columns of a matrix."""
    return torch.tensordot(x, axes, dims=([side], [0])).movedim(-1, side)


def _turn(state: State, side: int) -> None:
    """Bring a side's axes nearer to the eigenvectors, and the moments with them.

    One step of orthogonal iteration. Axes are sorted by what they catch, for QR gives the first
    ones the most; the squares move with the sorting, but cannot be turned.
    """
    covariance, old = state[f"covariance_{side}"], state[f"axes_{side}"]
    order = ((covariance @ old) * old).sum(0).argsort(descending=True, stable=True)
    old = old[:, order]
    new = torch.linalg.qr(covariance @ old)[0].contiguous()
    state[f"axes_{side}"] = new
    state["exp_avg_sq"] = state["exp_avg_sq"].index_select(side, order)
    mean = state["exp_avg"].index_select(side, order)
    state["exp_avg"] = _along(mean, side, old.T @ new).contiguous()
