"""Decoding rows on a second thread while they are coded, a few rows behind: bytes proved early."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple


class Step(NamedTuple):
    """How far an encoder is.

    Attributes:
        rows: so many are coded.
        size: bytes that were written.
        final: so many of them will not change.
        end: whether there are no more rows, and all bytes are final.
    """

    rows: int
    size: int
    final: int
    end: bool


def follow(
    steps: Iterator[Step], decode: Callable[[int, int, Step], bool], ahead: int
) -> tuple[Step | None, int]:
    """Run an encoder to its end, and behind it a decoder that sees no byte that may still change.

    Args:
        steps: codes some rows and says how far it is, again and again.
        decode: (first, end, step) -> whether rows first..end - 1 could be decoded from the bytes
            that are final at that step.
        ahead: bytes that a decoder has read at the end of rows where an encoder has written none:
            it waits until those are there too.

    Returns:
        The last step, None without any, and how many rows were decoded.
    """
    told, last = SimpleQueue[Step | None](), None
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(_behind, told, decode, ahead)
        try:
            for last in steps:
                told.put(last)
        finally:
            told.put(None)
        return last, done.result()


def _behind(
    told: SimpleQueue[Step | None], decode: Callable[[int, int, Step], bool], ahead: int
) -> int:
    first, waiting = 0, deque[Step]()
    while (step := told.get()) is not None:
        waiting.append(step)
        while waiting and (step.end or waiting[0].size + ahead <= step.final):
            end = waiting.popleft().rows
            if not decode(first, end, step):
                return first
            first = end
    return first
