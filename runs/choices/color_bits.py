"""Whether colour over time is better coded with 8 or 10 bits: bytes at equal PSNR, and time.

Time: 10 minutes of one core. Needs ../shared.

    python -m runs.choices.color_bits [--efforts 7 1 5] [--frames 12] [-o results/color_bits.json]

The first frames of each sequence of data/sequences, train and val, cut to 640x480, are one group at
four qualities. BD-rate is of 10 bits against 8, of mean PSNR of RGB; times are a thread's, encoding
and decoding, with the way from and to RGB.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from encodepth import metrics
from encodepth.codings import av1_groups as groups
from encodepth.codings import dav1d, ycbcr_fine
from encodepth.codings.libaom import Encoder
from runs.common import RESULTS, keep, options, progress, recorded_colors, show

QUALITIES = (30, 45, 60, 75)
BITS = (8, 10)


def main() -> None:
    parser = options(__doc__, output=RESULTS / "color_bits.json", frames=12)
    parser.add_argument("--efforts", nargs="+", type=int, default=[7, 1, 5])
    asked = parser.parse_args()
    sequences = {
        name: [np.ascontiguousarray(picture[:480, :640]) for picture in pictures]
        for name, pictures in recorded_colors(asked.frames).items()
    }
    rows = []
    for effort in asked.efforts:
        for name, pictures in sequences.items():
            rows.append(row(effort, name, pictures))
            progress(rows[-1])
    show(rows)
    keep(asked.output, {"rows": rows})


def row(effort: int, name: str, pictures: Sequence[np.ndarray]) -> dict[str, str | float]:
    points = {b: [point(pictures, quality, effort, b) for quality in QUALITIES] for b in BITS}
    curves = ([(p[0], p[1]) for p in points[b]] for b in BITS)
    made: dict[str, str | float] = {"effort": effort, "sequence": name, "frames": len(pictures)}
    made["bd_rate %"] = round(metrics.bd_rate(*curves), 2)
    for bits in BITS:
        for i, word in ((2, "encode"), (3, "decode")):
            made[f"{bits} bits {word} ms"] = round(1000 * np.mean([p[i] for p in points[bits]]))
    return made


def point(
    pictures: Sequence[np.ndarray], quality: int, effort: int, bits: int
) -> tuple[float, float, float, float]:
    """Return bytes, PSNR, and seconds of encoding and decoding, each of a picture."""
    height, width = pictures[0].shape[:2]
    began = time.thread_time()
    with Encoder(width, height, bits, False, groups.color_options(quality, effort)) as encoder:
        units = [
            unit
            for picture in pictures
            for unit in encoder.add(ycbcr_fine.to_planes(picture, bits))
        ]
        payloads = [groups._strip(unit) for unit in units + encoder.finish()]
    coded = time.thread_time()
    make = partial(ycbcr_fine.to_rgb, bits=bits)
    shown = [
        np.rint(picture).astype(np.uint8)
        for picture in dav1d.decode(payloads, (height, width), bits, False, make)
    ]
    done = time.thread_time()
    psnr = [metrics.psnr(a, b) for a, b in zip(shown, pictures, strict=True)]
    count = len(pictures)
    return (
        sum(map(len, payloads)) / count,
        float(np.mean(psnr)),
        (coded - began) / count,
        (done - coded) / count,
    )


if __name__ == "__main__":
    main()
