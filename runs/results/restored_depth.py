"""What the network after AV1 saves in depth: RMSE and bytes against the same AV1.

Time: about 2 s of one core a frame; needs ../shared.

    python -m runs.results.restored_depth [--sets val test] [--frames 3] [--weights restore ...]
        [-o results/restored_depth.json]

Frames of each sequence are coded at six qualities, beside colour as AV1 leaves it. RMSE is over the
pixels that the plane codes, in its own codes, and a restored plane pays for the bytes that a file
pays: strength and gain one, the weights' fingerprint four. "one" takes the estimate as it is, as
version 0.1 did; "gain" by as much as the encoder finds best. BD-rates are at equal RMSE.
`data/test` is for reporting only: nothing is chosen by it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from encodepth import metrics
from encodepth.codings import av1_color, av1_frames, depth
from encodepth.codings.base import Ask
from encodepth.frame import RgbdImage
from encodepth.learned import Restorer, open_model
from encodepth.learned.restore import best_gain, said_of, strength_of

from ..common import DATA, RESULTS, keep, options, progress, sequences, show, spread

QUALITIES = (15, 30, 45, 60, 75, 88)
SETS = ("val", "test")
EFFORT, COLOR_QUALITY, COLOR_EFFORT = 6, 50, 3
SENT = 5


def main() -> None:
    parser = options(__doc__, output=RESULTS / "restored_depth.json", frames=3, sets=SETS)
    parser.add_argument("--weights", nargs="+", default=["restore"], help="names or files")
    args = parser.parse_args()
    restorers = {name: open_model(name, threads=1) for name in args.weights}
    rows = []
    for label in args.sets:
        for sequence, pairs in sorted(sequences(DATA / label).items()):
            images = [pair.load() for pair in spread(pairs, min(args.frames, len(pairs)))]
            points = [coded(image, quality) for image in images for quality in QUALITIES]
            for name, restorer in restorers.items():
                rows.append({"set": label, "sequence": sequence} | measured(restorer, points, name))
                progress(rows[-1])
    keep(args.output, {"frames": args.frames, "effort": EFFORT, "rows": rows})
    shown = [{k: v for k, v in row.items() if k != "points"} for row in rows]
    for label in args.sets:
        for name in args.weights:
            same = [r for r in shown if (r["set"], r["weights"]) == (label, name)]
            means = {k: round(float(np.mean([r[k] for r in same])), 2) for k in list(same[0])[4:]}
            shown.append({**same[0], "sequence": "mean", **means})
    show(shown)


def coded(image: RgbdImage, quality: int) -> dict[str, Any]:
    """Return a plane as AV1 codes and decodes it, and what the network sees beside it."""
    assert image.depth is not None
    assert image.color is not None
    shape = image.depth.shape
    mapped = depth.to_plane(image.depth, Ask(quality=quality, unit=image.depth_unit))
    assert mapped is not None
    data = av1_frames.encode_plane(mapped.plane, mapped.quality, EFFORT)
    inside = (image.depth > 0) & ((image.depth <= mapped.far) if mapped.far else True)
    stream = av1_color.encode_color(image.color, COLOR_QUALITY, COLOR_EFFORT)
    beside = mapped.beside(image.depth, EFFORT)
    return {
        "quality": quality,
        "bytes": len(data) + len(beside),
        "rough": av1_frames.decode_plane(data, *shape),
        "plane": mapped.plane,
        "inside": inside,
        "color": av1_color.decode_color(stream, *image.color.shape[:2]),
    }


def measured(restorer: Restorer, points: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return by how many percent a network lessens RMSE and bytes of a sequence's planes."""
    curves: dict[int, list[dict[str, float]]] = defaultdict(list)
    for p in points:
        rough, plane, inside = p["rough"], p["plane"], p["inside"]
        color = p["color"] if p["color"].shape[:2] == plane.shape else None
        strength = strength_of(off(rough, plane, inside))
        gain, _ = best_gain(restorer.power(rough, plane, inside, strength, color))
        one, best = (
            restorer.restore(rough, inside, said_of(strength, way), color) for way in (0, gain)
        )
        curves[p["quality"]].append({
            "bytes": p["bytes"], "av1": off(rough, plane, inside), "one": off(one, plane, inside),
            "gain": off(best, plane, inside),
        })  # fmt: skip
    means = [{k: float(np.mean([r[k] for r in rs])) for k in rs[0]} for rs in curves.values()]
    found: dict[str, Any] = {"weights": name, "fingerprint": f"{restorer.fingerprint:08x}"}
    for way in ("one", "gain"):
        change = [math.log(p[way] / p["av1"]) for rs in curves.values() for p in rs]
        found[f"{way}, RMSE %"] = round(100 * (math.exp(float(np.mean(change))) - 1), 2)
    for way in ("one", "gain"):
        plain = [(p["bytes"], -20 * math.log10(p["av1"])) for p in means]
        better = [(p["bytes"] + SENT, -20 * math.log10(p[way])) for p in means]
        found[f"{way}, bytes %"] = round(metrics.bd_rate(plain, better), 2)
    return found | {"points": means}


def off(plane: np.ndarray, wanted: np.ndarray, inside: np.ndarray) -> float:
    """Return the RMSE in codes."""
    error = np.square(plane - wanted)[inside].mean(dtype=np.float64)
    return max(av1_frames.TOP * math.sqrt(float(error)), 1e-3)


if __name__ == "__main__":
    main()
