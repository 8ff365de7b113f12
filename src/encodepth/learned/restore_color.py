"""Colour restored after AV1: the network's estimate of what it lost, taken away as far as it helps.

The network sees decoded RGB, the quality it was coded at and how large the error is. The encoder
sends that size and by how much the estimate counts in Y, Cb and Cr. Only floats are involved and no
symbol hangs on them, so machines may differ by a rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .restore import Restoring, size_of, strength_of
from .tiles import Area, windows

FORMAT = "encodepth-restore-color-1"
GAIN_ONE = 32  # the gain that takes an estimate as it is
GAIN_TOP = 63
SENT = 3  # bytes of a correction
_BITS = 6
_ALIGN = 8
Picture = NDArray[np.uint8] | NDArray[np.float32]
_TILE, _HALO = 1024, 128  # pixels
_YCC = np.array(  # BT.601, full range: rows Y, Cb, Cr of R, G, B
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


@dataclass(frozen=True)
class Correction:
    """What the encoder says about a picture's error, in three bytes.

    Attributes:
        strength: its size, as `strength_of` says it, 0..63.
        gains: of the estimate in Y, Cb and Cr, in 1 / GAIN_ONE, 0..GAIN_TOP.
    """

    strength: int
    gains: tuple[int, int, int] = (GAIN_ONE, GAIN_ONE, GAIN_ONE)

    def pack(self) -> bytes:
        """Return it as bytes: four numbers of six bits, the first in the highest."""
        number = 0
        for value in (self.strength, *self.gains):
            number = number << _BITS | value
        return number.to_bytes(SENT, "big")

    @classmethod
    def unpack(cls, data: bytes) -> Correction:
        """Read what `pack` wrote; any three bytes are a correction.

        Raises:
            CorruptFileError: there are not three bytes.
        """
        if len(data) != SENT:
            raise CorruptFileError(f"colour's correction has {len(data)} bytes; expected {SENT}")
        number = int.from_bytes(data, "big")
        strength, y, cb, cr = (number >> _BITS * i & 63 for i in (3, 2, 1, 0))
        return cls(strength, (y, cb, cr))


class ColorRestorer(Restoring):
    """The network at work on whole pictures of any size, tile by tile."""

    graph = "restore/color"

    def restore_color(
        self, decoded: Picture, quality: int, correction: Correction
    ) -> NDArray[np.uint8]:
        """Return a decoded picture with the estimated error taken away, uint8 (H, W, 3).

        Args:
            decoded: as AV1 left it, (H, W, 3), 0..255, floats where it has more than 8 bits.
            quality: that it was coded at, 0..100.
            correction: what the encoder found.
        """
        out = np.empty(decoded.shape, np.uint8)
        for core, estimate in self._tiles(decoded, quality, correction.strength):
            out[core] = corrected(decoded[core], estimate, correction.gains)
        return out

    def correction(self, decoded: Picture, original: NDArray[np.uint8], quality: int) -> Correction:
        """Return what the encoder sends of a picture; gains are 0 where the network cannot help."""
        strength = strength_of(rmse(decoded, original))
        estimate = self.estimate(decoded, quality, strength)
        return Correction(strength, best_gains(decoded, original, estimate))

    def estimate(self, decoded: Picture, quality: int, strength: int) -> NDArray[np.float32]:
        """Return the error that the network sees in a picture, (H, W, 3), of 255."""
        out = np.empty(decoded.shape, np.float32)
        for core, estimate in self._tiles(decoded, quality, strength):
            out[core] = estimate
        return out

    def _tiles(
        self, decoded: Picture, quality: int, strength: int
    ) -> Iterator[tuple[Area, NDArray[np.float32]]]:
        """Yield where a tile lies, and the error that the network sees there, (h, w, 3)."""
        height, width = decoded.shape[:2]
        space = [(0, -height % _ALIGN), (0, -width % _ALIGN), (0, 0)]
        padded = np.pad(decoded, space, mode="edge")
        size, given = (np.full((1, 1, 1, 1), v, np.float32) for v in (size_of(strength), quality))
        for window in windows(padded.shape[:2], _TILE, _HALO):
            part = np.ascontiguousarray(padded[window.wide].transpose(2, 0, 1)[None], np.float32)
            (error,) = self.error(decoded=part, size=size, quality=given)
            rows, columns = window.core
            tile = error.transpose(1, 2, 0)[window.inner]
            yield window.core, tile[: height - rows.start, : width - columns.start]


def corrected(
    decoded: Picture, estimate: NDArray[np.float32], gains: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return a picture with an estimate of its error taken away, as far as Y, Cb, Cr gains say."""
    weights = np.diag(np.array(gains, np.float32) / np.float32(GAIN_ONE))
    turn = np.linalg.inv(_YCC) @ weights @ _YCC
    whole = estimate @ turn.T.astype(np.float32)
    whole += decoded
    return np.clip(np.rint(whole, out=whole), 0, 255, out=whole).astype(np.uint8)


def best_gains(
    decoded: Picture, original: NDArray[np.uint8], estimate: NDArray[np.float32]
) -> tuple[int, int, int]:
    """Return the gains in Y, Cb and Cr with which an estimate leaves the least squared error."""
    seen = estimate @ _YCC.T
    wanted = (original.astype(np.float32) - decoded) @ _YCC.T
    explained, power = ((seen * other).sum((0, 1), dtype=np.float64) for other in (wanted, seen))
    gains = np.rint(GAIN_ONE * explained / np.maximum(power, 1e-9)).clip(0, GAIN_TOP)
    y, cb, cr = (int(gain) for gain in gains)
    return y, cb, cr


def rmse(decoded: Picture, original: NDArray[np.uint8]) -> float:
    """Return the root mean squared error over all samples, of 255."""
    error = np.square(decoded.astype(np.float32) - original).mean(dtype=np.float64)
    return float(np.sqrt(error))
