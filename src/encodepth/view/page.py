"""One self-contained page for one picture, or for two compared: `encodepth view`.

Everything is inside the file: it opens from disk, offline, on a phone, light or dark. The templates
(head.html, view.html, stage.html, page.css, cloud.js, view.js) lie beside this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from .. import __version__
from ..frame import RgbdImage
from .embed import color_tables, frame, picture
from .geometry import VIEWPOINTS, cloud, depth_intrinsics, depth_of, error_mm, orbit_centre
from .render import render
from .sheet import round_up

_HOLE = re.compile(r"\{\{(\w+)\}\}")


def view_page(
    image: RgbdImage,
    title: str,
    facts: str = "",
    *,
    original: RgbdImage | None = None,
    original_title: str = "original",
    details: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the page.

    Args:
        image: what to show; colour, depth or both.
        title: the page's heading.
        facts: a line below it.
        original: what to compare the depth with.
        original_title: its name.
        details: rows of a table at the end, as (name, value).

    Raises:
        InvalidImageError: `original` has no depth of the same size.
    """
    stage, data = "", ""
    pictures = [_figure(_image_tag(image), "colour, as decoded")] if image.color is not None else []
    if image.depth is not None:
        frames = _frames(image, title, original, original_title)
        data = script_json({"frames": frames, "tables": color_tables()})
        stage = stage_html(poster(image))
        pictures += [_flat(1, "depth")] + ([] if original is None else [_flat(2, "depth error")])
    return fill(
        template("view.html"),
        title=escape(title),
        facts=escape(facts),
        version=escape(__version__),
        css=template("page.css"),
        stage=stage,
        pictures="\n".join(pictures),
        details=table(details),
        data=data,
        cloud_js=template("cloud.js"),
        view_js=template("view.js"),
    )


def template(name: str, package: str = __package__) -> str:
    """Return the text of a file of a package; the head of a page is that of all pages."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return text.replace("{{head}}", template("head.html")) if "{{head}}" in text else text


def fill(text: str, **values: str) -> str:
    """Put values into the `{{name}}` places of a template.

    Raises:
        KeyError: a place has no value.
    """
    return _HOLE.sub(lambda found: values[found[1]], text)


def script_json(value: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def stage_html(still: str) -> str:
    """Return the viewer's part of a page; `still` is shown where there is no WebGL."""
    return fill(template("stage.html"), poster=still)


def poster(image: RgbdImage) -> str:
    """Return a rendering from the left as a data URI."""
    camera, _ = depth_intrinsics(image)
    centre = orbit_centre(depth_of(image), image.depth_unit)
    width = min(640, 2 * depth_of(image).shape[1])
    return picture(render(cloud(image), camera, VIEWPOINTS[1], centre, width=width), quality=80)


def error_span(image: RgbdImage, original: RgbdImage) -> float:
    """Return the error in mm that takes the last colour: round, above the 99th percentile."""
    error = np.abs(error_mm(image, original))
    error = error[np.isfinite(error)]
    return round_up(float(np.percentile(error, 99))) if error.size else 1.0


def _frames(
    image: RgbdImage, title: str, original: RgbdImage | None, original_title: str
) -> list[dict[str, Any]]:
    shown = image.color is not None and image.color.shape[:2] == depth_of(image).shape
    own = "#color" if shown else None  # the page has that picture already
    if original is None:
        return [frame(image, title, color=own)]
    span = error_span(image, original)
    decoded = frame(image, title, original=original, against=1, span=span, color=own)
    color: int | None = 0 if original.color is None else None
    return [decoded, frame(original, original_title, color=color)]


def _image_tag(image: RgbdImage) -> str:
    assert image.color is not None
    return f'<img id="color" alt="colour picture" src="{picture(image.color)}">'


def _flat(mode: int, caption: str) -> str:
    canvas = f'<canvas data-flat="{mode}" role="img" aria-label="{caption}"></canvas>'
    return _figure(f'{canvas}<div class="ruler"></div>', f"{caption}: <output>point at it</output>")


def _figure(inside: str, caption: str) -> str:
    return f"<figure>{inside}<figcaption>{caption}</figcaption></figure>"


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of (name, value) as the table on the file, nothing where there are none."""
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="left">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<h2>The file</h2><div class="wide"><table>{body}</table></div>'
