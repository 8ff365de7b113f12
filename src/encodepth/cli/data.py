"""`encodepth data`: what a dataset holds, and what in it is broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from .shared import attempt_all, fail, json_option, quiet_option

if TYPE_CHECKING:
    from ..io.check import Report
    from ..io.found import PairBy, Problem

_SHOWN = 20  # sequences listed without --all
_PROBLEMS = 40  # broken, and doubtful, files named without --all


@click.group("data")
def command() -> None:
    """Look after datasets of picture pairs."""


@command.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--depth-unit",
    type=click.FloatRange(1e-9, 1e3),
    metavar="M",
    help="Metres per step of the depth files, instead of what the layout says.",
)
@click.option(
    "--pair-by",
    type=click.Choice(["name", "time", "order"]),
    help="How colour and depth are matched where the layout leaves it open.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Pairs read at a time.",
)
@click.option(
    "--all", "whole", is_flag=True, help="Name every sequence and every file, however many."
)
@json_option("One JSON object per DIR and line.")
@quiet_option
def check_command(
    paths: tuple[str, ...],
    depth_unit: float | None,
    pair_by: PairBy | None,
    jobs: int,
    whole: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read every pair below DIR (a folder, .zip, .mat or ROS bag) and name every broken file.

    The layout is found out: plain folders, BOP, nerfstudio, 3DMatch, Redwood, ICL-NUIM, TUM, SUN
    RGB-D, NYU v2, 7-Scenes, ScanNet. Each sequence's depth unit, range in metres and camera are
    printed with where they come from. Exit status 1 if any pair is unusable.
    """
    from ..io.check import check

    def one(path: str) -> None:
        with _progress(quiet) as step:
            report = check(path, depth_unit=depth_unit, pair_by=pair_by, jobs=jobs, progress=step)
        if as_json:
            click.echo(json.dumps(report.as_dict()))
        else:
            _print(report, whole=whole, quiet=quiet)
        sound.append(report.broken == 0 and report.usable > 0)

    sound: list[bool] = []
    status = attempt_all(paths, one)
    click.get_current_context().exit(status or int(not all(sound)))


def _print(report: Report, *, whole: bool, quiet: bool) -> None:
    for fatal in (True, False):
        _name([problem for problem in report.problems if problem.fatal == fatal], whole=whole)
    if quiet:
        return
    from ..io.check import note_words

    sizes = ", ".join(f"{n} of {size}" for size, n in report.sizes.items())
    click.echo(f"{report.path}: {', '.join(report.layouts)}")
    click.echo(
        f"{report.usable} of {report.pairs} pairs are usable" + (f" ({sizes})" * bool(sizes))
    )
    shown = list(report.sequences.items())[: None if whole else _SHOWN]
    width = max((len(name) for name, _ in shown), default=0)
    for name, count in shown:
        click.echo(shown_text(f"  {name:{width}}  {count}  {report.about[name]}"))
    if len(shown) < len(report.sequences):
        click.echo(f"  and {len(report.sequences) - len(shown)} more sequences (--all lists them)")
    for note in report.notes:
        click.echo(note_words(*note))


def _name(problems: list[Problem], *, whole: bool) -> None:
    """Print problems, a screen of them unless all are wanted; the rest are counted."""
    shown = problems if whole else problems[:_PROBLEMS]
    for problem in shown:
        fail(shown_text(str(problem) if problem.fatal else f"doubtful: {problem}"))
    left = sum(problem.count for problem in problems[len(shown) :])
    if left:
        kind = "broken" if problems[0].fatal else "doubtful"
        fail(f"and {left:,} more that are {kind} (--all names them)")


def _progress(quiet: bool) -> AbstractContextManager[Callable[[int, int], None] | None]:
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    return _Bar()


def shown_text(text: str) -> str:
    """Return a text that any terminal takes: names of files may hold any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Bar(AbstractContextManager[Callable[[int, int], None]]):
    """A progress bar on stderr that is told (done, of all)."""

    def __enter__(self) -> Callable[[int, int], None]:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        task = self._bar.add_task("")
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()
