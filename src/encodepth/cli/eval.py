"""`encodepth eval`: measure codecs on frames and write one JSON line per result."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import EncodepthError


@click.command("eval")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.jsonl",
    help="Record file; one that exists is gone on with.",
)
@click.option(
    "--codec",
    "codecs",
    default="base",
    metavar="NAME,...",
    show_default=True,
    help="Our models (base, base+alone, base+av1, ...) and conventional codecs (jpeg, webp, jxl, "
    "avif, hevc, jpeg2000, quant-jxl, png16, rvl, zstd, ffv1, ...); turbo+avif, jet+base: depth "
    "through a colour map. Over time: recording, recording+bound, x264, svt-av1, ffv1-video, "
    "lerobot.",
)
@click.option(
    "--quality", "qualities", metavar="Q,...", help="Qualities for our models.  [default: 5,15,...]"
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="At most N frames of each DATA; of a recording the first, 150 if it is not said.",
)
@click.option(
    "--over-time",
    is_flag=True,
    help="Measure each sequence of a folder as a recording: one result of all its frames.",
)
@click.option(
    "--only", type=click.Choice(["color", "depth"]), help="Measure colour alone, or depth alone."
)
@click.option(
    "--set", "set_name", metavar="NAME", help='The "set" of the records.  [default: DATA\'s name]'
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    show_default=True,
    help="Processes; times are most honest with one.",
)
@click.option("-f", "--force", is_flag=True, help="Begin the record file anew.")
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
def command(
    data: tuple[Path, ...],
    output: Path,
    codecs: str,
    qualities: str | None,
    limit: int | None,
    over_time: bool,
    only: str | None,
    set_name: str | None,
    jobs: int,
    force: bool,
    quiet: bool,
) -> None:
    """Measure codecs on the frames of DATA and add one JSON line per result to a file.

    DATA is a dataset of any known layout, or a folder of pictures; or a recording, a bag or a
    LeRobot dataset, of which a result is of all frames in order. A run that was stopped goes on
    where it was. Each codec is measured by real files, decoded again. A setting may follow a
    conventional codec's full name: webp-m6@15/70.
    """
    from ..evaluate.clips import find_clips
    from ..evaluate.frames import find_frames
    from ..evaluate.runner import evaluate, find_codecs
    from ..io.recordings import is_recorded

    names = [name for name in codecs.split(",") if name]
    if not names:
        raise click.BadParameter("no codec is named", param_hint="--codec")
    asked = _numbers(qualities) if qualities else None
    found = [
        (
            folder,
            find_clips(folder, limit)
            if over_time or is_recorded(folder)
            else list(find_frames(folder))[:limit],
        )
        for folder in data
    ]
    for name in names:
        find_codecs(name, asked)  # a wrong name is said before anything is deleted
    if force:
        output.unlink(missing_ok=True)
    failures: list[str] = []
    skipped: dict[str, str] = {}
    written = there = 0
    for folder, frames in found:
        summary = evaluate(
            names, frames, asked, out=output, set_name=set_name or folder.resolve().name,
            jobs=jobs, modalities=[only] if only else ["color", "depth"],
            progress=False if quiet else None,
        )  # fmt: skip
        failures += summary.failures
        skipped |= summary.skipped
        written, there = written + summary.written, there + summary.found
    for codec, reason in skipped.items():
        click.echo(f"encodepth: skipped {codec}: {reason}", err=True)
    for failure in failures:
        click.echo(f"encodepth: failed: {failure}", err=True)
    if not quiet:
        click.echo(f"{output}: {written} records written, {there} already there", err=True)
    if failures or (skipped and not written + there):
        click.get_current_context().exit(1)


def _numbers(listed: str) -> list[float]:
    try:
        numbers = [float(part) for part in listed.split(",") if part]
    except ValueError:
        raise click.BadParameter(f'"{listed}" is no list of numbers') from None
    if not all(0 <= number <= 100 for number in numbers):
        raise EncodepthError(f"qualities {listed} are not within 0..100")
    return numbers
