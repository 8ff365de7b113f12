"""Shuffled indices for loaders that want a dataset by index, cheap to decode."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from ..errors import InvalidSettingError
from ..settings import whole
from .order import dealt
from .recordings import Recordings
from .stream import Stream


class GroupSampler(Sampler[int]):
    """Indices of `Recordings` in the order of a `Stream`: every group is decoded once in an epoch.

    Give it to a loader as `sampler`, with the loader's `batch_size` and `num_workers`: a loader
    hands batches to workers in turn, and so each gets groups of its own.

    Args:
        recordings: the loader's dataset.
        batch_size: the loader's; 1 where it has None.
        workers: the loader's `num_workers`.
        shuffle, seed, buffer, rank, world: as for `Stream`.

    Raises:
        InvalidSettingError: an argument is out of its range.
    """

    def __init__(
        self,
        recordings: Recordings,
        *,
        batch_size: int = 1,
        workers: int = 0,
        shuffle: bool = True,
        seed: int = 0,
        buffer: int = 4,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        self._count = whole("batch_size", batch_size, 1)
        if workers < 0:
            raise InvalidSettingError(f"workers {workers} is not a whole number from 0 on")
        self._workers = workers
        self._stream = Stream(
            recordings, shuffle=shuffle, seed=seed, buffer=buffer, rank=rank, world=world,
            threads=recordings.threads,
        )  # fmt: skip

    def set_epoch(self, epoch: int) -> None:
        """Choose another order; call it before each epoch."""
        self._stream.set_epoch(epoch)

    def __len__(self) -> int:
        """Return how many samples this rank gets in the epoch that is set."""
        return len(self._stream)

    def __iter__(self) -> Iterator[int]:
        workers = max(self._workers, 1)
        return dealt([self._stream.indices(n, workers) for n in range(workers)], self._count)
