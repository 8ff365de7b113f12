"""Weights of one lambda as a start for another: the latent in larger or smaller steps.

The best step of a quantiser goes with 1 / sqrt(lambda) at high rates, and the step of this family
is one. So y grows by the root of the ratio, and all that reads or tells y follows.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from .linear_parts import bias
from .resample import RBS, RBU
from .swatten import SliceNet, SWAtten
from .tcm import TCM


@torch.no_grad()
def rescale_latent(model: TCM, before: float, after: float) -> None:
    """Make weights trained at lambda `before` a start at `after`.

    Without rounding, and where no scale is at its least, the picture stays what it was. z stays
    as it is, and so does LRP, which tells parts of a step.
    """
    ratio, nets = math.sqrt(after / before), model.slices
    _tell(model.g_a.out, ratio)
    enter = cast(RBS, model.h_a[0])
    _read(ratio, enter.conv1.weight, enter.skip.weight)
    _read(ratio, *_reading(cast(RBU, model.g_s.up[0])))
    if model.config.p_s:  # its first channel is the map of lambda
        first = cast(RBU, model.g_s.p_s.blocks[0])
        _read(ratio, *(weight[:, 1:] for weight in _reading(first)))
    latent, part = model.config.latent, model.config.latent // model.config.slices
    for i in range(nets.count):
        for attention, net in (
            (nets.mean_attention[i], nets.mean[i]),
            (nets.scale_attention[i], nets.scale[i]),
        ):
            attends = isinstance(attention, SWAtten)
            reads = attention.enter if isinstance(attention, SWAtten) else _ends(net)[0]
            _read(ratio, reads.weight[:, latent:])
            _tell(_ends(net)[1], ratio)
        _read(ratio, _ends(nets.lrp[i])[0].weight[:, -part if attends else latent :])


def _tell(layer: nn.Conv2d, ratio: float) -> None:
    """Let a layer tell y in the new steps."""
    layer.weight.mul_(ratio)
    bias(layer).mul_(ratio)


def _read(ratio: float, *weights: Tensor) -> None:
    """Let weights read y in the new steps."""
    for weight in weights:
        weight.div_(ratio)


def _reading(block: RBU) -> tuple[Tensor, Tensor]:
    """The weights by which an RBU reads its input."""
    return cast(nn.Conv2d, block.subpel[0]).weight, cast(nn.Conv2d, block.skip[0]).weight


def _ends(net: nn.Module) -> tuple[nn.Conv2d, nn.Conv2d]:
    """First and last convolution of a slice's network."""
    layers = list(cast(SliceNet, net))
    return cast(nn.Conv2d, layers[0]), cast(nn.Conv2d, layers[-1])
