"""In which order samples of recordings come, so that few groups of pictures are open at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .recordings import Group


def drawn(groups: Sequence[Group], most: int, chance: np.random.Generator) -> Iterator[int]:
    """Yield all samples of the groups, each drawn from those of at most so many groups."""
    left = list(reversed(groups))
    pool: list[list[int]] = []
    while left or pool:
        while left and len(pool) < most:
            pool.append(chance.permutation(list(left.pop().samples)).tolist())
        counts = np.array([len(held) for held in pool])
        which = int(chance.choice(len(pool), p=counts / counts.sum()))
        yield pool[which].pop()
        if not pool[which]:
            pool.pop(which)


def in_order(groups: Sequence[Group]) -> Iterator[int]:
    """Yield all samples of the groups as they come."""
    for group in groups:
        yield from group.samples


def dealt(lanes: Sequence[Iterator[int]], count: int = 1) -> Iterator[int]:
    """Yield `count` of each lane in turn, until all are at their end."""
    left = list(lanes)
    while left:
        for lane in tuple(left):
            for _ in range(count):
                if (one := next(lane, None)) is None:
                    left.remove(lane)
                    break
                yield one


def held_at_once(groups: Sequence[Group], cache: int) -> int:
    """Return how many groups a cache of so many bytes holds, at least one."""
    return max(cache // max((group.bytes for group in groups), default=1), 1)
