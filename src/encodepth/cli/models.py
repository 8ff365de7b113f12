"""`encodepth models`: which weights are installed, their cards, and whether they are intact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ..errors import CorruptFileError, ModelNotFoundError
from .shared import attempt_all, json_option

if TYPE_CHECKING:
    from ..learned import ModelRecord


@click.command("models")
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Open the weights and compare them with their card.")
@json_option("One JSON object per model and line.")
def command(name: str | None, check: bool, as_json: bool) -> None:
    """List the models that are installed, or print the card of NAME."""
    from ..learned import find_weights, list_models

    records = {record.name: record for record in list_models()}
    if name is not None:
        if name not in records:
            find_weights(name)
            raise ModelNotFoundError(f'"{name}" is a file; cards are kept for installed models')
        records = {name: records[name]}
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
                f"{model:12}{facts['parameters'] / 1e6:6.2f} M parameters  "
                f"{record.bytes / 1e6:6.2f} MB  weights {facts['weights']}"
            )

    click.get_current_context().exit(attempt_all(list(records), show))


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
