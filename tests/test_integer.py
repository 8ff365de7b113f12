"""Integer layers give the same integers whatever computes them."""

import numpy as np
import pytest
import torch

from encodepth.networks.integer import EXACT, HIDDEN_MAX, IntegerConv, requantise, round_clamp


def activations(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, HIDDEN_MAX + 1, shape, generator=generator).float()


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (1, 4), (3, 16)])
def test_sums_equal_an_int64_oracle(kernel, groups):
    torch.manual_seed(1)
    conv = IntegerConv(16, 16, kernel, groups)
    x = activations(2, 16, 9, 7)
    weight, bias = conv.integers()
    oracle = torch.nn.functional.conv2d(
        x.long().double(), weight.double(), bias.double(), padding=kernel // 2, groups=groups
    )
    assert torch.equal(conv(x).double(), oracle)


def test_sums_do_not_depend_on_threads_layout_batch_or_library():
    torch.manual_seed(2)
    conv = IntegerConv(640, 96)
    x = activations(3, 640, 10, 12)
    expected = conv(x)
    assert torch.equal(conv(x[1:2]), expected[1:2])
    assert torch.equal(conv(x.contiguous(memory_format=torch.channels_last)), expected)
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(conv(x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(conv(x), expected)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        assert torch.equal(conv(x), expected)
    finally:
        torch.set_num_threads(before)


def test_bound_covers_the_worst_activation():
    torch.manual_seed(3)
    conv = IntegerConv(8, 4)
    weight, bias = conv.integers()
    worst = torch.where(weight > 0, float(HIDDEN_MAX), 0.0).sum(dim=1).flatten() + bias
    assert conv(torch.full((1, 8, 1, 1), float(HIDDEN_MAX))).abs().max() <= conv.bound() < EXACT
    assert worst.max() <= conv.bound()


def test_requantise_rounds_half_to_even_and_clamps():
    sums = torch.tensor([-500.0, 64.0, 192.0, 320.0, 128.0 * 300])
    assert requantise(sums).tolist() == [0, 0, 2, 2, 255]


def test_gradient_passes_through_rounding_but_not_further_out():
    x = torch.tensor([-1.0, 0.4, 9.0], requires_grad=True)
    round_clamp(x, 0, 5).backward(torch.tensor([1.0, 1.0, -1.0]))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 1.0, 0.0])  # out of range and pushed out


def test_other_kernels_are_refused():
    with pytest.raises(ValueError, match="kernel size 5; integer convolutions have 1 or 3"):
        IntegerConv(4, 4, 5)
