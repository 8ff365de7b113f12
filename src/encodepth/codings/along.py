"""Coding a plane of places while a second thread decodes what is written, so that bytes are proved.

What a coder learns and how it codes rows are its own affair (`Rows`); how far an encoder is and
when bytes are too many are said here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import CorruptFileError, EncodepthError
from .arithmetic import AT, decoder, encoder, finish
from .behind import Step, follow

CHUNK = 6  # bytes per pixel no encoding needs in practice
SLACK = 8  # bytes beyond the end that a decoder may read
_AHEAD = 4  # bytes that a decoder has read where an encoder has written none
_BAND = 16  # rows after which an encoder tells how far it is


class Rows(NamedTuple):
    """A coder of planes.

    Attributes:
        fresh: (width, coder, data) -> what both sides begin with; it has a `mixer`, which holds
            the coder and the data.
        code: (plane, first, end, top, decode, what is known) -> whether coding rows first..end - 1,
            or decoding into them, worked.
    """

    fresh: Callable[[int, np.ndarray, np.ndarray], Any]
    code: Callable[[np.ndarray, int, int, int, bool, Any], bool]


def encode_rows(plane: np.ndarray, rows: Rows) -> bytes | None:
    """Code a plane exactly, and prove it: the bytes are decoded while they are written.

    Args:
        plane: (h, w) of integers 0..65535, 0 = hole.
        rows: how.

    Returns:
        The bytes, or None where the plane is noise that would take more than six bytes a pixel.

    Raises:
        EncodepthError: the bytes decode to another plane.
    """
    plane = np.ascontiguousarray(plane, np.int32)
    data = np.zeros(plane.size * CHUNK + 64, np.uint8)
    back = np.zeros_like(plane)
    decode = _decoder(back, int(plane.max()), data, rows)
    last, decoded = follow(_encode(plane, data, rows), decode, _AHEAD)
    if last is None or not last.end:
        return None
    if decoded < len(plane) or not np.array_equal(back, plane):
        raise EncodepthError("exact depth decodes to another plane than was encoded")
    return data[: last.size].tobytes()


def decode_rows(
    payload: bytes, height: int, width: int, top: int, rows: Rows
) -> tuple[np.ndarray, int]:
    """Decode what `encode_rows` coded: int32 (height, width), and how many bytes were read.

    Up to four bytes beyond the end are read, which are zero.

    Args:
        payload: the bytes.
        height, width: of the plane.
        top: the largest value of the plane that was encoded.
        rows: how.

    Raises:
        CorruptFileError: the bytes are not such a plane.
    """
    plane = np.zeros((height, width), np.int32)
    data = np.frombuffer(payload, np.uint8).copy()
    coder = decoder(data)
    whole = rows.code(plane, 0, height, top, True, rows.fresh(width, coder, data))
    if not whole or coder[AT] > len(data) + SLACK:
        raise CorruptFileError("exact depth ends too early or holds an impossible value")
    return plane, int(coder[AT])


def _encode(plane: np.ndarray, data: np.ndarray, rows: Rows) -> Iterator[Step]:
    """Code a plane into `data`; end before its end where there is no room."""
    height, width = plane.shape
    coder = encoder()
    state, top = rows.fresh(width, coder, data), int(plane.max())
    for first in range(0, height, _BAND):
        end = min(first + _BAND, height)
        if not rows.code(plane, first, end, top, False, state):
            return
        size = int(coder[AT])
        yield Step(end, size, size, False)
    if coder[AT] + SLACK > len(data):
        return
    size = finish(coder, data)
    yield Step(height, size, size, True)


def _decoder(
    plane: np.ndarray, top: int, data: np.ndarray, rows: Rows
) -> Callable[[int, int, Step], bool]:
    """Return what decodes rows from as much of `data` as is final, into a plane."""
    state: Any = None

    def decode(first: int, end: int, step: Step) -> bool:
        nonlocal state
        known = data[: step.final]
        state = state or rows.fresh(plane.shape[1], decoder(known), known)
        state = state._replace(mixer=state.mixer._replace(data=known))
        if not rows.code(plane, first, end, top, True, state):
            return False
        return bool(state.mixer.coder[AT] <= step.final + (SLACK if step.end else 0))

    return decode
