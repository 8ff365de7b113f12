"""One picture of an RGB-D frame: colour, depth with its scale, the point cloud from several sides.

Thesis figures 28 to 31 for any file. With a second frame to compare with, the error in depth and
the pixels that fly come as two more panels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..frame import RgbdImage
from ..view import colormap
from .geometry import (
    VIEWPOINTS,
    Viewpoint,
    cloud,
    color_on_depth,
    depth_intrinsics,
    depth_of,
    error_mm,
    flying_by_error,
    flying_by_shape,
    orbit_centre,
)
from .render import render
from .ticks import label, linear_ticks

CELL = 640  # width of a panel
GAP = 24
BAR = 18  # width of a scale
BAR_LABELS = 62
LINE = 30  # pixels from one line of the title to the next
CAPTION = 30
INK, PAPER, FAINT = (28, 30, 34), (255, 255, 255), (96, 100, 108)


@dataclass(frozen=True, eq=False)
class Panel:
    """A captioned picture, (h, w, 3), perhaps with a scale: (colours, low, high, unit)."""

    caption: str
    picture: NDArray[np.uint8]
    scale: tuple[NDArray[np.uint8], float, float, str] | None = None


def sheet(
    image: RgbdImage,
    title: str = "",
    *,
    original: RgbdImage | None = None,
    views: Sequence[Viewpoint] = VIEWPOINTS,
) -> NDArray[np.uint8]:
    """Return the picture, uint8 (H, W, 3).

    Args:
        image: what to show; colour, depth or both.
        title: its first line.
        original: what to compare the depth with.
        views: where to render the point cloud from.

    Raises:
        InvalidImageError: `original` has no depth of the same size.
    """
    panels = [] if image.color is None else [Panel("colour", image.color)]
    if image.depth is not None:
        panels += [depth_panel(image), *_against(image, original), *_seen(image, views)]
    return compose(panels, title)


def depth_panel(image: RgbdImage) -> Panel:
    """Return depth in colours, with a scale in metres."""
    depth, unit = depth_of(image), image.depth_unit
    low, high = colormap.shown_range(depth, unit)
    colors = colormap.depth_map()
    picture = colormap.paint(depth * unit, low, high, colors, depth > 0)
    holes = float(np.mean(depth == 0))
    note = f", {100 * holes:.1f} % holes in grey" if holes else ""
    return Panel(f"depth in metres{note}", picture, (colors, low, high, "m"))


def error_panel(image: RgbdImage, original: RgbdImage, span: float | None = None) -> Panel:
    """Return decoded minus original depth in colours, with a scale in mm.

    Args:
        image: decoded.
        original: of the same size.
        span: the error in mm that takes the last colour; by default from the 99th percentile.
    """
    error = error_mm(image, original)
    valid = np.isfinite(error)
    size = np.abs(error[valid])
    if span is None:
        span = round_up(float(np.percentile(size, 99)) if size.size else 1.0)
    colors = colormap.error_map()
    picture = colormap.paint(error, -span, span, colors, valid)
    rmse = float(np.sqrt(np.mean(np.square(size)))) if size.size else 0.0
    return Panel(f"depth error in mm: {rmse:.3g} RMSE", picture, (colors, -span, span, "mm"))


def round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50, ... that is not smaller."""
    steps = (m * 10.0**p for p in range(0, 6) for m in (1, 2, 5))
    return next((step for step in steps if step >= value), value)


def compose(panels: Sequence[Panel], title: str = "") -> NDArray[np.uint8]:
    """Lay panels out in two columns under a title."""
    columns = min(2, len(panels))
    cell = CELL + BAR + BAR_LABELS
    sizes = [_fitted(panel.picture) for panel in panels]
    rows = [range(i, min(i + columns, len(panels))) for i in range(0, len(panels), columns)]
    heights = [max(sizes[i][1] for i in row) + CAPTION for row in rows]
    width = GAP + columns * (cell + GAP)
    lines = fitted_lines(title, width - 2 * GAP)
    head = GAP + (LINE * len(lines) + 12 if lines else 0)
    total = (width, head + sum(heights) + GAP * len(rows))
    canvas = Image.new("RGB", total, PAPER)
    draw = ImageDraw.Draw(canvas)
    for i, line in enumerate(lines):
        draw.text((GAP, GAP + i * LINE), line, INK, ImageFont.load_default(22))
    top = head
    for row, height in zip(rows, heights, strict=True):
        for place, i in enumerate(row):
            _put(canvas, draw, panels[i], sizes[i], (GAP + place * (cell + GAP), top))
        top += height + GAP
    return np.asarray(canvas)


def fitted_lines(title: str, width: int) -> list[str]:
    """Break a title between words where it is wider than the sheet, at " · " if that will do."""
    font, lines = ImageFont.load_default(22), [""]
    words = title.replace("×", "x").split(" ")  # the built-in font has no such sign
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append("" if word == "·" else word)
        else:
            lines[-1] = longer
    return [line.removesuffix(" ·") for line in lines if line]


def _against(image: RgbdImage, original: RgbdImage | None) -> list[Panel]:
    if original is None:
        flying = flying_by_shape(depth_of(image), image.depth_unit)
        return [_marked("hanging between near and far (magenta)", image, flying)]
    errors = error_panel(image, original)
    flying = flying_by_error(
        depth_of(image), depth_of(original), image.depth_unit, original.depth_unit
    )
    return [errors, _marked("flying: at an edge, off by more than 50 mm (magenta)", image, flying)]


def _marked(caption: str, image: RgbdImage, flying: NDArray[np.bool_]) -> Panel:
    picture = color_on_depth(image) // 2 + 112
    picture = np.where(flying[..., None], np.array(colormap.FLYING, np.uint8), picture)
    share = 100 * float(flying.sum()) / max(int(np.count_nonzero(depth_of(image))), 1)
    return Panel(f"{caption}: {share:.2f} % of points", picture.astype(np.uint8))


def _seen(image: RgbdImage, views: Sequence[Viewpoint]) -> list[Panel]:
    points, (camera, _) = cloud(image), depth_intrinsics(image)
    centre = orbit_centre(depth_of(image), image.depth_unit)
    width = min(CELL, 2 * points.points.shape[1])
    return [
        Panel(f"points, {v.name}", render(points, camera, v, centre, width=width)) for v in views
    ]


def _fitted(picture: NDArray) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = min(CELL / width, 1.5 * CELL / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _put(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    panel: Panel,
    size: tuple[int, int],
    at: tuple[int, int],
) -> None:
    left, top = at
    draw.text((left, top + 4), panel.caption, INK, ImageFont.load_default(17))
    enlarge = size[0] > panel.picture.shape[1]
    way = Image.Resampling.NEAREST if enlarge else Image.Resampling.LANCZOS
    canvas.paste(Image.fromarray(panel.picture).resize(size, way), (left, top + CAPTION))
    if panel.scale:
        _scale(canvas, draw, panel.scale, (left + size[0] + 10, top + CAPTION), size[1])


def _scale(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    scale: tuple[NDArray[np.uint8], float, float, str],
    at: tuple[int, int],
    height: int,
) -> None:
    """Draw the colours upright, the largest number on top, with ticks and the unit."""
    colors, low, high, unit = scale
    font = ImageFont.load_default(14)
    bar = Image.fromarray(np.ascontiguousarray(colors[::-1, None]))
    canvas.paste(bar.resize((BAR, height), Image.Resampling.BILINEAR), at)
    for tick in linear_ticks(low, high, 6):
        y = at[1] + (height - 1) * (high - tick) / (high - low)
        draw.line((at[0] + BAR, y, at[0] + BAR + 5, y), FAINT)
        draw.text((at[0] + BAR + 8, y), f"{label(tick)} {unit}", INK, font, anchor="lm")
