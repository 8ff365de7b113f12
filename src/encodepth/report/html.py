"""Small pieces of HTML: tables, source letters, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

NONE = "–"


def sup(letters: Iterable[str]) -> str:
    """Return links to record files, as small letters."""
    links = ",".join(f'<a href="#source-{letter}">{letter}</a>' for letter in letters)
    return f'<sup class="source">{links}</sup>' if links else ""


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, classes: str = ""
) -> str:
    """Return a table that scrolls sideways on a narrow screen. Cells are HTML, not plain text.

    A cell may begin with "|classes|" to name its classes.
    """
    header = "".join(_cell(name, "th", "col") for name in head)
    body = "".join(
        "<tr>"
        + "".join(_cell(cell, "td" if i else "th", "row") for i, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return (
        f'<figure class="table"><figcaption>{caption}</figcaption>'
        f'<div class="wide" tabindex="0"><table class="{classes}">'
        f"<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div></figure>"
    )


def figure(source: str, words: str, what: str, shape: tuple[int, ...]) -> str:
    """Return a picture of a size (rows, columns, ...) with a caption in HTML."""
    size = f'width="{shape[1]}" height="{shape[0]}"'  # so that nothing jumps when it is drawn
    return (
        f'<figure><img loading="lazy" {size} src="{source}" alt="{what}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def number(value: float | None, digits: int = 2) -> str:
    """Write a number, or a dash where there is none."""
    return NONE if value is None else f"{value:.{digits}f}"


def times(value: float | None) -> str:
    """Write a ratio: two digits after the point where it is small, one where it is not."""
    return NONE if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percent(value: float | None) -> str:
    """Write a signed percentage with a true minus sign."""
    return NONE if value is None else f"{value:+.1f}".replace("-", "−")


def rate(value: float) -> str:
    """Write bits per pixel with three figures that count."""
    return f"{value:.3f}" if value >= 0.01 else f"{value:.4f}"


def text(value: object) -> str:
    """Escape anything."""
    return escape(str(value))


def _cell(cell: str, tag: str, scope: str) -> str:
    attributes = f' scope="{scope}"' if tag == "th" else ""
    if cell.startswith("|"):
        _, classes, cell = cell.split("|", 2)
        attributes += f' class="{classes}"'
    return f"<{tag}{attributes}>{cell}</{tag}>"
