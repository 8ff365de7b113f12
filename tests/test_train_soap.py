"""SOAP: what it turns, that it beats Adam where it should, and that it goes on bit for bit."""

import pytest
import torch

from encodepth.errors import EncodepthError
from encodepth.networks.plane import PlaneModel
from encodepth.train import checkpoint
from encodepth.train.config import Optimiser
from encodepth.train.schedule import make_optimiser
from encodepth.train.soap import Soap, is_matrix
from encodepth.train.start import SIZES
from test_train_loop import after, tensors
from train_tools import loop_of

SOAP = ["optimiser.kind=soap", "optimiser.soap_every=2"]


def excess(kind, lr, steps=200):
    """Return how far above its least a badly turned quadratic in a matrix ends."""
    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, n))[0] for n in (12, 20))
    left, right = (q @ torch.diag(torch.logspace(0, -1.5, len(q))) @ q.T for q in (left, right))
    best, layer = torch.randn(12, 20), torch.nn.Linear(20, 12, bias=False)
    optimiser = make_optimiser(dict(layer.named_parameters()), Optimiser(kind=kind, lr=lr))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = lr * (1 - step / steps)
        optimiser.zero_grad()
        loss = (left @ (layer.weight - best) @ right).square().sum()
        loss.backward()
        optimiser.step()
    return loss.item()


def test_a_quadratic_turned_against_its_axes_falls_faster_than_under_adam():
    rates = (0.01, 0.03, 0.1, 0.3)
    adam, soap = (min(excess(kind, lr) for lr in rates) for kind in ("adam", "soap"))
    assert soap < 0.1 * adam


def test_layers_are_turned_and_depthwise_kernels_tables_and_biases_are_not():
    model = PlaneModel(SIZES["tiny"])
    turned = {n for n, p in model.named_parameters() if is_matrix(n, p)}
    assert {"g_a.down.0.weight", "context.hyper.enter.weight"} <= turned
    assert not any("spatial" in n or "bias" in n or "index" in n or "gain" in n for n in turned)
    assert all(n.endswith("weight") for n in turned)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((8, 4, 3, 3), {0: 8, 1: 36}),
        ((8, 40, 3, 3), {0: 8, 1: 40, 2: 9}),  # 360 is too wide
        ((8, 300), {0: 8}),
        ((1, 40), {1: 40}),
    ],
)
def test_a_kernel_is_a_matrix_or_where_too_wide_a_block(shape, sides):
    weight = torch.nn.Parameter(torch.zeros(shape))
    group = {"params": [weight], "turned": True, "betas": (0.95, 0.95)}
    optimiser = Soap([group], 0.1, largest=100)
    weight.grad = torch.randn(shape)
    optimiser.step()
    state = optimiser.state[weight]
    found = {int(k.split("_")[1]): len(v) for k, v in state.items() if k.startswith("axes")}
    assert found == sides
    for i in sides:
        axes = state[f"axes_{i}"]
        assert torch.allclose(axes.T @ axes, torch.eye(len(axes)), atol=1e-5)


def test_turning_the_axes_leaves_the_mean_gradient_where_it_was():
    weight = torch.nn.Parameter(torch.zeros(6, 10))
    optimiser = Soap([{"params": [weight]}], 0.0, every=1)
    mean = torch.zeros(6, 10)
    for step in range(8):
        weight.grad = torch.randn(6, 10)
        optimiser.step()
        if step:  # the first one only sets the axes
            mean.lerp_(weight.grad, 0.05)
    state = optimiser.state[weight]
    back = state["axes_0"] @ state["exp_avg"] @ state["axes_1"].T
    assert torch.allclose(back, mean, atol=1e-5)


def test_what_is_not_turned_moves_as_adam_moves_it():
    torch.manual_seed(1)
    mine, other = (torch.nn.Parameter(torch.ones(5)) for _ in "ab")
    soap = make_optimiser({"gain": mine}, Optimiser(kind="soap", lr=0.1, soap_rest=0.5))
    adam = torch.optim.Adam([other], 0.05)
    for group in soap.param_groups:
        group["lr"] = 0.1 * group["factor"]
    for _ in range(5):
        mine.grad = other.grad = torch.randn(5)
        soap.step()
        adam.step()
    assert torch.allclose(mine, other, atol=1e-6)


def test_a_resumed_run_with_soap_equals_an_unbroken_one_bit_for_bit(tmp_path):
    settings = [*SOAP, "schedule.steps=6"]
    whole = loop_of(tmp_path / "whole", settings=settings).run()
    assert loop_of(tmp_path / "cut", settings=settings).run(after(3)).step == 3
    torch.manual_seed(12345)  # whatever went on in between
    assert whole.done
    assert loop_of(tmp_path / "cut", settings=settings).run().done
    a, b = tensors(tmp_path / "whole"), tensors(tmp_path / "cut")
    assert a.keys() == b.keys()
    assert any("axes_1" in k for k in a)
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_does_not_change_its_optimiser(tmp_path):
    loop_of(tmp_path).run(after(1))
    assert checkpoint.load(tmp_path / checkpoint.NAME).kind == "adam"
    with pytest.raises(EncodepthError, match="was trained with adam, not soap"):
        loop_of(tmp_path, settings=SOAP)


def test_integer_layers_train_under_soap(tmp_path):
    loop = loop_of(tmp_path, settings=[*SOAP, "optimiser.lr=3e-3", "schedule.steps=6"])
    integer = [n for n in loop.names if "context.scales" in n and n.endswith("weight")]
    before = {n: loop.names[n].detach().clone() for n in integer}
    assert loop.run().done
    assert sum(not torch.equal(loop.names[n], before[n]) for n in integer) > len(integer) / 2
    assert all(torch.isfinite(p).all() for p in loop.names.values())
