"""What the verbs share: options, files in and out, and failures as one line each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import EncodepthError
from ..modalities import PLANES

if TYPE_CHECKING:
    from ..codec import Codec
    from ..settings import Settings

PIPE = "-"
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

force_option = click.option("-f", "--force", is_flag=True, help="Overwrite files that exist.")
quiet_option = click.option("--quiet", is_flag=True, help="No messages, only failures.")
model_option = click.option(
    "--model", default="base", metavar="NAME", show_default=True, help="Shipped or a weights file."
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the networks run.",
)


@dataclass(frozen=True)
class Common:
    """What everything that a call encodes has in common."""

    settings: Settings
    model: str
    device: str
    force: bool
    jobs: int
    as_json: bool
    quiet: bool
    stop: bool  # at the first failure
    ray: str | None  # the cluster that it is done on


class _NamedPlane(click.ParamType):
    """NAME=FILE, where NAME is a further plane."""

    name = "plane"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        name, equals, file = str(value).partition("=")
        if not (equals and file):
            self.fail(f'"{value}" is not NAME=FILE', param, ctx)
        if name not in PLANES:
            self.fail(f'no plane "{name}"; there are {", ".join(PLANES)}', param, ctx)
        return name, file


NAMED_PLANE = _NamedPlane()


def json_option(what: str) -> Callable[[Decorated], Decorated]:
    """Return the option --json, whose help says what is printed."""
    return click.option("--json", "as_json", is_flag=True, help=what)


def fail(message: str | None) -> None:
    """Print one failure on stderr."""
    click.echo(f"encodepth: {message}", err=True)


def explain(error: Exception) -> str | None:
    """Return one line for a failure that the user can act on, None for a fault of ours."""
    if isinstance(error, EncodepthError):
        return str(error)
    if isinstance(error, MemoryError) or "allocate memory" in str(error).lower():
        return "out of memory; close other programs or code a smaller picture"
    if type(error).__name__ == "OutOfMemoryError":  # torch's, without importing torch
        return "the GPU is out of memory; try --device cpu"
    if isinstance(error, OSError):
        return f"{error.filename}: {_reason(error)}" if error.filename else _reason(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("encodepth"):
        return f'the Python package "{error.name}" is missing; pip install it, or encodepth[eval]'
    if isinstance(error, click.ClickException):
        return error.format_message()
    return None


def attempt_all(paths: Sequence[str], work: Callable[[str], None]) -> int:
    """Do `work` for every input; name each failure, do the rest, and return the exit status."""
    done = [_attempt(path, work) for path in paths]
    return 0 if all(done) else 1


def _attempt(path: str, work: Callable[[str], None]) -> bool:
    try:
        work(path)
    except BrokenPipeError:
        raise  # whoever read our words has left: there is nobody to go on for
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        fail(reason if reason.startswith(path) else f"{path}: {reason}")
        return False
    return True


def rgbd_below(folder: str) -> Iterator[str]:
    """Yield the .rgbd files at or below a folder, in order; names are not kept."""
    for where, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".rgbd") and not name.startswith("."):
                yield os.path.join(where, name)


def coded_files(paths: Sequence[str]) -> list[str]:
    """Return the files that are named, and those below folders that are; a folder without any too,
    for `refuse_folder` to name in its turn.
    """
    found: list[str] = []
    for path in paths:
        below = list(rgbd_below(path)) if path != PIPE and os.path.isdir(path) else [path]
        found += below or [path]
    return found


def refuse_folder(path: str) -> None:
    """Refuse a folder that `coded_files` found nothing in.

    Raises:
        EncodepthError: it is one.
    """
    if path != PIPE and os.path.isdir(path):
        raise EncodepthError(f"no .rgbd files below {path}")


def read_bytes(path: str) -> bytes:
    """Return the bytes of a file, or of stdin for "-".

    Raises:
        EncodepthError: it does not exist or cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == PIPE else Path(path).read_bytes()
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else _reason(error)
        raise EncodepthError(f"{path} {reason}") from None


def head_of(path: str) -> bytes:
    """Return the first bytes of a file, which say what kind it is; none of what cannot be read.

    A pipe is not touched, for it can be read once.
    """
    if not os.path.isfile(path):
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(16)
    except OSError:
        return b""


def check_free(path: Path, *, force: bool, sources: Sequence[str | None] = ()) -> None:
    """Make sure that a file may be written, before work is put into making it.

    Raises:
        EncodepthError: it exists and `force` is not given, is one of the inputs `sources`, or its
            folder is missing. Devices and pipes may always be written.
    """
    if path.is_dir():
        raise EncodepthError(f"{path} is a folder; expected a file name")
    for source in sources:
        if source and path.is_file() and os.path.exists(source) and path.samefile(source):
            raise EncodepthError(f"{path} is the input; choose another name with -o")
    if path.is_file() and not force:
        raise EncodepthError(f"{path} exists; use -f to overwrite it")
    if not path.parent.is_dir():
        raise EncodepthError(f"cannot write {path}: there is no folder {path.parent}")


def save(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        EncodepthError: the disk is full, or the place cannot be written.
    """
    from ..files import write_file

    written(path, partial(write_file, path, data))


def written(path: Path, write: Callable[[], None]) -> None:
    """Call `write`, and name `path` where it fails.

    Raises:
        EncodepthError: the disk is full, or the place cannot be written.
    """
    try:
        write()
    except OSError as error:
        raise EncodepthError(f"cannot write {path}: {_reason(error)}") from None


def pipe_out(data: bytes) -> None:
    """Write bytes to stdout.

    Raises:
        EncodepthError: stdout is a terminal.
    """
    if sys.stdout.isatty():
        raise EncodepthError("stdout is a terminal; say -o FILE, or send it to a file or a pipe")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def open_codec(model: str, device: str) -> Codec:
    """Return a codec; weights are loaded when a stream first needs them.

    Raises:
        EncodepthError: --device cuda where there is none.
    """
    from ..codec import Codec

    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise EncodepthError("--device cuda, but torch sees no GPU here; try --device cpu")
    return Codec(model, device)


def _reason(error: OSError) -> str:
    text = error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
