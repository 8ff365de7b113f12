"""Opening a checkpoint of the public LIC-TCM code: what `torch.save` left, read as plain data.

Files say what they are by their content, never by their name, which mostly ends in ".pth.tar" and
is no archive. Only tensors and plain containers are read; a pickle that asks for more is refused.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelNotFoundError

_SAVED = (b"PK\x03\x04", b"\x80")  # how files of torch.save begin: zip, or a pickle before 1.6
_FOREIGN = re.compile(r"GLOBAL (\S+)")
State = dict[str, Tensor]


def is_saved_by_torch(path: str | Path) -> bool:
    """Whether a file begins as those of `torch.save` do."""
    try:
        with open(path, "rb") as file:
            return file.read(4).startswith(_SAVED)
    except OSError:
        return False


def read_content(path: str | Path) -> Any:
    """Return what a file of `torch.save` holds, tensors mapped from the file where it can be.

    Raises:
        ModelNotFoundError: no such file, not of `torch.save`, or with more than plain data in it.
    """
    if not Path(path).is_file():
        raise ModelNotFoundError(f"no checkpoint at {path}")
    if not is_saved_by_torch(path):
        raise ModelNotFoundError(
            f"{path} was not written by torch.save; expected a checkpoint of the public LIC-TCM"
            " code (weights of encodepth are used as they are, with --model)"
        )
    try:
        return _load(path)
    except pickle.UnpicklingError as error:
        found = _FOREIGN.search(str(error))
        what = f"asks for {found[1]}" if found else f"is no plain data ({_first(error)})"
        raise ModelNotFoundError(
            f"{path} {what}; only tensors are read, so save its state_dict alone and import that"
        ) from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ModelNotFoundError(f"cannot read checkpoint {path}: {_first(error)}") from None


def state_of(content: Any, where: str) -> State:
    """Return the state dict in a checkpoint, without the "module." of several GPUs.

    Args:
        content: a state dict, or a dict that holds one as "state_dict".
        where: the file, for messages.

    Raises:
        ModelNotFoundError: there is none.
    """
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        raise ModelNotFoundError(
            f'{where} has a "model" state, as trainings of encodepth do; name it in model.init'
        )
    if not isinstance(state, Mapping) or not state or not _plain(state):
        raise ModelNotFoundError(
            f"{where} holds no state_dict; expected a dict with that key, or one of tensors alone"
        )
    parallel = [name for name in state if name.startswith("module.")]
    if parallel and len(parallel) < len(state):
        other = next(name for name in state if not name.startswith("module."))
        raise ModelNotFoundError(f'{where}: {parallel[0]} begins with "module." and {other} not')
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _load(path: str | Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
    return torch.load(path, map_location="cpu", weights_only=True)  # before torch 1.6


def _plain(state: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items())


def _first(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
