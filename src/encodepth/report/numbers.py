"""What several sections need of the records, computed once, and the pieces that sections share.

Every number carries the letter of the file it was computed from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ..evaluate.curves import Curves
from ..evaluate.load import Material, letters_of
from ..evaluate.means import MeanPoint
from ..evaluate.measures import Metric, in_scenes, is_recording, select
from ..evaluate.over_time import recordings
from ..evaluate.records import Record
from .chart import Series, Style, swatch
from .html import NONE, percent, rate, sup, text
from .looks import styles
from .names import is_apart, is_ours, plain, short

if TYPE_CHECKING:
    from .pictures import Scene

SCENES = {
    "icl": "rendered living room",
    "sensor": "sensor frames",
    "test": "all of data/test",
    "kodak": "Kodak",
}


@dataclass
class Numbers:
    """The records of a page, and the scenes that were decoded for it.

    Attributes:
        material: records, profiles and their files.
        scenes: decoded pictures, if there are any; their records are in the last file.
        styles: codec -> its look.
        recordings: the records of recordings, which are not among `records`.
    """

    material: Material
    scenes: Sequence[Scene] = ()
    styles: dict[str, Style] = field(default_factory=dict)
    recordings: list[Record] = field(default_factory=list)
    _curves: dict[str, Curves] = field(default_factory=dict)

    def __post_init__(self) -> None:
        m = self.material
        self.recordings = recordings(m.records)
        stills = [r for r in m.records if not is_recording(r)]
        self.material = Material(_color_once(stills), m.profiles, m.sources)
        self.styles = styles(self.records)

    @property
    def letter(self) -> str:
        """The letter of the file that holds the records of the decoded pictures."""
        return self.material.sources[-1].letter

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
        """The records that have a metric, without those apart and what stands twice."""
        return [
            r for r in select(self.records, metric)
            if not is_apart(r["codec"]) and (r["codec"], metric.modality) not in self.twins
        ]  # fmt: skip

    @cached_property
    def twins(self) -> dict[tuple[str, str], str]:
        """(codec, modality) of ours -> another of ours that gave the same on every frame.

        `auto` may take one coder always; two curves of which one hides the other would say less
        than a sentence.
        """
        points = self._own_points()
        found: dict[tuple[str, str], str] = {}
        for (codec, modality), own in sorted(points.items(), key=lambda p: (len(p[1]), p[0])):
            for (other, kind), theirs in points.items():
                free = other != codec and kind == modality and (other, kind) not in found
                if free and own.items() <= theirs.items():
                    found[codec, modality] = other
                    break
        return found

    def _own_points(self) -> dict[tuple[str, str], dict[tuple[str, str, float], Any]]:
        """(codec, modality) of ours -> (frame, setting) -> (bytes, quality)."""
        points: dict[tuple[str, str], dict[tuple[str, str, float], Any]] = defaultdict(dict)
        for r in self.records:
            if is_ours(r["codec"]) and r["modality"] != "joint":
                quality = r.get("psnr") if r["modality"] == "color" else r.get("rmse_mm")
                points[r["codec"], r["modality"]][_place(r)] = (r["bytes"], quality)
        return points

    def curves(self, metric: Metric) -> Curves:
        """Curves and BD-rates under a metric."""
        if metric.name not in self._curves:
            self._curves[metric.name] = Curves.of(self.of(metric), metric)
        return self._curves[metric.name]

    def name(self, codec: str, modality: str) -> str:
        """Return a codec's short name with its sources, as HTML."""
        return f"{short(codec)}{sup(self.letters.get((codec, modality), ()))}"

    def row(self, codec: str, modality: str) -> str:
        """Return the same as the first cell of a row; rows of ours stand out."""
        return ("|own|" if is_ours(codec) else "") + self.name(codec, modality)

    def delta(self, metric: Metric, anchor: str, codec: str, kind: str) -> str:
        """Return the cell of a BD-rate: good or bad, and of how few frames if not of all."""
        wanted, curves = in_scenes(kind), self.curves(metric)
        value, compared, _ = curves.bd_rate(anchor, codec, wanted)
        if value is None:
            return NONE
        frames = len(curves.frames(anchor, wanted))
        few = f" <small>{compared}/{frames}</small>" if compared < frames else ""
        return f"|{'good' if value < 0 else 'bad'}|{percent(value)}{few}"

    def twin_note(self, modality: str) -> str:
        """Say which of ours are not shown because another gave the same bytes and errors."""
        same = [
            f"{short(codec)} gave the same as {short(other)} on each of its frames"
            for (codec, kind), other in self.twins.items()
            if kind == modality
        ]
        return f'<p class="note">{"; ".join(same)}.</p>' if same else ""

    def legend(
        self, codecs: Sequence[str], modality: str, looks: dict[str, Style] | None = None
    ) -> str:
        """Return buttons that show and hide the curves of the charts beside."""
        return legend(
            (plain(c), (looks or self.styles)[c], self.letters.get((c, modality), ()))
            for c in codecs
        )

    def series(
        self,
        codec: str,
        points: Iterable[MeanPoint],
        metric: Metric,
        style: Style | None = None,
    ) -> Series:
        """Return a codec's curve of means, with a tip at every point."""
        tips = tuple(
            (p.bpp, p.value, f"setting {p.setting:g}: {rate(p.bpp)} bpp, "
             f"{p.value:.{metric.digits}f} ({p.frames} frames)")
            for p in points
        )  # fmt: skip
        return Series(plain(codec), style or self.styles[codec], tips)


def legend(entries: Iterable[tuple[str, Style, Iterable[str]]]) -> str:
    """Return a legend of buttons: (name, look, letters of its files) each."""
    items = "".join(
        f'<li><button type="button" aria-pressed="true" data-codec="{escape(name)}">'
        f"{swatch(style)} {escape(name)}</button>{sup(letters)}</li>"
        for name, style, letters in entries
    )
    return f'<ul class="keys">{items}</ul>'


def missing(what: str) -> str:
    """Say that a section has no records."""
    return f'<p class="note empty">No records of this yet: {text(what)}.</p>'


def frames_of(count: int) -> str:
    """Write a number of frames."""
    return "1 frame" if count == 1 else f"{count} frames"


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are there."""
    found = [v for v in values if v is not None]
    return fmean(found) if found else None


def _place(record: Record) -> tuple[str, str, float]:
    return str(record["sequence"]), str(record["frame"]), float(record["setting"])


def _color_once(records: Sequence[Record]) -> list[Record]:
    """Call the colour of a file of its own as in a pair, where the two are the same bytes.

    A colour stream never sees depth, so `base+alone` measures the colour of `base` again.
    """
    colors = [r for r in records if r["modality"] == "color" and is_ours(r["codec"])]
    places = {(r["codec"], *_place(r)): r for r in colors}
    kept = []
    for r in records:
        if r["modality"] == "color" and is_ours(r["codec"]):
            within = r["codec"].removesuffix("+alone")
            pair, alone = (places.get((c, *_place(r))) for c in (within, f"{within}+alone"))
            same = pair is None or alone is None or pair["bytes"] == alone["bytes"]
            if same and r is alone:
                r = {**r, "codec": within}
            elif same and alone is not None:
                continue  # the one alone has the times too
        kept.append(r)
    return kept
