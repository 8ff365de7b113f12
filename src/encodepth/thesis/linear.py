"""A start from which a model of the thesis codes at once: the KLT of its training pictures.

Every halving takes 2x2 patches of the features before to their strongest principal components, of
unit spread; g_s undoes it; rounding y is the quantisation that the model's lambda asks for. The
strongest of y go to z and back as what y is expected to be. What the thesis's blocks do beyond
that starts at zero, and none of it changes what the networks can become.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import TcmStage
from .nets import SCALE_MIN
from .resample import RBS, RBU, Subpel
from .swatten import SliceNet
from .tcm import TCM, pad

PREDICTED = 8  # channels of y that z tells
_GAMMA = 1e-3  # of GDN: all but the identity at unit spread
_REACH = 16.0  # spreads below a component's mean down to which LeakyReLU passes it as it is
_COARSE = 4.0  # step that z is rounded to, in steps of y
_Z_LEAST = 0.5  # standard deviation that the prior of z starts with; rare large values are dear
_SHARP = 4.0  # GELU(x) + GELU(-x) is |x| where |x| is large
_WIDER = 1.25  # standard deviation of a Gaussian of that mean size
_RIDGE = 1e-6
_AT_ONCE = 8  # pictures, whose neighbourhoods are in memory together
_LEAST = 1e-3  # spread of a component, of the strongest one's


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
        """The matrix from components to features of unit spread, (4 C, n)."""
        return self.basis.T / self.before.repeat_interleave(4)[:, None]


@torch.no_grad()
def start_linear(model: TCM, x: Tensor) -> None:
    """Make a fresh model a transform codec fitted to pictures, (B, target, H, W) in [0, 1].

    Four million pixels, in crops of 256x256 rather than smaller ones, fit every matrix. A guide
    starts unseen. Rows with SWAtten predict nothing from z at first.
    """
    config, g_a, g_s = model.config, model.g_a, model.g_s
    for part in model.modules():
        if isinstance(part, TcmStage):
            for half in (part.plain, part.shifted):
                _clear(half.mix)
    x = pad(x)
    mean = x.mean(dim=(0, 2, 3))
    features, spread = x - mean[:, None, None], torch.ones_like(mean)
    steps, levels = [], [x]
    for down in g_a.down:
        width = cast(RBS, down).skip.out_features
        features, step = _principal(features, spread, width)
        spread = step.spread
        steps.append(step)
        levels.append(features / spread[:, None, None])
    features, last = _principal(features, spread, config.latent)
    size = _step_size(config.target, config.lmbda)
    centre = mean
    for down, step in zip(g_a.down, steps, strict=True):
        _halve(cast(RBS, down), step, centre)
        centre = torch.zeros_like(step.spread)
    _put_down(g_a.out, last.down / size)
    y_hat = _start_prior(model, features / size)
    for up, wanted in zip(g_s.up, levels[:0:-1], strict=True):
        _clear(cast(RBU, up).conv)
        y_hat = _fit_up(cast(RBU, up).skip, y_hat, wanted)
    _fit_up(g_s.out, y_hat, x)


def _fit_up(layer: Subpel, x: Tensor, wanted: Tensor) -> Tensor:
    """Let a sub-pixel convolution give what is wanted of x, twice as large; return what it does."""
    given = _fit(cast(nn.Conv2d, layer[0]), x, F.pixel_unshuffle(wanted, 2))
    return F.pixel_shuffle(given, 2)


def _principal(features: Tensor, before: Tensor, width: int) -> tuple[Tensor, Step]:
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


def _step_size(components: int, lmbda: float) -> float:
    """Best step of a uniform quantiser at high rates: 6 C / (ln 2 * lambda * 255^2) squared."""
    return math.sqrt(6 * components / (math.log(2) * lmbda * 255**2))


def _halve(block: RBS, step: Step, centre: Tensor) -> None:
    """Let an RBS give a step's components, of unit spread, of what lies round `centre`."""
    count = len(step.spread)
    matrix = step.down / step.spread[:, None]
    _clear(block.skip)
    _put_down(block.conv1, matrix)
    _bias(block.conv1)[:count] = _REACH - matrix @ centre.repeat_interleave(4)
    block.conv2.weight[:count] = 0
    block.conv2.weight[:, :count] = 0
    block.conv2.weight[range(count), range(count), 1, 1] = 1
    _bias(block.conv2)[:count] = -_REACH
    block.gdn.gamma.copy_(torch.sqrt(_GAMMA * torch.eye(len(block.gdn.gamma)) + 2.0**-36))


def _double(block: RBU, matrix: Tensor) -> None:
    """Let an RBU give features from components by its skip alone."""
    _clear(block.conv)
    _put_up(block.skip, matrix)


def _put_down(conv: nn.Conv2d, matrix: Tensor) -> None:
    """Put (n, 4 C) into a 3x3 convolution of stride 2; features that it does not read weigh 0."""
    count, inside = len(matrix), matrix.shape[1] // 4
    conv.weight[:count] = 0
    conv.weight[:count, :inside, 1:, 1:] = matrix.view(count, inside, 2, 2)
    _bias(conv)[:count] = 0


def _put_up(layer: Subpel, matrix: Tensor) -> None:
    """Put (4 C, n) into a sub-pixel convolution; channels beyond C stay as they are."""
    conv = cast(nn.Conv2d, layer[0])
    count, inside = matrix.shape
    conv.weight[:count] = 0
    conv.weight[:count, :inside, 1, 1] = matrix
    _bias(conv)[:count] = 0


def _start_prior(model: TCM, y: Tensor) -> Tensor:
    """Let z tell the strongest channels of y, and the priors know the spread; return y rounded."""
    config, nets = model.config, model.slices
    told = 0 if config.attention else min(PREDICTED, config.latent // config.slices)
    for net in (*nets.mean, *nets.lrp, *nets.scale):
        _clear(cast(nn.Conv2d, cast(SliceNet, net)[-1]))
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
            _bias(cast(nn.Conv2d, net[-1])).copy_(spread)
        done.append(left.round() + mean)
    return torch.cat(done, dim=1)


def _show_sizes(h_scale_s: nn.Sequential, spread: Tensor) -> None:
    """Make h_scale_s repeat the first channels of z, of unit spread, over the places they tell."""
    enter, _, leave = h_scale_s
    wide = min(cast(RBU, enter).conv.out_channels, len(spread))
    same = torch.eye(wide).repeat_interleave(4, dim=0)
    _double(cast(RBU, enter), same / spread[:wide])
    _put_up(cast(Subpel, leave), same)


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
    for conv in (first, second):
        _clear_rows(conv, 2 * count if conv is first else count)
    ordinals = torch.arange(count)
    first.weight[ordinals, seen, 1, 1] = _SHARP / size
    first.weight[ordinals + count, seen, 1, 1] = -_SHARP / size
    second.weight[ordinals, ordinals, 1, 1] = 1.0
    second.weight[ordinals, ordinals + count, 1, 1] = 1.0
    sizes = _layers(net, support)[:, :count]
    _fit(last, sizes, left.abs() * _WIDER)


def _fit(conv: nn.Conv2d, x: Tensor, wanted: Tensor) -> Tensor:
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
    _bias(conv)[:count] = solved[:, -1]
    return torch.cat([conv(some)[:, :count] for some in _padded(x, conv).split(_AT_ONCE)])


def _padded(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Fill up channels with zeros to those of a convolution's input."""
    return F.pad(x, (0, 0, 0, 0, 0, conv.in_channels - x.shape[1]))


def _layers(net: SliceNet, support: Tensor) -> Tensor:
    """All of a slice's network but its last layer."""
    x = support
    for layer in list(net)[:-1]:
        x = layer(x)
    return x


def _clear_rows(conv: nn.Conv2d, count: int) -> None:
    conv.weight[:count] = 0
    _bias(conv)[:count] = 0


def _tell(model: TCM, y: Tensor) -> Tensor:
    """Make h_a and h_mean_s a transform of the first channels of y; return their spread."""
    spread = y.square().mean(dim=(0, 2, 3)).sqrt()
    enter, _, leave = model.h_a
    ones = torch.ones_like(spread)
    features, first = _principal(y, ones, cast(RBS, enter).skip.out_features)
    _, second = _principal(features, first.spread, model.config.hyper)
    _halve(cast(RBS, enter), first, torch.zeros_like(spread))
    _put_down(cast(nn.Conv2d, leave), second.down / _COARSE)
    enter, _, leave = model.h_mean_s
    _double(cast(RBU, enter), second.up * _COARSE)
    matrix = first.basis.T * first.spread / spread.repeat_interleave(4)[:, None]
    _put_up(cast(Subpel, leave), matrix)
    return spread


def _predict(net: SliceNet, size: Tensor) -> None:
    """Let a network of three convolutions pass its first inputs on, times `size`.

    GELU(x) - GELU(-x) = x, so a pair of hidden channels carries a value exactly.
    """
    one = torch.eye(len(size))
    pair = torch.cat((one, -one))
    for conv, matrix in zip(list(net)[::2], (pair, pair @ pair.T, size[:, None] * pair.T), strict=True):
        rows, columns = matrix.shape
        conv.weight[:rows] = 0
        conv.weight[:rows, :columns, 1, 1] = matrix
        _bias(conv)[:rows] = 0


def _bias(layer: nn.Module) -> Tensor:
    return cast(Tensor, layer.bias)


def _clear(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(_bias(layer))
