"""Where machine code is kept: one file for a function and the types of its arguments.

The first of these folders that has the file gives it, and the first that can be written takes new
ones: what NUMBA_CACHE_DIR names, `__pycache__` beside this module, `encodepth` in the user's cache.
What a package brings along, for any processor of a kind that it names, comes last.

A file is a line of JSON (symbol, types, SHA-256 of what follows) and an object file. Its name
holds a hash of all that it was made from, so it is never wrong, only unused.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from ..errors import EncodepthError
from ..files import write_file
from .calling import Native

SHIPPED = Path(__file__).with_name("objects")
# Processors that a package brings code for, by architecture: LLVM's name, what they need to have.
_AVX2 = ("x86-64-v3", "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt")
_ARM = ("generic", "")
KINDS = {"x86_64": _AVX2, "AMD64": _AVX2, "aarch64": _ARM, "arm64": _ARM}
_CODE = Path(__file__).parents[1]
_SOURCES = ("native", "codings")  # all that a compiled function may be made from


def find(function: FunctionType, kinds: str) -> Native | None:
    """Return what is kept of a function for such arguments."""
    for folder, processor in _places():
        found = _read(folder / _name(function, kinds, processor))
        if found is not None:
            return found
    return None


def keep(function: FunctionType, kinds: str, made: Native) -> bool:
    """Keep machine code; return whether a folder could be written."""
    head = {
        "symbol": made.symbol,
        "takes": made.takes,
        "gives": made.gives,
        "sha256": hashlib.sha256(made.code).hexdigest(),
    }
    data = json.dumps(head).encode() + b"\n" + made.code
    for folder in folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_file(folder / _name(function, kinds, _processor()), data)
            return True
        except OSError:
            continue
    return False


def folders() -> list[Path]:
    """Return where this machine's code may lie."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return [Path(named)]
    cached = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = [Path(cached, "encodepth")] if os.path.isabs(cached) else []  # nobody's has no home
    return [Path(__file__).with_name("__pycache__"), *home]


def for_a_package(folder: Path) -> None:
    """Keep what is compiled from now on in a folder, for any processor of this machine's kind.

    Called before anything is compiled.

    Raises:
        EncodepthError: there is no such kind.
    """
    if platform.machine() not in KINDS:
        known = " and ".join(KINDS)
        raise EncodepthError(f"packages carry code for {known}, and this is {platform.machine()}")
    name, features = KINDS[platform.machine()]
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    os.environ["NUMBA_CPU_NAME"], os.environ["NUMBA_CPU_FEATURES"] = name, features


def _places() -> Iterator[tuple[Path, str]]:
    """Return folders, each with the processor that its code is for."""
    for folder in folders():
        yield folder, _processor()
    if SHIPPED.is_dir() and platform.machine() in KINDS and "NUMBA_CPU_NAME" not in os.environ:
        name, features = KINDS[platform.machine()]
        if set(features.split(",")) <= _features() | {""}:
            yield SHIPPED, _key(name, features)


def _read(path: Path) -> Native | None:
    try:
        line, code = path.read_bytes().split(b"\n", 1)
        head = json.loads(line)
        whole = hashlib.sha256(code).hexdigest() == head["sha256"]
        return Native(head["symbol"], head["takes"], head["gives"], code) if whole else None
    except (OSError, ValueError, KeyError):
        return None


def _name(function: FunctionType, kinds: str, processor: str) -> str:
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
    parts = (function.__module__, function.__qualname__, kinds, processor, _made_from(function))
    return f"{name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:20]}.code"


def _made_from(function: FunctionType) -> str:
    """Return a hash of the sources."""
    own = Path(function.__code__.co_filename)
    common = _hashed()
    return common if own.parent in _folders() else common + _hash([own])


@cache
def _hashed() -> str:
    return _hash([path for folder in _folders() for path in sorted(folder.glob("*.py"))])


def _folders() -> list[Path]:
    return [_CODE / name for name in _SOURCES]


def _hash(paths: list[Path]) -> str:
    made = hashlib.sha256()
    for path in paths:
        made.update(path.read_bytes())
    return made.hexdigest()


@cache
def _processor() -> str:
    """Return what tells this machine's processor from others, or the one that was asked for."""
    asked = os.environ.get("NUMBA_CPU_NAME")
    if asked:
        return _key(asked, os.environ.get("NUMBA_CPU_FEATURES", ""))
    from llvmlite import binding

    return _key(binding.get_host_cpu_name(), ",".join(sorted(_features())))


def _key(name: str, features: str) -> str:
    return "/".join((sys.platform, platform.machine(), name, features))


@cache
def _features() -> frozenset[str]:
    from llvmlite import binding

    found: Any = binding.get_host_cpu_features()
    return frozenset(f"+{name}" for name, has in found.items() if has)
