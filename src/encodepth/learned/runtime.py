"""Graphs at work in ONNX Runtime: opened when first run, in each process anew.

A session's threads do not survive a fork, so a child opens its own.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..cores import usable_cores
from ..errors import EncodepthError, ModelNotFoundError
from .weights import Graph, Weights

_MOST_THREADS = 8  # a picture's latent has no work for more

Floats = NDArray[np.float32]
Run = Callable[[dict[str, NDArray[Any]]], list[Any]]
Backend = Callable[[Graph, Callable[[str], Floats], int], Run]
"""(graph, tensor by name, threads) -> what runs it, on inputs by name."""


class Runs(Protocol):
    """What runs networks by name: a `Runtime`, or torch where they are trained."""

    def __call__(self, name: str, **inputs: NDArray[Any]) -> list[Any]:
        """Run one; inputs by name, outputs in the graph's order."""

    def open(self, names: Iterable[str]) -> None:
        """See that they are there."""


class Runtime:
    """The graphs of one file of weights.

    Args:
        weights: the file.
        threads: that one graph uses; as many as this process may use if None, at most 8.
        backend: opens a graph; ONNX Runtime's unless a check asks for another.
    """

    def __init__(
        self, weights: Weights, threads: int | None = None, backend: Backend | None = None
    ) -> None:
        self.weights = weights
        self.threads = threads or min(usable_cores(), _MOST_THREADS)
        self._backend = backend or open_session
        self._open: dict[str, Run] = {}
        _after_fork(weakref.ref(self))

    def __call__(self, name: str, **inputs: NDArray[Any]) -> list[Any]:
        """Run a graph by name; inputs by name, outputs in the graph's order.

        Raises:
            ModelNotFoundError: the weights have no such graph or do not fit it.
        """
        return self._ready(name)(inputs)

    def open(self, names: Iterable[str]) -> None:
        """Open graphs, which shows whether the weights fit."""
        for name in names:
            self._ready(name)

    def _ready(self, name: str) -> Run:
        if name not in self._open:
            graph = self.weights.graph(name)
            try:
                run = self._backend(graph, self.weights.tensor, self.threads)
            except (KeyError, RuntimeError, ValueError) as error:
                raise ModelNotFoundError(
                    f"weights {self.weights.path} do not fit their graph {name}: "
                    f"{_last_line(error)}"
                ) from None
            self._open[name] = run
        return self._open[name]


def open_session(graph: Graph, tensor: Callable[[str], Floats], threads: int) -> Run:
    """Open a graph in ONNX Runtime.

    Raises:
        EncodepthError: ONNX Runtime is not installed.
    """
    return session_of(graph, tensor, threads, {})


def session_of(
    graph: Graph, tensor: Callable[[str], Floats], threads: int, changes: dict[str, Any]
) -> Run:
    """Open a graph in ONNX Runtime with some of its options changed.

    Raises:
        EncodepthError: ONNX Runtime is not installed.
        ValueError: the tensors do not fit the graph.
    """
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # what goes wrong comes as an exception
    options.enable_cpu_mem_arena = False  # it would keep the largest tile's memory for ever
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in changes.items():
        setattr(options, name, value)
    values = [ort.OrtValue.ortvalue_from_numpy(tensor(name)) for name in graph.weights]
    options.add_external_initializers(list(graph.weights), values)
    try:
        session = ort.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own errors have no parent in common
        raise ValueError(str(error)) from None
    return lambda inputs: session.run(None, inputs)


def _onnxruntime() -> Any:
    """Import ONNX Runtime without the telemetry that its builds start when they are imported.

    That is a thread that sends to its makers, a file in the user's cache, and a child process of
    a fork that hangs when it ends.
    """
    switch = "ORT_DISABLE_TELEMETRY"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise EncodepthError(
            f"learned and restored streams need onnxruntime ({error}); pip install onnxruntime"
        ) from None
    finally:
        if before is None:
            del os.environ[switch]
        else:
            os.environ[switch] = before
    return onnxruntime


def _after_fork(runtime: weakref.ref[Runtime]) -> None:
    """See that a child of a fork opens sessions of its own.

    Those it inherited are kept from ever being closed there: their threads are not there to join.
    """

    def forget() -> None:
        left = runtime()
        if left is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(left._open))
            left._open = {}

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


def _last_line(error: BaseException) -> str:
    return str(error).splitlines()[-1].strip().rstrip(".") if str(error) else type(error).__name__
