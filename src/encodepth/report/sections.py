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
from typing import Any

from ..evaluate.baselines import conventional
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
from ..evaluate.sources import SOURCE, Material, Source, letters_of
from ..thesis import tables as thesis
from .chart import Series, Style, chart, swatch
from .html import NONE, number, percent, rate, sup, table, text
from .html import times as ratio
from .names import is_bounded, is_ours, is_painted, plain, short

SCENES = {
    "icl": "rendered living room",
    "sensor": "sensor frames",
    "test": "all of data/test",
    "kodak": "Kodak",
}
TITLES = {"psnr": "PSNR", "ms-ssim": "MS-SSIM", "rmse": "RMSE", "flying": "Flying pixels"}
COLUMNS = {"icl": "ICL", "sensor": "sensors", "test": "data/test", "kodak": "Kodak"}


@dataclass
class Numbers:
    """The records with what several sections need of them, computed once."""

    material: Material
    styles: dict[str, Style] = field(default_factory=dict)

    def __post_init__(self) -> None:
        m = self.material
        self.material = Material(_color_once(m.records), m.profiles, m.sources)
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
        self.styles = {c: Style(i, ours=True) for i, c in enumerate(own)} | self.styles

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
        """The records that have a metric, without colour-mapped depth and what stands twice."""
        return [
            r for r in select(self.records, metric)
            if not is_painted(r["codec"]) and (r["codec"], metric.modality) not in self.twins
        ]  # fmt: skip

    @cached_property
    def twins(self) -> dict[tuple[str, str], str]:
        """(codec, modality) of ours -> another of ours that gave the same on every frame.

        `auto` may take one coder always; two curves of which one hides the other would say less
        than a sentence.
        """
        points: dict[tuple[str, str], dict[tuple[str, str, float], Any]] = defaultdict(dict)
        for r in self.records:
            if is_ours(r["codec"]) and r["modality"] != "joint":
                place = (str(r["sequence"]), str(r["frame"]), float(r["setting"]))
                quality = r.get("psnr") if r["modality"] == "color" else r.get("rmse_mm")
                points[r["codec"], r["modality"]][place] = (r["bytes"], quality)
        found: dict[tuple[str, str], str] = {}
        for (codec, modality), own in sorted(points.items(), key=lambda p: (len(p[1]), p[0])):
            for (other, kind), theirs in points.items():
                free = other != codec and kind == modality and (other, kind) not in found
                if free and own.items() <= theirs.items():
                    found[codec, modality] = other
                    break
        return found

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


def _color_once(records: Sequence[Record]) -> list[Record]:
    """Call the colour of a file of its own as in a pair, where the two are the same bytes.

    A colour stream never sees depth, so `base+alone` measures the colour of `base` again.
    """
    places: dict[tuple[str, str, str, float], Record] = {}
    for r in records:
        if r["modality"] == "color" and is_ours(r["codec"]):
            places[r["codec"], str(r["sequence"]), str(r["frame"]), float(r["setting"])] = r
    kept = []
    for r in records:
        if r["modality"] == "color" and is_ours(r["codec"]):
            place = (str(r["sequence"]), str(r["frame"]), float(r["setting"]))
            within = r["codec"].removesuffix("+alone")
            pair, alone = places.get((within, *place)), places.get((f"{within}+alone", *place))
            same = pair is None or alone is None or pair["bytes"] == alone["bytes"]
            if same and r is alone:
                r = {**r, "codec": within}
            elif same and alone is not None:
                continue  # the one alone has the times too
        kept.append(r)
    return kept


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
        for kind, curves in by_scene(numbers.of(metric), metric):
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
            series = [as_series(numbers, c, points, metric) for c, points in kept.items()]
            title = f"{TITLES[name]}: {SCENES.get(kind, kind)}, {_count(frames)}"
            charts.append(chart(title, series, y_title, log_y=metric.log_axis))
    if not any(charts):
        return missing(f"rate-distortion points of {modality}")
    order = [c for c in numbers.styles if c in drawn]
    note = ""
    if few:
        names = text(", ".join(few))
        note = f'<p class="note">On too few of the frames to be drawn: {names}.</p>'
    note += _twin_note(numbers, modality)
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
            there = (codec, modality) in numbers.letters
            if not there or codec == anchor or (codec, modality) in numbers.twins:
                continue
            cells = [_delta(numbers, METRICS[m], anchor, codec, kind) for m, kind in asked]
            if any(cell != NONE for cell in cells):
                own = "|own|" if is_ours(codec) else ""
                rows.append([own + numbers.name(codec, modality), *cells])
        if rows:
            against = numbers.name(anchor, modality)
            what = "Colour" if modality == "color" else "Depth"
            caption = (
                f"<b>{what}</b>: bits for the same quality, in % against {against}; "
                "mean of BD-rates per frame; n/m: only n of its m frames could be compared"
            )
            head = ["", *(f"{_metric(m)}<br>{COLUMNS[kind]}" for m, kind in asked)]
            parts.append(table(caption, head, rows, classes="bd") + _twin_note(numbers, modality))
    return "".join(parts) or missing("two codecs on the same frames")


def matrix_section(numbers: Numbers) -> str:
    """Return BD-rate matrices: columns against rows."""
    parts = []
    for name, kinds in (("psnr", ("test", "kodak")), ("ms-ssim", ("test", "kodak")),
                        ("rmse", ("test",)), ("flying", ("test",))):  # fmt: skip
        metric = METRICS[name]
        pairs = numbers.pairwise(metric)
        for kind in kinds:
            codecs = _comparable(_on_most_frames(numbers.styles, pairs, kind), pairs, kind)
            if len(codecs) > 1:
                parts.append(_matrix(numbers, pairs, codecs, kind))
    return "".join(parts) or missing("two codecs on the same frames")


def costs_section(numbers: Numbers) -> str:
    """Return Tables 14 and 15 with what `encodepth profile` measured."""
    head = ["model", "encode (ms)", "decode (ms)", "parameters<br>(M)", "GFLOPS<br>(thesis)",
            "GMAC<br>(ours)", "|left|on"]  # fmt: skip
    rows = [
        [f"{text(c.title)} <small>Table {c.table}</small>", number(c.encode_ms, 0),
         number(c.decode_ms, 0), number(c.parameters), f"{c.gflops:g}", NONE,
         "|left|RTX 4090, the thesis"]
        for c in thesis.COSTS
    ]  # fmt: skip
    for p in numbers.material.profiles:
        threads = p.get("threads", "?")
        where = f"{p.get('height')}, {p.get('device', '')}, {threads} thread{'s' * (threads != 1)}"
        rows.append(
            [f"<b>{text(p['model'])}</b>{sup([p[SOURCE]])}", _median(p.get("encode")),
             _median(p.get("decode")), number(p["parameters"] / 1e6), NONE,
             number(p["macs"] / 1e9, 1), f"|left|{text(p.get('width'))}×{text(where)}"]
        )  # fmt: skip
    note = "" if numbers.material.profiles else missing("profiles (encodepth profile --json)")
    caption = "Tables 14 and 15 of the thesis, and our models by <code>encodepth profile</code>"
    return table(caption, head, rows) + note


def bound_section(numbers: Numbers) -> str:
    """Return depth codecs that keep a bound or every value: rate beside the largest error."""
    groups: dict[tuple[str, float], list[Record]] = defaultdict(list)
    for record in numbers.records:
        if record["modality"] == "depth" and not is_painted(record["codec"]):
            groups[record["codec"], float(record["setting"])].append(record)
    found = []
    for (codec, setting), records in groups.items():
        exact = all(r.get("max_mm") == 0 for r in records)
        if is_bounded(codec) or exact:
            found.append((setting if is_bounded(codec) else 0.0, codec, records))
    rows = []
    for asked, codec, records in sorted(found, key=lambda f: (-f[0], _total_rate(f[2]))):
        own = "|own|" if is_ours(codec) else ""
        cells = [own + numbers.name(codec, "depth"), f"±{asked:g} mm" if asked else "exact"]
        cells.append(f"{max(float(r.get('max_mm') or 0) for r in records):g}")
        for kind in ("icl", "sensor"):
            rates = [r["bpp"] for r in records if scenes(r) == kind]
            cells += [rate(fmean(rates)) if rates else NONE, str(len(rates))]
        rows.append(cells)
    if not rows:
        return missing("bounded or lossless depth")
    head = ["", "asked", "largest error<br>(mm)", "rendered<br>(bpp)", "frames", "sensors<br>(bpp)",
            "frames"]  # fmt: skip
    return table("Holes included; means over frames, the smallest first", head, rows)


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
         number(mean(p["color"].get("psnr") for p in frames)),
         number(mean(p["depth"]["rmse_mm"] for p in frames), 1),
         number(mean(p["joint"].get("encode_ms") for p in frames), 0),
         number(mean(p["joint"].get("decode_ms") for p in frames), 0)]
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
    pairs = {
        "avif-aom-444-s6": "avif-aom-12b-s4-lin", "hevc-x265-444-slow": "hevc-x265-12b-lin",
        "base": "base+alone",
    }  # fmt: skip
    own = {pairs[n] for n in names if n in pairs}
    frames = {(r["sequence"], r["frame"]) for r in found}
    beside = [
        r for r in numbers.of(metric)
        if r["codec"] in own and (r["sequence"], r["frame"]) in frames
    ]  # fmt: skip
    lossy = sorted({r["codec"] for r in found if r["rmse_mm"] > 0})
    order = [*sorted(own), *lossy]
    others = [codec for codec in order if not is_ours(codec)]
    styles = {c: Style(i) for i, c in enumerate(others)}
    styles |= {c: Style(i, ours=True) for i, c in enumerate(o for o in order if is_ours(o))}
    charts = []
    for kind, curves in by_scene([*beside, *found], metric):
        kept = {c: p for c, p in curves.items() if c in styles and len(p) > 1}
        series = [as_series(numbers, c, p, metric, styles[c]) for c, p in kept.items()]
        count = max((p.frames for points in kept.values() for p in points), default=0)
        title = f"RMSE: {SCENES.get(kind, kind)}, {_count(count)}"
        charts.append(chart(title, series, "RMSE of valid depth (mm), lower is better", log_y=True))
    return (
        f'<div class="plots">{_legend(numbers, order, "depth", styles)}'
        f'<div class="charts two">{"".join(charts)}</div></div>{_exact_painted(numbers, found)}'
    )


def times_section(numbers: Numbers) -> str:
    """Return median times and their ratios to a reference codec in the same run."""
    rows = [
        [("|own|" if is_ours(t.codec) else "") + numbers.name(t.codec, t.modality),
         {"color": "colour"}.get(t.modality, t.modality), str(t.frames),
         number(t.encode_ms, 1), number(t.decode_ms, 1),
         ratio(t.encode_ratio), ratio(t.decode_ratio)]
        for t in sorted(times(numbers.records), key=lambda t: (t.modality, not is_ours(t.codec)))
        if not is_painted(t.codec)
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
        versions = {k: v for h in source.headers for k, v in h.get("versions", {}).items()}
        listed = ", ".join(f"{text(k)} {text(v)}" for k, v in versions.items())
        used = f"{source.used:,}" + ("" if source.used == source.count else f" of {source.count:,}")
        rows.append(
            [f'<b id="source-{source.letter}">{source.letter}</b>',
             f"|left|<code>{text(source.path)}</code>", f"|left|<code>{source.digest}</code>",
             used, f"|left wrap|{_measured(source)}", f"|left wrap|{listed or NONE}"]
        )  # fmt: skip
    head = ["", "|left|file", "|left|SHA-256, begins", "records<br>used", "|left|measured",
            "|left|versions"]  # fmt: skip
    caption = (
        "Of a result that several files hold, the first counts; what only a later one measured, "
        "of the same bytes, is added"
    )
    readmes: dict[str, list[str]] = defaultdict(list)
    for source in material.sources:
        if source.readme:
            readmes[source.readme].append(source.letter)
    details = "".join(
        f"<details><summary>README.md beside {text(', '.join(letters))}</summary>"
        f"<pre>{text(readme)}</pre></details>"
        for readme, letters in readmes.items()
    )
    return table(caption, head, rows, classes="sources") + details


def _measured(source: Source) -> str:
    """Say when and on what machine, as the file's headers do; or what is known without."""
    if not source.headers:
        known = f"; file of {text(source.dated)}" if source.dated else ""
        where = "; the README.md beside it, below, says how" if source.readme else ""
        return f"the file does not say{known}{where}"
    lines = []
    for h in source.headers:
        how = ""
        if "jobs" in h:
            how = f"; {text(h['jobs'])} at a time"
        if "threads" in h:
            how += f", {text(h['threads'])} thread{'s' * (h['threads'] != 1)} each"
        said = f"{text(h['machine'])}, {text(h.get('system', ''))}{how}"
        lines.append(f"{text(h.get('measured', '?'))}: {said}")
    return "<br>".join(dict.fromkeys(lines))


def missing(what: str) -> str:
    """Say that a section has no records."""
    return f'<p class="note empty">No records of this yet: {text(what)}.</p>'


def by_scene(
    records: Sequence[Record], metric: Metric
) -> list[tuple[str, dict[str, list[MeanPoint]]]]:
    panels: dict[str, dict[str, list[MeanPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in means(records, metric):
        panels[point.scenes][point.codec].append(point)
    return sorted(panels.items(), key=lambda item: scene_order(item[0]))


def as_series(
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


def _comparable(codecs: Sequence[str], pairs: Pairwise, kind: str) -> list[str]:
    """Return the codecs that can be compared with any other: a curve of zeros cannot."""
    wanted = in_scenes(kind)
    return [
        a for a in codecs if any(a != b and pairs.mean(a, b, wanted)[0] is not None for b in codecs)
    ]


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


def _total_rate(records: Sequence[Record]) -> float:
    """Mean over the kinds of scene of their mean rates, so that each kind counts the same."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for record in records:
        kinds[scenes(record)].append(record["bpp"])
    return fmean(fmean(rates) for rates in kinds.values())


def _count(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"


def _twin_note(numbers: Numbers, modality: str) -> str:
    """Say which of ours are not shown because another gave the same bytes and errors."""
    same = [
        f"{short(codec)} gave the same as {short(other)} on each of its frames"
        for (codec, kind), other in numbers.twins.items()
        if kind == modality
    ]
    return f'<p class="note">{"; ".join(same)}.</p>' if same else ""


def mean(values: Iterable[float | None]) -> float | None:
    found = [v for v in values if v is not None]
    return fmean(found) if found else None


def _median(measured: dict[str, float] | None) -> str:
    return number(measured["median"] * 1000 if measured else None, 0)
