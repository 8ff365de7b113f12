"""`encodepth encode`: a colour picture, a depth map or both into one .rgbd file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import EncodepthError
from .shared import (
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
    from ..codec import Codec
    from ..frame import RgbdImage
    from ..io.found import PairBy

CODERS = ("learned", "avif", "jxl", "auto")
MODALITIES = ("color", "depth")
_DEFAULT = ParameterSource.DEFAULT


class _Coders(click.ParamType):
    """ "avif" for both streams, or "color=avif,depth=learned" for each."""

    name = "coder"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | dict[str, str]:
        chosen: dict[str, str] = {}
        for part in str(value).split(","):
            stream, equals, coder = part.rpartition("=")
            if coder not in CODERS:
                self.fail(f'no coder "{coder}"; there are {", ".join(CODERS)}', param, ctx)
            if part == value and not equals:
                return coder
            if stream not in MODALITIES:
                self.fail(f'no stream "{stream}"; there are color and depth', param, ctx)
            chosen[stream] = coder
        return chosen


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
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(0, 100),
    default=50,
    metavar="Q",
    show_default=True,
    help="0 is smallest, 100 is best.",
)
@click.option(
    "--depth-quality", type=click.IntRange(0, 100), metavar="Q", help="The same for depth alone."
)
@click.option(
    "--target-bytes",
    type=click.IntRange(1),
    metavar="N",
    help="Search the quality: the whole file has at most N bytes, and not much less (3 %).",
)
@click.option(
    "--target-rmse",
    type=float,
    metavar="MM",
    help="Search depth's quality: its error (root mean square) is MM, within 3 %.",
)
@click.option(
    "--lossless", type=click.Choice(["color", "depth", "both"]), help="What is kept exactly."
)
@click.option(
    "--max-depth-error",
    type=float,
    metavar="MM",
    help="No measured depth pixel is off by more; checked before the file is written.",
)
@click.option(
    "--coder",
    type=_Coders(),
    default="auto",
    metavar="CODER",
    show_default=True,
    help="learned, avif, jxl (exact) or auto (what measured best); for each stream: "
    "color=avif,depth=learned.",
)
@click.option(
    "--effort",
    type=click.IntRange(1, 9),
    default=7,
    metavar="E",
    show_default=True,
    help="1 is fast, 9 is small; learned streams change from 8 on.",
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
    quality: int,
    depth_quality: int | None,
    target_bytes: int | None,
    target_rmse: float | None,
    lossless: str | None,
    max_depth_error: float | None,
    coder: str | dict[str, str],
    effort: int,
    depth_unit: float,
    depth_step: float | None,
    intrinsics: tuple[float, ...] | None,
    model: str,
    device: str,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Code COLOR and DEPTH into one .rgbd file.

    COLOR is PNG, JPEG, WebP or TIFF; DEPTH a 16-bit PNG or TIFF, or .npy; one of them may be "-",
    stdin. The file lies beside COLOR unless -o says where. Holes in depth (0) stay holes, exactly,
    in every mode.
    """
    given = click.get_current_context().get_parameter_source
    chosen = {name for name in ("quality", "depth_unit") if given(name) != _DEFAULT}
    settings: dict[str, Any] = {
        "quality": quality,
        "depth_quality": depth_quality,
        "target_bytes": target_bytes,
        "target_rmse": target_rmse,
        "max_depth_error": max_depth_error,
        "lossless": lossless or (),
        "coder": coder,
        "effort": effort,
    }
    if out_dir is not None:
        if output is not None or depth_only is not None:
            raise click.UsageError("--out-dir goes without -o and --depth-only")
        if not pictures:
            raise click.UsageError("nothing to encode; name folders of pairs")
        _check_fit("", "", settings, quality_given="quality" in chosen)
        from .many import Batch, encode_folders

        batch = Batch(
            Path(out_dir), settings, model, device, force, jobs, as_json, quiet, stop,
            depth_step, pair_by,
        )  # fmt: skip
        unit = depth_unit if "depth_unit" in chosen else None
        status = encode_folders(pictures, batch, depth_unit=unit, camera=intrinsics)
        click.get_current_context().exit(status)
    for flag, value in (("-j", jobs > 1), ("--stop", stop), ("--pair-by", pair_by)):
        if value:
            raise click.UsageError(f"{flag} is for folders, with --out-dir")
    color, depth = _named(pictures, depth_only)
    _check_fit(color, depth, settings, quality_given="quality" in chosen)
    first = color or depth
    assert first is not None
    if Path(first).is_dir():
        kind = "color" if color else "depth"
        raise EncodepthError(
            f"{kind} file {first} is a folder; expected a picture (--out-dir codes the pairs below)"
        )
    piped = output == PIPE
    if piped and as_json:
        raise click.UsageError("-o - and --json would both write to stdout")
    if PIPE in (color, depth) and output is None:
        raise click.UsageError("say with -o where to write what comes from stdin")
    target = Path(output) if output else Path(first).parent / f"{Path(first).stem}.rgbd"
    if not piped:
        check_free(target, force=force, sources=(color, depth))

    from .about import about
    from .info import describe, summary

    codec = open_codec(model, device)
    picture = _read(color, depth, depth_unit, depth_step, intrinsics)
    data = codec.encode(picture, **settings)
    name = "stdout" if piped else str(target)
    if piped:
        pipe_out(data)
    else:
        check_free(target, force=force)  # somebody may have made it meanwhile
        save(target, data)
    if as_json:
        click.echo(describe(name, data).json())
    elif not quiet:
        click.echo(summary(describe(name, data)), err=True)
        for line in about(picture, depth_unit if "depth_unit" in chosen else None):
            click.echo(f"{name}: {line}", err=True)
    if not quiet and target_bytes is not None and len(data) < 0.97 * target_bytes:
        short = 100 - 100 * len(data) / target_bytes
        click.echo(f"{name}: {short:.1f} % under the target, as near as qualities come", err=True)
    if not quiet and target_rmse is not None:
        found = _depth_rmse(codec, picture, data)
        click.echo(f"{name}: depth RMSE {found:.4g} mm of {target_rmse:g}", err=True)


def _depth_rmse(codec: Codec, picture: RgbdImage, data: bytes) -> float:
    """Return the error of the file's depth over the valid pixels, in millimetres."""
    from ..metrics import depth_errors

    decoded = codec.decode(data, streams="depth").depth
    assert decoded is not None
    assert picture.depth is not None
    if not picture.depth.any():
        return 0.0
    return depth_errors(decoded, picture.depth, depth_unit=picture.depth_unit).rmse_mm


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
    unit: float,
    step: float | None,
    camera: tuple[float, ...] | None,
) -> RgbdImage:
    """Read the pair, one of them perhaps from stdin."""
    from ..io import pictures as image

    if PIPE not in (color, depth):
        return image.read(color, depth, depth_unit=unit, intrinsics=camera, depth_step=step)
    data = read_bytes(PIPE)
    with TemporaryDirectory() as place:
        held = Path(place, "stdin" + (".npy" if data[:6] == b"\x93NUMPY" else ""))
        held.write_bytes(data)
        files = [str(held) if name == PIPE else name for name in (color, depth)]
        try:
            return image.read(*files, depth_unit=unit, intrinsics=camera, depth_step=step)
        except EncodepthError as error:
            raise type(error)(str(error).replace(str(held), "stdin")) from None


def _check_fit(
    color: str | None, depth: str | None, settings: Mapping[str, Any], *, quality_given: bool
) -> None:
    """Refuse options that contradict each other or would be ignored."""
    bound, lossless, rmse = (settings[k] for k in ("max_depth_error", "lossless", "target_rmse"))
    quality, target, coder = (settings[k] for k in ("depth_quality", "target_bytes", "coder"))
    if color is None and lossless in ("color", "both"):
        raise click.UsageError(f"--lossless {lossless}, but there is no colour picture")
    if depth is None:
        if lossless in ("depth", "both"):
            raise click.UsageError(f"--lossless {lossless}, but there is no depth map")
        given = {"--depth-quality": quality, "--max-depth-error": bound, "--target-rmse": rmse}
        for flag, value in given.items():
            if value is not None:
                raise click.UsageError(f"{flag}, but there is no depth map")
    if bound is not None and not (math.isfinite(bound) and bound >= 0):
        raise click.UsageError(f"--max-depth-error {bound:g} is no number of millimetres from 0 on")
    if rmse is not None and not (math.isfinite(rmse) and rmse > 0):
        raise click.UsageError(f"--target-rmse {rmse:g} is no number of millimetres above 0")
    if bound is not None and lossless in ("depth", "both"):
        raise click.UsageError(f"--max-depth-error and --lossless {lossless} contradict each other")
    if quality is not None and (bound is not None or lossless in ("depth", "both")):
        raise click.UsageError("--depth-quality has no meaning for depth with a bound or lossless")
    coders = coder if isinstance(coder, dict) else dict.fromkeys(MODALITIES, coder)
    exact = bound is not None or lossless in ("depth", "both")
    named = coder.get("depth") if isinstance(coder, dict) else coder if color is None else None
    if exact and named in ("learned", "avif"):
        raise click.UsageError(f"depth by {named} can keep neither a bound nor every pixel")
    free_depth = depth is not None and not exact and coders.get("depth") != "jxl"
    free_color = color is not None and lossless not in ("color", "both")
    free_color = free_color and coders.get("color") != "jxl"
    if rmse is not None and (quality is not None or not free_depth):
        raise click.UsageError(
            "--target-rmse searches a quality of depth, and there is none to search"
        )
    if target is not None and quality_given:
        raise click.UsageError("--quality and --target-bytes contradict each other")
    if target is not None and not free_color and (not free_depth or rmse or quality is not None):
        raise click.UsageError("--target-bytes searches a quality, and there is none to search")
