"""`encodepth report`: one page with tables, curves, pictures and point clouds."""

from __future__ import annotations

from pathlib import Path

import click

from .shared import check_free, force_option


@click.command("report")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for index.html and pictures.jsonl.",
)
@click.option(
    "--pictures",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="A color.* and a depth.* to code, decode and show; may be repeated.",
)
@click.option("--title", default="encodepth, measured", metavar="TEXT", help="The page's heading.")
@force_option
def command(
    results: tuple[Path, ...], output: Path, pictures: tuple[Path, ...], title: str, force: bool
) -> None:
    """Build one page from record files.

    RESULTS are record files of `encodepth eval` (.jsonl), profiles of `encodepth profile --json`
    (.json), or folders of both. The page needs no network; every number names its file.
    """
    from ..report.page import PAGE, RECORDS, report

    if output.exists():
        for name in (PAGE, RECORDS):
            check_free(output / name, force=force)
    click.echo(str(report(results, output, pictures=pictures, title=title)))
