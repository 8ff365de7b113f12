"""The integer path of the default family again, slow and obvious, in int64: an oracle."""

from __future__ import annotations

import numpy as np

from encodepth.learned.weights import Weights

PHASES = (0, 3, 1, 2)


class ScaleTwin:
    """What chooses probability tables, from integers alone.

    Attributes:
        most: the largest magnitude that any sum reached so far.
    """

    def __init__(self, weights: Weights) -> None:
        prefix = "color/context."
        self.arrays = {n.removeprefix(prefix): a for n, a in weights.arrays.items()}
        self.most = 0

    def features(self, z: np.ndarray) -> np.ndarray:
        """Integer z (Z, h, w) -> activations (S, 4 h, 4 w)."""
        z = z.astype(np.int64)
        x = np.concatenate([np.clip(z * 16, -255, 255), np.clip(z, -255, 255)])
        for k in range(2):
            x = requantise(shuffle(self.conv(x, f"hyper.scale_up.{k}")))
            x = requantise(self.conv(x, f"hyper.scale_spatial.{k}"))
        return x

    def index(
        self, features: np.ndarray, symbols: np.ndarray | None, step: int, offset: np.ndarray
    ) -> np.ndarray:
        """Activations, symbols decoded so far (M, h, w), the quality's offset (M,) -> tables."""
        name = f"scales.{step}."
        x = self.conv(features, name + "enter")
        if symbols is not None:
            size = np.minimum(8 * np.abs(symbols.astype(np.int64)), 255)
            x = x + self.conv(requantise(self.conv(size, name + "spatial")), name + "reduce")
        x = requantise(self.conv(requantise(x), name + "hidden_spatial"))
        x = requantise(self.conv(x, name + "hidden"))
        phases = [PHASES[(step + g) % 4] for g in range(4)]
        x = np.concatenate([x[:, p // 2 :: 2, p % 2 :: 2] for p in phases])
        sums = self.conv(x, name + "out") + offset[:, None, None]
        return np.clip(halves_to_even(sums, 8), 0, 63)

    def conv(self, x: np.ndarray, name: str) -> np.ndarray:
        """Sums of one layer: a matrix a position, or 3x3 a channel."""
        weight, bias = (self.arrays[f"{name}.{n}"].astype(np.int64) for n in ("weight", "bias"))
        if weight.shape[2] == 3:
            padded = np.pad(x, [(0, 0), (1, 1), (1, 1)])
            height, width = x.shape[1:]
            sums = sum(
                weight[:, 0, i, j, None, None] * padded[:, i : i + height, j : j + width]
                for i in range(3)
                for j in range(3)
            )
        else:
            matrix = weight[:, :, 0, 0]
            groups = len(x) // matrix.shape[1]
            parts = zip(np.split(matrix, groups), np.split(x, groups), strict=True)
            sums = np.concatenate([np.einsum("oi,ihw->ohw", m, part) for m, part in parts])
        sums = sums + bias[:, None, None]
        self.most = max(self.most, int(np.abs(sums).max()))
        return sums


def requantise(sums: np.ndarray) -> np.ndarray:
    return np.clip(halves_to_even(sums, 7), 0, 255)


def halves_to_even(x: np.ndarray, bits: int) -> np.ndarray:
    """Return round(x / 2^bits), halves to even, in integers."""
    low, rest, half = x >> bits, x & ((1 << bits) - 1), 1 << (bits - 1)
    return low + ((rest > half) | ((rest == half) & (low % 2 == 1)))


def shuffle(x: np.ndarray) -> np.ndarray:
    """(4 C, h, w) -> (C, 2 h, 2 w)."""
    channels, height, width = len(x) // 4, *x.shape[1:]
    cells = x.reshape(channels, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    return cells.reshape(channels, 2 * height, 2 * width)
