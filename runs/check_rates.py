"""Learned payloads are within 1 % + 40 bytes of the model's own estimate.

python runs/check_rates.py [--frames N] [--data DIR] [--model NAME]     1 s a frame and quality
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from encodepth.codings.filling import depth_plane, depth_range
from encodepth.io.dataset import open_dataset
from encodepth.networks.base import load_model

DATA = Path(__file__).parents[2] / "shared" / "data" / "test"
QUALITIES = (5, 25, 50, 75, 95)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", type=int, default=10)
    arguments.add_argument("--data", type=Path, default=DATA)
    arguments.add_argument("--model", default="base")
    options = arguments.parse_args()
    pairs = open_dataset(options.data)
    model, worst, failed, payloads = load_model(options.model), {}, 0, 0
    for i in np.linspace(0, len(pairs) - 1, options.frames).astype(int):
        image = pairs[i].load()
        valid, plane = image.depth > 0, depth_plane(image.depth, *depth_range(image.depth))
        for quality in QUALITIES:
            coded_by = {"color": model.encode_color(image.color, quality)}
            if "depth" in model.codes:
                context = coded_by["color"].context
                coded_by["depth"] = model.encode_depth(plane, valid, quality, context)
            for kind, coded in coded_by.items():
                payloads += 1
                over = abs(len(coded.payload) - coded.bits / 8)
                failed += over > coded.bits / 800 + 40
                key = kind, quality
                worst[key] = max(worst.get(key, (0.0, 0)), (over, len(coded.payload)))
    print("kind   quality  worst difference, bytes  of payload, bytes")
    for (kind, quality), (over, size) in sorted(worst.items()):
        print(f"{kind:6} {quality:7} {over:24.1f} {size:18}")
    print(f"{payloads} payloads, {failed} outside 1 % + 40 bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
