"""Tables and claims of the thesis's experiment from its records: the middle part of a page.

    python -m runs.results.thesis_report results/thesis/records.jsonl docs/experiment.md
        [-j results/thesis/effects.json] [--context results/thesis/context.jsonl]
        [--search results/thesis/search.jsonl]

Time: seconds.

What stands between the page's two marks is replaced. Intervals are bootstraps over frames, 2.5 to
97.5 %, drawn 10,000 times from one seed; they know nothing of other scenes or other trainings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from encodepth.errors import EncodepthError
from encodepth.evaluate.measures import METRICS, scenes
from encodepth.evaluate.records import Record, only, read_records
from encodepth.files import write_file
from encodepth.metrics import bd_rate
from encodepth.thesis.tables import TABLES
from runs.common import fill_page
from runs.results.thesis import GUIDED, MIDDLE, OUTER, ROWS

START = "<!-- runs/results/thesis.sh -->"
DRAWS = 10_000
KINDS = {"icl": "livingroom1", "sensor": "sensors"}
LAMBDAS = {m: (OUTER[m][0], MIDDLE[m], OUTER[m][1]) for m in ROWS}
Frame = tuple[str, str]


@dataclass(frozen=True)
class Interval:
    """A mean over frames, percent, with its bootstrap interval."""

    mean: float
    low: float
    high: float
    frames: int

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero; never from fewer than five frames."""
        return self.frames >= 5 and (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        mark = "" if self.sure else " n.s."
        return f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f}){mark}"


@dataclass(frozen=True)
class Effect:
    """One comparison: what against what, in which scenes, measured how."""

    what: str
    test: str
    anchor: str
    scenes: str
    measure: str
    interval: Interval | None


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval | None:
    """Mean of the values and where 95 % of the means of as many drawn from them lie."""
    if not values:
        return None
    x = np.asarray(values, float)
    drawn = np.random.default_rng(seed).integers(len(x), size=(DRAWS, len(x)))
    low, high = np.percentile(x[drawn].mean(1), (2.5, 97.5))
    return Interval(float(x.mean()), float(low), float(high), len(x))


def by_frame(records: Sequence[Record]) -> dict[Frame, Record]:
    """One record for each frame."""
    return {(r["sequence"], r["frame"]): r for r in records}


def cost_ratio(test: Sequence[Record], anchor: Sequence[Record]) -> list[float]:
    """Percent by which a frame's cost under the training loss differs, frame by frame."""
    a, b = by_frame(anchor), by_frame(test)
    return [100 * (b[f]["cost"] / a[f]["cost"] - 1) for f in sorted(a.keys() & b.keys())]


def rates(test: Sequence[Record], anchor: Sequence[Record], metric: str) -> list[float]:
    """BD-rate of each frame in percent; frames whose curves share too little are left out."""
    chosen = METRICS[metric]
    curves: list[dict[Frame, list[tuple[float, float]]]] = [{}, {}]
    for found, records in zip(curves, (anchor, test), strict=True):
        for r in records:
            point = (r["bpp"], chosen.quality(r[chosen.field]))
            found.setdefault((r["sequence"], r["frame"]), []).append(point)
    values = []
    for frame in sorted(curves[0].keys() & curves[1].keys()):
        try:
            values.append(bd_rate(curves[0][frame], curves[1][frame], min_common=chosen.min_common))
        except EncodepthError:
            continue
    return values


def effects(records: Sequence[Record]) -> list[Effect]:
    """Every comparison that the records allow."""
    found: list[Effect] = []

    def add(what: str, test: str, anchor: str, measure: str,
            values: Callable[[str], Sequence[float]]) -> None:  # fmt: skip
        for kind in KINDS:
            found.append(Effect(what, test, anchor, kind, measure, bootstrap(values(kind))))

    def of(name: str, kind: str, guide: str = "") -> list[Record]:
        rows = [r for r in records if r["codec"] == name and scenes(r) == kind]
        return [r for r in rows if not guide or r["guide"] == guide]

    def curve(row: str, kind: str, guide: str) -> list[Record]:
        end = "+another" if guide == "another" else ""
        modality = row.split("-")[0]
        return [r for x in LAMBDAS[modality] for r in of(f"{row}-{x:g}{end}", kind)]

    names = {r["codec"] for r in records}
    for row in GUIDED:
        base = row.split("-")[0]
        metrics = ("psnr", "ms-ssim") if base == "rgb" else ("rmse", "similarity")
        for metric in metrics:
            add("fusion", row, base, f"BD-rate, {metric}",
                lambda k, m=metric, r=row, b=base: rates(curve(r, k, ""), curve(b, k, ""), m))  # type: ignore[misc]  # fmt: skip
        for lmbda in LAMBDAS[base]:
            one, other = f"{row}-{lmbda:g}", f"{base}-{lmbda:g}"
            if {one, other} <= names:
                add("fusion", one, other, "cost",
                    lambda k, a=one, b=other: cost_ratio(of(a, k), of(b, k)))  # type: ignore[misc]  # fmt: skip
            if {one, f"{one}+another"} <= names:
                add("stranger at coding", f"{one}+another", one, "cost",
                    lambda k, a=one: cost_ratio(of(f"{a}+another", k), of(a, k)))  # type: ignore[misc]  # fmt: skip
        own = f"{row}-{MIDDLE[base]:g}"
        control = f"{row}-another-{MIDDLE[base]:g}+another"
        if {own, control} <= names:
            add("own against stranger in training", own, control, "cost",
                lambda k, a=own, b=control: cost_ratio(of(a, k), of(b, k)))  # type: ignore[misc]  # fmt: skip
            add("stranger in training", control, f"{base}-{MIDDLE[base]:g}", "cost",
                lambda k, a=control, b=base: cost_ratio(
                    of(a, k), of(f"{b}-{MIDDLE[b]:g}", k)))  # type: ignore[misc]  # fmt: skip
    for base, rows in ROWS.items():
        for row in rows:
            first, second = f"{row}-{MIDDLE[base]:g}", f"{row}-again-{MIDDLE[base]:g}"
            baseline = f"{base}-again-{MIDDLE[base]:g}"
            if {first, second} <= names:
                add("again", second, first, "cost",
                    lambda k, a=second, b=first: cost_ratio(of(a, k), of(b, k)))  # type: ignore[misc]  # fmt: skip
            if row != base and {second, baseline} <= names:
                add("fusion again", second, baseline, "cost",
                    lambda k, a=second, b=baseline: cost_ratio(of(a, k), of(b, k)))  # type: ignore[misc]  # fmt: skip
    if {"rgb-ps-0.013", "rgb-0.013"} <= names:
        add("decoder-side prompts", "rgb-ps-0.013", "rgb-0.013", "cost",
            lambda k: cost_ratio(of("rgb-ps-0.013", k), of("rgb-0.013", k)))  # fmt: skip
    return found


def context_effects(records: Sequence[Record]) -> list[Effect]:
    """What decoded colour as context brings the default family's depth, by payload bytes."""
    paid = [
        {**r, "bpp": 8 * r["payload_bytes"] / (r["width"] * r["height"])}
        for r in records
        if r["codec"] in ("base", "base+alone") and r["modality"] == "depth"
    ]
    found = []
    for metric in ("rmse", "similarity"):
        for kind in KINDS:
            own = [r for r in paid if scenes(r) == kind]
            values = rates(only(own, codec="base"), only(own, codec="base+alone"), metric)
            found.append(
                Effect("colour as context in the default family", "base", "base+alone", kind,
                       f"BD-rate, {metric}", bootstrap(values))
            )  # fmt: skip
    return found


def search_effects(records: Sequence[Record]) -> list[Effect]:
    """What a search of the latent brings a baseline, and what the rows with a guide have there."""
    found = []
    for base, lmbda in MIDDLE.items():
        anchor = f"{base}-{lmbda:g}"
        mine = [r for r in records if str(r["codec"]).split("-")[0] == base]
        for name, steps in sorted({(r["codec"], r["setting"]) for r in mine} - {(anchor, 0)}):
            what = f"{name}, {steps} steps of search" if steps else name
            for kind in KINDS:
                own = [r for r in mine if scenes(r) == kind]
                values = cost_ratio(only(own, codec=name, setting=steps),
                                    only(own, codec=anchor, setting=0))  # fmt: skip
                found.append(Effect("search", what, anchor, kind, "cost", bootstrap(values)))
    return found


def means(records: Sequence[Record], name: str, kind: str) -> dict[str, float] | None:
    """Mean figures of one model in one kind of scene."""
    rows = [r for r in only(records, codec=name) if scenes(r) == kind]
    if not rows:
        return None
    fields = [k for k in ("bpp", "psnr", "ms_ssim_db", "psnr65535", "similarity_db", "rmse_mm",
                          "edge_bad", "cost") if k in rows[0]]  # fmt: skip
    return {"frames": len(rows), **{k: fmean(r[k] for r in rows) for k in fields}}


def thesis_tables(records: Sequence[Record]) -> list[str]:
    """Tables 8 to 13, ours beside the thesis's."""
    lines = []
    for table in TABLES:
        quality, structure = (
            ("psnr", "ms_ssim_db") if table.modality == "color" else ("psnr65535", "similarity_db")
        )
        color = table.modality == "color"
        extra = "" if color else " RMSE |"
        head = "PSNR, MS-SSIM" if color else "PSNR (65535), similarity"
        lines += [
            "", f"**Table {table.number}. {table.title}** ({head} in dB; bpp)", "",
            "| lambda | thesis, full width | ours, livingroom1 |" + extra
            + " ours, sensor scenes |" + extra,
            "|---:|---|---|" + ("" if color else "---|") + "---|" + ("" if color else "---|"),
        ]  # fmt: skip
        for row in table.rows:
            cells = [f"{row.lmbda:g}", f"{row.psnr:.2f}, {row.structure:.2f}; {row.bpp:.3f}"]
            for kind in KINDS:
                m = means(records, f"{table.model}-{row.lmbda:g}", kind)
                cells.append(
                    f"{m[quality]:.2f}, {m[structure]:.2f}; {m['bpp']:.3f}" if m else "not trained"
                )
                if not color:
                    cells.append(f"{m['rmse_mm']:.0f} mm" if m else "")
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def effect_tables(found: Sequence[Effect]) -> list[str]:
    """One table for each kind of comparison, scenes side by side."""
    titles = {
        "fusion": "Fusion against its baseline",
        "stranger at coding": "Control 1: the trained model given the guide of another frame",
        "stranger in training": "Control 2: trained with strangers' guides, against the baseline",
        "own against stranger in training":
            "Control 2: trained with its own guide against trained with strangers'",
        "fusion again": "Second training (other crops, other noise): fusion against its baseline",
        "again": "Chance: the same row trained a second time, against the first",
        "search": "A search for the latent, which sees no guide, beside rows that do (256x256)",
        "decoder-side prompts": "Decoder-side prompts (p_s)",
        "colour as context in the default family":
            "Decoded colour as context for depth: the default family with it against without",
    }  # fmt: skip
    lines = []
    for what, title in titles.items():
        chosen = [e for e in found if e.what == what]
        if not chosen:
            continue
        lines += ["", f"**{title}** (percent; minus is better)", "",
                  "| model | against | measure | livingroom1 | sensor scenes |",
                  "|---|---|---|---|---|"]  # fmt: skip
        for e in [c for c in chosen if c.scenes == "icl"]:
            (other,) = (
                c.interval for c in chosen
                if (c.test, c.anchor, c.measure) == (e.test, e.anchor, e.measure)
                and c.scenes == "sensor"
            )  # fmt: skip
            lines.append(
                f"| {e.test} | {e.anchor} | {e.measure} | {_cell(e.interval)} | {_cell(other)} |"
            )
    return lines


def _cell(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval}, {interval.frames} fr."


def others_table(records: Sequence[Record]) -> list[str]:
    """The models of the open questions, beside the baseline they vary."""
    names = [n for n in ("rgb-0.013", "rgb-ps-0.013", "rgb-ms-ssim-8") if only(records, codec=n)]
    lines = []
    if len(names) > 1:
        lines += ["", "**Open questions, colour**", ""]
        lines += ["| model | scenes | bpp | PSNR | MS-SSIM |", "|---|---|---:|---:|---:|"]
        for name in names:
            for kind, title in KINDS.items():
                m = means(records, name, kind)
                if m:
                    lines.append(f"| {name} | {title} | {m['bpp']:.3f} | {m['psnr']:.2f} dB | "
                                 f"{m['ms_ssim_db']:.2f} dB |")  # fmt: skip
    if only(records, codec="depth-65535-0.005"):
        lines += ["", "**Open questions, depth range**", "",
                  "| model | scenes | bpp | RMSE | similarity | edge pixels off |",
                  "|---|---|---:|---:|---:|---:|"]  # fmt: skip
        for name in ("depth-frame-0.005", "depth-65535-0.005"):
            for kind, title in KINDS.items():
                m = means(records, name, kind)
                if m:
                    lines.append(
                        f"| {name} | {title} | {m['bpp']:.4f} | {m['rmse_mm']:.0f} mm | "
                        f"{m['similarity_db']:.2f} dB | {100 * m['edge_bad']:.0f} % |"
                    )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("-j", "--json", type=Path)
    parser.add_argument("--context", type=Path, help="records of the default family's depth")
    parser.add_argument("--search", type=Path, help="records of thesis_search")
    options = parser.parse_args()
    records = read_records(options.records).records
    found = effects(records)
    if options.search:
        found += search_effects(read_records(options.search).records)
    if options.context:
        found += context_effects(read_records(options.context).records)
    lines = [*thesis_tables(records), *effect_tables(found), *others_table(records)]
    fill_page(options.page, START, [*lines, ""])
    if options.json:
        text = json.dumps([asdict(e) for e in found], indent=1)
        write_file(options.json, f"{text}\n".encode())
    print(options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
