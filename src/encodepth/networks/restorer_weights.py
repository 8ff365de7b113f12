"""Weights of the restorer on disk: safetensors with fp16 floats and the size."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from ..files import write_file
from ..learned.weights import fingerprint, naming_failures
from .restorer import Restorer, RestorerConfig, RestorerNet
from .weights import is_format

FORMAT = "encodepth-restore-1"
_PREFIX = "restore/"


def save_restorer(path: str | Path, config: RestorerConfig, net: RestorerNet) -> None:
    """Write a network to a file, atomically."""
    arrays = {
        _PREFIX + name: tensor.detach().cpu().numpy().astype(np.float16)
        for name, tensor in net.state_dict().items()
    }
    metadata = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(config))}
    write_file(Path(path), safetensors.numpy.save(arrays, metadata))


def load_restorer(path: str | Path, device: str = "cpu") -> Restorer:
    """Read a network.

    Raises:
        ModelNotFoundError: the file does not hold such a network.
    """
    with naming_failures(path):
        with safetensors.safe_open(path, framework="numpy") as file:
            fields = json.loads((file.metadata() or {})["config"])
            arrays = {n: file.get_tensor(n) for n in file.keys() if n.startswith(_PREFIX)}  # noqa: SIM118
        net = RestorerNet(RestorerConfig(tuple(fields["widths"]), tuple(fields["blocks"])))
        state = {
            name.removeprefix(_PREFIX): torch.from_numpy(array.astype(np.float32))
            for name, array in arrays.items()
        }
        net.load_state_dict(state)
    return Restorer(net, fingerprint(arrays), device)


def is_restorer(path: str | Path) -> bool:
    """Whether a weights file says that it holds such a network."""
    return is_format(path, FORMAT)
