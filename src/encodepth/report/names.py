"""What codecs are called on the page: short names for readers, the records' names as tips."""

from __future__ import annotations

from html import escape

from ..evaluate.kinds import kind_of


def plain(codec: str) -> str:
    """Return a codec's short name as text; "alone" files hold depth without colour.

    `base+av1+alone` is "encodepth with AV1, alone", `turbo+jp2k-8b` "turbo + JPEG 2000".
    """
    kind = kind_of(codec)
    return str(kind.offer("title")(codec)) if kind else codec


def short(codec: str) -> str:
    """Return a codec's short name as HTML, with the whole one as its tip."""
    known = plain(codec)
    if known == codec:
        return escape(codec)
    return f'<abbr title="{escape(codec)}">{escape(known)}</abbr>'


def is_ours(codec: str) -> bool:
    """Say whether a codec is the default model or another way of making .rgbd files."""
    kind = kind_of(codec)
    return kind is not None and kind.name == "ours"


def is_apart(codec: str) -> bool:
    """Say whether a codec's records stand in a section of their own, not among the others."""
    kind = kind_of(codec)
    return kind is not None and kind.apart


def is_bounded(codec: str) -> bool:
    """Say whether a codec's setting is the largest error that it allows."""
    kind = kind_of(codec)
    return kind is not None and bool(kind.offer("is_bounded")(codec))
