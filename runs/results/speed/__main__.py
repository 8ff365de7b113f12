"""How quick encodepth is, row by row, beside JPEG XL effort 2 and RVL in the same run.

    python -m runs.results.speed [--parts stills restored ladder recordings live seek large jobs
        cold]

Time: about 20 minutes on two idle cores. Needs ../shared.

stills      exact and bounded depth, efforts 1, 5 and 7: frames of every sequence and of `data/test`
restored    decoding a lossy pair with and without the networks that restore it, by the clock
ladder      efforts 1..9 of exact, bounded and lossy depth, masks and colour; says where a step is
            larger or quicker than the one before. What is lossy has other errors at other efforts:
            its bytes are those at effort 7's error at quality 50, between three qualities
recordings  colour alone, and pairs with exact depth, at effort 1
live        pairs at effort 1 as a camera delivers them, 30 a second: from `append` to the file
seek        any frame of a group of 30, effort 7, by a reader that is open and has none of it
large       an 8192x8192 depth map, exact, effort 1
jobs        groups of a recording, folders of stills and of recordings, on one core, and on two with
            -j 1 and -j 2
cold        the first encoding of a process with and without compiled code, and `import encodepth`

Times are the least of several runs: `cpu` is processor time of all threads, what one idle core
takes; `wall` is the clock, with as many threads as there are cores. Beside other work the clock
says little, so two cores are also reckoned from processor time. Writes results/speed.json, part by
part, and the table of docs/speed.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from runs.common import DATA, RESULTS, ROOT, fill_page, keep, need, options, progress

from .cores import jobs
from .ladder import ladder
from .large import large
from .over_time import live, recordings, seek
from .page import table
from .restored import restored
from .start import cold
from .stills import stills

PAGE, MARK = ROOT / "docs" / "speed.md", "<!-- runs/results/speed -->"


def main() -> None:
    """Measure the parts that are asked for; keep and print all."""
    parts: dict[str, Callable[[Any], Any]] = {
        "stills": stills,
        "restored": restored,
        "ladder": ladder,
        "recordings": recordings,
        "live": live,
        "seek": seek,
        "large": large,
        "jobs": jobs,
        "cold": cold,
    }
    parser = options(__doc__, output=RESULTS / "speed.json")
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--frames", type=int, default=2, help="of each sequence")
    parser.add_argument("--runs", type=int, default=3, help="of which the least counts")
    asked = parser.parse_args()
    need(DATA)
    record: dict[str, Any] = {}
    if asked.output.exists():
        record = json.loads(asked.output.read_text())
    for name in asked.parts:
        load = os.getloadavg()[0]
        record[name] = {"load": round(load, 1), "busy": load > 1, "rows": parts[name](asked)}
        keep(asked.output, record)
        progress(json.dumps(record[name], indent=1))
    if asked.output == RESULTS / "speed.json":
        fill_page(PAGE, MARK, table(record))


if __name__ == "__main__":
    main()
