"""How much squared error a bit is worth to the learned encoder: bytes at equal error on data/val.

    python -m runs.choices.choose_price [--model NAME] [--every N]

Time: about 10 minutes on one core.

Instead of rounding a latent to the nearest symbol the encoder takes the smaller magnitude where it
saves enough bits (plane_coder.PRICE; 0 is plain rounding, ln(2) / 6 the theory of high rates). For
each price: mean BD-rate over frames against plain rounding. Writes results/price.json.
"""

from __future__ import annotations

import sys

import numpy as np

from encodepth import RgbdImage
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.metrics import bd_rate
from encodepth.networks.base import load_model
from encodepth.networks.plane_coder import PRICE, PlaneCoder
from runs.common import DATA, RESULTS, frames_of, keep, options, progress

QUALITIES = (10, 30, 50, 70, 90)
PRICES = (0.0, 0.025, 0.045, 0.06, 0.075, 0.1155)
Curve = list[tuple[float, float]]


def main() -> int:
    asked = options(
        __doc__, output=RESULTS / "price.json", data=DATA / "val", every=6, model=True
    ).parse_args()
    model = load_model(asked.model)
    pairs = frames_of(asked.data, every=asked.every)
    record = {"frames": len(pairs), "qualities": QUALITIES, "weights": f"{model.fingerprint:08x}"}
    for kind, coder in model.coders.items():
        rates = {price: [] for price in PRICES[1:]}
        for pair in pairs:
            plane, valid = _plane(pair.load(), kind)
            curves = {
                price: _curve(
                    PlaneCoder(coder.model, coder.tables, coder.rates, price=price), plane, valid
                )
                for price in PRICES
            }
            for price in rates:
                rates[price].append(bd_rate(curves[0.0], curves[price]))
            progress(f"{pair.sequence}/{pair.frame} {kind} done")
        record[kind] = {f"{p:g}": round(float(np.mean(found)), 2) for p, found in rates.items()}
        for price, found in rates.items():
            mark = " <- in use" if price == PRICE else ""
            print(f"{kind} {price:6g} {np.mean(found):+6.2f} % {np.round(found, 1)}{mark}")
    keep(asked.output, record)
    return 0


def _plane(image: RgbdImage, kind: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return what the coder of a modality sees: colour, or depth over its range and its mask."""
    if kind == "color":
        return image.color, None
    plane = depth_plane(image.depth, *depth_range(image.depth))
    return plane[:, :, None], image.depth > 0


def _curve(coder: PlaneCoder, plane: np.ndarray, valid: np.ndarray | None) -> Curve:
    """Return (bytes, decibels) per quality."""
    size, peak = plane.shape[:2], 255.0 if plane.dtype == np.uint8 else 1.0
    where = np.s_[:] if valid is None else valid
    curve = []
    for quality in QUALITIES:
        coded = coder.encode(plane, quality, valid)
        decoded = np.empty(plane.shape, np.float32)
        for area, pixels in coder.synthesise(coded.context, *size, quality, valid):
            decoded[area] = np.clip(pixels, 0, 1)
        off = np.rint(decoded * 255) - plane if valid is None else decoded - plane
        error = np.mean(np.square(off[where], dtype=np.float64)) / peak**2
        curve.append((len(coded.payload), -10 * np.log10(error)))
    return curve


if __name__ == "__main__":
    sys.exit(main())
