"""What a picture's own axes of colour save over Y, Cb and Cr: bytes at equal quality.

Time: 20 minutes of one core. Needs ../shared.

    python -m runs.choices.color_axes [--sets val cid22] [--every 8] [--frames 10]
        [-o results/color_axes.json]

Stills are coded as `auto` codes them at efforts 7 and 4 before any network, groups as at efforts 7
and 3 and live at effort 1: the first frames of each of data/sequences, cut to 640x480. Photographs
are every so many-th. Whole payloads; BD-rates by PSNR and MS-SSIM of RGB and by
SSIMULACRA2, means over pictures and each recording alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encodepth.codings import av1_groups as groups
from encodepth.codings import color_axes
from encodepth.codings.av1_color import _SPEED, encode_color_as
from encodepth.codings.av1_frames import fewer_tools
from runs.choices.curves import Curve, of_group, of_still, percent, saved
from runs.common import DATA, RESULTS, keep, need, options, progress, recorded_colors, show
from runs.results.restored_color import QUALITIES, pictures

STILLS, GROUPS = (7, 4), ((7, False), (3, False), (1, True))  # efforts, and whether live
SETS = ("val", "cid22")
OVER_TIME = (30, 45, 60, 75)  # qualities


def main() -> None:
    output = RESULTS / "color_axes.json"
    asked = options(__doc__, output=output, every=8, frames=10, sets=SETS).parse_args()
    need(DATA)
    rows: list[dict[str, str | float]] = []
    for name in asked.sets:
        seen = [p for _, p in pictures(name, asked.every)]
        for effort in STILLS:
            plain, found = ([still(p, effort, turned) for p in seen] for turned in (False, True))
            add(rows, f"{name} ({len(seen)})", effort, "still", plain, found)
    for path, whole in recorded_colors(asked.frames).items():
        frames, name = [np.ascontiguousarray(p[:480, :640]) for p in whole], Path(path).name
        for effort, live in GROUPS:
            seen = frames[:1] if live else frames
            of = groups.color_axes_of(seen, groups.color_bits(effort, live))
            plain, found = ([group(frames, effort, live, axes)] for axes in (None, of))
            how = "live" if live else "group"
            add(rows, f"{name} ({len(frames)})", effort, how, plain, found)
    show(rows)
    keep(asked.output, {"rows": rows})


def still(picture: np.ndarray, effort: int, turned: bool) -> Curve:
    speed = _SPEED[effort]
    extra = fewer_tools(speed)
    return of_still(
        picture,
        QUALITIES,
        lambda q: encode_color_as(picture, q, speed, "ssim", extra=extra, turned=turned),
    )


def group(
    frames: Sequence[np.ndarray], effort: int, live: bool, axes: color_axes.Axes | None
) -> Curve:
    shape, bits = frames[0].shape, groups.color_bits(effort, live)

    def encode(quality: int) -> list[bytes]:
        asked = groups.color_options(quality, effort, live)
        with groups.GroupEncoder(shape, asked, bits, axes) as encoder:
            return [data for frame in frames for data in encoder.add(frame)] + encoder.finish()

    return of_group(frames, OVER_TIME, encode)


def add(
    rows: list[dict[str, str | float]],
    what: str,
    effort: int,
    how: str,
    plain: Sequence[Curve],
    found: Sequence[Curve],
) -> None:
    rates = saved(plain, found)
    row: dict[str, str | float] = {"pictures": what, "coded": how, "effort": effort}
    row |= percent(rates)
    row["worst PSNR %"] = round(max(rates["PSNR"]), 2)
    progress(row)
    rows.append(row)


if __name__ == "__main__":
    main()
