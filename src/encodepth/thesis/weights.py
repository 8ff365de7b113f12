"""Weights of the thesis's family on disk: safetensors, tables included, and the row.

Parameters are float32, or float16 where a file is to be small; a model computes in float32.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import safetensors
import safetensors.torch

from ..errors import ModelNotFoundError
from ..files import write_file
from ..learned.weights import TCM as FORMAT
from ..learned.weights import format_of, naming_failures
from .rows import TcmConfig
from .tcm import TCM


def save_tcm(path: str | Path, model: TCM, *, origin: str = "", half: bool = False) -> None:
    """Write a model with the tables it has, atomically.

    Args:
        path: of the file.
        model: what it holds.
        origin: where the weights come from.
        half: round parameters to float16, which halves the file; tables stay as they are.
    """
    metadata = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(model.config))}
    if origin:
        metadata["origin"] = origin
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    if half:
        state |= {k: state[k].half() for k, _ in model.named_parameters()}
    write_file(path, safetensors.torch.save(state, metadata))


def load_tcm(path: str | Path, device: str = "cpu") -> TCM:
    """Read a model, in evaluation mode.

    Raises:
        ModelNotFoundError: no such file, or not one of this family.
    """
    with naming_failures(path):
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelNotFoundError(f"{path} holds no {FORMAT} weights")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        fields = json.loads(metadata["config"])
        widths = tuple(fields.pop("slice_widths"))
        model = TCM(TcmConfig(**fields, slice_widths=widths))
        model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(device)


def is_tcm(path: str | Path) -> bool:
    """Whether a weights file says that it belongs to this family."""
    try:
        return format_of(path) == FORMAT
    except ModelNotFoundError:
        return False
