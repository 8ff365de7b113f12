"""Learned colour without torch: any size, exact symbols, honest estimates, tiles, damage."""

from __future__ import annotations

import functools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.errors import CorruptFileError, DesyncError
from encodepth.io.pictures import read
from encodepth.learned import Plane, open_model, plane
from encodepth.learned.symbols import Encoder, Tables, gaussian_tables

TINY = Path(__file__).parent / "weights" / "tiny.safetensors"
SIZES = [(1, 1), (5, 70), (64, 64), (97, 130)]


@functools.cache
def shared_model() -> Plane:
    return open_model(TINY, threads=1)


@pytest.fixture
def model() -> Plane:
    return shared_model()


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    ramp = np.linspace(0, 200, height)[:, None, None] + np.linspace(0, 40, width)[None, :, None]
    return np.clip(ramp + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_decodes_to_the_symbols_that_were_encoded(model, size):
    coded = model.encode(picture(*size), 60)
    latent = model.decode_latent(coded.payload, *size, 60, coded.check)
    assert np.array_equal(latent.symbols, coded.latent.symbols)
    assert np.array_equal(latent.y_hat, coded.latent.y_hat)
    decoded = model.decode(coded.payload, *size, 60, coded.check)
    assert decoded.shape == (*size, 3)
    assert decoded.dtype == np.uint8


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 100))
def test_any_size_at_any_quality_comes_back(height, width, quality):
    model = shared_model()
    coded = model.encode(picture(height, width), quality)
    decoded = model.decode(coded.payload, height, width, quality, coded.check)
    assert decoded.shape == (height, width, 3)


def test_real_bytes_match_the_estimate(model):
    coded = model.encode(picture(160, 192), 80)
    assert len(coded.payload) == pytest.approx(coded.bits / 8, rel=0.01, abs=40)


def test_a_better_quality_takes_more_bytes(model):
    sizes = [len(model.encode(picture(128, 128), q).payload) for q in (5, 50, 95)]
    assert sizes == sorted(sizes)


def test_a_symbol_that_costs_more_than_it_is_worth_is_rounded_down():
    tables = Tables(*gaussian_tables())
    rare, common = 8, 60  # tables in which a 1 is all but impossible, or as good as a 0
    later = plane._later(tables, plane.PRICE)
    assert (later >= 0).all()
    assert later.max() <= 0.5
    assert later[rare, 1] > 0.1
    assert later[common, 1] < 0.001
    values = np.array([0.55, -0.55, 0.55, -0.55, 0.99, -1.02, 40.6], np.float32)
    index = np.array([rare, rare, common, common, rare, rare, common], np.uint8)
    writer = Encoder(tables)
    assert plane._push(writer, values, index, later).tolist() == [0, 0, 1, -1, 1, -1, 41]
    assert plane._push(writer, values, index).tolist() == [1, -1, 1, -1, 1, -1, 41]


def test_a_picture_of_many_tiles_comes_back(model, monkeypatch):
    rgb = picture(290, 200)
    whole = model.encode(rgb, 95).latent
    ((_, expected),) = model.pixels(whole, 290, 200, 95)
    monkeypatch.setattr(plane, "TILE", 4)
    tiles = list(model.pixels(whole, 290, 200, 95))
    assert len(tiles) == 20
    for area, tile in tiles:
        np.testing.assert_allclose(tile, expected[area], atol=1e-4)
    coded = model.encode(rgb, 95)
    assert model.decode(coded.payload, 290, 200, 95, coded.check).shape == rgb.shape


@pytest.mark.parametrize("size", [(64, 96), (300, 321)])
def test_the_slope_of_the_error_is_the_difference_that_a_step_makes(model, monkeypatch, size):
    rgb = picture(*size)
    padded, blend = plane._pad(rgb, "edge"), model._blend(50)
    y_hat = model.encode(rgb, 50).latent.y_hat
    lost, slope = model._error(y_hat, padded, size, blend)
    monkeypatch.setattr(plane, "TILE", 8)
    again, tiled = model._error(y_hat, padded, size, blend)
    assert again == pytest.approx(lost, rel=1e-4)
    np.testing.assert_allclose(slope, tiled, rtol=1e-3, atol=1e-4 * np.abs(slope).max())

    def error(latent):
        decoded = np.empty(rgb.shape, np.float32)
        for area, pixels in model.pixels(plane.Latent(latent, latent), *size, 50):
            decoded[area] = pixels
        return float(np.square(decoded - rgb / 255.0).mean()) * size[0] * size[1]

    assert error(y_hat) == pytest.approx(lost, rel=1e-4)
    step = 1e-3 * np.random.default_rng(1).normal(size=y_hat.shape).astype(np.float32)
    found = error(y_hat + step) - error(y_hat - step)
    assert found == pytest.approx(2 * float((slope * step).sum()), rel=0.02)


@pytest.mark.parametrize("size", SIZES)
def test_every_effort_decodes_and_up_to_seven_all_are_the_same(model, size):
    rgb = picture(*size)
    assert model.encode(rgb, 60, effort=1).payload == model.encode(rgb, 60).payload
    for effort in (8, 9):
        coded = model.encode(rgb, 60, effort=effort)
        latent = model.decode_latent(coded.payload, *size, 60, coded.check)
        assert np.array_equal(latent.y_hat, coded.latent.y_hat)


@pytest.mark.parametrize("quality", [20, 80])
def test_more_effort_costs_less_where_it_should(samples, quality):
    rgb = np.ascontiguousarray(read(samples / "desk" / "color.webp").color[100:356, 200:456])
    model = open_model("base", threads=1)
    worth = model._worth(quality) / 255**2 * rgb.shape[0] * rgb.shape[1]
    costs = []
    for effort in (7, 8, 9):
        coded = model.encode(rgb, quality, effort=effort)
        decoded = model.decode(coded.payload, *rgb.shape[:2], quality, coded.check)
        error = np.square(decoded.astype(float) - rgb).mean()
        costs.append(8 * len(coded.payload) + worth * error)
    assert costs[1] < 0.995 * costs[0]
    assert costs[2] <= costs[1]


def test_other_symbols_raise_desync(model):
    coded = model.encode(picture(64, 64), 50)
    broken = bytes([coded.payload[0] ^ 1]) + coded.payload[1:]
    with pytest.raises(DesyncError, match="decoded to other symbols than were encoded"):
        model.decode(broken, 64, 64, 50, coded.check)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_is_reported_and_never_a_crash(data):
    model = shared_model()
    coded = model.encode(picture(40, 40), 70)
    payload = bytearray(coded.payload)
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(0, len(payload)))]
    try:
        model.decode(bytes(payload), 40, 40, 70, coded.check)
    except (CorruptFileError, DesyncError):
        pass
    else:
        assert payload.rstrip(b"\0") == coded.payload.rstrip(b"\0")


def test_a_forged_size_fails_before_it_costs_memory(model):
    coded = model.encode(picture(64, 64), 50)
    model.decode(coded.payload, 64, 64, 50, coded.check)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError):
            model.decode(coded.payload, 32768, 4096, 50, coded.check)
        assert tracemalloc.get_traced_memory()[1] < 200e6  # the picture alone has 400 MB
    finally:
        tracemalloc.stop()
