"""`encodepth models import`: make a weights file of a checkpoint that another code published."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import click

from ..errors import EncodepthError
from .shared import check_free, force_option, json_option, written

READERS = {
    # layout: the module that reads it, by its `import_weights`
    "LIC-TCM": "encodepth.thesis.importing",
}


@click.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Weights file to write; its card goes beside it.",
)
@click.option(
    "--lambda",
    "lmbda",
    type=click.FloatRange(0, min_open=True),
    metavar="L",
    help="Trade-off that the weights were trained for.  [default: from the file's name]",
)
@click.option(
    "--as",
    "target",
    type=click.Choice(["rgb", "depth"]),
    default="rgb",
    show_default=True,
    help="The colour model, or the depth model inside it.",
)
@click.option(
    "--tables",
    type=click.Choice(["next", "nearest"]),
    default="next",
    show_default=True,
    help="Table of a scale: the next larger one, as in the public code, or the nearest.",
)
@click.option("--name", default="", metavar="NAME", help="What messages call the model.")
@force_option
@json_option("One JSON object.")
def command(
    checkpoint: Path,
    output: Path,
    lmbda: float | None,
    target: str,
    tables: str,
    name: str,
    force: bool,
    as_json: bool,
) -> None:
    """Make a weights file of CHECKPOINT, as the public LIC-TCM code saves and publishes them.

    Nothing is downloaded; docs/tcm.md says where such files come from.
    """
    reader = _reader()
    for place in (output, reader.card_of(output)):
        check_free(place, force=force, sources=[str(checkpoint)])
    if reader.card_of(output) == output:
        raise EncodepthError(f"{output} is where the card goes; name it .safetensors")
    options = {"lmbda": lmbda, "depth": target == "depth", "tables": tables, "name": name}
    found: list[Any] = []
    written(output, lambda: found.append(reader.import_weights(checkpoint, output, **options)))
    made = found[0]
    if as_json:
        click.echo(json.dumps(made.as_dict()))
        return
    click.echo(
        f"{output}: {made.name}, N={made.half}, M={made.latent}, lambda {made.lmbda:g}, "
        f"{made.parameters:,} parameters, {made.bytes:,} bytes, weights {made.weights}"
    )
    pictures = "COLOR" if made.codes == "color" else "--depth-only DEPTH"
    click.echo(
        f"use it: encodepth encode {pictures} --model {output} --coding {made.codes}=learned"
    )


def _reader() -> Any:
    """Return the module that reads checkpoints.

    Raises:
        EncodepthError: there is none here, or it needs packages that are not installed.
    """
    if not READERS:
        raise EncodepthError("no reader of other codes' checkpoints is part of this build")
    layout, module = next(iter(READERS.items()))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise EncodepthError(
            f"checkpoints of {layout} need {error.name}; pip install 'encodepth[thesis]'"
        ) from None
