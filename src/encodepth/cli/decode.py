"""`encodepth decode`: .rgbd files back into pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from ..errors import EncodepthError
from .shared import (
    PIPE,
    attempt_all,
    check_free,
    device_option,
    force_option,
    model_option,
    open_codec,
    quiet_option,
    read_bytes,
    save,
    written,
)

MODALITIES = ("color", "depth")
Targets = dict[str, Path]


@click.command("decode")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", metavar="DIR", help="Folder for the pictures; made if missing.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    metavar="N",
    show_default=True,
    help="Files decoded at a time where FILE is a folder.",
)
@click.option("--color", metavar="FILE", help="The colour picture: .png, .webp, .tif or .jpg.")
@click.option("--depth", metavar="FILE", help="The depth map: .png, .tif or .npy.")
@click.option("--only", type=click.Choice(MODALITIES), help="Decode colour alone, or depth alone.")
@model_option
@device_option
@force_option
@quiet_option
def command(
    files: tuple[str, ...],
    output: str | None,
    jobs: int,
    color: str | None,
    depth: str | None,
    only: str | None,
    model: str,
    device: str,
    force: bool,
    quiet: bool,
) -> None:
    """Decode each FILE into NAME-color.png and NAME-depth.png beside it, or in -o DIR.

    With --color or --depth only what they name is written. Depth has 16 bits, holes are 0. "-" is
    stdin. A folder goes back to a tree of pictures below -o: DIR/SEQUENCE/color/FRAME.png,
    depth/FRAME.png and meta.json.
    """
    named = {kind: Path(name) for kind, name in (("color", color), ("depth", depth)) if name}
    _check_fit(files, named, output=output, only=only)
    if any(Path(name).is_dir() for name in files):
        from .back import Return, decode_folders

        if output is None or named:
            raise click.UsageError("say with -o where the pictures of a folder go")
        kinds = (only,) if only else MODALITIES
        call = Return(Path(output), kinds, model, device, force, jobs, quiet)
        click.get_current_context().exit(decode_folders(files, call))
    if jobs > 1:
        raise click.UsageError("-j is for folders")
    if output is not None:
        folder = Path(output)
        written(folder, partial(folder.mkdir, parents=True, exist_ok=True))
    codec = open_codec(model, device)
    made: dict[Path, str] = {}

    def work(path: str) -> None:
        from ..container import Container, Kind
        from ..io.pictures import picture_bytes

        data = read_bytes(path)
        container = Container.parse(data)
        held = [kind for kind in MODALITIES if container.stream(Kind[kind.upper()])]
        wanted = list(named) or ([only] if only else held)
        for kind in wanted:
            if kind not in held:
                raise EncodepthError(f"{path} holds no {kind}; it holds {' and '.join(held)}")
        targets = named or _beside(path, wanted, output)
        for target in targets.values():
            if target in made:
                raise EncodepthError(f"{target} was just written from {made[target]}")
            check_free(target, force=force, sources=[path])
        picture = codec.decode(data, streams=wanted)
        for kind, target in targets.items():
            check_free(target, force=force)  # somebody may have made it meanwhile
            save(target, picture_bytes(picture, kind, target))
            made[target] = path
        if not quiet:
            click.echo(f"{path}: {', '.join(map(str, targets.values()))}", err=True)

    click.get_current_context().exit(attempt_all(files, work))


def _check_fit(
    files: tuple[str, ...], named: Targets, *, output: str | None, only: str | None
) -> None:
    """Refuse options that contradict each other or would be ignored."""
    if named and len(files) > 1:
        raise click.UsageError(f"--{next(iter(named))} names one picture, but there are several")
    if named and output:
        raise click.UsageError(f"-o and --{next(iter(named))} both say where to write")
    if named and only and list(named) != [only]:
        raise click.UsageError(f"--only {only} contradicts the pictures that are named")
    if PIPE in files and not named and not output:
        raise click.UsageError("say where to write what comes from stdin: -o, --color or --depth")
    if files.count(PIPE) > 1:
        raise click.UsageError("stdin can be read once")


def _beside(path: str, kinds: list[str], output: str | None) -> Targets:
    """Return NAME-color.png and NAME-depth.png in `output`, or beside the file."""
    name = "stdin" if path == PIPE else Path(path).stem
    folder = Path(output) if output is not None else Path(path).parent
    return {kind: folder / f"{name}-{kind}.png" for kind in kinds}
