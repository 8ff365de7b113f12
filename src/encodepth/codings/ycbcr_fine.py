"""Y, Cb and Cr of any number of bits and back: BT.601 in full range, the same on every machine.

They are floats, but each operation is rounded to float32 by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_FORWARD = np.array(  # of R, G and B, and where the middle lies, in the range of the samples
    [
        [0.299, 0.587, 0.114, 0],
        [-0.168736, -0.331264, 0.5, 0.5],
        [0.5, -0.418688, -0.081312, 0.5],
    ],
    np.float32,
)
_BACKWARD = np.array([[0, 1.402], [-0.344136, -0.714136], [1.772, 0]], np.float32)  # of Cb and Cr
_BAND = 1 << 20  # pixels


def to_planes(rgb: np.ndarray, bits: int) -> list[np.ndarray]:
    """Return Y, Cb and Cr of so many bits, uint16 (H, W) each, of a uint8 (H, W, 3) picture."""
    top = (1 << bits) - 1
    planes = [np.empty(rgb.shape[:2], np.uint16) for _ in _FORWARD]
    for rows in _bands(rgb.shape):
        red, green, blue = (rgb[rows, :, i].astype(np.float32) for i in range(3))
        for plane, (r, g, b, middle) in zip(planes, _FORWARD, strict=True):
            exact = (r * red + g * green + b * blue) * np.float32(top / 255)
            plane[rows] = np.clip(np.rint(exact + middle * np.float32(top + 1)), 0, top)
    return planes


def to_rgb(planes: list[np.ndarray], bits: int) -> np.ndarray:
    """Return float32 (H, W, 3), 0..255, of three planes as `to_planes` makes them."""
    rgb = np.empty((*planes[0].shape, 3), np.float32)
    scale, half = np.float32(255 / ((1 << bits) - 1)), np.float32(1 << bits - 1)
    for rows in _bands(rgb.shape):
        y = planes[0][rows] * scale
        cb, cr = ((plane[rows].astype(np.float32) - half) * scale for plane in planes[1:])
        for i, (of_cb, of_cr) in enumerate(_BACKWARD):
            np.clip(y + of_cb * cb + of_cr * cr, 0, 255, out=rgb[rows, :, i])
    return rgb


def from_codes(rgb: np.ndarray, bits: int) -> np.ndarray:
    """Return float32, 0..255, of RGB that a decoder gives in so many bits."""
    return np.minimum(rgb * np.float32(255 / ((1 << bits) - 1)), np.float32(255))


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows in bands of about a megapixel, so that no large picture is copied many times."""
    step = max(1, _BAND // shape[1])
    for top in range(0, shape[0], step):
        yield slice(top, top + step)
