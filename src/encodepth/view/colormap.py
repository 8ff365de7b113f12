"""Two colour maps for numbers, even in lightness and readable by the colour-blind.

Both are laid out in OKLab (Ottosson 2020), where equal steps look equal, so brightness alone
carries the order. Depth runs from near = light to far = dark; errors run from blue (too near)
through near-white to orange (too far).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 256
PERCENTILES = (2, 98)  # of the valid pixels, between which the depth colours run
HOLE = (112, 112, 112)  # pixels that measure nothing
FLYING = (255, 0, 160)  # points that hang in the air

_TO_CONE = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.291485548],
    ]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ]
)


def depth_map() -> NDArray[np.uint8]:
    """Return 256 colours (256, 3): light yellow (near) over teal to dark violet (far)."""
    at = np.linspace(0, 1, STEPS)
    lightness = 0.94 - 0.68 * at
    hue = np.interp(at, [0, 0.25, 0.55, 0.8, 1], [103, 142, 205, 265, 300])
    chroma = np.interp(at, [0, 0.3, 0.55, 0.8, 1], [0.15, 0.145, 0.085, 0.1, 0.125])
    return _srgb(lightness, chroma, hue)


def error_map() -> NDArray[np.uint8]:
    """Return 256 colours (256, 3): dark blue (most negative), near-white (0), dark orange."""
    at = np.linspace(-1, 1, STEPS)
    size = np.abs(at)
    lightness = 0.96 - 0.52 * size**0.85
    chroma = 0.145 * np.minimum(1, size * 1.6) ** 0.8
    return _srgb(lightness, chroma, np.where(at < 0, 255.0, 52.0))


def paint(
    values: NDArray, low: float, high: float, colors: NDArray[np.uint8], valid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Colour a plane (h, w): `low` takes the first colour, `high` the last, invalid ones grey."""
    span = max(high - low, 1e-12)
    share = (np.where(valid, values, low) - low) / span
    index = np.clip(np.rint(share * (STEPS - 1)), 0, STEPS - 1).astype(np.intp)
    return np.where(valid[..., None], colors[index], np.array(HOLE, np.uint8))


def shown_range(depth: NDArray[np.uint16], depth_unit: float) -> tuple[float, float]:
    """Return the metres that the depth colours run over: the 2nd to the 98th percentile.

    Holes do not count; what is nearer or farther takes the first or the last colour, so that a few
    stray pixels do not take the colours from the rest.
    """
    valid = depth[depth > 0]
    if not valid.size:
        return 0.0, 1.0
    low, high = (float(v) * depth_unit for v in np.percentile(valid, PERCENTILES))
    return (low, high) if high > low else (low, low + depth_unit)


def _srgb(lightness: NDArray, chroma: NDArray, hue: NDArray) -> NDArray[np.uint8]:
    """Turn OKLCh (degrees) into 8-bit sRGB, losing chroma where a screen has no such colour."""
    angle = np.radians(hue)
    rgb = np.zeros((len(lightness), 3))
    left = np.ones(len(lightness), bool)
    for share in np.linspace(1, 0, 257):
        lab = np.stack(
            [lightness, share * chroma * np.cos(angle), share * chroma * np.sin(angle)], 1
        )
        linear = ((lab @ _TO_CONE.T) ** 3) @ _TO_RGB.T
        fits = left & (linear >= -1e-4).all(1) & (linear <= 1.0001).all(1)
        rgb[fits] = linear[fits]
        left &= ~fits
    rgb = np.clip(rgb, 0, 1)
    coded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return np.rint(coded * 255).astype(np.uint8)
