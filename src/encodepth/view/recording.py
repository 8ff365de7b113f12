"""A recording as a page that plays, or as one picture: frames spread over it, and its bytes.

A page holds its frames, so it shows some of them (every n-th), at a size that a browser plays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .. import __version__
from ..errors import CorruptFileError, EncodepthError
from ..frame import Frame, Intrinsics
from ..sequence.reader import Reader
from . import colormap, timeline
from .embed import color_tables, frame, picture
from .page import fill, poster, script_json, stage_html, table, template
from .sheet import CAPTION, FAINT, GAP, INK, LINE, PAPER, fitted_lines

FRAMES = 60  # on a page, unless asked otherwise
CELLS = 8  # on a contact sheet
SIDE = 400  # of the depth maps on a page; larger ones keep every second, third, .. pixel
_COLOR_SIDE, _COLOR_QUALITY = 640, 75
_CELL = 330
_PER_ROW = 4


@dataclass(frozen=True, eq=False)
class Shown:
    """Frames that were chosen and decoded.

    Attributes:
        frames: in order.
        stride: how many of the recording's each stands for.
        lost: of those chosen, how many could not be decoded.
    """

    frames: tuple[Frame, ...]
    stride: int
    lost: int


def shown(reader: Reader, which: range, limit: int) -> Shown:
    """Decode at most `limit` frames, evenly spread; those with depth, if any has.

    Raises:
        EncodepthError: none can be decoded.
    """
    numbers = timeline.spread(which, limit)
    frames, lost = [], 0
    for number in numbers:
        try:
            frames.append(reader[number])
        except CorruptFileError:
            lost += 1
    if not frames:
        raise EncodepthError(f"none of the {len(numbers)} frames to show can be decoded")
    deep = [f for f in frames if f.image.depth is not None]
    stride = numbers[1] - numbers[0] if numbers[1:] else 1
    return Shown(tuple(deep or frames), stride, lost)


def page(
    chosen: Shown,
    line: timeline.Timeline,
    title: str,
    facts: str,
    details: Sequence[tuple[str, str]] = (),
) -> str:
    """Return a page that plays, steps, seeks and turns the point cloud of the frames.

    Args:
        chosen: what is shown.
        line: bytes of every frame of the recording.
        title, facts: its heading, and a line below it.
        details: rows of a table at the end, as (name, value).
    """
    frames = list(_embedded(chosen, line))
    deep = chosen.frames[0].image.depth is not None
    data = {"frames": frames, "tables": color_tables(), "keep": 24, "count": len(line.times)}
    legend = "".join(
        f'<span><i style="background:{color}"></i>{escape(words)}</span>'
        for color, words in timeline.legend(line)
    )
    return fill(
        template("recording.html"),
        title=escape(title),
        facts=escape(facts),
        version=escape(__version__),
        css=template("page.css"),
        stage=stage_html(poster(chosen.frames[0].image)) if deep else "",
        depth='<figure><canvas data-flat="1" role="img" aria-label="depth"></canvas>'
        '<div class="ruler"></div><figcaption>depth: <output>point at it</output></figcaption>'
        "</figure>"
        if deep
        else "",
        first=next((f["color"] for f in frames if f["color"]), ""),
        last=str(len(frames) - 1),
        timeline=timeline.svg(line),
        legend=legend,
        details=table(details),
        data=script_json(data),
        cloud_js=template("cloud.js"),
        view_js=template("view.js"),
        player_js=template("player.js"),
    )


def contact_sheet(chosen: Shown, line: timeline.Timeline, title: str) -> NDArray[np.uint8]:
    """Return a picture, uint8 (H, W, 3): frames with their depth, and bytes over time."""
    width = GAP + _PER_ROW * (_CELL + GAP)
    lines = fitted_lines(title, width - 2 * GAP)
    low, high = _range(chosen.frames)
    rows = [chosen.frames[i : i + _PER_ROW] for i in range(0, len(chosen.frames), _PER_ROW)]
    cells = [[_cell(f, low, high) for f in row] for row in rows]
    plot = timeline.drawn(line, width - 2 * GAP, INK)
    heights = [max(cell.height for cell in row) + CAPTION for row in cells]
    head = GAP + LINE * len(lines) + 12
    total = head + sum(heights) + GAP * len(rows) + CAPTION + plot.height + GAP
    canvas = Image.new("RGB", (width, total), PAPER)
    draw = ImageDraw.Draw(canvas)
    small = ImageFont.load_default(15)
    for i, text in enumerate(lines):
        draw.text((GAP, GAP + i * LINE), text, INK, ImageFont.load_default(22))
    top = head
    start = int(line.times[0])
    for row, made, height in zip(rows, cells, heights, strict=True):
        for i, (one, cell) in enumerate(zip(row, made, strict=True)):
            left = GAP + i * (_CELL + GAP)
            words = f"frame {one.number}, {(one.time - start) / 1e9:.3f} s"
            draw.text((left, top + 4), words, INK, small)
            canvas.paste(cell, (left, top + CAPTION))
        top += height + GAP
    left = GAP
    for color, words in timeline.legend(line):
        draw.rectangle((left, top + 6, left + 12, top + 18), color)
        draw.text((left + 20, top + 2), words, INK, small)
        left += 20 + round(small.getlength(words)) + GAP
    if high > low:
        near = f"depth colours: {low:.3g} m light to {high:.3g} m dark, holes grey"
        draw.text((width - GAP, top + 2), near, FAINT, small, anchor="ra")
    canvas.paste(plot, (GAP, top + CAPTION))
    return np.asarray(canvas)


def _embedded(chosen: Shown, line: timeline.Timeline) -> Iterator[dict[str, Any]]:
    """Yield the frames for the page's data; all have one range of depth colours."""
    span, start = _range(chosen.frames), int(line.times[0])
    for one in chosen.frames:
        image, seconds = one.image, (one.time - start) / 1e9
        color = "" if image.color is None else picture(_thinned(image.color), _COLOR_QUALITY)
        about = {"number": one.number, "seconds": round(seconds, 6)}
        if image.depth is None:
            yield {"label": str(one.number), "color": color, **about}
            continue
        step = -(-max(image.depth.shape) // SIDE)
        note = f"one pixel in {step} a side is drawn" if step > 1 else ""
        made = frame(image, str(one.number), color=color, side=SIDE, note=note)
        yield made | about | {"range": span}


def _range(frames: Sequence[Frame]) -> tuple[float, float]:
    """Return the metres that depth colours run over in all frames."""
    spans = [
        colormap.shown_range(f.image.depth, f.image.depth_unit)
        for f in frames
        if f.image.depth is not None and f.image.depth.any()
    ]
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (0.0, 1.0)


def _thinned(color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = color.shape[:2]
    scale = _COLOR_SIDE / max(height, width)
    if scale >= 1:
        return color
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(color).resize(size, Image.Resampling.BOX))


def _cell(one: Frame, low: float, high: float) -> Image.Image:
    """Return a frame's colour above its depth."""
    image, parts = one.image, []
    if image.color is not None:
        parts.append(_fitted(image.color))
    if image.depth is not None:
        metres = image.depth * image.depth_unit
        parts.append(
            _fitted(colormap.paint(metres, low, high, colormap.depth_map(), image.depth > 0))
        )
    if not parts:  # further planes alone
        plane = next(iter(image.planes.values()))
        grey = (255 * (plane / max(int(plane.max()), 1))).astype(np.uint8)
        parts.append(_fitted(np.repeat(grey[..., None], 3, -1)))
    whole = Image.new("RGB", (_CELL, sum(p.height for p in parts) + 4 * (len(parts) - 1)), PAPER)
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height + 4
    return whole


def _fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    height, width = pixels.shape[:2]
    size = (_CELL, max(1, round(height * _CELL / width)))
    return Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BOX)


def with_camera(chosen: Shown, camera: Intrinsics) -> Shown:
    """Return the same frames, seen by another camera."""
    frames = [replace(f, image=replace(f.image, intrinsics=camera)) for f in chosen.frames]
    return replace(chosen, frames=tuple(frames))
