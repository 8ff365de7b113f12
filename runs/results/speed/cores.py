"""What a second core is worth: groups of a recording, folders of stills, several recordings.

A single picture already uses two cores, for colour beside depth and for proofs, so all is measured
against a process that has only one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from runs.common import DATA

from .clock import OFFICE, Row, python, spent

WAYS = {"one core": (1, 1), "jobs 1": (2, 1), "jobs 2": (2, 2)}  # cores, -j
FOLDERS = sorted((DATA / "sequences").glob("*/*"))


def jobs(asked: Any) -> Row:
    """Measure one core, and two with `jobs` 1 and 2, at efforts 1 and 5, depth exact."""
    made: Row = {}
    for name, measure in (
        ("groups", groups),
        ("stills", lambda *way: command([], *way)),
        ("recordings", lambda *way: command(["--recordings"], *way)),
    ):
        for effort in (1, 5):
            found = {way: measure(effort, *WAYS[way]) for way in WAYS}
            same = len({row.pop("bytes") for row in found.values()}) == 1
            what = f"{name}, effort {effort}"
            made |= {f"{what}, {way}": row for way, row in found.items()}
            made[f"{what}, same bytes"] = same
            for clock in ("wall", "cpu"):  # of one core's time by the clock; of its work
                one, two = found["one core"][clock], found["jobs 2"][clock]
                made[f"{what}, {clock}, one core by two"] = round(one / two, 2)
    return made


def groups(effort: int, cores: int, count: int) -> Row:
    """Measure a recording of 32 pairs in groups of 8, without the start of its process."""
    arguments = [str(OFFICE), *map(str, (effort, cores, count))]
    return dict(json.loads(python(_GROUPS, arguments).stdout))


def command(options: list[str], effort: int, cores: int, count: int) -> Row:
    """Measure `encodepth encode FOLDER FOLDER --out-dir`, the start of its processes included."""
    found = []
    for _ in range(2 if effort == 1 else 1):
        with tempfile.TemporaryDirectory() as folder:
            out = ["--out-dir", folder, "-j", str(count), "--effort", str(effort)]
            asked = ["encode", *map(str, FOLDERS), *out, "--lossless", "depth", "--quiet", *options]
            row = spent(_COMMAND, [str(cores), *asked])
            files = sorted(Path(folder).rglob("*.rgbd"))
            row["bytes"] = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
            found.append(row)
    return {
        "cpu": round(1000 * min(row["cpu_s"] for row in found)),
        "wall": round(1000 * min(row["wall_s"] for row in found)),
        "bytes": found[0]["bytes"],
    }


_CORES = """
import os, sys
if hasattr(os, 'sched_setaffinity'):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv.pop(1))])
"""

_COMMAND = (
    _CORES
    + """
from encodepth.cli.main import main
if __name__ == '__main__':
    main()
"""
)

_GROUPS = (
    _CORES.replace("pop(1)", "pop(3)")
    + """
import hashlib, io, json
from pathlib import Path
from encodepth import Writer
from runs.common import frames_of
from runs.results.speed.clock import least
effort, count = map(int, sys.argv[2:])
images = [pair.load() for pair in frames_of(Path(sys.argv[1]))[:32]]
def write():
    out = io.BytesIO()
    settings = {'effort': effort, 'lossless': 'depth', 'jobs': count}
    with Writer(out, rate=30, key_interval=8, **settings) as writer:
        for image in images:
            writer.append(image)
    return out.getvalue()
write()  # compiled
data, cpu, wall = least(write, 3 if effort == 1 else 1)
print(json.dumps({'cpu': cpu, 'wall': wall, 'bytes': hashlib.sha256(data).hexdigest()}))
"""
)
