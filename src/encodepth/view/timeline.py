"""Bytes of a recording over time: counted frame by frame, drawn as stacked columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..container.sequence import SequenceReader
from ..errors import CorruptFileError
from ..modalities import modality
from .ticks import label, linear_ticks

COLUMNS = 240  # at most; more frames share one
WIDTH, HEIGHT = 1000, 170  # of the picture, in its own units
LEFT, BOTTOM, TOP = 64, 26, 8  # room for numbers
COLORS = {"color": (11, 97, 164), "depth": (216, 120, 30), "": (122, 132, 146)}
WORDS = {"color": "colour", "depth": "depth and its holes", "": "further planes"}
_PART = {"color": "color", "depth": "depth", "mask": "depth"}


@dataclass(frozen=True, eq=False)
class Timeline:
    """Bytes of every frame.

    Attributes:
        times: int64 ns, (n,).
        parts: of "color", "depth" and "" (further planes), those there are: bytes, int64 (n,).
        lost: frames that are damaged or missing; they have no bytes.
    """

    times: NDArray[np.int64]
    parts: dict[str, NDArray[np.int64]]
    lost: int

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Seconds after the first frame."""
        return (self.times - self.times[:1]) / 1e9

    def columns(self) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
        """Return the first frame of each column, and the mean bytes of a frame there."""
        count = len(self.times)
        starts = np.unique(np.linspace(0, count, min(count, COLUMNS), endpoint=False).astype(int))
        sizes = np.diff(np.append(starts, count))
        return starts, {n: np.add.reduceat(part, starts) / sizes for n, part in self.parts.items()}


def timeline(file: SequenceReader) -> Timeline:
    """Count the bytes of every frame; every chunk is read, nothing is decoded."""
    times = np.zeros(file.frames, np.int64)
    parts: dict[str, NDArray[np.int64]] = {}
    found = 0
    for number, entry in enumerate(file.chunks):
        times[entry.first :] = entry.start
        try:
            frames = file.read(number).frames
        except CorruptFileError:
            continue
        found += len(frames)
        for i, frame in enumerate(frames, entry.first):
            times[i] = frame.time
            for stream in frame.streams:
                name = _PART.get(modality(stream.modality).name, "")
                part = parts.setdefault(name, np.zeros(file.frames, np.int64))
                part[i] += len(stream.payload)
        times[entry.first + entry.frames :] = entry.end
    ordered = {name: parts[name] for name in COLORS if name in parts}
    return Timeline(times, ordered, file.frames - found)


def svg(line: Timeline) -> str:
    """Return the plot for a page; it takes the page's width and colours of text."""
    bars, marks = [], []
    for (left, top, right, bottom), name in _bars(line):
        size = f'width="{right - left:.2f}" height="{bottom - top:.2f}"'
        bars.append(f'<rect x="{left:.2f}" y="{top:.2f}" {size} fill="{_hex(name)}"/>')
    for x, y, text, anchor in _marks(line):
        marks.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="bytes of a frame over time" data-left="{LEFT}" data-width="{WIDTH}">'
        f"{''.join(bars)}{''.join(marks)}"
        f'<path class="cursor" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}"/></svg>'
    )


def legend(line: Timeline) -> list[tuple[str, str]]:
    """Return a colour ("#0b61a4") and words for each part, with its mean bytes a frame."""
    return [
        (_hex(n), f"{WORDS[n]}, {part.mean():,.0f} bytes a frame") for n, part in line.parts.items()
    ]


def drawn(line: Timeline, width: int, ink: tuple[int, int, int]) -> Image.Image:
    """Return the plot as a picture on white."""
    scale = width / WIDTH
    canvas = Image.new("RGB", (width, round(HEIGHT * scale)), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for box, name in _bars(line):
        left, top, right, bottom = (round(v * scale) for v in box)
        if bottom > top:
            draw.rectangle((left, top, max(right - 1, left), bottom - 1), COLORS[name])
    font = ImageFont.load_default(14)
    for x, y, text, anchor in _marks(line):
        where = (x * scale, y * scale)
        draw.text(
            where, text, ink, font, anchor={"end": "rs", "middle": "ms", "start": "ls"}[anchor]
        )
    return canvas


def _bars(line: Timeline) -> list[tuple[tuple[float, float, float, float], str]]:
    starts, means = line.columns()
    edges = LEFT + (WIDTH - LEFT) * np.append(starts, len(line.times)) / max(len(line.times), 1)
    per_byte = (HEIGHT - TOP - BOTTOM) / _highest(means)
    floor, found = np.full(len(starts), float(HEIGHT - BOTTOM)), []
    for name, mean in means.items():
        top = floor - mean * per_byte
        found += [
            ((edges[i], top[i], edges[i + 1], floor[i]), name)
            for i in range(len(starts))
            if mean[i]
        ]
        floor = top
    return found


def _highest(means: dict[str, NDArray[np.float64]]) -> float:
    return max(float(sum(means.values(), np.zeros(1)).max(initial=0.0)), 1.0)


def _marks(line: Timeline) -> list[tuple[float, float, str, str]]:
    """Return (x, y, text, anchor) of the numbers beside and below."""
    _, means = line.columns()
    high = _highest(means)
    marks: list[tuple[float, float, str, str]] = []
    for tick in linear_ticks(0, high, 3):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * tick / high
        marks.append((LEFT - 6, y + 4, f"{label(tick / 1000)} kB", "end"))
    seconds = line.seconds
    for tick in linear_ticks(0, float(seconds[-1]), 8)[1:]:
        share = float(np.searchsorted(seconds, tick)) / max(len(seconds), 1)
        marks.append((LEFT + (WIDTH - LEFT) * share, HEIGHT - 8, f"{label(tick)} s", "middle"))
    return [mark for mark in marks if mark[0] < WIDTH - 20]


def _hex(name: str) -> str:
    return "#" + "".join(f"{v:02x}" for v in COLORS[name])


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """Return at most `count` of the numbers, evenly spread from the first on."""
    stride = -(-len(numbers) // max(count, 1))
    return list(numbers[:: max(stride, 1)])
