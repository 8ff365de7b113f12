"""Checkpoints: one safetensors file that is whole or absent.

Batches, noise and learning rate follow from the seed and the step, so tensors and the step are all
there is to keep: a run goes on bit for bit on the same machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import CorruptFileError

FORMAT = "encodepth-checkpoint-1"
NAME = "checkpoint.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
State = dict[str, Tensor]


@dataclass
class Checkpoint:
    """A run at rest: parameters and buffers, their average, Adam's moments, by name."""

    step: int
    model: State
    ema: State = field(default_factory=dict)
    moments: dict[str, State] = field(
        default_factory=dict
    )  # parameter -> exp_avg, exp_avg_sq, step
    seconds: float = 0.0  # spent so far


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a kill at any moment leaves either the old file or the new one."""
    tensors = {f"model/{k}": v for k, v in checkpoint.model.items()}
    tensors |= {f"ema/{k}": v for k, v in checkpoint.ema.items()}
    for name, moments in checkpoint.moments.items():
        tensors |= {f"adam/{name}/{k}": v for k, v in moments.items()}
    metadata = {
        "format": FORMAT, "step": str(checkpoint.step), "seconds": str(checkpoint.seconds)
    }  # fmt: skip
    temporary = path.with_suffix(".tmp")
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    temporary.unlink(missing_ok=True)
    temporary.touch()
    mode = temporary.stat().st_mode  # what the umask leaves; safetensors makes files private
    safetensors.torch.save_file(plain, temporary, metadata)
    temporary.chmod(mode)
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CorruptFileError: it cannot be read, or is none.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise CorruptFileError(f"cannot read checkpoint {path}: {error}") from None
    if metadata.get("format") != FORMAT:
        raise CorruptFileError(f"{path} is no {FORMAT}")
    checkpoint = Checkpoint(int(metadata["step"]), {}, seconds=float(metadata["seconds"]))
    for key, tensor in tensors.items():
        kind, name = key.split("/", 1)
        if kind == "adam":
            name, moment = name.rsplit("/", 1)
            checkpoint.moments.setdefault(name, {})[moment] = tensor
        else:
            getattr(checkpoint, kind)[name] = tensor
    return checkpoint


def moments_of(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, State]:
    """Return Adam's state by parameter name; a parameter without a gradient so far has none."""
    return {
        name: {k: optimiser.state[p][k] for k in _MOMENTS}
        for name, p in module.named_parameters()
        if p in optimiser.state
    }


def restore_moments(
    module: nn.Module, optimiser: torch.optim.Optimizer, moments: dict[str, State]
) -> None:
    """Undo `moments_of`, in each parameter's own memory layout."""
    for name, parameter in module.named_parameters():
        if name in moments:
            own = {k: torch.empty_like(parameter).copy_(moments[name][k]) for k in _MOMENTS[:2]}
            optimiser.state[parameter] = own | {"step": moments[name]["step"]}
