"""Networks as graphs that run without torch: ONNX without weights, kept in the weights' file.

A graph's weights are the tensors of the weights file, by name, so that the file stays the one truth
and its fingerprint what it was. Needs torch and onnx (`pip install 'encodepth[train]'`).

python -m encodepth.networks.export FILE...     draw the graphs of weights files again
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors.numpy
import torch
from torch import Tensor, nn

from ..errors import ModelNotFoundError
from ..files import write_file
from ..learned.plane import FORMAT as PLANE
from ..learned.restore import FORMAT as RESTORE
from ..learned.restore_color import FORMAT as RESTORE_COLOR
from ..learned.weights import Graph, format_of, read_weights, with_graphs
from .color_restorer import ColorEstimate
from .config import PlaneConfig
from .context import INDEX_SHIFT, STEPS
from .integer import EXACT, HIDDEN_MAX, IntegerConv
from .pieces import pieces_of
from .plane import PlaneModel
from .restorer import DepthEstimate, RestorerNet
from .restorer_weights import load_color_restorer, load_restorer
from .weights import load_weights

_LARGEST_CONSTANT = 64  # numbers; anything larger is a weight that lost its name
_OPSET = 17
_STRIDE = 16  # pixels per latent position


def plane_graphs(model: PlaneModel, kind: str = "color") -> dict[str, Graph]:
    """Return the graphs of a network of the default family, named "kind/piece".

    Raises:
        ValueError: it sees a reference latent, or could sum to more than float32 counts.
    """
    config = model.config
    if config.patches[-1] != _STRIDE:
        raise ValueError(f"patches end with {config.patches[-1]} pixels; expected {_STRIDE}")
    plain = _with_plain_integers(model)
    _check_sums(plain)
    wired = _wires(config)
    return {
        f"{kind}/{name}": _draw(piece, *wired[name], f"{kind}/")
        for name, piece in pieces_of(plain).items()
    }


def _wires(config: PlaneConfig) -> dict[str, tuple[dict[str, _Input], list[str]]]:
    """Return the inputs and the names of the outputs of every piece."""
    blend = _Input(torch.rand(1, config.anchors), varies=False)
    offset = _Input(torch.ones(1, config.latent, 1, 1), varies=False)
    latent = _Input(torch.randn(1, config.latent, 8, 12))
    z = _Input(torch.ones(1, config.hyper, 2, 3))
    picture = _Input(torch.rand(1, config.components, 8 * _STRIDE, 12 * _STRIDE))
    weight = _Input(picture.example[:, :1])
    mean = _Input(torch.randn(1, config.mean, 8, 12))
    scale = _Input(torch.ones(1, config.scale, 8, 12))
    known, gained = {"mean": mean, "scale": scale, "offset": offset}, {"latent": latent}
    erring = gained | {"blend": blend, "target": picture, "weight": weight}
    wires: dict[str, tuple[dict[str, _Input], list[str]]] = {
        "analysis": ({"picture": picture, "blend": blend}, ["latent"]),
        "hyper": (gained, ["z"]),
        "features": ({"z": z, "blend": blend}, ["mean", "scale"]),
        "synthesis": (gained | {"blend": blend}, ["picture"]),
        "slope": (erring, ["error", "slope"]),
    }
    for step in range(STEPS):
        seen = {} if step == 0 else gained | {"symbols": latent}
        wires[f"step{step}"] = (known | seen, ["means", "index"])
    return wires


def restorer_graphs(net: RestorerNet) -> dict[str, Graph]:
    """Return the graph of a network that restores AV1's depth."""
    plane = _Input(torch.rand(1, 1, 32, 48))
    color = _Input(torch.rand(1, 3, 32, 48))
    size = _Input(torch.ones(1, 1, 1, 1), varies=False)
    inputs = {"codes": plane, "holes": plane, "color": color, "size": size}
    return {"restore/depth": _draw(DepthEstimate(net), inputs, ["error"], "restore/")}


def color_restorer_graphs(net: RestorerNet) -> dict[str, Graph]:
    """Return the graph of a network that restores AV1's colour."""
    picture, one = _Input(torch.rand(1, 3, 32, 48)), _Input(torch.ones(1, 1, 1, 1), varies=False)
    inputs = {"decoded": picture, "size": one, "quality": one}
    return {"restore/color": _draw(ColorEstimate(net), inputs, ["error"], "restore/")}


@dataclass(frozen=True)
class _Input:
    example: Tensor
    varies: bool = True  # in height and width


def _draw(module: nn.Module, inputs: dict[str, _Input], outputs: list[str], prefix: str) -> Graph:
    """Trace a network; `prefix` goes before the names of its weights.

    Note:
        The exporter that traces (`dynamo=False`): the newer one gives the same graphs, but reasons
        about sides for five to forty seconds a piece where this one takes one.
    """
    drawn = io.BytesIO()
    with _quiet(), _asinh():
        torch.onnx.export(
            module.eval().requires_grad_(False),
            tuple(i.example for i in inputs.values()),
            drawn,  # type: ignore[arg-type]
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={n: {2: "h", 3: "w"} for n, i in inputs.items() if i.varies},
            opset_version=_OPSET,
            do_constant_folding=False,
            dynamo=False,
        )
    stored = {n: prefix + n.removeprefix("net.") for n, _ in module.named_parameters()}
    return _skeleton(onnx.load_from_string(drawn.getvalue()), stored)


def _skeleton(model: onnx.ModelProto, stored: dict[str, str]) -> Graph:
    """Take out of a model what only people read, and its weights but their names.

    Args:
        stored: a weight's name in the network -> in the file of weights.
    """
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for part in (model, graph):
        part.doc_string = ""
    short: dict[str, str] = {i.name: i.name for i in (*graph.input, *graph.output)}
    external = []
    for tensor in graph.initializer:
        if tensor.name in stored:
            short[tensor.name] = stored[tensor.name]
            external.append(stored[tensor.name])
            _take_out(tensor)
        elif np.prod(tensor.dims) > _LARGEST_CONSTANT:
            raise ValueError(f"the graph holds numbers of its own, {tensor.name} {tensor.dims}")
        tensor.name = short.setdefault(tensor.name, f"c{len(short)}")
        tensor.doc_string = ""
        del tensor.metadata_props[:]
    for node in graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
        for side in (node.input, node.output):
            side[:] = [n and short.setdefault(n, f"v{len(short)}") for n in side]
    return Graph(model.SerializeToString(deterministic=True), tuple(sorted(external)))


def _take_out(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_type = onnx.TensorProto.FLOAT
    tensor.data_location = onnx.TensorProto.EXTERNAL
    del tensor.external_data[:]
    where = tensor.external_data.add()
    where.key, where.value = "location", "weights"


def _with_plain_integers(model: PlaneModel) -> PlaneModel:
    """Return a copy whose integer layers are convolutions with integers as weights."""
    model = copy.deepcopy(model).float().cpu().requires_grad_(False)
    layers = [(n, c) for n, c in model.named_modules() if isinstance(c, IntegerConv)]
    for name, layer in layers:
        weight, bias = layer.integers()
        width = weight.shape[1] * layer.groups
        conv = nn.Conv2d(
            width, len(weight), weight.shape[2], padding=layer.padding, groups=layer.groups
        )
        conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
        parent, own = name.rpartition(".")[::2]
        setattr(model.get_submodule(parent), own, conv)
    return model


def _check_sums(model: PlaneModel) -> None:
    """See that sums of two layers are exact too, whether a runtime fuses them or not."""
    for scale in model.context.scales:
        offset = model.context.y_index.abs().max() / INDEX_SHIFT
        sums = [_bound(scale.out) + float(offset)]
        if hasattr(scale, "reduce"):
            sums.append(_bound(scale.enter) + _bound(scale.reduce))
        if max(sums) >= EXACT:
            raise ValueError(f"the scale path can sum to {max(sums):.0f}, beyond float32's 2^24")


def _bound(conv: Any) -> float:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    sums = (
        conv.weight.detach().double().abs().sum(dim=(1, 2, 3)) * HIDDEN_MAX
        + conv.bias.detach().double().abs()
    )
    return float(sums.max())


@contextlib.contextmanager
def _asinh() -> Iterator[None]:
    """Teach the exporter an operator that ONNX has and it does not know."""
    torch.onnx.register_custom_op_symbolic("aten::asinh", lambda g, x: g.op("Asinh", x), _OPSET)
    try:
        yield
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::asinh", _OPSET)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter says to people to itself; errors still come as exceptions."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def draw_graphs(path: str | Path) -> None:
    """Draw the graphs of a file of weights (again) and put them into it, atomically.

    Raises:
        ModelNotFoundError: no such file, or of a family that runs in torch only.
    """
    form = format_of(path)
    if form == RESTORE:
        graphs = restorer_graphs(load_restorer(path).net)
    elif form == RESTORE_COLOR:
        graphs = color_restorer_graphs(load_color_restorer(path).net)
    elif form == PLANE:
        graphs = plane_graphs(load_weights(path))
    else:
        raise ModelNotFoundError(f"weights {path} are of format {form}, which runs in torch only")
    weights = read_weights(path)
    arrays, metadata = with_graphs(weights.arrays, graphs)
    metadata |= {"format": form, "config": json.dumps(weights.config)}
    write_file(Path(path), safetensors.numpy.save(arrays, metadata))


def main(arguments: list[str]) -> None:
    """Draw the graphs of the files named."""
    for path in arguments:
        before = Path(path).stat().st_size
        draw_graphs(path)
        print(f"{path}: {Path(path).stat().st_size - before:+d} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
