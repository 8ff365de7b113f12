"""How much squared error a bit is worth to the learned encoder: bytes at equal error on data/val.

python runs/choose_price.py [--model NAME] [--every N]      about 10 minutes on one core

Instead of rounding a latent to the nearest symbol the encoder takes the smaller magnitude where it
saves enough bits (plane_coder.PRICE; 0 is plain rounding, ln(2) / 6 the theory of high rates). For
each price: mean BD-rate over frames against plain rounding. Writes results/price.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from encodepth import RgbdImage
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.io.dataset import open_dataset
from encodepth.metrics import bd_rate
from encodepth.networks.base import load_model
from encodepth.networks.plane_coder import PRICE, PlaneCoder

ROOT = Path(__file__).parents[1]
QUALITIES = (10, 30, 50, 70, 90)
PRICES = (0.0, 0.025, 0.045, 0.06, 0.075, 0.1155)
Curve = list[tuple[float, float]]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--model", default="base")
    arguments.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "val")
    arguments.add_argument("--every", type=int, default=6, help="take every Nth frame")
    arguments.add_argument("-o", type=Path, default=ROOT / "results" / "price.json")
    options = arguments.parse_args()
    model = load_model(options.model)
    pairs = list(open_dataset(options.data))[:: options.every]
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
            print(f"{pair.sequence}/{pair.frame} {kind} done", file=sys.stderr)
        record[kind] = {f"{p:g}": round(float(np.mean(found)), 2) for p, found in rates.items()}
        for price, found in rates.items():
            mark = " <- in use" if price == PRICE else ""
            print(f"{kind} {price:6g} {np.mean(found):+6.2f} % {np.round(found, 1)}{mark}")
    options.o.write_text(json.dumps(record, indent=1) + "\n")
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
