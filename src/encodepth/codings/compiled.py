"""numba's compiler: what it makes is kept between processes, or where no place can be written, not.

A folder for it can be named in the environment variable NUMBA_CACHE_DIR; else it lies beside the
package or in the user's cache.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])

_said: list[bool] = []  # whether the lack of a cache was mentioned in this process


def compiled(**options: Any) -> Callable[[Function], Any]:
    """Return a decorator that compiles a function when it is first called.

    Args:
        **options: of numba's `njit`.
    """
    bare = options.get("_nrt") is False

    def wrap(function: Function) -> Any:
        try:
            made = numba.njit(cache=True, **options)(function)
            if bare:
                made._cache = _Bare(function)
            return made
        except RuntimeError:  # numba found no folder that it may write to
            if not _said:
                _said.append(True)
                warnings.warn(
                    "no folder can be written for compiled code, so it is compiled anew in every "
                    "process, some seconds each; name one in NUMBA_CACHE_DIR",
                    RuntimeWarning,
                    stacklevel=2,
                )
            return numba.njit(**options)(function)

    return wrap


class _Bare(FunctionCache):
    """What numba keeps of a function that allocates nothing, so that it needs no more than itself.

    Before it loads anything numba brings in all that a compilation needs, which takes longer than
    all of our functions; a compilation does so itself.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        return self._load_overload(sig, target_context)
