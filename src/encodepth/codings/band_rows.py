"""Coding a band's rows, and decoding them while they are still written, which proves the bytes.

A carry runs back through bytes already written, so what a decoder may read ends before the last
byte that can still take one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from .range56 import AHEAD

_STEP = 80  # rows after which an encoder tells how far it is


class Rows(NamedTuple):
    """How rows are coded.

    Attributes:
        fresh: width -> arrays that both sides begin with.
        walk: (band, first, end, table, top, data, *arrays, way) -> bytes so far, -1 if that failed,
            compiled. Codes rows first..end - 1 of `band`, uint16 (rows, w), or decodes into them.
            `table`, int32, is each value's place; decoding, each place's value. `data` is filled
            with at most its size, or read; after the last row all of it was.
        ways: what says to `walk` that it encodes, and that it decodes.
    """

    fresh: Callable[[int], tuple[np.ndarray, ...]]
    walk: Callable[..., int]
    ways: tuple[Any, Any] = (False, True)

    def code(
        self,
        band: np.ndarray,
        first: int,
        end: int,
        table: np.ndarray,
        top: int,
        data: np.ndarray,
        decoding: bool,
        known: tuple[np.ndarray, ...],
    ) -> int:
        """Code rows, or decode into them, as `walk` does; `known` are the arrays so far."""
        return self.walk(band, first, end, table, top, data, *known, self.ways[decoding])


class _Written(NamedTuple):
    """How far an encoder is: rows, bytes, those that will not change, all of them at the end."""

    rows: int
    size: int
    final: int


def encode_rows(band: np.ndarray, place: np.ndarray, top: int, data: np.ndarray, rows: Rows) -> int:
    """Code a band into `data`; return how many bytes it takes, -1 if they do not fit."""
    return rows.code(band, 0, len(band), place, top, data, False, rows.fresh(band.shape[1]))


def decode_rows(band: np.ndarray, table: np.ndarray, data: np.ndarray, rows: Rows) -> bool:
    """Decode into a band; return whether the bytes are such a band's.

    Args:
        band: uint16 (rows, w), filled.
        table: uint16 (n,), each place's value.
        data: uint8, the bytes.
        rows: how.
    """
    table, known = table.astype(np.int32), rows.fresh(band.shape[1])
    return rows.code(band, 0, len(band), table, len(table) - 1, data, True, known) >= 0


def encode_and_decode_rows(
    band: np.ndarray, place: np.ndarray, table: np.ndarray, data: np.ndarray, rows: Rows
) -> tuple[int, np.ndarray | None]:
    """Code a band as `encode_rows` does, and decode it on a second thread a few rows behind.

    Returns:
        The bytes, and what they decode to; None if they do not fit or cannot be decoded.
    """
    back, steps = np.zeros_like(band), SimpleQueue[_Written | None]()
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(_decode_behind, back, table.astype(np.int32), data, steps, rows)
        try:
            size = _encode_before(band, place, len(table) - 1, data, steps, rows)
        finally:
            steps.put(None)
        return size, back if whole.result() and size >= 0 else None


def _encode_before(
    band: np.ndarray,
    place: np.ndarray,
    top: int,
    data: np.ndarray,
    steps: SimpleQueue[_Written | None],
    rows: Rows,
) -> int:
    """Code a band, telling every few rows how far it is; return the bytes, -1 if too many."""
    known, size = rows.fresh(band.shape[1]), 0
    for first in range(0, len(band), _STEP):
        end = min(first + _STEP, len(band))
        size = rows.code(band, first, end, place, top, data, False, known)
        if size < 0:
            return size
        steps.put(_Written(end, size, size if end == len(band) else _final(data, size)))
    return size


def _final(data: np.ndarray, size: int) -> int:
    """Return how many of the bytes no carry can reach: it stops at one that is not 255."""
    last = min(size, len(data)) - 1
    while last >= 0 and data[last] == 255:
        last -= 1
    return max(last, 0)


def _decode_behind(
    band: np.ndarray,
    table: np.ndarray,
    data: np.ndarray,
    steps: SimpleQueue[_Written | None],
    rows: Rows,
) -> bool:
    """Decode a band as far as an encoder is; return whether all of it was decoded.

    At the end of a row a decoder has read some bytes more than the encoder had written there.
    """
    known, first, waiting = rows.fresh(band.shape[1]), 0, deque[_Written]()
    while (step := steps.get()) is not None:
        waiting.append(step)
        done = step.rows == len(band)
        while waiting and (done or waiting[0].size + AHEAD <= step.final):
            end = waiting.popleft().rows
            read = data[: step.final]
            if rows.code(band, first, end, table, len(table) - 1, read, True, known) < 0:
                return False
            first = end
    return first == len(band)
