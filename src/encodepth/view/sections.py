"""The report's sections of numbers: curves, BD-rates, the thesis's tables, bounds, times.

Each takes the records and returns HTML, or a sentence that says what is missing. Every number
carries the letter of the file it was computed from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from statistics import fmean

from ..evaluate import thesis
from ..evaluate.anchors import conventional
from ..evaluate.compare import (
    ANCHORS,
    METRICS,
    MeanPoint,
    Metric,
    means,
    scene_order,
    scenes,
    select,
    times,
)
from ..evaluate.pairwise import FrameName, Pairwise
from ..evaluate.records import Record
from ..evaluate.sources import SOURCE, Material, letters_of
from .chart import Series, Style, chart, swatch
from .html import NONE, number, percent, rate, sup, table, text
from .html import times as ratio

SCENES = {
    "icl": "ICL living room (rendered)",
    "sensor": "sensor frames",
    "test": "all of data/test",
    "kodak": "Kodak",
}
COLUMNS = {"icl": "ICL", "sensor": "sensors", "test": "data/test", "kodak": "Kodak"}
PAINTED = ("turbo", "jet", "hue")  # colour maps of thesis section 5.4
SHORT = {
    "jpeg-turbo-420": "JPEG",
    "webp-m6": "WebP",
    "jxl-e7": "JPEG XL",
    "avif-aom-444-s6": "AVIF",
    "avif-aom-444-s6-tunessim": "AVIF, tune=ssim",
    "hevc-x265-444-slow": "HEVC 4:4:4",
    "vvc-vvenc-420-10b-medium": "VVC 4:2:0",
    "jp2k-8b": "JPEG 2000",
    "hevc-x265-12b-lin": "HEVC 12 bit",
    "avif-aom-12b-s4-lin": "AVIF 12 bit",
    "jp2k-16b-lin": "JPEG 2000 16 bit",
    "vvc-vvenc-10b-medium-lin": "VVC 10 bit",
    "quant-jxl-e7": "quantised + JPEG XL",
    "png16": "PNG 16 bit",
    "jxl-lossless-e7": "JPEG XL lossless e7",
    "jxl-lossless-e9": "JPEG XL lossless e9",
    "rvl": "RVL",
    "zstd19": "zstd 19",
    "ffv1-gray16": "FFV1",
    "base": "encodepth",
    "base+alone": "encodepth, apart",
    "base+auto": "encodepth auto",
    "base+avif": "encodepth with AVIF",
    "base+bound": "encodepth bounded",
    "base+lossless": "encodepth lossless",
}


@dataclass
class Numbers:
    """The records with what several sections need of them, computed once."""

    material: Material
    styles: dict[str, Style] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fixed = [c.name for c in conventional()]
        present = {r["codec"] for r in self.records if not is_painted(r["codec"])}
        own = sorted(c for c in present if is_ours(c))
        # colour and depth codecs stand in different charts, so each has the palette to itself
        for modality in ("color", "depth"):
            settings: dict[str, set[float]] = defaultdict(set)
            for r in self.records:
                if r["modality"] == modality and r["codec"] in present:
                    settings[r["codec"]].add(r["setting"])
            order = sorted(
                (c for c in settings if c not in own),
                key=lambda c: (
                    len(settings[c]) < 2,  # no curve, so it needs no look of its own
                    fixed.index(c) if c in fixed else len(fixed),
                    c,
                ),
            )
            self.styles |= {codec: Style(i) for i, codec in enumerate(order)}
        self.styles |= {codec: Style(i, ours=True) for i, codec in enumerate(own)}

    @property
    def records(self) -> list[Record]:
        """All records."""
        return self.material.records

    @cached_property
    def letters(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(codec, modality) -> letters of its files."""
        groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records:
            groups[record["codec"], record["modality"]].append(record)
        return {name: letters_of(rows) for name, rows in groups.items()}

    def of(self, metric: Metric) -> list[Record]:
        """The records that have a metric, without colour-mapped depth."""
        return [r for r in select(self.records, metric) if not is_painted(r["codec"])]

    @cached_property
    def _pairwise(self) -> dict[str, Pairwise]:
        return {}

    def pairwise(self, metric: Metric) -> Pairwise:
        """BD-rates under a metric."""
        if metric.name not in self._pairwise:
            self._pairwise[metric.name] = Pairwise.of(self.of(metric), metric)
        return self._pairwise[metric.name]

    def name(self, codec: str, modality: str) -> str:
        """Return a codec's short name with its sources, as HTML."""
        return f"{short(codec)}{sup(self.letters.get((codec, modality), ()))}"


def is_painted(codec: str) -> bool:
    """Say whether depth went through a colour map."""
    return codec.split("+")[0].removesuffix("-exact") in PAINTED


def is_ours(codec: str) -> bool:
    """Say whether a codec is the default model or another way of making .rgbd files."""
    return codec.split("+")[0] == "base" or codec.split("+")[0].startswith("base-")


def short(codec: str) -> str:
    """Return a codec's short name, with the whole one as its tip."""
    known = SHORT.get(codec)
    return f'<abbr title="{escape(codec)}">{escape(known)}</abbr>' if known else escape(codec)


def plain(codec: str) -> str:
    """Return a codec's short name as text."""
    return SHORT.get(codec, codec)


def in_scenes(kind: str) -> Callable[[FrameName], bool]:
    """Return a test of frame names for a kind of scene; "test" is every one but Kodak."""

    def wanted(frame: FrameName) -> bool:
        own = scenes({"sequence": frame[0]})
        return own != "kodak" if kind == "test" else own == kind

    return wanted


def curves_section(numbers: Numbers, metric_names: Sequence[str], y_titles: Sequence[str]) -> str:
    """Return rate-distortion charts, one per metric and kind of scene, with one legend."""
    charts: list[str] = []
    drawn: dict[str, int] = {}
    few: list[str] = []
    modality = METRICS[metric_names[0]].modality
    for name, y_title in zip(metric_names, y_titles, strict=True):
        metric = METRICS[name]
        for kind, curves in _by_scene(numbers.of(metric), metric):
            frames = max(p.frames for points in curves.values() for p in points)
            kept = {}
            for codec, points in curves.items():
                if len(points) < 2:
                    continue
                most = max(p.frames for p in points)
                if most * 2 < frames:
                    where = f"{plain(codec)} ({most} of {frames} {SCENES.get(kind, kind)})"
                    few += [where] if where not in few else []
                else:
                    kept[codec] = points
                    drawn[codec] = max(drawn.get(codec, 0), *(p.frames for p in points))
            series = [_series(numbers, c, points, metric) for c, points in kept.items()]
            title = f"{SCENES.get(kind, kind)}, {frames} frame{'s' if frames > 1 else ''}"
            charts.append(chart(title, series, y_title, log_y=metric.log_axis))
    if not any(charts):
        return missing(f"rate-distortion points of {modality}")
    order = [c for c in numbers.styles if c in drawn]
    note = ""
    if few:
        names = text(", ".join(few))
        note = f'<p class="note">On too few of the frames to be drawn: {names}.</p>'
    grid = "charts two" if len(charts) % 3 else "charts"
    return (
        f'<div class="plots">{_legend(numbers, order, modality)}'
        f'<div class="{grid}">{"".join(charts)}</div></div>{note}'
    )


def summary_section(numbers: Numbers) -> str:
    """Return BD-rates of every codec against AVIF: one row each, one column per question."""
    columns = [
        ("psnr", "icl"), ("psnr", "sensor"), ("psnr", "kodak"), ("ms-ssim", "test"),
        ("ms-ssim", "kodak"), ("rmse", "icl"), ("rmse", "sensor"),
    ]  # fmt: skip
    parts = []
    for modality, anchor in ANCHORS.items():
        asked = [c for c in columns if METRICS[c[0]].modality == modality]
        rows = []
        for codec in numbers.styles:
            if (codec, modality) not in numbers.letters or codec == anchor:
                continue
            cells = [_delta(numbers, METRICS[m], anchor, codec, kind) for m, kind in asked]
            if any(cell != NONE for cell in cells):
                rows.append([numbers.name(codec, modality), *cells])
        if rows:
            own = numbers.name(anchor, modality)
            caption = (
                f"Bits for the same quality, in % against {own}; mean of BD-rates per frame; "
                "n/m: only n of its m frames could be compared"
            )
            head = ["", *(f"{_metric(m)}<br>{COLUMNS[kind]}" for m, kind in asked)]
            parts.append(table(caption, head, rows, classes="bd"))
    return "".join(parts) or missing("two codecs on the same frames")


def matrix_section(numbers: Numbers) -> str:
    """Return BD-rate matrices: columns against rows."""
    parts = []
    for name, kinds in (("psnr", ("test", "kodak")), ("ms-ssim", ("test", "kodak")),
                        ("rmse", ("test",)), ("flying", ("test",))):  # fmt: skip
        metric = METRICS[name]
        pairs = numbers.pairwise(metric)
        for kind in kinds:
            codecs = _on_most_frames(numbers.styles, pairs, kind)
            if len(codecs) > 1:
                parts.append(_matrix(numbers, pairs, codecs, kind))
    return "".join(parts) or missing("two codecs on the same frames")


def thesis_section(numbers: Numbers) -> str:
    """Return Tables 8 to 13 with our figures beside, and Figures 25 to 27."""
    parts = [_thesis_figures(numbers), *(_thesis_table(numbers, t) for t in thesis.TABLES)]
    known = {thesis.of_model(r["codec"]) for r in numbers.records}
    absent = [t.model for t in thesis.TABLES if t.model not in {k[0] for k in known if k}]
    return "".join(parts) + (missing(f"models {', '.join(absent)}") if absent else "")


def costs_section(numbers: Numbers) -> str:
    """Return Tables 14 and 15 with what `encodepth profile` measured."""
    head = ["model", "encode (ms)", "decode (ms)", "parameters (M)", "GMAC", "on"]
    rows = [
        [f"{text(c.title)} <small>Table {c.table}</small>", number(c.encode_ms, 0),
         number(c.decode_ms, 0), number(c.parameters), f"{c.gflops:g} GFLOPS", "RTX 4090, thesis"]
        for c in thesis.COSTS
    ]  # fmt: skip
    for p in numbers.material.profiles:
        where = f"{p.get('device', '')}, {p.get('threads', '?')} threads, {p.get('weights', '')}"
        rows.append(
            [f"<b>{text(p['model'])}</b>{sup([p[SOURCE]])}", _median(p.get("encode")),
             _median(p.get("decode")), number(p["parameters"] / 1e6), number(p["macs"] / 1e9, 1),
             text(f"{p.get('width')}×{p.get('height')}, {where}")]
        )  # fmt: skip
    note = "" if numbers.material.profiles else missing("profiles (encodepth profile --json)")
    caption = "Tables 14 and 15 of the thesis, and our models by <code>encodepth profile</code>"
    return table(caption, head, rows) + note


def bound_section(numbers: Numbers) -> str:
    """Return depth codecs that keep a bound or every value: rate beside the largest error."""
    groups: dict[tuple[str, float], dict[str, list[Record]]] = defaultdict(dict)
    for record in numbers.records:
        exact = record["codec"] in ("quant-jxl-e7", "base+bound") or record.get("max_mm") == 0
        if record["modality"] == "depth" and exact and not is_painted(record["codec"]):
            kinds = groups[record["codec"], float(record["setting"])]
            kinds.setdefault(scenes(record), []).append(record)
    rows = []
    for (codec, setting), kinds in sorted(
        groups.items(), key=lambda g: (-_worst(g[1]), -g[0][1], g[0][0])
    ):
        cells = []
        for kind in ("icl", "sensor"):
            found = kinds.get(kind, [])
            cells += [rate(fmean(r["bpp"] for r in found)) if found else NONE, str(len(found))]
        worst = _worst(kinds)
        asked = f"±{setting:g} mm" if codec in ("quant-jxl-e7", "base+bound") else "exact"
        rows.append([numbers.name(codec, "depth"), asked, f"{worst:g}", *cells])
    if not rows:
        return missing("bounded or lossless depth")
    head = ["", "asked", "largest error (mm)", "ICL (bpp)", "frames", "sensor (bpp)", "frames"]
    return table("Depth with a promise, holes included; mean over frames", head, rows)


def joint_section(numbers: Numbers) -> str:
    """Return whole files: one frame's colour and depth together, in bytes."""
    by_frame: dict[tuple[str, float, str, str], dict[str, Record]] = defaultdict(dict)
    for r in numbers.records:
        if is_ours(r["codec"]):
            name = (r["codec"], float(r["setting"]), str(r["sequence"]), str(r["frame"]))
            by_frame[name][r["modality"]] = r
    groups: dict[tuple[str, float], list[dict[str, Record]]] = defaultdict(list)
    for (codec, setting, _, _), parts in by_frame.items():
        if {"color", "depth", "joint"} <= set(parts):
            groups[codec, setting].append(parts)
    rows = [
        [numbers.name(codec, "joint"), f"{setting:g}", str(len(frames)),
         number(fmean(p["joint"]["bytes"] for p in frames) / 1000, 1),
         number(_mean(p["color"].get("psnr") for p in frames)),
         number(_mean(p["depth"]["rmse_mm"] for p in frames), 1),
         number(_mean(p["joint"].get("encode_ms") for p in frames), 0),
         number(_mean(p["joint"].get("decode_ms") for p in frames), 0)]
        for (codec, setting), frames in sorted(groups.items())
    ]  # fmt: skip
    if not rows:
        return missing("joint files of the default model")
    head = ["", "quality", "frames", "file (kB)", "colour PSNR (dB)", "depth RMSE (mm)",
            "encode (ms)", "decode (ms)"]  # fmt: skip
    return table("One .rgbd file per frame, colour and depth together; means", head, rows)


def painted_section(numbers: Numbers) -> str:
    """Return depth through colour maps (thesis section 5.4) beside depth as depth."""
    metric = METRICS["rmse"]
    found = [r for r in select(numbers.records, metric) if is_painted(r["codec"])]
    if not found:
        return missing("depth coded through colour maps")
    names = {r["codec"].split("+", 1)[1] for r in found}
    pairs = {"avif-aom-444-s6": "avif-aom-12b-s4-lin", "hevc-x265-444-slow": "hevc-x265-12b-lin"}
    own = {pairs[n] for n in names if n in pairs}
    frames = {(r["sequence"], r["frame"]) for r in found}
    beside = [
        r for r in numbers.of(metric)
        if r["codec"] in own and (r["sequence"], r["frame"]) in frames
    ]  # fmt: skip
    lossy = sorted({r["codec"] for r in found if r["rmse_mm"] > 0})
    order = [*sorted(own), *lossy]
    styles = {codec: Style(i) for i, codec in enumerate(order)}
    charts = []
    for kind, curves in _by_scene([*beside, *found], metric):
        kept = {c: p for c, p in curves.items() if c in styles and len(p) > 1}
        series = [_series(numbers, c, p, metric, styles[c]) for c, p in kept.items()]
        count = max((p.frames for points in kept.values() for p in points), default=0)
        title = f"{SCENES.get(kind, kind)}, {count} frames"
        charts.append(chart(title, series, "RMSE of valid depth (mm), lower is better", log_y=True))
    return (
        f'<div class="plots">{_legend(numbers, order, "depth", styles)}'
        f'<div class="charts">{"".join(charts)}</div></div>{_exact_painted(numbers, found)}'
    )


def times_section(numbers: Numbers) -> str:
    """Return median times and their ratios to a reference codec in the same run."""
    rows = [
        [numbers.name(t.codec, t.modality), {"color": "colour"}.get(t.modality, t.modality),
         str(t.frames), number(t.encode_ms, 1), number(t.decode_ms, 1),
         ratio(t.encode_ratio), ratio(t.decode_ratio)]
        for t in times(numbers.records) if not is_painted(t.codec)
    ]  # fmt: skip
    if not rows:
        return missing("times")
    head = ["", "", "frames", "encode (ms)", "decode (ms)", "encode (×)", "decode (×)"]
    caption = (
        "Medians over frames and settings; × is the ratio to JPEG q75 (colour) or 16-bit PNG "
        "(depth) on the same frame in the same run, which two machines can be compared by"
    )
    return table(caption, head, rows)


def sources_section(material: Material) -> str:
    """Return the list of record files: digest, day, machine, versions."""
    rows = []
    for source in material.sources:
        own = [
            f"{text(h.get('measured', '?'))}: {text(h['machine'])}, {text(h.get('system', ''))}"
            for h in source.headers
        ]
        versions = {k: v for h in source.headers for k, v in h.get("versions", {}).items()}
        listed = ", ".join(f"{text(k)} {text(v)}" for k, v in versions.items())
        where = "<br>".join(own) or "the file does not say; see the README beside it, if any"
        used = f"{source.used:,}" + ("" if source.used == source.count else f" of {source.count:,}")
        rows.append(
            [f'<b id="source-{source.letter}">{source.letter}</b>',
             f"|left|<code>{text(source.path)}</code>", f"|left|<code>{source.digest}</code>",
             used, f"|left wrap|{where}", f"|left wrap|{listed or NONE}"]
        )  # fmt: skip
    head = ["", "|left|file", "|left|SHA-256", "records used", "|left|measured", "|left|versions"]
    caption = "Of a result that several files hold, the first counts"
    return table(caption, head, rows, classes="sources")


def missing(what: str) -> str:
    """Say that a section has no records."""
    return f'<p class="note empty">No records of this yet: {text(what)}.</p>'


def _by_scene(
    records: Sequence[Record], metric: Metric
) -> list[tuple[str, dict[str, list[MeanPoint]]]]:
    panels: dict[str, dict[str, list[MeanPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in means(records, metric):
        panels[point.scenes][point.codec].append(point)
    return sorted(panels.items(), key=lambda item: scene_order(item[0]))


def _series(
    numbers: Numbers,
    codec: str,
    points: Iterable[MeanPoint],
    metric: Metric,
    style: Style | None = None,
) -> Series:
    digits = 4 if metric.name == "flying" else 2
    tips = tuple(
        (p.bpp, p.value, f"setting {p.setting:g}: {rate(p.bpp)} bpp, {p.value:.{digits}f}"
         f" ({p.frames} frames)")
        for p in points
    )  # fmt: skip
    return Series(plain(codec), style or numbers.styles[codec], tips)


def _legend(
    numbers: Numbers, codecs: Sequence[str], modality: str, styles: dict[str, Style] | None = None
) -> str:
    items = "".join(
        f'<li><button type="button" aria-pressed="true" data-codec="{escape(plain(c))}">'
        f"{swatch((styles or numbers.styles)[c])} {escape(plain(c))}</button>"
        f"{sup(numbers.letters.get((c, modality), ()))}</li>"
        for c in codecs
    )
    return f'<ul class="keys">{items}</ul>'


def _metric(name: str) -> str:
    return {"psnr": "PSNR", "ms-ssim": "MS-SSIM", "rmse": "RMSE", "flying": "flying pixels"}[name]


def _delta(numbers: Numbers, metric: Metric, anchor: str, codec: str, kind: str) -> str:
    value, compared, _ = numbers.pairwise(metric).mean(anchor, codec, in_scenes(kind))
    if value is None:
        return NONE
    frames = sum(map(in_scenes(kind), numbers.pairwise(metric).curves[anchor]))
    few = f" <small>{compared}/{frames}</small>" if compared < frames else ""
    return f"|{'good' if value < 0 else 'bad'}|{percent(value)}{few}"


def _on_most_frames(codecs: Iterable[str], pairs: Pairwise, kind: str) -> list[str]:
    """Return the codecs with curves on at least half as many frames as the one with most."""
    wanted = in_scenes(kind)
    counts = {
        codec: sum(wanted(f) and len(points) > 1 for f, points in pairs.curves[codec].items())
        for codec in codecs
        if codec in pairs.curves
    }
    most = max(counts.values(), default=0)
    return [codec for codec, count in counts.items() if count and count * 2 >= most]


def _matrix(numbers: Numbers, pairs: Pairwise, codecs: Sequence[str], kind: str) -> str:
    modality = pairs.metric.modality
    rows = [
        [numbers.name(anchor, modality)]
        + ["|same|" if anchor == test else _delta(numbers, pairs.metric, anchor, test, kind)
           for test in codecs]
        for anchor in codecs
    ]  # fmt: skip
    caption = (
        f"BD-rate in % of the column against the row by {_metric(pairs.metric.name)}, "
        f"{SCENES[kind]}; less is better; n/m: only n of the row's m frames could be compared"
    )
    return table(caption, ["", *(short(c) for c in codecs)], rows, classes="bd matrix")


def _thesis_table(numbers: Numbers, entry: thesis.Table) -> str:
    color = entry.modality == "color"
    first = METRICS["psnr" if color else "psnr65535"]
    second = METRICS["ms-ssim" if color else "similarity"]
    same = [r for r in numbers.of(first) if scenes(r) == "icl" and _is_row(r, entry.model)]
    others = _beside(numbers, entry.modality)
    rows = []
    for row in entry.rows:
        cells = [f"{row.lmbda:g}", number(row.psnr), number(row.structure), f"{row.bpp:.3f}"]
        own = [r for r in same if thesis.of_model(r["codec"]) == (entry.model, row.lmbda)]
        cells += [number(_mean(r.get(m.field) for r in own)) for m in (first, second)]
        cells.append(rate(fmean(r["bpp"] for r in own)) + sup(letters_of(own)) if own else NONE)
        for codec in others:
            found = numbers.pairwise(first).at_rate(codec, row.bpp, in_scenes("icl"))
            cells.append(number(found[0]) if found else NONE)
        rows.append(cells)
    what = "MS-SSIM" if color else "similarity"
    head = ["λ", "PSNR (dB)", f"{what} (dB)", "bpp", "ours: PSNR", f"ours: {what}", "ours: bpp"]
    head += [numbers.name(c, entry.modality) for c in others]
    caption = (
        f"<b>Table {entry.number}</b> {text(entry.title)}, model <code>{entry.model}</code>; "
        "the last columns are other codecs' PSNR (dB) at the thesis's bpp"
    )
    return table(caption, head, rows, classes="thesis")


def _is_row(record: Record, model: str) -> bool:
    found = thesis.of_model(record["codec"])
    return found is not None and found[0] == model


def _beside(numbers: Numbers, modality: str) -> list[str]:
    """Return the codecs to put beside the thesis: ours, then AVIF, HEVC and VVC."""
    wanted = ("base", "avif-aom", "hevc-x265", "vvc")
    metric = METRICS["psnr" if modality == "color" else "psnr65535"]
    curves = numbers.pairwise(metric).curves
    present = [c for c in numbers.styles if c in curves and any(map(in_scenes("icl"), curves[c]))]
    return [
        c for start in wanted for c in present
        if (c == start if start == "base" else c.startswith(start)) and not c.endswith("tunessim")
    ]  # fmt: skip


def _thesis_figures(numbers: Numbers) -> str:
    parts = []
    asked = (
        (25, "color", "psnr", "psnr", "PSNR (dB)"),
        (26, "depth", "psnr65535", "psnr", "PSNR, peak 65535 (dB)"),
        (27, "depth", "similarity", "structure", "comprehensive similarity (dB)"),
    )
    order: list[str] = []
    styles: dict[str, Style] = {}
    letters: dict[str, tuple[str, ...]] = {}
    for figure, modality, name, attribute, y_title in asked:
        tables = [t for t in thesis.TABLES if t.modality == modality]
        for i, t in enumerate(tables):
            styles[_thesis_name(t)] = Style(i)
        series = [
            Series(_thesis_name(t), styles[_thesis_name(t)], tuple(
                (r.bpp, getattr(r, attribute), f"λ {r.lmbda:g}: {r.bpp:.3f} bpp, "
                 f"{getattr(r, attribute):.2f} dB") for r in t.rows))
            for t in tables
        ]  # fmt: skip
        order += [s.name for s in series if s.name not in order]
        curves = dict(_by_scene(numbers.of(METRICS[name]), METRICS[name])).get("icl", {})
        for codec in (*_beside(numbers, modality), *_thesis_codecs(numbers, modality)):
            if len(curves.get(codec, ())) > 1:
                i = len([n for n in styles if n.startswith("ours") or n in SHORT.values()])
                style = Style(i, ours=True) if is_ours(codec) else Style(3 + i % 5)
                style = styles.setdefault(plain(codec), style)
                series.append(_series(numbers, codec, curves[codec], METRICS[name], style))
                letters[plain(codec)] = numbers.letters.get((codec, modality), ())
                order += [plain(codec)] if plain(codec) not in order else []
        parts.append(chart(f"Figure {figure}", series, y_title))
    legend = "".join(
        f'<li><button type="button" aria-pressed="true" data-codec="{escape(n)}">'
        f"{swatch(styles[n])} {escape(n)}</button>{sup(letters.get(n, ()))}</li>"
        for n in order
    )
    return (
        f'<div class="plots"><ul class="keys">{legend}</ul>'
        f'<div class="charts">{"".join(parts)}</div></div>'
    )


def _thesis_name(entry: thesis.Table) -> str:
    return f"thesis {entry.model} (Table {entry.number})"


def _thesis_codecs(numbers: Numbers, modality: str) -> list[str]:
    return [
        c for c in numbers.styles
        if thesis.of_model(c) is not None and (c, modality) in numbers.letters
    ]  # fmt: skip


def _exact_painted(numbers: Numbers, found: Sequence[Record]) -> str:
    exact = [r for r in found if r["rmse_mm"] == 0]
    frames = {(r["sequence"], r["frame"]) for r in exact}
    usual = [
        r for r in numbers.records
        if r["codec"] == "jxl-lossless-e7" and (r["sequence"], r["frame"]) in frames
    ]  # fmt: skip
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in (*usual, *exact):
        groups[record["codec"]].append(record)
    rows = [
        [f"{short(c)}{sup(letters_of(rs))}", rate(fmean(r["bpp"] for r in rs)), str(len(rs))]
        for c, rs in sorted(groups.items(), key=lambda g: fmean(r["bpp"] for r in g[1]))
    ]
    caption = "Every depth value exact: through an invertible colour map, and as depth"
    return table(caption, ["", "bpp", "frames"], rows) if exact else ""


def _worst(kinds: dict[str, list[Record]]) -> float:
    return max(float(r.get("max_mm") or 0) for rows in kinds.values() for r in rows)


def _mean(values: Iterable[float | None]) -> float | None:
    found = [v for v in values if v is not None]
    return fmean(found) if found else None


def _median(measured: dict[str, float] | None) -> str:
    return number(measured["median"] * 1000 if measured else None, 0)
