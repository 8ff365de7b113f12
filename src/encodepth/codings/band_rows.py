"""Coding a band's rows, and decoding them while they are still written, which proves the bytes.

A carry runs back through bytes already written, so what a decoder may read ends before the last
byte that can still take one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .behind import Step, follow
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
    back, known = np.zeros_like(band), rows.fresh(band.shape[1])
    table, top = table.astype(np.int32), len(table) - 1

    def decode(first: int, end: int, step: Step) -> bool:
        read = data[: step.final]
        return rows.code(back, first, end, table, top, read, True, known) >= 0

    last, decoded = follow(_encode(band, place, top, data, rows), decode, AHEAD)
    size = last.size if last is not None and last.end else -1
    return size, back if size >= 0 and decoded == len(band) else None


def _encode(
    band: np.ndarray, place: np.ndarray, top: int, data: np.ndarray, rows: Rows
) -> Iterator[Step]:
    """Code a band; end before its end where there is no room."""
    known, height = rows.fresh(band.shape[1]), len(band)
    for first in range(0, height, _STEP):
        end = min(first + _STEP, height)
        size = rows.code(band, first, end, place, top, data, False, known)
        if size < 0:
            return
        yield Step(end, size, size if end == height else _final(data, size), end == height)


def _final(data: np.ndarray, size: int) -> int:
    """Return how many of the bytes no carry can reach: it stops at one that is not 255."""
    last = min(size, len(data)) - 1
    while last >= 0 and data[last] == 255:
        last -= 1
    return max(last, 0)
