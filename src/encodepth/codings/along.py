"""Coding a plane of places while a second thread decodes what is written, so that bytes are proved.

What a coder learns and how it codes rows are its own affair (`Rows`); how far an encoder is, what a
decoder may already read, and when bytes are too many are said here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any, NamedTuple

import numpy as np

from ..errors import CorruptFileError, EncodepthError
from .arithmetic import AT, decoder, encoder, finish

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


class _Written(NamedTuple):
    """How far an encoder is: the bytes before `size` will not change."""

    rows: int
    size: int
    end: bool


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
    written: Queue[_Written | None] = Queue()
    with ThreadPoolExecutor(1) as pool:
        proof = pool.submit(_decode_along, plane.shape, int(plane.max()), data, written, rows)
        try:
            size = _encode(plane, data, written, rows)
        finally:
            written.put(None)
        if size is None:
            return None
        decoded = proof.result()
        if decoded is None or not np.array_equal(decoded, plane):
            raise EncodepthError("exact depth decodes to another plane than was encoded")
    return data[:size].tobytes()


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


def _encode(
    plane: np.ndarray, data: np.ndarray, written: Queue[_Written | None], rows: Rows
) -> int | None:
    """Code a plane into `data`, telling every few rows; return the size, None if too large."""
    height, width = plane.shape
    coder = encoder()
    state, top = rows.fresh(width, coder, data), int(plane.max())
    for first in range(0, height, _BAND):
        end = min(first + _BAND, height)
        if not rows.code(plane, first, end, top, False, state):
            return None
        written.put(_Written(end, int(coder[AT]), False))
    if coder[AT] + SLACK > len(data):
        return None
    size = finish(coder, data)
    written.put(_Written(height, size, True))
    return size


def _decode_along(
    shape: tuple[int, int],
    top: int,
    data: np.ndarray,
    written: Queue[_Written | None],
    rows: Rows,
) -> np.ndarray | None:
    """Decode what an encoder writes into `data`, as far as it is; return None if that fails.

    The decoder sees no bytes that may still change. At the end of a row it has read four more than
    the encoder had written there, so it waits until those are there too.
    """
    plane, first = np.zeros(shape, np.int32), 0
    state: Any = None
    waiting: deque[_Written] = deque()
    while (step := written.get()) is not None:
        waiting.append(step)
        known = data[: step.size]
        while waiting and (step.end or waiting[0].size + _AHEAD <= step.size):
            state = state or rows.fresh(shape[1], decoder(known), known)
            state = state._replace(mixer=state.mixer._replace(data=known))
            end, read = waiting.popleft().rows, state.mixer.coder
            if not rows.code(plane, first, end, top, True, state):
                return None
            if read[AT] > step.size + (SLACK if step.end else 0):
                return None
            first = end
    return plane
