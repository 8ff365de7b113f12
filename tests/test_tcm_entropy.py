"""The priors, their tables, and the walk over slices of the thesis's family."""

import math

import numpy as np
import pytest
import torch

from encodepth.learned.symbols import PRECISION
from encodepth.thesis.bound import lower_bound
from encodepth.thesis.conditional import (
    SCALE_MIN,
    gaussian_tables,
    likelihood,
    scale_borders,
    scale_index,
    scale_table,
)
from encodepth.thesis.prior import FactorizedPrior
from encodepth.thesis.rows import ROWS, small
from encodepth.thesis.slices import walk
from encodepth.thesis.tcm import TCM


@pytest.fixture
def prior():
    torch.manual_seed(2)
    prior = FactorizedPrior(3)
    with torch.no_grad():
        for p in prior.parameters():
            p.add_(0.3 * torch.randn_like(p))
    prior.solve_quantiles()
    return prior


def split(radii, frequencies):
    return np.split(frequencies, np.cumsum(2 * radii + 2)[:-1])


def test_a_density_sums_to_one_and_halves_at_its_median(prior):
    z = prior.medians[None, :, None, None] + torch.arange(-400, 401)[None, None, None, :]
    mass = prior.likelihood(z)[0, :, 0].detach().double()
    assert mass.sum(dim=1).numpy() == pytest.approx(1, abs=1e-4)
    below = mass[:, :400].sum(dim=1) + mass[:, 400] / 2
    assert below.numpy() == pytest.approx(0.5, abs=0.05)


def test_z_tables_are_the_density_in_integers(prior):
    radii, frequencies = prior.tables()
    z = prior.medians[None, :, None, None] + torch.arange(-3, 4)[None, None, None, :]
    mass = prior.likelihood(z)[0, :, 0].detach().numpy()
    for r, row, expected in zip(radii, split(radii, frequencies), mass, strict=True):
        assert row.sum() == 2**PRECISION
        assert row.min() >= 1
        assert row[r - 3 : r + 4] / 2**PRECISION == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_gaussian_tables_are_the_likelihood_in_integers():
    radii, frequencies = gaussian_tables()
    for scale, r, row in zip(scale_table(), radii, split(radii, frequencies), strict=True):
        expected = likelihood(torch.arange(-r, r + 1).float(), torch.tensor(float(scale)))
        assert row.sum() == 2**PRECISION
        assert row[:-1] / 2**PRECISION == pytest.approx(expected.numpy(), rel=2e-3, abs=1e-6)


def test_a_scale_takes_the_nearest_table():
    table = torch.from_numpy(scale_table())
    scales = torch.tensor([0.01, 0.11, 0.5, 3.3, 255.0, 1e4])
    nearest = (table[None].log() - scales[:, None].log()).abs().argmin(dim=1)
    assert torch.equal(scale_index(scales, torch.from_numpy(scale_borders())).long(), nearest)


def test_likelihood_has_a_floor_and_a_closed_form():
    assert likelihood(torch.tensor(0.0), torch.tensor(2.0)).item() == pytest.approx(
        math.erf(0.25 / math.sqrt(2)), rel=1e-5
    )
    assert likelihood(torch.tensor(99.0), torch.tensor(0.001)).item() == pytest.approx(1e-9)


def test_a_bound_lets_gradients_through_that_raise_what_it_holds_up():
    x = torch.tensor([0.0, 0.0, 1.0], requires_grad=True)
    (lower_bound(x, SCALE_MIN) * torch.tensor([1.0, -1.0, 1.0])).sum().backward()
    assert x.grad.tolist() == [0.0, -1.0, 1.0]


class TinyContext:
    count = 2

    def predict(self, i, side, done):
        mean = side + sum(done, torch.zeros_like(side))
        return mean, mean.abs() + 1, mean

    def residual(self, i, support, y_hat):
        return 0.5 * torch.tanh(support + y_hat)


def test_decoding_walks_back_to_the_encoders_latent():
    torch.manual_seed(0)
    y, side, tape = torch.randn(1, 2, 4, 4) * 8, torch.randn(1, 1, 4, 4), []

    def push(i, mean, scale):
        symbols = torch.round(y[:, i : i + 1] - mean)
        tape.append(symbols)
        return symbols + mean

    def pull(i, mean, scale):
        return tape.pop(0) + mean

    encoded = walk(TinyContext(), side, push)
    assert torch.equal(walk(TinyContext(), side, pull), encoded)
    assert not tape


@pytest.mark.parametrize("low", [False, True])
def test_training_reaches_every_parameter_and_lowers_the_loss(low):
    torch.manual_seed(0)
    model = TCM(small(ROWS["rgb-attn"])).train()
    x, guide = torch.rand(1, 3, 128, 128), torch.rand(1, 1, 128, 128)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            out = model(x, guide)
        loss = out.bits.mean() / 128**2 + 100 * (out.x_hat - x).square().mean()
        loss.backward()
        losses.append(loss.item())
        unreached = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert not unreached
        optimiser.step()
    assert losses[-1] < losses[0]
