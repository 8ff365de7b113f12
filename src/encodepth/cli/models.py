"""`encodepth models`: which weights are installed, their cards, and whether they are intact."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CorruptFileError, ModelNotFoundError
from .shared import attempt_all, json_option

if TYPE_CHECKING:
    from ..learned import ModelRecord


ACTIONS = {
    # word after "models": the module beside this one whose `command` does it
    "import": ".models_import",
}


class _Models(click.Command):
    """Lists and shows, unless the first word says something else to do."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args and args[0] in ACTIONS:
            action = importlib.import_module(ACTIONS[args[0]], __package__).command
            assert isinstance(action, click.Command)
            return action.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("models", cls=_Models)
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Open the weights and compare them with their card.")
@json_option("One JSON object per model and line.")
def command(name: str | None, check: bool, as_json: bool) -> None:
    """List the models that are installed, or print the card of NAME, also a file's with a card.

    encodepth models import CHECKPOINT -o FILE makes a weights file of one that others published;
    encodepth models import -h explains it.
    """
    from ..learned import list_models

    records = {record.name: record for record in list_models()}
    if name is not None:
        if as_json and name not in records and Path(name).is_file():
            raise click.UsageError("--json describes installed models, and NAME is a file")
        records = {name: records.get(name) or _record_of_file(name)}
    if not records:
        raise ModelNotFoundError("no model is installed; learned streams need one, others do not")

    def show(model: str) -> None:
        record = records[model]
        if check:
            click.echo(f"{model}: intact, fingerprint {_checked(record):08x}")
        elif as_json:
            click.echo(json.dumps(_facts(record)))
        elif name is not None:
            click.echo(record.card.read_text(encoding="utf-8"), nl=False)
        else:
            facts = _facts(record)
            click.echo(
                f"{model:14}{facts['parameters'] / 1e6:6.2f} M parameters  "
                f"{record.bytes / 1e6:6.2f} MB  weights {facts['weights']}"
            )

    click.get_current_context().exit(attempt_all(list(records), show))


def _record_of_file(name: str) -> ModelRecord:
    """Return the record of a weights file that has its card beside it.

    Raises:
        ModelNotFoundError: there is no such file, or no card.
    """
    from ..learned import ModelRecord, find_weights

    path = find_weights(name)
    card = path.with_suffix(".md")
    if not card.is_file():
        raise ModelNotFoundError(f'"{name}" is a file without a card; expected {card}')
    return ModelRecord(name, Path(path), card, path.stat().st_size)


def _facts(record: ModelRecord) -> dict[str, Any]:
    """Return what a list shows of a model; reads the file, loads no network."""
    from ..learned.weights import read_weights

    weights = read_weights(record.path)
    arrays = weights.arrays
    return {
        "name": record.name,
        "parameters": sum(a.size for k, a in arrays.items() if k.endswith((".weight", ".bias"))),
        "bytes": record.bytes,
        "weights": f"{weights.fingerprint:08x}",
        "file": str(record.path),
        "card": str(record.card),
    }


def _checked(record: ModelRecord) -> int:
    """Open a model as decoding does and return its fingerprint.

    Raises:
        CorruptFileError: the card names another fingerprint.
    """
    from ..learned import open_model

    model = open_model(record.path)
    model.open_all()
    found = model.fingerprint
    if f"{found:08x}" not in record.card.read_text(encoding="utf-8"):
        raise CorruptFileError(
            f"the weights' fingerprint {found:08x} is not the one in {record.card.name}; "
            "install encodepth again"
        )
    return found
