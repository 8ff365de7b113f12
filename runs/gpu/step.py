"""One training step, all of it a CUDA graph: drawing crops, gradient, clipping, Adam, averages."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from encodepth.train.schedule import by_rate

from .jobs import Job


class Step:
    """A step that can be repeated; on a device that is no GPU it runs as it is written.

    Args:
        job: what is trained.
        rate: of Adam; the recipe's factors by tensor apply.
        batch: crops in a step.
        average: decay of the averaged weights.
    """

    def __init__(self, job: Job, rate: float, batch: int, average: float) -> None:
        self.job, self.rate, self.batch, self.average = job, rate, batch, average
        settings, names = job.task.recipe.optimiser, dict(job.task.named_parameters())
        self.clip, self.tensors = settings.clip, list(names.values())
        self.device = self.tensors[0].device
        self.cuda = self.device.type == "cuda"
        groups = by_rate(names, settings)
        for group in groups:
            del group["turned"]
            group["lr"] = torch.zeros((), device=self.device) if self.cuda else 0.0
        first = groups[0]["lr"]
        self.optimiser = torch.optim.Adam(groups, first, capturable=self.cuda, fused=True)
        self.averages = [p.detach().clone() for p in self.tensors]
        self.sums = torch.zeros(4, device=self.device)  # loss, figure, norm, steps left out
        self.weight = torch.zeros((), device=self.device)
        self.graph: torch.cuda.CUDAGraph | None = None
        if self.cuda:
            self._capture()

    def set(self, factor: float, done: int) -> None:
        """Set the learning rate for the steps that come; averages move faster at first."""
        for group in self.optimiser.param_groups:
            own = self.rate * factor * group["factor"]
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(own)
            else:
                group["lr"] = own
        self.weight.fill_(1 - min(self.average, (done + 1) / (done + 51)))

    def run(self) -> None:
        """Take a step."""
        if self.graph is not None:
            self.graph.replay()
        else:
            self.optimiser.zero_grad(set_to_none=True)
            self._once()

    @torch.no_grad()
    def export(self, path: Path) -> None:
        """Write the averaged weights."""
        own = [p.detach().clone() for p in self.tensors]
        torch._foreach_copy_(self.tensors, self.averages)
        hidden = path.with_suffix(".tmp")
        self.job.task.export(hidden)
        hidden.replace(path)
        torch._foreach_copy_(self.tensors, own)

    def _once(self) -> None:
        loss, figure, *_ = (cost.mean() for cost in self.job.costs(self.batch).values())
        loss.backward()
        grads = [p.grad for p in self.tensors if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        torch._foreach_mul_(grads, (self.clip / (norm + 1e-6)).clamp(max=1.0))
        bad = 1 - torch.isfinite(norm).float()
        self.optimiser.found_inf = bad  # type: ignore[attr-defined]  # Adam then changes nothing
        self.optimiser.step()
        with torch.no_grad():
            moves = torch._foreach_sub(self.tensors, self.averages)
            torch._foreach_mul_(moves, self.weight)
            torch._foreach_add_(self.averages, moves)
            self.sums += torch.nan_to_num(torch.stack([loss.detach(), figure.detach(), norm, bad]))

    def _capture(self) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # at a rate of 0
                self.optimiser.zero_grad(set_to_none=True)
                self._once()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self._once()
        self.sums.zero_()
