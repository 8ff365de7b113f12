"""Fuzz the parsers, guided by coverage (Atheris), and keep a small corpus.

    pip install atheris
    python -m runs.gates.fuzz TARGET [--minutes 5] [--corpus DIR] [-o results/fuzz.json]

Time: as many minutes as are given. TARGET is a name of fuzz_targets.TARGETS, or all, one after
another, each in a process of its own.

Exits with 1 where a parser ended in anything but one line of an error; the input is kept beside the
corpus as crash-HASH. What covers new code and is small goes to the corpus, which tests replay
(tests/test_fuzz_corpus.py). Coders that are compiled run as plain Python here, for what is compiled
shows no coverage. Writes how many inputs were tried.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 4096  # bytes of an input
KEPT = 40  # inputs of a target, the smallest that covered something new, that go to the corpus
_INSTRUMENTED = [
    "encodepth.container",
    "encodepth.packing",
    "encodepth.codec",
    "encodepth.codings",
    "runs.gates.fuzz_targets",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=5, help="for each target")
    parser.add_argument("--corpus", type=Path, default=ROOT / "tests" / "fuzz-corpus")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "results" / "fuzz.json")
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside is not None:
        return inside(args.target, args.inside)
    from .fuzz_targets import TARGETS, seeds

    begun = seeds()
    names = list(TARGETS) if args.target == "all" else [args.target]
    return max(fuzz(name, begun[name], args) for name in names)


def inside(target: str, words: list[str]) -> int:
    """Be the process that Atheris runs in."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from encodepth import codings

        from . import fuzz_targets

        for row in codings.CODINGS:
            codings.module(row)  # or the first input pays for importing it

    def once(data: bytes) -> None:
        fuzz_targets.attempt(target, bytes(data))

    atheris.Setup([sys.argv[0], *words], once)
    atheris.Fuzz()
    return 0


def fuzz(name: str, begun: list[bytes], args: argparse.Namespace) -> int:
    """Fuzz one target from its corpus and whole input on; return the exit status."""
    home = args.corpus / name
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        for data in begun:
            (work / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
        crashes = f"-artifact_prefix={home}/"
        limit = f"-max_total_time={round(args.minutes * 60)}"
        words = ["-rss_limit_mb=2048", "-timeout=60", f"-max_len={LONGEST}", "-print_final_stats=1"]
        done = _run(name, [crashes, limit, *words, str(work), str(home)])
        _keep(work, home)
    tried = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    bad = sorted(path.name for path in home.glob("*-*"))
    row = {
        "inputs": int(tried[1]) if tried else 0,
        "minutes": args.minutes,
        "covered": int(covered[-1]) if covered else 0,
        "corpus": len(list(home.iterdir())),
        "faults": bad,
    }
    print(name, row, flush=True)
    if bad or done.returncode:
        print(done.stderr[-3000:])
    known = json.loads(args.output.read_text()) if args.output.exists() else {}
    before = known.get(name, {"inputs": 0, "minutes": 0})
    row["inputs"] += before["inputs"]
    row["minutes"] += before["minutes"]
    args.output.write_text(json.dumps(known | {name: row}, indent=1) + "\n")
    return int(bool(bad or done.returncode))


def _run(name: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runs.gates.fuzz", name, "--inside", *words]
    plain = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", cwd=ROOT, env=plain, check=False
    )


def _keep(found: Path, home: Path) -> None:
    """Make the smallest inputs that covered something new, old ones among them, the corpus."""
    known = {path.read_bytes() for folder in (found, home) for path in folder.iterdir()}
    for path in home.iterdir():
        if "-" not in path.name:
            path.unlink()
    for data in sorted(known, key=lambda data: (len(data), data))[:KEPT]:
        (home / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
