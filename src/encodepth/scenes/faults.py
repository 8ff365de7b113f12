"""What goes wrong when depth is measured: shadows, lost patches, empty rims, edges, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .solids import Array

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """What a sensor looks at, exactly.

    Attributes:
        depth: metres, (H, W).
        brightness: of the picture, 0..1, (H, W); dark surfaces return little light.
        serial: which thing each pixel sees, (H, W); some things return no light at all.
        focal: pixels.
    """

    depth: Array
    brightness: Array
    serial: npt.NDArray[np.int16]
    focal: float


def shadow(depth: Array, reach: float) -> Mask:
    """Return what the projector to the right cannot light: on each row, behind a nearer pixel.

    A pixel at column u and depth z lands at u - reach / z on the projector's row; from the right,
    what a pixel has already passed is hidden. So shadows lie to the left of things.
    """
    z = depth[:, ::-1]
    place = np.arange(z.shape[1], dtype=np.float32) + np.float32(reach) / np.maximum(z, 0.2)
    hidden = place < np.maximum.accumulate(place, axis=1) - np.float32(1)
    return hidden[:, ::-1].copy()


def dropout(view: View, rng: np.random.Generator, *, grazing: float, lost: float) -> Mask:
    """Return pixels lost to steep, dark or shiny surfaces, and patches of no signal.

    Args:
        view: what is looked at.
        rng: drawn from.
        grazing: relative depth step over two pixels at which a surface is lost.
        lost: share of the picture lost to patches.
    """
    depth = view.depth
    height, width = depth.shape
    slope = np.zeros_like(depth)  # of surfaces; an edge is steep to one side only
    steps = np.abs(np.diff(depth, axis=1))
    np.minimum(steps[:, 1:], steps[:, :-1], out=slope[:, 1:-1])
    steps = np.abs(np.diff(depth, axis=0))
    np.maximum(slope[1:-1], np.minimum(steps[1:], steps[:-1]), out=slope[1:-1])
    doubt = slope / (depth * np.float32(grazing / 2) + np.float32(1e-3))
    patches = smooth_noise(rng, height, width, 11) + smooth_noise(rng, height, width, 40)
    doubt += np.float32(0.12) * patches
    things = int(view.serial.max()) + 1
    weak = np.where(rng.random(things) < 0.12, rng.uniform(0.4, 1.2, things), 0)
    weak[:6] = 0  # walls are matt
    doubt += weak.astype(np.float32)[view.serial]
    doubt += np.where(view.brightness < np.float32(0.12), np.float32(0.35), np.float32(0))
    doubt += np.maximum(depth - np.float32(3), 0) * np.float32(0.05)
    return (doubt > 1) | (patches > np.quantile(patches[::4, ::4], 1 - lost))


def borders(height: int, width: int, rng: np.random.Generator, scale: float) -> Mask:
    """Return the rim, a little askew, that registration to the colour camera leaves empty."""
    top, right, bottom, left = rng.uniform(0, [26, 34, 6, 6]) * scale
    lean = rng.normal(0, 0.012, 2)
    y = np.arange(height)[:, None] + lean[0] * (np.arange(width) - width / 2)
    x = np.arange(width) + lean[1] * (np.arange(height)[:, None] - height / 2)
    return (x < left) | (x >= width - right) | (y < top) | (y >= height - bottom)


def jitter(depth: Array, rng: np.random.Generator, spread: float) -> Array:
    """Take each pixel from a random neighbour: ragged edges, flat surfaces unharmed."""
    height, width = depth.shape
    grid = rng.standard_normal((2, height // 2 + 1, width // 2 + 1), np.float32)
    shift = np.round(grid * np.float32(spread)).astype(np.int32)
    dy, dx = shift.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    rows = np.clip(np.arange(height, dtype=np.int32)[:, None] + dy, 0, height - 1)
    columns = np.clip(np.arange(width, dtype=np.int32) + dx, 0, width - 1)
    return depth.ravel().take(rows * np.int32(width) + columns)


def fatten(depth: Array, radius: int) -> Array:
    """Let near surfaces grow by `radius` pixels, as a matching window does."""
    grown = depth
    for axis in (0, 1):
        source = grown.copy()
        for shift in range(1, radius + 1):
            low = [slice(None), slice(None)]
            high = [slice(None), slice(None)]
            low[axis], high[axis] = slice(None, -shift), slice(shift, None)
            a, b = tuple(low), tuple(high)
            grown[a] = np.minimum(grown[a], source[b])
            grown[b] = np.minimum(grown[b], source[a])
    return grown


def blur3(plane: Array) -> Array:
    """Binomial 3x3 blur of (H, W), edges repeated."""
    p = np.pad(plane, 1, mode="edge")
    rows = p[:-2] + 2 * p[1:-1] + p[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) * np.float32(1 / 16)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> Array:
    """Gaussian noise on a grid of `cell` pixels, interpolated linearly; about unit deviation."""
    rows, columns = height // cell + 2, width // cell + 2
    grid = rng.standard_normal((rows, columns), np.float32) * np.float32(1.4)
    y = np.arange(height, dtype=np.float32) / cell
    x = np.arange(width, dtype=np.float32) / cell
    return between(grid, y, x)


def between(grid: Array, y: Array, x: Array) -> Array:
    """Return a grid's values at rows `y` and columns `x`, between its points, linearly."""
    iy, ix = y.astype(np.int32), x.astype(np.int32)
    fy, fx = (y - iy)[:, None], x - ix
    wide = grid[:, ix] * (1 - fx) + grid[:, ix + 1] * fx
    return wide[iy] * (1 - fy) + wide[iy + 1] * fy
