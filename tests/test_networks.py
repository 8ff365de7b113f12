"""The default family's network in torch: an untrained one codes, a reference enters, weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from encodepth.errors import ModelNotFoundError
from encodepth.learned.weights import ENCODER_ONLY, fingerprint, read_weights
from encodepth.networks.blocks import blend_weights
from encodepth.networks.config import TINY_COLOR
from encodepth.networks.context import Guide
from encodepth.networks.models import open_in_torch
from encodepth.networks.plane import PlaneModel
from encodepth.networks.weights import load_weights, save_weights, stored_arrays


def randomised(model: PlaneModel) -> PlaneModel:
    """Give every layer that starts at zero random weights."""
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(4)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, randomised(PlaneModel(TINY_COLOR)))
    return path


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    ramp = np.linspace(0, 200, height)[:, None, None] + np.linspace(0, 40, width)[None, :, None]
    return np.clip(ramp + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def test_an_untrained_network_is_a_transform_codec(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "raw.safetensors", PlaneModel(TINY_COLOR))
    model = open_in_torch(tmp_path / "raw.safetensors")
    rgb = picture(96, 128) // 8 * 8
    coded = model.encode(rgb, 100)
    decoded = model.decode(coded.payload, 96, 128, 100, coded.check)
    assert np.mean((decoded.astype(float) - rgb) ** 2) < 40  # 32 dB from the truncated DCT


def test_a_reference_latent_enters_transforms_means_and_scales():
    torch.manual_seed(2)
    model = randomised(PlaneModel(dataclasses.replace(TINY_COLOR, guide=5))).eval()
    x, quality = torch.rand(1, 3, 64, 96), torch.tensor([50.0])
    symbols = torch.randint(-5, 6, (1, 5, 4, 6)).float()
    guide = Guide(torch.randn(1, 5, 4, 6), symbols)
    with torch.no_grad():
        alone, seen = model(x, quality), model(x, quality, guide)
        other = model(x, quality, Guide(guide.latent, -3 * symbols))
    assert not torch.equal(alone.picture, seen.picture)
    assert not torch.equal(alone.bits, seen.bits)
    assert not torch.equal(other.bits, seen.bits)


def test_one_picture_of_a_batch_takes_the_same_tables_as_alone(weights):
    model = load_weights(weights)
    torch.manual_seed(9)
    z = torch.randint(-3, 4, (3, TINY_COLOR.hyper, 1, 2)).float()
    symbols = torch.randint(-5, 6, (3, TINY_COLOR.latent, 4, 6)).float()

    def indexes(rows: slice) -> list[torch.Tensor]:
        seen: list[torch.Tensor] = []

        def code(step: int, mean: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
            seen.append(index)
            return symbols[rows, :, ::2, ::2]

        blend = blend_weights(torch.tensor([50]), TINY_COLOR.anchors)
        features = model.context.features(z[rows], blend, (4, 6))
        offset = torch.zeros(1, TINY_COLOR.latent, 1, 1)
        model.context.walk(features, model.gain(blend), offset, code)
        return seen

    with torch.inference_mode():
        together, alone = indexes(slice(0, 3)), indexes(slice(1, 2))
    assert all(torch.equal(a[1:2], b) for a, b in zip(together, alone, strict=True))


def test_fingerprint_ignores_the_encoder_and_sees_the_decoder():
    torch.manual_seed(1)
    arrays = stored_arrays(PlaneModel(TINY_COLOR))
    before = fingerprint(arrays)
    for name, array in arrays.items():
        changed = dict(arrays) | {name: array + np.ones((), array.dtype)}
        own = name.removeprefix("color/")
        assert (fingerprint(changed) == before) == own.startswith(ENCODER_ONLY), name


def test_saving_what_was_loaded_changes_nothing(weights, tmp_path):
    save_weights(tmp_path / "again.safetensors", load_weights(weights))
    again = read_weights(tmp_path / "again.safetensors")
    assert again.fingerprint == read_weights(weights).fingerprint


def test_unknown_model_names_the_list():
    with pytest.raises(ModelNotFoundError, match=r'no model "bas".*encodepth models lists all'):
        open_in_torch("bas")


def test_calibration_brings_features_to_unit_spread_and_changes_nothing_else():
    torch.manual_seed(3)
    model = PlaneModel(TINY_COLOR)
    picture = torch.rand(4, 3, 64, 96).cumsum(-1) / 96
    blend = blend_weights(torch.tensor([50.0]), TINY_COLOR.anchors)

    def run() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y = model.g_a(picture - 0.5, blend)
        return y, y * model.gain(blend), model.g_s(y, blend)

    with torch.no_grad():
        (_, gained, output), _ = run(), model.calibrate(picture)
        y, gained_after, output_after = run()
    torch.testing.assert_close(y.square().mean(dim=(0, 2, 3)), torch.ones(48), atol=1e-3, rtol=0)
    torch.testing.assert_close(gained_after, gained, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output_after, output, rtol=1e-4, atol=1e-5)
