"""What a post-filter saves over validation pictures: BD-rate against the stream without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import metrics
from ..errors import EncodepthError
from .tasks import means


def by_quality(
    found: Sequence[dict[str, float]], qualities: Sequence[int], plane: str, shown: Sequence[str]
) -> list[dict[str, float]]:
    """Return the means over pictures for every quality, with the BD-rate of all in percent.

    Pictures that have none, being the same at too many qualities, are left out of that one.

    Args:
        found: the figures of each picture at every quality, picture after picture: `plain_bpp`, and
            `<plane>_bpp`, `<plane>_psnr` and `<plane>_gain` (in dB) of the restored one.
        qualities: in this order.
        plane: "color" or "depth".
        shown: which figures are returned.
    """
    count = len(qualities)
    pictures = [found[i : i + count] for i in range(0, len(found), count)]
    rates = [r for p in pictures if not np.isnan(r := _against_plain(p, plane))]
    rate = {f"{plane}_bd_rate": float(np.mean(rates)) if rates else float("nan")}
    kept = [{name: figures[name] for name in shown} for figures in found]
    return [
        {"quality": quality} | means(kept[i::count]) | rate for i, quality in enumerate(qualities)
    ]


def _against_plain(figures: Sequence[dict[str, float]], plane: str) -> float:
    """Return the BD-rate in percent of a restored picture against what it was before."""
    restored = [(f[f"{plane}_bpp"], f[f"{plane}_psnr"]) for f in figures]
    plain = [(f["plain_bpp"], f[f"{plane}_psnr"] - f[f"{plane}_gain"]) for f in figures]
    try:
        return metrics.bd_rate(plain, restored)
    except EncodepthError:  # too few qualities, or a picture that is the same at all of them
        return float("nan")
