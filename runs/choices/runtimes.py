"""What runs the networks that ship: ONNX Runtime, OpenVINO and torch, side by side.

python -m runs.choices.runtimes [--rounds N]     a minute; needs openvino and onnx besides torch

One 640x480 sample: learned colour encoded (quality 50, effort 7) and decoded, depth restored with
colour beside it; processes take turns, so that a busy machine is busy for all, and the least of all
rounds counts. The first decode opens the model too. Import is of the package alone, in a fresh
process. Megabytes are those of the package and what it brings besides numpy, as pip leaves them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE = Path(__file__).parents[2] / "samples" / "desk"
RUNTIMES = ("onnxruntime", "openvino", "torch")
IMPORT = "import time; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"
BROUGHT = {
    "onnxruntime": ("onnxruntime", "flatbuffers", "protobuf", "packaging"),
    "openvino": ("openvino", "openvino-telemetry"),
    "torch": ("torch", "sympy", "networkx", "mpmath", "fsspec", "jinja2", "filelock"),
}


def openvino_backend(graph: Any, tensor: Any, threads: int) -> Any:
    """Open a graph in OpenVINO, as `encodepth.learned.runtime.Runtime` asks for it."""
    import onnx
    import openvino

    model = onnx.load_from_string(graph.model)
    for stored in model.graph.initializer:
        if stored.name in graph.weights:
            stored.CopyFrom(onnx.numpy_helper.from_array(tensor(stored.name), stored.name))
    core = openvino.Core()
    hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", hints | {"NUM_STREAMS": 1}
    )

    def run(inputs: dict[str, Any]) -> list[Any]:
        result = compiled(inputs)
        return [result[i].copy() for i in range(len(compiled.outputs))]

    return run


def opened(runtime: str, name: str, threads: int) -> Any:
    """Return a shipped model that runs there."""
    if runtime == "torch":
        import torch

        from encodepth.networks.models import open_in_torch

        torch.set_num_threads(threads)
        return open_in_torch(name)
    from encodepth.learned import find_weights, models
    from encodepth.learned.runtime import Runtime
    from encodepth.learned.weights import read_weights

    weights = read_weights(find_weights(name))
    backend = openvino_backend if runtime == "openvino" else None
    return models.LIGHT[weights.format](weights, Runtime(weights, threads, backend))


def measure(runtime: str, threads: int, rounds: int) -> dict[str, float]:
    """Return task -> seconds of wall clock and of this process's work, the least of the rounds."""
    from encodepth.io.pictures import read

    image = read(SAMPLE / "color.webp")
    rgb = np.ascontiguousarray(image.color)
    height, width = rgb.shape[:2]
    plane = np.tile(np.linspace(0.1, 0.9, width, dtype=np.float32), (height, 1))
    valid = np.ones(plane.shape, bool)
    color, restorer = (opened(runtime, n, threads) for n in ("base", "restore"))
    coded = color.encode(rgb, 50)
    given = (coded.payload, height, width, 50, coded.check)
    tasks = {
        "encode": lambda: color.encode(rgb, 50),
        "decode": lambda: color.decode(*given),
        "restore": lambda: restorer.restore(plane, valid, 20, rgb),
    }
    work = time.process_time()
    opened(runtime, "base", threads).decode(*given)
    found = {"first decode, CPU": time.process_time() - work}
    for name, task in tasks.items():
        task()
        for _ in range(rounds):
            wall, work = time.perf_counter(), time.process_time()
            task()
            for key, spent in (
                (name, time.perf_counter() - wall),
                (f"{name}, CPU", time.process_time() - work),
            ):
                found[key] = min(found.get(key, spent), spent)
    return found


def megabytes(runtime: str) -> float:
    """Return the size of a package and of what it brings besides numpy."""
    total = 0
    for name in BROUGHT[runtime]:
        for file in importlib.metadata.files(name) or []:
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return total / 1e6


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--turns", type=int, default=3)
    arguments.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.measure:
        runtime, threads = options.measure
        print(json.dumps(measure(runtime, int(threads), options.rounds)))
        return
    there = [r for r in RUNTIMES if importlib.util.find_spec(r)]
    best: dict[tuple[str, int], dict[str, float]] = {}
    loads = dict.fromkeys(there, float("inf"))
    for _ in range(options.turns):
        for runtime in there:
            loads[runtime] = min(loads[runtime], float(_child("-c", IMPORT.format(runtime))))
            for threads in options.threads:
                call = ("--rounds", str(options.rounds), "--measure", runtime, str(threads))
                found = json.loads(_child(__file__, *call))
                kept = best.setdefault((runtime, threads), found)
                best[runtime, threads] = {k: min(kept[k], v) for k, v in found.items()}
    print(f"{'':14}{'MB':>6}{'import s':>10}{'threads':>9}", end="")
    tasks = list(next(iter(best.values())))
    print("".join(f"{task + ' ms':>17}" for task in tasks))
    for (runtime, threads), found in best.items():
        print(f"{runtime:14}{megabytes(runtime):6.0f}{loads[runtime]:10.2f}{threads:9}", end="")
        print("".join(f"{1000 * found[task]:17.0f}" for task in tasks))


def _child(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    main()
