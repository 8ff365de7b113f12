"""Tables come out of integers alone: the same on every kernel, however the runtime computes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from encodepth.learned import find_weights
from encodepth.learned.runtime import Runtime, session_of
from encodepth.learned.weights import read_weights
from learned_twin import ScaleTwin

TINY = Path(__file__).parent / "weights" / "tiny.safetensors"
VARIANTS = {  # name -> (threads, options of the session changed)
    "1 thread": (1, {}),
    "2 threads": (2, {}),
    "nothing fused": (1, {"graph_optimization_level": 0}),
    "basic fusions": (2, {"graph_optimization_level": 1}),
    "extended fusions": (2, {"graph_optimization_level": 2}),
    "no reuse of memory": (1, {"enable_mem_reuse": False, "enable_mem_pattern": False}),
}


def runtime(weights, threads, changes) -> Runtime:
    import onnxruntime

    levels = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    )
    if "graph_optimization_level" in changes:
        changes = {"graph_optimization_level": levels[changes["graph_optimization_level"]]}
    return Runtime(weights, threads, partial(session_of, changes=changes))


def cases(hyper: int, latent: int):
    """Yield (z, symbols): usual ones, none, and the largest there are, of both signs."""
    rng = np.random.default_rng(5)
    for h, w in ((1, 1), (2, 3), (5, 4)):
        usual = rng.laplace(0, 2, (hyper, h, w)).round()
        wild = rng.choice([-32767, -255, -16, -1, 0, 1, 15, 16, 255, 32767], (hyper, h, w))
        symbols = rng.laplace(0, 1, (latent, 4 * h, 4 * w)).round()
        yield usual, symbols
        yield wild, rng.choice([-32767, -32, -31, 0, 1, 31, 32, 32767], symbols.shape)
        yield np.full_like(usual, 32767), np.full_like(symbols, -32767)
        yield np.full_like(usual, -32767), np.zeros_like(symbols)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_tables_equal_an_int64_oracle(model, variant):
    weights = read_weights(TINY if model == "tiny" else find_weights("base"))
    run, twin = runtime(weights, *VARIANTS[variant]), ScaleTwin(weights)
    offsets = weights.arrays["color/y_offset"]
    rng = np.random.default_rng(1)
    used = set()
    for z, symbols in cases(weights.arrays["color/z_index"].shape[1], offsets.shape[1]):
        blend = np.eye(1, 8, dtype=np.float32)
        mean, scale = run("color/features", z=z[None].astype(np.float32), blend=blend)
        expected = twin.features(z)
        assert np.array_equal(scale[0], expected)
        latent = rng.normal(0, 3, (1, *symbols.shape)).astype(np.float32)
        for step in range(4):
            offset = offsets[rng.integers(0, 101)]
            known = {
                "mean": mean,
                "scale": scale,
                "offset": offset.astype(np.float32).reshape(1, -1, 1, 1),
            }
            if step:
                known |= {"latent": latent, "symbols": symbols[None].astype(np.float32)}
            _, index = run(f"color/step{step}", **known)
            oracle = twin.index(expected, symbols if step else None, step, offset)
            assert np.array_equal(index[0], oracle)
            used |= set(oracle.ravel().tolist())
    assert len(used) > 20
    assert twin.most < 1 << 24
