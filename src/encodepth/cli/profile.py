"""`encodepth profile`: what a model costs in parameters, arithmetic, time and memory."""

from __future__ import annotations

import json

import click

from .shared import device_option, json_option


@click.command("profile")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--size", default="640x480", metavar="WxH", show_default=True, help="Picture size in pixels."
)
@click.option(
    "--runs",
    type=click.IntRange(0),
    default=3,
    metavar="N",
    show_default=True,
    help="Timed calls after one to warm up; 0 counts only.",
)
@click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads.  [default: all]")
@device_option
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of the transforms.",
)
@json_option("One JSON object, or a list for several MODELs.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Markdown tables.")
def command(
    models: tuple[str, ...],
    size: str,
    runs: int,
    threads: int | None,
    device: str,
    precision: str,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Count parameters and multiply-accumulates of MODEL, time it, and measure its memory.

    MODEL is a row of the thesis's table (rgb, depth, rgb-4c, depth-4c, depth-conv, rgb-attn, also
    with -light or -small after it), all six as "thesis", an installed model, or a weights file.
    """
    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    width, height = _size(size)
    import torch

    from ..evaluate.cost import names, profile
    from ..evaluate.cost_tables import markdown, text
    from ..evaluate.records import machine_header

    if threads:
        torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise click.UsageError("--device cuda: there is no CUDA device here")
    profiles = [
        profile(name, width, height, runs=runs, device=device, precision=precision)
        for name in names(models)
    ]
    if as_json:
        objects = [p.as_dict() | machine_header() for p in profiles]
        click.echo(json.dumps(objects[0] if len(objects) == 1 else objects, indent=1))
    else:
        click.echo((markdown if as_markdown else text)(profiles))


def _size(value: str) -> tuple[int, int]:
    """Return (width, height) from "WxH"."""
    parts = value.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and 0 < int(p) < 1 << 15 for p in parts):
        raise click.UsageError(f'--size "{value}" is not WIDTHxHEIGHT in pixels, such as 640x480')
    return int(parts[0]), int(parts[1])
