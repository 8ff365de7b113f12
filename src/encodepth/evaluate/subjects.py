"""The models that ship as subjects of `encodepth profile`, in torch."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from ..learned.restore_color import Correction
from ..learned.weights import find_weights
from ..networks.color_restorer import ColorRestorer
from ..networks.models import open_in_torch
from ..networks.plane import ALIGN
from ..networks.restorer import Restorer, RestoringInTorch
from ..networks.weights import load_weights
from .cost import Ask, Subject, sample
from .counting import Part, count, parameters_of

_PARTS = {
    "g_a": ("g_a",),
    "g_s": ("g_s",),
    "entropy model": ("context",),
}
_QUALITY = 50


def rows(name: str) -> tuple[str, ...]:
    """Return the models that a name stands for: itself alone."""
    return (name,)


def subject(ask: Ask) -> Subject:
    """Return an installed model, or one in a weights file.

    Raises:
        ModelNotFoundError: there is none of that name.
    """
    model = open_in_torch(ask.name, ask.device, low_precision=ask.precision == "bf16")
    if isinstance(model, RestoringInTorch):
        return _restorer(model, ask)
    return _color(model, ask)


def _color(model: Any, ask: Ask) -> Subject:
    """Learned colour of one picture."""
    rgb, *_ = sample(ask.height, ask.width)
    network = load_weights(find_weights(ask.name), ask.device)
    padded = (-(-ask.height // ALIGN) * ALIGN, -(-ask.width // ALIGN) * ALIGN)
    x = torch.zeros(1, network.config.components, *padded, device=ask.device)
    quality = torch.full((1,), float(_QUALITY), device=ask.device)
    parts, macs = count(network, _PARTS, lambda: network(x, quality))

    def decode(coded: Any) -> object:
        return model.decode(coded.payload, ask.height, ask.width, _QUALITY, coded.check)

    return Subject(
        parameters_of(network),
        tuple(Part(f"color {p.name}", p.parameters, p.macs) for p in parts),
        macs,
        "trained",
        lambda: model.encode(rgb, _QUALITY),
        decode,
        lambda coded: len(coded.payload),
    )


def _restorer(model: RestoringInTorch, ask: Ask) -> Subject:
    """The network on one picture: the encoder runs it once to see whether it helps."""
    rgb, plane, valid = sample(ask.height, ask.width)
    padded = (-(-n // 8) * 8 for n in (ask.height, ask.width))
    x = torch.zeros(1, model.net.head.in_channels // 4, *padded, device=model.device)
    parts, macs = count(model.net, {}, lambda: model.net(x))

    def run(_: object = None) -> NDArray[Any]:
        if isinstance(model, Restorer):
            return model.restore(plane, valid, 20, rgb)
        assert isinstance(model, ColorRestorer)
        return model.restore_color(rgb, _QUALITY, Correction(20))

    return Subject(parameters_of(model.net), parts, macs, "trained", run, run, lambda _: 0)
