"""Weights of the restorers on disk: safetensors with fp16 floats and the size."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from ..files import write_file
from ..learned.restore import FORMAT
from ..learned.restore_color import FORMAT as COLOR_FORMAT
from ..learned.weights import fingerprint, naming_failures
from .color_restorer import ColorRestorer, color_net
from .restorer import Restorer, RestorerConfig, RestorerNet

_PREFIX = "restore/"


def save_restorer(path: str | Path, config: RestorerConfig, net: RestorerNet) -> None:
    """Write a network to a file, atomically; how many planes it gives says whose it is."""
    arrays = {
        # In C order: safetensors writes memory as it lies, and training keeps channels last.
        _PREFIX + name: np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float16)
        for name, tensor in net.state_dict().items()
    }
    kind = FORMAT if net.outputs == 1 else COLOR_FORMAT
    metadata = {"format": kind, "config": json.dumps(dataclasses.asdict(config))}
    write_file(Path(path), safetensors.numpy.save(arrays, metadata))


def load_restorer(path: str | Path, device: str = "cpu") -> Restorer:
    """Read the network for depth.

    Raises:
        ModelNotFoundError: the file does not hold such a network.
    """
    return Restorer(*_read(path, RestorerNet), device)


def load_color_restorer(path: str | Path, device: str = "cpu") -> ColorRestorer:
    """Read the network for colour.

    Raises:
        ModelNotFoundError: the file does not hold such a network.
    """
    return ColorRestorer(*_read(path, color_net), device)


def _read(
    path: str | Path, make: Callable[[RestorerConfig], RestorerNet]
) -> tuple[RestorerNet, int]:
    """Return the network and the fingerprint of its weights."""
    with naming_failures(path):
        with safetensors.safe_open(path, framework="numpy") as file:
            fields = json.loads((file.metadata() or {})["config"])
            arrays = {n: file.get_tensor(n) for n in file.keys() if n.startswith(_PREFIX)}  # noqa: SIM118
        net = make(RestorerConfig(tuple(fields["widths"]), tuple(fields["blocks"])))
        state = {
            name.removeprefix(_PREFIX): torch.from_numpy(array.astype(np.float32))
            for name, array in arrays.items()
        }
        net.load_state_dict(state)
    return net, fingerprint(arrays)
