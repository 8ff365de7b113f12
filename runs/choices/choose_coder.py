"""What `auto` should take: networks against AV1 alone at equal error on data/val.

    python -m runs.choices.choose_coder [--model NAME] [--data DIR] [--every N]

Time: about 10 minutes on two cores.

Colour is learned, depth restored. For each quality: mean error and bytes, and the geometric mean
over frames of its bytes over AV1's at the same error. Below 1, the network is smaller. Decides
rows of `plan.PLANS`.
"""

from __future__ import annotations

import sys

import numpy as np

from encodepth import Codec, RgbdImage
from encodepth.container.still import Still
from runs.common import DATA, frames_of, options, progress

QUALITIES = range(5, 100, 10)
FLOOR = range(5, 100, 6)  # AV1's
NETWORKS = {"color": "learned", "depth": "restored"}
Curve = np.ndarray  # (settings, 2): decibels, log bytes


def main() -> int:
    asked = options(__doc__, data=DATA / "val", every=3, model=True).parse_args()
    codec = Codec(asked.model)
    curves: dict[str, list[tuple[Curve, Curve]]] = {kind: [] for kind in NETWORKS}
    for pair in frames_of(asked.data, every=asked.every):
        image = pair.load()
        for kind, coding in NETWORKS.items():
            ours = _curve(codec, image, kind, coding, QUALITIES)
            curves[kind].append((ours, _curve(codec, image, kind, "av1", FLOOR)))
        progress(f"{pair.sequence}/{pair.frame} done")
    for kind, both in curves.items():
        print(f"{kind}: quality, mean dB, mean bytes, {NETWORKS[kind]} / AV1 bytes, frames")
        ours, ratios = np.array([a for a, _ in both]), np.array([_ratios(a, b) for a, b in both])
        for i, quality in enumerate(QUALITIES):
            shared = ratios[:, i][np.isfinite(ratios[:, i])]
            ratio = np.exp(shared.mean()) if len(shared) else np.nan
            decibels, size = ours[:, i, 0].mean(), np.exp(ours[:, i, 1]).mean()
            print(f"  {quality:3} {decibels:7.2f} {size:9.0f} {ratio:7.3f} {len(shared):4}")
    return 0


def _curve(codec: Codec, image: RgbdImage, kind: str, coding: str, qualities: range) -> Curve:
    """Code one plane, depth beside AV1's colour of quality 50; bytes are its stream's alone."""
    points = []
    for quality in qualities:
        if kind == "color":
            data = codec.encode(RgbdImage(image.color), quality=quality, coding=coding)
            off = codec.decode(data).color / 255.0 - image.color / 255.0
        else:
            chosen = {"color": "av1", "depth": coding}
            data = codec.encode(image, quality=50, depth_quality=quality, coding=chosen)
            valid = image.depth > 0
            steps = codec.decode(data).depth.astype(np.float64) - image.depth
            off = steps[valid] / float(np.ptp(image.depth[valid]))
        points.append(_point(Still.parse(data).stream(kind).payload, off))
    return np.array(points)


def _point(payload: bytes, error: np.ndarray) -> tuple[float, float]:
    return -10 * float(np.log10(np.mean(np.square(error)) + 1e-12)), float(np.log(len(payload)))


def _ratios(ours: Curve, floor: Curve) -> np.ndarray:
    """Return log(bytes / AV1's bytes at the same error), NaN outside AV1's range."""
    floor = floor[np.argsort(floor[:, 0])]
    size = np.interp(ours[:, 0], floor[:, 0], floor[:, 1], left=np.nan, right=np.nan)
    return ours[:, 1] - size


if __name__ == "__main__":
    sys.exit(main())
