"""Checkpoints: one safetensors file that is whole or absent.

Batches, noise and learning rate follow from the seed and the step, so tensors and the step are all
there is to keep: a run goes on bit for bit on the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import CorruptFileError
from ..files import write_file

FORMAT = "encodepth-checkpoint-1"
NAME = "checkpoint.safetensors"
State = dict[str, Tensor]


@dataclass
class Checkpoint:
    """A run at rest: parameters and buffers, their average, the optimiser's tensors, by name."""

    step: int
    model: State
    ema: State = field(default_factory=dict)
    optimiser: dict[str, State] = field(default_factory=dict)  # parameter -> what is kept for it
    seconds: float = 0.0  # spent so far
    kind: str = "adam"  # of optimiser


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a kill at any moment leaves either the old file or the new one."""
    tensors = {f"model/{k}": v for k, v in checkpoint.model.items()}
    tensors |= {f"ema/{k}": v for k, v in checkpoint.ema.items()}
    for name, kept in checkpoint.optimiser.items():
        tensors |= {f"{checkpoint.kind}/{name}/{k}": v for k, v in kept.items()}
    metadata = {
        "format": FORMAT,
        "step": str(checkpoint.step),
        "seconds": str(checkpoint.seconds),
        "optimiser": checkpoint.kind,
    }
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    write_file(path, safetensors.torch.save(plain, metadata))


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
    checkpoint = Checkpoint(
        int(metadata["step"]),
        {},
        seconds=float(metadata["seconds"]),
        kind=metadata.get("optimiser", "adam"),
    )
    for key, tensor in tensors.items():
        kind, name = key.split("/", 1)
        if kind == checkpoint.kind:
            name, part = name.rsplit("/", 1)
            checkpoint.optimiser.setdefault(name, {})[part] = tensor
        else:
            getattr(checkpoint, kind)[name] = tensor
    return checkpoint


def state_of(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, State]:
    """Return an optimiser's state by parameter name; one without a gradient so far has none."""
    return {
        name: dict(optimiser.state[p])
        for name, p in module.named_parameters()
        if p in optimiser.state
    }


def restore_state(
    module: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, State]
) -> None:
    """Undo `state_of`; what has a parameter's shape takes its memory layout, counters stay here."""
    for name, parameter in module.named_parameters():
        for key, tensor in state.get(name, {}).items():
            if key == "step":
                own = tensor
            elif tensor.shape == parameter.shape:
                own = torch.empty_like(parameter).copy_(tensor)
            else:
                own = tensor.to(parameter.device)
            optimiser.state[parameter][key] = own
