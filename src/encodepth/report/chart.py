"""Rate-distortion curves as inline SVG: units on the axes, markers that differ, a legend apart.

Names stand in one legend beside the charts, never between curves. Colours come from the page's
style sheet (--c0 ... --c7, after Okabe and Ito), so they change with light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..view.ticks import label, linear_ticks, log_ticks

WIDTH, HEIGHT = 480, 370
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 50
COLORS = 8

_MARKERS = (
    '<circle r="3.6"/>',
    '<path d="M-3.4-3.4h6.8v6.8h-6.8z"/>',
    '<path d="M0-4.6 4.2 3.2h-8.4z"/>',
    '<path d="M0-4.9 4.3 0 0 4.9-4.3 0z"/>',
    '<path d="M0 4.6 4.2-3.2h-8.4z"/>',
    '<path d="M-1.3-4.4h2.6v3.1h3.1v2.6h-3.1v3.1h-2.6v-3.1h-3.1v-2.6h3.1z"/>',
    '<path d="M-4.6 0-2.3-4h4.6l2.3 4-2.3 4h-4.6z"/>',
    '<path d="M4.6 0-3.2-4.2v8.4z"/>',
)
_STAR = '<path d="M0-6.4 1.6-2.2 6-2 2.5.8 3.7 5.2 0 2.7-3.7 5.2-2.5.8-6-2-1.6-2.2z"/>'
_RING = (
    '<path fill-rule="evenodd" d="M0-5.4a5.4 5.4 0 1 0 0 10.8a5.4 5.4 0 1 0 0-10.8z'
    'M0-2.6a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 1 1 0-5.2z"/>'
)
_WEDGE = '<path d="M0-5.6 5.2 4.2H-5.2z"/>'
_CROSS = '<path d="M-4-5.4 0-1.4 4-5.4 5.4-4 1.4 0 5.4 4 4 5.4 0 1.4-4 5.4-5.4 4-1.4 0-5.4-4z"/>'


_OWN = (_STAR, _CROSS, _RING, _WEDGE, _MARKERS[1])


@dataclass(frozen=True)
class Style:
    """How a codec looks: ours in ink and thick, others in a colour; dashes tell repeats apart."""

    number: int
    ours: bool = False

    @property
    def classes(self) -> str:
        """Names for the style sheet."""
        if self.ours:
            return f"ours d{self.number % 4}"
        return f"c{self.number % COLORS} d{self.number // COLORS % 4}"

    @property
    def marker(self) -> str:
        """SVG of the marker around 0, 0."""
        if self.ours:
            return _OWN[self.number % len(_OWN)]
        return _MARKERS[self.number % len(_MARKERS)]


@dataclass(frozen=True)
class Series:
    """One codec's points (x, y, what the tip says), in order of rate."""

    name: str
    style: Style
    points: tuple[tuple[float, float, str], ...]


def chart(
    title: str, series: Sequence[Series], y_title: str, *, log_y: bool = False, x_title: str = ""
) -> str:
    """Return an SVG element. Points that a logarithmic axis cannot show are left out."""
    shown = [_showable(s, log_y) for s in series]
    shown = [s for s in shown if s.points]
    if not shown:
        return ""
    xs = [x for s in shown for x, _, _ in s.points]
    ys = [y for s in shown for _, y, _ in s.points]
    x_axis = _Axis.over(xs, log=True, start=LEFT, end=WIDTH - RIGHT)
    y_axis = _Axis.over(ys, log=log_y, start=HEIGHT - BOTTOM, end=TOP)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">',
        f'<text class="head" x="{LEFT}" y="18">{escape(title)}</text>',
        *_grid(x_axis, y_axis),
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}">'
        f"{escape(x_title or 'rate (bits per pixel)')}</text>",
        f'<text class="axis" transform="translate(15 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">'
        f"{escape(y_title)}</text>",
        *(_curve(s, x_axis, y_axis) for s in sorted(shown, key=lambda s: s.style.ours)),
        "</svg>",
    ]
    return "".join(parts)


def swatch(style: Style) -> str:
    """Return a short piece of the curve, for the legend."""
    return (
        f'<svg class="swatch {style.classes}" viewBox="0 0 34 14" aria-hidden="true">'
        f'<path class="line" d="M1 7h32"/><g transform="translate(17 7)">{style.marker}</g></svg>'
    )


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    log: bool
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], *, log: bool, start: float, end: float) -> _Axis:
        low, high = min(values), max(values)
        if log:
            low, high = low / 1.08, high * 1.08
        else:
            room = 0.04 * (high - low or abs(high) or 1)
            low, high = low - room, high + room
        return cls(low, high, log, start, end)

    def at(self, value: float) -> float:
        low, high = (math.log(v) if self.log else v for v in (self.low, self.high))
        share = ((math.log(value) if self.log else value) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        found = log_ticks(self.low, self.high) if self.log else []
        return found if len(found) > 2 else linear_ticks(self.low, self.high, 6)


def _grid(x_axis: _Axis, y_axis: _Axis) -> list[str]:
    parts = []
    for tick in x_axis.ticks():
        x = x_axis.at(tick)
        parts.append(f'<path class="grid" d="M{x} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="x" x="{x}" y="{HEIGHT - BOTTOM + 17}">{label(tick)}</text>')
    for tick in y_axis.ticks():
        y = y_axis.at(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="y" x="{LEFT - 7}" y="{y + 4}">{label(tick)}</text>')
    return parts


def _curve(series: Series, x_axis: _Axis, y_axis: _Axis) -> str:
    places = [(x_axis.at(x), y_axis.at(y)) for x, y, _ in series.points]
    line = " ".join(f"{x},{y}" for x, y in places)
    marks = "".join(
        f'<g transform="translate({x} {y})"><title>{escape(f"{series.name}: {tip}")}</title>'
        f"{series.style.marker}</g>"
        for (x, y), (_, _, tip) in zip(places, series.points, strict=True)
    )
    path = f'<polyline class="line" points="{line}"/>' if len(places) > 1 else ""
    name = escape(series.name, quote=True)
    return f'<g class="curve {series.style.classes}" data-codec="{name}">{path}{marks}</g>'


def _showable(series: Series, log_y: bool) -> Series:
    points = [p for p in series.points if p[0] > 0 and (p[1] > 0 or not log_y)]
    kept = tuple(sorted((p for p in points if math.isfinite(p[1])), key=lambda p: p[0]))
    return Series(series.name, series.style, kept)
