"""The report's section beside the thesis: its Tables 8 to 13, its Figures 25 to 27, and ours.

What the thesis measured is typed in (tables.py); everything else comes from records.
"""

from __future__ import annotations

from statistics import fmean

from ..evaluate.load import letters_of
from ..evaluate.means import panels
from ..evaluate.measures import METRICS, in_scenes, scenes
from ..evaluate.records import Record
from ..report.chart import COLORS, Series, Style, chart
from ..report.html import NONE, number, rate, sup, table, text
from ..report.names import is_ours, plain
from ..report.numbers import Numbers, legend, mean, missing
from . import tables as thesis

HEADING = "Beside the thesis"
WORDS = (
    "The thesis's figures are means over its 40 pairs of Augmented ICL-NUIM (living room 1 and "
    "office 2) with rates as its entropy model estimates them. Ours are of living room 1 in "
    "data/test, with rates of whole files; codecs without a model of the thesis are interpolated "
    "at its rate, frame by frame, where their points enclose it. Depth PSNR has peak 65535."
)

_FIGURES = {
    "color": ((25, "psnr", "psnr", "PSNR", "PSNR (dB)"),),
    "depth": (
        (26, "psnr65535", "psnr", "PSNR", "PSNR, peak 65535 (dB)"),
        (
            27,
            "similarity",
            "structure",
            "comprehensive similarity",
            "comprehensive similarity (dB)",
        ),
    ),
}


def section(numbers: Numbers) -> str:
    """Return Tables 8 to 13 with our figures beside, and Figures 25 to 27."""
    known = {
        found[0] for c in {r["codec"] for r in numbers.records} if (found := thesis.of_model(c))
    }
    absent = [t.model for t in thesis.TABLES if t.model not in known]
    note = ""
    if absent:
        note = missing(
            f"models {', '.join(absent)}. They are implemented, but no trained weights of them "
            "have been measured: below, the thesis's own figures stand beside the default model "
            "and conventional codecs"
        )
    parts = [note]
    for modality, heading in (("color", "Colour"), ("depth", "Depth")):
        own = [t for t in thesis.TABLES if t.modality == modality]
        parts.append(f"<h3>{heading}</h3>{_figures(numbers, modality)}")
        parts += [_table(numbers, t) for t in own]
    return "".join(parts)


def _table(numbers: Numbers, entry: thesis.Table) -> str:
    color = entry.modality == "color"
    first = METRICS["psnr" if color else "psnr65535"]
    second = METRICS["ms-ssim" if color else "similarity"]
    same = [r for r in numbers.of(first) if scenes(r) == "icl" and _is_row(r, entry.model)]
    others = _beside(numbers, entry.modality)
    rows = []
    for row in entry.rows:
        cells = [f"{row.lmbda:g}", number(row.psnr), number(row.structure), f"{row.bpp:.3f}"]
        if same:
            own = [r for r in same if thesis.of_model(r["codec"]) == (entry.model, row.lmbda)]
            cells += [number(mean(r.get(m.field) for r in own)) for m in (first, second)]
            cells.append(rate(fmean(r["bpp"] for r in own)) + sup(letters_of(own)) if own else NONE)
        for codec in others:
            found = numbers.curves(first).at_rate(codec, row.bpp, in_scenes("icl"))
            cells.append(number(found[0]) if found else NONE)
        rows.append(cells)
    what = "MS-SSIM" if color else "similarity"
    head = ["λ", "thesis:<br>PSNR (dB)", f"thesis:<br>{what} (dB)", "thesis:<br>bpp"]
    if same:
        head += ["ours:<br>PSNR (dB)", f"ours:<br>{what} (dB)", "ours:<br>bpp"]
    head += [f"{numbers.name(c, entry.modality)}:<br>PSNR (dB)" for c in others]
    caption = (
        f"<b>Table {entry.number}</b> {text(entry.title)}, model <code>{entry.model}</code>; "
        "the last columns are other codecs' PSNR at the thesis's bpp, "
        f"{NONE} where their settings do not reach it"
    )
    return table(caption, head, rows, classes="thesis")


def _is_row(record: Record, model: str) -> bool:
    found = thesis.of_model(record["codec"])
    return found is not None and found[0] == model


def _beside(numbers: Numbers, modality: str) -> list[str]:
    """Return the codecs to put beside the thesis: ours, then AVIF, HEVC and VVC."""
    wanted = ("base", "avif-aom", "hevc-x265", "vvc")
    metric = METRICS["psnr" if modality == "color" else "psnr65535"]
    curves = numbers.curves(metric).points
    present = [c for c in numbers.styles if c in curves and any(map(in_scenes("icl"), curves[c]))]
    return [
        c for start in wanted for c in present
        if (c == start if start == "base" else c.startswith(start)) and not c.endswith("tunessim")
    ]  # fmt: skip


def _figures(numbers: Numbers, modality: str) -> str:
    """Return the figures of one modality with a legend of their own."""
    tables = [t for t in thesis.TABLES if t.modality == modality]
    trained = [
        c for c in {r["codec"] for r in numbers.records if r["modality"] == modality}
        if thesis.of_model(c) is not None
    ]  # fmt: skip
    besides = [*_beside(numbers, modality), *sorted(trained)]
    taken = {numbers.styles[c].number % COLORS for c in besides if not is_ours(c)}
    free = [i for i in range(COLORS) if i not in taken] or list(range(COLORS))
    looks = {_name(t): Style(free[i % len(free)] + COLORS) for i, t in enumerate(tables)}
    looks |= {plain(c): numbers.styles[c] for c in besides}  # as everywhere on the page
    charts, drawn = [], [_name(t) for t in tables]
    for figure, metric_name, attribute, what, y_title in _FIGURES[modality]:
        series = [Series(_name(t), looks[_name(t)], _points(t, attribute)) for t in tables]
        metric = METRICS[metric_name]
        curves = dict(panels(numbers.of(metric), metric)).get("icl", {})
        for codec in besides:
            if len(curves.get(codec, ())) > 1:
                series.append(numbers.series(codec, curves[codec], metric))
                drawn += [plain(codec)] if plain(codec) not in drawn else []
        charts.append(chart(f"Figure {figure}: {what}", series, y_title))
    letters = {plain(c): numbers.letters.get((c, modality), ()) for c in besides}
    keys = legend((name, looks[name], letters.get(name, ())) for name in drawn)
    return f'<div class="plots">{keys}<div class="charts two">{"".join(charts)}</div></div>'


def _points(entry: thesis.Table, attribute: str) -> tuple[tuple[float, float, str], ...]:
    return tuple(
        (r.bpp, getattr(r, attribute), f"λ {r.lmbda:g}: {r.bpp:.3f} bpp, "
         f"{getattr(r, attribute):.2f} dB")
        for r in entry.rows
    )  # fmt: skip


def _name(entry: thesis.Table) -> str:
    return f"thesis {entry.model} (Table {entry.number})"
