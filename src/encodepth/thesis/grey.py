"""The depth codec inside a colour one: what it does to grey pictures, by one channel in and out.

A grey picture is one plane three times. Its first convolutions then see the sum of their three
kernels, and the mean of the three decoded planes is one kernel's work, so a colour model's weights
hold a model of depth: the same latent, the same bits, the mean of what it decodes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from .rows import COLOR, DEPTH, TcmConfig

State = dict[str, Tensor]
_ENTER = ("g_a.down.0.conv1.weight", "g_a.down.0.skip.weight")
_LEAVE = ("g_s.out.0.weight", "g_s.out.0.bias")


def grey_config(config: TcmConfig) -> TcmConfig:
    """Return the configuration of the depth model inside a plain colour model.

    Raises:
        ValueError: the model is not a plain one of colour.
    """
    if config.target != COLOR or config.guide:
        raise ValueError(f"{config.name} is no plain model of colour; depth comes out of one")
    name = config.name.replace("rgb", "depth", 1)
    return dataclasses.replace(config, name=name, target=DEPTH)


def grey_state(state: Mapping[str, Tensor]) -> State:
    """Return the tensors of the depth model inside a plain colour model, others as they are.

    Sums are made in double precision, so that every machine comes to the same float32.
    """
    grey = dict(state)
    for name in _ENTER:
        red, green, blue = state[name].double().unbind(1)
        grey[name] = (red + green + blue)[:, None].to(state[name].dtype)
    for name in _LEAVE:  # channel 4 * colour + place of a sub-pixel convolution
        planes = state[name].double().unflatten(0, (COLOR, -1))
        grey[name] = ((planes[0] + planes[1] + planes[2]) / COLOR).to(state[name].dtype)
    return grey


def is_color(state: Mapping[str, Tensor]) -> bool:
    """Whether tensors are those of a plain model of colour."""
    enter, leave = state.get(_ENTER[0]), state.get(_LEAVE[1])
    if enter is None or leave is None:
        return False
    return enter.shape[1] == COLOR and len(leave) == 4 * COLOR
