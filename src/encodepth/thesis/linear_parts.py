"""What the linear start is made of: principal components, least squares, layers that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .resample import RBS, RBU, Subpel

_GAMMA = 1e-3  # of GDN: all but the identity at unit spread
_REACH = 16.0  # spreads below a component's mean down to which LeakyReLU passes it as it is
_LEAST = 1e-3  # spread of a component, of the strongest one's
_RIDGE = 1e-6  # of the mean square of what is fitted to
_AT_ONCE = 8  # pictures, whose neighbourhoods are in memory together


@dataclass(frozen=True)
class Step:
    """One halving: components of 2x2 patches.

    Attributes:
        basis: (n, 4 C), orthonormal rows, patches as `pixel_unshuffle` orders them.
        before: (C,), spread of the features that it reads; they come divided by it.
        spread: (n,), of the components.
    """

    basis: Tensor
    before: Tensor
    spread: Tensor

    @property
    def down(self) -> Tensor:
        """The matrix from features of unit spread to components, (n, 4 C)."""
        return self.basis * self.before.repeat_interleave(4)

    @property
    def up(self) -> Tensor:
        """The matrix from components to the features that it reads, (4 C, n)."""
        return self.basis.T / self.before.repeat_interleave(4)[:, None]


def principal(features: Tensor, before: Tensor, width: int) -> tuple[Tensor, Step]:
    """Return the strongest components of 2x2 patches, in their own units, and how to get them."""
    patches = F.pixel_unshuffle(features, 2)
    rows = patches.movedim(1, 0).flatten(1).double()
    values, vectors = torch.linalg.eigh(rows @ rows.T / rows.shape[1])
    count = min(width, len(values))
    spread = values.flip(0)[:count].clamp(min=0).sqrt().float()
    basis = vectors.flip(1)[:, :count].T.float()
    basis = basis * torch.where(basis.sum(1) < 0, -1.0, 1.0)[:, None]  # a sign that repeats
    components = torch.einsum("nc,bchw->bnhw", basis, patches)
    return components, Step(basis, before, spread.clamp(min=_LEAST * float(spread[0])))


def fit(conv: nn.Conv2d, x: Tensor, wanted: Tensor) -> Tensor:
    """Let a 3x3 convolution give, by least squares, its first outputs from its first inputs.

    Args:
        conv: other inputs weigh nothing in these outputs; other outputs stay as they are.
        x: (B, C, h, w), the inputs.
        wanted: (B, n, h, w), the outputs.

    Returns:
        What it gives of them, (B, n, h, w).
    """
    inside, count = x.shape[1], wanted.shape[1]
    square = torch.zeros(9 * inside + 1, 9 * inside + 1, dtype=torch.float64)
    product = torch.zeros(9 * inside + 1, count, dtype=torch.float64)
    for some, target in zip(x.split(_AT_ONCE), wanted.split(_AT_ONCE), strict=True):
        rows = F.unfold(some, 3, padding=1).transpose(1, 2).flatten(0, 1)
        rows = F.pad(rows, (0, 1), value=1.0)
        square += (rows.T @ rows).double()
        product += (rows.T @ target.permute(0, 2, 3, 1).flatten(0, 2)).double()
    square += _RIDGE * square.diagonal().mean() * torch.eye(len(square))
    solved = torch.linalg.solve(square, product).T.float()
    conv.weight[:count] = 0
    conv.weight[:count, :inside] = solved[:, :-1].view(count, inside, 3, 3)
    bias(conv)[:count] = solved[:, -1]
    return torch.cat([conv(some)[:, :count] for some in _padded(x, conv).split(_AT_ONCE)])


def _padded(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Fill up channels with zeros to those of a convolution's input."""
    return F.pad(x, (0, 0, 0, 0, 0, conv.in_channels - x.shape[1]))


def halve(block: RBS, step: Step, centre: Tensor) -> None:
    """Let an RBS give a step's components, of unit spread, of what lies round `centre`."""
    count = len(step.spread)
    matrix = step.down / step.spread[:, None]
    clear(block.skip)
    put_down(block.conv1, matrix)
    bias(block.conv1)[:count] = _REACH - matrix @ centre.repeat_interleave(4)
    block.conv2.weight[:count] = 0
    block.conv2.weight[:, :count] = 0
    block.conv2.weight[range(count), range(count), 1, 1] = 1
    bias(block.conv2)[:count] = -_REACH
    block.gdn.gamma.copy_(torch.sqrt(_GAMMA * torch.eye(len(block.gdn.gamma)) + 2.0**-36))


def double(block: RBU, matrix: Tensor) -> None:
    """Let an RBU give features, (4 C, n) @ what it reads, by its skip alone."""
    clear(block.conv)
    put_up(block.skip, matrix)


def put_down(conv: nn.Conv2d, matrix: Tensor) -> None:
    """Put (n, 4 C) into a 3x3 convolution of stride 2; features that it does not read weigh 0."""
    count, inside = len(matrix), matrix.shape[1] // 4
    conv.weight[:count] = 0
    conv.weight[:count, :inside, 1:, 1:] = matrix.view(count, inside, 2, 2)
    bias(conv)[:count] = 0


def put_up(layer: Subpel, matrix: Tensor) -> None:
    """Put (4 C, n) into a sub-pixel convolution; channels beyond C stay as they are."""
    conv = cast(nn.Conv2d, layer[0])
    count, inside = matrix.shape
    conv.weight[:count] = 0
    conv.weight[:count, :inside, 1, 1] = matrix
    bias(conv)[:count] = 0


def bias(layer: nn.Module) -> Tensor:
    return cast(Tensor, layer.bias)


def clear(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(bias(layer))
