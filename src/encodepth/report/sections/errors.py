"""Where depth errs: a map of every decoded depth map's error, all on one scale per scene."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from ...view import colormap
from ...view.embed import picture
from ...view.geometry import error_mm
from ..html import figure, sup
from ..names import plain
from ..numbers import Numbers
from ..pictures import Decoded, Scene

HEADING = "Where depth errs"
WORDS = "Decoded minus original depth: blue is too near, orange too far, grey was never measured."


def section(numbers: Numbers) -> str:
    """Return the maps at the middle rate."""
    return "".join(_maps(scene, numbers.letter) for scene in numbers.scenes)


def _maps(scene: Scene, letter: str) -> str:
    middle = middle_rate(scene.depth)
    span = scene.common_span(middle)
    shown = []
    for decoded in middle:
        error = error_mm(scene.with_depth(decoded), scene.image)
        valid = np.isfinite(error)
        painted = colormap.paint(error, -span, span, colormap.error_map(), valid)
        words = f"<b>{escape(plain(decoded.codec))}</b> | {escape(decoded.words())}"
        source = picture(painted, quality=82)
        shown.append(figure(source, words + sup([letter]), "depth error", painted.shape))
    return (
        f'<h3>{escape(scene.name)}</h3><div class="ruler" data-span="{span:g}"></div>'
        f'<div class="crops maps">{"".join(shown)}</div>'
    )


def middle_rate(decoded: Sequence[Decoded]) -> list[Decoded]:
    """Return for each codec the one that was aimed at the middle rate."""
    targets = sorted({d.target for d in decoded})
    middle = targets[len(targets) // 2]
    return [d for d in decoded if d.target == middle]
