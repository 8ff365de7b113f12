"""The report's section of depth through colour maps beside depth as depth (thesis section 5.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from ..evaluate.load import letters_of
from ..evaluate.means import panels
from ..evaluate.measures import METRICS, frame_of, select
from ..evaluate.records import Record
from ..report.chart import Style, chart
from ..report.html import rate, sup, table
from ..report.names import is_ours, short
from ..report.numbers import SCENES, Numbers, frames_of, missing
from .painted import knows

HEADING = "Depth through colour maps (thesis 5.4)"
WORDS = ""
BESIDE = {
    # colour codec under a map -> the same as a depth codec
    "avif-aom-444-s6": "avif-aom-12b-s4-lin",
    "hevc-x265-444-slow": "hevc-x265-12b-lin",
    "base": "base+alone",
}


def section(numbers: Numbers) -> str:
    """Return charts of RMSE, and a table of what is exact."""
    found = [r for r in select(numbers.records, METRICS["rmse"]) if knows(r["codec"])]
    if not found:
        return missing("depth coded through colour maps")
    names = {r["codec"].split("+", 1)[1] for r in found}
    own = {BESIDE[n] for n in names if n in BESIDE}
    lossy = sorted({r["codec"] for r in found if r["rmse_mm"] > 0})
    return _charts(numbers, found, own, lossy) + _exact(numbers, found)


def _charts(numbers: Numbers, found: Sequence[Record], own: set[str], lossy: list[str]) -> str:
    metric, frames = METRICS["rmse"], set(map(frame_of, found))
    beside = [r for r in numbers.of(metric) if r["codec"] in own and frame_of(r) in frames]
    order = [*sorted(own), *lossy]
    styles = {c: Style(i) for i, c in enumerate(c for c in order if not is_ours(c))}
    styles |= {c: Style(i, ours=True) for i, c in enumerate(c for c in order if is_ours(c))}
    charts = []
    for kind, curves in panels([*beside, *found], metric):
        kept = {c: p for c, p in curves.items() if c in styles and len(p) > 1}
        series = [numbers.series(c, p, metric, styles[c]) for c, p in kept.items()]
        count = max((p.frames for points in kept.values() for p in points), default=0)
        title = f"RMSE: {SCENES.get(kind, kind)}, {frames_of(count)}"
        charts.append(chart(title, series, "RMSE of valid depth (mm), lower is better", log_y=True))
    return (
        f'<div class="plots">{numbers.legend(order, "depth", styles)}'
        f'<div class="charts two">{"".join(charts)}</div></div>'
    )


def _exact(numbers: Numbers, found: Sequence[Record]) -> str:
    exact = [r for r in found if r["rmse_mm"] == 0]
    frames = set(map(frame_of, exact))
    usual = [
        r for r in numbers.records
        if r["codec"] == "jxl-lossless-e7" and frame_of(r) in frames
    ]  # fmt: skip
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in (*usual, *exact):
        groups[record["codec"]].append(record)
    rows = [
        [f"{short(c)}{sup(letters_of(rs))}", rate(fmean(r["bpp"] for r in rs)), str(len(rs))]
        for c, rs in sorted(groups.items(), key=lambda g: fmean(r["bpp"] for r in g[1]))
    ]
    caption = "Every depth value exact: through an invertible colour map, and as depth"
    return table(caption, ["", "bpp", "frames"], rows) if exact else ""
