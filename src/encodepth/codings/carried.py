"""Libraries written in C, called directly: those that imagecodecs carries, or the system's."""

from __future__ import annotations

import ctypes as c
import ctypes.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import imagecodecs

Function = tuple[str, Any, tuple[Any, ...]]
"""Name, type of the result, types of the arguments."""


def find(
    names: Iterable[str], functions: Iterable[Function], fits: Callable[[c.CDLL], bool]
) -> c.CDLL | None:
    """Return the first library that fits, its functions declared; None where there is none.

    Args:
        names: parts of the file names of those that are carried, in order; the system's is asked
            for by the first.
        functions: that it must have.
        fits: whether its version is one whose layouts are known.
    """
    imagecodecs.avif_version()  # loads what those beside it need
    package = Path(imagecodecs.__file__).parent
    folders = (package.parent / "imagecodecs.libs", package / ".dylibs")
    first, *others = names
    found = [
        str(path)
        for name in (first, *others)
        for folder in folders
        for path in sorted(folder.glob(f"*{name}*"))
    ]
    system = ctypes.util.find_library(first)
    for path in [*found, *([system] if system else [])]:
        try:
            library = c.CDLL(path)
            for name, result, arguments in functions:
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):  # not loadable, or something else by that name
            continue
        if fits(library):
            return library
    return None
