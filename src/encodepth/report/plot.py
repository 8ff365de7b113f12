"""Rate-distortion curves as an SVG file: the page's charts side by side, with a legend beside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..errors import EncodepthError
from ..evaluate.means import MeanPoint, panels
from ..evaluate.measures import Metric
from ..evaluate.records import Record
from ..files import PathLike, write_file
from ..view.page import template
from .chart import HEIGHT, WIDTH, Series, Style, chart
from .looks import styles
from .names import plain

SUFFIX = ".svg"
NAMES = {"icl": "ICL living room (rendered)", "sensor": "sensor frames", "kodak": "Kodak"}
_LEGEND, _LINE, _HEAD = 260, 22, 30
_LOOK = (
    ":root { --ink: #1d2026; --soft: #5b616b; --line: #dcdfe4; --card: #fff; background: #fff; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #a2a9b4; "
    "--line: #343942; --card: #1c1f25; background: #14161a; } }\n"
    'text { font: 14px system-ui, "Segoe UI", sans-serif; fill: var(--ink); }\n'
    "text.title { font-weight: 600; font-size: 17px; }\n"
)


def plot_curves(
    records: Sequence[Record], metric: Metric, path: PathLike, *, title: str = ""
) -> None:
    """Draw mean rate against the metric for every codec that has more than one setting.

    Args:
        records: those that have the metric (`measures.select`).
        metric: what the y axis shows.
        path: an .svg file, which any browser shows.
        title: a line above the panels.

    Raises:
        EncodepthError: another suffix, or no codec with two settings.
    """
    check_suffix(Path(path))
    drawn = [
        (kind, {c: points for c, points in curves.items() if len(points) > 1})
        for kind, curves in panels(records, metric)
    ]
    drawn = [(kind, curves) for kind, curves in drawn if curves]
    if not drawn:
        raise EncodepthError("no codec has two settings; there is no curve to plot")
    codecs = sorted({codec for _, curves in drawn for codec in curves})
    looks = _looks(codecs, metric)
    charts = [_panel(kind, curves, metric, looks) for kind, curves in drawn]
    keys = [(_label(c, drawn), style) for c, style in looks.items()]
    write_svg(path, charts, keys, title=title)


def check_suffix(path: Path) -> None:
    """Make sure that a plot can be drawn into a file of that name.

    Raises:
        EncodepthError: it is no .svg file.
    """
    if path.suffix.lower() != SUFFIX:
        raise EncodepthError(f"plot file {path} should end in {SUFFIX}")


def write_svg(
    path: PathLike,
    charts: Sequence[str],
    keys: Sequence[tuple[str, Style]],
    *,
    columns: int = 0,
    title: str = "",
) -> None:
    """Write charts as one picture, with a legend at the right.

    Args:
        path: an .svg file.
        charts: of `chart`.
        keys: (name, look) of every curve.
        columns: charts in a row; all of them by default.
        title: a line above.
    """
    columns = columns or len(charts)
    rows, top = -(-len(charts) // columns), _HEAD if title else 0
    width = WIDTH * columns + _LEGEND
    height = max(HEIGHT * rows, _LINE * len(keys) + 20) + top
    head = f'<text class="title" x="12" y="22">{escape(title)}</text>' if title else ""
    boxes = "".join(
        f'<svg x="{i % columns * WIDTH}" y="{top + i // columns * HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}">{one}</svg>'
        for i, one in enumerate(charts)
    )
    legend = "".join(
        _key(WIDTH * columns + 14, top + 20 + _LINE * i, name, style)
        for i, (name, style) in enumerate(keys)
    )
    style = _LOOK + template("chart.css", __package__)
    page = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">'
        f"<style>{style}</style>{head}{boxes}{legend}</svg>\n"
    )
    write_file(path, page.encode("utf-8"))


def _looks(codecs: Sequence[str], metric: Metric) -> dict[str, Style]:
    """Give each its look as on the page; what stands apart there is drawn here like any other."""
    present = [
        {"codec": c, "modality": metric.modality, "setting": s} for c in codecs for s in "ab"
    ]
    looks = styles(present)
    colored = sum(not style.ours for style in looks.values())
    return looks | {
        codec: Style(colored + i) for i, codec in enumerate(c for c in codecs if c not in looks)
    }


def _panel(
    kind: str, curves: dict[str, list[MeanPoint]], metric: Metric, looks: dict[str, Style]
) -> str:
    frames = max(p.frames for points in curves.values() for p in points)
    count = "1 frame" if frames == 1 else f"{frames} frames"
    series = [
        Series(plain(codec), looks[codec], tuple((p.bpp, p.value, "") for p in points))
        for codec, points in curves.items()
    ]
    return chart(f"{NAMES.get(kind, kind)}, {count}", series, metric.title, log_y=metric.log_axis)


def _key(x: int, y: int, name: str, style: Style) -> str:
    return (
        f'<g class="swatch {style.classes}" transform="translate({x} {y})">'
        f'<path class="line" d="M1 0h32"/><g transform="translate(17 0)">{style.marker}</g></g>'
        f'<text x="{x + 42}" y="{y + 5}">{escape(name)}</text>'
    )


def _label(codec: str, drawn: list[tuple[str, dict[str, list[MeanPoint]]]]) -> str:
    """Return the codec's name, with a warning where its means are over fewer frames."""
    fewer = []
    for kind, curves in drawn:
        frames = {name: max(p.frames for p in points) for name, points in curves.items()}
        if codec in frames and frames[codec] < max(frames.values()):
            fewer.append(f"{frames[codec]} {kind}")
    return f"{plain(codec)} (only {', '.join(fewer)})" if fewer else plain(codec)
