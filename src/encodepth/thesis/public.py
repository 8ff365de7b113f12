"""Public LIC-TCM weights as ours: a state dict in, a configuration and a state dict out.

The networks are the same, layer by layer, so this is names and two changes of shape. Every
parameter is used exactly once, constants are checked, and what is not known is named: a variant
of the network that would load and decode to something else is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..errors import ModelNotFoundError
from .conditional import SCALES, scale_table
from .public_names import MADE, constants, newer_name, public_names, public_shape
from .rows import COLOR, TcmConfig
from .tcm import TCM

State = dict[str, Tensor]
_MARKS = ("g_a.1.trans_block.msa.relative_position_params", "cc_mean_transforms.0.0.weight")
_OTHERS = (  # keys that begin so: what the file is
    ("latent_codec.", "is in the layout of the package compressai-temp, which is not read"),
    ("AuxT_", "is of AuxT, another network"),
)
_TOLERANCE = 1e-4  # of a constant


def from_public(
    state: Mapping[str, Tensor], where: str = "the checkpoint"
) -> tuple[TcmConfig, State]:
    """Return the row that public weights are of, and its parameters under our names.

    Args:
        state: names and tensors as the public code saves them, "module." taken off; the prior's
            names of any version of CompressAI since 1.1. Buffers may be missing.
        where: what messages call it.

    Returns:
        The configuration, lambda left as the row has it, and float32 tensors for every parameter
        of the model, none for its tables: `TCM.make_tables` makes them.

    Raises:
        ModelNotFoundError: it is of another network, damaged, or has more or less than it should.
    """
    renamed = _renamed(state, where)
    _recognise(renamed, where)
    config = _config(renamed, where)
    with torch.device("meta"):
        own = {name: p.shape for name, p in TCM(config).named_parameters()}
    names = public_names(own, config.slices)
    fixed = constants(names.values())
    _check_names(renamed, names.values(), {*fixed, *MADE}, where)
    _check_constants(renamed, fixed, where)
    parameters = {}
    for name, shape in own.items():
        given = renamed[names[name]]
        _check_tensor(given, names[name], public_shape(name, shape), where)
        parameters[name] = given.to(torch.float32).reshape(shape)
    return config, parameters


def _renamed(state: Mapping[str, Tensor], where: str) -> State:
    renamed = {newer_name(name): tensor for name, tensor in state.items()}
    if len(renamed) < len(state):
        twice = next(k for k in state if newer_name(k) != k and newer_name(k) in state)
        raise ModelNotFoundError(f"{where} holds {twice} twice, also as {newer_name(twice)}")
    return renamed


def _recognise(state: State, where: str) -> None:
    for start, what in _OTHERS:
        if any(name.startswith(start) for name in state):
            raise ModelNotFoundError(f"{where} {what}; expected the public LIC-TCM code's weights")
    lacking = [mark for mark in _MARKS if mark not in state]
    if lacking:
        raise ModelNotFoundError(f"{where} is no LIC-TCM checkpoint: it lacks {lacking[0]}")


def _config(state: State, where: str) -> TcmConfig:
    """Tell the sizes of a model from the shapes of its tensors."""

    def size(name: str, axis: int = 0) -> int:
        if name not in state or state[name].ndim <= axis:
            raise ModelNotFoundError(f"{where} lacks {name}, which tells the model's size")
        return state[name].shape[axis]

    half, slices = size("g_a.1.conv_block.conv1.weight"), 0
    while f"cc_mean_transforms.{slices}.0.weight" in state:
        slices += 1
    inside, outside = size("g_a.0.conv1.weight", 1), size("g_s.9.0.weight") / 4
    if inside != COLOR or outside != COLOR:
        raise ModelNotFoundError(
            f"{where} codes {inside} channels to {outside:g}; expected {COLOR} of colour"
        )
    widths = (size("cc_mean_transforms.0.0.weight"), size("cc_mean_transforms.0.2.weight"))
    try:
        return TcmConfig(
            "rgb" if half == TcmConfig.half else f"rgb-{half}",
            COLOR,
            half=half,
            latent=size("g_a.9.weight"),
            hyper=size("h_a.3.weight"),
            slices=slices,
            slice_widths=widths,
            attention=size("atten_mean.0.0.in_conv.weight"),
        )
    except ValueError as error:
        raise ModelNotFoundError(f"{where}: {error}") from None


def _check_names(state: State, needed: Iterable[str], beside: set[str], where: str) -> None:
    needed = set(needed)
    missing = sorted(needed - state.keys())
    unknown = sorted(state.keys() - needed - beside)
    for what, names in (("lacks", missing), ("has an unknown", unknown)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ModelNotFoundError(f"{where} {what} {names[0]}{more}")


def _check_constants(state: State, fixed: Mapping[str, float], where: str) -> None:
    """See that what is a constant here is the same one there."""
    for name, value in fixed.items():
        found = state.get(name)
        if found is not None and not _near(found, torch.tensor([value], dtype=torch.float64)):
            said = ", ".join(f"{x:g}" for x in found.flatten()[:3].tolist())
            raise ModelNotFoundError(f"{where}: {name} is {said}; expected {value:g}")
    scales = state.get("gaussian_conditional.scale_table")
    if scales is not None and scales.numel() and not _near(scales, torch.tensor(scale_table())):
        raise ModelNotFoundError(
            f"{where}: gaussian_conditional.scale_table is another one; expected {SCALES} scales"
            " from 0.11 to 256"
        )


def _near(found: Tensor, expected: Tensor) -> bool:
    if found.shape != expected.shape:
        return False
    return bool(((found.double() - expected).abs() <= _TOLERANCE * expected.abs()).all())


def _check_tensor(tensor: Tensor, name: str, shape: tuple[int, ...], where: str) -> None:
    if tuple(tensor.shape) != shape:
        raise ModelNotFoundError(f"{where}: {name} is {tuple(tensor.shape)}; expected {shape}")
    if not tensor.is_floating_point():
        raise ModelNotFoundError(f"{where}: {name} is {tensor.dtype}; expected floats")
    if not torch.isfinite(tensor).all():
        raise ModelNotFoundError(f"{where}: {name} holds values that are no finite numbers")
