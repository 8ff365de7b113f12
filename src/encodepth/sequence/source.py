"""Where a recording is read from: a path, bytes, a file object, a URL; always a piece at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import EncodepthError

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Source:
    """Bytes that can be read anywhere, by several threads at once.

    Attributes:
        read_at: (offset, size) -> bytes, fewer only at the end.
        size: in bytes.
        close: gives back what was opened here.
        name: for messages.
    """

    read_at: ReadAt
    size: int
    close: Callable[[], None]
    name: str


def open_source(source: Any) -> Source:
    """Open a path, a URL of fsspec, bytes, or a file object that can seek.

    Raises:
        EncodepthError: it does not exist or cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        whole = memoryview(source)
        return Source(lambda at, n: bytes(whole[at : at + n]), len(whole), _nothing, "bytes")
    if hasattr(source, "read"):
        return _from_file(source, _nothing, getattr(source, "name", "file object"))
    name = os.fspath(source)
    if "://" in name:
        return _from_url(name)
    return _from_path(name)


def _from_path(name: str) -> Source:
    try:
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        size = os.fstat(descriptor).st_size
    except FileNotFoundError:
        raise EncodepthError(f"{name} does not exist") from None
    except OSError as error:
        raise EncodepthError(f"{name}: {(error.strerror or 'cannot be opened').lower()}") from None

    def read_at(at: int, size: int) -> bytes:
        try:
            return os.pread(descriptor, size, at)
        except OSError as error:
            raise EncodepthError(f"{name}: {(error.strerror or 'unreadable').lower()}") from None

    return Source(read_at, size, lambda: os.close(descriptor), name)


def _from_url(name: str) -> Source:
    try:
        import fsspec
    except ModuleNotFoundError:
        raise EncodepthError(
            f"{name} is a URL, which needs the package fsspec; pip install 'encodepth[url]'"
        ) from None
    try:
        file = fsspec.open(name, "rb").open()
    except FileNotFoundError:
        raise EncodepthError(f"{name} does not exist") from None
    except (OSError, ValueError, ImportError) as error:
        raise EncodepthError(f"{name}: {' '.join(str(error).split())}") from None
    return _from_file(file, file.close, name)


def _from_file(file: Any, close: Callable[[], None], name: str) -> Source:
    lock = threading.Lock()

    def read_at(at: int, size: int) -> bytes:
        with lock:
            file.seek(at)
            parts, left = [], size
            while left and (part := file.read(left)):
                parts.append(part)
                left -= len(part)
            return b"".join(parts)

    return Source(read_at, file.seek(0, os.SEEK_END), close, str(name))


def _nothing() -> None:
    """Leave open what others opened."""
