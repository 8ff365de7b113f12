"""The first encoding of a process, and `import encodepth`.

"cold" is without compiled code, "warm" where the process before left it, "brought" with no more
than the code that a wheel brings along (`make wheel`).
"""

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
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as wheel:
        spent("from encodepth.cli.main import main; main()", ["warm", "--package", wheel])
        for effort in (1, 5, 7):
            for state in ("cold", "warm", "brought"):
                place, brought = (f"{folder}/none", wheel) if state == "brought" else (folder, "")
                row = spent(_ONCE, [str(desk), str(effort), brought], place)
                made[f"effort {effort}, {state}"] = row
                inside = json.loads(row.pop("out"))
                if state == "warm":
                    made[f"effort {effort}, inside"] = inside
    found = [spent("import encodepth", []) for _ in range(7)]
    bare = [spent("pass", []) for _ in range(7)]
    for clock in ("cpu_s", "wall_s"):
        own = min(r[clock] for r in found) - min(r[clock] for r in bare)
        made[f"import encodepth, {clock}"] = round(own, 3)
    return made


_ONCE = """
import json, sys, time
from pathlib import Path
import encodepth, encodepth.native.store
a = time.process_time()
if sys.argv[3]:
    encodepth.native.store.SHIPPED = Path(sys.argv[3])
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
