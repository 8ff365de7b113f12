"""`encodepth cut`: a part of a recording, without coding again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from ..modalities import IMAGE
from .options import check, flag, settings_of, settings_options
from .recording import refuse_targets
from .shared import check_free, force_option, model_option, quiet_option

_POINT = re.compile(r"(-?\d+)|(\d+(?:\.\d+)?)(s|min)")
_SECONDS = {"s": 1.0, "min": 60.0}


class _Part(click.ParamType):
    """A:B, numbers of frames, or seconds after the first frame as in 10s:20s."""

    name = "part"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float | None, float | None, bool]:
        ends = str(value).split(":")
        found = [(end, _POINT.fullmatch(end)) for end in ends]
        if len(ends) != 2 or not any(ends) or any(end and not point for end, point in found):
            self.fail(f'"{value}" is not A:B, frames as 100:200 or times as 10s:20s', param, ctx)
        points = [point for _, point in found]
        if len({point[1] is None for point in points if point}) > 1:
            self.fail(f'"{value}" mixes a frame and a time', param, ctx)
        start, stop = (None if point is None else _number(point) for point in points)
        return start, stop, any(point[1] is None for point in points if point)


@click.command("cut", context_settings={"ignore_unknown_options": False})
@click.argument("recording")
@click.argument("part", type=_Part(), metavar="A:B")
@click.option("-o", "--output", metavar="FILE", required=True, help="The .rgbd file.")
@click.option(
    "--exact",
    is_flag=True,
    help="Begin with the very frame: code the group that it cuts again, exact what was exact, else "
    "at the quality that it had; the options below say otherwise.",
)
@settings_options
@model_option
@force_option
@quiet_option
def command(
    recording: str,
    part: tuple[float | None, float | None, bool],
    output: str,
    exact: bool,
    model: str,
    force: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Write frames A to B of RECORDING, B not among them, as a recording of its own.

    A and B are numbers of frames (100:200) or times after the first frame (10s:20s, 1min:); either
    may be missing. Nothing is coded again: where A lies inside a group of pictures, the frames of
    the group that A needs come along, and that is said.
    """
    from ..sequence.edit import Span, cut

    context = click.get_current_context()
    if not exact:
        for name in given:
            if context.get_parameter_source(name) != click.core.ParameterSource.DEFAULT:
                raise click.UsageError(
                    f"{flag(name)} goes with --exact; else nothing is coded again"
                )
    settings = settings_of(given, quiet=quiet)
    refuse_targets(settings)
    check(settings, IMAGE)
    target = Path(output)
    check_free(target, force=force, sources=[recording])
    span = Span(*part)
    again = settings if exact else None
    made = cut(recording, target, span, again=again, overwrite=force, model=model)
    if quiet:
        return
    which = f"{made.first}..{made.first + made.frames - 1} of {recording}"
    click.echo(f"{target}: {made.bytes:,} bytes, {made.frames:,} frames, {which}", err=True)
    if made.early:
        click.echo(
            f"{made.early} frames before those asked for are in it, which they need; --exact codes "
            "that group again instead",
            err=True,
        )
    if made.coded:
        click.echo(f"{made.coded} frames were coded again, the rest is as it was", err=True)


def _number(point: re.Match[str]) -> float:
    return float(point[1]) if point[1] else float(point[2]) * _SECONDS[point[3]]
