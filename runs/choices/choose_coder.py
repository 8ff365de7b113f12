"""What `auto` should take: the learned coder against AVIF at equal error on data/val.

    python -m runs.choices.choose_coder [--model NAME] [--data DIR] [--every N]

Time: about 10 minutes on two cores.

For each quality: the learned coder's mean error and bytes, and the geometric mean over frames of
its bytes over AVIF's at the same error. Below 1, learned is smaller. Decides `auto` in streams.py.
"""

from __future__ import annotations

import sys

import numpy as np

from encodepth import Codec, RgbdImage
from encodepth.codings import av1_color
from encodepth.container.still import Still
from encodepth.networks.base import BaseModel, load_model
from runs.common import DATA, frames_of, options, progress

QUALITIES = range(5, 100, 10)
FLOOR = range(5, 100, 6)  # AVIF's
Curve = np.ndarray  # (settings, 2): decibels, log bytes


def main() -> int:
    asked = options(__doc__, data=DATA / "val", every=3, model=True).parse_args()
    model, codec = load_model(asked.model), Codec(asked.model)
    curves: dict[str, list[tuple[Curve, Curve]]] = {"color": [], "depth": []}
    for pair in frames_of(asked.data, every=asked.every):
        image = pair.load()
        curves["color"].append(_color_curves(model, image.color))
        curves["depth"].append(_depth_curves(codec, image))
        progress(f"{pair.sequence}/{pair.frame} done")
    for kind, both in curves.items():
        print(f"{kind}: quality, mean dB, mean bytes, learned / AVIF bytes at equal error, frames")
        ours, ratios = np.array([a for a, _ in both]), np.array([_ratios(a, b) for a, b in both])
        for i, quality in enumerate(QUALITIES):
            shared = ratios[:, i][np.isfinite(ratios[:, i])]
            ratio = np.exp(shared.mean()) if len(shared) else np.nan
            decibels, size = ours[:, i, 0].mean(), np.exp(ours[:, i, 1]).mean()
            print(f"  {quality:3} {decibels:7.2f} {size:9.0f} {ratio:7.3f} {len(shared):4}")
    return 0


def _color_curves(model: BaseModel, color: np.ndarray) -> tuple[Curve, Curve]:
    size = color.shape[:2]
    ours, floor = [], []
    for quality in QUALITIES:
        coded = model.encode_color(color, quality)
        decoded, _ = model.decode_color(coded.payload, *size, quality, coded.check)
        ours.append(_point(coded.payload, (decoded / 255.0 - color / 255.0)))
    for quality in FLOOR:
        payload = av1_color.encode_color(color, quality)
        floor.append(
            _point(payload, av1_color.decode_color(payload, *size) / 255.0 - color / 255.0)
        )
    return np.array(ours), np.array(floor)


def _depth_curves(codec: Codec, image: RgbdImage) -> tuple[Curve, Curve]:
    """Bytes of the depth stream alone; the mask costs both the same."""
    depth = image.depth
    valid, span = depth > 0, float(np.ptp(depth[depth > 0]))

    def point(coder: str, quality: int) -> tuple[float, float]:
        data = codec.encode(
            image, depth_quality=quality, coder={"color": "avif", "depth": coder}, quality=50
        )
        off = (codec.decode(data).depth.astype(np.float64) - depth)[valid] / span
        return _point(Still.parse(data).stream("depth").payload, off)

    ours = [point("learned", quality) for quality in QUALITIES]
    floor = [point("avif", quality) for quality in FLOOR]
    return np.array(ours), np.array(floor)


def _point(payload: bytes, error: np.ndarray) -> tuple[float, float]:
    return -10 * float(np.log10(np.mean(np.square(error)) + 1e-12)), float(np.log(len(payload)))


def _ratios(ours: Curve, floor: Curve) -> np.ndarray:
    """Return log(bytes / AVIF's bytes at the same error), NaN outside AVIF's range."""
    floor = floor[np.argsort(floor[:, 0])]
    size = np.interp(ours[:, 0], floor[:, 0], floor[:, 1], left=np.nan, right=np.nan)
    return ours[:, 1] - size


if __name__ == "__main__":
    sys.exit(main())
