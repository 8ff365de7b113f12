"""Room for planes, used again: a system takes longer to hand out fresh memory than planes to fill.

What `empty` returns is an array like numpy's. When it and all views of it are gone its memory is
kept for the next one of that size, up to `SPARE` bytes in all; what is beyond goes back at once,
never in pieces, as the C library's may.
"""

from __future__ import annotations

import math
import mmap
from collections import deque
from typing import Any
from weakref import finalize

import numpy as np

SPARE = 1 << 26  # bytes kept while nobody uses them: a group of 640x480 and a batch or two
_LEAST = 1 << 17  # bytes below which the C library does as well
_HUGE = 1 << 22  # bytes from which on large pages are asked for, as numpy does
_PRIVATE = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)

_spare: deque[mmap.mmap] = deque()  # taken from the right; appending and popping need no lock


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array whose values are anything."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _LEAST or not _PRIVATE:
        return np.empty(shape, dtype)
    block = _taken(size) or _mapped(size)
    whole = np.frombuffer(block, dtype)
    base: Any = whole.base  # which every view keeps alive, and nothing else
    finalize(base, _give_back, block).atexit = False
    return whole.reshape(shape)


def kept(plane: np.ndarray) -> np.ndarray:
    """Return a plane that is to stay in room of its own: itself, or a copy of one that has none."""
    if plane.nbytes < _LEAST or not _PRIVATE or isinstance(_owner(plane), memoryview):
        return plane
    made = empty(plane.shape, plane.dtype)
    np.copyto(made, plane)
    return made


def _owner(array: np.ndarray) -> Any:
    """Return what an array's memory belongs to."""
    found: Any = array
    while isinstance(found, np.ndarray) and found.base is not None:
        found = found.base
    return found


def _mapped(size: int) -> mmap.mmap:
    block = mmap.mmap(-1, size, flags=_PRIVATE)  # of this process alone, after a fork too
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _taken(size: int) -> mmap.mmap | None:
    """Return spare room of exactly that size, None if there is none."""
    for _ in range(len(_spare)):
        try:
            block = _spare.pop()
        except IndexError:  # another thread took it
            return None
        if len(block) == size:
            return block
        _spare.appendleft(block)
    return None


def _give_back(block: mmap.mmap) -> None:
    """Keep what nobody uses any more; let go of what was kept longest."""
    _spare.append(block)
    try:
        while sum(map(len, tuple(_spare))) > SPARE:
            _spare.popleft()
    except IndexError:
        pass
