"""Where a model of the thesis starts: fresh, from weights, or round a frozen baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..errors import ModelNotFoundError
from ..train import checkpoint
from ..train.start import State, read_weights, start_from
from .conditional import BORDERS
from .grey import grey_config, grey_state, is_color
from .public import from_public
from .public_file import is_saved_by_torch, read_content, state_of
from .rows import DEPTH, TcmConfig
from .tcm import ADDED, TCM, add_guide


def tcm_model(config: TcmConfig, init: str, *, grow: bool = False) -> TCM:
    """Return a model of the thesis's family: fresh, from weights, or round a frozen baseline.

    Weights may be a checkpoint of the public LIC-TCM code as well. Weights of convolutional fusion
    may hold the fusion too; the codec is frozen either way. With `grow`, weights of a plainer row
    of the same size do: a convolution's input channels that they lack start at zero, gated prompts
    at weighing nothing, other tensors fresh. A row of depth that is given weights of plain colour
    starts from the depth model inside them (`grey`).

    Raises:
        ModelNotFoundError: no such weights, or convolutional fusion was given none.
    """
    if config.fusion == "conv" and not init:
        raise ModelNotFoundError(
            f"{config.name} adds fusion to a trained, frozen codec (thesis section 3.5); set"
            " model.init to that codec's weights"
        )
    if config.fusion == "conv":
        plain = dataclasses.replace(config, name="baseline", guide=0, fusion="none")
        baseline = TCM(plain)
        state = _tensors(init, config)
        added = {k: v for k, v in state.items() if k.startswith(ADDED)}
        start_from(baseline, {k: v for k, v in state.items() if k not in added}, init)
        if Path(init).name == checkpoint.NAME:  # made while training: its tables are not its own
            baseline.make_tables()
        model = add_guide(baseline, config)
        if added:
            start_from(model, baseline.state_dict() | added, init)
        return model
    model = TCM(config)
    if init:
        state = _tensors(init, config)
        start_from(model, _grown(model, state) if grow else state, init)
    return model


def public_model(
    state: Mapping[str, Tensor],
    where: str,
    *,
    lmbda: float,
    depth: bool = False,
    tables: Literal["next", "nearest"] = "next",
) -> TCM:
    """Return the model of public weights, or the depth model inside it, tables made.

    Medians stay as they are: z is rounded round the very values that it was trained with.

    Args:
        state: as `from_public` takes it.
        where: what messages call it.
        lmbda: the trade-off that it was trained for.
        depth: make the depth model.
        tables: the table of a scale: the "next" larger one as in the public code, or the "nearest".

    Raises:
        ModelNotFoundError: as `from_public`.
    """
    config, parameters = from_public(state, where)
    if depth:
        config, parameters = grey_config(config), grey_state(parameters)
    model = TCM(dataclasses.replace(config, lmbda=lmbda)).eval()
    own = model.state_dict()
    model.load_state_dict(own | parameters)
    model.borders.copy_(torch.from_numpy(BORDERS[tables]()))
    model.make_tables()
    return model


def _grown(model: TCM, state: State) -> State:
    """Fill up the tensors of a plainer model to those of this one."""
    grown = dict(state)
    for name, own in model.state_dict().items():
        given = state.get(name)
        if given is None:
            grown[name] = own
        elif name.startswith("g_a.") and _narrower(given, own):
            grown[name] = torch.zeros_like(own)
            grown[name][:, : given.shape[1]] = given
    if model.config.gated:
        for name in grown.keys() - state.keys():
            if "prompt_norms." in name and name.endswith(".weight"):
                grown[name] = _closed(grown[name])
    return grown


def _narrower(given: Tensor, own: Tensor) -> bool:
    """Whether a convolution differs in nothing but fewer input channels."""
    if given.ndim != own.ndim or own.ndim < 2 or given.shape[1] >= own.shape[1]:
        return False
    return given.shape[0] == own.shape[0] and given.shape[2:] == own.shape[2:]


def _closed(gain: Tensor) -> Tensor:
    """A LayerNorm's gain whose mean is zero and whose channels are as strong as ever."""
    return torch.where(torch.arange(len(gain)) % 2 == 0, 1.0, -1.0).to(gain)


def _tensors(source: str, config: TcmConfig) -> State:
    """Read weights of a model of this row's width; of colour, for depth, the depth model inside."""
    state = _read(source, config)
    out = state.get("g_a.out.weight")
    if out is not None and out.ndim == 4 and out.shape[1] != 2 * config.half:
        raise ModelNotFoundError(
            f"{source} is of another size: N={out.shape[1] // 2}, and {config.name} has"
            f" N={config.half}; rows of N=96 and 128 are named so, such as rgb-4c-128"
        )
    return grey_state(state) if config.target == DEPTH and is_color(state) else state


def _read(source: str, config: TcmConfig) -> State:
    if is_saved_by_torch(source):
        content = read_content(source)
        if not _of_training(content):
            state = state_of(content, source)
            return dict(public_model(state, source, lmbda=config.lmbda).state_dict())
    return {k.removeprefix("model."): v for k, v in read_weights(source).items()}


def _of_training(content: object) -> bool:
    """Whether a file of torch is one of ours, which has a "model" state."""
    return isinstance(content, Mapping) and not {"model", "ema"}.isdisjoint(content)
