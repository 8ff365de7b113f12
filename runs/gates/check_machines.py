"""A file decodes to the same symbols however this machine computes.

    python -m runs.gates.check_machines [--frames N] [--data DIR ...]
    python -m runs.gates.check_machines --bound 5 --frames 0 --data ../shared/data/{test,val}

Time: learned files a minute a frame, bounded ones a few seconds.

Encodes pairs here, then decodes each in fresh processes: 1 and 2 threads, oneDNN off, AVX2 and
SSE4.1 kernels, numba's code for any CPU, bfloat16 for the float networks. Learned symbols
have to agree (the file's check says so) and pictures to be within one level (colour) and one depth
step, but in bfloat16. With --bound it is depth within a bound: all decode to the very plane that
holds the bound and the hole mask.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from encodepth import RgbdImage
from encodepth.codec import Codec
from encodepth.io.dataset import open_dataset
from encodepth.io.pair import Pair
from runs.common import DATA, need, options, spread

SSE = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
VARIANTS = {  # name -> (environment, setup run before decoding)
    "as encoded": ({}, ""),
    "1 thread": ({}, "torch.set_num_threads(1)"),
    "2 threads": ({}, "torch.set_num_threads(2)"),
    "oneDNN off": ({}, "torch.backends.mkldnn.set_flags(False)"),
    "SSE4.1": (SSE, ""),
    "AVX2": (AVX2, ""),
    "any CPU": ({"NUMBA_CPU_NAME": "generic"}, ""),
    "bfloat16": ({}, "low = True"),
}
CHILD = """
import sys, numpy as np, torch
from pathlib import Path
from encodepth.codec import Codec
from encodepth.networks.base import load_model
low = False
{setup}
model = load_model({model!r})
model.use_low_precision(low)
codec = Codec(model)
for path in sorted(Path(sys.argv[1]).glob("*.rgbd")):
    image = codec.decode(path.read_bytes())
    planes = dict(color=image.color, depth=image.depth)
    np.savez(path.with_suffix(".npz"), **dict((k, p) for k, p in planes.items() if p is not None))
"""


def main() -> int:
    parser = options(__doc__, frames=10, model=True)
    parser.add_argument("--data", type=Path, nargs="+", default=[DATA / "test"])
    parser.add_argument("--bound", type=float, help="depth within so many mm, instead of learned")
    asked = parser.parse_args()
    need(*asked.data)
    pairs = [pair for folder in asked.data for pair in open_dataset(folder)]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        expected = _encoded(spread(pairs, asked.frames), Path(folder), asked.model, asked.bound)
        print(f"{'decoder':12} {'files':>5} {'color, levels off':>18} {'depth, steps off':>17}")
        for name in VARIANTS:
            said = _decoded_elsewhere(name, Path(folder), asked.model)
            if said:
                print(f"{name:12} FAILED: {said}")
                failed += 1
                continue
            color, depth = _differences(expected, Path(folder))
            bad = depth > 0 if asked.bound is not None else color > 1 or depth > 1
            bad = bad and (asked.bound is not None or name != "bfloat16")
            failed += bad
            print(f"{name:12} {len(expected):5} {color:18} {depth:17}{'  TOO MUCH' if bad else ''}")
    return 1 if failed else 0


def _encoded(
    pairs: list[Pair], folder: Path, model: str, bound: float | None
) -> dict[str, RgbdImage]:
    """Write a file per pair; return by its stem what it decodes to here."""
    codec, expected = Codec(model=model), {}
    for i, pair in enumerate(pairs):
        if bound is None:
            quality = 10 + 80 * i // len(pairs)
            data = codec.encode(pair.load(), quality=quality, coder="learned")
        else:
            data = _bounded(codec, pair.load(), bound)
        (folder / f"{i:03}.rgbd").write_bytes(data)
        expected[f"{i:03}"] = codec.decode(data)
    return expected


def _decoded_elsewhere(name: str, folder: Path, model: str) -> str:
    """Decode every file in a process of that kind; return its last words if it failed."""
    environment, setup = VARIANTS[name]
    child = subprocess.run(
        [sys.executable, "-c", CHILD.format(setup=setup, model=model), folder],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    return child.stderr.strip().splitlines()[-1] if child.returncode else ""


def _differences(expected: dict[str, RgbdImage], folder: Path) -> tuple[int, int]:
    """Return the largest differences of (colour, depth) from what was decoded here."""
    color = depth = 0
    for stem, image in expected.items():
        with np.load(folder / f"{stem}.npz") as got:
            if "color" in got:
                color = max(color, _apart(got["color"], image.color))
            depth = max(depth, _apart(got["depth"], image.depth))
    return color, depth


def _bounded(codec: Codec, image: RgbdImage, bound: float) -> bytes:
    """Return depth alone within a bound, and see that here it holds."""
    data = codec.encode(
        RgbdImage(depth=image.depth, depth_unit=image.depth_unit), max_depth_error=bound
    )
    decoded = codec.decode(data).depth
    if not np.array_equal(decoded == 0, image.depth == 0):
        raise SystemExit("the hole mask is not exact")
    if _apart(decoded, image.depth) * image.depth_unit * 1000 > bound + 1e-9:
        raise SystemExit(f"the bound of {bound} mm is broken")
    return data


def _apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max())


if __name__ == "__main__":
    sys.exit(main())
