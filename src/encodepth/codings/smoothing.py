"""Depth within a bound, smoothed by the decoder within what the bound leaves.

A part of the bound is kept from merging values, and no pixel is moved by more (`ramps.py`), so the
whole still holds. Which part is said beside the bound in the parameters of every exact coding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .base import Coded, Facts, bounded, pack_bound


def allow(modality: str, coded: Coded, steps: int) -> Coded:
    """Have the decoder smooth what was coded exactly or within a bound.

    Args:
        modality: depth.
        coded: by an exact coding, within the bound less `steps`.
        steps: that a pixel may be moved by at most; the bound grows by as many.
    """
    error = bounded(modality, coded).error
    assert error is not None
    return replace(coded, parameters=pack_bound(error + steps, steps))


def shown(plane: np.ndarray, facts: Facts) -> np.ndarray:
    """Return a decoded plane as it is shown: smoothed where its parameters say so."""
    if not facts.smooth:
        return plane
    from .ramps import smooth  # compiled code

    return smooth(plane, facts.smooth)
