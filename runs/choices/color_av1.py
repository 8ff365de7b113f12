"""How AV1 is best set for colour: bits, speeds, tunings and tools against version 0.1's setting.

Time: an hour of one core. Needs ../shared.

    python -m runs.choices.color_av1 [--arms "6 ssim 10" ..] [-o results/color_av1.json]

Four middles of frames of `data/val` and four photographs of CID22's validation half are coded at
six qualities with every setting, in Y, Cb and Cr (`runs.choices.color_axes` has what axes save).
Printed are the BD-rates of RGB PSNR and MS-SSIM against 8 bits at libaom's speed 6 tuned for SSIM,
means of the sets, and a thread's milliseconds a picture. Nothing is chosen by `data/test` or Kodak.
"""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import numpy as np

from encodepth import metrics
from encodepth.codings.av1_color import decode_color, encode_color_as
from encodepth.codings.av1_frames import fewer_tools
from runs.common import RESULTS, keep, options, progress, show
from runs.results.restored_color import QUALITIES, pictures

SETS = {"val": 1, "cid22": 8}  # every so many-th picture
COUNT = 4  # pictures of a set
BASE = "6 ssim 8"
EXTRAS = {"fewer": fewer_tools(9), "chroma": {"enable-chroma-deltaq": "1"}}
ARMS = (  # speed, tuning, bits, tools
    *("6 psnr 8", "6 psnr 10", "6 ssim 10", "6 ssim 10 chroma", "6 iq 10", "5 ssim 10 fewer"),
    *("4 psnr 10 fewer", "4 ssim 10 fewer", "4 ssim 10", "3 ssim 10"),
    *("7 ssim 10", "8 ssim 10", "9 ssim 10"),
)
Points = list[tuple[int, float, float]]


def main() -> None:
    parser = options(__doc__, output=RESULTS / "color_av1.json")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), help="speed, tuning, bits, tools")
    asked = parser.parse_args()
    seen = {
        name: [picture for _, picture in islice(pictures(name, every), COUNT)]
        for name, every in SETS.items()
    }
    base = {name: [points(picture, BASE) for picture in found] for name, found in seen.items()}
    rows = []
    for arm in (BASE, *asked.arms):
        row: dict[str, str | float] = {"setting": arm}
        for name, found in seen.items():
            coded = base[name] if arm == BASE else [points(picture, arm) for picture in found]
            curves = [(a[0], b[0]) for a, b in zip(base[name], coded, strict=True)]
            for i, metric in ((1, "psnr"), (2, "ms_ssim")):
                row[f"{name} {metric} %"] = mean(
                    metrics.bd_rate([(p[0], p[i]) for p in a], [(p[0], p[i]) for p in b])
                    for a, b in curves
                )
            row[f"{name} ms"] = mean(1000 * seconds / len(QUALITIES) for _, seconds in coded)
        progress(row)
        rows.append(row)
    show(rows)
    keep(asked.output, {"program": Path(__file__).name, "rows": rows})


def points(picture: np.ndarray, arm: str) -> tuple[Points, float]:
    """Return (bytes, PSNR, MS-SSIM in dB) at every quality, and a thread's seconds in all."""
    speed, tune, bits, *tools = arm.split()
    extra = {k: v for tool in tools for k, v in EXTRAS[tool].items()}
    found, seconds = [], 0.0
    for quality in QUALITIES:
        began = time.thread_time()
        data = encode_color_as(
            picture, quality, int(speed), tune, threads=1, bits=int(bits), extra=extra, turned=False
        )
        seconds += time.thread_time() - began
        shown = decode_color(data, *picture.shape[:2])
        found.append((len(data), metrics.psnr(shown, picture), metrics.ms_ssim_db(shown, picture)))
    return found, seconds


def mean(values: object) -> float:
    """Return the mean, rounded as figures are shown."""
    return round(float(np.mean(list(values))), 2)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
