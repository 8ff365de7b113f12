"""The learning rate at a step, by tensor: a function of the recipe alone."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from ..errors import EncodepthError
from .config import Optimiser, Schedule


def length(schedule: Schedule, epoch: int) -> int:
    """Return the run's steps; `epoch` is how many steps pass over the data once."""
    return schedule.steps or schedule.epochs * epoch


def rate(schedule: Schedule, step: int, steps: int, epoch: int) -> float:
    """Return the factor on the learning rate of step 0..steps-1.

    A linear rise over `warmup`, a factor at each milestone passed (MultiStepLR, thesis section
    3.5), and a linear fall over the last `decay` steps (warm-up, stable, decay).
    """
    factor = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    factor *= schedule.factor ** sum(step >= m * epoch for m in schedule.milestones)
    left = steps - step
    if schedule.decay and left < schedule.decay:
        factor *= max(schedule.floor, left / schedule.decay)
    return factor


def by_rate(tensors: Mapping[str, nn.Parameter], settings: Optimiser) -> list[dict[str, Any]]:
    """Group tensors by the factor of the recipe's learning rate that they are trained with.

    Raises:
        EncodepthError: a pattern of `settings.rates` fits no tensor.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    unused = {r.match for r in settings.rates}
    for name, tensor in tensors.items():
        first = next((r for r in settings.rates if fnmatchcase(name, r.match)), None)
        if first is not None:
            unused.discard(first.match)
        groups.setdefault(1.0 if first is None else first.factor, []).append(tensor)
    if unused:
        raise EncodepthError(f'optimiser.rates: no tensor is named like "{min(unused)}"')
    return [{"params": params, "factor": factor} for factor, params in groups.items()]
