"""The `encodepth` command: finds the verb, loads only that, and turns every failure into one line.

Exit status: 0 done, 1 something failed, 2 wrong usage, 128 + n stopped by signal n.
"""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType

import click

from .. import __version__
from .compiling import say_what_compiles
from .shared import explain, fail

VERBS = {
    # verb: one line of help. The verb lives in cli/<verb>.py as a click command named `command`.
    "encode": "Code a picture pair into one .rgbd file.",
    "decode": "Turn .rgbd files back into pictures.",
    "info": "Say what .rgbd files hold.",
    "verify": "Check that .rgbd files are whole.",
    "cut": "Cut a part out of a recording.",
    "join": "Put recordings one after another.",
    "models": "List the models that are installed.",
    "eval": "Measure codecs on frames.",
    "compare": "Compare measured codecs.",
    "report": "Build one page from measured results.",
    "view": "Show a picture pair as an interactive page or a PNG.",
    "train": "Train a model from a recipe.",
    "data": "Check the pairs of a dataset.",
    "profile": "Count and time what a model costs.",
    "warm": "Compile now what is compiled on first use.",
}


class _Verbs(click.Group):
    """A group whose commands are imported when they are run, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        verb = importlib.import_module(f".{name}", __package__).command
        assert isinstance(verb, click.Command)
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(VERBS)}"
            ctx.fail(f'no verb "{args[0]}"; {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="VERB ...",
)
@click.version_option(__version__, "-V", "--version", message="encodepth %(version)s")
def encodepth() -> None:
    """A codec for RGB-D pictures: colour and depth in one small file.

    `encodepth VERB -h` explains a verb.
    """


class _Stopped(KeyboardInterrupt):
    """Somebody asked the process to end (SIGTERM); cleaned up like ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit status."""
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = _warn  # type: ignore[assignment]
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "--quiet" not in given and given[:1] != ["warm"]:
        say_what_compiles()
    status = _run(given)
    try:
        sys.stdout.flush()
    except OSError as error:  # the last words did not fit on the disk, or nobody reads them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not status and not isinstance(error, BrokenPipeError):  # else it was named already
            fail(explain(error))
        status = status or 1
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        _refuse_empty(arguments)
        result = encodepth.main(arguments, prog_name="encodepth", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "encodepth"
        text = error.format_message().rstrip(".")
        click.echo(f'{where}: {text[:1].lower()}{text[1:]}\ntry "{where} -h"', err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        stopped = isinstance(error, _Stopped) or isinstance(error.__cause__, _Stopped)
        fail("stopped" if stopped else "interrupted")
        return 128 + (signal.SIGTERM if stopped else signal.SIGINT)
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        fail(reason)
        return 1


def _refuse_empty(arguments: list[str]) -> None:
    """Refuse a name that is empty, as an unset variable of a shell is, before it means the default.

    Raises:
        click.UsageError: there is one.
    """
    for before, argument in zip(("", *arguments), arguments, strict=False):
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            after = f" after {before}" if before and not argument else ""
            raise click.UsageError(f'an empty argument "{argument}"{after}; is a variable unset')


def _warn(message: Warning | str, category: type[Warning], *_: object) -> None:
    """Say a warning in one line."""
    fail(str(message))


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


if __name__ == "__main__":
    main()
