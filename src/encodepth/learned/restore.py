"""Depth restored after AV1: the network's estimate of what a plane lost is taken away from it.

No symbol hangs on it, so machines may differ by a rounding; holes are no business of it. What the
network sees and how is in the graph (docs/depth.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..modalities import TOP_CODE
from .runtime import Runs
from .tiles import Area, extent, windows
from .weights import Weights

FORMAT = "encodepth-restore-1"
MAX_STRENGTH = 64  # strengths are below, so a byte has room for one of
GAINS = (1.0, 0.75, 0.5, 0.25)  # by which an estimate counts

_LEAST = -8  # strengths are quarter octaves from here on: an error of a quarter code
_ALIGN = 8
_TILE, _HALO = 1024, 128  # pixels; the network sees 127 around each
_TRIED, _STRIPS = 64, 8  # rows in a strip on which the encoder tries the network, most strips


def strength_of(rmse: float) -> int:
    """Return the byte, below `MAX_STRENGTH`, that stands for an RMSE in codes of the plane."""
    octaves = math.log2(max(rmse, 2 ** (_LEAST / 4)))
    return min(round(4 * octaves) - _LEAST, MAX_STRENGTH - 1)


def size_of(strength: int) -> float:
    """Return the RMSE in codes that a byte stands for."""
    return float(2 ** ((strength + _LEAST) / 4))


def said_of(strength: int, gain: int) -> int:
    """Return the byte of a file: a strength, and above it the place in `GAINS` of what counts."""
    return gain * MAX_STRENGTH + strength


class Restoring:
    """A network whose one graph estimates an error.

    Args:
        weights: of its family.
        runtime: runs its graph.
    """

    codes: tuple[str, ...] = ()  # no modality by itself
    graph: str

    def __init__(self, weights: Weights, runtime: Runs) -> None:
        self.fingerprint, self._runtime = weights.fingerprint, runtime

    def open_all(self) -> None:
        """Open every graph now, which shows whether the weights fit; else each when first used.

        Raises:
            ModelNotFoundError: they do not.
        """
        self._runtime.open([self.graph])

    def error(self, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the graph gives, (1, C, h, w), for its inputs by name."""
        (error,) = self._runtime(self.graph, **inputs)
        found: NDArray[np.float32] = error
        return found


class Restorer(Restoring):
    """The network at work on whole planes of any size, tile by tile."""

    graph = "restore/depth"

    def restore(
        self,
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        said: int,
        color: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """Return the plane (H, W) in [0, 1] with the estimated error taken away.

        Args:
            plane: as AV1 decoded it, in [0, 1].
            valid: where depth was measured.
            said: how large the error is, and how much the estimate counts (`said_of`).
            color: decoded colour (H, W, 3) of the same view.
        """
        gain, strength = divmod(said, MAX_STRENGTH)
        out, top = np.empty(plane.shape, np.float32), np.float32(TOP_CODE)
        for core, estimate in self._tiles(plane, valid, strength, color):
            error = np.float32(GAINS[gain]) * estimate
            out[core] = np.clip((plane[core] * top + error) / top, 0, 1)
        return out

    def estimate(
        self,
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        strength: int,
        color: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """Return the error that the network sees in a plane, (H, W), in codes."""
        out = np.empty(plane.shape, np.float32)
        for core, estimate in self._tiles(plane, valid, strength, color):
            out[core] = estimate
        return out

    def _tiles(
        self,
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        strength: int,
        color: NDArray[np.uint8] | None,
    ) -> Iterator[tuple[Area, NDArray[np.float32]]]:
        """Yield where a tile lies, and the error that the network sees there, (h, w), in codes."""
        height, width = plane.shape
        space = [(0, -height % _ALIGN), (0, -width % _ALIGN)]
        codes = np.pad(plane, space, mode="edge") * np.float32(TOP_CODE)
        holes = np.pad(~valid, space, constant_values=True)
        if color is not None:
            color = np.pad(color, [*space, (0, 0)], mode="edge")
        size = np.full((1, 1, 1, 1), size_of(strength), np.float32)
        for window in windows(codes.shape, _TILE, _HALO):
            error = self.error(
                codes=np.ascontiguousarray(codes[window.wide])[None, None],
                holes=holes[window.wide].astype(np.float32)[None, None],
                color=_color(color, window.wide),
                size=size,
            )
            rows, columns = window.core
            tile = error[0, 0][window.inner]
            yield window.core, tile[: height - rows.start, : width - columns.start]

    def power(
        self,
        rough: NDArray[np.float32],
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        strength: int,
        color: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float64]:
        """Return what `best_gain` asks of a plane: sums of estimate times error, and squared.

        Of a plane of many rows, strips tell.
        """
        height = len(plane)
        strips = [slice(0, height)]
        if height > _TRIED * _STRIPS:
            tops = np.linspace(0, height - _TRIED, _STRIPS).astype(int) // _ALIGN * _ALIGN
            strips = [slice(top, top + _TRIED) for top in tops.tolist()]
        sums = np.zeros(2)
        for rows in strips:
            seen = None if color is None else color[rows]
            estimate = self.estimate(rough[rows], valid[rows], strength, seen) * valid[rows]
            error = np.float32(TOP_CODE) * (plane[rows] - rough[rows])
            sums += [(estimate * other).sum(dtype=np.float64) for other in (error, estimate)]
        return sums


def best_gain(power: NDArray[np.float64]) -> tuple[int, float]:
    """Return which of `GAINS` leaves the least squared error, and how much less than none.

    Args:
        power: sums over pixels of the estimate times the error, and of the estimate squared.
    """
    explained, square = power.tolist()
    less = [2 * gain * explained - gain * gain * square for gain in GAINS]
    best = max(range(len(GAINS)), key=less.__getitem__)
    return best, less[best]


def _color(color: NDArray[np.uint8] | None, area: Area) -> NDArray[np.float32]:
    """Return an area of colour as (1, 3, h, w) in [0, 1]; grey where there is none."""
    if color is None:
        return np.full((1, 3, *extent(area)), 0.5, np.float32)
    part = np.ascontiguousarray(color[area].transpose(2, 0, 1))
    return part[None].astype(np.float32) / np.float32(255)
