"""Networks that run in torch as they are trained, in the place of the graphs drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn


class InTorch:
    """What a `learned.runtime.Runtime` does, by networks.

    Args:
        networks: a graph's name -> what it was drawn from.
        device: where they run.
        low_precision: run what is float in bfloat16; symbols decode the same.
    """

    def __init__(
        self, networks: Mapping[str, nn.Module], device: str = "cpu", low_precision: bool = False
    ) -> None:
        self._device, self._low = torch.device(device), low_precision
        self._networks = {
            name: network.eval().requires_grad_(False).to(device)
            for name, network in networks.items()
        }

    def open(self, names: Iterable[str]) -> None:
        """Do nothing: the networks are there."""

    @torch.inference_mode()
    def __call__(self, name: str, **inputs: NDArray[Any]) -> list[Any]:
        """Run a network; inputs by name, outputs in the graph's order."""
        given = {n: torch.from_numpy(x).to(self._device) for n, x in inputs.items()}
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._low):
            found = self._networks[name](**given)
        outputs = found if isinstance(found, tuple) else (found,)
        return [(x.float() if x.is_floating_point() else x).cpu().numpy() for x in outputs]
