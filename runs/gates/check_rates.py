"""Learned payloads are within 1 % + 40 bytes of the model's own estimate.

    python -m runs.gates.check_rates [--frames N] [--data DIR] [--model NAME]

Time: a second a frame and quality.
"""

from __future__ import annotations

import sys

from encodepth.codings.filling import depth_plane, depth_range
from encodepth.networks.base import load_model
from runs.common import DATA, frames_of, options, show

QUALITIES = (5, 25, 50, 75, 95)


def main() -> int:
    asked = options(__doc__, data=DATA / "test", frames=10, model=True).parse_args()
    model, worst, failed, payloads = load_model(asked.model), {}, 0, 0
    for pair in frames_of(asked.data, count=asked.frames):
        image = pair.load()
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
    show([
        {"kind": kind, "quality": quality, "worst difference, bytes": f"{over:.1f}",
         "of payload, bytes": size}
        for (kind, quality), (over, size) in sorted(worst.items())
    ])  # fmt: skip
    print(f"{payloads} payloads, {failed} outside 1 % + 40 bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
