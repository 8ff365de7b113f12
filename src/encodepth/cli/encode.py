"""`encodepth encode`: a colour picture, a depth map or both into one .rgbd file."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import EncodepthError
from ..modalities import IMAGE, PLANES
from .info import as_dict, line
from .options import check, settings_of, settings_options
from .shared import (
    NAMED_PLANE,
    PIPE,
    check_free,
    device_option,
    force_option,
    json_option,
    model_option,
    open_codec,
    pipe_out,
    quiet_option,
    read_bytes,
    save,
)

if TYPE_CHECKING:
    from ..codec import Encoded
    from ..frame import RgbdImage
    from ..io.found import PairBy
    from ..settings import Settings


class _Camera(click.ParamType):
    """Four numbers: FX,FY,CX,CY in pixels."""

    name = "camera"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != 4:
            self.fail(f'"{value}" is not four numbers FX,FY,CX,CY', param, ctx)
        return numbers


@click.command("encode")
@click.argument("pictures", nargs=-1, metavar="COLOR [DEPTH]")
@click.option("-o", "--output", metavar="FILE", help='The .rgbd file, or "-" for stdout.')
@click.option(
    "--out-dir",
    metavar="DIR",
    help="Code every pair below the folders that are named instead of COLOR and DEPTH, each to "
    "DIR/SEQUENCE/FRAME.rgbd.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    metavar="N",
    show_default=True,
    help="Pairs coded at a time with --out-dir.",
)
@click.option(
    "--pair-by",
    type=click.Choice(["name", "time", "order"]),
    help="How --out-dir matches colour and depth where the layout leaves it open.",
)
@click.option("--stop", is_flag=True, help="End --out-dir at the first failure.")
@click.option("--depth-only", metavar="DEPTH", help="Code a depth map without colour.")
@settings_options
@click.option(
    "--plane",
    "planes",
    type=NAMED_PLANE,
    multiple=True,
    metavar="NAME=FILE",
    help=f"A further plane, kept exactly: {', '.join(PLANES)}; 8 or 16 bits.",
)
@click.option(
    "--depth-unit",
    type=float,
    default=0.001,
    metavar="M",
    show_default=True,
    help="Metres per step of the depth map (TUM: 0.0002).",
)
@click.option(
    "--depth-step",
    type=click.FloatRange(1e-9, 1e3),
    metavar="M",
    help="Metres that float depth is rounded to, instead of the finest its range allows.",
)
@click.option(
    "--intrinsics",
    type=_Camera(),
    metavar="FX,FY,CX,CY",
    help="Focal lengths and centre in pixels, kept in the file.",
)
@model_option
@device_option
@force_option
@json_option("Say as JSON what was written.")
@quiet_option
def command(
    pictures: tuple[str, ...],
    output: str | None,
    out_dir: str | None,
    jobs: int,
    pair_by: PairBy | None,
    stop: bool,
    depth_only: str | None,
    planes: tuple[tuple[str, str], ...],
    depth_unit: float,
    depth_step: float | None,
    intrinsics: tuple[float, ...] | None,
    model: str,
    device: str,
    force: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Code COLOR and DEPTH into one .rgbd file.

    COLOR is PNG, JPEG, WebP or TIFF; DEPTH a 16-bit PNG or TIFF, or .npy; one of them may be "-",
    stdin. The file lies beside COLOR unless -o says where. Holes in depth (0) stay holes, exactly,
    in every mode.
    """
    settings = settings_of(given, quiet=quiet)
    source = click.get_current_context().get_parameter_source("depth_unit")
    unit = None if source == ParameterSource.DEFAULT else depth_unit
    if out_dir is not None:
        if output is not None or depth_only is not None or planes:
            raise click.UsageError("--out-dir goes without -o, --depth-only and --plane")
        if not pictures:
            raise click.UsageError("nothing to encode; name folders of pairs")
        check(settings, IMAGE)
        from .many import Batch, encode_folders

        batch = Batch(
            Path(out_dir), settings, model, device, force, jobs, as_json, quiet, stop,
            depth_step, pair_by,
        )  # fmt: skip
        status = encode_folders(pictures, batch, depth_unit=unit, camera=intrinsics)
        click.get_current_context().exit(status)
    for flag, value in (("-j", jobs > 1), ("--stop", stop), ("--pair-by", pair_by)):
        if value:
            raise click.UsageError(f"{flag} is for folders, with --out-dir")
    color, depth = _named(pictures, depth_only)
    held = [name for name, file in (("color", color), ("depth", depth)) if file]
    check(settings, (*held, *(name for name, _ in planes)))
    first = color or depth
    assert first is not None
    if Path(first).is_dir():
        raise EncodepthError(
            f"{held[0]} file {first} is a folder; expected a picture "
            "(--out-dir codes the pairs below)"
        )
    piped = output == PIPE
    if piped and as_json:
        raise click.UsageError("-o - and --json would both write to stdout")
    if PIPE in (color, depth) and output is None:
        raise click.UsageError("say with -o where to write what comes from stdin")
    target = Path(output) if output else Path(first).parent / f"{Path(first).stem}.rgbd"
    if not piped:
        check_free(target, force=force, sources=(color, depth, *(file for _, file in planes)))
    picture = _read(color, depth, dict(planes), depth_unit, depth_step, intrinsics)
    coded = open_codec(model, device).code(picture, settings)
    if piped:
        pipe_out(coded.data)
    else:
        check_free(target, force=force)  # somebody may have made it meanwhile
        save(target, coded.data)
    name = "stdout" if piped else str(target)
    _say(name, coded, settings, as_json=as_json, quiet=quiet)
    if not (as_json or quiet):
        from .about import about

        for words in about(coded.image, unit):
            click.echo(f"{name}: {words}", err=True)


def _say(name: str, coded: Encoded, settings: Settings, *, as_json: bool, quiet: bool) -> None:
    """Say what was written, and how well targets were met."""
    if as_json:
        click.echo(json.dumps(as_dict(name, coded)))
    elif not quiet:
        click.echo(line(name, coded), err=True)
    size, target = len(coded.data), settings.target_bytes
    if not quiet and target is not None and size < 0.97 * target:
        short = 100 - 100 * size / target
        click.echo(f"{name}: {short:.1f} % under the target, as near as qualities come", err=True)


def _named(pictures: tuple[str, ...], depth_only: str | None) -> tuple[str | None, str | None]:
    """Return the files of colour and depth, either None."""
    if depth_only is not None:
        if pictures:
            raise click.UsageError("--depth-only goes without COLOR and DEPTH")
        return None, depth_only
    if not pictures:
        raise click.UsageError("nothing to encode; name COLOR and DEPTH, or --depth-only DEPTH")
    if len(pictures) > 2:
        raise click.UsageError(
            f"{len(pictures)} pictures; name COLOR and DEPTH, or folders of pairs with --out-dir"
        )
    if pictures.count(PIPE) > 1:
        raise click.UsageError("stdin can be read once")
    return pictures[0], pictures[1] if len(pictures) == 2 else None


def _read(
    color: str | None,
    depth: str | None,
    planes: dict[str, str],
    unit: float,
    step: float | None,
    camera: tuple[float, ...] | None,
) -> RgbdImage:
    """Read the pair and its further planes, one of colour and depth perhaps from stdin."""
    from ..io import pictures

    def read(color: str | None, depth: str | None) -> RgbdImage:
        return pictures.read(
            color, depth, depth_unit=unit, intrinsics=camera, depth_step=step, planes=planes
        )

    if PIPE not in (color, depth):
        return read(color, depth)
    data = read_bytes(PIPE)
    with TemporaryDirectory() as place:
        held = Path(place, "stdin" + (".npy" if data[:6] == b"\x93NUMPY" else ""))
        held.write_bytes(data)
        try:
            return read(*(str(held) if name == PIPE else name for name in (color, depth)))
        except EncodepthError as error:
            raise type(error)(str(error).replace(str(held), "stdin")) from None
