"""Writing files and folders: whole or not at all, by every part of the package.

A file is made without a name where the system can do that (Linux), else under a temporary name
beside its place, and takes its name when it is complete; a process that is killed leaves no half.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PathLike = str | os.PathLike[str]


def write_file(path: PathLike, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; what was there is replaced.

    A path that exists and is no regular file (pipe, device, /dev/stdout) is written to directly.
    """
    number = _descriptor(path)
    if number is not None:
        _write_all(number, data)
        return
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        with open(path, "wb", buffering=0) as place:
            _write_all(place.fileno(), data)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")  # short: names may fill 255 bytes
    try:
        named = _write_nameless((target, temporary), data)
        if named is None:
            with open(temporary, "xb", buffering=0) as file:
                _write_all(file.fileno(), data)
                os.fsync(file.fileno())
        if named != target:
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: PathLike, value: object) -> None:
    """Write plain data as indented JSON, whole or not at all."""
    write_file(path, (json.dumps(value, indent=2) + "\n").encode())


@contextmanager
def new_folder(path: PathLike) -> Iterator[Path]:
    """Give an empty folder that becomes `path` at the end, whole or not at all.

    What another process put there in the meantime stays: both made the same.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{target.name}.", suffix=".tmp", dir=target.parent
    ) as temporary:
        made = Path(temporary) / target.name
        made.mkdir()
        yield made
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():
                raise


@contextmanager
def growing_file(path: PathLike) -> Iterator[Path]:
    """Give a name beside `path` for a file that is written piece by piece, and at the end its own.

    Where that ends early nothing is left, and what processes that were killed left goes with the
    first one that ends well.
    """
    target = Path(path)
    own = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]  # names may fill 255 bytes
    part = target.with_name(f".{own}.{secrets.token_hex(8)}.part")  # a lost twin has another
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    for old in target.parent.glob(f".{own}.*.part"):
        old.unlink(missing_ok=True)


def _descriptor(path: PathLike) -> int | None:
    """Return which of the process's open files a path stands for: 1 for /dev/stdout."""
    name = os.path.abspath(os.fspath(path))
    if name in ("/dev/stdout", "/dev/stderr"):
        return 1 if name == "/dev/stdout" else 2
    folder, _, last = name.rpartition("/")
    return int(last) if folder in ("/dev/fd", "/proc/self/fd") and last.isdigit() else None


def _write_nameless(names: tuple[Path, Path], data: bytes) -> Path | None:
    """Write a file that has no name until it is whole, and return the name that it got.

    Args:
        names: in one folder; it gets the first unless that is taken. Then whoever is killed before
            it is renamed leaves it, whole, under the second.
        data: its bytes.

    Returns:
        None where the system has no such files.
    """
    if not hasattr(os, "O_TMPFILE"):
        return None
    folder = os.open(names[0].parent, os.O_PATH | os.O_DIRECTORY)
    try:
        try:
            file = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o666, dir_fd=folder)
        except OSError:
            return None
        try:
            _write_all(file, data)
            os.fsync(file)
            for name in names:
                try:
                    os.link(
                        f"/proc/self/fd/{file}", name.name, src_dir_fd=folder, dst_dir_fd=folder
                    )
                except FileExistsError:
                    continue
                except OSError:
                    return None
                return name
        finally:
            os.close(file)
    finally:
        os.close(folder)
    return None


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
