"""The linear start of the entropy model: what z tells, and what sizes tell of scales.

A network of GELUs can hold both: GELU(x) - GELU(-x) is x, and their sum all but |x|.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from .linear_parts import bias, clear, double, fit, halve, principal, put_down, put_up
from .nets import SCALE_MIN
from .resample import RBS, RBU, Subpel
from .swatten import SliceNet
from .tcm import TCM

PREDICTED = 8  # channels of y that z tells
_COARSE = 4.0  # step that z is rounded to, in steps of y
_Z_LEAST = 0.5  # standard deviation that the prior of z starts with; rare large values are dear
_SHARP = 4.0  # times unit spread: where GELU(x) + GELU(-x) is |x|
_WIDER = 1.25  # standard deviation of a Gaussian of that mean size


def start_prior(model: TCM, y: Tensor) -> Tensor:
    """Let z tell the strongest channels of y, and the priors know the spread; return y rounded."""
    config, nets = model.config, model.slices
    told = 0 if config.attention else min(PREDICTED, config.latent // config.slices)
    for net in (*nets.mean, *nets.lrp, *nets.scale):
        clear(cast(nn.Conv2d, cast(SliceNet, net)[-1]))
    if told:
        _predict(cast(SliceNet, nets.mean[0]), _tell(model, y[:, :told]))
    z = model.h_a(y)
    model.z_prior.start(z.std(dim=(0, 2, 3)).clamp(min=_Z_LEAST))
    z_hat = z.round()
    if told:
        _show_sizes(model.h_scale_s, z.std(dim=(0, 2, 3)).clamp(min=_Z_LEAST))
    side = torch.cat((model.h_mean_s(z_hat), model.h_scale_s(z_hat)), dim=1)
    part = config.latent // config.slices
    done: list[Tensor] = []
    for i in range(config.slices):
        mean, _, _ = nets.predict(i, side, done)
        left = y[:, i * part : (i + 1) * part] - mean
        net = cast(SliceNet, nets.scale[i])
        if told:
            support = torch.cat((side.chunk(2, dim=1)[1], *done), dim=1)
            _fit_scale(net, support, part if done else 0, left)
        else:
            spread = left.square().mean(dim=(0, 2, 3)).sqrt().clamp(min=2 * SCALE_MIN)
            bias(cast(nn.Conv2d, net[-1])).copy_(spread)
        done.append(left.round() + mean)
    return torch.cat(done, dim=1)


def _tell(model: TCM, y: Tensor) -> Tensor:
    """Make h_a and h_mean_s a transform of the first channels of y; return their spread."""
    spread = y.square().mean(dim=(0, 2, 3)).sqrt()
    enter, _, leave = model.h_a
    ones = torch.ones_like(spread)
    features, first = principal(y, ones, cast(RBS, enter).skip.out_features)
    _, second = principal(features, first.spread, model.config.hyper)
    halve(cast(RBS, enter), first, torch.zeros_like(spread))
    put_down(cast(nn.Conv2d, leave), second.down / _COARSE)
    enter, _, leave = model.h_mean_s
    double(cast(RBU, enter), second.up * _COARSE)
    matrix = first.basis.T * first.spread / spread.repeat_interleave(4)[:, None]
    put_up(cast(Subpel, leave), matrix)
    return spread


def _predict(net: SliceNet, size: Tensor) -> None:
    """Let a network of three convolutions pass its first inputs on, times `size`.

    GELU(x) - GELU(-x) = x, so a pair of hidden channels carries a value exactly.
    """
    one = torch.eye(len(size))
    pair = torch.cat((one, -one))
    matrices = pair, pair @ pair.T, size[:, None] * pair.T
    for layer, matrix in zip(list(net)[::2], matrices, strict=True):
        conv = cast(nn.Conv2d, layer)
        rows, columns = matrix.shape
        conv.weight[:rows] = 0
        conv.weight[:rows, :columns, 1, 1] = matrix
        bias(conv)[:rows] = 0


def _show_sizes(h_scale_s: nn.Sequential, spread: Tensor) -> None:
    """Make h_scale_s repeat the first channels of z, of unit spread, over the places they tell."""
    enter, _, leave = h_scale_s
    wide = min(cast(RBU, enter).conv.out_channels, len(spread))
    same = torch.eye(wide).repeat_interleave(4, dim=0)
    double(cast(RBU, enter), same / spread[:wide])
    put_up(cast(Subpel, leave), same)


def _fit_scale(net: SliceNet, support: Tensor, before: int, left: Tensor) -> None:
    """Let a network of three convolutions tell the size of `left` from sizes in its support.

    Pairs in the first layer and their sums in the second are |x| all but exactly; the last layer
    is the least-squares fit to them in a neighbourhood of 3x3. Looked at are the last `before`
    channels, the slice before's, and the first ones, which z tells.
    """
    first, second, last = (cast(nn.Conv2d, layer) for layer in list(net)[::2])
    count = min(first.out_channels // 2, second.out_channels)
    channels = support.shape[1]
    seen = [*range(channels - before, channels), *range(channels)][:count]
    size = support[:, seen].square().mean(dim=(0, 2, 3)).sqrt().clamp(min=SCALE_MIN)
    for conv, rows in ((first, 2 * count), (second, count)):
        conv.weight[:rows] = 0
        bias(conv)[:rows] = 0
    ordinals = torch.arange(count)
    first.weight[ordinals, seen, 1, 1] = _SHARP / size
    first.weight[ordinals + count, seen, 1, 1] = -_SHARP / size
    second.weight[ordinals, ordinals, 1, 1] = 1.0
    second.weight[ordinals, ordinals + count, 1, 1] = 1.0
    sizes = _layers(net, support)[:, :count]
    fit(last, sizes, left.abs() * _WIDER)


def _layers(net: SliceNet, support: Tensor) -> Tensor:
    """All of a slice's network but its last layer."""
    x = support
    for layer in list(net)[:-1]:
        x = layer(x)
    return x
