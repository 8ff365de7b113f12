"""The fast networks against their slow twin: same weights, same result."""

from dataclasses import replace

import pytest
import torch

import tcm_twin as twin
from encodepth.thesis import swin
from encodepth.thesis.gdn import GDN
from encodepth.thesis.nets import Analysis, Synthesis
from encodepth.thesis.rows import ROWS, small
from encodepth.thesis.swatten import SWAtten
from encodepth.thesis.swin import SwinBlock


def relative(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


def shaken(module):
    """Move every parameter off its start, so that no term of a formula is silent."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return module


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(3)


def pair(config, height=128, width=192):
    return torch.rand(2, config.target, height, width), torch.rand(2, config.guide, height, width)


@pytest.mark.parametrize("name", ["rgb", "depth-4c", "depth-conv", "rgb-attn"])
@pytest.mark.parametrize("grad", [False, True])
def test_analysis_equals_its_twin(name, grad):
    config = replace(small(ROWS[name]), half=32)
    net = shaken(Analysis(config))
    x, guide = pair(config)
    slow = twin.prompted_analysis if config.fusion == "attention" else twin.analysis
    with torch.set_grad_enabled(grad):
        assert relative(net(x, guide if config.guide else None), slow(net, x, guide)) < 1e-5


@pytest.mark.parametrize("grad", [False, True])
def test_synthesis_equals_its_twin(grad):
    net = shaken(Synthesis(replace(small(ROWS["rgb"]), half=32)))
    y_hat = torch.randn(2, 96, 8, 16)
    with torch.set_grad_enabled(grad):
        assert relative(net(y_hat), twin.synthesis(net, y_hat)) < 1e-5


@pytest.mark.parametrize("tokens", [64, 700, 10**6])
@pytest.mark.parametrize("shape", [(8, 8), (8, 40), (40, 8), (24, 16)])
def test_a_block_in_any_steps_equals_a_block_at_once(monkeypatch, tokens, shape):
    monkeypatch.setattr(swin, "_TOKENS", tokens)
    for shifted in (False, True):
        block = shaken(SwinBlock(32, 8, 8, shifted=shifted))
        x = torch.randn(2, *shape, 32)
        with torch.no_grad():
            expected = twin.swin(block, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            assert relative(block(x), expected) < 1e-5


def test_swatten_equals_its_twin():
    net, x = shaken(SWAtten(48, 32)), torch.randn(1, 48, 16, 24)
    with torch.no_grad():
        assert relative(net(x), twin.swatten(net, x)) < 1e-5


def test_gradients_equal_the_twins():
    config = small(ROWS["rgb-attn"])
    net = shaken(Analysis(config))
    x, guide = pair(config, 64, 64)
    parameters = list(net.parameters())
    fast = torch.autograd.grad(net(x, guide).square().mean(), parameters)
    slow = torch.autograd.grad(twin.prompted_analysis(net, x, guide).square().mean(), parameters)
    assert all(relative(a, b) < 1e-3 for a, b in zip(fast, slow, strict=True) if b.abs().max() > 0)


def test_a_changed_weight_is_seen_at_once():
    gdn, block = GDN(4), SwinBlock(16, 8, 4, shifted=True)
    x, t = torch.randn(1, 4, 2, 2), torch.randn(1, 8, 8, 16)
    with torch.no_grad():
        before = gdn(x, x), block(t)  # now both keep what they derived
        gdn.beta.mul_(2)
        block.load_state_dict(
            {k: v + 0.1 * torch.randn_like(v) for k, v in block.state_dict().items()}
        )
        assert not torch.allclose(gdn(x, x), before[0])
        assert (
            relative(block(t), twin.swin(block, t.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)) < 1e-5
        )
