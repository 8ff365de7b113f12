"""Rate-distortion plots: one panel per kind of scene, one curve of means per codec."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..errors import EncodepthError
from ..thesis.colormap import parse as parse_painted
from .baselines import conventional
from .compare import MeanPoint, Metric, means, scene_order
from .records import Record

# Okabe and Ito's palette, told apart in every common colour blindness; black is kept for ours
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#4B2A8A")
MARKERS = "osD^v<>P"
OWN_MARKERS = "*Xs^D"  # five, and four kinds of line: twenty looks before one comes again
SUFFIXES = (".png", ".svg", ".pdf")
NAMES = {"icl": "ICL living room (rendered)", "sensor": "sensor frames", "kodak": "Kodak"}


def plot_curves(
    records: Sequence[Record], metric: Metric, path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw mean rate against the metric for every codec that has more than one setting.

    Args:
        records: those that have the metric (`compare.select`).
        metric: what the y axis shows.
        path: a .png, .svg or .pdf file.
        title: a line above the panels.

    Raises:
        EncodepthError: another suffix, or no codec with two settings.
    """
    target = Path(path)
    check_suffix(target)
    panels: dict[str, dict[str, list[MeanPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in means(records, metric):
        panels[point.scenes][point.codec].append(point)
    drawn = {
        kind: {codec: points for codec, points in curves.items() if len(points) > 1}
        for kind, curves in panels.items()
    }
    drawn = {kind: drawn[kind] for kind in sorted(drawn, key=scene_order) if drawn[kind]}
    if not drawn:
        raise EncodepthError("no codec has two settings; there is no curve to plot")
    _draw(drawn, metric, target, title)


def check_suffix(path: Path) -> None:
    """Make sure that a plot can be drawn into a file of that name.

    Raises:
        EncodepthError: it is none of SUFFIXES.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise EncodepthError(f"plot file {path} should end in {', '.join(SUFFIXES)}")


def _draw(
    panels: dict[str, dict[str, list[MeanPoint]]], metric: Metric, target: Path, title: str
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator

    styles = _styles(sorted({codec for curves in panels.values() for codec in curves}))
    figure = Figure(figsize=(4.6 * len(panels) + 2.6, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (kind, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for codec, points in curves.items():
            axes.plot(
                [p.bpp for p in points], [p.value for p in points], label=codec, **styles[codec]
            )
        frames = max(p.frames for points in curves.values() for p in points)
        count = "1 frame" if frames == 1 else f"{frames} frames"
        axes.set_title(f"{NAMES.get(kind, kind)}, {count}", fontsize=10)
        axes.set_xscale("log")
        axes.set_xlabel("rate (bits per pixel)")
        low, high = axes.get_xlim()
        ticks = [t for t in _ticks() if low <= t <= high]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(LogLocator(subs="all"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        if metric.log_axis:
            axes.set_yscale("log")
            low, high = axes.get_ylim()
            axes.yaxis.set_major_locator(FixedLocator([t for t in _ticks() if low <= t <= high]))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        else:
            axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.axes[0].set_ylabel(metric.title)
    handles = {
        label: line
        for axes in figure.axes
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    order = [codec for codec in styles if codec in handles]
    figure.legend(
        [handles[codec] for codec in order], [_label(codec, panels) for codec in order],
        loc="outside right center", frameon=False, fontsize=9,
    )  # fmt: skip
    if title:
        figure.suptitle(title, fontsize=11)
    figure.savefig(target, dpi=130)


def _label(codec: str, panels: dict[str, dict[str, list[MeanPoint]]]) -> str:
    """Return the codec's name, with a warning where its means are over fewer frames."""
    fewer = []
    for kind, curves in panels.items():
        frames = {name: max(p.frames for p in points) for name, points in curves.items()}
        if codec in frames and frames[codec] < max(frames.values()):
            fewer.append(f"{frames[codec]} {kind}")
    return f"{codec}\n(only {', '.join(fewer)} frames)" if fewer else codec


def _ticks() -> list[float]:
    return [factor * 10.0**power for power in range(-4, 5) for factor in (1, 2, 5)]


def _styles(codecs: list[str]) -> dict[str, dict]:
    """Give every codec its look, the same in each panel: ours black and on top, others coloured."""
    anchors = {codec.name for codec in conventional()}
    others = anchors | {c for c in codecs if c.startswith("vvc") or parse_painted(c)}
    ours = [c for c in codecs if c not in others]
    rest = [c for c in codecs if c in others]
    styles: dict[str, dict] = {}
    for i, codec in enumerate(ours):
        line = ("-", "--", ":", "-.")[i % 4]
        styles[codec] = {
            "color": "black", "linestyle": line, "linewidth": 2.2, "zorder": 5,
            "marker": OWN_MARKERS[i % len(OWN_MARKERS)],
            "markersize": 8 if i % len(OWN_MARKERS) == 0 else 6,
        }  # fmt: skip
    for i, codec in enumerate(rest):
        styles[codec] = {
            "color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)],
            "markersize": 4, "linewidth": 1.3,
            "linestyle": ("-", "--", ":", "-.")[i // len(PALETTE) % 4],
        }  # fmt: skip
    return styles
