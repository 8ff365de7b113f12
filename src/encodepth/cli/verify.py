"""`encodepth verify`: are .rgbd files whole, do they decode here, do they keep their promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from ..io.found import PairBy


@click.command("verify")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--decode", is_flag=True, help="Decode every stream too, and check its symbols.")
@click.option(
    "--against",
    multiple=True,
    metavar="ORIGINAL",
    help="Decode, and compare with what the files were made from: a folder of pairs, colour and "
    "depth (said twice), or a recording.",
)
@click.option("--depth-unit", type=float, metavar="M", help="Of the originals, as for encode.")
@click.option("--depth-step", type=float, metavar="M", help="Of the originals, as for encode.")
@click.option("--near", type=float, metavar="M", help="What encode was told.")
@click.option("--far", type=float, metavar="M", help="What encode was told.")
@click.option(
    "--pair-by", type=click.Choice(["name", "time", "order"]), help="What encode was told."
)
@model_option
@device_option
@json_option("One JSON object per file and line.")
@quiet_option
def command(
    files: tuple[str, ...],
    decode: bool,
    against: tuple[str, ...],
    depth_unit: float | None,
    depth_step: float | None,
    near: float | None,
    far: float | None,
    pair_by: PairBy | None,
    model: str,
    device: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check that each FILE is a whole .rgbd file: header, lengths and checksum. "-" is stdin.
    Of a folder, each .rgbd file below it.

    With --decode every pixel is decoded; learned streams must give the symbols that were encoded.
    With --against it is also compared with what it was made from: planes that are exact, bounds of
    errors, holes.
    """
    from ..codec import parse
    from ..errors import EncodepthError
    from ..sequence.about import is_recording
    from .against import Originals

    originals = Originals(against, depth_unit, depth_step, near, far, pair_by)
    if not against and originals != Originals(against):
        raise click.UsageError("--depth-unit and such say how originals are read: --against")
    codec = open_codec(model, device) if decode or against else None

    def check(path: str) -> None:
        found: dict[str, object] = {"file": path, "ok": True, "decoded": codec is not None}
        words = "whole, and decodes here" if decode else "whole"
        try:
            refuse_folder(path)
            if against and codec is not None:
                kept = originals.compare(path, codec, model, device)
                found |= kept.as_dict()
                if kept.broken:
                    raise EncodepthError(_broken(path, kept.broken, kept.words))
                words = f"keeps its promises; {kept.words}"
            elif path != PIPE and is_recording(head_of(path)):
                _check_recording(path, decode=decode, model=model, device=device)
            else:
                data = read_bytes(path)
                parse(data)
                if codec is not None:
                    codec.decode(data)
        except EncodepthError as error:
            if as_json:
                click.echo(json.dumps(found | {"ok": False, "error": str(error)}))
            raise
        if as_json:
            click.echo(json.dumps(found))
        elif not quiet:
            click.echo(f"{path}: {words}")

    click.get_current_context().exit(attempt_all(coded_files(files), check))


def _broken(path: str, broken: list[str], words: str) -> str:
    more = f"; and {len(broken) - 1:,} more" if broken[1:] else ""
    return f"{path}: broken promise: {broken[0]}{more}" + (f" ({words})" if words else "")


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
