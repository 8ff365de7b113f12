"""Depth restored after AV1: what a plane lost at its edges, estimated from it, holes and colour.

A U-net on half, quarter and eighth resolution sees the decoded plane, its deviation from the local
mean, the hole mask, how large the error is (one byte that the encoder sends) and decoded colour.
It estimates the error, which is taken away. Only floats are involved and no symbol hangs on them,
so machines may differ by a rounding; holes are no business of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..codings.av1_frames import TOP
from ..learned.restore import size_of

_ALIGN = 8
_TILE, _HALO = 1024, 128  # pixels; the network sees 127 around each
_WINDOW = 9  # of the local mean
_TRIED = 64  # rows on which the encoder sees whether the network helps

Area = tuple[slice, slice]


@dataclass(frozen=True)
class RestorerConfig:
    """The network's size.

    Attributes:
        widths: channels at half, quarter and eighth resolution.
        blocks: residual blocks at half and quarter resolution on the way down, at eighth, at
            quarter and half on the way up.
    """

    widths: tuple[int, int, int] = (16, 48, 80)
    blocks: tuple[int, int, int, int, int] = (0, 2, 5, 1, 2)


class RestorerNet(nn.Module):
    """(B, inputs, H, W) of features -> the error in units of its own size, (B, outputs, H, W).

    Sides are multiples of 8. Depth has 7 `features` and one plane; colour 8 and three.
    """

    def __init__(self, config: RestorerConfig, inputs: int = 7, outputs: int = 1) -> None:
        super().__init__()
        self.outputs = outputs
        half, quarter, eighth = config.widths
        counts = config.blocks
        self.head = nn.Conv2d(4 * inputs, half, 3, padding=1)
        self.half_in = _residuals(half, counts[0])
        self.to_quarter = nn.Conv2d(4 * half, quarter, 1)
        self.quarter_in = _residuals(quarter, counts[1])
        self.to_eighth = nn.Conv2d(4 * quarter, eighth, 1)
        self.eighth = _residuals(eighth, counts[2])
        self.from_eighth = nn.Conv2d(eighth, 4 * quarter, 1)
        self.quarter_out = _residuals(quarter, counts[3])
        self.from_quarter = nn.Conv2d(quarter, 4 * half, 1)
        self.half_out = _residuals(half, counts[4])
        self.tail = nn.Conv2d(half, 4 * outputs, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        half = self.half_in(self.head(F.pixel_unshuffle(x, 2)))
        quarter = self.quarter_in(self.to_quarter(F.pixel_unshuffle(half, 2)))
        eighth = self.eighth(self.to_eighth(F.pixel_unshuffle(quarter, 2)))
        quarter = self.quarter_out(quarter + F.pixel_shuffle(self.from_eighth(eighth), 2))
        half = self.half_out(half + F.pixel_shuffle(self.from_quarter(quarter), 2))
        return F.pixel_shuffle(self.tail(half), 2)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.leaky_relu(self.first(x), 0.1))
        return out


def _residuals(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[_Residual(width) for _ in range(count)])


def features(codes: Tensor, holes: Tensor, color: Tensor, size: Tensor) -> Tensor:
    """Return what the network sees, (B, 7, H, W).

    Args:
        codes: the decoded plane, 0..TOP, (B, 1, H, W).
        holes: 1 where nothing was measured, (B, 1, H, W).
        color: 0..1, (B, 3, H, W); all 0.5 where there is none.
        size: of the error, in codes, (B, 1, 1, 1).
    """
    valid = 1 - holes
    mean = _local_mean(codes * valid) / (_local_mean(valid) + 1e-3)
    deviation = torch.asinh((codes - mean) / size) * valid
    level = (torch.log2(size) / 4 - 1).expand_as(codes)
    return torch.cat([codes / 1024 - 2, deviation, holes, level, color * 2 - 1], 1)


def _local_mean(x: Tensor) -> Tensor:
    """Return the mean of a square window about each pixel, zeros beyond the border."""
    pad = _WINDOW // 2
    rows = F.avg_pool2d(x, (_WINDOW, 1), 1, (pad, 0))
    return F.avg_pool2d(rows, (1, _WINDOW), 1, (0, pad))


class Restorer:
    """The network at work on whole planes of any size, tile by tile.

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

    @torch.inference_mode()
    def restore(
        self,
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        strength: int,
        color: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """Return the plane (H, W) in [0, 1] with the estimated error taken away.

        Args:
            plane: as AV1 decoded it, in [0, 1].
            valid: where depth was measured.
            strength: how large the error is, as `strength_of` says it.
            color: decoded colour (H, W, 3) of the same view.
        """
        height, width = plane.shape
        space = [(0, -height % _ALIGN), (0, -width % _ALIGN)]
        codes = np.pad(plane, space, mode="edge") * np.float32(TOP)
        holes = np.pad(~valid, space, constant_values=True)
        if color is not None:
            color = np.pad(color, [*space, (0, 0)], mode="edge")
        size = torch.full((1, 1, 1, 1), size_of(strength), device=self.device)
        out = np.empty(codes.shape, np.float32)
        for core, wide in tiles(*codes.shape):
            x = features(
                self._tensor(codes[wide]), self._tensor(holes[wide]), self._color(color, wide), size
            ).contiguous(memory_format=torch.channels_last)
            error = (self.net(x) * size)[0, 0].cpu().numpy()
            out[core] = codes[core] + error[within(core, wide)]
        return np.clip(out[:height, :width] / np.float32(TOP), 0, 1)

    def helps(
        self,
        rough: NDArray[np.float32],
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        strength: int,
        color: NDArray[np.uint8] | None = None,
    ) -> bool:
        """Whether restoring `rough` brings it nearer to `plane` in the rows where it is farthest.

        A whole plane would take the encoder as long as the decoder; the `_TRIED` rows with the
        most error hold most of it.
        """
        error = (np.square(rough - plane) * valid).sum(1, dtype=np.float64)
        sums = np.concatenate([[0.0], np.cumsum(error)])
        tried = min(_TRIED, len(error))
        starts = np.arange(0, len(error) - tried + 1, _ALIGN)
        top = int(starts[np.argmax(sums[starts + tried] - sums[starts])])
        rows = slice(top, top + tried)
        restored = self.restore(
            rough[rows], valid[rows], strength, None if color is None else color[rows]
        )
        off = np.square(restored - plane[rows])[valid[rows]].sum(dtype=np.float64)
        return bool(off < error[rows].sum())

    def _tensor(self, part: NDArray[np.float32] | NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(part)).to(self.device).float()[None, None]

    def _color(self, color: NDArray[np.uint8] | None, area: tuple[slice, slice]) -> Tensor:
        if color is None:
            height, width = (s.stop - s.start for s in area)
            return torch.full((1, 3, height, width), 0.5, device=self.device)
        part = torch.from_numpy(np.ascontiguousarray(color[area])).to(self.device)
        return part.permute(2, 0, 1)[None].float() / 255


def tiles(height: int, width: int) -> Iterator[tuple[Area, Area]]:
    """Yield (what a tile gives, what it sees), both in pixels."""
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            core = slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))
            rows, columns = (
                slice(max(s.start - _HALO, 0), min(s.stop + _HALO, n))
                for s, n in zip(core, (height, width), strict=True)
            )
            yield core, (rows, columns)


def within(core: Area, wide: Area) -> Area:
    """Return where a tile's core lies in what it sees."""
    rows, columns = (
        slice(c.start - w.start, c.stop - w.start) for c, w in zip(core, wide, strict=True)
    )
    return rows, columns
