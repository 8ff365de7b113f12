"""The restorer of depth in torch: weights on disk, streams that carry it, training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encodepth import RgbdImage, inspect
from encodepth.codec import Codec
from encodepth.codings import restored
from encodepth.codings.av1_frames import TOP, decode_plane, encode_plane
from encodepth.codings.filling import depth_plane, depth_range
from encodepth.container.still import Still
from encodepth.container.stream import Stream
from encodepth.errors import CorruptFileError, ModelNotFoundError
from encodepth.learned.restore import size_of, strength_of
from encodepth.networks.config import TINY_COLOR
from encodepth.networks.models import open_in_torch
from encodepth.networks.plane import PlaneModel
from encodepth.networks.restorer import (
    Restorer,
    RestorerConfig,
    RestorerNet,
    _on_pixels_of_4,
    _to_pixels_of_4,
    asinh,
    features,
)
from encodepth.networks.restorer_weights import load_restorer, save_restorer
from encodepth.networks.weights import save_weights
from encodepth.train.recipe import make_recipe
from encodepth.train.run import train

SMALL = RestorerConfig((8, 8, 8), (1, 1, 1, 1, 1))


def net(seed: int = 3) -> RestorerNet:
    """A small network whose zero-started layers have random weights."""
    torch.manual_seed(seed)
    made = RestorerNet(SMALL)
    for parameter in made.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return made


def view(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height)
    plane = np.tile(np.linspace(0.1, 0.9, width, dtype=np.float32), (height, 1))
    plane[:, width // 2 :] *= 0.5
    color = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return plane, rng.random((height, width)) > 0.2, color


def test_a_fresh_network_changes_nothing():
    plane, valid, color = view(40, 50)
    out = Restorer(RestorerNet(SMALL), 0).restore(plane, valid, 20, color)
    np.testing.assert_allclose(out, plane, atol=1e-6)


def test_weights_come_back(tmp_path):
    save_restorer(tmp_path / "r.safetensors", SMALL, net())
    plane, valid, color = view(33, 40)
    restorer = open_in_torch(tmp_path / "r.safetensors")
    rounded = net()
    for parameter in rounded.parameters():
        parameter.data = parameter.data.half().float()
    expected = Restorer(rounded, 0).restore(plane, valid, 9, color)
    assert np.array_equal(restorer.restore(plane, valid, 9, color), expected)


def test_weights_that_do_not_fit_are_named(tmp_path):
    save_restorer(tmp_path / "r.safetensors", RestorerConfig((8, 8, 16), (1, 1, 1, 1, 1)), net())
    with pytest.raises(ModelNotFoundError, match=r"weights .*r\.safetensors do not fit"):
        load_restorer(tmp_path / "r.safetensors")


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    """A codec whose model knows colour only, with a small network trained to restore depth."""
    folder = tmp_path_factory.mktemp("restore")
    torch.manual_seed(1)
    save_weights(folder / "color.safetensors", PlaneModel(TINY_COLOR))
    made = Codec(folder / "color.safetensors")
    for name in ("restore", "restore-small"):
        made._models[name] = Restorer(fitted(), 0x1234)
    return made


def scene(height: int = 64, width: int = 96) -> RgbdImage:
    y, x = np.mgrid[:height, :width]
    near = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
    depth = np.where(near, 900, 2000 + 5 * x).astype(np.uint16)
    depth[:, :4] = 0
    color = np.stack([near * 200, 255 - x, y * 2], -1).astype(np.uint8)
    return RgbdImage(color, depth)


def fitted() -> RestorerNet:
    """A network fitted to the one scene of these tests, so that it is sure to help."""
    made, image = net(), scene()
    depth = image.depth
    valid = depth > 0
    plane = depth_plane(depth, *depth_range(depth))
    rough = decode_plane(encode_plane(plane, 40), *plane.shape)
    size = size_of(strength_of(TOP * np.sqrt(np.square(rough - plane)[valid].mean())))
    to = lambda a: torch.from_numpy(np.ascontiguousarray(a)).float()[None, None]  # noqa: E731
    color = torch.from_numpy(image.color).permute(2, 0, 1)[None].float() / 255
    x = features(to(rough) * TOP, to(~valid), color, torch.full((1, 1, 1, 1), size))
    error, mask = (to(plane) - to(rough)) * TOP / size, to(valid)
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        ((made(x) - error).square() * mask).mean().backward()
        optimiser.step()
    return made


def test_restored_depth_is_av1_and_what_a_network_makes_of_it(codec, monkeypatch):
    monkeypatch.setattr("encodepth.codings.restored.best_gain", lambda _: (2, 1.0))
    image = scene()
    coding = {"color": "av1", "depth": "restored"}
    data = codec.encode(image, quality=90, depth_quality=40, coding=coding)
    stream = inspect(data).stream("depth")
    assert (stream.coding, stream.weights) == ("restored", "00001234")
    assert stream.references == (("color", 0),)
    restored = codec.decode(data)
    assert np.array_equal(restored.depth == 0, image.depth == 0)
    assert rmse(restored, image) < 40
    alone = codec.decode(data, streams="depth")
    assert alone.color is None
    assert np.array_equal(alone.depth, restored.depth)


def rmse(decoded: RgbdImage, image: RgbdImage) -> float:
    valid = image.depth > 0
    return float(np.sqrt(np.square(decoded.depth.astype(float) - image.depth)[valid].mean()))


LOSSLESS_COLOR = {"color": "jpegxl", "depth": "restored"}


def test_depth_without_colour_or_of_another_size_is_restored_alone(codec):
    image = scene()
    other = RgbdImage(image.color[:32], image.depth)
    for picture in (RgbdImage(None, image.depth), other):
        data = codec.encode(
            picture, depth_quality=40, coding={"color": "jpegxl", "depth": "restored"}
        )
        stream = inspect(data).stream("depth")
        assert not stream.references
        assert np.array_equal(codec.decode(data).depth == 0, image.depth == 0)


def test_what_the_network_makes_worse_stays_as_av1_left_it(codec, tmp_path):
    bad = Codec(codec._models.name)
    worse = net()
    torch.nn.init.constant_(worse.tail.bias, 3.0)
    bad._models["restore-small"] = Restorer(worse, 7)
    data = bad.encode(scene(), depth_quality=40, coding=LOSSLESS_COLOR)
    assert inspect(data).stream("depth").coding == "av1"


def test_auto_restores_from_effort_7_on_by_small_networks_first(codec, monkeypatch):
    def coding(effort):
        data = codec.encode(scene(), depth_quality=40, effort=effort)
        stream = inspect(data).stream("depth")
        return stream.coding, stream.weights

    monkeypatch.setattr("encodepth.codings.restored.best_gain", lambda _: (2, 1.0))
    monkeypatch.setitem(codec._models, "restore-small", Restorer(fitted(), 0x5678))
    assert coding(6)[0] == "av1"
    assert coding(7) == ("restored", "00005678")
    assert coding(8) == ("restored", "00001234")
    monkeypatch.setitem(restored.WEIGHTS[8], "depth", "no such weights")
    with pytest.raises(ModelNotFoundError, match='no model "no such weights"'):
        coding(8)


def test_a_target_error_is_met_by_restored_depth(codec):
    image = scene(192, 256)
    data = codec.encode(
        image, quality=90, target_rmse=8, coding={"color": "av1", "depth": "restored"}
    )
    assert rmse(codec.decode(data), image) == pytest.approx(8, rel=0.03)


def test_weights_nobody_has_are_named(codec, monkeypatch):
    monkeypatch.setattr("encodepth.codings.restored.best_gain", lambda _: (2, 1.0))
    data = codec.encode(scene(), depth_quality=40, coding={"color": "av1", "depth": "restored"})
    with pytest.raises(ModelNotFoundError, match="needs weights 00001234"):
        Codec(codec._models.name).decode(data)


def test_a_payload_without_a_strength_is_refused():
    stream = Stream(1, 3, b"", bytes([1]) + bytes(4) + b"\1\1")
    whole = Still((stream,), {1: (4, 4)}).serialize()
    assert Still.parse(whole).streams == (stream,)
    with pytest.raises(CorruptFileError, match="does not say by how much"):
        Codec().decode(whole)


def test_training_by_recipe_ends_with_weights_that_load(tmp_path):
    source = {"kind": "generated", "count": 2, "size": [128, 128]}
    recipe = make_recipe({
        "name": "restore", "model": {"family": "restore"},
        "data": {"train": [source], "validation": [{**source, "count": 1, "seed": 9}],
                 "crop": 64, "workers": 0, "packs": str(tmp_path / "packs"),
                 "validation_size": [64, 64]},
        "optimiser": {"lr": 1e-3, "batch": 2, "threads": 1},
        "schedule": {"steps": 3}, "validation": {"every": 3, "qualities": [50]},
        "log": {"every": 1, "checkpoint": 3, "tensorboard": False},
        "output": str(tmp_path / "run"),
    })  # fmt: skip
    (weights,) = train(recipe, quiet=True, cpu=True)
    fresh = RestorerNet(RestorerConfig()).state_dict()
    trained = load_restorer(weights).net.state_dict()
    assert trained.keys() == fresh.keys()
    assert trained["tail.weight"].any()


@pytest.mark.parametrize("side", [1, 3])
def test_half_resolution_is_seen_without_a_copy(side):
    torch.manual_seed(2)
    conv = torch.nn.Conv2d(4 * 3, 5, side, padding=side // 2)
    x = torch.randn(2, 3, 16, 24)
    expected = conv(torch.nn.functional.pixel_unshuffle(x, 2))
    torch.testing.assert_close(_on_pixels_of_4(conv, x), expected, atol=1e-5, rtol=1e-5)


def test_a_transposed_convolution_brings_pixels_back():
    torch.manual_seed(0)
    conv, x = torch.nn.Conv2d(5, 12, 1), torch.randn(2, 5, 7, 9)
    expected = torch.nn.functional.pixel_shuffle(conv(x), 2)
    torch.testing.assert_close(_to_pixels_of_4(conv, x), expected, atol=1e-5, rtol=1e-5)


def test_the_inverse_hyperbolic_sine_is_torchs():
    x = torch.linspace(-30, 30, 1001)
    torch.testing.assert_close(asinh(x), torch.asinh(x), atol=2e-6, rtol=2e-6)
