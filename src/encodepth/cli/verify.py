"""`encodepth verify`: are .rgbd files whole, and with --decode, do they decode here."""

from __future__ import annotations

import json

import click

from .shared import (
    attempt_all,
    device_option,
    json_option,
    model_option,
    open_codec,
    quiet_option,
    read_bytes,
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

    With --decode every pixel is decoded; learned streams must give the symbols that were encoded.
    """
    from ..codec import parse
    from ..errors import EncodepthError

    codec = open_codec(model, device) if decode else None

    def check(path: str) -> None:
        try:
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

    click.get_current_context().exit(attempt_all(files, check))
