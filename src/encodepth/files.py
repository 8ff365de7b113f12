"""Writing files: whole or not at all, by every part of the package.

A file is made under a temporary name beside its place and renamed when it is complete.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path

PathLike = str | os.PathLike[str]


def write_file(path: PathLike, data: bytes) -> None:
    """Write `data` under a temporary name beside `path`, then rename: never a half-written file.

    A path that exists and is no regular file (a pipe, a device) is written to directly.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        target.write_bytes(data)
        return
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: PathLike, value: object) -> None:
    """Write plain data as indented JSON, whole or not at all."""
    write_file(path, (json.dumps(value, indent=2) + "\n").encode())
