"""Rate-distortion charts of one modality, for the sections of colour and of depth."""

from __future__ import annotations

from collections.abc import Sequence

from ...evaluate.means import MeanPoint, panels
from ...evaluate.measures import METRICS, Metric
from ..chart import chart
from ..html import text
from ..names import plain
from ..numbers import SCENES, Numbers, frames_of, missing


def charts_of(numbers: Numbers, metric_names: Sequence[str], titles: Sequence[str]) -> str:
    """Return charts, one per metric and kind of scene, with one legend.

    Args:
        numbers: the page's.
        metric_names: of METRICS, all of one modality.
        titles: what the y axes say.
    """
    charts: list[str] = []
    drawn: set[str] = set()
    few: dict[str, None] = {}
    modality = METRICS[metric_names[0]].modality
    for name, y_title in zip(metric_names, titles, strict=True):
        metric = METRICS[name]
        for kind, curves in panels(numbers.of(metric), metric):
            frames = max(p.frames for points in curves.values() for p in points)
            kept = _drawable(curves, frames)
            few |= dict.fromkeys(_left_out(curves, kept, frames, kind))
            drawn |= set(kept)
            charts.append(_panel(numbers, metric, kind, kept, frames, y_title))
    if not any(charts):
        return missing(f"rate-distortion points of {modality}")
    note = f'<p class="note">On too few of the frames to be drawn: {text(", ".join(few))}.</p>'
    grid = "charts two" if len(charts) % 3 else "charts"
    order = [c for c in numbers.styles if c in drawn]
    return (
        f'<div class="plots">{numbers.legend(order, modality)}'
        f'<div class="{grid}">{"".join(charts)}</div></div>'
        f"{note if few else ''}{numbers.twin_note(modality)}"
    )


def _drawable(curves: dict[str, list[MeanPoint]], frames: int) -> dict[str, list[MeanPoint]]:
    """Return the codecs with two points, on at least half of the frames."""
    return {
        codec: points
        for codec, points in curves.items()
        if len(points) > 1 and 2 * max(p.frames for p in points) >= frames
    }


def _left_out(
    curves: dict[str, list[MeanPoint]], kept: dict[str, list[MeanPoint]], frames: int, kind: str
) -> list[str]:
    return [
        f"{plain(codec)} ({max(p.frames for p in points)} of {frames} {SCENES.get(kind, kind)})"
        for codec, points in curves.items()
        if len(points) > 1 and codec not in kept
    ]


def _panel(
    numbers: Numbers,
    metric: Metric,
    kind: str,
    curves: dict[str, list[MeanPoint]],
    frames: int,
    y_title: str,
) -> str:
    series = [numbers.series(codec, points, metric) for codec, points in curves.items()]
    what = metric.short[:1].upper() + metric.short[1:]
    title = f"{what}: {SCENES.get(kind, kind)}, {frames_of(frames)}"
    return chart(title, series, y_title, log_y=metric.log_axis)
