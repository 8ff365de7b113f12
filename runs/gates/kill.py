"""Kill encoding at random moments: no half file, no orphan, and a second call finishes the job.

    python -m runs.gates.kill [--count 200] [--seed 0] [-o results/kill.json]

Time: a second a kill on one core, five with -j 2.

Four small pairs are coded to a folder, in one process and, every fifth time, with -j 2. The
command is killed (SIGKILL) at a moment drawn from as long as it takes unharmed, and so are none of
the processes it started: they have to end by themselves within 20 seconds. Then every .rgbd file
that is there decodes, nothing else lies about but the journal and temporary files, and a second
call makes what is missing and leaves what is whole. Single
processes are forked from one that has everything imported. Exits with 1 on any failure.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from encodepth import EncodepthError, decode
from encodepth.cli.jobs import JOURNAL
from encodepth.cli.main import main as command
from encodepth.io.pictures import write
from runs.common import RESULTS, keep, options

from .damage_ways import pair

PAIRS = 4
LONGEST = 20.0  # seconds for workers to notice that their parent is gone
MARK = "ENCODEPTH_KILL_MARK"  # in the environment of all that a call starts


def main() -> int:
    parser = options(__doc__, output=RESULTS / "kill.json")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    found: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        data = make_pairs(Path(place, "data"))
        took = {jobs: unharmed(data, Path(place), jobs) for jobs in (1, 2)}
        for number in range(args.count):
            jobs = 2 if number % 5 == 4 else 1
            out = Path(place, f"out-{number}")
            after = rng.random() * took[jobs] * 1.1
            whole, left, bad = attempt(data, out, jobs, after)
            found[f"-j {jobs}"] += 1
            found[f"{whole} of {PAIRS} files whole"] += 1
            found["temporary files left"] += left
            faults += [f"kill {number} (-j {jobs}, after {after:.3f} s): {line}" for line in bad]
            if number % 10 == 9 or number == args.count - 1:
                keep(args.output, {"kills": number + 1, "faults": faults, "found": dict(found)})
    for what, count in sorted(found.items()):
        print(f"{count:5} {what}")
    print("\n".join(faults) or "no faults")
    return int(bool(faults))


def make_pairs(folder: Path) -> Path:
    """Write small pairs of two sequences."""
    for number in range(PAIRS):
        place = folder / f"ep_{number % 2}"
        for kind in ("color", "depth"):
            (place / kind).mkdir(parents=True, exist_ok=True)
        names = (place / kind / f"{number}.png" for kind in ("color", "depth"))
        write(pair(60 + number, 80), *names)
    return folder


def words(data: Path, out: Path, jobs: int) -> list[str]:
    """Return the arguments of the call that is killed."""
    own = ["encode", str(data), "--out-dir", str(out), "--quiet", "--coding", "av1"]
    return [*own, "-j", str(jobs), "--depth-unit", "0.001"]


def start(data: Path, out: Path, jobs: int) -> int:
    """Begin a call and return its process's number."""
    if jobs > 1:
        line = [sys.executable, "-m", "encodepth.cli.main", *words(data, out, jobs)]
        return subprocess.Popen(line, env=os.environ | {MARK: str(out)}).pid
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(SystemExit):
            sys.argv[1:] = words(data, out, jobs)
            status = 0
            command(words(data, out, jobs))
        os._exit(status)
    return child


def unharmed(data: Path, place: Path, jobs: int) -> float:
    """Return how long a call takes, the second one, when all is warm."""
    for turn in range(2):
        began = time.monotonic()
        os.waitpid(start(data, place / f"whole-{jobs}-{turn}", jobs), 0)
    return time.monotonic() - began


def attempt(data: Path, out: Path, jobs: int, after: float) -> tuple[int, int, list[str]]:
    """Kill a call; return how many files it had finished, how many it left, and what is wrong."""
    child = start(data, out, jobs)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    bad = [f"{count} workers outlive it"] if (count := orphans(out)) else []
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.rgbd") if not hidden(path)}
    bad += [line for path in before if (line := damage(path))]
    left = [path for path in out.rglob("*") if path.is_file() and hidden(path)]
    left = [path for path in left if path.name != JOURNAL]
    os.waitpid(start(data, out, 1), 0)
    made = {path for path in out.rglob("*.rgbd") if not hidden(path)}
    if len(made) != PAIRS:
        bad.append(f"a second call leaves {len(made)} of {PAIRS} files")
    bad += [line for path in made if (line := damage(path))]
    again = [path.name for path, when in before.items() if path.stat().st_mtime_ns != when]
    if again:
        bad.append(f"a second call makes {again} again")
    return len(before), len(left), bad


def hidden(path: Path) -> bool:
    return path.name.startswith(".")


def damage(path: Path) -> str:
    """Return what is wrong with a file, nothing if it is whole."""
    try:
        decode(path.read_bytes())
    except EncodepthError as error:
        return f"{path.name} is half a file: {error}"
    return ""


def orphans(out: Path) -> int:
    """Return how many processes of a call still run, after they had time to end."""
    mark = f"{MARK}={out}".encode()
    until = time.monotonic() + LONGEST
    while found := sum(mark in environment(number) for number in os.listdir("/proc")):
        if time.monotonic() > until:
            return found
        time.sleep(0.1)
    return 0


def environment(process: str) -> list[bytes]:
    try:
        return Path("/proc", process, "environ").read_bytes().split(b"\0")
    except OSError:  # no process, or none of ours
        return []


if __name__ == "__main__":
    sys.exit(main())
