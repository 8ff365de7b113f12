"""The one training loop: steps, averages, checkpoints, validation; the same for every model.

What happens in step n follows from the recipe and n alone, noise included, so a run that was
stopped goes on bit for bit on the same machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import EncodepthError
from ..train import checkpoint
from .batches import Batch, Batches, Frame, Frames, loader
from .checkpoint import Checkpoint
from .devices import Devices
from .journal import Figures, Journal, Progress
from .schedule import length, make_optimiser, rate
from .tasks import Task

Stop = Callable[[], bool]
"""Asked before every step; True ends the run there, resumable."""


@dataclass
class Validation:
    """Pictures of one validation source, cut to one size."""

    label: str
    frames: Sequence[Frame]


@dataclass(frozen=True)
class Outcome:
    """How far a run came."""

    step: int
    steps: int
    seconds: float

    @property
    def done(self) -> bool:
        """Whether it reached its last step."""
        return self.step >= self.steps


class Loop:
    """A task in training, in a folder.

    Args:
        task: what is trained; its frozen tensors stay as they are.
        sources: training pictures, in the order of the recipe's sources.
        validation: pictures that are measured now and then.
        folder: gets checkpoint.safetensors and metrics.jsonl; its checkpoint is gone on from.
        devices: where this process works.
    """

    def __init__(
        self,
        task: Task,
        sources: Sequence[Frames],
        validation: Sequence[Validation],
        folder: Path,
        devices: Devices,
        quiet: bool = False,
    ) -> None:
        self.task, self.recipe, self.folder, self.devices = task, task.recipe, folder, devices
        settings = self.recipe.optimiser
        self.validation = validation
        self.batches = Batches(self.recipe, sources, devices.rank, devices.processes)
        per_step = settings.batch * settings.accumulate * devices.processes
        self.epoch = max(1, sum(len(s) for s in sources) // per_step)
        self.steps = length(self.recipe.schedule, self.epoch)
        task.to(devices.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.step, self.before, self.averages = 0, 0.0, {}
        state = self._load_weights()
        self.names = {n: p for n, p in task.named_parameters() if p.requires_grad}
        if not self.names:
            raise EncodepthError("every tensor is frozen; nothing to train")
        self.optimiser = make_optimiser(self.names, settings)
        if settings.ema:
            self.averages = {n: p.detach().clone() for n, p in self.names.items()}
        if state is not None:
            self._load_rest(state)
        self.module = devices.spread(task)
        if settings.compile:
            self.module = torch.compile(self.module, mode=settings.compile)  # type: ignore[assignment]
        self.progress = Progress(self.steps, quiet or not devices.main)
        self.journal: Journal | None = None

    def run(self, stop: Stop = lambda: False) -> Outcome:
        """Train to the last step, or until `stop` says so or the recipe's minutes are over.

        Raises:
            EncodepthError: the loss or a gradient is no number; the batch is in the folder.
        """
        log, began = self.recipe.log, time.monotonic()
        if self.devices.main:
            self.journal = Journal(self.folder, self.step, log.tensorboard)
        meter, bad, saved = Meter(), 0, self.step
        self.task.train()
        feed = self._feed()
        while self.step < self.steps:
            late = log.minutes and time.monotonic() - began > log.minutes * 60
            if self._agree(bool(late) or stop()):
                break
            costs, waited, batch = self._advance(feed)
            bad = bad + 1 if costs is None else 0
            if costs is None:
                self._report_bad(batch, bad)
            self.step += 1
            meter.add(costs, waited)
            if self.step % log.every == 0:
                self._log(meter.take())
            if self.step % log.checkpoint == 0 or self.step == self.steps:
                self.save(time.monotonic() - began)
                saved = self.step
            if self.step % self.recipe.validation.every == 0 or self.step == self.steps:
                self.validate()
                meter.restart()
        seconds = time.monotonic() - began
        if saved != self.step:
            self.save(seconds)
        if self.journal is not None:
            self.journal.close()
        return Outcome(self.step, self.steps, self.before + seconds)

    def save(self, seconds: float = 0.0) -> None:
        """Write the checkpoint, in the main process."""
        if self.devices.main:
            state = Checkpoint(
                self.step,
                dict(self.task.state_dict()),
                self.averages,
                checkpoint.state_of(self.task, self.optimiser),
                self.before + seconds,
                self.recipe.optimiser.kind,
            )
            checkpoint.save(self.folder / checkpoint.NAME, state)
        self.devices.wait()

    def validate(self) -> list[dict[str, Any]]:
        """Measure the validation pictures with the averaged weights, in the main process."""
        records = []
        if self.devices.main:
            with self.averaged(), torch.random.fork_rng(devices=_cuda(self.devices.device)):
                self.task.eval()
                for source in self.validation:
                    found = self.task.validate(source.frames, self.devices.device)
                    records += [{"source": source.label, **figures} for figures in found]
                self.task.train()
        for record in records:
            if self.journal is not None:
                self.journal.write("validation", self.step, record)
            self.progress.say(f"step {self.step}: {_line(record)}")
        self.devices.wait()
        return records

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averaged weights into the task for a while."""
        own = {n: self.names[n].detach().clone() for n in self.averages}
        try:
            with torch.no_grad():
                for name, average in self.averages.items():
                    self.names[name].copy_(average)
            yield
        finally:
            with torch.no_grad():
                for name, value in own.items():
                    self.names[name].copy_(value)

    def _advance(self, feed: Iterator[Batch]) -> tuple[Figures | None, float, Batch]:
        """Take one step; return (mean costs, seconds waited for data, last batch).

        No costs means that the loss or the gradient was no number and nothing was changed.
        """
        settings = self.recipe.optimiser
        factor = rate(self.recipe.schedule, self.step, self.steps, self.epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.lr * factor * group["factor"]
        self.optimiser.zero_grad()
        total: dict[str, Tensor] = {}
        waited = 0.0
        for part in range(settings.accumulate):
            asked = time.monotonic()
            batch = next(feed).to(self.devices.device)
            waited += time.monotonic() - asked
            torch.manual_seed(batch.seed)
            with self.devices.hold(self.module, part == settings.accumulate - 1):
                costs = self.module(batch)
                (costs["loss"].mean() / settings.accumulate).backward()
            for name, value in costs.items():
                mean = value.detach().mean() / settings.accumulate
                total[name] = total.get(name, 0) + mean
        values = self.devices.mean(torch.stack([v.float() for v in total.values()]))
        norm = nn.utils.clip_grad_norm_(self.names.values(), settings.clip)
        if not torch.isfinite(torch.cat([values, norm.view(1)])).all():
            return None, waited, batch
        self.optimiser.step()
        self._average()
        self.task.tend(self.step + 1)
        figures = dict(zip(total, values.tolist(), strict=True))
        return figures | {"gradient_norm": float(norm), "lr": settings.lr * factor}, waited, batch

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averages towards the weights, faster in the beginning."""
        if self.averages:
            done = self.step + 1
            decay = min(self.recipe.optimiser.ema, done / (done + 50))
            mine: list[Tensor] = [self.names[n] for n in self.averages]
            torch._foreach_lerp_(list(self.averages.values()), mine, 1 - decay)

    def _feed(self) -> Iterator[Batch]:
        parts = self.recipe.optimiser.accumulate
        pin = self.devices.device.type == "cuda"
        return iter(loader(self.batches, self.step * parts, self.steps * parts, pin))

    def _load_weights(self) -> Checkpoint | None:
        """Take up the folder's checkpoint, or prepare fresh weights."""
        path = self.folder / checkpoint.NAME
        if not path.exists():
            # Every process prepares from the same pictures: the first steps of the first one.
            first = Batches(self.recipe, self.batches.sources)
            numbers = range(max(1, self.task.samples // self.recipe.optimiser.batch))
            torch.manual_seed(self.recipe.seed)
            self.task.calibrate(_joined([first[n] for n in numbers]).to(self.devices.device))
            return None
        state = checkpoint.load(path)
        try:
            self.task.load_state_dict(state.model)
        except RuntimeError:
            raise EncodepthError(f"{path} is of another model than this recipe's") from None
        self.step, self.before = state.step, state.seconds
        return state

    def _load_rest(self, state: Checkpoint) -> None:
        if state.kind != self.recipe.optimiser.kind:
            raise EncodepthError(
                f"{self.folder} was trained with {state.kind}, not {self.recipe.optimiser.kind};"
                " start a new run from it with model.init"
            )
        checkpoint.restore_state(self.task, self.optimiser, state.optimiser)
        with torch.no_grad():
            for name, average in self.averages.items():
                average.copy_(state.ema.get(name, self.names[name]))

    def _agree(self, stop: bool) -> bool:
        """Stop in every process if one wants to."""
        if self.devices.processes == 1:
            return stop
        return bool(self.devices.mean(torch.tensor(float(stop), device=self.devices.device)) > 0)

    def _log(self, figures: Figures) -> None:
        if self.journal is not None:
            self.journal.write("train", self.step, figures)
        self.progress.show(self.step, figures)

    def _report_bad(self, batch: Batch, bad: int) -> None:
        """Keep the batch whose loss was no number; end the run when there were too many."""
        path = self.folder / f"bad-batch-{self.step}-{self.devices.rank}.safetensors"
        tensors = {k: v.contiguous() for k, v in vars(batch).items() if isinstance(v, Tensor)}
        safetensors.torch.save_file(tensors, path, {"seed": str(batch.seed)})
        text = f"step {self.step}: the loss or its gradient is no number; batch kept in {path}"
        if bad > self.recipe.optimiser.nan_patience:
            raise EncodepthError(f"{text}; the last checkpoint is sound")
        self.progress.say(f"{text}; step skipped")


class Meter:
    """Means since the last line, and where the time went."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything so far."""
        self.sums: Figures = {}
        self.count = self.good = 0
        self.waited, self.began, self.worked = 0.0, time.monotonic(), time.process_time()

    def add(self, costs: Figures | None, waited: float) -> None:
        """Count a step; None is one that was skipped."""
        self.count += 1
        self.waited += waited
        if costs is not None:
            self.good += 1
            for name, value in costs.items():
                self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> Figures:
        """Return the means and start over.

        `data_share` is the share of time spent waiting for data, `cores` how many this process
        had: fewer than its threads where the machine is shared.
        """
        seconds = max(time.monotonic() - self.began, 1e-9)
        figures = {name: value / max(self.good, 1) for name, value in self.sums.items()}
        figures.setdefault("loss", float("nan"))
        figures["steps_per_second"] = self.count / seconds
        figures["data_share"] = self.waited / seconds
        figures["cores"] = (time.process_time() - self.worked) / seconds
        self.restart()
        return figures


def _line(record: dict[str, Any]) -> str:
    units = {"bpp": " bpp", "psnr": " dB", "rmse_mm": " mm", "edge_bad": " flying"}
    parts = [f"{record['source']}  q{record['quality']}"]
    for name, value in record.items():
        plane, _, figure = name.partition("_")
        if figure in units:
            lead = f" {plane} " if figure == "bpp" else ""
            parts.append(f"{lead}{value:.4g}{units[figure]}")
    return "  ".join(parts)


def _joined(batches: Sequence[Batch]) -> Batch:
    """Put batches together to a larger one."""
    first = batches[0]
    values = dict(vars(first))
    for name, value in values.items():
        if isinstance(value, Tensor):
            values[name] = torch.cat([getattr(b, name) for b in batches])
    return Batch(**values)


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
