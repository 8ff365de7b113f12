"""Are --target-bytes and --target-rmse met, and in how many trials?

    python -m runs.gates.check_targets [--frames N] [--data DIR] [--coding av1 learned]

Time: 15 minutes on one core.

For each frame, coding and part (pair, colour, depth): targets spread evenly over the logarithm of
what qualities 5 and 95 give. A trial codes depth, or colour alone, once. Exits with 1 if a file is
above its target, or if a pair or depth is not within 3 %; colour alone has whole qualities only.
Writes results/targets.json.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from unittest.mock import patch

import numpy as np

from encodepth import Codec, RgbdImage
from encodepth.codec import _Job
from encodepth.metrics import depth_errors
from runs.common import DATA, RESULTS, frames_of, keep, options, progress, show

Found = list[tuple[float, int]]
"""(met / target, trials) of searches."""
SHARES = (0.2, 0.5, 0.8)  # of the way from quality 5 to quality 95


def main() -> int:
    parser = options(__doc__, output=RESULTS / "targets.json", data=DATA / "val", frames=4)
    parser.add_argument("--coding", nargs="+", default=["av1", "learned"])
    asked = parser.parse_args()
    found: dict[tuple[str, str, str], Found] = defaultdict(list)  # (coding, part, target)
    codec = Codec()
    for pair in frames_of(asked.data, count=asked.frames):
        for coding in asked.coding:
            _search(codec, pair.load(), coding, found)
        progress(f"{pair.sequence}/{pair.frame} done")
    record = [_row(*name, searches) for name, searches in found.items()]
    show(record)
    keep(asked.output, record)
    return 1 if any(_missed(row) for row in record) else 0


def _search(
    codec: Codec, image: RgbdImage, coding: str, found: dict[tuple[str, str, str], Found]
) -> None:
    depth = RgbdImage(depth=image.depth, depth_unit=image.depth_unit)
    parts = {"pair": image, "color": RgbdImage(image.color), "depth": depth}
    for part, picture in parts.items():
        for target in _spread(_size, codec, picture, coding):
            met, trials = _meet(codec, picture, coding, target_bytes=round(target))
            found[coding, part, "bytes"].append((len(met) / round(target), trials))
    for target in _spread(_rmse, codec, depth, coding):
        met, trials = _meet(codec, depth, coding, target_rmse=target)
        found[coding, "depth", "rmse"].append((_rmse(codec, depth, met) / target, trials))


def _row(coding: str, part: str, kind: str, found: Found) -> dict:
    ratios, trials = np.array(found).T
    near = (ratios >= 0.97) & (ratios <= (1 if kind == "bytes" else 1.03))
    return {
        "coding": coding,
        "part": part,
        "target": kind,
        "searches": len(found),
        "within_3_percent": int(near.sum()),
        "lowest": round(float(ratios.min()), 4),
        "highest": round(float(ratios.max()), 4),
        "mean_trials": round(float(trials.mean()), 1),
        "most_trials": int(trials.max()),
    }


def _missed(row: dict) -> bool:
    above = row["target"] == "bytes" and row["highest"] > 1
    return above or (row["part"] != "color" and row["within_3_percent"] < row["searches"])


def _spread(measure, codec: Codec, picture: RgbdImage, coding: str) -> list[float]:  # type: ignore[no-untyped-def]
    """Return targets between what qualities 5 and 95 measure."""
    first, last = (
        measure(codec, picture, codec.encode(picture, coding=coding, quality=q)) for q in (5, 95)
    )
    return [float(first * (last / first) ** share) for share in SHARES]


def _size(codec: Codec, picture: RgbdImage, data: bytes) -> int:
    return len(data)


def _rmse(codec: Codec, picture: RgbdImage, data: bytes) -> float:
    decoded = codec.decode(data, streams="depth").depth
    return depth_errors(decoded, picture.depth, depth_unit=picture.depth_unit).rmse_mm


def _meet(codec: Codec, picture: RgbdImage, coding: str, **target: float) -> tuple[bytes, int]:
    step = "_color" if picture.depth is None else "_depth_at"
    with patch.object(_Job, step, autospec=True, side_effect=getattr(_Job, step)) as trial:
        data = codec.encode(picture, coding=coding, **target)
    return data, trial.call_count


if __name__ == "__main__":
    sys.exit(main())
