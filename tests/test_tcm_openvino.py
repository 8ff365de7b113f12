"""The optional runtime gives torch's result, or says that it does not."""

from dataclasses import replace

import pytest
import torch

from encodepth.errors import EncodepthError
from encodepth.thesis import openvino as runtime
from encodepth.thesis.random import random_tcm
from encodepth.thesis.rows import ROWS, small

pytest.importorskip("openvino", reason="needs encodepth[openvino]")


@pytest.fixture(scope="module")
def model():
    return random_tcm(replace(small(ROWS["rgb"]), half=8, latent=16, slices=2))


def pretend(error):
    """Stand in for a compiled graph: torch's own result, off by `error`."""
    return lambda module, inputs, precision: lambda given: [module(*inputs).numpy() + error]


def test_a_compiled_stage_is_torchs(model):
    """One of g_s's three, plain and shifted windows; runs/machines/bench_tcm.py has the rest."""
    stage = torch.nn.Sequential(model.g_s.up[0], model.g_s.tcm[0])
    compiled, y_hat = runtime.Compiled(stage), torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        assert 0 < compiled.parity(compiled(y_hat), y_hat) < 1e-5


def test_a_stream_made_with_a_runtime_decodes_without_it(model, monkeypatch):
    monkeypatch.setattr(runtime, "_compile", pretend(1e-6))
    elsewhere = random_tcm(model.config).use_runtime(runtime.Compiled)
    coded = elsewhere.compress(torch.rand(1, 3, 128, 128))
    one, other = (m.decompress(coded, 128, 128) for m in (model, elsewhere))
    assert not torch.equal(one, other)
    assert torch.allclose(one, other, atol=1e-5)


def test_a_runtime_that_computes_something_else_is_refused(model, monkeypatch):
    monkeypatch.setattr(runtime, "_compile", pretend(0.01))
    elsewhere = random_tcm(model.config).use_runtime(runtime.Compiled)
    with pytest.raises(EncodepthError, match="OpenVINO's analysis is off by"):
        elsewhere.compress(torch.rand(1, 3, 64, 64))
