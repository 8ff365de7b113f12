"""The restorer of colour: any size, tiles, gains, weights, pictures coded ahead, training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from encodepth.codings import av1_color as avif
from encodepth.errors import CorruptFileError, ModelNotFoundError
from encodepth.learned import restore_color as tiling
from encodepth.learned.restore import strength_of
from encodepth.learned.restore_color import GAIN_ONE, Correction, rmse
from encodepth.networks.color_restorer import ColorRestorer, color_net
from encodepth.networks.models import open_in_torch
from encodepth.networks.restorer import RestorerConfig, RestorerNet
from encodepth.networks.restorer_weights import load_color_restorer, load_restorer, save_restorer
from encodepth.train.batches import LEVEL, Batches
from encodepth.train.coded_color import color_ahead, color_at
from encodepth.train.config import Ahead, Source
from encodepth.train.frames import open_training, open_validation
from encodepth.train.recipe import make_recipe
from encodepth.train.run import make_task, train
from train_tools import Shapes

SMALL = RestorerConfig((8, 8, 8), (1, 1, 1, 1, 1))


def net(seed: int = 3) -> RestorerNet:
    """A small network whose zero-started layers have random weights."""
    torch.manual_seed(seed)
    made = color_net(SMALL)
    for parameter in made.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return made


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


class Fixed(torch.nn.Module):
    """Estimates the same error everywhere, in units of its size."""

    def __init__(self, value):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value).view(1, 3, 1, 1))

    def forward(self, x):
        return self.value.expand(len(x), 3, *x.shape[2:])


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (64, 64), (97, 130)])
def test_any_size_is_restored(size):
    decoded = picture(*size)
    out = ColorRestorer(net(), 0).restore_color(decoded, 40, Correction(20))
    assert (out.shape, out.dtype) == (decoded.shape, np.uint8)
    assert not np.array_equal(out, decoded)


def test_a_fresh_network_changes_nothing():
    decoded = picture(40, 50)
    out = ColorRestorer(color_net(SMALL), 0).restore_color(decoded, 40, Correction(20))
    assert np.array_equal(out, decoded)


def test_tiles_leave_no_seams(monkeypatch):
    decoded = picture(290, 330)
    whole = ColorRestorer(net(), 0).restore_color(decoded, 40, Correction(20)).astype(int)
    monkeypatch.setattr(tiling, "_TILE", 64)
    tiled = ColorRestorer(net(), 0).restore_color(decoded, 40, Correction(20))
    assert np.abs(tiled - whole).max() <= 1  # a float on the brink of rounding
    assert (tiled != whole).mean() < 1e-3


def test_gains_of_zero_leave_the_picture_and_gains_of_one_take_the_estimate():
    decoded = picture(40, 56)
    restorer = ColorRestorer(net(), 0)
    assert np.array_equal(restorer.restore_color(decoded, 40, Correction(20, (0, 0, 0))), decoded)
    plain = ColorRestorer(Fixed([1.0, -2.0, 3.0]), 0)
    grey = np.full((16, 16, 3), 100, np.uint8)
    out = plain.restore_color(grey, 40, Correction(8))  # an error of one
    assert np.array_equal(out[3, 3], [101, 98, 103])


def test_a_gain_scales_its_own_channel():
    grey = ColorRestorer(Fixed([2.0, 2.0, 2.0]), 0)  # luma only
    decoded = np.full((16, 16, 3), 100, np.uint8)
    half = Correction(8, (GAIN_ONE // 2, GAIN_ONE, GAIN_ONE))
    assert np.all(grey.restore_color(decoded, 40, half) == 101)
    no_chroma = Correction(8, (GAIN_ONE, 0, 0))
    assert np.all(grey.restore_color(decoded, 40, no_chroma) == 102)


def test_the_encoder_finds_the_size_of_the_error_and_the_gains_that_leave_least():
    decoded = picture(64, 72).clip(20, 230)
    restorer = ColorRestorer(Fixed([1.0, 1.0, 1.0]), 0)
    original = decoded + 3  # an error of 3 in luma: the estimate is its size, so right
    correction = restorer.correction(decoded, original.astype(np.uint8), 40)
    assert correction.strength == strength_of(3)
    assert correction.gains[0] == pytest.approx(GAIN_ONE, abs=3)  # the size is rounded
    worse = restorer.correction(decoded, (decoded - 3).astype(np.uint8), 40)
    assert worse.gains[0] == 0
    assert rmse(decoded, original.astype(np.uint8)) == pytest.approx(3)


@given(st.binary(min_size=3, max_size=3))
def test_three_bytes_are_a_correction_and_back(data):
    correction = Correction.unpack(data)
    assert correction.pack() == data
    assert Correction.unpack(correction.pack()) == correction


@pytest.mark.parametrize("data", [b"", b"12", b"1234"])
def test_a_correction_of_another_length_is_refused(data):
    with pytest.raises(CorruptFileError, match=rf"correction has {len(data)} bytes; expected 3"):
        Correction.unpack(data)


def test_weights_come_back_and_depths_are_not_taken_for_colours(tmp_path):
    trained = net().to(memory_format=torch.channels_last)  # as training leaves it
    save_restorer(tmp_path / "c.safetensors", SMALL, trained)
    restorer = open_in_torch(tmp_path / "c.safetensors")
    assert isinstance(restorer, ColorRestorer)
    rounded = net()
    for parameter in rounded.parameters():
        parameter.data = parameter.data.half().float()
    decoded = picture(33, 40)
    expected = ColorRestorer(rounded, 0).restore_color(decoded, 40, Correction(9))
    assert np.array_equal(restorer.restore_color(decoded, 40, Correction(9)), expected)
    assert restorer.fingerprint == load_color_restorer(tmp_path / "c.safetensors").fingerprint
    save_restorer(tmp_path / "d.safetensors", SMALL, RestorerNet(SMALL))
    assert open_in_torch(tmp_path / "d.safetensors").net.outputs == 1
    assert load_restorer(tmp_path / "d.safetensors").fingerprint != restorer.fingerprint


def test_pictures_are_coded_once_as_often_as_asked(tmp_path):
    ahead = Ahead(qualities=(20, 80), speeds=(9,), shrunk=0.25)
    source, said = Source("photos", "x", versions=4), []
    coded = color_ahead(Shapes(), source, ahead, 64, tmp_path, said.append)
    assert len(coded) == 4 * len(Shapes())
    first = [coded[i] for i in range(4)]
    assert [f.size for f in first[:3]] == [(80, 96)] * 3
    assert 64 <= min(first[3].size) < 80
    for quarter, quality in enumerate(sorted(f.coded.quality for f in first)):
        assert 20 + 15 * quarter - 0.5 <= quality <= 35 + 15 * quarter + 0.5  # rounded
    for frame in first:
        assert frame.coded.picture.shape == frame.color.shape
        decoded = frame.coded.picture / np.float32(LEVEL)
        assert frame.coded.rmse == pytest.approx(rmse(decoded, frame.color), rel=1e-3)
        assert frame.coded.bpp > 0
    again = color_ahead(Shapes(), source, ahead, 64, tmp_path, said.append)
    assert again.fingerprint == coded.fingerprint
    assert len(said) == 1


def test_validation_pictures_come_at_every_quality(tmp_path):
    frames = [Shapes()[i] for i in range(2)]
    ways = ((9, "psnr"), (9, "ssim"))
    coded = color_at(frames, "shapes", (20, 70), ways, tmp_path, lambda _: None)
    assert [coded[i].coded.quality for i in range(4)] == [20, 70, 20, 70]
    payload = avif.encode_color_as(frames[1].color, 70, 9, "ssim", threads=1)
    expected = avif.decode_finely(payload, *frames[1].size)
    assert np.abs(coded[3].coded.picture / LEVEL - expected).max() <= 0.5 / LEVEL


def recipe(folder, photos):
    for i in range(3):
        Image.fromarray(picture(200, 150 + i)).save(photos / f"{i}.png")
    return make_recipe({
        "name": "restore-color", "model": {"family": "restore-color"},
        "data": {"root": str(photos.parent), "packs": str(folder / "packs"), "crop": 64,
                 "workers": 0, "validation_size": [128, 128],
                 "train": [{"kind": "photos", "path": photos.name, "versions": 2}],
                 "validation": [{"kind": "photos", "path": photos.name, "limit": 1}]},
        "ahead": {"speeds": [9], "validation": [[9, "psnr"]]},
        "augment": {"transpose": 0.5, "flip_y": 0.5, "rescale": 1.0},
        "optimiser": {"kind": "soap", "lr": 1e-3, "batch": 2, "threads": 1, "ema": 0.9},
        "schedule": {"steps": 3}, "validation": {"every": 3, "qualities": [20, 40, 60, 80]},
        "log": {"every": 1, "checkpoint": 3, "tensorboard": False},
        "output": str(folder / "run"),
    })  # fmt: skip


@pytest.fixture
def run(tmp_path):
    (tmp_path / "photos").mkdir()
    return recipe(tmp_path, tmp_path / "photos")


def test_crops_of_both_pictures_are_of_one_place(run):
    sources = open_training(run, lambda _: None)
    batches = Batches(run, sources)
    batch = batches[0]
    assert batch.coded.shape == batch.color.shape == (2, 3, 64, 64)
    apart = (batch.coded - batch.color).square().mean().sqrt() * 255
    assert float(apart) < 2 * float(batch.rmse.max())  # a crop elsewhere is ten times as far
    stored = {sources[0][i].coded.quality for i in range(len(sources[0]))}
    assert set(batch.quality.tolist()) <= stored


def test_training_by_recipe_ends_with_weights_that_load_and_figures_of_whole_files(run):
    (weights,) = train(run, quiet=True, cpu=True)
    restorer = load_color_restorer(weights)
    assert restorer.net.tail.weight.any()
    (source,) = open_validation(run, lambda _: None)
    assert len(source.frames) == 4
    card = (weights.parent / "CARD.md").read_text()
    assert "Restorer of AV1's colour" in card
    assert "color_bd_rate" in card


def test_training_goes_on_from_weights_and_from_a_checkpoint(run):
    (weights,) = train(run, quiet=True, cpu=True)
    tasks = [
        make_task(dataclasses.replace(run, model=dataclasses.replace(run.model, init=str(path))))
        for path in (weights, weights.parent / "checkpoint.safetensors")
    ]
    shipped, trained = (task.net.tail.weight for task in tasks)
    assert torch.equal(shipped, load_color_restorer(weights).net.tail.weight)
    assert trained.any()
    assert not torch.equal(trained, shipped)  # those that were trained, not their average
    save_restorer(weights, SMALL, net())
    with pytest.raises(ModelNotFoundError, match=r"weights\.safetensors is of another model"):
        make_task(dataclasses.replace(run, model=dataclasses.replace(run.model, init=str(weights))))


def test_a_file_restores_its_colour_without_torch_as_torch_does(samples):
    from encodepth import Codec, RgbdImage, inspect, read
    from encodepth.codings.av1_color import decode_finely, encode_color
    from encodepth.learned.weights import find_weights
    from encodepth.metrics import psnr

    color = read(samples / "table" / "color.webp").color[280:480, 300:564]
    codec = Codec()
    plain, data = (
        codec.encode(RgbdImage(color), quality=20, effort=8, coding=coding)
        for coding in ("av1", "restored")
    )
    assert inspect(data).streams[0].coding == "restored"
    assert len(data) == len(plain) + 7
    restored, rough = codec.decode(data).color, codec.decode(plain).color
    assert psnr(restored, color) > psnr(rough, color) + 0.2
    heavy = load_color_restorer(find_weights("restore-color"))
    fine = decode_finely(encode_color(color, 20, 8), *color.shape[:2])  # what the decoder gives it
    whole = heavy.restore_color(fine, 20, heavy.correction(fine, color, 20))
    assert np.abs(whole.astype(int) - restored).max() <= 1
