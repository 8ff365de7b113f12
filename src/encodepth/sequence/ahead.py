"""Making things in order, several at a time: some are made ahead of the one in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

Place = TypeVar("Place")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Place], Made],
    places: Iterable[Place],
    threads: int,
    room: int,
    hold: Callable[[Place], Any] | None = None,
) -> Iterator[Made]:
    """Yield what `make` makes of each place, in order.

    Args:
        make: called by several threads; what it raises is raised when its turn has come.
        places: taken as they are needed.
        threads: that make at a time.
        room: how many may be made or under way beside the one in use.
        hold: called with each place in their order, before a thread makes it; what it returns lives
            until that is made. What it raises is left for `make` to raise.
    """

    def made(place: Place, _held: Any) -> Made:
        return make(place)

    waiting = deque[Future[Made]]()
    with ThreadPoolExecutor(threads, "encodepth ahead") as pool:
        try:
            for place in places:
                held = None
                if hold is not None:
                    with suppress(Exception):
                        held = hold(place)
                waiting.append(pool.submit(made, place, held))
                if len(waiting) > room:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
