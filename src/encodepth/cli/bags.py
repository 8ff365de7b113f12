"""Recordings into ROS bags, for `encodepth decode RECORDING -o NAME.mcap`, and options of bags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .jobs import Outcome, Progress
from .recording import chosen
from .shared import Decorated, check_free

_SUFFIXES = (".bag", ".mcap", ".db3")
_FORMS = ("raw", "png", "rvl")


class _Frames(click.ParamType):
    """FIXED or FIXED:CAMERA, frames of coordinates."""

    name = "frames"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        fixed, _, camera = str(value).partition(":")
        if not fixed:
            self.fail(f'"{value}" is not FIXED or FIXED:CAMERA', param, ctx)
        return fixed, camera


def bag_options(command: Decorated) -> Decorated:
    """Add what `encode` asks of a ROS bag."""
    options = (
        click.option(
            "--color-topic",
            metavar="TOPIC",
            help='Of a ROS bag: the colour pictures; "none" for none.  [default: the only one]',
        ),
        click.option(
            "--depth-topic",
            metavar="TOPIC",
            help='Of a ROS bag: the depth maps; "none" for none.  [default: the only one]',
        ),
        click.option(
            "--pair-within",
            type=click.FloatRange(0, 10),
            metavar="S",
            help="Of a ROS bag: seconds that the stamps of a frame's pictures may be apart.  "
            "[default: half a frame]",
        ),
        click.option(
            "--poses",
            type=_Frames(),
            metavar="FIXED[:CAMERA]",
            help="Of a ROS bag: keep where the camera is in the frame FIXED, by /tf.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def topics_of(
    color: str | None, depth: str | None, planes: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Return the topics that options name, by modality."""
    named = {"color": color, "depth": depth, **dict(planes)}
    return {kind: topic for kind, topic in named.items() if topic is not None}


def bag_planes(pictures: Sequence[str]) -> bool:
    """Whether --plane names topics: what is coded is a ROS bag."""
    from ..io.ros.bag import is_bag

    return bool(pictures) and is_bag(pictures[0])


def refuse_bag_options() -> None:
    """Refuse options that only a ROS bag has, and would be ignored.

    Raises:
        click.UsageError: names one.
    """
    context = click.get_current_context()
    for name in ("color_topic", "depth_topic", "pair_within", "poses"):
        if context.params.get(name) is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for a ROS bag")


bag_depth_option = click.option(
    "--bag-depth",
    type=click.Choice(_FORMS),
    default="raw",
    show_default=True,
    help="Depth of a ROS bag: raw, or compressedDepth by PNG or RVL, as exact and smaller.",
)


def is_bag_name(name: str | None) -> bool:
    """Whether what is to be written is called like a bag."""
    return name is not None and Path(name).suffix.lower() in _SUFFIXES


def decode_to_bag(
    path: str,
    target: Path,
    kinds: tuple[str, ...],
    frames: slice,
    *,
    depth: str,
    model: str,
    force: bool,
    quiet: bool,
    restore: bool = True,
) -> int:
    """Write a recording as a bag; return the exit status.

    Args:
        path: the recording.
        target: the bag.
        kinds: modalities that are wanted.
        frames: which of them.
        depth: "raw", "png" or "rvl".
        model: weights to look into first.
        force: whether a bag that is there is replaced.
        quiet: whether nothing is said.
        restore: whether networks restore what was coded for them.

    Raises:
        EncodepthError: it is no recording or damaged, or the bag cannot be written.
    """
    from ..io.ros.writing import write_bag
    from ..sequence.reader import Reader

    check_free(target, force=force, sources=[path])
    with Reader(path, streams=kinds, model=model, restore=restore) as reader:
        which = chosen(frames, len(reader))
        progress = Progress(len(which), quiet)
        count = write_bag(
            reader,
            target,
            depth=depth,
            frames=reader[which.start : which.stop],
            overwrite=force,
            progress=lambda _: progress.step(Outcome()),
        )
        progress.clear()
        if not quiet:
            click.echo(f"{path}: {count:,} frames in {target}", err=True)
        for problem in reader.problems:
            progress.fail(f"{path}: {problem}")
    return 1 if progress.failed else 0
