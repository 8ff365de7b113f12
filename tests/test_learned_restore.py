"""The restorer without torch: any size, tiles without seams, what it sees, how far it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encodepth.learned import Restorer, open_model, restore, size_of, strength_of
from encodepth.learned.restore import GAINS, best_gain

TINY = Path(__file__).parent / "weights" / "tiny-restore.safetensors"


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    return open_model(TINY, threads=1)


def view(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height)
    plane = np.tile(np.linspace(0.1, 0.9, width, dtype=np.float32), (height, 1))
    plane[:, width // 2 :] *= 0.5
    color = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return plane, rng.random((height, width)) > 0.2, color


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (64, 64), (97, 130)])
@pytest.mark.parametrize("guided", [False, True])
def test_any_size_is_restored(restorer, size, guided):
    plane, valid, color = view(*size)
    out = restorer.restore(plane, valid, 30, color if guided else None)
    assert out.shape == size
    assert out.dtype == np.float32
    assert 0 <= out.min() <= out.max() <= 1
    assert not np.array_equal(out, plane)


def test_tiles_leave_no_seams(restorer, monkeypatch):
    plane, valid, color = view(290, 330)
    whole = restorer.restore(plane, valid, 30, color)
    monkeypatch.setattr(restore, "_TILE", 64)
    np.testing.assert_allclose(restorer.restore(plane, valid, 30, color), whole, atol=1e-5)


def test_colour_and_holes_are_seen(restorer):
    plane, valid, color = view(48, 48)
    out = restorer.restore(plane, valid, 30, color)
    assert not np.array_equal(out, restorer.restore(plane, valid, 30))
    assert not np.array_equal(out, restorer.restore(plane, ~valid, 30, color))


def test_a_strength_is_an_eighth_of_an_octave_off_at_most():
    for rmse in np.geomspace(0.25, 4000, 50):
        assert abs(np.log2(size_of(strength_of(rmse)) / rmse)) <= 0.125 + 1e-9
    assert strength_of(0) == 0
    assert strength_of(1e9) == 63


def test_an_estimate_counts_as_far_as_the_encoder_says(restorer):
    plane, valid, color = view(48, 48)
    one, less = (restorer.restore(plane, valid, said, color) for said in (30, 30 + 64))
    estimate = restorer.estimate(plane, valid, 30, color) / np.float32(4095)
    np.testing.assert_allclose(one, np.clip(plane + estimate, 0, 1), atol=1e-6)
    np.testing.assert_allclose(less, np.clip(plane + 0.75 * estimate, 0, 1), atol=1e-6)


@pytest.mark.parametrize("true_gain", [1.4, 1.0, 0.7, 0.45, 0.2, -0.3])
def test_the_gain_is_the_one_that_leaves_least_error(true_gain):
    rng = np.random.default_rng(5)
    estimate = rng.normal(size=500)
    error = true_gain * estimate + rng.normal(size=500) / 10
    power = np.array([(estimate * error).sum(), (estimate**2).sum()])
    best, less = best_gain(power)
    left = [((error - gain * estimate) ** 2).sum() for gain in GAINS]
    assert left[best] == min(left)
    assert less == pytest.approx((error**2).sum() - left[best])
    assert (less > 0) == (true_gain > 0)


def test_of_many_rows_strips_tell(restorer, monkeypatch):
    plane, valid, _ = view(1111, 24)
    seen = []

    def watched(plane, valid, strength, color=None):
        seen.append(plane.shape)
        return np.full(plane.shape, 4095 / 50, np.float32)

    monkeypatch.setattr(restorer, "estimate", watched)
    best, _ = best_gain(restorer.power(plane - np.float32(0.01), plane, valid, 20))
    assert GAINS[best] == 0.5
    assert seen == [(64, 24)] * 8
