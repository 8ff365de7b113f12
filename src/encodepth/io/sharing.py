"""One step for the float depth of a whole recording, which has one unit.

Each float map alone would get the finest step of its own range, and frames would differ in unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import EncodepthError
from .floats import SharedStep
from .pair import Pair, file_of, read_stored
from .pictures import raw_depth

_FLOATS = (".npy", ".tif", ".tiff")  # files that may hold floats


def with_one_step(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Return the pairs, float depth with a step that all of them can have.

    Float files are read once for that; nothing is read where depth is whole numbers or a step was
    asked for.
    """
    first = next((pair for pair in pairs if pair.depth is not None), None)
    if first is None or first.depth_step is not None or not _may_be_floats(first.depth):
        return pairs
    shared = SharedStep(first.depth_unit, first.far)
    floats = [pair for pair in pairs if pair.reader is read_stored and _may_be_floats(pair.depth)]
    found = [pair for pair in floats if _look(pair, shared)]
    return [replace(pair, shared_step=shared.step) for pair in pairs] if found else pairs


def _look(pair: Pair, shared: SharedStep) -> bool:
    """Show a map to `shared`; return whether it holds floats that can be read."""
    assert pair.depth is not None
    try:
        raw = raw_depth(file_of(pair.depth, "depth"))
    except (EncodepthError, OSError, MemoryError):  # named when the frame is read
        return False
    if raw.dtype.kind == "f":
        shared.add(raw)
    return raw.dtype.kind == "f"


def _may_be_floats(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() in _FLOATS
