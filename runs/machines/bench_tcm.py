"""How much faster the thesis's networks run here than written plainly (docs/tcm.md).

    python -m runs.machines.bench_tcm [--threads 1] [--rounds 5] [--openvino]

Time: about 10 minutes on two idle cores. Needs no data, no weights. Writes results/bench_tcm.json.

The plain way is tests/tcm_twin.py: the formulas in eager torch, fp32, (B, C, H, W). All variants
run in turn, round after round, in one process; a ratio divides the plain way's median by the
variant's. With one thread, CPU seconds are compared, which other programs on the machine disturb
little; with more, wall seconds. Then whole calls of `compress` and `decompress` are timed, and what
is left after the networks' own time, the glue (indexes, tables, coder, copies), is a share of it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from runs.common import RESULTS, ROOT, keep, options

sys.path.insert(0, str(ROOT / "tests"))
import tcm_twin as twin
from encodepth.thesis.random import random_tcm
from encodepth.thesis.rows import ROWS
from encodepth.thesis.tcm import TCM, pad

HEIGHT, WIDTH = 480, 640
NETWORKS = ("g_a", "g_s", "h_a", "h_mean_s", "h_scale_s")
SLICE_NETWORKS = ("mean_attention", "scale_attention", "mean", "scale", "lrp")


def main() -> None:
    parser = options(__doc__, output=RESULTS / "bench_tcm.json")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--openvino", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    clock = time.process_time if asked.threads == 1 else time.perf_counter
    with torch.no_grad():
        record = {"torch": torch.__version__, "threads": asked.threads}
        record["clock"] = clock.__name__
        record |= transforms(asked.rounds, asked.openvino, clock)
        record |= glue(asked.rounds, clock)
    print(json.dumps(record, indent=1))
    keep(asked.output, record)


def transforms(rounds: int, openvino: bool, clock: Callable[[], float]) -> dict[str, object]:
    """Median seconds and ratios of g_a and g_s."""
    model, low = random_tcm(ROWS["rgb"]), random_tcm(ROWS["rgb"]).use_bfloat16()
    x = pad(picture())
    y = model.analyse(x)
    calls: dict[str, Callable[[], object]] = {
        "g_a plain": lambda: twin.analysis(model.g_a, x),
        "g_a fp32": lambda: model.analyse(x),
        "g_a bf16": lambda: low.analyse(x),
        "g_s plain": lambda: twin.synthesis(model.g_s, y),
        "g_s fp32": lambda: model.synthesise(y),
        "g_s bf16": lambda: low.synthesise(y),
    }
    errors = {
        "g_a fp32": relative(model.analyse(x), twin.analysis(model.g_a, x)),
        "g_s fp32": relative(model.synthesise(y), twin.synthesis(model.g_s, y)),
        "g_a bf16": relative(low.analyse(x), y),
        "g_s bf16": relative(low.synthesise(y), model.synthesise(y)),
    }
    if openvino:
        from encodepth.thesis.openvino import Compiled

        for precision in ("fp32", "bf16"):
            for name, net, given in (("g_a", model.g_a, x), ("g_s", model.g_s, y)):
                compiled = Compiled(net, precision, check=False)
                errors[f"{name} openvino {precision}"] = compiled.parity(compiled(given), given)
                calls[f"{name} openvino {precision}"] = lambda c=compiled, g=given: c(g)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(timed(call, clock))
    medians = {name: statistics.median(s) for name, s in seconds.items()}
    ratios = {n: medians[f"{n[:3]} plain"] / s for n, s in medians.items() if "plain" not in n}
    return {
        "seconds": rounded(medians),
        "spread": {n: [round(min(s), 3), round(max(s), 3)] for n, s in seconds.items()},
        "faster_than_plain": rounded(ratios),
        "relative_error": {n: float(f"{e:.1e}") for n, e in errors.items()},
    }


def glue(rounds: int, clock: Callable[[], float]) -> dict[str, object]:
    """Share of compress and decompress that no network spends."""
    model = random_tcm(ROWS["rgb"])
    spent = watch(model, clock)
    x = picture()
    coded = model.compress(x)
    model.decompress(coded, HEIGHT, WIDTH)
    shares: dict[str, list[float]] = {"compress": [], "decompress": []}
    seconds: dict[str, list[float]] = {"compress": [], "decompress": []}
    calls = {
        "compress": lambda: model.compress(x),
        "decompress": lambda: model.decompress(coded, HEIGHT, WIDTH),
    }
    for _ in range(rounds):
        for name, call in calls.items():
            spent.clear()
            whole = timed(call, clock)
            seconds[name].append(whole)
            shares[name].append(1 - sum(spent) / whole)
    return {
        "call_seconds": {n: round(statistics.median(s), 3) for n, s in seconds.items()},
        "glue_share": {n: round(statistics.median(s), 4) for n, s in shares.items()},
        "payload_bytes": len(coded[0].payload),
    }


def watch(model: TCM, clock: Callable[[], float]) -> list[float]:
    """Note the seconds of every call of a network in the list returned."""
    spent: list[float] = []
    parts: list[nn.Module] = [getattr(model, name) for name in NETWORKS]
    for name in SLICE_NETWORKS:
        parts += list(getattr(model.slices, name))
    started: dict[nn.Module, float] = {}
    for part in parts:
        part.register_forward_pre_hook(lambda m, _: started.__setitem__(m, clock()))
        part.register_forward_hook(lambda m, *_: spent.append(clock() - started.pop(m)))
    return spent


def timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start


def picture() -> torch.Tensor:
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 15, 20)
    smooth = nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bicubic")
    return (0.9 * smooth + 0.1 * torch.rand(smooth.shape)).clamp(0, 1)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


if __name__ == "__main__":
    main()
