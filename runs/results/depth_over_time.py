"""What time is worth for exact and bounded depth: groups against stills. Ten minutes, one core.

    python -m runs.results.depth_over_time [--effort 7] [--frames 15] [--interval 15]
        [--only 'val/*']

On the sequences of data/sequences, depth as recordings code it, exact and within 5 mm: bytes of
whole groups with their first pictures, against the same pictures alone at the same effort, and CPU
time a picture (of the process; encoding decodes to prove, both ways). `train` was tuned on, `val`
chosen by, `test` only reported. Goes on where it stopped and writes results/depth_over_time.json.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import codings
from encodepth.codings import surface_inter, surface_learned_inter
from encodepth.codings.base import Ask
from encodepth.io.dataset import open_dataset
from encodepth.plan import EXACT, plan
from runs.common import DATA, RESULTS, keep, need, options, progress, show

BOUND = 0.005  # metres
KEY = ("sequence", "bound mm", "interval", "effort")  # of a row


def main() -> None:
    parser = options(__doc__, frames=15, output=RESULTS / "depth_over_time.json")
    parser.add_argument("--interval", type=int, default=15, help="pictures of a group")
    parser.add_argument("--only", default="*/*", help="which, as split/sequence with wildcards")
    parser.add_argument("--effort", type=int, default=7, help="6 to 9")
    args = parser.parse_args()
    need(DATA / "sequences")
    done = json.loads(args.output.read_text())["rows"] if args.output.exists() else []
    rows = {tuple(row[k] for k in KEY): row for row in done}
    for folder in sorted((DATA / "sequences").glob(args.only)):
        for bound in (0.0, BOUND):
            name = f"{folder.parent.name}/{folder.name}"
            key = (name, 1000 * bound, args.interval, args.effort)
            if key not in rows:
                progress(key)
                rows[key] = measure(*key, depth_of(folder, args.frames), bound)
                keep(args.output, list(rows.values()))
    show(list(rows.values()))


def depth_of(folder: Path, count: int) -> tuple[list[np.ndarray], float]:
    """Return the first planes of a sequence and metres per step."""
    images = [pair.load() for pair in list(open_dataset(folder))[:count]]
    planes = [image.depth for image in images if image.depth is not None]
    return planes, images[0].depth_unit


def measure(
    name: str,
    millimetres: float,
    interval: int,
    effort: int,
    seen: tuple[list[np.ndarray], float],
    bound: float,
) -> dict[str, Any]:
    """Code a sequence in groups and alone; return a row of figures."""
    planes, unit = seen
    ask = Ask(error=int(bound / unit + 1e-9), effort=effort)
    (coding,) = plan("depth", EXACT, effort, over_time=True).codings
    over_time = codings.module(codings.find(coding, "depth"))
    by = surface_inter.CONTEXTS if over_time is surface_inter else surface_learned_inter.LEARNING
    over_time.encode_group("depth", planes[:2], ask, [])  # compiles
    start, alone = time.process_time(), []
    for plane in planes:
        alone.append(by.alone(plane, ask).payload)
    still = time.process_time() - start
    sizes, encoding, decoding, kept = [], 0.0, 0.0, 0
    for first in range(0, len(planes), interval):
        group = planes[first : first + interval]
        start = time.process_time()
        coded = over_time.encode_group("depth", group, ask, [])
        encoding += time.process_time() - start
        assert coded is not None
        sizes += [len(one.payload) for one in coded]
        if coded[0].coding:
            continue
        kept += 1
        start = time.process_time()
        decoded = over_time.decode_group("depth", coded, planes[0].shape, [])
        for plane, back in zip(group, decoded, strict=True):
            check(plane, back, ask.error)
        decoding += (time.process_time() - start) / len(group)
    count = len(planes)
    stills = sum(len(one) for one in alone)
    return {
        "sequence": name,
        "bound mm": millimetres,
        "interval": interval,
        "effort": effort,
        "frames": count,
        "stills": round(stills / count),
        "groups": round(sum(sizes) / count),
        "percent": round(100 * (sum(sizes) / stills - 1), 2),
        "still encode ms": round(1000 * still / count),
        "encode ms": round(1000 * encoding / count),
        "decode ms": round(1000 * decoding / max(kept, 1)),
    }


def check(plane: np.ndarray, back: np.ndarray, error: int) -> None:
    """Stop where a promise is broken."""
    off = np.abs(plane.astype(np.int64) - back)
    assert off[plane > 0].max(initial=0) <= error, "a bound is broken"
    assert np.array_equal(plane == 0, back == 0), "holes differ"


if __name__ == "__main__":
    main()
