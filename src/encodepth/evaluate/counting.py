"""Exact counts of what a network does: parameters and multiply-accumulates by group of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

CONVENTION = (
    "a MAC is one multiply-accumulate of a convolution or matrix product, attention and padding "
    "included; FLOPs = 2 x MACs; norms, softmax and other element-wise work are not counted"
)


@dataclass(frozen=True)
class Part:
    """One module's share."""

    name: str
    parameters: int
    macs: int


def count(
    model: nn.Module, groups: Mapping[str, Iterable[str]], run: Callable[[], object]
) -> tuple[tuple[Part, ...], int]:
    """Count MACs and parameters by group of modules, and MACs in all."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        run()
    flops = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    total = flops.get("Global", 0) // 2
    inside = {name.split(".", 1)[1]: n for name, n in flops.items() if "." in name}
    parts = []
    for group, roots in groups.items():
        macs = parameters = 0
        for root in roots:
            parameters += parameters_of(model.get_submodule(root))
            macs += _outermost(inside, root) // 2
        parts.append(Part(group, parameters, macs))
    rest = Part(
        "other",
        parameters_of(model) - sum(p.parameters for p in parts),
        total - sum(p.macs for p in parts),
    )
    return (*parts, rest), total


def parameters_of(model: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in model.parameters())


def _outermost(inside: Mapping[str, int], root: str) -> int:
    """Sum the counts of `root`, or of the outermost modules in it that were called."""
    names = [n for n in inside if n == root or n.startswith(f"{root}.")]
    outer = [n for n in names if not any(n.startswith(f"{m}.") for m in names)]
    return sum(inside[n] for n in outer)
