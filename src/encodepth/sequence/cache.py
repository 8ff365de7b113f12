"""Decoded groups of pictures that are kept for whoever asks again, up to a number of bytes.

One cache may serve many readers. The group in use is always kept, whatever its size; those that
were not asked for longest go first, and are found again while somebody else holds them. A forked
process starts with an empty one.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

from .group import DecodedGroup

CACHE_BYTES = 1 << 27  # two groups of 30 frames of 640x480
_FREED = 1 << 24  # bytes let go of after which the system gets them back
Key = tuple[Any, int]  # whose group it is, and its number there


class GroupCache:
    """Keeps decoded groups. Several threads may use it at once.

    Args:
        limit: bytes of planes and payloads that are kept; 0 keeps nothing but the last group.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self._begin()

    def get(self, key: Key, make: Callable[[], DecodedGroup]) -> DecodedGroup:
        """Return the group of that key, made if it is not here."""
        if os.getpid() != self._process:  # locks of the parent's threads mean nothing here
            self._begin()
        with self._lock:
            group = self._alive.get(key)
            if group is not None and key in self._held:
                self._held.move_to_end(key)
                return group
        made = make() if group is None else group
        with self._lock:
            group = self._held.setdefault(key, self._alive.setdefault(key, made))
            self._held.move_to_end(key)
            self._count(key, group)
        self._give_back()
        return group

    def settle(self, key: Key) -> None:
        """Count what was decoded of a group meanwhile, and let others go that are too much."""
        with self._lock:
            if key in self._held:
                self._count(key, self._held[key])
        self._give_back()

    def forget(self, owner: Any) -> None:
        """Let go of every group of one reader."""
        with self._lock:
            for key in [key for key in self._held if key[0] is owner]:
                self._drop(key)

    @property
    def bytes(self) -> int:
        """Bytes that are kept now."""
        return self._bytes

    def __getstate__(self) -> int:
        """Let another process have an empty cache of the same limit."""
        return self.limit

    def __setstate__(self, limit: int) -> None:
        self.__init__(limit)  # type: ignore[misc]

    def _begin(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self._held: OrderedDict[Key, DecodedGroup] = OrderedDict()
        self._alive: WeakValueDictionary[Key, DecodedGroup] = WeakValueDictionary()
        self._sizes: dict[Key, int] = {}
        self._bytes = self._freed = 0

    def _give_back(self) -> None:
        """Have the system get what was let go of, which the C library keeps in pieces otherwise."""
        if self._freed >= _FREED and (trim := _trimmer()) is not None:
            self._freed = 0
            trim(0)

    def _count(self, key: Key, group: DecodedGroup) -> None:
        self._bytes += group.bytes - self._sizes.get(key, 0)
        self._sizes[key] = group.bytes
        while self._bytes > self.limit and len(self._held) > 1:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Key) -> None:
        self._held.pop(key)
        size = self._sizes.pop(key)
        self._bytes, self._freed = self._bytes - size, self._freed + size


@cache
def _trimmer() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`, None where the C library has none."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
