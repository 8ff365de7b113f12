"""The report's sections of pictures: crops, depth error maps, point clouds (thesis 4.2).

Crops follow Figures 32 to 35 (method, rate, PSNR, MS-SSIM below each), point clouds Figures 29 to
31, where the original colour is joined with the decoded depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluate.records import Record
from ..frame import RgbdImage
from ..view import colormap
from ..view.embed import Json, frame, picture
from ..view.geometry import error_mm
from ..view.page import poster, stage_html
from ..view.sheet import round_up
from .html import rate, sup
from .names import plain
from .pictures import Decoded, Scene

CROP = (96, 128)  # rows, columns
ENLARGED = 3
CROPS = 2


def crops_section(scenes: Sequence[Scene], letter: str) -> str:
    """Return crops of the original and of every decoded colour picture, at like rates."""
    parts = []
    for scene in scenes:
        original = scene.image.color
        assert original is not None
        parts.append(f"<h3>{escape(scene.name)}</h3>")
        for row, column in busy_places(original):
            shown = [_crop(original, row, column, "original")]
            for decoded in scene.color:
                text = _color_words(decoded.record) + sup([letter])
                shown.append(_crop(decoded.picture, row, column, text))
            parts.append(f'<div class="crops">{"".join(shown)}</div>')
    return "".join(parts)


def maps_section(scenes: Sequence[Scene], letter: str) -> str:
    """Return the error of every decoded depth map, all on one scale per scene."""
    parts = []
    for scene in scenes:
        middle = middle_rate(scene.depth)
        span = common_span(scene, middle)
        shown = []
        for decoded in middle:
            error = error_mm(_with_depth(scene, decoded), scene.image)
            valid = np.isfinite(error)
            painted = colormap.paint(error, -span, span, colormap.error_map(), valid)
            words = _depth_words(decoded.record) + sup([letter])
            source = picture(painted, quality=82)
            shown.append(_figure(source, words, "depth error", painted.shape))
        parts.append(
            f'<h3>{escape(scene.name)}</h3><div class="ruler" data-span="{span:g}"></div>'
            f'<div class="crops maps">{"".join(shown)}</div>'
        )
    return "".join(parts)


def clouds_section(scenes: Sequence[Scene], letter: str) -> tuple[str, list[Json]]:
    """Return the viewers and their data: per scene the original, then every decoded depth map."""
    parts, data = [], []
    for i, scene in enumerate(scenes):
        color = scene.image.color
        assert color is not None
        frames = [frame(scene.image, "original", color=picture(color, quality=85), note=scene.name)]
        span = common_span(scene, scene.depth)
        for decoded in scene.depth:
            frames.append(
                frame(
                    _with_depth(scene, decoded),
                    f"{rate(decoded.record['bpp'])} bpp",
                    original=scene.image,
                    against=0,
                    color=0,
                    span=span,
                    group=plain(decoded.codec),
                    note=f"{plain(decoded.codec)}, {_depth_text(decoded.record)}",
                )
            )
        data.append({"name": scene.name, "frames": frames})
        parts.append(
            f"<h3>{escape(scene.name)}{sup([letter])}</h3>"
            f'<div data-scene="{i}">{stage_html(poster(scene.image))}</div>'
        )
    return "".join(parts), data


def busy_places(rgb: NDArray[np.uint8], count: int = CROPS) -> list[tuple[int, int]]:
    """Return the corners (row, column) of the crops with the most detail that do not overlap."""
    luma = rgb.astype(np.float32).mean(2)
    rows, columns = min(CROP[0], luma.shape[0]), min(CROP[1], luma.shape[1])
    detail = np.zeros_like(luma)
    detail[1:, 1:] = np.abs(np.diff(luma, axis=0))[:, 1:] + np.abs(np.diff(luma, axis=1))[1:]
    detail = np.minimum(detail, 60)  # one hard edge does not make a place busy
    sums = np.pad(detail.cumsum(0).cumsum(1), [(1, 0), (1, 0)])
    box = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns]
    box = box + sums[:-rows, :-columns]
    found: list[tuple[int, int]] = []
    while len(found) < count and box.max() > -np.inf:
        row, column = (int(v) for v in np.unravel_index(int(box.argmax()), box.shape))
        found.append((row, column))
        box[
            max(0, row - rows + 1) : row + rows, max(0, column - columns + 1) : column + columns
        ] = -np.inf
    return found


def middle_rate(decoded: Sequence[Decoded]) -> list[Decoded]:
    """Return for each codec the one that was aimed at the middle rate."""
    targets = sorted({d.target for d in decoded})
    middle = targets[len(targets) // 2]
    return [d for d in decoded if d.target == middle]


def common_span(scene: Scene, decoded: Sequence[Decoded]) -> float:
    """Return the error in mm that takes the last colour: the median of the 99th percentiles."""
    return round_up(float(np.median([d.record["p99_mm"] for d in decoded])))


def _with_depth(scene: Scene, decoded: Decoded) -> RgbdImage:
    image = scene.image
    return RgbdImage(image.color, decoded.picture, image.depth_unit, image.intrinsics)


def _crop(pixels: NDArray[np.uint8], row: int, column: int, words: str) -> str:
    part = pixels[row : row + CROP[0], column : column + CROP[1]]
    big = part.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    return _figure(picture(big), words, "crop", big.shape)


def _figure(source: str, words: str, what: str, shape: tuple[int, ...]) -> str:
    size = f'width="{shape[1]}" height="{shape[0]}"'  # so that nothing jumps when it is drawn
    return (
        f'<figure><img loading="lazy" {size} src="{source}" alt="{what}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _color_words(record: Record) -> str:
    structure = record.get("ms_ssim_db")
    after = "" if structure is None else f" | {structure:.2f} dB MS\u2011SSIM"
    name = f"<b>{escape(plain(record['codec']))}</b>"
    return f"{name} | {rate(record['bpp'])} bpp | {record['psnr']:.2f} dB PSNR{after}"


def _depth_words(record: Record) -> str:
    return f"<b>{escape(plain(record['codec']))}</b> | {escape(_depth_text(record))}"


def _depth_text(record: dict[str, Any]) -> str:
    return (
        f"{rate(record['bpp'])} bpp, RMSE {record['rmse_mm']:.1f} mm, "
        f"{100 * record['edge_bad']:.1f} % of edge pixels off by over 50 mm"
    )
