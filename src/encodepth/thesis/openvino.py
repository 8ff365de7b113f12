"""An optional runtime for the heavy transforms: OpenVINO compiles g_a and g_s for the CPU.

Only transforms go there. What decides a symbol stays in torch, so a stream is the same kind of
stream whichever runtime made its latent. Install with `pip install encodepth[openvino]`.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import EncodepthError

PARITY = {"fp32": 1e-4, "bf16": 8e-2}  # largest error allowed, relative to the largest value


class Compiled:
    """A transform that runs in OpenVINO, compiled once for each shape of its inputs.

    Args:
        module: the torch transform; kept, and asked whenever a gradient is wanted.
        precision: "fp32", or "bf16" where the processor has it.
        check: compare the first result of each shape with torch's, and fail if they differ.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
        EncodepthError: (when called) its result is not torch's.
    """

    def __init__(
        self, module: nn.Module, precision: Literal["fp32", "bf16"] = "fp32", *, check: bool = True
    ) -> None:
        import openvino  # noqa: F401  fail here, not in the first picture

        self.module = module
        self.precision, self.check = precision, check
        self._compiled: dict[tuple[torch.Size, ...], Any] = {}

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        """Run the transform; inputs as the module's own, on the CPU."""
        given = tuple(x for x in inputs if x is not None)
        if torch.is_grad_enabled():
            out: Tensor = self.module(*given)
            return out
        shapes = tuple(x.shape for x in given)
        first = shapes not in self._compiled
        if first:
            self._compiled[shapes] = _compile(self.module, given, self.precision)
        result = self._compiled[shapes]([x.float().contiguous().numpy() for x in given])
        out = torch.from_numpy(result[0].copy())
        if first and self.check:
            error = self.parity(out, *given)
            if not error <= PARITY[self.precision]:
                raise EncodepthError(
                    f"OpenVINO's {type(self.module).__name__.lower()} is off by {error:.1e} of the "
                    f"largest value, allowed is {PARITY[self.precision]:.0e}; leave it out here"
                )
        return out

    def parity(self, out: Tensor, *inputs: Tensor) -> float:
        """Largest difference from torch's result, relative to its largest value."""
        expected = self.module(*inputs)
        return float((out - expected).abs().max() / expected.abs().max())


def _compile(module: nn.Module, inputs: tuple[Tensor, ...], precision: str) -> Any:
    import openvino

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # shapes are fixed, and meant so
        graph = openvino.convert_model(
            module, example_input=inputs, input=[tuple(x.shape) for x in inputs]
        )
    kind = {"fp32": openvino.Type.f32, "bf16": openvino.Type.bf16}[precision]
    hints = {
        openvino.properties.hint.inference_precision(): kind,
        openvino.properties.inference_num_threads(): torch.get_num_threads(),
    }
    return openvino.Core().compile_model(graph, "CPU", hints)
