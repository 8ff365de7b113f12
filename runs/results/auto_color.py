"""Colour as `auto` codes it against AVIF: whole files, BD-rates of RGB PSNR and MS-SSIM.

Time: about 20 minutes of one core with both sets. Needs ../shared.

    python -m runs.results.auto_color [--sets test kodak] [--every 4] [--efforts 7 9]
        [-o results/auto_color.json]

AVIF is Pillow's, 4:4:4 at libaom's speed 6, once as libavif tunes it and once tuned for SSIM.
Pictures are the middles of frames of `data/test` and every so many-th of Kodak's; nothing is chosen
by them. Milliseconds are a processor's, encoding and decoding, means over pictures and qualities.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from encodepth import Codec, RgbdImage, metrics
from runs.common import RESULTS, keep, options, progress, show
from runs.results.restored_color import QUALITIES, pictures

Point = tuple[int, float, float]
TUNES = {"AVIF": {}, "AVIF tuned for SSIM": {"advanced": {"tune": "ssim"}}}
codec = Codec()


def main() -> None:
    parser = options(__doc__, output=RESULTS / "auto_color.json", every=4)
    parser.add_argument("--sets", nargs="+", default=["test", "kodak"])
    parser.add_argument("--efforts", nargs="+", type=int, default=[7, 9])
    asked = parser.parse_args()
    ways: dict[str, Callable[[np.ndarray, int], bytes]] = {
        name: partial(avif, **extra) for name, extra in TUNES.items()
    }
    ways |= {f"effort {effort}": partial(ours, effort=effort) for effort in asked.efforts}
    rows = []
    for name in asked.sets:
        found: dict[str, list[tuple[list[Point], list[float]]]] = {way: [] for way in ways}
        for label, picture in pictures(name, asked.every):
            progress(f"{name} {label}")
            for way, code in ways.items():
                found[way].append(curve(picture, code))
        rows += [row(name, way, found) for way in list(ways)[len(TUNES) :]]
    show(rows)
    keep(asked.output, {"rows": rows})


def ours(picture: np.ndarray, quality: int, *, effort: int) -> bytes:
    return codec.encode(RgbdImage(picture), quality=quality, effort=effort)


def avif(picture: np.ndarray, quality: int, **extra: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(
        out, "AVIF", quality=quality, subsampling="4:4:4", codec="aom", speed=6, **extra
    )
    return out.getvalue()


def curve(
    picture: np.ndarray, code: Callable[[np.ndarray, int], bytes]
) -> tuple[list[Point], list[float]]:
    """Return (bytes, PSNR, MS-SSIM in dB) at every quality, and ms of encoding and decoding."""
    points, spent = [], np.zeros(2)
    for quality in QUALITIES:
        began = time.process_time()
        data = code(picture, quality)
        coded = time.process_time()
        shown = opened(data)
        spent += np.diff([began, coded, time.process_time()])
        points.append((len(data), metrics.psnr(shown, picture), metrics.ms_ssim_db(shown, picture)))
    return points, [float(ms) for ms in 1000 * spent / len(QUALITIES)]


def opened(data: bytes) -> np.ndarray:
    if data[4:8] == b"ftyp":
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    color = codec.decode(data).color
    assert color is not None
    return color


def row(
    name: str, way: str, found: dict[str, list[tuple[list[Point], list[float]]]]
) -> dict[str, str | float]:
    """Return a way's mean BD-rates in percent against AVIF's, and its times."""
    made: dict[str, str | float] = {"set": name, "way": way, "pictures": len(found[way])}
    for anchor in TUNES:
        for i, metric in ((1, "PSNR"), (2, "MS-SSIM")):
            rates = [
                metrics.bd_rate([(p[0], p[i]) for p in a], [(p[0], p[i]) for p in b])
                for (a, _), (b, _) in zip(found[anchor], found[way], strict=True)
            ]
            made[f"{metric} to {anchor} %"] = round(float(np.mean(rates)), 2)
    for i, word in enumerate(("encode", "decode")):
        made[f"{word} ms"] = round(float(np.mean([ms[i] for _, ms in found[way]])))
        made[f"AVIF {word} ms"] = round(float(np.mean([ms[i] for _, ms in found["AVIF"]])))
    return made


if __name__ == "__main__":
    main()
