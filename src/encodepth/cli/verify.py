"""`encodepth verify`: are .rgbd files whole, and with --decode, do they decode here."""

from __future__ import annotations

import json

import click

from .shared import (
    PIPE,
    attempt_all,
    coded_files,
    device_option,
    head_of,
    json_option,
    model_option,
    open_codec,
    quiet_option,
    read_bytes,
    refuse_folder,
)


@click.command("verify")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--decode", is_flag=True, help="Decode every stream too, and check its symbols.")
@model_option
@device_option
@json_option("One JSON object per file and line.")
@quiet_option
def command(
    files: tuple[str, ...], decode: bool, model: str, device: str, as_json: bool, quiet: bool
) -> None:
    """Check that each FILE is a whole .rgbd file: header, lengths and checksum. "-" is stdin.
    Of a folder, each .rgbd file below it.

    With --decode every pixel is decoded; learned streams must give the symbols that were encoded.
    """
    from ..codec import parse
    from ..errors import EncodepthError
    from ..sequence.about import is_recording

    codec = open_codec(model, device) if decode else None

    def check(path: str) -> None:
        try:
            refuse_folder(path)
            if path != PIPE and is_recording(head_of(path)):
                _check_recording(path, decode=decode, model=model, device=device)
            else:
                data = read_bytes(path)
                parse(data)
                if codec is not None:
                    codec.decode(data)
        except EncodepthError as error:
            if as_json:
                click.echo(json.dumps({"file": path, "ok": False, "error": str(error)}))
            raise
        if as_json:
            click.echo(json.dumps({"file": path, "ok": True, "decoded": decode}))
        elif not quiet:
            click.echo(f"{path}: whole, and decodes here" if decode else f"{path}: whole")

    click.get_current_context().exit(attempt_all(coded_files(files), check))


def _check_recording(path: str, *, decode: bool, model: str, device: str) -> None:
    """Check every chunk of a recording, and decode every frame if that is asked for.

    Raises:
        CorruptFileError: the first thing that is wrong.
    """
    from ..errors import CorruptFileError
    from ..sequence.about import inspect_recording
    from ..sequence.reader import Reader

    problems = inspect_recording(path).problems
    if problems:
        more = f"; {len(problems) - 1} more (encodepth info names all)" if problems[1:] else ""
        raise CorruptFileError(problems[0] + more)
    if decode:
        with Reader(path, model=model, device=device) as reader:
            for _ in reader:
                pass
