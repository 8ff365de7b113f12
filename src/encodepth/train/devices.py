"""One process or many: accelerate's part in training, kept in one place.

`accelerate launch` and `torchrun` both say through the environment which process this is; started
plainly, it is the only one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from ..errors import EncodepthError


class Devices:
    """The device of this process, and its place among the others.

    Args:
        cpu: stay on the CPU even where there is a GPU.

    Raises:
        EncodepthError: several processes, but accelerate is not installed.
    """

    def __init__(self, cpu: bool = False) -> None:
        self._accelerator = None
        self.rank, self.processes = 0, 1
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            try:
                from accelerate import Accelerator, DistributedDataParallelKwargs
            except ImportError:
                raise EncodepthError(
                    'training on several devices needs accelerate: pip install "encodepth[train]"'
                ) from None
            # Depth without its context in a step leaves the context's tensors without gradient.
            unused = DistributedDataParallelKwargs(find_unused_parameters=True)
            self._accelerator = Accelerator(cpu=cpu, kwargs_handlers=[unused])
            self.rank = self._accelerator.process_index
            self.processes = self._accelerator.num_processes
            self.device = self._accelerator.device
        else:
            on_gpu = torch.cuda.is_available() and not cpu
            self.device = torch.device("cuda" if on_gpu else "cpu")

    @property
    def main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def spread(self, module: nn.Module) -> nn.Module:
        """Return the module, its gradients averaged over all processes."""
        module = module.to(self.device)
        return module if self._accelerator is None else self._accelerator.prepare_model(module)

    @contextmanager
    def hold(self, module: nn.Module, last: bool) -> Iterator[None]:
        """Keep gradients local until the last of several accumulated batches."""
        alone = self._accelerator is None or last
        with nullcontext() if alone else self._accelerator.no_sync(module):  # type: ignore[union-attr]
            yield

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Average a tensor over all processes."""
        if self._accelerator is None:
            return values
        mean: torch.Tensor = self._accelerator.reduce(values, reduction="mean")
        return mean

    def wait(self) -> None:
        """Let every process arrive here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def end(self) -> None:
        """Take leave of the other processes."""
        if self._accelerator is not None:
            self._accelerator.end_training()
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
