"""The restorer without torch: any size, tiles without seams, what it sees, where it is tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encodepth.learned import Restorer, open_model, restore, size_of, strength_of

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


def test_the_encoder_tries_the_rows_where_av1_is_farthest(restorer, monkeypatch):
    plane, valid, _ = view(400, 24)
    rough = plane.copy()
    rough[300:310] += 0.1
    seen, taken = [], [0.01]

    def watched(plane, valid, strength, color=None):
        seen.append(plane)
        return plane - taken[0] * (plane > 0.05 + view(64, 24)[0])

    monkeypatch.setattr(restorer, "restore", watched)
    assert restorer.helps(rough, plane, valid, 20)
    taken[0] = -0.01
    assert not restorer.helps(rough, plane, valid, 20)
    assert all(part.shape == (64, 24) for part in seen)
    assert all((part[:, 3] - 0.05 > plane[0, 3]).sum() == 10 for part in seen)
