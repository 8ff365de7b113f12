"""Where a model of the thesis starts: fresh, from weights, or round a frozen baseline."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from ..errors import ModelNotFoundError
from ..train import checkpoint
from ..train.start import State, read_weights, start_from
from .rows import TcmConfig
from .tcm import ADDED, TCM, add_guide


def tcm_model(config: TcmConfig, init: str, *, grow: bool = False) -> TCM:
    """Return a model of the thesis's family: fresh, from weights, or round a frozen baseline.

    Weights of convolutional fusion may hold the fusion too; the codec is frozen either way. With
    `grow`, weights of a plainer row of the same size do: a convolution's input channels that they
    lack start at zero, other tensors fresh.

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
        state = _tcm_tensors(init)
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
        state = _tcm_tensors(init)
        start_from(model, _grown(model, state) if grow else state, init)
    return model


def _grown(model: TCM, state: State) -> State:
    """Fill up the tensors of a plainer model to those of this one."""
    grown = dict(state)
    for name, own in model.state_dict().items():
        given = state.get(name)
        if given is None:
            grown[name] = own
        elif name.startswith("g_a.") and given.ndim > 1 and own.shape[1] > given.shape[1]:
            grown[name] = torch.zeros_like(own)
            grown[name][:, : given.shape[1]] = given
    return grown


def _tcm_tensors(source: str) -> State:
    return {k.removeprefix("model."): v for k, v in read_weights(source).items()}
