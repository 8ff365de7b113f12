"""Making things in order, several at a time: some are made ahead of the one in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Place = TypeVar("Place")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Place], Made], places: Iterable[Place], threads: int, room: int
) -> Iterator[Made]:
    """Yield what `make` makes of each place, in order.

    Args:
        make: called by several threads; what it raises is raised when its turn has come.
        places: taken as they are needed.
        threads: that make at a time.
        room: how many may be made or under way beside the one in use.
    """
    waiting = deque[Future[Made]]()
    with ThreadPoolExecutor(threads, "encodepth ahead") as pool:
        try:
            for place in places:
                waiting.append(pool.submit(make, place))
                if len(waiting) > room:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
