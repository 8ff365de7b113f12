"""The thesis's models as subjects of `encodepth profile` (thesis Tables 14, 15).

A row of the table is profiled with random weights, a weights file with its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ..evaluate.cost import Ask, Subject, sample
from ..evaluate.counting import count, parameters_of
from .model import TcmModel
from .random import random_tcm
from .rows import ROWS, TcmConfig, config_of
from .tcm import ALIGN, TCM
from .weights import is_tcm, load_tcm

_PARTS = {
    "g_a": ("g_a",),
    "g_s": ("g_s",),
    "h_a": ("h_a",),
    "h_s": ("h_mean_s", "h_scale_s"),
    "SWAtten": ("slices.mean_attention", "slices.scale_attention"),
    "slices": ("slices.mean", "slices.scale"),
    "LRP": ("slices.lrp",),
}


def rows(name: str) -> tuple[str, ...]:
    """Return the models that a name stands for: of "thesis", the six rows of its tables."""
    return tuple(ROWS) if name == "thesis" else (name,)


def subject(ask: Ask) -> Subject | None:
    """Return a row ("rgb", ..., also with "-light" or "-small") or a weights file of the family.

    None for other names.

    Raises:
        ModelNotFoundError: the name begins like a row and is none.
    """
    if Path(ask.name).is_file():
        if not is_tcm(ask.name):
            return None
        model = load_tcm(ask.name, ask.device)
        return _subject(model.config, lambda: model, "trained", ask)
    if ask.name.split("-")[0] not in ("rgb", "depth"):
        return None
    config = config_of(ask.name)

    def build() -> TCM:
        return random_tcm(config).requires_grad_(False).to(ask.device)

    return _subject(config, build, "random", ask)


def _subject(config: TcmConfig, build: Callable[[], TCM], weights: str, ask: Ask) -> Subject:
    width, height = ask.width, ask.height
    with torch.device("meta"):
        ghost = TCM(config).eval()
        padded = (-(-height // ALIGN) * ALIGN, -(-width // ALIGN) * ALIGN)
        x = torch.empty(1, config.target, *padded)
        guide = torch.empty(1, config.guide, *padded) if config.guide else None
    parts, macs = count(ghost, _PARTS, lambda: ghost(x, guide))
    rgb, plane, _ = sample(height, width)
    seen: dict[str | None, NDArray[Any]] = {"color": rgb, "depth": plane}

    @cache
    def at_work() -> TcmModel:
        model = TcmModel(build())
        model.use_low_precision(ask.precision == "bf16")
        return model

    def encode() -> Any:
        model = at_work()
        guide = seen.get(model.guide)
        return model.encode(rgb if model.kind == "color" else plane, 50, guide)

    def decode(coded: Any) -> object:
        return at_work().decode(coded.payload, height, width, 50, coded.check)

    return Subject(
        parameters_of(ghost), parts, macs, weights, encode, decode, lambda c: len(c.payload)
    )
