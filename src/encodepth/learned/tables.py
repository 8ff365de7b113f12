"""Probability tables of the default family: 64 zero-mean Gaussians with log-spaced scales.

A table's index is an integer; what it means is fixed by the tables in the weights file. They are
made once, by `gaussian_tables`, and shipped, never made again at decoding: exponentials differ
in the last bit between processors (docs/format.md).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.11, 128.0
PRECISION = 24  # frequencies of a table sum to 2^24
_LOG_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)


def scale_of(index: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the standard deviation that a table index stands for."""
    return SCALE_MIN * np.exp(np.asarray(index, dtype=np.float64) * _LOG_STEP)


def index_of(scale: float) -> float:
    """Return the (fractional) table index of a standard deviation."""
    return math.log(scale / SCALE_MIN) / _LOG_STEP


def gaussian_tables() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return (radii (64,), frequencies (sum of 2 * radius + 2,)).

    Table k covers the symbols -radius..radius, and one escape symbol comes last. Every frequency
    is at least 1 and the frequencies of a table sum to 2^PRECISION.
    """
    scales = scale_of(np.arange(SCALES, dtype=np.float64))
    radii = np.ceil(5 * scales).astype(np.int32) + 1
    tables = [_table(float(s), int(r)) for s, r in zip(scales, radii, strict=True)]
    return radii, np.concatenate(tables)


def _table(scale: float, radius: int) -> NDArray[np.int32]:
    edges = [0.5 * math.erfc(-(k - 0.5) / scale / math.sqrt(2)) for k in range(-radius, radius + 2)]
    mass = np.diff(np.array(edges))
    mass = np.append((mass + mass[::-1]) / 2, 2 * edges[0])  # symmetric; the tails escape
    floor = 4.0 / 2**PRECISION
    mass = np.maximum(mass, floor)
    frequency = np.maximum(np.round(mass / mass.sum() * 2**PRECISION), 1).astype(np.int64)
    frequency[radius] += 2**PRECISION - frequency.sum()
    return frequency.astype(np.int32)
