"""What a model costs: parameters, multiply-accumulates, time and memory (thesis Tables 14, 15).

Counts are exact: the network runs once, padded as it would be, and every convolution and matrix
product is counted. Times are wall-clock of whole calls, bytes included.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .counting import CONVENTION, Part
from .timing import Times, peak, seconds

FAMILIES = (
    # modules with `rows(name)` and `subject(ask)`; the first that has a subject is taken
    "encodepth.thesis.cost",
    "encodepth.evaluate.subjects",
)


@dataclass(frozen=True)
class Profile:
    """A model's costs at one size; None where it was not measured."""

    model: str
    width: int
    height: int
    parameters: int
    macs: int
    parts: tuple[Part, ...]
    device: str
    threads: int
    precision: str
    weights: str  # "trained", or "random" where only the architecture is known
    encode: Times | None = None
    decode: Times | None = None
    encode_memory: int | None = None  # bytes above the loaded model, at the peak
    decode_memory: int | None = None
    payload: int | None = None  # bytes of the coded picture
    load: float | None = None  # of the machine before, its average over a minute

    def as_dict(self) -> dict[str, Any]:
        """The profile as JSON holds it."""
        return asdict(self) | {"flops": 2 * self.macs, "convention": CONVENTION}


@dataclass(frozen=True)
class Ask:
    """What is to be profiled, and how."""

    name: str
    width: int
    height: int
    device: str
    precision: str


@dataclass(frozen=True)
class Subject:
    """A model with the two calls that are timed."""

    parameters: int
    parts: tuple[Part, ...]
    macs: int
    weights: str
    encode: Callable[[], Any]
    decode: Callable[[Any], object]
    size_of: Callable[[Any], int]


def profile(
    name: str,
    width: int = 640,
    height: int = 480,
    *,
    runs: int = 3,
    device: str = "cpu",
    precision: str = "fp32",
) -> Profile:
    """Measure one model.

    Args:
        name: a row of the thesis's table ("rgb", ..., also with "-light" or "-small"), a weights
            file, or an installed model such as "base".
        width: of the picture, in pixels; padding is the model's business and is counted.
        height: likewise.
        runs: timed calls after one to warm up; 0 only counts.
        device: "cpu" or "cuda".
        precision: "fp32", or "bf16" for the transforms.

    Raises:
        ModelNotFoundError: no such model.
    """
    ask = Ask(name, width, height, device, precision)
    subject = _subject(ask)
    measured = _measured(subject, runs, device) if runs else {}
    return Profile(
        name,
        width,
        height,
        subject.parameters,
        subject.macs,
        subject.parts,
        device,
        torch.get_num_threads(),
        precision,
        subject.weights,
        **measured,
    )


def names(asked: Iterable[str]) -> list[str]:
    """Replace what stands for several models ("thesis": the rows of its tables) by them."""
    found = list(asked)
    for family in FAMILIES:
        found = [row for name in found for row in importlib.import_module(family).rows(name)]
    return found


def sample(
    height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """A fixed colour picture, its depth in [0, 1] and a full mask: smooth shapes with grain."""
    generator = torch.Generator().manual_seed(1)

    def draw(channels: int) -> Tensor:
        shape = (height // 32 + 2, width // 32 + 2)
        coarse = torch.rand(1, channels, *shape, generator=generator)
        smooth = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
        return (0.9 * smooth + 0.1 * torch.rand(smooth.shape, generator=generator))[0]

    rgb = (draw(3) * 255).byte().permute(1, 2, 0).contiguous().numpy()
    return rgb, draw(1)[0].numpy(), np.ones((height, width), bool)


def _subject(ask: Ask) -> Subject:
    for family in FAMILIES:
        found: Subject | None = importlib.import_module(family).subject(ask)
        if found is not None:
            return found
    raise AssertionError("the last family takes any name or raises")


def _measured(subject: Subject, runs: int, device: str) -> dict[str, Any]:
    """Time both calls in turn after one to warm up, then measure their memory."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    coded = subject.encode()
    subject.decode(coded)
    calls: dict[str, Callable[[], object]] = {
        "encode": subject.encode,
        "decode": lambda: subject.decode(coded),
    }
    took: dict[str, list[float]] = {way: [] for way in calls}
    for _ in range(runs):
        for way, call in calls.items():
            took[way].append(seconds(call, device))
    return {
        "load": load,
        **{way: Times.of(t) for way, t in took.items()},
        **{f"{way}_memory": peak(call, device) for way, call in calls.items()},
        "payload": subject.size_of(coded),
    }
