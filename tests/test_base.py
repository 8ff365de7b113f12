"""The default family on tiny models: any size, exact symbols, honest estimates, tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import encodepth
from encodepth.errors import DesyncError, ModelNotFoundError
from encodepth.io.pictures import read
from encodepth.learned.symbols import Tables, gaussian_tables
from encodepth.learned.weights import ENCODER_ONLY, fingerprint
from encodepth.networks import plane_coder
from encodepth.networks.base import BaseModel, load_model
from encodepth.networks.blocks import blend_weights
from encodepth.networks.config import TINY_COLOR, TINY_DEPTH
from encodepth.networks.plane import PlaneModel
from encodepth.networks.weights import save_weights, stored_arrays

SIZES = [(1, 1), (5, 70), (64, 64), (97, 130)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Tiny models with every zero-started layer given random weights."""
    torch.manual_seed(4)
    planes = {"color": PlaneModel(TINY_COLOR), "depth": PlaneModel(TINY_DEPTH)}
    for plane in planes.values():
        for parameter in plane.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, planes)
    return path


@pytest.fixture(scope="module")
def model(weights) -> BaseModel:
    return load_model(weights)


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    ramp = np.linspace(0, 200, height)[:, None, None] + np.linspace(0, 40, width)[None, :, None]
    return np.clip(ramp + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def depth_plane(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height)
    plane = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return plane, rng.random((height, width)) > 0.2


@pytest.mark.parametrize("size", SIZES)
def test_colour_decodes_to_the_symbols_that_were_encoded(model, size):
    coded = model.encode_color(picture(*size), 60)
    rgb, context = model.decode_color(coded.payload, *size, 60, coded.check)
    assert rgb.shape == (*size, 3)
    assert torch.equal(context.symbols, coded.context.symbols)
    assert torch.equal(context.latent, coded.context.latent)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("guided", [False, True])
def test_depth_decodes_with_and_without_colour(model, size, guided):
    plane, valid = depth_plane(*size)
    context = model.encode_color(picture(*size), 40).context if guided else None
    coded = model.encode_depth(plane, valid, 70, context)
    decoded = model.decode_depth(coded.payload, *size, 70, coded.check, valid, context)
    assert decoded.shape == size
    assert decoded.dtype == np.float32
    assert 0 <= decoded.min() <= decoded.max() <= 1


def test_an_untrained_network_is_a_transform_codec(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "raw.safetensors", {"color": PlaneModel(TINY_COLOR)})
    model = load_model(tmp_path / "raw.safetensors")
    rgb = picture(96, 128) // 8 * 8
    coded = model.encode_color(rgb, 100)
    decoded, _ = model.decode_color(coded.payload, 96, 128, 100, coded.check)
    assert np.mean((decoded.astype(float) - rgb) ** 2) < 40  # 32 dB from the truncated DCT


def test_real_bytes_match_the_estimate(model):
    coded = model.encode_color(picture(160, 192), 80)
    assert len(coded.payload) == pytest.approx(coded.bits / 8, rel=0.01, abs=40)


def test_a_symbol_that_costs_more_than_it_is_worth_is_rounded_down():
    tables = Tables(*gaussian_tables())
    rare, common = 8, 60  # tables in which a 1 is all but impossible, or as good as a 0
    later = torch.from_numpy(plane_coder._later(tables, plane_coder.PRICE))
    assert (later >= 0).all()
    assert later.max() <= 0.5
    assert later[rare, 1] > 0.1
    assert later[common, 1] < 0.001
    values = torch.tensor([0.55, -0.55, 0.55, -0.55, 0.99, -1.02, 40.6])
    index = torch.tensor([rare, rare, common, common, rare, rare, common])
    writer = plane_coder._Writer(tables)
    assert writer.write(values, index, later).tolist() == [0, 0, 1, -1, 1, -1, 41]
    assert writer.write(values, index).tolist() == [1, -1, 1, -1, 1, -1, 41]


def test_other_symbols_raise_desync(model):
    coded = model.encode_color(picture(64, 64), 50)
    broken = bytes([coded.payload[0] ^ 1]) + coded.payload[1:]
    with pytest.raises(DesyncError, match="decoded to other symbols than were encoded"):
        model.decode_color(broken, 64, 64, 50, coded.check)


def test_float_paths_may_differ_symbols_may_not(weights):
    model = load_model(weights)
    rgb, (plane, valid) = picture(96, 96), depth_plane(96, 96)
    color = model.encode_color(rgb, 90)
    depth = model.encode_depth(plane, valid, 90, color.context)
    model.use_low_precision(True)
    with torch.backends.mkldnn.flags(enabled=False):
        context = model.decode_color_context(color.payload, 96, 96, 90, color.check)
        model.decode_depth(depth.payload, 96, 96, 90, depth.check, valid, context)
    assert torch.equal(context.symbols, color.context.symbols)
    assert not torch.equal(context.latent, color.context.latent)


def test_a_picture_of_many_tiles_comes_back(model, monkeypatch):
    rgb, (plane, valid) = picture(290, 200), depth_plane(290, 200)
    monkeypatch.setattr(plane_coder, "TILE", 4)
    color = model.encode_color(rgb, 95)
    decoded, context = model.decode_color(color.payload, 290, 200, 95, color.check)
    depth = model.encode_depth(plane, valid, 95, context)
    model.decode_depth(depth.payload, 290, 200, 95, depth.check, valid, context)
    assert decoded.shape == rgb.shape
    assert torch.equal(context.symbols, color.context.symbols)


def test_synthesis_in_tiles_equals_synthesis_whole(model, monkeypatch):
    latent = model.encode_color(picture(290, 200), 95).context
    coder = model.coders["color"]
    ((_, whole),) = coder.synthesise(latent, 290, 200, 95)
    monkeypatch.setattr(plane_coder, "TILE", 4)
    tiles = list(coder.synthesise(latent, 290, 200, 95))
    assert len(tiles) == 20
    for area, tile in tiles:
        np.testing.assert_allclose(tile, whole[area], atol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (300, 321)])
def test_the_slope_of_the_error_is_the_difference_that_a_step_makes(model, monkeypatch, size):
    coder, (plane, valid) = model.coders["depth"], depth_plane(*size)
    guide = model.encode_color(picture(*size), 40).context
    y_hat = model.encode_depth(plane, valid, 50, guide).context.latent.clone()
    lost, slope = coder._error(y_hat, plane[:, :, None], 50, valid, guide)
    monkeypatch.setattr(plane_coder, "TILE", 8)
    again, tiled = coder._error(y_hat, plane[:, :, None], 50, valid, guide)
    assert again == pytest.approx(lost, rel=1e-4)
    assert torch.allclose(slope, tiled, rtol=1e-3, atol=1e-4 * float(slope.abs().max()))

    def error(latent):
        decoded = np.empty_like(plane)
        seen = plane_coder.Guide(latent, latent)
        for area, pixels in coder.synthesise(seen, *size, 50, valid, guide):
            decoded[area] = pixels[..., 0]
        return float(np.square(decoded - plane, dtype=np.float64)[valid].mean()) * plane.size

    assert error(y_hat) == pytest.approx(lost, rel=1e-4)
    step = 1e-3 * torch.randn(y_hat.shape, generator=torch.Generator().manual_seed(1))
    found = error(y_hat + step) - error(y_hat - step)
    assert found == pytest.approx(2 * float((slope * step).sum()), rel=0.02)


@pytest.mark.parametrize("size", SIZES)
def test_every_effort_decodes_and_up_to_seven_all_are_the_same(model, size):
    rgb, (plane, valid) = picture(*size), depth_plane(*size)
    usual = model.encode_color(rgb, 60)
    assert model.encode_color(rgb, 60, effort=1).payload == usual.payload
    for effort in (8, 9):
        coded = model.encode_color(rgb, 60, effort=effort)
        _, context = model.decode_color(coded.payload, *size, 60, coded.check)
        assert torch.equal(context.latent, coded.context.latent)
        below = model.encode_depth(plane, valid, 60, context, effort=effort)
        model.decode_depth(below.payload, *size, 60, below.check, valid, context)


@pytest.mark.parametrize("quality", [20, 80])
def test_more_effort_costs_less_where_it_should(samples, quality):
    names = {m.name for m in encodepth.list_models()}
    if "base" not in names:
        pytest.skip("the default weights are not here")
    rgb = np.ascontiguousarray(read(samples / "desk" / "color.webp").color[100:356, 200:456])
    model = load_model("base")
    worth = model.coders["color"].model.config.lmbda(quality) * rgb.shape[0] * rgb.shape[1]
    costs = []
    for effort in (7, 8, 9):
        coded = model.encode_color(rgb, quality, effort=effort)
        decoded, _ = model.decode_color(coded.payload, *rgb.shape[:2], quality, coded.check)
        error = np.square(decoded.astype(float) - rgb).mean()
        costs.append(8 * len(coded.payload) + worth * error)
    assert costs[1] < 0.995 * costs[0]
    assert costs[2] <= costs[1]


def test_one_picture_of_a_batch_takes_the_same_tables_as_alone(weights):
    coder = load_model(weights).coders["color"]
    torch.manual_seed(9)
    z = torch.randint(-3, 4, (3, TINY_COLOR.hyper, 1, 2)).float()
    symbols = torch.randint(-5, 6, (3, TINY_COLOR.latent, 4, 6)).float()

    def indexes(rows: slice) -> list[torch.Tensor]:
        seen: list[torch.Tensor] = []

        def code(step: int, mean: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
            seen.append(index)
            return symbols[rows, :, ::2, ::2]

        blend = coder._blend(50)
        context = coder.model.context
        features = context.features(z[rows], blend, (4, 6))
        offset = torch.zeros(1, TINY_COLOR.latent, 1, 1)
        context.walk(features, coder.model.gain(blend), offset, code)
        return seen

    with torch.inference_mode():
        together, alone = indexes(slice(0, 3)), indexes(slice(1, 2))
    assert all(torch.equal(a[1:2], b) for a, b in zip(together, alone, strict=True))


def test_quality_is_monotone_in_bytes(model):
    rgb = picture(128, 128)
    sizes = [len(model.encode_color(rgb, q).payload) for q in (5, 50, 95)]
    assert sizes == sorted(sizes)


def test_fingerprint_ignores_the_encoder_and_sees_the_decoder():
    torch.manual_seed(1)
    arrays = stored_arrays({"color": PlaneModel(TINY_COLOR)})
    before = fingerprint(arrays)
    for name, array in arrays.items():
        changed = dict(arrays) | {name: array + np.ones((), array.dtype)}
        own = name.removeprefix("color/")
        assert (fingerprint(changed) == before) == own.startswith(ENCODER_ONLY), name


def test_saving_what_was_loaded_changes_nothing(weights, tmp_path):
    planes = {kind: coder.model for kind, coder in load_model(weights).coders.items()}
    save_weights(tmp_path / "again.safetensors", planes)
    again = load_model(tmp_path / "again.safetensors")
    assert again.fingerprint == load_model(weights).fingerprint


def test_unknown_model_names_the_list():
    with pytest.raises(ModelNotFoundError, match=r'no model "bas".*encodepth models lists all'):
        load_model("bas")


def test_a_file_that_is_no_weights_file(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"nothing here")
    with pytest.raises(ModelNotFoundError, match="cannot read weights"):
        load_model(tmp_path / "w.safetensors")


def test_calibration_brings_features_to_unit_spread_and_changes_nothing_else():
    torch.manual_seed(3)
    model = PlaneModel(TINY_DEPTH)
    depth, holes = (
        torch.rand(4, 1, 64, 96).cumsum(-1) / 96,
        (torch.rand(4, 1, 64, 96) > 0.9).float(),
    )
    blend = blend_weights(torch.tensor([50.0]), TINY_DEPTH.anchors)

    def run() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y = model.g_a(torch.cat([depth - 0.5, holes], dim=1), blend)
        return y, y * model.gain(blend), model.g_s(y, blend, holes)

    with torch.no_grad():
        (_, gained, output), _ = run(), model.calibrate(depth, 1 - holes)
        y, gained_after, output_after = run()
    torch.testing.assert_close(y.square().mean(dim=(0, 2, 3)), torch.ones(32), atol=1e-3, rtol=0)
    torch.testing.assert_close(gained_after, gained, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output_after, output, rtol=1e-4, atol=1e-5)
