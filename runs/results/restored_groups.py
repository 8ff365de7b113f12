"""What networks after AV1 save in recordings: restored groups of pictures against the same groups.

Time: a core-hour for colour and depth of four sequences; needs ../shared.

    python -m runs.results.restored_groups [--what color depth] [--sequences office static]
        [--frames 24] [--effort 8] [--weights NAME ...] [-o results/restored_groups.json]

The first frames of each sequence (those of `over_time`), cut to 640x480, are one group at six
qualities. What `restored-inter` makes of it pays for its bytes; where it finds that the network is
not worth its time, it is AV1's own. BD-rates are at equal error: colour of RGB, depth of valid
pixels. What AV1 made is kept in the folder of codings. `icl` is of the test set, for reporting
only; `rpy` and `aims` are of the training set.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from encodepth.codings import av1_inter, restored_inter
from encodepth.codings.base import Ask, Coded
from encodepth.files import write_file
from encodepth.learned import open_model
from encodepth.metrics import bd_rate
from encodepth.references import Seen

from ..common import RESULTS, keep, options, progress, show
from .over_time import NAMES, Cut, load

QUALITIES = (15, 30, 45, 60, 75, 88)
SENT = 4  # bytes of the weights' fingerprint, which stands with each picture
SHIPPED = {
    "color": ("restore-color", "restore-color-small"),
    "depth": ("restore", "restore-small"),
}


class One:
    """A network that stands for whatever a file asks for."""

    def __init__(self, restorer: Any) -> None:
        self._restorer = restorer

    def __getitem__(self, _: str) -> Any:
        return self._restorer

    def of(self, *_: object) -> Any:
        return self._restorer


def main() -> None:
    parser = options(__doc__, output=RESULTS / "restored_groups.json", frames=24)
    parser.add_argument("--what", nargs="+", choices=SHIPPED, default=[*SHIPPED])
    parser.add_argument("--sequences", nargs="+", choices=NAMES, default=["office", "static"])
    parser.add_argument("--effort", type=int, default=8)
    parser.add_argument("--weights", nargs="+", help="names or files; those that ship if left out")
    parser.add_argument("--codings", type=Path, default=Path("out/codings"))
    args = parser.parse_args()
    rows = []
    for what in args.what:
        names = args.weights or SHIPPED[what]
        restorers = {name: open_model(name, threads=1) for name in names}
        for sequence in args.sequences:
            cut, unit = Cut(640, 480, args.frames), NAMES[sequence][1]
            planes = [getattr(image, what) for image in load(sequence, what, cut)]
            groups = {}
            for quality in QUALITIES:
                ask = Ask(quality=quality, effort=args.effort, unit=unit)
                label = f"{what}-{sequence}-{cut}-{args.effort}-{quality}"
                groups[quality] = coded(what, planes, ask, args.codings / f"{label}.group")
            for name, restorer in restorers.items():
                row = {"what": what, "sequence": sequence, "weights": Path(name).stem}
                row |= {"fingerprint": f"{restorer.fingerprint:08x}"}
                rows.append(row | measured(what, planes, groups, restorer))
                progress({k: v for k, v in rows[-1].items() if k != "points"})
    keep(args.output, {"frames": args.frames, "effort": args.effort, "rows": rows})
    show([{k: v for k, v in row.items() if k != "points"} for row in rows])


def coded(what: str, planes: Sequence[np.ndarray], ask: Ask, kept: Path) -> list[Coded]:
    """Return a group as AV1 codes it, from its file where that is there."""
    if not kept.exists():
        group = av1_inter.encode_group(what, planes, ask, seen_of(what, planes, None))
        assert group is not None
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_file(kept, pickle.dumps(group))
    found: list[Coded] = pickle.loads(kept.read_bytes())
    return found


def measured(
    what: str, planes: Sequence[np.ndarray], groups: dict[int, list[Coded]], restorer: Any
) -> dict[str, Any]:
    """Return by how many percent a network lessens error and bytes of a sequence's groups."""
    seen, points = seen_of(what, planes, restorer), []
    for quality, plain in groups.items():
        restored = restored_inter.restored(what, planes, plain, seen)
        shape = planes[0].shape[0], planes[0].shape[1]
        used = restored[0].coding == "restored-inter"
        before = off(planes, list(av1_inter.decode_group(what, plain, shape, seen)))
        after = before
        if used:
            after = off(planes, list(restored_inter.decode_group(what, restored, shape, seen)))
        size = sum(len(one.payload) for one in plain)
        more = sum(len(one.payload) + SENT for one in restored) - size if used else 0
        points.append([quality, size, before, size + more, after])
    curves = [[(p[i], -20 * math.log10(p[i + 1])) for p in points] for i in (1, 3)]
    change = [math.log(p[4] / p[2]) for p in points]
    return {
        "RMSE %": round(100 * (math.exp(float(np.mean(change))) - 1), 2),
        "bytes %": round(bd_rate(*curves), 2),
        "points": points,
    }


def seen_of(what: str, planes: Sequence[np.ndarray], restorer: Any) -> list[Seen]:
    """Return what a decoder has of each picture, the masks of depth among it."""
    found = [Seen(One(restorer)) for _ in planes]
    if what == "depth":
        for here, plane in zip(found, planes, strict=True):
            here.offer("mask", partial(np.greater, plane, 0))
    return found


def off(planes: Sequence[np.ndarray], decoded: Sequence[np.ndarray]) -> float:
    """Return the RMSE over a group, of depth's valid pixels."""
    squares, samples = 0.0, 0
    for plane, back in zip(planes, decoded, strict=True):
        inside = plane > 0 if plane.ndim == 2 else np.ones_like(plane, bool)
        error = (back.astype(np.float64) - plane)[inside]
        squares, samples = squares + float(np.square(error).sum()), samples + error.size
    return math.sqrt(squares / samples)


if __name__ == "__main__":
    main()
