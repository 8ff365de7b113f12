"""Which recordings are meant: by a path, a URL, a pattern, a folder, or a list of these."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import EncodepthError
from .source import is_url, open_filesystem

SUFFIX = ".rgbd"
Where = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class Named(NamedTuple):
    """A file, and whether it was named itself, not only found in a folder or by a pattern."""

    name: str
    itself: bool


def find_recordings(where: Where) -> list[Named]:
    """List the files that are meant, in the order given, those of a folder or pattern sorted.

    Args:
        where: a file; a pattern with `*`, `?`, `[..]` or `**`; a folder, which is searched
            downwards for `.rgbd` files; each as a path or a URL of fsspec; or several of these.

    Raises:
        EncodepthError: a folder or a pattern has no such file.
    """
    if isinstance(where, str | os.PathLike):
        return _find(os.fspath(where))
    return [found for one in where for found in _find(os.fspath(one))]


def _find(name: str) -> list[Named]:
    found = _in_url(name) if is_url(name) else _on_disk(name)
    if found is None:
        return [Named(name, True)]
    if not found:
        raise EncodepthError(f"no {SUFFIX} file at {name}")
    return [Named(one, False) for one in sorted(found)]


def _on_disk(name: str) -> list[str] | None:
    """Return what a folder or pattern has, None for a file."""
    if os.path.isdir(name):
        return [str(path) for path in Path(name).rglob(f"*{SUFFIX}") if path.is_file()]
    if glob.has_magic(name) and not os.path.exists(name):
        return [one for one in glob.glob(name, recursive=True) if os.path.isfile(one)]
    return None


def _in_url(name: str) -> list[str] | None:
    system, path = open_filesystem(name)
    if glob.has_magic(path):
        return _urls(system, system.glob(path))
    if not path.endswith(SUFFIX) and system.isdir(path):
        return _urls(system, [one for one in system.find(path) if one.endswith(SUFFIX)])
    return None


def _urls(system: Any, paths: list[str]) -> list[str]:
    return [system.unstrip_protocol(path) for path in paths]
