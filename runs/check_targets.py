"""Are --target-bytes and --target-rmse met, and in how many trials? 15 minutes on one core.

python runs/check_targets.py [--frames N] [--data DIR] [--coder avif learned]

For each frame, coder and part (pair, colour, depth): targets spread evenly over the logarithm of
what qualities 5 and 95 give. A trial codes depth, or colour alone, once. Exits with 1 if a file is
above its target, or if a pair or depth is not within 3 %; colour alone has whole qualities only.
Writes results/targets.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from unittest.mock import patch

import numpy as np

from encodepth import Codec, RgbdImage, streams
from encodepth.io.dataset import open_dataset
from encodepth.metrics import depth_errors

ROOT = Path(__file__).parents[1]
SHARES = (0.2, 0.5, 0.8)  # of the way from quality 5 to quality 95


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", type=int, default=4)
    arguments.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "val")
    arguments.add_argument("--coder", nargs="+", default=["avif", "learned"])
    arguments.add_argument("-o", type=Path, default=ROOT / "results" / "targets.json")
    options = arguments.parse_args()
    pairs = open_dataset(options.data)
    rows = defaultdict(list)  # (coder, part, target) -> (met / target, trials)
    codec = Codec()
    for i in np.linspace(0, len(pairs) - 1, options.frames).astype(int):
        image = pairs[i].load()
        depth = RgbdImage(depth=image.depth, depth_unit=image.depth_unit)
        parts = {"pair": image, "color": RgbdImage(image.color), "depth": depth}
        for coder in options.coder:
            for part, picture in parts.items():
                for target in _spread(_size, codec, picture, coder):
                    met, trials = _meet(codec, picture, coder, target_bytes=round(target))
                    rows[coder, part, "bytes"].append((len(met) / round(target), trials))
            for target in _spread(_rmse, codec, depth, coder):
                met, trials = _meet(codec, depth, coder, target_rmse=target)
                rows[coder, "depth", "rmse"].append((_rmse(codec, depth, met) / target, trials))
        print(f"{pairs[i].sequence}/{pairs[i].frame} done", file=sys.stderr)
    record, failed = [], 0
    for (coder, part, kind), found in rows.items():
        ratios, trials = np.array(found).T
        near = (ratios >= 0.97) & (ratios <= (1 if kind == "bytes" else 1.03))
        failed += int((ratios > 1).sum()) if kind == "bytes" else 0
        failed += int((~near).sum()) if part != "color" else 0
        record.append(
            {
                "coder": coder,
                "part": part,
                "target": kind,
                "searches": len(found),
                "within_3_percent": int(near.sum()),
                "lowest": round(float(ratios.min()), 4),
                "highest": round(float(ratios.max()), 4),
                "mean_trials": round(float(trials.mean()), 1),
                "most_trials": int(trials.max()),
            }
        )
        print(json.dumps(record[-1]))
    options.o.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if failed else 0


def _spread(measure, codec: Codec, picture: RgbdImage, coder: str) -> list[float]:  # type: ignore[no-untyped-def]
    """Return targets between what qualities 5 and 95 measure."""
    first, last = (
        measure(codec, picture, codec.encode(picture, coder=coder, quality=q)) for q in (5, 95)
    )
    return [float(first * (last / first) ** share) for share in SHARES]


def _size(codec: Codec, picture: RgbdImage, data: bytes) -> int:
    return len(data)


def _rmse(codec: Codec, picture: RgbdImage, data: bytes) -> float:
    decoded = codec.decode(data, streams="depth").depth
    return depth_errors(decoded, picture.depth, depth_unit=picture.depth_unit).rmse_mm


def _meet(codec: Codec, picture: RgbdImage, coder: str, **target: float) -> tuple[bytes, int]:
    step = "encode_color" if picture.depth is None else "encode_depth"
    with patch(f"encodepth.codec.{step}", wraps=getattr(streams, step)) as trial:
        data = codec.encode(picture, coder=coder, **target)
    return data, trial.call_count


if __name__ == "__main__":
    sys.exit(main())
