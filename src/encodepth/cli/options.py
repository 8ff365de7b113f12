"""The options of encoding, made from `Settings`, so that command and library have one set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import click

from ..codings import CODINGS
from ..errors import InvalidSettingError
from ..modalities import IMAGE, PLANES
from ..plan import LOSSY
from ..settings import Option, Settings, from_old, split_codings
from .shared import Decorated, fail

LEARNED = "learned"  # the coding by a model


def flag(name: str) -> str:
    """Return a setting as the command writes it."""
    return f"--{name.replace('_', '-')}"


def settings_options(command: Decorated) -> Decorated:
    """Add an option for every setting."""
    made = [_option(f.name, f.metadata["option"]) for f in dataclasses.fields(Settings)
            if "option" in f.metadata]  # fmt: skip
    kept = click.option(
        "--lossless", type=click.Choice([*IMAGE, "both"]), help="What is kept exactly."
    )
    coding = click.option(
        "--coding",
        type=_Codings(split_codings),
        metavar="CODING",
        help="How it is coded: auto, what measured best at that effort, or a name "
        f"({_names()}); for each: color=av1,depth=surface.",
    )
    old = click.option("--coder", type=_Codings(from_old), metavar="CODER", hidden=True)
    for option in reversed([*made, kept, coding, old]):
        command = option(command)
    return command


def with_model(settings: Settings, model: str) -> Settings:
    """Let a model that was named code what it can, where nothing else is asked for.

    Raises:
        click.UsageError: it would code nothing.
        ModelNotFoundError: there is no such model.
    """
    from ..learned import open_model

    if LEARNED in settings.coding.values():
        return settings
    codes = open_model(model).codes
    free = [
        name
        for name in codes
        if settings.coding.get(name, "auto") == "auto" and settings.ask(name) == LOSSY
    ]
    if not free:
        does = f"codes {' and '.join(codes)}" if codes else "codes no plane by itself"
        raise click.UsageError(f"--model {model} {does}, and nothing here is left to it")
    return dataclasses.replace(settings, coding={**settings.coding, **dict.fromkeys(free, LEARNED)})


def settings_of(given: dict[str, Any], *, quiet: bool = False) -> Settings:
    """Take the settings out of a command's arguments and make them one.

    Who uses the old word for a coding is told the new one, unless `quiet`.

    Raises:
        click.UsageError: a value is out of its range, or --coding and --coder are both given.
    """
    coding, coder = given.pop("coding"), given.pop("coder")
    if coding is not None and coder is not None:
        raise click.UsageError("--coder is what --coding was called before; give one of them")
    if coder is not None and not quiet:
        new = ",".join(f"{kind}={name}" for kind, name in coder.items())
        fail(f"--coder is now called --coding; this is --coding {new}")
    names = [f.name for f in dataclasses.fields(Settings) if "option" in f.metadata]
    values = {name: given.pop(name) for name in names}
    if values["effort"] is None:
        del values["effort"]
    chosen = coder if coding is None else coding
    lossless = given.pop("lossless")
    return Settings.of(lossless=lossless or (), coding=chosen or "auto", **values)


def check(settings: Settings, held: tuple[str, ...]) -> None:
    """Refuse what contradicts itself for a picture that holds these modalities.

    Raises:
        click.UsageError: names the options.
    """
    try:
        settings.check(held, flag)
    except InvalidSettingError as error:
        raise click.UsageError(str(error)) from None


class _Codings(click.ParamType):
    """ "av1" for all that it codes, or "color=av1,depth=surface" for each."""

    name = "coding"

    def __init__(self, split: Callable[[str | dict[str, str]], dict[str, str]]) -> None:
        self.split = split

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        if isinstance(value, dict):
            return value
        parts = [part.rpartition("=") for part in str(value).split(",")]
        try:
            if len(parts) == 1 and not parts[0][1]:
                return self.split(str(value))
            return self.split({kind: name for kind, _, name in parts})
        except InvalidSettingError as error:
            self.fail(str(error), param, ctx)


def _option(name: str, option: Option) -> Callable[[Decorated], Decorated]:
    if option.kind is bool:
        return click.option(flag(name), is_flag=True, help=option.help)
    short = ("-q",) if name == "quality" else ()
    if option.words:
        return click.option(flag(name), type=click.Choice(option.words), help=option.help)
    kind: Any = float if option.kind is float else click.IntRange(option.low, option.high)
    return click.option(*short, flag(name), type=kind, metavar=option.metavar, help=option.help)


def _names() -> str:
    able = [row.name for row in CODINGS if set(row.modalities) & {*IMAGE, *PLANES}]
    return ", ".join(dict.fromkeys(able))
