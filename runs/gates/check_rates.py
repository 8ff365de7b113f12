"""Learned payloads are within 1 % + 40 bytes of the model's own estimate.

    python -m runs.gates.check_rates [--frames N] [--data DIR] [--model NAME]

Time: a second a frame and quality.
"""

from __future__ import annotations

import sys

from encodepth.learned import open_model
from runs.common import DATA, frames_of, options, show

QUALITIES = (5, 25, 50, 75, 95)


def main() -> int:
    asked = options(__doc__, data=DATA / "test", frames=10, model=True).parse_args()
    model, worst, failed, payloads = open_model(asked.model), {}, 0, 0
    for pair in frames_of(asked.data, count=asked.frames):
        color = pair.load().color
        for quality in QUALITIES:
            coded = model.encode(color, quality)
            payloads += 1
            over = abs(len(coded.payload) - coded.bits / 8)
            failed += over > coded.bits / 800 + 40
            worst[quality] = max(worst.get(quality, (0.0, 0)), (over, len(coded.payload)))
    show([
        {"quality": quality, "worst difference, bytes": f"{over:.1f}", "of payload, bytes": size}
        for quality, (over, size) in sorted(worst.items())
    ])  # fmt: skip
    print(f"{payloads} payloads, {failed} outside 1 % + 40 bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
