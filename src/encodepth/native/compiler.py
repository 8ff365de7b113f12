"""A function that is machine code when Python calls it, and numba's where compiled code does.

numba is imported when something is to be compiled, which takes seconds; what was compiled is kept
(`store.py`) and runs without it. Nothing compiled here makes arrays: counting references to them
took half of the time.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import Any

from . import store
from .calling import door, read
from .store import Native

_OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
_PLAIN = bool(os.environ.get("NUMBA_DISABLE_JIT"))  # functions stay Python's
_lock = threading.RLock()
_log = logging.getLogger("encodepth.native")
_said: list[bool] = []  # whether the lack of a folder was mentioned in this process


class Compiled:
    """A compiled function.

    Args:
        function: of arrays, integers, bools and tuples of them.
        inline: whether callers have it in line whatever its size.
    """

    def __init__(self, function: FunctionType, inline: bool) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._inline = inline
        self._doors: dict[str, Callable[[list[Any]], Any]] = {}

    def __call__(self, *args: Any) -> Any:
        kinds: list[str] = []
        flat: list[Any] = []
        read(args, kinds, flat)
        types = " ".join(kinds)
        call = self._doors.get(types)
        if call is None:
            with _lock:
                call = self._doors.get(types) or self._open(types, args)
                self._doors[types] = call
        return call(flat)

    def _open(self, types: str, args: tuple[Any, ...]) -> Callable[[list[Any]], Any]:
        """Find the machine code for such arguments, or make it and keep it."""
        shared = self.py_func.__closure__ is None  # else what it closes over may differ
        native = store.find(self.py_func, types) if shared else None
        if native is None:
            native = self._compile(args)
            if shared and not store.keep(self.py_func, types, native):
                _say()
        return door(native, self.py_func.__qualname__)

    def _compile(self, args: tuple[Any, ...]) -> Native:
        _log.info("compiling %s", self.py_func.__qualname__)
        with _nothing_collected():
            from .numba_code import compile_for  # seconds

            return compile_for(self.real, args)

    @functools.cached_property
    def real(self) -> Any:
        """numba's function."""
        from .numba_code import njit

        return njit(self.py_func, forceinline=self._inline, **_OPTIONS)


class Known:
    """What compiled code knows by a name, imported when something is compiled.

    Args:
        module: where it is.
        name: there.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    @property
    def imported(self) -> bool:
        """Whether its module is."""
        return self._module in sys.modules

    @property
    def real(self) -> Any:
        """What numba knows."""
        return getattr(import_module(self._module), self._name)


def compiled(function: Any) -> Any:
    """Compile a function when it is first called."""
    return function if _PLAIN else Compiled(function, inline=False)


def inlined(function: Any) -> Any:
    """Compile a function into every place of compiled code that calls it."""
    return function if _PLAIN else Compiled(function, inline=True)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Look for no garbage meanwhile: it takes a sixth of the time that numba does."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _say() -> None:
    if not _said:
        _said.append(True)
        warnings.warn(
            "no folder can be written for compiled code, so it is compiled anew in every "
            "process, some seconds each; name one in NUMBA_CACHE_DIR",
            RuntimeWarning,
            stacklevel=4,
        )
