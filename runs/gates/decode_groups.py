"""Whether every group that AV1 codes decodes to its pictures: windows of recordings, every effort.

    python -m runs.gates.decode_groups [--minutes 30] [--seed 0] [--efforts 1]
        [-o results/decode_groups.json]

Needs ../shared. Windows of random size and place of data/sequences, 12 pictures each, colour at a
random quality at each effort, as recordings have it and live; a group that a decoder refuses, or
whose worst picture is off by much more than the others, is counted and ends in exit status 1.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np

from encodepth.codings import av1_groups as groups
from encodepth.errors import CorruptFileError
from runs.common import RESULTS, keep, options, progress, recorded_colors, show

PICTURES = 12
EFFORTS = (1, 1, 2, 3, 4, 5, 6, 7)  # the quickest have most options of our own
SIDES = (64, 420)
FAR_OFF = 12.0  # mean absolute error, of 255, over twice that of the group's best picture


def main() -> None:
    parser = options(__doc__, output=RESULTS / "decode_groups.json")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--efforts", nargs="+", type=int, default=EFFORTS)
    asked = parser.parse_args()
    seen = list(recorded_colors(PICTURES).values())
    rng = np.random.default_rng(asked.seed)
    tried: Counter[tuple[int, bool]] = Counter()
    failed: Counter[tuple[int, bool]] = Counter()
    end = time.monotonic() + 60 * asked.minutes
    while time.monotonic() < end:
        pictures, quality = window(seen, rng), int(rng.integers(5, 98))
        effort, live = int(rng.choice(asked.efforts)), bool(rng.integers(2))
        tried[effort, live] += 1
        if wrong := what_is_wrong(pictures, quality, effort, live):
            failed[effort, live] += 1
            progress({"effort": effort, "live": live, "quality": quality, "wrong": wrong})
    rows = [
        {"effort": e, "live": live, "groups": n, "failed": failed[e, live]}
        for (e, live), n in sorted(tried.items())
    ]
    show(rows)
    keep(asked.output, {"pictures": PICTURES, "seed": asked.seed, "rows": rows})
    sys.exit(bool(failed))


def window(seen: list[list[np.ndarray]], rng: np.random.Generator) -> list[np.ndarray]:
    """Return the same part of a recording's pictures."""
    pictures = seen[rng.integers(len(seen))]
    places = []
    for side in pictures[0].shape[:2]:
        length = int(rng.integers(*SIDES))
        start = int(rng.integers(side - length + 1))
        places.append(slice(start, start + length))
    return [np.ascontiguousarray(picture[tuple(places)]) for picture in pictures]


def what_is_wrong(pictures: list[np.ndarray], quality: int, effort: int, live: bool) -> str:
    """Return what a decoder says of the coded group, "" for nothing."""
    asked = groups.color_options(quality, effort, live)
    payloads = groups.encode_group(pictures, asked, groups.color_bits(effort, live))
    try:
        shown = groups.decode_group(payloads, pictures[0].shape)
    except CorruptFileError as error:
        return str(error)
    off = [
        np.abs(np.subtract(a, b, dtype=int)).mean() for a, b in zip(shown, pictures, strict=True)
    ]
    return f"off by {max(off):.1f}" if max(off) > 2 * min(off) + FAR_OFF else ""


if __name__ == "__main__":
    main()
