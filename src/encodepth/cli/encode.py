"""`encodepth encode`: a colour picture, a depth map or both into one .rgbd file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import EncodepthError
from ..modalities import IMAGE, PLANES
from .bags import bag_options, bag_planes, refuse_bag_options, topics_of
from .info import as_dict, line
from .options import check, settings_of, settings_options, with_model
from .recording import Call, FrameRange, encode_recording, refuse_targets
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
from .waiting import Waiting

if TYPE_CHECKING:
    from ..codec import Encoded
    from ..frame import RgbdImage
    from ..io.found import PairBy
    from ..io.recordings import Given
    from ..settings import Settings
    from .whole import Kind


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
@click.argument("pictures", nargs=-1, metavar="COLOR [DEPTH] | RECORDING")
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
    help="Pairs coded at a time with --out-dir; groups of frames of a recording.",
)
@click.option(
    "--pair-by",
    type=click.Choice(["name", "time", "order"]),
    help="How colour and depth of a folder are matched where its layout leaves it open.",
)
@click.option("--stop", is_flag=True, help="End a folder at the first failure.")
@click.option(
    "--recordings",
    is_flag=True,
    help="With --out-dir: each sequence becomes one recording, DIR/SEQUENCE.rgbd.",
)
@click.option(
    "--ray",
    metavar="ADDRESS|local",
    help="With --out-dir: make recordings on a Ray cluster, or on all cores here; -j is then how "
    "many cores each gets.",
)
@click.option(
    "--frames", type=FrameRange(), metavar="A:B", help="Of a recording: from A on and before B."
)
@click.option(
    "--rate",
    type=click.FloatRange(0.001, 1e6),
    metavar="HZ",
    help="Frames a second of a recording that has no time stamps.  [default: 30]",
)
@click.option(
    "--target-bitrate",
    type=click.FloatRange(1e-6, 1e6),
    metavar="MBIT",
    help="Of a recording: search one quality for all of it, so that it has MBIT Mbit a second.",
)
@click.option(
    "--key-interval",
    type=click.IntRange(1, 1024),
    default=30,
    metavar="N",
    show_default=True,
    help="Of a recording: a reader decodes at most N frames to show one.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Of a recording: every frame is coded and written as it comes, at the cost of some bytes.",
)
@bag_options
@click.option("--depth-only", metavar="DEPTH", help="Code a depth map without colour.")
@settings_options
@click.option(
    "--plane",
    "planes",
    type=NAMED_PLANE,
    multiple=True,
    metavar="NAME=FILE",
    help=f"A further plane, kept exactly: {', '.join(PLANES)}; 8 or 16 bits. FILE is a topic of a "
    "ROS bag.",
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
    recordings: bool,
    ray: str | None,
    frames: slice | None,
    rate: float | None,
    target_bitrate: float | None,
    key_interval: int,
    live: bool,
    color_topic: str | None,
    depth_topic: str | None,
    pair_within: float | None,
    poses: tuple[str, str] | None,
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
    """Code COLOR and DEPTH, or a whole RECORDING, into one .rgbd file.

    COLOR is PNG, JPEG, WebP or TIFF; DEPTH a 16-bit PNG or TIFF, or .npy; one of them may be "-",
    stdin. The file lies beside COLOR unless -o says where. Holes in depth (0) stay holes, exactly,
    in every mode.

    RECORDING is a folder of pictures in any known layout, an archive of one, a ROS bag (.bag,
    .mcap, .db3 or its folder), or a recording that is to be coded again; it becomes one file with
    times, poses and cameras.
    """
    settings = settings_of(given, quiet=quiet)
    if not _defaulted("model"):
        settings = with_model(settings, model)
    context = click.get_current_context()
    unit = None if _defaulted("depth_unit") else depth_unit
    whole = None if out_dir is None or recordings else _kind_of(pictures)
    if ray is not None and out_dir is None:
        raise click.UsageError("--ray goes with --out-dir")
    each = recordings or (ray is not None and whole is None)
    if each or (out_dir is None and _is_recording(pictures)):
        if depth_only is not None or (planes and not bag_planes(pictures)):
            raise click.UsageError("a recording goes without --depth-only and --plane")
        call = Call(
            settings, model, device, force, jobs, as_json, quiet, stop, ray,
            replace(
                _given(unit, intrinsics, depth_step, settings.far, pair_by, rate),
                topics=topics_of(color_topic, depth_topic, planes),
                within=pair_within,
                poses=poses,
            ),
            key_interval, frames or slice(None), live, target_bitrate,
        )  # fmt: skip
        context.exit(_record(pictures, output, out_dir, call, each=each))
    if out_dir is None and pictures and pictures[0] != PIPE and not Path(pictures[0]).suffix:
        _refuse_missing(pictures[0])
    _refuse_recordings(frames, rate, live, target_bitrate)
    refuse_bag_options()
    if out_dir is not None:
        if output is not None or depth_only is not None or planes:
            raise click.UsageError("--out-dir goes without -o, --depth-only and --plane")
        if not pictures:
            raise click.UsageError("nothing to encode; name folders of pairs")
        check(settings, IMAGE)
        from .many import Batch, encode_folders

        batch = Batch(
            settings, model, device, force, jobs, as_json, quiet, stop, ray,
            Path(out_dir), depth_step, pair_by,
        )  # fmt: skip
        if whole is not None:
            from .whole import encode_whole

            context.exit(encode_whole(whole, pictures, batch, depth_unit=unit, camera=intrinsics))
        context.exit(encode_folders(pictures, batch, depth_unit=unit, camera=intrinsics))
    for flag, value in (("-j", jobs > 1), ("--stop", stop), ("--pair-by", pair_by)):
        if value:
            raise click.UsageError(f"{flag} is for folders and recordings")
    color, depth = _named(pictures, depth_only)
    held = [name for name, file in (("color", color), ("depth", depth)) if file]
    check(settings, (*held, *(name for name, _ in planes)))
    first = color or depth
    assert first is not None
    piped = output == PIPE
    if piped and as_json:
        raise click.UsageError("-o - and --json would both write to stdout")
    if PIPE in (color, depth) and output is None:
        raise click.UsageError("say with -o where to write what comes from stdin")
    target = Path(output) if output else Path(first).parent / f"{Path(first).stem}.rgbd"
    if not piped:
        check_free(target, force=force, sources=(color, depth, *(file for _, file in planes)))
    with Waiting("reading", quiet) as waiting:
        picture = _read(
            color, depth, dict(planes), depth_unit, depth_step, settings.far, intrinsics
        )
        coded = open_codec(model, device).code(picture, settings, waiting.tell)
        if not quiet:
            waiting.tell("decoding, to tell the error of depth")
            _ = coded.depth_error
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


def _defaulted(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source == ParameterSource.DEFAULT


def _record(
    pictures: tuple[str, ...], output: str | None, out_dir: str | None, call: Call, *, each: bool
) -> int:
    """Make one recording, or `each` sequence one; return the exit status.

    Raises:
        click.UsageError: options contradict each other, or several recordings are named for one.
    """
    settings = call.settings
    refuse_targets(settings)
    if call.bitrate is not None and settings.quality is not None:
        raise click.UsageError("--quality and --target-bitrate contradict each other")
    if each:
        if out_dir is None:
            raise click.UsageError("--recordings goes with --out-dir")
        if output is not None:
            raise click.UsageError("--out-dir goes without -o")
        if not pictures:
            raise click.UsageError("nothing to encode; name folders of pairs")
        from .recordings import encode_recordings

        return encode_recordings(pictures, Path(out_dir), call)
    if len(pictures) > 1:
        raise click.UsageError(
            f"{len(pictures)} names, of which {pictures[0]} is a recording; name one, or make one "
            "of each with --out-dir DIR --recordings"
        )
    if output == PIPE and call.as_json:
        raise click.UsageError("-o - and --json would both write to stdout")
    return encode_recording(pictures[0], output, call)


def _kind_of(pictures: tuple[str, ...]) -> Kind | None:
    """Return the kind of dataset that is taken whole with --out-dir, if what is named is one."""
    from .whole import kind_of

    return kind_of(pictures) if pictures else None


def _is_recording(pictures: tuple[str, ...]) -> bool:
    """Whether what is named becomes a recording."""
    if not pictures or pictures[0] == PIPE:
        return False
    from ..io.recordings import is_recordable

    return is_recordable(pictures[0])


def _given(
    unit: float | None,
    camera: tuple[float, ...] | None,
    step: float | None,
    far: float | None,
    pair_by: PairBy | None,
    rate: float | None,
) -> Given:
    from ..frame import Intrinsics
    from ..io.recordings import Given

    return Given(unit, None if camera is None else Intrinsics(*camera), step, far, pair_by, rate)


def _refuse_missing(path: str) -> None:
    """Refuse what looks like a folder and is none, before options are held against it.

    Raises:
        EncodepthError: it does not exist.
    """
    if not Path(path).exists():
        raise EncodepthError(f"{path} does not exist")


def _refuse_recordings(
    frames: slice | None, rate: float | None, live: bool, bitrate: float | None
) -> None:
    """Refuse options that only a recording has, and would be ignored.

    Raises:
        click.UsageError: names one.
    """
    named = (
        ("--frames", frames is not None),
        ("--rate", rate is not None),
        ("--target-bitrate", bitrate is not None),
        ("--key-interval", not _defaulted("key_interval")),
        ("--live", live),
    )
    for flag, given in named:
        if given:
            raise click.UsageError(f"{flag} is for a recording")


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
    far: float | None,
    camera: tuple[float, ...] | None,
) -> RgbdImage:
    """Read the pair and its further planes, one of colour and depth perhaps from stdin."""
    from ..io import pictures

    def read(color: str | None, depth: str | None) -> RgbdImage:
        return pictures.read(
            color,
            depth,
            depth_unit=unit,
            intrinsics=camera,
            depth_step=step,
            far=far,
            planes=planes,
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
