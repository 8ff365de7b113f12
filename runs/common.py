"""What the programs of runs/ share: places, options, frames, and how figures are kept and shown.

They are run from the root as modules: `python -m runs.gates.check_rates`. Data and published
records lie in ../shared, or in the folder that SHARED names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from encodepth.evaluate.comparison import text_table
from encodepth.evaluate.frames import Frame
from encodepth.evaluate.records import Record, machine_header
from encodepth.evaluate.runner import evaluate
from encodepth.files import write_file
from encodepth.io.dataset import open_dataset
from encodepth.io.pair import Pair

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("SHARED", ROOT.parent / "shared"))
DATA = SHARED / "data"
ANCHORS = SHARED / "anchors"
RESULTS = ROOT / "results"
FIGURES = ROOT / "docs" / "figures"
END = "<!-- end -->"


def options(
    doc: str | None,
    *,
    output: Path | None = None,
    data: Path | None = None,
    frames: int | None = None,
    every: int | None = None,
    jobs: int | None = None,
    sets: Sequence[str] | None = None,
    model: bool = False,
) -> argparse.ArgumentParser:
    """Return a parser with the options asked for: those given, with these defaults.

    Args:
        doc: the program's own docstring; its first line is the description.
        output: `-o`, where figures are kept.
        data: `--data`, a dataset.
        frames: `--frames`, how many, spread evenly.
        every: `--every`, each so many-th frame.
        jobs: `-j`, processes.
        sets: `--sets`, of pictures.
        model: `--model`, of the default family.
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    if data is not None:
        parser.add_argument("--data", type=Path, default=data, help="a dataset")
    if frames is not None:
        parser.add_argument("--frames", type=int, default=frames, help="so many, spread evenly")
    if every is not None:
        parser.add_argument("--every", type=int, default=every, help="take every Nth frame")
    if model:
        parser.add_argument("--model", default="base", help="a model's name or a weights file")
    if jobs is not None:
        parser.add_argument("-j", "--jobs", type=int, default=jobs, help="processes")
    if sets is not None:
        parser.add_argument("--sets", nargs="+", default=list(sets), help="of pictures")
    if output is not None:
        parser.add_argument("-o", "--output", type=Path, default=output, help="kept here")
    return parser


def need(*places: Path) -> None:
    """Leave the program with a sentence if data it reads are not there."""
    for place in places:
        if not place.exists():
            sys.exit(f"{place} is missing; this program needs it (SHARED names another folder)")


def spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """Return so many of the pairs, from the first to the last; 0 stands for all."""
    return [pairs[i] for i in np.linspace(0, len(pairs) - 1, count or len(pairs)).astype(int)]


def frames_of(folder: Path, *, count: int = 0, every: int = 1) -> list[Pair]:
    """Return pairs of a dataset: every so many-th, of these so many spread evenly."""
    need(folder)
    return spread(list(open_dataset(folder))[::every], count)


def sequences(folder: Path) -> dict[str, list[Pair]]:
    """Return the pairs of every sequence of a dataset, by its name."""
    need(folder)
    found: dict[str, list[Pair]] = {}
    for pair in open_dataset(folder).pairs:
        found.setdefault(pair.sequence, []).append(pair)
    return found


def recorded_colors(count: int) -> dict[str, list[np.ndarray]]:
    """Return the colour of the first so many frames of each of data/sequences, train and val."""
    found: dict[str, list[np.ndarray]] = {}
    for part in ("train", "val"):
        for name, pairs in sequences(DATA / "sequences" / part).items():
            held = found[f"{part}/{name}"] = []
            for pair in pairs[:count]:
                color = pair.load().color
                assert color is not None
                held.append(color)
    return found


def middle(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the middle of a picture or a map, whole along sides that are not larger."""
    top, left = (max(n - m, 0) // 2 for n, m in zip(plane.shape, (height, width), strict=False))
    return np.ascontiguousarray(plane[top : top + height, left : left + width])


def progress(words: object) -> None:
    """Say on stderr how far a program is."""
    print(words, file=sys.stderr, flush=True)


def measure(names: Sequence[str], frames: Iterable[Frame], output: Path, **how: Any) -> list[str]:
    """Measure codecs into a record file; print and return what was skipped or failed."""
    done = evaluate(names, frames, out=output, **how)
    wrong = [f"skipped {codec}: {reason}" for codec, reason in done.skipped.items()]
    wrong += [f"failed: {failure}" for failure in done.failures]
    for line in wrong:
        print(line)
    return wrong


def keep(path: Path | None, record: Mapping[str, Any] | Sequence[Record]) -> None:
    """Write figures as JSON with the machine they were measured on; rows become "rows"."""
    if path is None:
        return
    figures = record if isinstance(record, Mapping) else {"rows": list(record)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, (json.dumps({**machine_header(), **figures}, indent=1) + "\n").encode())
    progress(path)


def append(path: Path | None, line: Mapping[str, Any]) -> None:
    """Print one result as JSON, and add it to a file of lines."""
    text = json.dumps(line)
    print(text, flush=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of the same fields as an aligned table."""
    if rows:
        print(text_table(list(rows[0]), [[str(v) for v in row.values()] for row in rows]), end="")


def fill_page(page: Path, start: str, lines: Sequence[str]) -> None:
    """Put lines between the mark `start` and the next END; exits if the page lacks one."""
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"{page} lacks the marks {start} and {END}")
    write_file(page, "\n".join([before + start, *lines, END + after]).encode())
