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
from ..learned.symbols import SCALES, Tables, gaussian_tables
from ..learned.weights import Arrays, fingerprint
from .blocks import blend_weights
from .config import PlaneConfig
from .context import INDEX_SHIFT
from .integer import EXACT, HIDDEN_BITS, WEIGHT_BITS, IntegerConv
from .plane import PlaneModel
from .plane_coder import PlaneCoder, RateTables

FORMAT = "encodepth-base-1"
_RATES = ("y_offset", "z_index")
_TABLES = ("table_radii", "table_frequencies")


def stored_arrays(planes: dict[str, PlaneModel]) -> Arrays:
    """Return everything a weights file holds, named "modality/tensor"."""
    return {f"{k}/{n}": a for k, m in planes.items() for n, a in _model_arrays(m).items()}


def save_weights(path: str | Path, planes: dict[str, PlaneModel]) -> None:
    """Write the weights of the modalities ("color", "depth") to one file, atomically."""
    arrays = stored_arrays(planes)
    configs = {k: dataclasses.asdict(m.config) for k, m in planes.items()}
    metadata = {"format": FORMAT, "config": json.dumps(configs)}
    whole = {n: np.ascontiguousarray(a) for n, a in arrays.items()}
    write_file(Path(path), safetensors.numpy.save(whole, metadata))


def load_weights(path: str | Path, device: str = "cpu") -> tuple[dict[str, PlaneCoder], int]:
    """Read a weights file: (modality -> coder, fingerprint of all that decoding needs).

    Raises:
        ModelNotFoundError: no such file, or not one of this family.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelNotFoundError(f"{path} holds no {FORMAT} weights")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelNotFoundError(f"cannot read weights {path}: {error}") from None
    planes = {}
    configs: dict[str, dict[str, Any]] = json.loads(metadata["config"])
    for kind, fields in configs.items():
        own = {n.split("/", 1)[1]: a for n, a in arrays.items() if n.startswith(f"{kind}/")}
        values: dict[str, Any] = {
            n: tuple(v) if isinstance(v, list) else v for n, v in fields.items()
        }
        planes[kind] = _plane(PlaneConfig(**values), own, device)
    return planes, fingerprint(arrays)


def is_format(path: str | Path, name: str) -> bool:
    """Whether a weights file says that it is of a format."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == name
    except (OSError, safetensors.SafetensorError):
        return False


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


def _plane(config: PlaneConfig, arrays: Arrays, device: str) -> PlaneCoder:
    model = PlaneModel(config)
    state = {n: _as_float(n, a) for n, a in arrays.items() if n not in _RATES + _TABLES}
    missing = model.load_state_dict(state, strict=False)
    left = [n for n in missing.missing_keys if not n.endswith(_RATES)]
    if left or missing.unexpected_keys:
        raise ModelNotFoundError(f"weights do not fit the model: {left + missing.unexpected_keys}")
    model = model.eval().requires_grad_(False).to(device)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tables = Tables(*(arrays[n] for n in _TABLES))
    rates = RateTables(arrays["y_offset"], arrays["z_index"])
    return PlaneCoder(model, tables, rates)


def _as_float(name: str, array: NDArray[Any]) -> Tensor:
    """Turn a stored array into a parameter; integers return to exactly themselves when used."""
    x = torch.from_numpy(array.astype(np.float32))
    if array.dtype == np.int8:
        return x / 2**WEIGHT_BITS
    if array.dtype == np.int32:
        return x / 2 ** (WEIGHT_BITS + HIDDEN_BITS)
    return x
