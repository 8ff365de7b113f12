"""What lossy colour is tuned for, how libaom searches for it and CDEF: bytes at equal quality.

Time: 30 minutes of one core. Needs ../shared.

    python -m runs.choices.color_tune [--sets val cid22] [--every 8] [--frames 6]
        [-o results/color_tune.json]

Stills against what libaom does with a picture that stands alone, tuned for SSIM (usage all-intra,
which leaves CDEF out), at the speeds of efforts 4, 7 and 9, before any network: with CDEF, tuned
for PSNR, and with usage good instead, libaom's for films. Recordings tuned for SSIM against PSNR at
efforts 3 and 7 and live at effort 1: the first frames of each of data/sequences. Everything cut to
480x480, photographs every so many-th. Whole payloads; BD-rates by PSNR and MS-SSIM of
RGB and by SSIMULACRA2; time is of all threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from encodepth.codings import av1_groups as groups
from encodepth.codings.av1_color import _SPEED, encode_color_as
from encodepth.codings.av1_frames import fewer_tools
from encodepth.codings.libaom import Usage
from runs.choices.curves import Curve, longer, of_group, of_still, percent, saved
from runs.common import (
    DATA,
    RESULTS,
    keep,
    middle,
    need,
    options,
    progress,
    recorded_colors,
    show,
)
from runs.results.restored_color import AS_AVIF, pictures

EFFORTS, GROUPS = (4, 7, 9), ((3, False), (7, False), (1, True))  # efforts, and whether live
QUALITIES = (20, 35, 50, 65, 80)
SIDE = 480
SETS = ("val", "cid22")
INTRA, FILMS = Usage.ALL_INTRA, Usage.GOOD
BASE = ("ssim, no CDEF", "ssim", AS_AVIF, INTRA)
ARMS: tuple[tuple[str, str, Mapping[str, str], Usage], ...] = (
    ("ssim", "ssim", {}, INTRA),
    ("ssim, as films", "ssim", {}, FILMS),
    ("psnr", "psnr", {}, INTRA),
    ("psnr, as films", "psnr", {}, FILMS),
)
QUICKEST_OF_FILMS = 6  # libaom's speed


def main() -> None:
    output = RESULTS / "color_tune.json"
    asked = options(__doc__, output=output, every=8, frames=6, sets=SETS).parse_args()
    need(DATA)
    rows: list[dict[str, str | float]] = []
    for name in asked.sets:
        seen = [middle(p, SIDE, SIDE) for _, p in pictures(name, asked.every)]
        for effort in EFFORTS:
            speed = _SPEED[effort]
            plain = [still(p, speed, *BASE[1:]) for p in seen]
            for label, *arm in ARMS:
                if arm[2] == FILMS and speed > QUICKEST_OF_FILMS:
                    continue
                row = {"coded": f"{name} ({len(seen)})", "effort": effort, "way": label}
                add(rows, row, plain, [still(p, speed, *arm) for p in seen])
    for path, whole in recorded_colors(asked.frames).items():
        frames = [middle(p, SIDE, SIDE) for p in whole]
        for effort, live in GROUPS:
            usual, other = (group(frames, effort, live, tune) for tune in ("psnr", "ssim"))
            coded = f"{Path(path).name} ({len(frames)}{', live' * live})"
            add(rows, {"coded": coded, "effort": effort, "way": "ssim"}, [usual], [other])
    show(rows)
    keep(asked.output, {"rows": rows})


def still(
    picture: np.ndarray, speed: int, tune: str, extra: Mapping[str, str], usage: Usage
) -> Curve:
    tools = fewer_tools(speed) | dict(extra)
    return of_still(
        picture,
        QUALITIES,
        lambda q: encode_color_as(picture, q, speed, tune, extra=tools, usage=usage),
    )


def group(frames: Sequence[np.ndarray], effort: int, live: bool, tune: str) -> Curve:
    bits = groups.color_bits(effort, live)
    return of_group(
        frames,
        QUALITIES,
        lambda q: groups.encode_group(frames, groups.color_options(q, effort, live, tune), bits),
    )


def add(
    rows: list[dict[str, str | float]],
    row: dict[str, str | float],
    plain: Sequence[Curve],
    found: Sequence[Curve],
) -> None:
    """Write down the mean BD-rates of a way, and its time."""
    row |= percent(saved(plain, found))
    row["time"] = round(longer(plain, found), 2)
    progress(row)
    rows.append(row)


if __name__ == "__main__":
    main()
