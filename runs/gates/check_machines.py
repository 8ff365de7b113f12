"""A file decodes to the same symbols however this machine computes.

    python -m runs.gates.check_machines [--frames N] [--data DIR ...]
    python -m runs.gates.check_machines --bound 5 --frames 0 --data ../shared/data/val
    python -m runs.gates.check_machines --light [--frames N] [--crop N]

Time: learned a minute a frame; --light two minutes a processor and frame.

Encodes pairs here, then decodes each in fresh processes: 1 and 2 threads, oneDNN off, AVX2 and
SSE4.1 kernels, numba's code for any CPU, bfloat16 for the float networks. Learned symbols must
agree (the file's check says so) and pictures must be within one level (colour) and one depth step,
but in bfloat16. With --light it is learned colour alone and what runs it: ONNX Runtime with 1 and 2
threads and with nothing fused, OpenVINO, torch, and, where qemu-user is installed, ONNX Runtime on
processors with SSE4.2, with AVX and with AVX2 at most (it picks kernels by what these can do).
With --bound it is depth within a bound: all must decode to the very plane that holds the bound and
the hole mask.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from encodepth import RgbdImage
from encodepth.codec import Codec
from encodepth.io.dataset import open_dataset

DATA = Path(__file__).parents[3] / "shared" / "data" / "test"
SSE = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
LEARNED = {"color": "learned", "depth": "restored"}
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
LIGHT = {  # name -> (qemu's processor or None, how the model is opened)
    "1 thread": (None, "open_model({model!r}, 1)"),
    "2 threads": (None, "open_model({model!r}, 2)"),
    "nothing fused": (None, "unfused({model!r})"),
    "OpenVINO": (None, "opened('openvino', {model!r}, 2)"),
    "torch": (None, "opened('torch', {model!r}, 2)"),
    "SSE4.2": ("Nehalem", "open_model({model!r}, 1)"),
    "AVX": ("SandyBridge", "open_model({model!r}, 1)"),
    "AVX2": ("Haswell", "open_model({model!r}, 1)"),
}
LIGHT_CHILD = """
import sys
from functools import partial
from pathlib import Path
import numpy as np
from encodepth.learned import Plane, find_weights, open_model
from encodepth.learned.runtime import Runtime, session_of
from encodepth.learned.weights import read_weights
sys.path.insert(0, {runs!r})
from runs.choices.runtimes import opened
def unfused(name):
    import onnxruntime
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    weights = read_weights(find_weights(name))
    backend = partial(session_of, changes=dict(graph_optimization_level=level))
    return Plane(weights, Runtime(weights, 1, backend))
model = {opening}
decode = model.decode if hasattr(model, "decode") else lambda *a: model.decode_color(*a)[0]
for path in sorted(Path(sys.argv[1]).glob("*.npz")):
    with np.load(path) as f:
        payload, (height, width, quality, check) = f["payload"].tobytes(), f["fields"].tolist()
    np.save(path.with_suffix(".npy"), decode(payload, height, width, quality, check))
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--frames", type=int, default=10)
    arguments.add_argument("--data", type=Path, nargs="+", default=[DATA])
    arguments.add_argument("--model", default="base")
    arguments.add_argument(
        "--bound", type=float, help="depth within so many mm, instead of learned"
    )
    arguments.add_argument("--light", action="store_true", help="what runs learned colour")
    arguments.add_argument("--crop", type=int, default=224, help="side of the pictures of --light")
    options = arguments.parse_args()
    pairs = [pair for folder in options.data for pair in open_dataset(folder).pairs]
    count = options.frames or len(pairs)
    chosen = [pairs[i] for i in np.linspace(0, len(pairs) - 1, count).astype(int)]
    if options.light:
        return _light([p.load().color for p in chosen], options.model, options.crop)
    codec, failed = Codec(model=options.model), 0
    with tempfile.TemporaryDirectory() as folder:
        expected = {}
        for i, pair in enumerate(chosen):
            if options.bound is None:
                quality = 10 + 80 * i // len(chosen)
                data = codec.encode(
                    pair.load(), quality=quality, coding={"color": "learned", "depth": "restored"}
                )
            else:
                data = _bounded(codec, pair.load(), options.bound)
            Path(folder, f"{i:03}.rgbd").write_bytes(data)
            expected[f"{i:03}"] = codec.decode(data)
        print(f"{'decoder':12} {'files':>5} {'color, levels off':>18} {'depth, steps off':>17}")
        for name, (environment, setup) in VARIANTS.items():
            child = subprocess.run(
                [sys.executable, "-c", CHILD.format(setup=setup, model=options.model), folder],
                env=os.environ | environment,
                capture_output=True,
                text=True,
            )
            if child.returncode:
                print(f"{name:12} FAILED: {child.stderr.strip().splitlines()[-1]}")
                failed += 1
                continue
            color = depth = 0
            for stem, image in expected.items():
                with np.load(Path(folder, f"{stem}.npz")) as got:
                    if "color" in got:
                        color = max(color, _apart(got["color"], image.color))
                    depth = max(depth, _apart(got["depth"], image.depth))
            if options.bound is None:
                bad = name != "bfloat16" and (color > 1 or depth > 1)
            else:
                bad = depth > 0
            failed += bad
            print(f"{name:12} {len(expected):5} {color:18} {depth:17}{'  TOO MUCH' if bad else ''}")
    return 1 if failed else 0


def _light(pictures: list[np.ndarray], name: str, crop: int) -> int:
    """Decode learned colour with every runtime; return the exit status."""
    from encodepth.learned import open_model

    model, failed, expected = open_model(name), 0, {}
    with tempfile.TemporaryDirectory() as folder:
        for i, picture in enumerate(pictures):
            rgb = np.ascontiguousarray(picture[:crop, :crop])
            fields = (*rgb.shape[:2], 10 + 80 * i // len(pictures))
            coded = model.encode(rgb, fields[2])
            expected[f"{i:03}"] = model.decode(coded.payload, *fields, coded.check)
            payload = np.frombuffer(coded.payload, np.uint8)
            np.savez(Path(folder, f"{i:03}.npz"), payload=payload, fields=[*fields, coded.check])
        print(f"{'decoder':14} {'files':>5} {'levels off':>11} {'samples off':>12}")
        for variant, (processor, opening) in LIGHT.items():
            python = os.path.realpath(sys.executable) if processor else sys.executable
            emulator = shutil.which("qemu-x86_64") if processor else ""
            if emulator is None:
                print(f"{variant:14} qemu-user is not installed")
                continue
            code = LIGHT_CHILD.format(
                runs=str(Path(__file__).parents[2]), opening=opening.format(model=name)
            )
            child = subprocess.run(
                [*([emulator, "-cpu", processor] if emulator else []), python, "-c", code, folder],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                capture_output=True,
                text=True,
            )
            if child.returncode:
                print(f"{variant:14} FAILED: {child.stderr.strip().splitlines()[-1]}")
                failed += 1
                continue
            got = {stem: np.load(Path(folder, f"{stem}.npy")) for stem in expected}
            most = max(_apart(got[stem], rgb) for stem, rgb in expected.items())
            share = np.mean([np.mean(got[stem] != rgb) for stem, rgb in expected.items()])
            failed += most > 1
            print(f"{variant:14} {len(expected):5} {most:11} {share:12.1e}")
    return 1 if failed else 0


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
