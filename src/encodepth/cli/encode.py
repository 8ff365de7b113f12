"""`encodepth encode`: a colour picture, a depth map or both into one .rgbd file."""

from __future__ import annotations

import math
from pathlib import Path

import click

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
    save,
)

CODERS = ("learned", "avif", "jxl", "auto")
MODALITIES = ("color", "depth")


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
@click.argument("color", required=False)
@click.argument("depth", required=False)
@click.option("-o", "--output", metavar="FILE", help='The .rgbd file, or "-" for stdout.')
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
    help="1 is fast, 9 is small; for AVIF and JPEG XL.",
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
    color: str | None,
    depth: str | None,
    output: str | None,
    depth_only: str | None,
    quality: int,
    depth_quality: int | None,
    lossless: str | None,
    max_depth_error: float | None,
    coder: str | dict[str, str],
    effort: int,
    depth_unit: float,
    intrinsics: tuple[float, ...] | None,
    model: str,
    device: str,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Code COLOR and DEPTH into one .rgbd file.

    COLOR is PNG, JPEG, WebP or TIFF; DEPTH a 16-bit PNG or TIFF, or .npy. The file lies beside
    COLOR unless -o says where. Holes in depth (0) stay holes, exactly, in every mode.
    """
    if depth_only is not None:
        if color is not None:
            raise click.UsageError("--depth-only goes without COLOR and DEPTH")
        depth = depth_only
    first = color or depth
    if first is None:
        raise click.UsageError("nothing to encode; name COLOR and DEPTH, or --depth-only DEPTH")
    _check_fit(
        color, depth, quality=depth_quality, bound=max_depth_error, lossless=lossless, coder=coder
    )
    piped = output == PIPE
    if piped and as_json:
        raise click.UsageError("-o - and --json would both write to stdout")
    target = Path(output) if output else Path(first).parent / f"{Path(first).stem}.rgbd"
    if not piped:
        check_free(target, force=force, sources=(color, depth))

    from .. import image as pictures
    from .info import describe, summary

    codec = open_codec(model, device)
    picture = pictures.read(color, depth, depth_unit=depth_unit, intrinsics=intrinsics)
    data = codec.encode(
        picture,
        quality=quality,
        depth_quality=depth_quality,
        max_depth_error=max_depth_error,
        lossless=lossless or (),
        coder=coder,
        effort=effort,
    )
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


def _check_fit(
    color: str | None,
    depth: str | None,
    *,
    quality: int | None,
    bound: float | None,
    lossless: str | None,
    coder: str | dict[str, str],
) -> None:
    """Refuse options that contradict each other or would be ignored."""
    if color is None and lossless in ("color", "both"):
        raise click.UsageError(f"--lossless {lossless}, but there is no colour picture")
    if depth is None:
        if lossless in ("depth", "both"):
            raise click.UsageError(f"--lossless {lossless}, but there is no depth map")
        for flag, value in (("--depth-quality", quality), ("--max-depth-error", bound)):
            if value is not None:
                raise click.UsageError(f"{flag}, but there is no depth map")
    if bound is not None and not (math.isfinite(bound) and bound >= 0):
        raise click.UsageError(f"--max-depth-error {bound:g} is no number of millimetres from 0 on")
    if bound is not None and lossless in ("depth", "both"):
        raise click.UsageError(f"--max-depth-error and --lossless {lossless} contradict each other")
    if quality is not None and (bound is not None or lossless in ("depth", "both")):
        raise click.UsageError("--depth-quality has no meaning for depth with a bound or lossless")
    exact = bound is not None or lossless in ("depth", "both")
    named = coder.get("depth") if isinstance(coder, dict) else coder if color is None else None
    if exact and named in ("learned", "avif"):
        raise click.UsageError(f"depth by {named} can keep neither a bound nor every pixel")
