"""Tensors computed from parameters (a clamped gamma, a gathered bias), kept while they stand still.

In inference such a tensor is made once, not in every forward pass; in training it is always fresh,
so that gradients flow. The key is the parameters' storage and version, hence `load_state_dict`,
`.to()` and an optimiser step all drop what was kept.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Derived:
    """One slot for one derived tensor."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._value: Tensor | None = None

    def get(self, make: Callable[[], Tensor], *sources: Tensor) -> Tensor:
        """Return `make()`, or its earlier result if no source has changed since."""
        if torch.is_grad_enabled() or is_tracing() or any(s.is_inference() for s in sources):
            return make()
        key = tuple((s.data_ptr(), s._version, s.dtype, s.device) for s in sources)
        if self._value is None or key != self._key:
            self._key, self._value = key, make()
        return self._value


def is_tracing() -> bool:
    """Whether a graph is being recorded, for which plain whole-picture operations serve best."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()
