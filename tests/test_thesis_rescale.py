"""thesis/rescale.py: weights of one lambda as a start for another."""

import dataclasses

import pytest
import torch

from encodepth.thesis.random import random_tcm
from encodepth.thesis.rescale import rescale_latent
from encodepth.thesis.rows import config_of


@pytest.mark.parametrize("attention", [0, 16])
@pytest.mark.parametrize("row", ["rgb-small", "rgb-small-ps"])
@torch.no_grad()
def test_the_latent_grows_and_the_picture_stays(row, attention, monkeypatch):
    monkeypatch.setattr("encodepth.thesis.tcm._round", lambda x: x)
    model = random_tcm(dataclasses.replace(config_of(row), attention=attention))
    for net in model.slices.lrp:  # it tells parts of a step, which do not grow
        for parameter in net[-1].parameters():
            torch.nn.init.zeros_(parameter)
    x = torch.rand(1, 3, 128, 128, generator=torch.manual_seed(1))
    y, before = model.g_a(x), model(x).x_hat
    z, side = model.h_a(y), model._side(model.h_a(y))
    mean, scale, _ = model.slices.predict(1, side, [y[:, :24]])
    rescale_latent(model, 0.01, 0.04)
    torch.testing.assert_close(model.g_a(x), 2 * y)
    torch.testing.assert_close(model.h_a(2 * y), z)
    twice = model.slices.predict(1, side, [2 * y[:, :24]])
    torch.testing.assert_close(twice[0], 2 * mean, rtol=1e-4, atol=1e-4)
    free = scale > 0.2  # of the least scale
    torch.testing.assert_close(twice[1][free], 2 * scale[free], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model(x).x_hat, before, rtol=1e-3, atol=1e-4)
