"""The optimiser, and the learning rate at a step by tensor: functions of the recipe alone."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from ..errors import EncodepthError
from .config import Optimiser, Schedule
from .soap import Soap, is_matrix


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


def make_optimiser(
    tensors: Mapping[str, nn.Parameter], settings: Optimiser
) -> torch.optim.Optimizer:
    """Return the recipe's optimiser; each group's "factor" is of the recipe's learning rate.

    Raises:
        EncodepthError: a pattern of `settings.rates` fits no tensor.
    """
    groups = by_rate(tensors, settings)
    if settings.kind == "adam":
        return torch.optim.Adam(groups, settings.lr, betas=settings.betas)
    return Soap(groups, settings.lr, largest=settings.soap_largest, every=settings.soap_every)


def by_rate(tensors: Mapping[str, nn.Parameter], settings: Optimiser) -> list[dict[str, Any]]:
    """Group tensors by their factor of the learning rate and by what SOAP does to them.

    Raises:
        EncodepthError: a pattern of `settings.rates` fits no tensor.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    unused = {r.match for r in settings.rates}
    for name, tensor in tensors.items():
        first = next((r for r in settings.rates if fnmatchcase(name, r.match)), None)
        if first is not None:
            unused.discard(first.match)
        factor = 1.0 if first is None else first.factor
        turned = settings.kind == "soap" and is_matrix(name, tensor)
        if settings.kind == "soap" and not turned:
            factor *= settings.soap_rest
        groups.setdefault((factor, turned), []).append(tensor)
    if unused:
        raise EncodepthError(f'optimiser.rates: no tensor is named like "{min(unused)}"')
    return [
        {
            "params": params,
            "factor": factor,
            "turned": turned,
            "betas": settings.soap_betas if turned else settings.betas,
        }
        for (factor, turned), params in groups.items()
    ]
