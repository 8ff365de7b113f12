"""How libaom searches for a depth map that stands alone, and CDEF: bytes at equal RMSE, and time.

Time: 20 minutes of one core. Needs ../shared.

    python -m runs.choices.depth_search [--rooms 2] [--frames 1] [-o results/depth_search.json]

Against what version 0.1 asked of libaom at an effort (usage all-intra, which leaves CDEF out): with
CDEF, and with usage good, libaom's for films, at the speed that the effort has now. Frames of each
sequence of data/val, their middle 480x480, with the networks of efforts 7 and 8 after it too, and
generated rooms. Payloads and five bytes of a network's; time is of all threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from encodepth import RgbdImage, metrics
from encodepth.codings import av1_frames as frames
from encodepth.codings import depth
from encodepth.codings.base import Ask
from encodepth.codings.libaom import Usage
from encodepth.learned import open_model
from encodepth.learned.restore import best_gain, said_of, strength_of
from encodepth.scenes.scene import scene
from runs.common import DATA, RESULTS, keep, middle, need, options, progress, sequences, show

WAS = {3: 6, 5: 5, 7: 4, 8: 3, 9: 1}  # libaom's speed at an effort
NETWORKS = ("restore-small", "restore")
QUALITIES = (35, 55, 75, 88)
SIDE, SENT = 480, 5  # pixels; bytes of a network's file
Curves = dict[str, list[tuple[float, float]]]
Plane = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # in [0, 1], where it counts, colour


def main() -> None:
    parser = options(__doc__, output=RESULTS / "depth_search.json", frames=1)
    parser.add_argument("--rooms", type=int, default=2, help="so many generated ones")
    asked = parser.parse_args()
    need(DATA)
    sets = {"data/val": list(measured(asked.frames)), "rooms": list(rooms(asked.rooms))}
    rows: list[dict[str, str | float]] = []
    for effort, was in WAS.items():
        now = frames._SPEED[effort]
        ways = {
            "with CDEF": (was, Usage.ALL_INTRA, True),
            "as it is": (now, frames.usage(now), True),
        }
        for name, planes in sets.items():
            plain = [curves(p, was, Usage.ALL_INTRA, False) for p in planes]
            for label, way in ways.items():
                found = [curves(p, *way) for p in planes]
                row: dict[str, str | float] = {"depth": f"{name} ({len(planes)})"}
                row |= {"effort": effort, "way": label}
                for key in plain[0][0]:
                    rates = [
                        metrics.bd_rate(a[key], b[key])
                        for (a, _), (b, _) in zip(plain, found, strict=True)
                    ]
                    row[f"{key} %"] = round(float(np.mean(rates)), 2)
                row["time"] = round(sum(t for _, t in found) / sum(t for _, t in plain), 2)
                progress(row)
                rows.append(row)
    show(rows)
    keep(asked.output, {"rows": rows})


def measured(count: int) -> Iterator[Plane]:
    """Yield planes of data/val."""
    for _, pairs in sorted(sequences(DATA / "val").items()):
        for pair in pairs[:: -(-len(pairs) // count)]:
            yield from plane_of(pair.load())


def rooms(count: int) -> Iterator[Plane]:
    """Yield planes of generated rooms."""
    for seed in range(count):
        yield from plane_of(scene(seed))


def plane_of(image: RgbdImage) -> Iterator[Plane]:
    """Yield the middle of what AV1 is given of a depth map, if it is given anything."""
    assert image.depth is not None
    mapped = depth.to_plane(image.depth, Ask())
    if mapped is None:
        return
    inside = (image.depth > 0) & ((image.depth <= mapped.far) if mapped.far else True)
    color = None
    if image.color is not None and image.color.shape[:2] == inside.shape:
        color = middle(image.color, SIDE, SIDE)
    yield middle(mapped.plane, SIDE, SIDE), middle(inside, SIDE, SIDE), color


def curves(plane: Plane, speed: int, usage: Usage, filtered: bool) -> tuple[Curves, float]:
    """Return (bytes, -20 log10 RMSE) of AV1 alone and after each network, and seconds in all."""
    wanted, inside, color = plane
    found: Curves = {"AV1": []} | {name: [] for name in NETWORKS}
    codes, took = np.rint(wanted * frames.TOP).astype(np.uint16), 0.0
    for quality in QUALITIES:
        began = time.process_time()
        data = frames.encode_codes(codes, quality, speed, usage, filtered)
        took += time.process_time() - began
        rough = frames.decode_plane(data, *wanted.shape)
        off = rmse(rough, plane)
        strength = strength_of(frames.TOP * off)
        found["AV1"].append((len(data), -20 * math.log10(off)))
        for name in NETWORKS:
            network = open_model(name)
            gain, less = best_gain(network.power(rough, wanted, inside, strength, color))
            if less > 0:
                said = said_of(strength, gain)
                off = rmse(network.restore(rough, inside, said, color), plane)
            found[name].append((len(data) + SENT, -20 * math.log10(off)))
    return found, took


def rmse(shown: np.ndarray, plane: Plane) -> float:
    wanted, inside, _ = plane
    return math.sqrt(float(np.square(shown - wanted)[inside].mean()))


if __name__ == "__main__":
    main()
