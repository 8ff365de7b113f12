"""`encodepth train`: train what a recipe describes, or go on with a run."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import EncodepthError


@click.command("train")
@click.argument("recipe", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of the recipe (schedule.steps=200, output=DIR); may be repeated.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Go on with the run in DIR, with its own recipe unless one is given.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    recipe: Path | None, settings: tuple[str, ...], resume: Path | None, device: str, quiet: bool
) -> None:
    """Train the model that RECIPE (a TOML file) describes.

    Prints the finished weights files. For several GPUs, start it with `torchrun` or
    `accelerate launch`: torchrun --no-python --nproc-per-node 4 encodepth train RECIPE.toml
    """
    from ..train.recipe import load_recipe
    from ..train.run import stored_recipe, train

    if recipe is None and resume is None:
        raise click.UsageError("give a RECIPE, or a run to go on with: --resume DIR")
    if recipe is not None:
        folder = () if resume is None else (f"output={resume}",)
        chosen = load_recipe(recipe, (*folder, *settings))
    else:
        assert resume is not None
        chosen = stored_recipe(resume, settings)
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise EncodepthError("no CUDA device; use --device cpu")
    for path in train(chosen, resume=resume is not None, quiet=quiet, cpu=device == "cpu"):
        click.echo(path)
