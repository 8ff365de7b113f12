"""Planes of any number of bits and back: Y, Cb and Cr of BT.601 in full range, or a picture's axes.

The same on every machine: they are floats, but each operation is rounded to float32 by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .color_axes import Axes, backward, black, forward

_BAND = 1 << 20  # pixels


def to_planes(rgb: np.ndarray, bits: int, axes: Axes | None = None) -> list[np.ndarray]:
    """Return three planes of so many bits, uint16 (H, W) each, of a uint8 (H, W, 3) picture.

    They are the coordinates along the axes, Y, Cb and Cr without any.
    """
    top = (1 << bits) - 1
    coefficients, starts = forward(axes).astype(np.float32), black(axes, bits)
    planes = [np.empty(rgb.shape[:2], np.uint16) for _ in coefficients]
    for rows in _bands(rgb.shape):
        red, green, blue = (rgb[rows, :, i].astype(np.float32) for i in range(3))
        for plane, (r, g, b), start in zip(planes, coefficients, starts, strict=True):
            exact = (r * red + g * green + b * blue) * np.float32(top / 255)
            plane[rows] = np.clip(np.rint(exact + start), 0, top)
    return planes


def to_rgb(planes: list[np.ndarray], bits: int, axes: Axes | None = None) -> np.ndarray:
    """Return float32 (H, W, 3), 0..255, of three planes as `to_planes` makes them."""
    coefficients, starts = backward(axes).astype(np.float32), black(axes, bits)
    rgb, scale = np.empty((*planes[0].shape, 3), np.float32), np.float32(255 / ((1 << bits) - 1))
    for rows in _bands(rgb.shape):
        first, second, third = (
            (plane[rows].astype(np.float32) - start) * scale
            for plane, start in zip(planes, starts, strict=True)
        )
        for i, (a, b, c) in enumerate(coefficients):
            np.clip(a * first + b * second + c * third, 0, 255, out=rgb[rows, :, i])
    return rgb


def of_codes(codes: np.ndarray) -> list[np.ndarray]:
    """Return the planes of a picture that a decoder took for G, B and R, as `av1_boxes` says."""
    return [codes[..., i] for i in (1, 2, 0)]


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows in bands of about a megapixel, so that no large picture is copied many times."""
    step = max(1, _BAND // shape[1])
    for top in range(0, shape[0], step):
        yield slice(top, top + step)
