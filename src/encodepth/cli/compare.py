"""`encodepth compare`: tables, BD-rates and rate-distortion plots from record files."""

from __future__ import annotations

from pathlib import Path

import click

_METRICS = ("psnr", "ms-ssim", "rmse", "mae", "max", "flying", "psnr65535", "similarity")


@click.command("compare")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--metric",
    type=click.Choice(_METRICS),
    help="What is compared.  [default: psnr for colour, rmse for depth]",
)
@click.option("--anchor", metavar="NAME", help="Codec that BD-rates refer to.  [default: AVIF]")
@click.option("--codec", "codecs", metavar="NAME,...", help="Only these and the anchor.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the curves too (.svg).",
)
@click.option("--markdown", is_flag=True, help="Tables in Markdown.")
@click.option("--json", "as_json", is_flag=True, help="All figures as JSON.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the plot.")
def command(
    files: tuple[Path, ...],
    metric: str | None,
    anchor: str | None,
    codecs: str | None,
    plot: Path | None,
    markdown: bool,
    as_json: bool,
    force: bool,
) -> None:
    """Compare the codecs in record FILES, or in folders of them: means, BD-rates per frame, times.

    Records come from `encodepth eval` or from elsewhere (VVC, say) in the same fields.
    """
    from ..errors import EncodepthError
    from ..evaluate.compare import compare
    from ..evaluate.load import load_records
    from ..evaluate.measures import find_metric, select
    from ..report.plot import check_suffix, plot_curves

    if plot is not None:
        check_suffix(plot)
        if plot.exists() and not force:
            raise EncodepthError(f"{plot} exists; use -f to overwrite it")
    records = load_records(files)
    if metric is None:
        depth_only = all(r["modality"] == "depth" for r in records)
        metric = "rmse" if depth_only else "psnr"
    wanted = [name for name in codecs.split(",") if name] if codecs else None
    comparison = compare(files, metric, anchor, codecs=wanted)
    if as_json:
        click.echo(comparison.json())
    else:
        click.echo(comparison.markdown() if markdown else comparison.text(), nl=False)
    if plot is not None:
        chosen = select(records, find_metric(metric))
        if wanted:
            chosen = [r for r in chosen if r["codec"] in {*wanted, comparison.anchor}]
        plot_curves(chosen, comparison.metric, plot)
