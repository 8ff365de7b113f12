"""What `encode` says of the picture it read: unit, range, camera, and what had to be changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..frame import RgbdImage


def about(picture: RgbdImage, unit: float | None) -> Iterator[str]:
    """Yield lines on a picture that was read from files named one by one.

    Args:
        picture: as it was read.
        unit: of the file's numbers as an option says, None if none does.
    """
    from ..io.pair import ASSUMED, OPTION, UNKNOWN, Source
    from ..io.words import camera_words, range_words, unit_words

    words = []
    if picture.depth is not None:
        depth = picture.depth[picture.depth > 0].astype(float) * picture.depth_unit
        known = ASSUMED if unit is None else OPTION
        if unit is not None and picture.depth_unit != unit:
            known = Source(f"a step for floats in units of {unit:g} m, an option")
        words.append(unit_words(picture.depth_unit, known))
        words.append(range_words(*(depth.min(), depth.max()) if depth.size else (0.0, 0.0)))
    source = UNKNOWN if picture.intrinsics is None else OPTION
    words.append(camera_words(picture.intrinsics, source))
    yield ", ".join(words)
    yield from map(str, picture.notes)
