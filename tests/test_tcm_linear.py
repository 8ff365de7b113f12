"""The linear start of the thesis's rows: a transform codec before the first step."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from encodepth.thesis import task
from encodepth.thesis.linear import start_linear
from encodepth.thesis.linear_prior import PREDICTED
from encodepth.thesis.prior import FactorizedPrior
from encodepth.thesis.rows import config_of
from encodepth.thesis.tcm import TCM
from encodepth.thesis.weights import load_tcm, save_tcm
from encodepth.train.checkpoint import NAME
from train_tools import TCM as RECIPE
from train_tools import loop_of


def pictures(channels, count=24, side=128):
    """Smooth noise with a little of the finest."""
    torch.manual_seed(5)
    found = torch.zeros(count, channels, side, side)
    for coarse in (2, 4, 8, 32):
        noise = torch.randn(count, channels, side // coarse, side // coarse)
        found += coarse / 40 * F.interpolate(noise, size=(side, side), mode="bilinear")
    return (0.5 + 0.15 * found).clamp(0, 1)


@pytest.fixture(scope="module")
def color():
    return pictures(3)


def started(row, x, lmbda=0.013, **changes):
    torch.manual_seed(1)
    model = TCM(dataclasses.replace(config_of(row), **changes))
    start_linear(model, x, lmbda)
    return model.eval()


def psnr(x, y):
    return float(-10 * torch.log10((x - y).square().mean()))


@torch.no_grad()
def test_an_untrained_model_already_codes(color):
    model = started("rgb-small", color, lmbda=0.05)
    out = model(color[:4])
    whole = model.synthesise(model.analyse(color[:4]))
    assert psnr(whole, color[:4]) > 35
    assert psnr(out.x_hat, color[:4]) > 33
    fresh = TCM(model.config).eval()
    assert psnr(fresh(color[:4]).x_hat, color[:4]) < 15
    model.update_tables()
    payload = model.compress(color[:1])[0]
    assert len(payload.payload) * 8 < 1.02 * float(out.bits[0]) + 320


@torch.no_grad()
def test_a_lower_lambda_spends_fewer_bits(color):
    bits = [float(started("rgb-small", color, v)(color[:2]).bits.sum()) for v in (0.001, 0.1)]
    assert bits[0] < 0.6 * bits[1]


@torch.no_grad()
def test_z_tells_the_strongest_channels(color):
    model = started("rgb-small", color)
    y = model.analyse(color)
    side = model._side(model.h_a(y).round())
    mean, scale, _ = model.slices.predict(0, side, [])
    told = y[:, :PREDICTED]
    left = (told - mean[:, :PREDICTED]).square().mean() / told.square().mean()
    assert left < 0.2
    assert not mean[:, PREDICTED:].any()
    miss = (y[:, PREDICTED : mean.shape[1]] / scale[:, PREDICTED:]).square().mean()
    assert 0.3 < miss < 3


@torch.no_grad()
@pytest.mark.parametrize("row", ["depth-small", "depth-4c-small", "rgb-4c-small", "rgb-attn-small"])
def test_every_row_starts_so_whatever_its_guide(row):
    config = config_of(row)
    x = pictures(config.target)
    model, guide = started(row, x, lmbda=0.05), None
    if config.guide:
        guide = torch.rand(2, config.guide, 128, 128)
        other = model.analyse(x[:2], 1 - guide)
        assert torch.allclose(model.analyse(x[:2], guide), other, atol=1e-4)
    assert psnr(model.synthesise(model.analyse(x[:2], guide)), x[:2]) > 28


@torch.no_grad()
def test_rows_with_swatten_predict_nothing_from_z(color):
    model = started("rgb-small", color, attention=16)
    side = model._side(model.h_a(model.analyse(color[:1])).round())
    assert not model.slices.predict(0, side, [])[0].any()


def test_a_density_starts_as_wide_as_told():
    prior = FactorizedPrior(2)
    prior.start(torch.tensor([3.0, 40.0]))
    z = torch.arange(-600, 601.0).expand(1, 2, 1, -1)
    mass = prior.likelihood(z)[0, :, 0].detach()
    assert mass.sum(dim=1).numpy() == pytest.approx(1, abs=1e-3)
    assert (mass * z[0, :, 0] ** 2).sum(dim=1).sqrt().numpy() == pytest.approx([3, 40], rel=0.05)


def test_a_frozen_block_that_adds_nothing_is_not_computed(color):
    model = started("rgb-small", color)
    stage = model.g_a.tcm[0].requires_grad_(False)
    called = []
    stage.plain.swin.register_forward_hook(lambda *_: called.append(1))
    stage.plain.swin.between = lambda *_: called.append(1)
    x = torch.rand(1, 32, 16, 16)
    assert torch.equal(stage(x), x)
    assert not called


def test_a_recipe_starts_a_run_so_and_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "_PIXELS", 2**17)
    linear = ["model.start=linear", 'model.frozen=["g_a.tcm", "g_s.tcm"]', "data.crop=64"]
    loop = loop_of(tmp_path, RECIPE, [*linear, "schedule.steps=1"])
    assert not any(p.any() for p in loop.task.model.g_a.tcm[0].plain.mix.parameters())
    loop.run()
    assert (tmp_path / NAME).exists()
    again = loop_of(tmp_path, RECIPE, [*linear, "schedule.steps=2"])
    again.run()
    assert again.step == 2


def test_with_frozen_transforms_a_step_trains_the_rate_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "_PIXELS", 2**17)
    frozen = ["model.start=linear", 'model.frozen=["g_a", "g_s"]', "schedule.steps=2"]
    loop = loop_of(tmp_path, RECIPE, frozen)
    before = {k: v.clone() for k, v in loop.task.state_dict().items()}
    loop.run()
    moved = {k.split(".")[1] for k, v in loop.task.state_dict().items() if (v != before[k]).any()}
    assert {"h_a", "h_mean_s", "h_scale_s", "slices", "z_prior"} >= moved > {"slices", "h_scale_s"}


@torch.no_grad()
def test_weights_of_half_precision_are_half_as_large_and_decode(color, tmp_path):
    model = started("rgb-small", color)
    model.update_tables()
    paths = [tmp_path / name for name in ("whole.safetensors", "half.safetensors")]
    save_tcm(paths[0], model)
    save_tcm(paths[1], model, half=True)
    assert paths[1].stat().st_size < 0.6 * paths[0].stat().st_size
    small = load_tcm(paths[1])
    (payload,) = small.compress(color[:1])
    decoded = small.decompress([payload], 128, 128)
    assert psnr(decoded, color[:1]) == pytest.approx(
        psnr(model(color[:1]).x_hat, color[:1]), abs=0.3
    )
