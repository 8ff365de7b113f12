"""What --effort 8 and 9 bring the learned coder: bytes at equal error and time, against effort 7.

    python -m runs.choices.effort [--every N]

Time: about 4 minutes on one core.

Whole files of colour at five qualities: frames of `data/val` and photographs of
`cid22/validation_*`. Prints the BD-rate (PSNR) and the ratio of CPU times of every picture; writes
the means to results/effort.json. Needs ../shared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import torch

import encodepth
from encodepth.metrics import bd_rate, psnr
from runs.common import DATA, RESULTS, frames_of, keep, options

QUALITIES = (10, 30, 50, 70, 90)
EFFORTS = (8, 9)
SETS = ("data/val", "cid22/validation")


def main() -> None:
    asked = options(__doc__, output=RESULTS / "effort.json", every=8).parse_args()
    torch.set_num_threads(1)
    codec = encodepth.Codec()
    record: dict[str, object] = {"qualities": QUALITIES}
    for name in SETS:
        rates, times = [], []
        for label, color in pictures(name, asked.every):
            usual, spent = measure(codec, color, 7)
            found = [measure(codec, color, effort) for effort in EFFORTS]
            rates.append([bd_rate(usual, curve) for curve, _ in found])
            times.append([seconds / spent for _, seconds in found])
            print(label, np.round(rates[-1], 2), "%", np.round(times[-1], 1), "times", flush=True)
        record[name] = {
            f"effort {effort}": {
                "bd_rate_percent": round(float(np.mean(rates, axis=0)[i]), 2),
                "worst_percent": round(float(np.max(rates, axis=0)[i]), 2),
                "encode_time_ratio": round(float(np.mean(times, axis=0)[i]), 2),
                "pictures": len(rates),
            }
            for i, effort in enumerate(EFFORTS)
        }
    record["weights"] = f"{encodepth.load_model('base').fingerprint:08x}"
    print(json.dumps(record, indent=1))
    keep(asked.output, record)


def pictures(name: str, every: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (label, colour) of every Nth picture of a set; of photographs at most 640x480."""
    if name == "data/val":
        for pair in frames_of(DATA / "val", every=every):
            color = pair.load().color
            assert color is not None
            yield f"{pair.sequence}/{pair.frame}", color
        return
    for path in sorted(DATA.glob(f"{name}_*"))[::every]:
        color = encodepth.read(path).color
        assert color is not None
        yield path.name, np.ascontiguousarray(color[:480, :640])


def measure(
    codec: encodepth.Codec, color: np.ndarray, effort: int
) -> tuple[list[tuple[float, float]], float]:
    """Return ((bytes of the file, PSNR) per quality, CPU seconds of encoding)."""
    image, curve, spent = encodepth.RgbdImage(color), [], 0.0
    for quality in QUALITIES:
        start = time.process_time()
        data = codec.encode(image, quality=quality, coding="learned", effort=effort)
        spent += time.process_time() - start
        decoded = codec.decode(data).color
        assert decoded is not None
        curve.append((float(len(data)), psnr(decoded, color)))
    return curve, spent


if __name__ == "__main__":
    main()
