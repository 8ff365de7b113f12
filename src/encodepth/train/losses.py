"""Rate and distortion of a batch, one number per picture (thesis eq. 16, 17 and 21 to 24).

Depth is measured where it was measured: every term takes a mask of valid pixels, and what a network
paints into a hole costs nothing and earns nothing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Loss

_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, five scales
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_TINY = 1e-8


def rate_distortion(bpp: Tensor, distortion: Tensor, lmbda: Tensor, loss: Loss) -> Tensor:
    """Return rate + lambda * scale * distortion of each picture, (B,) (thesis eq. 16, 17).

    The recipe may weigh it by lambda or take its root, where lambda is drawn per picture.

    Args:
        bpp: bits of y and z per pixel, (B,).
        distortion: (B,).
        lmbda: (B,).
        loss: the scale, and the weight that balances rates when lambda varies.
    """
    cost = bpp + lmbda * loss.factor * distortion
    if loss.power:
        cost = cost * (loss.reference / lmbda) ** loss.power
    return (cost + loss.root).sqrt() if loss.root else cost


def distortion(x_hat: Tensor, x: Tensor, loss: Loss, valid: Tensor | None = None) -> Tensor:
    """Return the recipe's distortion of each picture, (B,).

    Args:
        x_hat: reconstruction, (B, C, H, W).
        x: original, the same shape, in [0, 1].
        loss: names the distortion and its settings.
        valid: (B, 1, H, W), 1 where depth is measured; None measures every pixel.
    """
    if x_hat.shape != x.shape:
        raise ValueError(f"reconstruction is {tuple(x_hat.shape)}, the original {tuple(x.shape)}")
    if loss.distortion == "ms-ssim":
        return 1 - ms_ssim(x_hat, x, valid)
    if loss.distortion == "comprehensive":
        return comprehensive_similarity(x_hat, x, valid, gamma=loss.gamma, structure=loss.structure)
    weight = valid
    if loss.edge and valid is not None:
        weight = valid * (1 + loss.edge * depth_jumps(x, valid))
    return mse(x_hat, x, valid, weight)


def mse(
    x_hat: Tensor, x: Tensor, valid: Tensor | None = None, weight: Tensor | None = None
) -> Tensor:
    """Mean squared error over valid pixels and channels, (B,) (thesis eq. 17 and 18).

    Note:
        A crop with less than 1/16 of its pixels valid is divided as if it had that many, so that a
        few pixels beside a large hole do not outweigh a whole picture.
    """
    square = (x_hat - x).square().mean(dim=1, keepdim=True)
    return _mean(square, valid, weight)


def comprehensive_similarity(
    x_hat: Tensor,
    x: Tensor,
    valid: Tensor | None = None,
    *,
    gamma: float = 0.1,
    structure: float = 1.0,
) -> Tensor:
    """Distortion of depth: gamma * L1 + gradient + structure, (B,) (thesis eq. 24).

    Args:
        x_hat: reconstruction, (B, 1, H, W), H and W above 160.
        x: original, the same shape, in [0, 1].
        valid: (B, 1, H, W), 1 where depth is measured.
        gamma: 0.1 in the thesis's Tables 3, 5 and 7.
        structure: weight of the structure term, 1 as eq. 24 is printed.

    Returns:
        Zero exactly when the maps agree where they are valid.

    Note:
        Eq. 24 adds "L_ms-ssim" without defining its sign; taken as 1 - MS-SSIM, the only reading
        that falls as the maps agree. Eq. 21 to 23 are per pixel; a difference counts when both of
        its pixels are valid.
    """
    level = l1(x_hat, x, valid)
    return (
        gamma * level + gradient_difference(x_hat, x, valid)
        + structure * (1 - ms_ssim(x_hat, x, valid))
    )  # fmt: skip


def l1(x_hat: Tensor, x: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean absolute difference over valid pixels, (B,) (thesis eq. 22)."""
    return _mean((x_hat - x).abs().mean(dim=1, keepdim=True), valid)


def gradient_difference(x_hat: Tensor, x: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean absolute difference of horizontal plus vertical gradients, (B,) (thesis eq. 23).

    Note:
        The thesis does not give g: forward differences, averaged per axis.
    """
    error = x_hat - x
    total = torch.zeros(len(x), device=x.device)
    for axis in (2, 3):
        both = None
        if valid is not None:
            length = valid.shape[axis] - 1
            both = valid.narrow(axis, 0, length) * valid.narrow(axis, 1, length)
        step = error.diff(dim=axis).abs().mean(dim=1, keepdim=True)
        total = total + _mean(step, both)
    return total


def ms_ssim(x_hat: Tensor, x: Tensor, valid: Tensor | None = None) -> Tensor:
    """Multi-scale structural similarity of pictures in [0, 1], (B,) (thesis eq. 20).

    Args:
        x_hat: (B, C, H, W), sides above 160.
        x: the same shape.
        valid: (B, 1, H, W), 1 where depth is measured. At every scale, means and variances of a
            window are those of its valid pixels, and a window counts by their share.

    Note:
        Without `valid`, the conventions of pytorch-msssim, against which this is tested. Negative
        terms are clipped at a small positive value, where the power has a finite gradient.
    """
    if min(x.shape[-2:]) <= (_WINDOW - 1) * 2 ** (len(_MS_SSIM_WEIGHTS) - 1):
        raise ValueError(f"MS-SSIM needs sides above 160 pixels, got {tuple(x.shape[-2:])}")
    x_hat, x = x_hat.float(), x.float()
    valid = torch.ones_like(x[:, :1]) if valid is None else valid.float()
    x_hat, x = x_hat.masked_fill(valid <= 0, 0), x.masked_fill(valid <= 0, 0)
    window = _gaussian(x)
    product = torch.ones(x.shape[:2], device=x.device)
    last = len(_MS_SSIM_WEIGHTS) - 1
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        whole, contrast = _ssim(x_hat, x, window, valid)
        product = product * (whole if scale == last else contrast).clamp(min=1e-6) ** weight
        if scale < last:
            share = 1 - _halve(1 - valid)  # padding counts as valid, as without a mask
            x_hat, x = (_halve(p * valid) / share.clamp(min=_TINY) for p in (x_hat, x))
            valid = share
    return product.mean(dim=1)


def depth_jumps(x: Tensor, valid: Tensor, share: float = 0.02) -> Tensor:
    """Mark valid pixels within two pixels of a jump of more than `share` of the range, 0 or 1."""
    high = F.max_pool2d(x.masked_fill(valid <= 0, -math.inf), 3, 1, 1)
    low = -F.max_pool2d((-x).masked_fill(valid <= 0, -math.inf), 3, 1, 1)
    jump = ((high - low) > share).to(x.dtype)  # -inf - inf where nothing is valid: no jump
    return F.max_pool2d(jump, 5, 1, 2) * valid


def _mean(error: Tensor, valid: Tensor | None, weight: Tensor | None = None) -> Tensor:
    """Average an error map (B, 1, H, W) per picture over valid pixels, (B,)."""
    if valid is None:
        return error.flatten(1).mean(1)
    weight = valid if weight is None else weight
    pixels = valid.flatten(1).sum(1).clamp(min=valid[0].numel() / 16)
    return (error * weight).flatten(1).sum(1) / pixels


def _ssim(x_hat: Tensor, x: Tensor, window: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM and its contrast-structure part, each averaged per channel, (B, C).

    Means and variances of a window are those of its valid pixels (normalised convolution).
    """
    share = _blur(valid, window[:1])
    inside = share.clamp(min=_TINY)
    mean_a, mean_b, squares_ab, product_ab = (
        _blur(p * valid, window) / inside
        for p in (x_hat, x, x_hat.square() + x.square(), x_hat * x)
    )
    product, squares = mean_a * mean_b, mean_a.square() + mean_b.square()
    contrast = (2 * (product_ab - product) + _C2) / (squares_ab - squares + _C2)
    whole = contrast * (2 * product + _C1) / (squares + _C1)
    total = share.sum(dim=(2, 3))
    some = (total > 0).to(x.dtype)  # a scale without a valid pixel has nothing to disagree about
    whole, contrast = (
        (m * share).sum(dim=(2, 3)) / total.clamp(min=_TINY) * some + 1 - some
        for m in (whole, contrast)
    )
    return whole, contrast


def _blur(x: Tensor, window: Tensor) -> Tensor:
    """Gaussian over both axes where it fits entirely, channel by channel."""
    x = F.conv2d(x, window[:, :, :, None], groups=len(window))
    return F.conv2d(x, window[:, :, None, :], groups=len(window))


def _gaussian(x: Tensor) -> Tensor:
    offsets = torch.arange(_WINDOW, device=x.device, dtype=x.dtype) - _WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    return (window / window.sum()).expand(x.shape[1], 1, -1)


def _halve(x: Tensor) -> Tensor:
    """Mean of 2x2 pixels; an odd side is padded with a zero on both ends first."""
    return F.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))
