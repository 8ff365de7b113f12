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
from .recordings import Group, Recordings


class Stream(IterableDataset[Any]):
    """Samples of recordings, shuffled by groups of pictures.

    Workers of a loader and ranks of a job each get their own groups: every sample comes once in an
    epoch, from one of them. Ranks may get different numbers of samples, by a group or so.

    Args:
        recordings: where samples come from.
        shuffle: False for the order of `recordings`, as far as workers keep it.
        seed: the same seed and epoch give the same order.
        buffer: groups that samples are drawn from at a time; fewer where the cache of `recordings`
            cannot hold so many.
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
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        if buffer < 1:
            raise InvalidSettingError(f"buffer {buffer} is not a number of groups from 1 on")
        if seed < 0:
            raise InvalidSettingError(f"seed {seed} is not a whole number from 0 on")
        self.recordings, self.shuffle, self.seed, self.buffer = recordings, shuffle, seed, buffer
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
        mine = self._own_groups()[here::workers]
        chance = self._chance(1, self.rank, here)
        for i in self._drawn(mine, chance) if self.shuffle else _in_order(mine):
            yield self.recordings[i]

    def _own_groups(self) -> list[Group]:
        groups = self.recordings.groups()
        if self.shuffle:
            groups = [groups[i] for i in self._chance().permutation(len(groups))]
        return groups[self.rank :: self.world]

    def _drawn(self, groups: Sequence[Group], chance: np.random.Generator) -> Iterator[int]:
        """Yield all samples of the groups, each drawn from those of a few groups."""
        left = list(reversed(groups))
        pool: list[list[int]] = []
        most = self._at_a_time(groups)
        while left or pool:
            while left and len(pool) < most:
                pool.append(chance.permutation(list(left.pop().samples)).tolist())
            counts = np.array([len(held) for held in pool])
            which = int(chance.choice(len(pool), p=counts / counts.sum()))
            yield pool[which].pop()
            if not pool[which]:
                pool.pop(which)

    def _at_a_time(self, groups: Sequence[Group]) -> int:
        """Return how many groups may be open, so that the cache holds them and the next one."""
        largest = max((group.bytes for group in groups), default=1)
        return int(np.clip(self.recordings.cache_bytes // max(largest, 1) - 1, 1, self.buffer))

    def _chance(self, *whose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, int(self._epoch), *whose))


def _in_order(groups: Sequence[Group]) -> Iterator[int]:
    for group in groups:
        yield from group.samples


def _distributed() -> tuple[int, int]:
    """Return rank and number of processes, of the job that this process is in."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1
