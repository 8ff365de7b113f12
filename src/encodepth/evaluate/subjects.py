"""The default family and the restorer as subjects of `encodepth profile`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..networks.base import BaseModel, load_model
from ..networks.context import Guide
from ..networks.plane import ALIGN, PlaneModel
from ..networks.restorer import Restorer
from .cost import Ask, Subject, sample
from .counting import Part, count, parameters_of

_PARTS = {
    "g_a": ("g_a",),
    "g_s": ("g_s",),
    "entropy model": ("context",),
}


def rows(name: str) -> tuple[str, ...]:
    """Return the models that a name stands for: itself alone."""
    return (name,)


def subject(ask: Ask) -> Subject:
    """Return an installed model, or one in a weights file.

    Raises:
        ModelNotFoundError: there is none of that name.
    """
    loaded = load_model(ask.name, ask.device)
    if isinstance(loaded, Restorer):
        return _restorer(loaded, ask)
    assert isinstance(loaded, BaseModel)  # other families have rows of their own before
    loaded.use_low_precision(ask.precision == "bf16")
    return _base(loaded, ask)


def _base(model: BaseModel, ask: Ask) -> Subject:
    """Colour, and depth if the model has a network for it, of one frame, as a file holds them."""
    width, height = ask.width, ask.height
    rgb, plane, valid = sample(height, width)
    parts: list[Part] = []
    macs, latent = 0, None
    padded = (-(-height // ALIGN) * ALIGN, -(-width // ALIGN) * ALIGN)
    for kind, coder in model.coders.items():
        counted, own, latent = _count_plane(coder.model, padded, latent)
        parts += [Part(f"{kind} {p.name}", p.parameters, p.macs) for p in counted]
        macs += own

    def encode() -> Any:
        color = model.encode_color(rgb, 50)
        if "depth" not in model.codes:
            return (color,)
        return color, model.encode_depth(plane, valid, 50, color.context)

    def decode(coded: Any) -> object:
        color, *depths = coded
        rgb, context = model.decode_color(color.payload, height, width, 50, color.check)
        for depth in depths:
            model.decode_depth(depth.payload, height, width, 50, depth.check, valid, context)
        return rgb

    return Subject(
        sum(parameters_of(c.model) for c in model.coders.values()),
        tuple(parts),
        macs,
        "trained",
        encode,
        decode,
        lambda coded: sum(len(c.payload) for c in coded),
    )


def _restorer(model: Restorer, ask: Ask) -> Subject:
    """The network on one plane: the encoder runs it once to see whether it helps."""
    rgb, plane, valid = sample(ask.height, ask.width)
    x = torch.zeros(1, 7, *(-(-n // 8) * 8 for n in (ask.height, ask.width)), device=model.device)
    parts, macs = count(model.net, {}, lambda: model.net(x))

    def run(_: object = None) -> NDArray[np.float32]:
        return model.restore(plane, valid, 20, rgb)

    return Subject(parameters_of(model.net), parts, macs, "trained", run, run, lambda _: 0)


def _count_plane(
    model: PlaneModel, padded: tuple[int, int], guide: Guide | None
) -> tuple[tuple[Part, ...], int, Guide]:
    device = model.log_gain.device
    x = torch.zeros(1, model.config.components, *padded, device=device)
    valid = torch.ones(1, 1, *padded, device=device) if model.config.mask else None
    quality = torch.full((1,), 50.0, device=device)
    kept = []

    def run() -> None:
        kept.append(model(x, quality, valid, guide if model.config.guide else None).guide)

    parts, macs = count(model, _PARTS, run)
    return parts, macs, kept[0]
