"""Lines of src per room and lengths of functions, of a revision and of the tree as it is.

    python -m runs.results.house [REVISION ...] [--longest N]

Time: seconds. Reads git's objects; nothing is checked out.

Lines are those of .py files under src. A function counts from `def` (without decorators) to its
last line, docstring included; functions inside others count too, and in their outer ones.
"""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from runs.common import ROOT, options, show

NOW = "now"
PACKAGE = PurePosixPath("src/encodepth")
Sources = dict[PurePosixPath, str]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("revisions", nargs="*", metavar="REVISION", default=["HEAD"])
    parser.add_argument("--longest", type=int, default=8, help="how many functions are named")
    asked = parser.parse_args()
    trees = {revision: _of(revision) for revision in asked.revisions} | {NOW: _here()}
    rooms = {name: _rooms(sources) for name, sources in trees.items()}
    names = sorted({room for counts in rooms.values() for room in counts})
    show([{"room": room, **{name: rooms[name][room] for name in trees}} for room in names])
    print()
    lengths = {name: list(_lengths(sources)) for name, sources in trees.items()}
    show([
        {"figure": figure, **{name: take([n for n, _ in found]) for name, found in lengths.items()}}
        for figure, take in FIGURES.items()
    ])  # fmt: skip
    for name, found in lengths.items():
        print(f"\nlongest, {name}:")
        for length, place in sorted(found, reverse=True)[: asked.longest]:
            print(f"{length:6} {place}")


FIGURES = {
    "functions": len,
    "median lines": lambda lengths: round(float(np.median(lengths))),
    "95th percentile": lambda lengths: round(float(np.percentile(lengths, 95))),
    "above 60": lambda lengths: sum(n > 60 for n in lengths),
    "longest": max,
}


def _of(revision: str) -> Sources:
    listed = _git("ls-tree", "-r", "--name-only", revision, "--", str(PACKAGE))
    paths = [line for line in listed.splitlines() if line.endswith(".py")]
    return {PurePosixPath(path): _git("show", f"{revision}:{path}") for path in paths}


def _here() -> Sources:
    return {
        PurePosixPath(path.relative_to(ROOT).as_posix()): path.read_text(encoding="utf-8")
        for path in (ROOT / PACKAGE).rglob("*.py")
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True)
    return done.stdout


def _rooms(sources: Sources) -> Counter[str]:
    """Return the lines of every folder, of the loose modules together, and of all."""
    lines: Counter[str] = Counter()
    for path, text in sources.items():
        inside = path.relative_to(PACKAGE).parts
        room = f"{inside[0]}/" if len(inside) > 1 else "(modules)"
        for name in (room, "~ all"):
            lines[name] += text.count("\n")
    return lines


def _lengths(sources: Sources) -> Iterator[tuple[int, str]]:
    """Yield (lines, place) of every function."""
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                place = f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"
                yield node.end_lineno - node.lineno + 1, place


if __name__ == "__main__":
    main()
