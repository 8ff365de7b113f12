"""The names of the public LIC-TCM weights: how ours are called there, in which shape.

The public code numbers its layers; we name them. Beyond the names, 1x1 convolutions are matrices
here, and tables of relative positions are flat; all else is the same number in the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .conditional import FLOOR, SCALE_MIN
from .gdn import BETA_MIN, PEDESTAL

Names = dict[str, str]
Shape = tuple[int, ...]

_SWIN: Names = {  # ours -> public, inside one block
    "norm1": "ln1",
    "bias": "msa.relative_position_params",
    "qkv": "msa.embedding_layer",
    "proj": "msa.linear",
    "norm2": "ln2",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
}
_HALF: Names = {
    "split": "conv1_1",
    "mix": "conv1_2",
    "conv1": "conv_block.conv1",
    "conv2": "conv_block.conv2",
} | {f"swin.{own}": f"trans_block.{public}" for own, public in _SWIN.items()}
_UP: Names = {"subpel.0": "subpel_conv.0", "skip.0": "upsample.0"}
_UNIT: Names = {"enter": "conv.0", "conv": "conv.2", "leave": "conv.4"}
_ATTENTION: Names = (
    {"enter": "in_conv", "leave": "out_conv", "gate_out": "conv_b.3"}
    | {
        f"{branch}.{unit}.{own}": f"{there}.{unit}.{public}"
        for branch, there in (("value", "conv_a"), ("gate", "conv_b"))
        for unit in range(3)
        for own, public in _UNIT.items()
    }
    | {
        f"{block}.{own}": f"non_local_block.{there}.{public}"
        for block, there in (("plain", "block_1"), ("shifted", "block_2"))
        for own, public in _SWIN.items()
    }
)
_POINTWISE = ("split", "mix", "skip", "enter", "leave", "gate_out")  # 1x1 convolutions there
_PRIOR = "entropy_bottleneck"
_GAUSSIAN = "gaussian_conditional"
_OLD_PRIOR = re.compile(rf"^{_PRIOR}\._(matrix|bias|factor)(\d)$")
_PLURAL = {"matrix": "matrices", "bias": "biases", "factor": "factors"}
MADE = {  # buffers that the public code makes of its parameters; ours are made anew
    *(f"{_PRIOR}.{name}" for name in ("_offset", "_quantized_cdf", "_cdf_length", "target")),
    f"{_PRIOR}.likelihood_lower_bound.bound",
    *(f"{_GAUSSIAN}.{name}" for name in ("_offset", "_quantized_cdf", "_cdf_length")),
    f"{_GAUSSIAN}.scale_table",
}


def public_names(own: Iterable[str], slices: int) -> Names:
    """Return what the parameters of a plain colour model are called in the public files.

    Names of the prior are those of CompressAI 1.2.7 and later; `newer_name` turns others to them.
    """
    places = _places(slices)
    return {name: _public(name, places) for name in own}


def newer_name(name: str) -> str:
    """Return the name that a tensor of the prior has since CompressAI 1.2.7; others as they are."""
    found = _OLD_PRIOR.match(name)
    return f"{_PRIOR}.{_PLURAL[found[1]]}.{found[2]}" if found else name


def public_shape(name: str, shape: Sequence[int]) -> Shape:
    """Return the shape that our parameter of that name and shape has in the public files."""
    layer, _, kind = name.rpartition(".")
    if len(shape) == 2 and kind == "weight" and layer.rsplit(".", 1)[-1] in _POINTWISE:
        return (*shape, 1, 1)
    if len(shape) == 2 and kind == "bias":  # one per head and relative position
        side = round(shape[1] ** 0.5)
        return (shape[0], side, side)
    return tuple(shape)


def constants(public: Iterable[str]) -> dict[str, float]:
    """Return the buffers that hold a constant of the network, and what it has to be.

    Args:
        public: names of the parameters, among them those of GDN.
    """
    found = {
        f"{_GAUSSIAN}.scale_bound": SCALE_MIN,
        f"{_GAUSSIAN}.lower_bound_scale.bound": SCALE_MIN,
        f"{_GAUSSIAN}.likelihood_lower_bound.bound": FLOOR,
    }
    for name in public:
        if not name.endswith((".beta", ".gamma")):
            continue
        least = BETA_MIN if name.endswith(".beta") else 0.0
        found[f"{name}_reparam.pedestal"] = PEDESTAL
        found[f"{name}_reparam.lower_bound.bound"] = (least + PEDESTAL) ** 0.5
    return found


def _places(slices: int) -> list[tuple[str, str, Names]]:
    """Where our modules stand in the public model, and how their parts are called there."""
    places: list[tuple[str, str, Names]] = [
        ("g_a.out", "g_a.9", {}),
        ("g_s.out", "g_s.9", {}),
        ("z_prior", _PRIOR, {}),
    ]
    for stage in range(3):
        places += [
            (f"g_a.down.{stage}", f"g_a.{3 * stage}", {}),
            (f"g_s.up.{stage}", f"g_s.{3 * stage}", _UP),
        ]
        places += [
            (f"{net}.tcm.{stage}.{half}", f"{net}.{3 * stage + at}", _HALF)
            for net in ("g_a", "g_s")
            for at, half in enumerate(("plain", "shifted"), start=1)
        ]
    for net, parts in (("h_a", {}), ("h_mean_s", _UP), ("h_scale_s", _UP)):
        places += [
            (f"{net}.0", f"{net}.0", parts),
            (f"{net}.1.plain", f"{net}.1", _HALF),
            (f"{net}.1.shifted", f"{net}.2", _HALF),
            (f"{net}.2", f"{net}.3", {}),
        ]
    for i in range(slices):
        for kind in ("mean", "scale"):
            places += [
                (f"slices.{kind}_attention.{i}", f"atten_{kind}.{i}.0", _ATTENTION),
                (f"slices.{kind}.{i}", f"cc_{kind}_transforms.{i}", {}),
            ]
        places.append((f"slices.lrp.{i}", f"lrp_transforms.{i}", {}))
    return places


def _public(name: str, places: Iterable[tuple[str, str, Names]]) -> str:
    for own, public, parts in places:
        if name.startswith(f"{own}."):
            rest = name.removeprefix(f"{own}.")
            layer, _, kind = rest.rpartition(".")
            if rest in parts:  # a parameter by itself
                return f"{public}.{parts[rest]}"
            return f"{public}.{parts.get(layer, layer)}.{kind}" if layer else f"{public}.{kind}"
    raise KeyError(name)
