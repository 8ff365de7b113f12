"""Recordings as a stream of shuffled samples, cheap to decode, shared out among workers.

A frame drawn at random from a recording costs the frames of its group before it. A stream draws
from a few groups at a time instead: which groups, and which of their samples comes next, is random,
and every group is decoded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import InvalidSettingError
from ..settings import whole
from .order import dealt, drawn, held_at_once, in_order
from .recordings import Group, Recordings

_ROOM = 4  # samples that a thread may be ahead


class Stream(IterableDataset[Any]):
    """Samples of recordings, shuffled by groups of pictures.

    Workers of a loader and ranks of a job each get their own groups: every sample comes once in an
    epoch, from one of them. Ranks may get different numbers of samples, by a group or so.

    Args:
        recordings: where samples come from.
        shuffle: False for the order of `recordings`, as far as workers keep it.
        seed: the same seed and epoch give the same order.
        buffer: groups that samples of a thread are drawn from at a time; fewer where the cache of
            `recordings` cannot hold so many.
        threads: that decode ahead in each process, each its own groups; the order depends on it.
        rank, world: which part of all is this process's; torch.distributed's own if None.

    Raises:
        InvalidSettingError: an argument is out of its range.
    """

    def __init__(
        self,
        recordings: Recordings,
        *,
        shuffle: bool = True,
        seed: int = 0,
        buffer: int = 4,
        threads: int = 2,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        if buffer < 1:
            raise InvalidSettingError(f"buffer {buffer} is not a number of groups from 1 on")
        if seed < 0:
            raise InvalidSettingError(f"seed {seed} is not a whole number from 0 on")
        self.recordings, self.shuffle, self.seed, self.buffer = recordings, shuffle, seed, buffer
        self.threads = whole("threads", threads, 1)
        known = _distributed()
        self.rank = known[0] if rank is None else rank
        self.world = known[1] if world is None else world
        if not 0 <= self.rank < self.world:
            raise InvalidSettingError(f"rank {self.rank} is not within 0..{self.world - 1}")
        # shared, so that workers that live on from epoch to epoch hear of a new one
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Choose another order; call it before each epoch."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Return how many samples this rank gets in the epoch that is set."""
        return sum(len(group.samples) for group in self._own_groups())

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        here, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        order = self.indices(here, workers)
        if self.threads == 1:
            return (self.recordings[i] for i in order)
        return self.recordings.ahead(order, self.threads, _ROOM * self.threads)

    def indices(self, worker: int = 0, workers: int = 1) -> Iterator[int]:
        """Return which samples a worker of a loader gives, in order."""
        return dealt(self._lanes(self._own_groups()[worker::workers], worker))

    def _own_groups(self) -> list[Group]:
        groups = self.recordings.groups()
        if self.shuffle:
            groups = [groups[i] for i in self._chance().permutation(len(groups))]
        return groups[self.rank :: self.world]

    def _lanes(self, groups: Sequence[Group], worker: int) -> list[Iterator[int]]:
        """Return samples for each thread, from groups of its own while the cache holds them."""
        held = held_at_once(groups, self.recordings.cache_bytes)
        count = min(self.threads, held) if self.shuffle else 1
        most = min(max(held // count - 1, 1), self.buffer)
        return [
            drawn(groups[lane::count], most, self._chance(1, self.rank, worker, lane))
            if self.shuffle
            else in_order(groups)
            for lane in range(count)
        ]

    def _chance(self, *whose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, int(self._epoch), *whose))


def _distributed() -> tuple[int, int]:
    """Return rank and number of processes, of the job that this process is in."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1
