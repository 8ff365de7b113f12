"""Weights on disk: safetensors with fp16 floats, int8 integer layers, tables, and a card.

What decides a symbol is stored as integers and used as stored; only what shapes the picture is
stored as fp16. A stream's fingerprint is a hash over its decoder's tensors and tables.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelNotFoundError
from ..files import write_file
from ..learned.plane import FORMAT
from ..learned.symbols import SCALES, gaussian_tables
from ..learned.weights import Arrays, Weights, naming_failures, read_weights
from .blocks import blend_weights
from .config import PlaneConfig
from .context import INDEX_SHIFT
from .integer import EXACT, HIDDEN_BITS, WEIGHT_BITS, IntegerConv
from .plane import PlaneModel

KIND = "color"  # before a tensor's name in a file
_RATES = ("y_offset", "z_index")
_TABLES = ("table_radii", "table_frequencies")


def stored_arrays(model: PlaneModel) -> Arrays:
    """Return everything a weights file holds, named "color/tensor"."""
    return {f"{KIND}/{name}": array for name, array in _model_arrays(model).items()}


def save_weights(path: str | Path, model: PlaneModel) -> None:
    """Write a network's weights to a file, atomically."""
    config = {KIND: dataclasses.asdict(model.config)}
    metadata = {"format": FORMAT, "config": json.dumps(config)}
    whole = {n: np.ascontiguousarray(a) for n, a in stored_arrays(model).items()}
    write_file(Path(path), safetensors.numpy.save(whole, metadata))


def load_weights(path: str | Path, device: str = "cpu") -> PlaneModel:
    """Read a network, in evaluation mode.

    Raises:
        ModelNotFoundError: no such file, or not one of this family.
    """
    return model_of(read_weights(path), device)


def model_of(weights: Weights, device: str = "cpu") -> PlaneModel:
    """Return the network that weights are of, in evaluation mode.

    Raises:
        ModelNotFoundError: they are of another family.
    """
    if weights.format != FORMAT:
        raise ModelNotFoundError(f"{weights.path} holds no {FORMAT} weights")
    if KIND not in weights.config:
        raise ModelNotFoundError(f"weights {weights.path} hold no {KIND} network")
    with naming_failures(weights.path):
        fields: dict[str, Any] = {
            n: tuple(v) if isinstance(v, list) else v
            for n, v in weights.config[KIND].items()
            if n != "mask"  # of networks for depth, which this family had
        }
        model = PlaneModel(PlaneConfig(**fields))
        own = {n.removeprefix(f"{KIND}/"): a for n, a in weights.arrays.items()}
        state = {n: _as_float(own[n]) for n in model.state_dict() if not n.endswith(_RATES)}
        # A file keeps z's tables per quality only: they are read at the anchors.
        at = np.linspace(0, 100, model.config.anchors).round().astype(int)
        state["context.z_index"] = torch.from_numpy(own["z_index"].astype(np.float32))[at]
        model.load_state_dict(state, strict=False)
    model = model.eval().requires_grad_(False).to(device)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _model_arrays(model: PlaneModel) -> Arrays:
    arrays: Arrays = {}
    exact = {}
    for name, module in model.named_modules():
        if isinstance(module, IntegerConv):
            if module.bound() >= EXACT:
                raise ValueError(f"{name} can sum to {module.bound()}, beyond float32's 2^24")
            weight, bias = module.integers()
            exact[f"{name}.weight"] = weight.detach().numpy().astype(np.int8)
            exact[f"{name}.bias"] = bias.detach().numpy().astype(np.int32)
    for name, tensor in model.state_dict().items():
        if not name.endswith(_RATES):
            arrays[name] = exact.get(name, tensor.detach().cpu().numpy().astype(np.float16))
    blend = blend_weights(torch.arange(101), model.config.anchors)
    offset = blend @ model.context.y_index.detach().cpu() / INDEX_SHIFT
    arrays["y_offset"] = offset.round().numpy().astype(np.int32)
    z_index = (blend @ model.context.z_index.detach().cpu()).round().clamp(1, SCALES - 1)
    arrays["z_index"] = z_index.numpy().astype(np.uint8)
    radii, frequencies = gaussian_tables()
    return arrays | dict(zip(_TABLES, (radii, frequencies), strict=True))


def _as_float(array: NDArray[Any]) -> Tensor:
    """Turn a stored array into a parameter; integers return to exactly themselves when used."""
    x = torch.from_numpy(array.astype(np.float32))
    if array.dtype == np.int8:
        return x / 2**WEIGHT_BITS
    if array.dtype == np.int32:
        return x / 2 ** (WEIGHT_BITS + HIDDEN_BITS)
    return x
