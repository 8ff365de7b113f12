"""`encodepth report`: one page with everything that was measured, built from record files alone.

It stands in `view`, not in `evaluate`, because the page holds the viewer's point clouds and imports
go one way; what needs no page (sources, BD-rates in pairs, the thesis's tables) is in `evaluate`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from threading import Event

from .. import __version__
from ..errors import EncodepthError
from ..evaluate.records import Record, RecordFile, machine_header
from ..evaluate.sources import load_material
from ..files import write_file
from ..frame import RgbdImage
from ..report import sections as s
from ..thesis.sections import thesis_section
from ..view.embed import Json, color_tables
from ..view.page import fill, script_json, template
from .pictures import Scene, decode_scene, read_scene

PAGE = "index.html"
RECORDS = "pictures.jsonl"


def report(
    results: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    pictures: Sequence[str | os.PathLike[str]] = (),
    title: str = "encodepth, measured",
) -> Path:
    """Build the page.

    Args:
        results: record files (.jsonl), profiles (.json), or folders of them.
        out: folder for index.html and pictures.jsonl; made if it is missing, both are replaced.
        pictures: folders with one `color.*` and one `depth.*` each, coded and decoded now.
        title: the heading.

    Returns:
        The page's path.

    Raises:
        EncodepthError: a file is no record file, or there is no record at all.
    """
    folder, paths = Path(out), list(results)
    load_material(paths)  # a bad file is named before any work
    originals = [read_scene(place) for place in pictures]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EncodepthError(f"{folder} cannot be made: {error.strerror}") from None
    scenes = _decode(originals)
    own = folder / RECORDS
    own.unlink(missing_ok=True)
    if scenes:
        _write_records(own, scenes)
        paths.append(own)
    page = build(paths, scenes, title)
    write_file(folder / PAGE, page.encode("utf-8"))
    return folder / PAGE


def build(
    paths: Sequence[str | os.PathLike[str]], scenes: Sequence[Scene] = (), title: str = ""
) -> str:
    """Return the page. The records of `scenes` are in the last of `paths`."""
    material = load_material(paths)
    letter = material.sources[-1].letter
    shown = [r for r in material.records if r.get("set") != "pictures"]
    numbers = s.Numbers(type(material)(shown, material.profiles, material.sources))
    parts = [*_numbers(numbers)]
    pictures, clouds = _pictures(scenes, letter)
    parts += pictures
    parts.append(("sources", "Where the numbers come from", s.sources_section(material)))
    body = "".join(
        f'<section id="{name}"><h2>{heading}</h2>{inside}</section>'
        for name, heading, inside in parts
    )
    nav = "".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in parts)
    facts = (
        f"{len(shown):,} records of {len({r['codec'] for r in shown})} codecs from "
        f"{len(material.sources)} files · built {time.strftime('%Y-%m-%d', time.gmtime())} with "
        f"encodepth {__version__}. A small letter after a name is the file its numbers come from; "
        "the list is at the end."
    )
    facts_html = escape(facts) + _weights(shown)
    return fill(
        template("report.html", __package__),
        title=escape(title),
        facts=facts_html,
        version=escape(__version__),
        css=template("page.css"),
        report_css=template("report.css", __package__),
        nav=nav,
        body=body,
        data=script_json({"tables": color_tables(), "scenes": clouds}),
        cloud_js=template("cloud.js"),
        view_js=template("view.js"),
        report_js=template("report.js", __package__),
    )


def _weights(records: Sequence[Record]) -> str:
    """Say with which weights ours was measured, and warn where one modality has had several."""
    found: dict[str, set[str]] = {}
    for record in records:
        if record.get("weights") and record["modality"] != "joint":
            own = record["weights"].split(",")[-1]  # a joint file names colour's before depth's
            found.setdefault(record["modality"], set()).add(own)
    names = sorted(set().union(*found.values()))
    listed = ", ".join(f"<code>{escape(name)}</code>" for name in names)
    if not names:
        return ""
    if all(len(own) == 1 for own in found.values()):
        return f" encodepth is measured with the weights {listed}."
    return f" <b>Records of encodepth are of several weights: {listed}; measure them anew.</b>"


def _numbers(numbers: s.Numbers) -> list[tuple[str, str, str]]:
    """Return (id, heading, HTML) of the sections of numbers."""
    return [
        ("summary", "At a glance", _say(_SUMMARY) + s.summary_section(numbers)),
        ("colour", "Colour: rate and distortion", s.curves_section(
            numbers, ("psnr", "ms-ssim"), ("PSNR (dB)", "MS-SSIM (dB)"))),
        ("depth", "Depth: rate and distortion", _say(_DEPTH) + s.curves_section(
            numbers, ("rmse", "flying"),
            ("RMSE of valid depth (mm), lower is better",
             "share of edge pixels off by over 50 mm"))),
        ("bounds", "Depth with a promise", s.bound_section(numbers)),
        ("files", "Whole files", s.joint_section(numbers)),
        ("bd", "Everybody against everybody", s.matrix_section(numbers)),
        ("thesis", "Beside the thesis", _say(_THESIS) + thesis_section(numbers)),
        ("costs", "What the models cost", s.costs_section(numbers)),
        ("maps", "Depth through colour maps (thesis 5.4)", s.painted_section(numbers)),
        ("times", "Times", s.times_section(numbers)),
    ]  # fmt: skip


def _pictures(
    scenes: Sequence[Scene], letter: str
) -> tuple[list[tuple[str, str, str]], list[Json]]:
    """Return the sections of pictures, and the data of the point clouds."""
    from .qualitative import clouds_section, crops_section, maps_section

    if not scenes:
        empty = s.missing("decoded pictures (encodepth report --pictures FOLDER)")
        return [("pictures", "Pictures", empty)], []
    clouds, data = clouds_section(scenes, letter)
    return [
        ("crops", "Crops at one rate", _say(_CROPS) + crops_section(scenes, letter)),
        ("errors", "Where depth errs", _say(_ERRORS) + maps_section(scenes, letter)),
        ("clouds", "Point clouds", _say(_CLOUDS) + clouds),
    ], data


def _decode(originals: Sequence[tuple[str, RgbdImage]]) -> list[Scene]:
    """Decode two frames at a time: the codecs work outside Python's lock."""
    ended = Event()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(decode_scene, *pair, stop=ended.is_set) for pair in originals]
        try:
            return [one.result() for one in waiting]
        except BaseException:  # a failure, or ctrl-C: do not let the others finish first
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write_records(path: Path, scenes: Sequence[Scene]) -> None:
    with RecordFile(path) as file:
        file.add(machine_header(jobs=1))
        for scene in scenes:
            for record in scene.records():
                file.add(record)


def _say(words: str) -> str:
    return f"<p>{words}</p>"


_SUMMARY = (
    "How many more (+) or fewer (−) bits a codec needs than AVIF for the same quality. "
    "Bytes are those of whole files, headers and hole masks included. The frames are those of "
    "data/test that the published anchor records use (the clean rendered living room, and frames "
    "of sensors), and Kodak; each figure is over the frames that both codecs have."
)
_DEPTH = (
    "Errors are over measured pixels; the exact hole mask is part of every rate. A flying pixel is "
    "one at a depth edge that errs by more than 50 mm. “Alone” is depth in a file of its own, "
    "which the conventional codecs are measured as too; without the word, depth sees the colour "
    "in its file."
)
_THESIS = (
    "The thesis's figures are means over its 40 pairs of Augmented ICL-NUIM (living room 1 and "
    "office 2) with rates as its entropy model estimates them. Ours are of living room 1 in "
    "data/test, with rates of whole files; codecs without a model of the thesis are interpolated "
    "at its rate, frame by frame, where their points enclose it. Depth PSNR has peak 65535."
)
_CROPS = (
    "The busiest places of a frame, like Figures 32 to 35: method, rate, PSNR and MS-SSIM of the "
    "whole picture. Rates are as near to 0.17 bpp as each codec's settings come."
)
_ERRORS = "Decoded minus original depth: blue is too near, orange too far, grey was never measured."
_CLOUDS = (
    "Original colour on decoded depth, like Figures 29 to 31. Drag to turn, wheel or pinch to zoom."
)
