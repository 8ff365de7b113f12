"""Scenes for the page: original frames, and what codecs made of them (decoding.py)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError, InvalidImageError
from ..evaluate.records import Record
from ..frame import RgbdImage
from ..io.pictures import read
from ..view.sheet import round_up
from .html import rate


@dataclass(frozen=True, eq=False)
class Decoded:
    """One decoded part of a frame, with the record that measures it."""

    codec: str
    target: float  # bits per pixel that were aimed at
    picture: NDArray
    record: Record

    def words(self) -> str:
        """Say a depth map's rate and errors."""
        r = self.record
        return (
            f"{rate(r['bpp'])} bpp, RMSE {r['rmse_mm']:.1f} mm, "
            f"{100 * r['edge_bad']:.1f} % of edge pixels off by over 50 mm"
        )


@dataclass(frozen=True, eq=False)
class Scene:
    """One original frame and what codecs made of it."""

    name: str
    image: RgbdImage
    color: list[Decoded] = field(default_factory=list)
    depth: list[Decoded] = field(default_factory=list)

    def records(self) -> list[Record]:
        """The records of everything decoded."""
        return [d.record for d in (*self.color, *self.depth)]

    def with_depth(self, decoded: Decoded) -> RgbdImage:
        """Return the frame with a decoded depth map in place of its own."""
        image = self.image
        return RgbdImage(image.color, decoded.picture, image.depth_unit, image.intrinsics)

    def common_span(self, decoded: Sequence[Decoded]) -> float:
        """Return the error in mm that takes the last colour: the median of 99th percentiles."""
        return round_up(float(np.median([d.record["p99_mm"] for d in decoded])))


def read_scene(folder: str | os.PathLike[str]) -> tuple[str, RgbdImage]:
    """Read a folder's one colour picture and depth map: `color.*`, `depth.*`.

    The camera and the depth unit come from `cameras.json` in the folder above, under its name.

    Raises:
        EncodepthError: a part is missing, or is no picture.
    """
    place = Path(folder)
    parts = [sorted(place.glob(f"{name}.*")) for name in ("color", "depth")]
    if not all(parts):
        raise InvalidImageError(f"{place} has no color.* and depth.*; expected one picture pair")
    table = place.parent / "cameras.json"
    try:
        known = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}
    except (OSError, ValueError):
        raise EncodepthError(f"{table} cannot be read as JSON") from None
    camera = known.get(place.name, {})
    image = read(
        parts[0][0],
        parts[1][0],
        depth_unit=camera.get("depth_unit", 0.001),
        intrinsics=camera.get("intrinsics"),
    )
    return place.name, image
