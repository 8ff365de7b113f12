"""What a caller gives as a file: a path, bytes in any shape they come in, or an open file.

Everything is read into memory at once, so a pipe or a process substitution is as good as a file.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import InvalidImageError
from ..frame import PathLike

MAX_BYTES = 1 << 31  # of one file; the largest picture in float64 has half of that


class Readable(Protocol):
    """An open file, or anything else with `read`."""

    def read(self, size: int = ..., /) -> bytes: ...


Given = PathLike | bytes | bytearray | memoryview | np.ndarray | np.void | Readable
"""A path; bytes, bytearray, memoryview, an array of bytes (numpy, Zarr), np.void; an open file."""


@dataclass(frozen=True)
class File:
    """A file's bytes, and what it is called in messages."""

    name: str
    data: bytes

    @property
    def suffix(self) -> str:
        """Return the name's suffix in small letters: ".png"."""
        return Path(self.name).suffix.lower()

    def stream(self) -> io.BytesIO:
        """Return the bytes as a seekable stream."""
        return io.BytesIO(self.data)


def take(given: Given, kind: str) -> File:
    """Read what was given; `kind` ("color", "depth") is for messages.

    Raises:
        InvalidImageError: it is missing, a folder, or cannot be read.
        TypeError: it is none of what can be given.
    """
    if isinstance(given, str | os.PathLike):
        return _from_path(Path(given), kind)
    reader = getattr(given, "read", None)
    if callable(reader):
        return File(_name_of(given), _all_of(reader, kind))
    return File("in memory", _bytes(given, kind))


def _all_of(read: Callable[[], object], kind: str) -> bytes:
    """Read to the end; a socket or a pipe gives less at a time than there is.

    Raises:
        InvalidImageError: it is too long.
        TypeError: it gives no bytes.
    """
    parts, size = [], 0
    while part := _bytes(read(), kind):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise InvalidImageError(f"{kind} has over {MAX_BYTES >> 30} GiB")
    return b"".join(parts)


def _from_path(path: Path, kind: str) -> File:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InvalidImageError(f"{kind} file {path} does not exist") from None
    except IsADirectoryError:
        raise InvalidImageError(f"{kind} file {path} is a folder; expected a picture") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidImageError(f"{kind} file {path} cannot be read: {reason.lower()}") from None
    if len(data) > MAX_BYTES:
        raise InvalidImageError(f"{kind} file {path} has over {MAX_BYTES >> 30} GiB")
    return File(str(path), data)


def _bytes(given: object, kind: str) -> bytes:
    try:
        return memoryview(given).cast("B").tobytes()  # type: ignore[arg-type]
    except TypeError:
        pass
    try:  # not contiguous, or a scalar of bytes
        return memoryview(given).tobytes()  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{kind} is {type(given).__name__}; expected a path, bytes or an open binary file"
        ) from None


def _name_of(given: object) -> str:
    name = getattr(given, "name", None)
    return name if isinstance(name, str) and name else "in memory"
