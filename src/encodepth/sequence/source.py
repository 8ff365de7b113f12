"""Where a recording is read from: a path, bytes, a file object, a URL; always a piece at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import EncodepthError, InvalidSettingError
from ..packing import view

ReadAt = Callable[[int, int], bytes]

_PART = 1 << 20  # bytes read at a time of what cannot seek


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
    """Open a path, a URL of fsspec, bytes of any kind, or a file object.

    One that cannot seek, such as a pipe, is read into memory.

    Raises:
        EncodepthError: it does not exist or cannot be read.
        InvalidSettingError: it is none of these.
    """
    whole = view(source)
    if whole is not None:
        return Source(lambda at, n: bytes(whole[at : at + n]), len(whole), _nothing, "bytes")
    if hasattr(source, "read"):
        if not getattr(source, "seekable", lambda: True)():
            return open_source(b"".join(iter(lambda: source.read(_PART), b"")))
        return _from_file(source, _nothing, getattr(source, "name", "file object"))
    if not isinstance(source, str | os.PathLike):
        raise InvalidSettingError(
            f"a recording is read from a path, a URL, bytes or an open file; got "
            f"{type(source).__name__}"
        )
    name = os.fspath(source)
    return _from_url(name) if is_url(name) else _from_path(name)


def is_url(name: str) -> bool:
    """Whether a name is a URL rather than a path."""
    return "://" in name


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path there.

    Raises:
        EncodepthError: fsspec, or what it needs for this URL, is not installed.
    """
    try:
        found: tuple[Any, str] = _fsspec(url).core.url_to_fs(url)
    except (OSError, ValueError, ImportError) as error:
        raise EncodepthError(f"{url}: {' '.join(str(error).split())}") from None
    return found


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
        file = _fsspec(name).open(name, "rb").open()
    except FileNotFoundError:
        raise EncodepthError(f"{name} does not exist") from None
    except (OSError, ValueError, ImportError) as error:
        raise EncodepthError(f"{name}: {' '.join(str(error).split())}") from None
    return _from_file(file, file.close, name)


def _fsspec(url: str) -> Any:
    try:
        import fsspec
    except ModuleNotFoundError:
        raise EncodepthError(
            f"{url} is a URL, which needs the package fsspec; pip install 'encodepth[url]'"
        ) from None
    return fsspec


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
