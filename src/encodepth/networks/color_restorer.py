"""Colour restored after AV1: what its quantiser took away, estimated from what it left.

The depth restorer's U-net sees decoded RGB, its deviation from the local mean, the quality it was
coded at and how large the error is (a byte that the encoder sends), and estimates the error. The
encoder also sends by how much the estimate counts in Y, Cb and Cr. Only floats are involved and no
symbol hangs on them, so machines may differ by a rounding.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..learned.restore import size_of, strength_of
from ..learned.restore_color import Correction, best_gains, corrected, rmse
from .restorer import RestorerConfig, RestorerNet, tiles, within

INPUTS, OUTPUTS = 8, 3
CONFIG = RestorerConfig((16, 48, 80), (0, 2, 4, 1, 1))
_ALIGN = 8
_WINDOW = 7  # of the local mean


def color_net(config: RestorerConfig = CONFIG) -> RestorerNet:
    """Return a fresh network, whose estimate is zero."""
    return RestorerNet(config, INPUTS, OUTPUTS)


def color_features(decoded: Tensor, size: Tensor, quality: Tensor) -> Tensor:
    """Return what the network sees, (B, 8, H, W).

    Args:
        decoded: RGB, 0..255, (B, 3, H, W).
        size: RMSE of the picture's samples, of 255, (B, 1, 1, 1).
        quality: that it was coded at, libavif's 0..100, (B, 1, 1, 1).
    """
    plane = decoded[:, :1]
    deviation = torch.asinh((decoded - _local_mean(decoded)) / size)
    level, quality = torch.log2(size) / 2 - 1, quality / 40 - 1.25
    return torch.cat(
        [decoded / 127.5 - 1, deviation, level.expand_as(plane), quality.expand_as(plane)], 1
    )


def _local_mean(x: Tensor) -> Tensor:
    """Return the mean of a square window about each pixel, of what lies in the picture."""
    pad = _WINDOW // 2
    rows = F.avg_pool2d(x, (_WINDOW, 1), 1, (pad, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, _WINDOW), 1, (0, pad), count_include_pad=False)


class ColorRestorer:
    """The network at work on whole pictures of any size, tile by tile.

    Args:
        net: the network.
        fingerprint: first 32 bits of the hash of its weights.
        device: where it runs.
    """

    codes: tuple[str, ...] = ()  # no modality by itself

    def __init__(self, net: RestorerNet, fingerprint: int, device: str = "cpu") -> None:
        self.fingerprint = fingerprint
        self.net = net.eval().requires_grad_(False).to(device)
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = torch.device(device)

    def restore_color(
        self, decoded: NDArray[np.uint8], quality: int, correction: Correction
    ) -> NDArray[np.uint8]:
        """Return a decoded picture, uint8 (H, W, 3), with the estimated error taken away.

        Args:
            decoded: as AV1 left it.
            quality: that it was coded at, 0..100.
            correction: what the encoder found.
        """
        return corrected(
            decoded, self.estimate(decoded, quality, correction.strength), correction.gains
        )

    def correction(
        self, decoded: NDArray[np.uint8], original: NDArray[np.uint8], quality: int
    ) -> Correction:
        """Return what the encoder sends of a picture; gains are 0 where the network cannot help."""
        strength = strength_of(rmse(decoded, original))
        estimate = self.estimate(decoded, quality, strength)
        return Correction(strength, best_gains(decoded, original, estimate))

    @torch.inference_mode()
    def estimate(
        self, decoded: NDArray[np.uint8], quality: int, strength: int
    ) -> NDArray[np.float32]:
        """Return the error that the network sees in a picture, (H, W, 3), of 255."""
        height, width = decoded.shape[:2]
        padded = np.pad(decoded, [(0, -height % _ALIGN), (0, -width % _ALIGN), (0, 0)], mode="edge")
        size, given = (
            torch.full((1, 1, 1, 1), float(v), device=self.device)
            for v in (size_of(strength), quality)
        )
        out = np.empty(padded.shape, np.float32)
        for core, wide in tiles(*padded.shape[:2]):
            part = torch.from_numpy(np.ascontiguousarray(padded[wide])).to(self.device)
            x = color_features(part.permute(2, 0, 1)[None].float(), size, given)
            error = self.net(x.contiguous(memory_format=torch.channels_last)) * size
            out[core] = error[0].permute(1, 2, 0).cpu().numpy()[within(core, wide)]
        return out[:height, :width]
