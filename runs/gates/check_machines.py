"""A file decodes to the same symbols however this machine computes.

    python -m runs.gates.check_machines [--frames N] [--data DIR ...]
    python -m runs.gates.check_machines --bound 5 --frames 0 --data ../shared/data/val
    python -m runs.gates.check_machines --light [--frames N] [--crop N]

Time: ten seconds a frame; --light two minutes a processor and frame.

Encodes pairs here, then decodes each in fresh processes: ONNX Runtime with 1 and 2 threads, numba's
code for any CPU, and learned and restored streams in torch with oneDNN off, with AVX2 and SSE4.1
kernels, and with colour's float network in bfloat16. Learned symbols must agree (the file's check
says so) and pictures must be within one level (colour) and one depth step, but in bfloat16.

With --light it is learned colour alone and what runs it: ONNX Runtime with 1 and 2 threads and with
nothing fused, OpenVINO, torch, and, where qemu-user is installed, ONNX Runtime on processors with
SSE4.2, with AVX and with AVX2 at most (it picks kernels by what these can do).

With --bound it is depth within a bound: all must decode to the very plane that holds the bound and
the hole mask.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from encodepth import Codec, RgbdImage
from encodepth.learned import open_model
from runs.common import DATA, ROOT, frames_of, options, show, spread

Planes = dict[str, np.ndarray]
LEARNED = {"color": "learned", "depth": "restored"}


@dataclass(frozen=True)
class Variant:
    """A way of computing.

    Attributes:
        code: makes `model` (or `codec`) in the process that decodes, with `name` given.
        environment: of that process.
        processor: what qemu plays; "" for this one.
        loose: whether pictures may differ by more than a level or a step.
    """

    code: str
    environment: Mapping[str, str] = field(default_factory=dict)
    processor: str = ""
    loose: bool = False


_TORCH = """
import torch
from encodepth.networks.models import open_in_torch
{setup}
codec = Codec(open_in_torch(name, low_precision={low}))
codec._models["restore"] = open_in_torch("restore")
"""


def _torch(setup: str = "", low: bool = False) -> str:
    return _TORCH.format(setup=setup, low=low)


_SSE = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
FILES = {
    "1 thread": Variant("codec = Codec(name); codec._models._threads = 1"),
    "2 threads": Variant("codec = Codec(name); codec._models._threads = 2"),
    "any CPU": Variant("codec = Codec(name)", {"NUMBA_CPU_NAME": "generic"}),
    "torch": Variant(_torch()),
    "oneDNN off": Variant(_torch("torch.backends.mkldnn.set_flags(False)")),
    "SSE4.1": Variant(_torch(), _SSE),
    "AVX2": Variant(_torch(), _AVX2),
    "bfloat16": Variant(_torch(low=True), loose=True),
}
_UNFUSED = """
import onnxruntime
from functools import partial
from encodepth.learned import Plane, find_weights
from encodepth.learned.runtime import Runtime, session_of
from encodepth.learned.weights import read_weights
level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
weights = read_weights(find_weights(name))
backend = partial(session_of, changes=dict(graph_optimization_level=level))
model = Plane(weights, Runtime(weights, 1, backend))
"""
_OTHER = "from runs.choices.runtimes import opened; model = opened({!r}, name, 2)"
LIGHT = {
    "1 thread": Variant("model = open_model(name, 1)"),
    "2 threads": Variant("model = open_model(name, 2)"),
    "nothing fused": Variant(_UNFUSED),
    "OpenVINO": Variant(_OTHER.format("openvino")),
    "torch": Variant(_OTHER.format("torch")),
    "SSE4.2": Variant("model = open_model(name, 1)", processor="Nehalem"),
    "AVX": Variant("model = open_model(name, 1)", processor="SandyBridge"),
    "AVX2": Variant("model = open_model(name, 1)", processor="Haswell"),
}
CHILD = """
import sys
from pathlib import Path
import numpy as np
from encodepth import Codec
from encodepth.learned import open_model
sys.path.insert(0, {root!r})
name = {name!r}
{code}
for path in sorted(Path(sys.argv[1]).glob("*.rgbd")):
    image = {decode}
    np.savez(path.with_suffix(".npz"), **image)
"""
_FILE = """codec.decode(path.read_bytes())
    image = {"color": image.color, "depth": image.depth}
    image = {kind: plane for kind, plane in image.items() if plane is not None}"""
_STREAM = """np.load(path)
    given = image["payload"].tobytes(), *image["fields"].tolist()
    image = {"color": model.decode(*given)}"""


def main() -> int:
    parser = options(__doc__, frames=10, model=True)
    parser.add_argument("--data", type=Path, nargs="+", default=[DATA / "test"])
    parser.add_argument("--bound", type=float, help="depth within so many mm, instead of learned")
    parser.add_argument("--light", action="store_true", help="what runs learned colour")
    parser.add_argument("--crop", type=int, default=224, help="side of the pictures of --light")
    asked = parser.parse_args()
    pairs = spread([p for folder in asked.data for p in frames_of(folder)], asked.frames)
    images = [pair.load() for pair in pairs]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.light:
            expected = _streams(asked.model, images, asked.crop, folder)
            return _compare(LIGHT, asked.model, _STREAM, folder, expected)
        expected = _files(asked.model, images, asked.bound, folder)
        return _compare(FILES, asked.model, _FILE, folder, expected, asked.bound is not None)


def _files(
    name: str, images: Sequence[RgbdImage], bound: float | None, folder: Path
) -> dict[str, Planes]:
    """Write files, learned or within a bound; return what they decode to here."""
    codec, expected = Codec(name), {}
    for stem, quality, image in _named(images):
        if bound is None:
            data = codec.encode(image, quality=quality, coding=LEARNED)
        else:
            data = _bounded(codec, image, bound)
        (folder / f"{stem}.rgbd").write_bytes(data)
        decoded = codec.decode(data)
        expected[stem] = {"color": decoded.color, "depth": decoded.depth}
    return expected


def _streams(name: str, images: Sequence[RgbdImage], crop: int, folder: Path) -> dict[str, Planes]:
    """Write learned streams of colour; return what they decode to here."""
    model, expected = open_model(name), {}
    for stem, quality, image in _named(images):
        color = np.ascontiguousarray(image.color[:crop, :crop])
        coded = model.encode(color, quality)
        fields = (*color.shape[:2], quality, coded.check)
        payload = np.frombuffer(coded.payload, np.uint8)
        with open(folder / f"{stem}.rgbd", "wb") as file:
            np.savez(file, payload=payload, fields=fields)
        expected[stem] = {"color": model.decode(coded.payload, *fields)}
    return expected


def _named(images: Sequence[RgbdImage]) -> Iterator[tuple[str, int, RgbdImage]]:
    """Yield (name, quality, image)."""
    for i, image in enumerate(images):
        yield f"{i:03}", 10 + 80 * i // len(images), image


def _compare(
    variants: Mapping[str, Variant], name: str, decode: str, folder: Path,
    expected: Mapping[str, Planes], exact: bool = False,
) -> int:  # fmt: skip
    """Decode in every way, print how far each is off, and return the exit status."""
    rows, failed = [], 0
    for label, variant in variants.items():
        row, bad = _apart(variant, name, decode, folder, expected, exact)
        rows.append({"decoder": label, "files": len(expected), **row})
        failed += bad
    show(rows)
    return 1 if failed else 0


def _apart(
    variant: Variant, name: str, decode: str, folder: Path,
    expected: Mapping[str, Planes], exact: bool,
) -> tuple[dict[str, object], bool]:  # fmt: skip
    """Return (how far planes decoded in a fresh process are off, whether that is too much)."""
    off: dict[str, object] = {"color, levels off": "", "depth, steps off": "", "said": ""}
    emulator = shutil.which("qemu-x86_64") if variant.processor else ""
    if emulator is None:
        return off | {"said": "qemu-user is not installed"}, False
    python = os.path.realpath(sys.executable) if emulator else sys.executable
    code = CHILD.format(root=str(ROOT), name=name, code=variant.code, decode=decode)
    paths = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.run(
        [*([emulator, "-cpu", variant.processor] if emulator else []), python, "-c", code, folder],
        env={**os.environ, **variant.environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )  # fmt: skip
    if child.returncode:
        return off | {"said": f"FAILED: {child.stderr.strip().splitlines()[-1]}"}, True
    most = {"color": 0, "depth": 0}
    for stem, planes in expected.items():
        with np.load(folder / f"{stem}.npz") as got:
            for kind, plane in planes.items():
                if plane is not None:
                    most[kind] = max(most[kind], _most(got[kind], plane))
    bad = max(most.values()) > (0 if exact else 1) and not variant.loose
    said = "TOO MUCH" if bad else ""
    return dict(zip(off, (most["color"], most["depth"], said), strict=True)), bad


def _bounded(codec: Codec, image: RgbdImage, bound: float) -> bytes:
    """Return depth alone within a bound, and see that here it holds."""
    alone = RgbdImage(depth=image.depth, depth_unit=image.depth_unit)
    data = codec.encode(alone, max_depth_error=bound)
    decoded = codec.decode(data).depth
    if not np.array_equal(decoded == 0, image.depth == 0):
        raise SystemExit("the hole mask is not exact")
    if _most(decoded, image.depth) * image.depth_unit * 1000 > bound + 1e-9:
        raise SystemExit(f"the bound of {bound} mm is broken")
    return data


def _most(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max())


if __name__ == "__main__":
    sys.exit(main())
