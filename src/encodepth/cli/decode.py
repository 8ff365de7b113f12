"""`encodepth decode`: .rgbd files back into pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from ..errors import EncodepthError
from ..modalities import IMAGE, PLANES
from .bags import bag_depth_option, decode_to_bag, is_bag_name
from .recording import FrameRange
from .shared import (
    NAMED_PLANE,
    PIPE,
    attempt_all,
    check_free,
    device_option,
    force_option,
    head_of,
    model_option,
    open_codec,
    quiet_option,
    read_bytes,
    save,
    written,
)
from .waiting import Waiting

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
@click.option(
    "--plane",
    "planes",
    type=NAMED_PLANE,
    multiple=True,
    metavar="NAME=FILE",
    help=f"A further plane ({', '.join(PLANES)}): .png, .tif or .npy.",
)
@click.option(
    "--only", type=click.Choice((*IMAGE, *PLANES)), help="Decode colour, depth or a plane alone."
)
@click.option(
    "--jpeg", is_flag=True, help="Colour that was kept as a JPEG file is written as that file."
)
@click.option(
    "--no-restore",
    is_flag=True,
    help="AV1's own picture where a network would restore it, at once.",
)
@click.option(
    "--frames", type=FrameRange(), metavar="A:B", help="Of a recording: from A on and before B."
)
@bag_depth_option
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
    planes: tuple[tuple[str, str], ...],
    only: str | None,
    jpeg: bool,
    no_restore: bool,
    frames: slice | None,
    bag_depth: str,
    model: str,
    device: str,
    force: bool,
    quiet: bool,
) -> None:
    """Decode each FILE into NAME-color.png and NAME-depth.png beside it, or in -o DIR.

    With --color, --depth or --plane only what they name is written. Depth has 16 bits, holes are 0.
    Colour that encode kept as a JPEG file comes back as that file with --jpeg, or where --color
    names a .jpg. "-" is stdin. A folder goes back to a tree of pictures below -o:
    DIR/SEQUENCE/color/FRAME.png, depth/FRAME.png and meta.json. A recording becomes such a folder
    of its name, with trajectory.json, which says when and from where each frame was seen; or a ROS
    bag, where -o ends in .mcap, .bag or .db3. What encode --out-dir made of a LeRobot dataset goes
    back to one.
    """
    given = (("color", color), ("depth", depth), *planes)
    named = {kind: Path(name) for kind, name in given if name}
    _check_fit(files, named, output=output, only=only)
    if jpeg and named and not _is_jpeg(named.get("color", Path())):
        raise click.UsageError("--jpeg writes colour as a JPEG file; name it with --color FILE.jpg")
    kinds = (only,) if only else (*IMAGE, *PLANES)
    if output is not None and is_bag_name(output):
        if len(files) != 1:
            raise click.UsageError(f"{output} is one bag, but there are several files")
        status = decode_to_bag(
            files[0], Path(output), kinds, frames or slice(None), depth=bag_depth, model=model,
            force=force, quiet=quiet, restore=not no_restore,
        )  # fmt: skip
        click.get_current_context().exit(status)
    if bag_depth != "raw":
        raise click.UsageError("--bag-depth is for a ROS bag, with -o NAME.mcap")
    if any(map(_was_lerobot, files)):
        if len(files) != 1 or output is None:
            raise click.UsageError(f"{files[0]} was a LeRobot dataset; say with -o where it goes")
        _refuse_for_lerobot(
            files[0], ("only", only), ("jpeg", jpeg), ("no-restore", no_restore), ("frames", frames)
        )
        from .lerobot import decode

        status = decode(files[0], Path(output), force=force, quiet=quiet)
        click.get_current_context().exit(status)
    if any(Path(name).is_dir() for name in files):
        from .back import Return, decode_folders

        if output is None or named:
            raise click.UsageError("say with -o where the pictures of a folder go")
        if frames is not None:
            raise click.UsageError("--frames is for a recording, and one of FILE is a folder")
        call = Return(Path(output), kinds, model, device, force, jobs, quiet, jpeg, not no_restore)
        click.get_current_context().exit(decode_folders(files, call))
    if jobs > 1:
        raise click.UsageError("-j is for folders")
    if output is not None:
        folder = Path(output)
        written(folder, partial(folder.mkdir, parents=True, exist_ok=True))
    from ..sequence.about import is_recording

    codec = open_codec(model, device)
    made: dict[Path, str] = {}

    def work(path: str) -> None:
        from ..info import inspect
        from ..io.pictures import write

        if path != PIPE and is_recording(head_of(path)):
            which = frames or slice(None)
            _unroll(
                path, named, output, kinds, which,
                jpeg=jpeg, model=model, force=force, quiet=quiet, restore=not no_restore,
            )  # fmt: skip
            return
        if frames is not None:
            raise EncodepthError(f"--frames is for a recording, and {path} is a picture")
        data = read_bytes(path)
        found = inspect(data)
        held = [kind for kind in (*IMAGE, *PLANES) if found.stream(kind)]
        wanted = list(named) or ([only] if only else held)
        for kind in wanted:
            if kind not in held:
                raise EncodepthError(f"{path} holds no {kind}; it holds {' and '.join(held)}")
        targets = named or _beside(path, wanted, output)
        kept = _kept_jpeg(data, targets, asked=jpeg)
        for target in targets.values():
            if target in made:
                raise EncodepthError(f"{target} was just written from {made[target]}")
            check_free(target, force=force, sources=[path])
        pixels = [kind for kind in wanted if kept is None or kind != "color"]
        with Waiting(f"decoding {path}", quiet):
            picture = codec.decode(data, streams=pixels, restore=not no_restore) if pixels else None
        for kind, target in targets.items():
            check_free(target, force=force)  # somebody may have made it meanwhile
            if kept is not None and kind == "color":
                save(target, kept)
            else:
                assert picture is not None
                written(target, partial(write, picture, **_part(kind, target)))
            made[target] = path
        if not quiet:
            click.echo(f"{path}: {', '.join(map(str, targets.values()))}", err=True)
            if kept is None and "color" in targets and (words := _lost(targets["color"], jpeg)):
                click.echo(f"{path}: {words}", err=True)

    click.get_current_context().exit(attempt_all(files, work))


def _was_lerobot(name: str) -> bool:
    """Whether a name is a folder that encode made of a LeRobot dataset."""
    if not Path(name).is_dir():
        return False
    from ..io.lerobot_write import is_converted

    return is_converted(name)


def _refuse_for_lerobot(name: str, *given: tuple[str, object]) -> None:
    """Refuse what would be ignored.

    Raises:
        click.UsageError: names an option.
    """
    for flag, value in given:
        if value:
            raise click.UsageError(f"--{flag} has no meaning for {name}, which goes back whole")


def _unroll(
    path: str,
    named: Targets,
    output: str | None,
    kinds: tuple[str, ...],
    which: slice,
    *,
    jpeg: bool,
    model: str,
    force: bool,
    quiet: bool,
    restore: bool,
) -> None:
    """Decode a recording into a folder of its own name below -o.

    Raises:
        EncodepthError: -o is missing or single pictures are named, or what decoding raises.
    """
    from .unroll import decode_recording

    if output is None or named:
        raise EncodepthError(f"{path}: a recording; say with -o where its folder of pictures goes")
    place = Path(output) / Path(path).stem
    frames = decode_recording(
        path, place, kinds, jpeg=jpeg, model=model, force=force, quiet=quiet, which=which,
        restore=restore,
    )  # fmt: skip
    if not quiet:
        click.echo(f"{path}: {frames:,} frames in {place}", err=True)


def _kept_jpeg(data: bytes, targets: Targets, *, asked: bool) -> bytes | None:
    """Return the JPEG file to write as colour, whose target then ends as such a file's name does.

    None if it was not asked for, or colour was kept as pixels.
    """
    from ..codec import kept_jpeg

    target = targets.get("color")
    if target is None or not (asked or _is_jpeg(target)):
        return None
    kept = kept_jpeg(data)
    if kept is not None:
        targets["color"] = target if _is_jpeg(target) else target.with_suffix(".jpg")
    return kept


def _lost(color: Path, asked: bool) -> str:
    """Say what colour loses in a JPEG file, or that there is none to give back."""
    if _is_jpeg(color):
        return f"{color} is a new JPEG file, which loses some of the colour; .png keeps it"
    return "colour was not kept as a JPEG file, so there is none to give back" if asked else ""


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg")


def _part(kind: str, target: Path) -> dict[str, Any]:
    """Return the argument of `write` that names a modality's file."""
    return {kind: target} if kind in IMAGE else {"planes": {kind: target}}


def _check_fit(
    files: tuple[str, ...], named: Targets, *, output: str | None, only: str | None
) -> None:
    """Refuse options that contradict each other or would be ignored."""
    if named and len(files) > 1:
        raise click.UsageError(f"--{next(iter(named))} names one picture, but there are several")
    if output == PIPE:
        raise click.UsageError("-o is a folder; pictures go to files, not to stdout")
    if named and output:
        raise click.UsageError(f"-o and --{next(iter(named))} both say where to write")
    if named and only and list(named) != [only]:
        raise click.UsageError(f"--only {only} contradicts the pictures that are named")
    if PIPE in files and not named and not output:
        raise click.UsageError("say where to write what comes from stdin: -o, --color or --depth")
    if files.count(PIPE) > 1:
        raise click.UsageError("stdin can be read once")


def _beside(path: str, kinds: list[str], output: str | None) -> Targets:
    """Return NAME-color.png, NAME-depth.png and so on in `output`, or beside the file."""
    name = "stdin" if path == PIPE else Path(path).stem
    folder = Path(output) if output is not None else Path(path).parent
    return {kind: folder / f"{name}-{kind}.png" for kind in kinds}
