"""The conditional Gaussian of y in the thesis's family (thesis §2.4.1.2; Minnen et al., 2020).

Its scale is a float, rounded to one of 64 steps when symbols are coded. A float that lies between
two steps falls to either side on different processors: streams of this family decode on the kind
of machine that made them, and a check of the symbols tells when they do not.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .bound import lower_bound
from .prior import to_frequencies

SCALE_MIN, SCALE_MAX, SCALES = 0.11, 256.0, 64
FLOOR = 1e-9  # smallest likelihood
_REACH = 6.2  # standard deviations that a table covers; the mass beyond is below 1e-9


def likelihood(residual: Tensor, scale: Tensor) -> Tensor:
    """Probability of the unit interval around y - mean under N(0, scale^2); same shape."""
    inverse = math.sqrt(0.5) / lower_bound(scale, SCALE_MIN)
    size = residual.abs()
    mass = 0.5 * (torch.erfc((size - 0.5) * inverse) - torch.erfc((size + 0.5) * inverse))
    return lower_bound(mass, FLOOR)


def scale_table() -> NDArray[np.float64]:
    """The 64 standard deviations, log-spaced from 0.11 to 256."""
    return np.exp(np.linspace(math.log(SCALE_MIN), math.log(SCALE_MAX), SCALES))


def scale_borders() -> NDArray[np.float32]:
    """The 63 scales where one table gives way to the next: midway between them in logarithm.

    Note:
        The public code rounds scales up (`scale_steps`). The nearest table costs a quarter of its
        overhead where residuals are Gaussian of their scale; heavier tails favour rounding up.
    """
    table = scale_table()
    return np.sqrt(table[:-1] * table[1:]).astype(np.float32)


def scale_steps() -> NDArray[np.float32]:
    """The 63 borders of the public code: a scale takes the smallest table that is not below it."""
    return scale_table()[:-1].astype(np.float32)


BORDERS = {"next": scale_steps, "nearest": scale_borders}


def scale_index(scale: Tensor, borders: Tensor) -> Tensor:
    """Table index, 0..63, of each scale; int32, same shape."""
    return torch.bucketize(scale, borders, out_int32=True)


def gaussian_tables() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return (radii (64,), frequencies) for the coder: -radius..radius, then one escape."""
    scales = scale_table()
    radii = (np.ceil(_REACH * scales) + 1).astype(np.int32)
    parts = []
    for scale, radius in zip(scales.tolist(), radii.tolist(), strict=True):
        unit = scale * math.sqrt(2)
        edges = [0.5 * math.erfc((k - 0.5) / unit) for k in range(radius + 2)]
        half = -np.diff(edges)
        mass = np.concatenate([half[:0:-1], half, [2 * edges[-1]]])
        parts.append(to_frequencies(mass))
    return radii, np.concatenate(parts)
