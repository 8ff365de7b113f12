"""Groups of pictures coded by threads of their own, several at a time, and handed on in order.

Whatever the number of threads, what comes out is the same, since a group is coded from its frames
alone. Threads do, because all that takes time releases the interpreter's lock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

from ..frame import Frame

Made = TypeVar("Made")
Group = Sequence[Frame]


class Coder(Generic[Made]):
    """Takes groups, codes `jobs` of them at a time, and hands them on in the order they came.

    The threads end with the process, whatever they are at.

    Args:
        encode: what is done to a group; called by several threads.
        write: takes what `encode` returned, one group after another, in one thread.
        settled: called with each group that was written, dropped or failed.
        jobs: threads that code.

    Attributes:
        failure: the first exception that `encode` or `write` raised; nothing is written after it.
    """

    def __init__(
        self,
        encode: Callable[[Group], Made],
        write: Callable[[Made], None],
        settled: Callable[[Group], None],
        jobs: int = 1,
    ) -> None:
        self._encode, self._write, self._settled = encode, write, settled
        self._todo: queue.Queue[tuple[Future[Made], Group] | None] = queue.Queue()
        self._order: queue.Queue[tuple[Future[Made], Group] | None] = queue.Queue()
        self._dropping = False
        self.failure: BaseException | None = None
        self._jobs = jobs
        for _ in range(jobs):
            threading.Thread(target=self._code, name="encodepth coder", daemon=True).start()
        self._last = threading.Thread(target=self._hand_on, name="encodepth writer", daemon=True)
        self._last.start()

    def put(self, group: Group) -> None:
        """Have a group coded when a thread is free."""
        item = Future[Made](), group
        self._todo.put(item)
        self._order.put(item)

    def drop(self) -> None:
        """Give up the groups that no thread has begun."""
        self._dropping = True

    def close(self) -> None:
        """Wait until all groups are settled; the last call."""
        for _ in range(self._jobs):
            self._todo.put(None)
        self._order.put(None)
        self._last.join()

    def _code(self) -> None:
        while (item := self._todo.get()) is not None:
            future, group = item
            if self._dropping or self.failure is not None:
                future.set_exception(CancelledError())
                continue
            try:
                future.set_result(self._encode(group))
            except BaseException as error:
                future.set_exception(error)
            del item, future, group  # not held while the next one is awaited

    def _hand_on(self) -> None:
        while (item := self._order.get()) is not None:
            future, group = item
            try:
                made = future.result()
                if self.failure is None:
                    self._write(made)
            except CancelledError:
                pass
            except BaseException as error:
                self.failure = self.failure or error
            self._settled(group)
            del item, future, group
