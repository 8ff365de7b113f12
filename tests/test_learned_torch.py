"""The light runtime and torch's own networks agree: symbols exactly, pictures within a level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encodepth.io.pictures import read
from encodepth.learned import find_weights, open_model, plane

torch = pytest.importorskip("torch")
from encodepth.networks.models import open_in_torch  # noqa: E402
from encodepth.networks.weights import load_weights  # noqa: E402

TINY = Path(__file__).parent / "weights" / "tiny.safetensors"
TINY_RESTORE = Path(__file__).parent / "weights" / "tiny-restore.safetensors"
SIZES = [(1, 1), (5, 70), (64, 64), (97, 130)]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def desk() -> np.ndarray:
    path = Path(__file__).parents[1] / "samples" / "desk" / "color.webp"
    return np.ascontiguousarray(read(path).color[100:292, 200:392])


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    ramp = np.linspace(0, 200, height)[:, None, None] + np.linspace(0, 40, width)[None, :, None]
    return np.clip(ramp + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def agree(light, heavy, rgb: np.ndarray, quality: int) -> None:
    size = rgb.shape[:2]
    ours, theirs = light.encode(rgb, quality), heavy.encode(rgb, quality)
    for coded in (ours, theirs):  # each decodes what either encoded
        given = coded.payload, *size, quality, coded.check
        latent, other = light.decode_latent(*given), heavy.decode_latent(*given)
        assert np.array_equal(latent.symbols, other.symbols)
        np.testing.assert_allclose(latent.y_hat, other.y_hat, rtol=1e-3, atol=1e-3)
        apart = light.decode(*given).astype(int) - heavy.decode(*given)
        assert np.abs(apart).max() <= 1
        assert np.count_nonzero(apart) <= 1e-3 * apart.size + 1
    assert len(ours.payload) == pytest.approx(len(theirs.payload), rel=0.002, abs=4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quality", [0, 55, 100])
def test_tiny_colour(size, quality):
    agree(open_model(TINY, threads=1), open_in_torch(TINY), picture(*size), quality)


@pytest.mark.parametrize("quality", [0, 30, 77, 100])
def test_the_colour_that_ships(desk, quality):
    agree(open_model("base", threads=1), open_in_torch("base"), desk, quality)


def test_the_slope_is_the_gradient(desk):
    light, network = open_model("base", threads=1), load_weights(find_weights("base"))
    padded, blend = plane._pad(desk, "edge"), light._blend(50)
    y_hat = torch.from_numpy(light.encode(desk, 50).latent.y_hat).requires_grad_()
    target = torch.from_numpy(plane._planes(padded, (slice(None), slice(None))))
    off = network.g_s(y_hat, torch.from_numpy(blend)) + 0.5 - target
    height, width = desk.shape[:2]
    expected = off[:, :, :height, :width].square().sum() / 3
    (gradient,) = torch.autograd.grad(expected, y_hat)
    error, slope = light._error(y_hat.detach().numpy(), padded, desk.shape[:2], blend)
    assert error == pytest.approx(float(expected.detach()), rel=1e-5)
    tolerance = 1e-4 * float(gradient.abs().max())
    np.testing.assert_allclose(slope, gradient.numpy(), atol=tolerance)


def test_in_bfloat16_floats_differ_and_symbols_do_not():
    rgb = picture(96, 96)
    light, low = open_model(TINY, threads=1), open_in_torch(TINY, low_precision=True)
    coded = light.encode(rgb, 90)
    latent = low.decode_latent(coded.payload, 96, 96, 90, coded.check)
    assert np.array_equal(latent.symbols, coded.latent.symbols)
    assert not np.array_equal(latent.y_hat, coded.latent.y_hat)


@pytest.mark.parametrize("name", [TINY_RESTORE, "restore"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("guided", [False, True])
def test_restored_depth(name, size, guided):
    rng = np.random.default_rng(size[1])
    plane = np.cumsum(rng.normal(0, 0.01, size), 1).astype(np.float32) % 1
    valid = rng.random(size) > 0.2
    color = rng.integers(0, 256, (*size, 3), dtype=np.uint8) if guided else None
    for strength in (0, 25, 63):
        ours = open_model(name, threads=1).restore(plane, valid, strength, color)
        theirs = open_in_torch(name).restore(plane, valid, strength, color)
        np.testing.assert_allclose(ours, theirs, atol=5e-5)  # a fifth of a code


@pytest.mark.parametrize("name", ["base", "restore"])
def test_a_fingerprint_is_the_same_with_and_without_graphs(name):
    assert open_model(name).fingerprint == open_in_torch(name).fingerprint
