"""`encodepth join`: recordings one after another, without coding again."""

from __future__ import annotations

from pathlib import Path

import click

from .shared import check_free, force_option, quiet_option


@click.command("join")
@click.argument("recordings", nargs=-1, required=True, metavar="RECORDING...")
@click.option("-o", "--output", metavar="FILE", required=True, help="The .rgbd file.")
@click.option(
    "--follow",
    is_flag=True,
    help="Move the times of each so that it goes on where the one before ended.",
)
@force_option
@quiet_option
def command(
    recordings: tuple[str, ...], output: str, follow: bool, force: bool, quiet: bool
) -> None:
    """Put RECORDINGs of the same modalities and cameras one after another into one.

    Nothing is coded again, and times stay what they were, which have to go on from one to the next;
    --follow moves them.
    """
    from ..sequence.edit import join

    target = Path(output)
    check_free(target, force=force, sources=recordings)
    made = join(recordings, target, follow=follow, overwrite=force)
    if quiet:
        return
    click.echo(
        f"{target}: {made.bytes:,} bytes, {made.frames:,} frames of {len(recordings)} recordings",
        err=True,
    )
    if made.differing:
        click.echo(f"of {', '.join(made.differing)} the first's value is kept", err=True)
