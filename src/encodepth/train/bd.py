"""What a post-filter saves over validation pictures: BD-rate against the stream without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import metrics
from ..errors import EncodepthError


def against_plain(pictures: Sequence[Sequence[dict[str, float]]], plane: str) -> float:
    """Return the mean BD-rate in percent of restored pictures against what they were before.

    Args:
        pictures: of each picture the figures at every quality: `plain_bpp`, and `<plane>_bpp`,
            `<plane>_psnr` and `<plane>_gain` (in dB) of the restored one.
        plane: "color" or "depth".
    """
    return float(np.mean([_of(figures, plane) for figures in pictures]))


def _of(figures: Sequence[dict[str, float]], plane: str) -> float:
    restored = [(f[f"{plane}_bpp"], f[f"{plane}_psnr"]) for f in figures]
    plain = [(f["plain_bpp"], f[f"{plane}_psnr"] - f[f"{plane}_gain"]) for f in figures]
    try:
        return metrics.bd_rate(plain, restored)
    except EncodepthError:  # too few qualities, or a picture that is the same at all of them
        return float("nan")
