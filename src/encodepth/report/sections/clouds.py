"""Point clouds: original colour on decoded depth (thesis Figures 29-31)."""

from __future__ import annotations

from html import escape

from ...view.embed import Json, frame, picture
from ...view.page import poster, stage_html
from ..html import rate, sup
from ..names import plain
from ..numbers import Numbers
from ..pictures import Scene

HEADING = "Point clouds"
WORDS = (
    "Original colour on decoded depth, like Figures 29 to 31. Drag to turn, wheel or pinch to zoom."
)


def section(numbers: Numbers) -> str:
    """Return a viewer per scene; `data` has what it shows."""
    return "".join(
        f"<h3>{escape(scene.name)}{sup([numbers.letter])}</h3>"
        f'<div data-scene="{i}">{stage_html(poster(scene.image))}</div>'
        for i, scene in enumerate(numbers.scenes)
    )


def data(numbers: Numbers) -> list[Json]:
    """Return per scene the original, then every decoded depth map, for the page's script."""
    return [{"name": scene.name, "frames": _frames(scene)} for scene in numbers.scenes]


def _frames(scene: Scene) -> list[Json]:
    color = scene.image.color
    assert color is not None
    frames = [frame(scene.image, "original", color=picture(color, quality=85), note=scene.name)]
    span = scene.common_span(scene.depth)
    for decoded in scene.depth:
        frames.append(
            frame(
                scene.with_depth(decoded),
                f"{rate(decoded.record['bpp'])} bpp",
                original=scene.image,
                against=0,
                color=0,
                span=span,
                group=plain(decoded.codec),
                note=f"{plain(decoded.codec)}, {decoded.words()}",
            )
        )
    return frames
