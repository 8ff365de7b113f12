"""Where weights come from: checkpoints, `.pt` states, shipped files, the thesis's baselines."""

from __future__ import annotations

from pathlib import Path

import safetensors
import torch
from torch import Tensor, nn

from ..errors import ModelNotFoundError
from ..learned.weights import GRAPH, find_weights
from ..networks.config import COLOR, TINY_COLOR
from ..networks.plane import PlaneModel
from ..networks.weights import load_weights
from ..train import checkpoint

State = dict[str, Tensor]
SIZES = {"default": COLOR, "tiny": TINY_COLOR}


def load_plane(plane: PlaneModel, source: str) -> None:
    """Load colour's weights from a checkpoint, a `.pt` state, a weights file or a name.

    Of a checkpoint those that were trained, not their average, for training goes on from them.

    Raises:
        ModelNotFoundError: there are none, or they fit another model.
    """
    path = Path(source)
    if path.suffix in (".pt", ".pth") or path.name == checkpoint.NAME:
        found = read_weights(path, averaged=False)
    else:
        found = load_weights(find_weights(source)).state_dict()
    state = {k.removeprefix("planes.").removeprefix("color."): v for k, v in found.items()}
    start_from(plane, state, source)


def restorer_state(source: str) -> State:
    """Return the tensors of a restoring network, from a checkpoint or a weights file.

    Of a checkpoint those that were trained, not their average, for training goes on from them.

    Raises:
        ModelNotFoundError: there is no such file.
    """
    path = Path(source)
    if path.name != checkpoint.NAME:
        path = find_weights(source)
    prefixes = "net.", "restore/"
    state = read_weights(path, averaged=False)
    return {
        k.removeprefix(prefixes[0]).removeprefix(prefixes[1]): v
        for k, v in state.items()
        if not k.startswith(GRAPH)  # what runs without torch, made of the same tensors
    }


def read_weights(path: str | Path, *, averaged: bool = True) -> State:
    """Read tensors by name.

    Args:
        path: a checkpoint of ours, a `.pt` file with a `model` (and `ema`) state, or a
            safetensors file of plain tensors.
        averaged: take the averaged weights where there are some.

    Raises:
        ModelNotFoundError: no such file, or nothing usable in it.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelNotFoundError(f"no weights at {path}")
    if path.suffix in (".pt", ".pth"):
        return _torch_state(path, averaged)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != checkpoint.FORMAT:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelNotFoundError(f"cannot read weights {path}: {error}") from None
    stored = checkpoint.load(path)
    return stored.model | (stored.ema if averaged else {})


def start_from(module: nn.Module, state: State, where: str) -> None:
    """Load tensors into a model, all of them and nothing else.

    Raises:
        ModelNotFoundError: names or shapes differ; says which.
    """
    own = module.state_dict()
    missing, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or extra:
        parts = [
            f"{word} {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
            for word, names in (("lacks", missing), ("also has", extra))
            if names
        ]
        raise ModelNotFoundError(f"{where} is of another model: it {' and '.join(parts)}")
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip().rstrip(".")
        raise ModelNotFoundError(f"{where} is of another size: {reason}") from None


def _torch_state(path: Path, averaged: bool) -> State:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelNotFoundError(f"cannot read weights {path}: {reason}") from None
    for key in ("ema", "model") if averaged else ("model",):
        if isinstance(content, dict) and key in content:
            return dict(content[key])
    raise ModelNotFoundError(f'{path} has no "model" state')
