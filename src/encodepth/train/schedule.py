"""The learning rate at a step: a pure function of the recipe, so that resuming needs no state."""

from __future__ import annotations

from .config import Schedule


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
