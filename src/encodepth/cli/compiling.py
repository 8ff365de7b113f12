"""Saying why a command takes long the first time: it compiles what it then keeps."""

from __future__ import annotations

import logging

import click

_LOG = logging.getLogger("encodepth.native")


class _Once(logging.Handler):
    """Says it when the first function is compiled."""

    def emit(self, record: logging.LogRecord) -> None:
        _LOG.removeHandler(self)
        click.echo(
            "encodepth: compiling what this machine has not needed before, which takes some "
            "seconds and is kept; encodepth warm does all of it ahead",
            err=True,
        )


_ONCE = _Once()


def say_what_compiles() -> None:
    """Tell once in this process that something is compiled."""
    _LOG.addHandler(_ONCE)  # the same one twice is one
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False


def is_said() -> bool:
    """Return whether it would be told."""
    return _ONCE in _LOG.handlers
