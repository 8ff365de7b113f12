"""`encodepth report`: one page with everything that was measured, built from record files alone.

One more section is one module and one row of SECTIONS.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from threading import Event

from .. import __version__
from ..errors import EncodepthError
from ..evaluate.load import Material, load_material
from ..evaluate.records import Record, RecordFile, machine_header
from ..files import PathLike, write_file
from ..frame import RgbdImage
from ..view.embed import color_tables
from ..view.page import fill, script_json, template
from .decoding import SET, decode_scene
from .numbers import Numbers
from .pictures import Scene, read_scene
from .sections import clouds

PAGE = "index.html"
RECORDS = "pictures.jsonl"
SECTIONS = {
    # id: module with HEADING, WORDS and section(numbers); a section that is empty is left out
    "summary": "encodepth.report.sections.summary",
    "colour": "encodepth.report.sections.colour",
    "depth": "encodepth.report.sections.depth",
    "bounds": "encodepth.report.sections.bounds",
    "files": "encodepth.report.sections.files",
    "recordings": "encodepth.report.sections.recordings",
    "bd": "encodepth.report.sections.matrix",
    "thesis": "encodepth.thesis.sections",
    "costs": "encodepth.report.sections.costs",
    "maps": "encodepth.thesis.maps",
    "times": "encodepth.report.sections.times",
    "crops": "encodepth.report.sections.crops",
    "errors": "encodepth.report.sections.errors",
    "clouds": "encodepth.report.sections.clouds",
    "sources": "encodepth.report.sections.sources",
}


def report(
    results: Iterable[PathLike],
    out: PathLike,
    *,
    pictures: Sequence[PathLike] = (),
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


_STYLES = ("chart.css", "report.css")


def build(paths: Sequence[PathLike], scenes: Sequence[Scene] = (), title: str = "") -> str:
    """Return the page. The records of `scenes` are in the last of `paths`."""
    material = load_material(paths)
    shown = [r for r in material.records if r.get("set") != SET]
    numbers = Numbers(Material(shown, material.profiles, material.sources), scenes)
    parts = [(name, *_section(module, numbers)) for name, module in SECTIONS.items()]
    parts = [part for part in parts if part[2]]
    return fill(
        template("report.html", __package__),
        title=escape(title),
        facts=_facts(material, shown),
        version=escape(__version__),
        css=template("page.css") + "".join(template(f, __package__) for f in _STYLES),
        nav="".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in parts),
        body="".join(
            f'<section id="{name}"><h2>{heading}</h2>{inside}</section>'
            for name, heading, inside in parts
        ),
        data=script_json({"tables": color_tables(), "scenes": clouds.data(numbers)}),
        cloud_js=template("cloud.js"),
        view_js=template("view.js"),
        report_js=template("report.js", __package__),
    )


def _section(name: str, numbers: Numbers) -> tuple[str, str]:
    """Return (heading, HTML) of a section."""
    module = importlib.import_module(name)
    inside = module.section(numbers)
    words = f"<p>{module.WORDS}</p>" if inside and module.WORDS else ""
    return module.HEADING, words + inside


def _facts(material: Material, shown: Sequence[Record]) -> str:
    return (
        f"{len(shown):,} records of {len({r['codec'] for r in shown})} codecs from "
        f"{len(material.sources)} files · built {time.strftime('%Y-%m-%d', time.gmtime())} with "
        f"encodepth {escape(__version__)}. A small letter after a name is the file its numbers "
        f"come from; the list is at the end.{_weights(shown)}"
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
