"""What a picture's own axes of colour save over Y, Cb and Cr: bytes at equal PSNR and MS-SSIM.

Time: 15 minutes of one core. Needs ../shared.

    python -m runs.choices.color_axes [--sets val cid22] [--every 8] [--frames 10]
        [-o results/color_axes.json]

Stills are coded as `auto` codes them at efforts 7 and 4 before any network, groups as at efforts 7
and 3 and live at effort 1: the first frames of each of data/sequences, cut to 640x480. Photographs
are every so many-th. Whole payloads; BD-rates of RGB, means over pictures and each recording alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from encodepth import metrics
from encodepth.codings import av1_groups as groups
from encodepth.codings import color_axes
from encodepth.codings.av1_color import _SPEED, decode_color, encode_color_as
from encodepth.codings.av1_frames import fewer_tools
from runs.common import DATA, RESULTS, keep, need, options, progress, recorded_colors, show
from runs.results.restored_color import QUALITIES, pictures

STILLS, GROUPS = (7, 4), ((7, False), (3, False), (1, True))  # efforts, and whether live
OVER_TIME = (30, 45, 60, 75)  # qualities
Point = tuple[int, float, float]


def main() -> None:
    parser = options(__doc__, output=RESULTS / "color_axes.json", every=8, frames=10)
    parser.add_argument("--sets", nargs="+", default=["val", "cid22"])
    asked = parser.parse_args()
    need(DATA)
    rows: list[dict[str, str | float]] = []
    for name in asked.sets:
        seen = [p for _, p in pictures(name, 1 if name in ("val", "test") else asked.every)]
        for effort in STILLS:
            found = [rates(*(still(p, effort, turned) for turned in (False, True))) for p in seen]
            add(rows, f"{name} ({len(seen)})", effort, "still", found)
    for path, whole in recorded_colors(asked.frames).items():
        frames, name = [np.ascontiguousarray(p[:480, :640]) for p in whole], Path(path).name
        for effort, live in GROUPS:
            seen = frames[:1] if live else frames
            of = groups.color_axes_of(seen, groups.color_bits(effort, live))
            found = [rates(*(group(frames, effort, live, axes) for axes in (None, of)))]
            add(rows, f"{name} ({len(frames)})", effort, "live" if live else "group", found)
    show(rows)
    keep(asked.output, {"rows": rows})


def still(picture: np.ndarray, effort: int, turned: bool) -> list[Point]:
    """Return (bytes, PSNR, MS-SSIM in dB) at every quality."""
    points, speed = [], _SPEED[effort]
    for quality in QUALITIES:
        extra = fewer_tools(speed)
        data = encode_color_as(picture, quality, speed, "ssim", extra=extra, turned=turned)
        shown = decode_color(data, *picture.shape[:2])
        points.append((len(data), *both(shown, picture)))
    return points


def group(
    frames: Sequence[np.ndarray], effort: int, live: bool, axes: color_axes.Axes | None
) -> list[Point]:
    """Return (bytes, mean PSNR, mean MS-SSIM in dB) of a group at every quality."""
    points, shape = [], frames[0].shape
    for quality in OVER_TIME:
        asked, bits = groups.color_options(quality, effort, live), groups.color_bits(effort, live)
        with groups.GroupEncoder(shape, asked, bits, axes) as encoder:
            coded = [data for frame in frames for data in encoder.add(frame)] + encoder.finish()
        shown = groups.decode_group(coded, shape)
        figures = np.mean([both(a, b) for a, b in zip(shown, frames, strict=True)], axis=0)
        points.append((sum(map(len, coded)), *figures.tolist()))
    return points


def both(shown: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    return metrics.psnr(shown, picture), metrics.ms_ssim_db(shown, picture)


def rates(plain: list[Point], turned: list[Point]) -> tuple[float, float]:
    """Return the BD-rates by PSNR and by MS-SSIM."""
    psnr, ms_ssim = (
        metrics.bd_rate(*([(p[0], p[i]) for p in curve] for curve in (plain, turned)))
        for i in (1, 2)
    )
    return psnr, ms_ssim


def add(
    rows: list[dict[str, str | float]],
    what: str,
    effort: int,
    how: str,
    found: Iterable[tuple[float, float]],
) -> None:
    figures = np.array(list(found))
    row: dict[str, str | float] = {"pictures": what, "coded": how, "effort": effort}
    for i, name in enumerate(("PSNR %", "MS-SSIM %")):
        row[name] = round(float(figures[:, i].mean()), 2)
    row["worst PSNR %"] = round(float(figures[:, 0].max()), 2)
    progress(row)
    rows.append(row)


if __name__ == "__main__":
    main()
