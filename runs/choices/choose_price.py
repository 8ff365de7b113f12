"""How much squared error a bit is worth to the learned encoder: bytes at equal error on data/val.

    python -m runs.choices.choose_price [--model NAME] [--every N]

Time: about 5 minutes on one core.

Instead of rounding a latent to the nearest symbol the encoder takes the smaller magnitude where it
saves enough bits (learned.plane.PRICE; 0 is plain rounding, ln(2) / 6 the theory of high rates).
For each price: mean BD-rate over frames against plain rounding. Writes results/price.json.
"""

from __future__ import annotations

import sys

import numpy as np

from encodepth.learned.plane import PRICE, Plane
from encodepth.learned.runtime import Runtime
from encodepth.learned.weights import find_weights, read_weights
from encodepth.metrics import bd_rate, psnr
from runs.common import DATA, RESULTS, frames_of, keep, options, progress

QUALITIES = (10, 30, 50, 70, 90)
PRICES = (0.0, 0.025, 0.045, 0.06, 0.075, 0.1155)
Curve = list[tuple[float, float]]


def main() -> int:
    asked = options(
        __doc__, output=RESULTS / "price.json", data=DATA / "val", every=6, model=True
    ).parse_args()
    weights = read_weights(find_weights(asked.model))
    runtime = Runtime(weights)
    models = {price: Plane(weights, runtime, price=price) for price in PRICES}
    pairs = frames_of(asked.data, every=asked.every)
    rates: dict[float, list[float]] = {price: [] for price in PRICES[1:]}
    for pair in pairs:
        color = pair.load().color
        curves = {price: _curve(model, color) for price, model in models.items()}
        for price, found in rates.items():
            found.append(bd_rate(curves[0.0], curves[price]))
        progress(f"{pair.sequence}/{pair.frame} done")
    for price, found in rates.items():
        mark = " <- in use" if price == PRICE else ""
        print(f"{price:6g} {np.mean(found):+6.2f} % {np.round(found, 1)}{mark}")
    keep(asked.output, {
        "frames": len(pairs), "qualities": QUALITIES, "weights": f"{weights.fingerprint:08x}",
        "color": {f"{p:g}": round(float(np.mean(found)), 2) for p, found in rates.items()},
    })  # fmt: skip
    return 0


def _curve(model: Plane, color: np.ndarray) -> Curve:
    """Return (bytes, decibels) per quality."""
    curve = []
    for quality in QUALITIES:
        coded = model.encode(color, quality)
        decoded = model.decode(coded.payload, *color.shape[:2], quality, coded.check)
        curve.append((float(len(coded.payload)), psnr(decoded, color)))
    return curve


if __name__ == "__main__":
    sys.exit(main())
