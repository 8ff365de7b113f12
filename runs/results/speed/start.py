"""The first encoding of a process, and `import encodepth`."""

from __future__ import annotations

import json
import tempfile
from typing import Any

from runs.common import ROOT

from .clock import Row, spent


def cold(asked: Any) -> Row:
    """Measure processes that encode one pair of samples/, without and with compiled code."""
    made: Row = {}
    desk = ROOT / "samples" / "desk"
    with tempfile.TemporaryDirectory() as folder:
        for effort in (1, 5, 7):
            for state in ("cold", "warm"):
                row = spent(_ONCE, [str(desk), str(effort)], folder)
                made[f"effort {effort}, {state}"] = row
            made[f"effort {effort}, inside"] = json.loads(row.pop("out"))
            made[f"effort {effort}, cold"].pop("out")
    found = [spent("import encodepth", []) for _ in range(7)]
    bare = [spent("pass", []) for _ in range(7)]
    for clock in ("cpu_s", "wall_s"):
        own = min(r[clock] for r in found) - min(r[clock] for r in bare)
        made[f"import encodepth, {clock}"] = round(own, 3)
    return made


_ONCE = """
import json, sys, time
from pathlib import Path
import encodepth
a = time.process_time()
folder = Path(sys.argv[1])
image = encodepth.read(folder / 'color.webp', folder / 'depth.png')
codec, effort = encodepth.Codec(), int(sys.argv[2])
spent = []
for _ in range(3):
    a = time.process_time()
    codec.decode(codec.encode(image, effort=effort, lossless='depth'))
    spent.append(round(time.process_time() - a, 2))
print(json.dumps({'first_s': spent[0], 'later_s': min(spent[1:])}))
"""
