"""BD-rates of everybody against everybody: columns against rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...evaluate.curves import Curves
from ...evaluate.measures import METRICS, in_scenes
from ..html import table
from ..names import short
from ..numbers import SCENES, Numbers, missing

HEADING = "Everybody against everybody"
WORDS = ""
SHOWN = (
    ("psnr", "test"), ("psnr", "kodak"), ("ms-ssim", "test"), ("ms-ssim", "kodak"),
    ("rmse", "test"), ("flying", "test"),
)  # fmt: skip


def section(numbers: Numbers) -> str:
    """Return a matrix per metric and kind of scene."""
    parts = []
    for name, kind in SHOWN:
        curves = numbers.curves(METRICS[name])
        codecs = _comparable(_on_most_frames(numbers.styles, curves, kind), curves, kind)
        if len(codecs) > 1:
            parts.append(_matrix(numbers, curves, codecs, kind))
    return "".join(parts) or missing("two codecs on the same frames")


def _on_most_frames(codecs: Iterable[str], curves: Curves, kind: str) -> list[str]:
    """Return the codecs with curves on at least half as many frames as the one with most."""
    counts = {codec: len(curves.frames(codec, in_scenes(kind))) for codec in codecs}
    most = max(counts.values(), default=0)
    with_curves = curves.codecs(in_scenes(kind))
    return [c for c, count in counts.items() if c in with_curves and count * 2 >= most]


def _comparable(codecs: Sequence[str], curves: Curves, kind: str) -> list[str]:
    """Return the codecs that can be compared with any other: a curve of zeros cannot."""
    wanted = in_scenes(kind)
    return [
        a
        for a in codecs
        if any(a != b and curves.bd_rate(a, b, wanted)[0] is not None for b in codecs)
    ]


def _matrix(numbers: Numbers, curves: Curves, codecs: Sequence[str], kind: str) -> str:
    metric = curves.metric
    rows = [
        [numbers.name(anchor, metric.modality)]
        + ["|same|" if anchor == test else numbers.delta(metric, anchor, test, kind)
           for test in codecs]
        for anchor in codecs
    ]  # fmt: skip
    caption = (
        f"BD-rate in % of the column against the row by {metric.short}, "
        f"{SCENES[kind]}; less is better; n/m: only n of the row's m frames could be compared"
    )
    return table(caption, ["", *(short(c) for c in codecs)], rows, classes="bd matrix")
