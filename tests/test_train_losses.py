"""The losses against the thesis's equations, the reference library and our own metrics."""

import numpy as np
import pytest
import pytorch_msssim
import torch

from encodepth import metrics
from encodepth.train import losses
from encodepth.train.config import Loss


def pictures(channels=1, batch=2, side=192, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, channels, side // 16, side // 16, generator=generator)
    x = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear").double()
    noise = torch.randn(x.shape, generator=generator).double()
    return (x + 0.03 * noise).float(), x.float()


def hole(x, rows=slice(40, 90), columns=slice(30, 150)):
    valid = torch.ones_like(x[:, :1])
    valid[..., rows, columns] = 0
    return valid


def test_rate_distortion_is_equation_17_with_255_squared():
    bpp, mse, lmbda = (
        torch.tensor([0.2, 0.4]),
        torch.tensor([1e-3, 2e-3]),
        torch.tensor([0.01, 0.1]),
    )
    expected = bpp + lmbda * 255**2 * mse
    assert torch.allclose(losses.rate_distortion(bpp, mse, lmbda, Loss()), expected)


def test_ms_ssim_loss_has_no_255_squared():
    cost = losses.rate_distortion(
        torch.tensor([0.5]), torch.tensor([0.1]), torch.tensor([16.0]), Loss("ms-ssim")
    )
    assert torch.allclose(cost, torch.tensor([0.5 + 16 * 0.1]))


def test_weight_balances_rates_about_the_reference():
    loss = Loss(power=0.35, reference=0.01)
    bpp, mse, lmbda = torch.ones(2), torch.zeros(2), torch.tensor([0.01, 0.04])
    cost = losses.rate_distortion(bpp, mse, lmbda, loss)
    assert torch.allclose(cost, torch.tensor([1.0, 4.0**-0.35]))


@pytest.mark.parametrize("channels", [1, 3])
def test_ms_ssim_agrees_with_the_reference_library(channels):
    x_hat, x = pictures(channels)
    expected = pytorch_msssim.ms_ssim(x_hat, x, data_range=1.0, size_average=False)
    assert torch.allclose(losses.ms_ssim(x_hat, x), expected, atol=1e-5)


def test_ms_ssim_of_odd_sides_agrees_with_our_metric():
    x_hat, x = (p[..., :187, :181] for p in pictures(batch=1))
    expected = metrics.ms_ssim(x_hat[0, 0].numpy(), x[0, 0].numpy(), peak=1.0)
    assert losses.ms_ssim(x_hat, x).item() == pytest.approx(expected, abs=1e-5)


def test_comprehensive_similarity_is_the_metric_of_the_tables():
    x_hat, x = pictures(batch=1)
    ours = losses.comprehensive_similarity(x_hat, x).item()
    table = metrics.comprehensive_similarity(x_hat[0, 0].numpy(), x[0, 0].numpy(), peak=1.0)
    assert ours == pytest.approx(table, rel=1e-4)


def test_each_term_of_equation_24_by_hand():
    x = torch.zeros(1, 1, 192, 192)
    x_hat = x.clone()
    x_hat[..., 96:] = 0.5  # one vertical edge, half the picture off by 0.5
    assert losses.l1(x_hat, x).item() == pytest.approx(0.25)
    assert losses.gradient_difference(x_hat, x).item() == pytest.approx(0.5 / 191)
    whole = losses.comprehensive_similarity(x_hat, x, gamma=0.1).item()
    structure = 1 - losses.ms_ssim(x_hat, x).item()
    assert whole == pytest.approx(0.1 * 0.25 + 0.5 / 191 + structure, rel=1e-5)


@pytest.mark.parametrize("name", ["mse", "ms-ssim", "comprehensive"])
def test_what_is_painted_into_a_hole_costs_nothing_and_has_no_gradient(name):
    x_hat, x = pictures()
    valid = hole(x)
    loss = Loss(name, edge=1.0)
    other = torch.where(valid > 0, x_hat, torch.rand_like(x_hat) * 9).requires_grad_()
    cost = losses.distortion(other, x, loss, valid)
    assert torch.allclose(cost, losses.distortion(x_hat, x, loss, valid), atol=1e-6)
    cost.sum().backward()
    assert other.grad[valid == 0].abs().max() == 0
    assert other.grad[valid > 0].abs().max() > 0


@pytest.mark.parametrize("name", ["mse", "ms-ssim", "comprehensive"])
def test_a_full_mask_changes_nothing(name):
    x_hat, x = pictures()
    with_mask = losses.distortion(x_hat, x, Loss(name), torch.ones_like(x))
    assert torch.allclose(with_mask, losses.distortion(x_hat, x, Loss(name)), atol=1e-6)


def test_holes_do_not_dilute_the_distortion():
    x = torch.full((1, 1, 192, 192), 0.5)
    valid = hole(x)
    assert losses.mse(x + 0.1, x, valid).item() == pytest.approx(0.01, rel=1e-4)
    assert losses.l1(x + 0.1, x, valid).item() == pytest.approx(0.1, rel=1e-4)
    shifted = losses.ms_ssim(x + 0.1, x, valid).item()
    assert shifted < 1
    assert shifted == pytest.approx(losses.ms_ssim(x + 0.1, x).item(), abs=1e-4)


@pytest.mark.parametrize("name", ["mse", "ms-ssim", "comprehensive"])
def test_a_crop_without_a_valid_pixel_costs_nothing(name):
    x_hat, x = pictures()
    x_hat.requires_grad_()
    cost = losses.distortion(x_hat, x, Loss(name, edge=1.0), torch.zeros_like(x))
    cost.sum().backward()
    assert torch.allclose(cost, torch.zeros(2), atol=1e-6)
    assert torch.isfinite(x_hat.grad).all()


def test_equal_maps_have_a_finite_gradient():
    x = torch.full((1, 1, 192, 192), 0.5)
    x_hat = x.clone().requires_grad_()
    losses.comprehensive_similarity(x_hat, x).sum().backward()
    assert torch.isfinite(x_hat.grad).all()


def test_depth_jumps_are_marked_two_pixels_wide_and_only_where_valid():
    x = torch.zeros(1, 1, 16, 16)
    x[..., 8:] = 0.5
    valid = torch.ones_like(x)
    valid[..., 0, :] = 0
    jumps = losses.depth_jumps(x, valid)[0, 0].numpy()
    assert np.array_equal(np.flatnonzero(jumps[5]), [5, 6, 7, 8, 9, 10])
    assert not jumps[0].any()


def test_edge_weight_raises_the_cost_of_errors_at_jumps_alone():
    x = torch.zeros(1, 1, 64, 64)
    x[..., 32:] = 0.5
    valid, far, near = torch.ones_like(x), x.clone(), x.clone()
    far[..., 10] += 0.1
    near[..., 31] += 0.1
    plain, weighted = Loss(), Loss(edge=3.0)
    assert torch.allclose(
        losses.distortion(far, x, weighted, valid), losses.distortion(far, x, plain, valid)
    )
    assert torch.allclose(
        losses.distortion(near, x, weighted, valid), 4 * losses.distortion(near, x, plain, valid)
    )


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match=r"reconstruction is \(1, 1, 8, 8\), the original"):
        losses.distortion(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8), Loss())


def test_root_of_the_cost_weighs_rates_alike():
    bpp, error, lmbda = torch.tensor([0.5]), torch.tensor([1e-3]), torch.tensor([0.01])
    cost = losses.rate_distortion(bpp, error, lmbda, Loss(root=0.02))
    assert cost.item() == pytest.approx((0.5 + 0.01 * 255**2 * 1e-3 + 0.02) ** 0.5)
