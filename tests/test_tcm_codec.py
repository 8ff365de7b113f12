"""The thesis's family from pictures to bytes and back, on its small presets."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from encodepth.codec import Codec
from encodepth.errors import DesyncError, InvalidImageError, ModelNotFoundError
from encodepth.frame import RgbdImage
from encodepth.learned.weights import read_weights
from encodepth.thesis.model import TcmModel
from encodepth.thesis.random import random_tcm
from encodepth.thesis.rows import ROWS, light, small
from encodepth.thesis.tcm import TCM, add_guide
from encodepth.thesis.weights import is_tcm, load_tcm, save_tcm
from shared import SHARED

SIZES = [(1, 1), (63, 65), (130, 120)]


@cache
def model_of(name):  # built once, never changed
    return random_tcm(small(ROWS[name]))


def pictures(config, height, width, batch=1, seed=5):
    """Smooth random pictures and guides in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)

    def draw(channels):
        coarse = torch.rand(batch, channels, height // 16 + 2, width // 16 + 2, generator=generator)
        return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")

    return draw(config.target), draw(config.guide) if config.guide else None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ROWS)
def test_decoding_bytes_equals_forward_and_costs_what_it_estimates(name, size):
    model = model_of(name)
    x, guide = pictures(model.config, *size)
    with torch.no_grad():
        expected = model(x, guide)
    (coded,) = model.compress(x, guide)
    assert torch.allclose(model.decompress([coded], *size), expected.x_hat, atol=1e-4)
    estimate = expected.bits.item() / 8
    assert abs(len(coded.payload) - estimate) <= 0.01 * estimate + 40


@pytest.mark.parametrize("name", ["depth", "rgb-attn"])
def test_a_batch_is_its_pictures_one_by_one(name):
    model = model_of(name)
    x, guide = pictures(model.config, 100, 140, batch=2)
    batch = model.compress(x, guide)
    alone = model.compress(x[1:], guide[1:] if guide is not None else None)
    whole = model.decompress(batch, 100, 140)
    assert whole.shape == (2, model.config.target, 100, 140)
    assert torch.allclose(model.decompress(alone, 100, 140), whole[1:], atol=2e-3)
    assert torch.allclose(model.decompress(batch[1:], 100, 140), whole[1:], atol=1e-4)


def test_transforms_in_bfloat16_write_streams_that_float32_reads():
    model = model_of("rgb")
    low = random_tcm(small(ROWS["rgb"])).use_bfloat16()
    x, _ = pictures(model.config, 128, 128)
    coded = low.compress(x)
    high = model.decompress(coded, 128, 128)
    assert low.decompress(coded, 128, 128).dtype == torch.float32
    assert (low.decompress(coded, 128, 128) - high).abs().max() < 0.05 * high.abs().max()


def test_bfloat16_can_be_left_again_and_touches_no_weight():
    model = random_tcm(small(ROWS["rgb"]))
    x, _ = pictures(model.config, 64, 64)
    before, name = model.compress(x), TcmModel(model).fingerprint
    at_work = TcmModel(model)
    at_work.use_low_precision(True)
    assert model.compress(x) != before
    assert at_work.fingerprint == TcmModel(model).fingerprint == name
    assert all(p.dtype == torch.float32 for p in model.parameters())
    at_work.use_low_precision(False)
    assert model.compress(x) == before


def test_weights_survive_the_disk(tmp_path):
    model = model_of("depth-conv")
    save_tcm(tmp_path / "w.safetensors", model)
    again = load_tcm(tmp_path / "w.safetensors")
    assert again.config == model.config
    assert is_tcm(tmp_path / "w.safetensors")
    x, guide = pictures(model.config, 64, 64)
    assert again.compress(x, guide) == model.compress(x, guide)


@pytest.mark.parametrize("half", [False, True])
def test_a_file_tells_the_fingerprint_without_torch(tmp_path, half):
    path = tmp_path / "w.safetensors"
    save_tcm(path, model_of("depth-conv"), half=half)
    assert read_weights(path).fingerprint == TcmModel(load_tcm(path)).fingerprint


def test_weights_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelNotFoundError, match=r"cannot read weights .*w\.safetensors"):
        load_tcm(tmp_path / "w.safetensors")
    assert not is_tcm(tmp_path / "w.safetensors")


# Convolutional fusion is built round the depth baseline ----------------------------------------


def test_fusion_starts_at_exactly_the_baseline():
    depth = model_of("depth")
    fused = add_guide(depth, small(ROWS["depth-conv"])).eval()
    x, guide = pictures(fused.config, 100, 120)
    assert fused.compress(x, guide) == depth.compress(x)


def test_streams_of_trained_fusion_decode_with_the_baselines_weights():
    depth = model_of("depth")
    fused = add_guide(depth, small(ROWS["depth-conv"])).train()
    x, guide = pictures(fused.config, 128, 128)
    trained = [p for p in fused.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, 1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        out = fused(x, guide)
        (out.bits.mean() / 1e3 + (out.x_hat - x).square().mean()).backward()
        optimiser.step()
    fused.eval().update_tables()
    coded = fused.compress(x, guide)
    assert coded != depth.compress(x), "the guide changed nothing"
    assert torch.equal(depth.decompress(coded, 128, 128), fused.decompress(coded, 128, 128))
    assert TcmModel(fused).fingerprint == TcmModel(depth).fingerprint


def test_only_the_fusion_of_a_fused_model_trains():
    fused = add_guide(model_of("depth"), small(ROWS["depth-conv"]))
    free = {n for n, p in fused.named_parameters() if p.requires_grad}
    assert free == {n for n, _ in fused.named_parameters() if n.startswith(("g_a.side", "g_a.spf"))}


def test_fusion_is_refused_round_another_codec():
    with pytest.raises(ValueError, match="differ in size"):
        add_guide(model_of("depth"), ROWS["depth-conv"])
    with pytest.raises(ValueError, match="only 'conv' adds"):
        add_guide(model_of("depth"), small(ROWS["depth-4c"]))


# What the thesis leaves as future work ---------------------------------------------------------

FUTURE = {
    "decoder prompts from the latent": replace(small(ROWS["rgb-attn"]), p_s=True),
    "decoder prompts from the guide": replace(small(ROWS["rgb-attn"]), p_s=True, l_s=True),
    "decoder prompts without fusion": replace(small(ROWS["rgb"]), p_s=True),
    "a segmentation mask of five classes": replace(small(ROWS["rgb-attn"]), guide=5),
    "convolutional fusion for colour": replace(small(ROWS["rgb"]), guide=1, fusion="conv"),
    "attention fusion for depth": replace(small(ROWS["depth"]), guide=3, fusion="attention"),
    "light prompts": small(light(ROWS["rgb-attn"])),
}


@pytest.mark.parametrize("what", FUTURE)
def test_future_work_codes_too(what):
    model = random_tcm(FUTURE[what])
    x, guide = pictures(model.config, 65, 70)
    with torch.no_grad():
        expected = model(x, guide).x_hat
    at_decoder = guide if model.config.l_s else None
    decoded = model.decompress(model.compress(x, guide), 65, 70, at_decoder)
    assert torch.allclose(decoded, expected, atol=1e-4)


def test_decoder_prompts_reach_the_picture():
    model = random_tcm(FUTURE["decoder prompts from the guide"])
    x, guide = pictures(model.config, 64, 64)
    coded = model.compress(x, guide)
    one, other = (model.decompress(coded, 64, 64, g) for g in (guide, 1 - guide))
    assert not torch.allclose(one, other, atol=1e-4)


# Failures --------------------------------------------------------------------------------------


def test_another_decoder_is_an_error_never_a_picture():
    model, other = model_of("rgb"), TCM(small(ROWS["rgb"])).eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        other.h_scale_s[0].subpel[0].weight.mul_(1.01)
    x, _ = pictures(model.config, 128, 128)
    with pytest.raises(DesyncError, match=r"other symbols than were encoded \(check [0-9a-f]{4}"):
        other.decompress(model.compress(x), 128, 128)


def test_a_damaged_payload_is_an_error_or_harmless_never_another_picture():
    model = model_of("depth")
    x, _ = pictures(model.config, 64, 64)
    (coded,) = model.compress(x)
    expected, errors = model.decompress([coded], 64, 64), 0
    for at in np.linspace(0, len(coded.payload) - 1, 6).astype(int):
        damaged = bytearray(coded.payload)
        damaged[at] ^= 0x55
        try:
            decoded = model.decompress([(bytes(damaged), coded.check)], 64, 64)
        except DesyncError:
            errors += 1
        else:  # the last bytes of a range coder may say no more than that it ends
            assert torch.equal(decoded, expected)
    assert errors >= 5


@pytest.mark.parametrize(
    ("name", "guide", "message"),
    [
        ("rgb-4c", None, "sees a guide of 1 channels, got none"),
        ("rgb", torch.zeros(1, 1, 8, 8), "sees a guide of none, got 1 channels"),
        ("rgb-4c", torch.zeros(1, 2, 8, 8), r"guide is \(1, 2, 8, 8\), expected \(1, 1, 8, 8\)"),
    ],
)
def test_a_guide_that_does_not_fit_is_refused(name, guide, message):
    with pytest.raises(InvalidImageError, match=message):
        model_of(name).compress(torch.zeros(1, 3, 8, 8), guide)


# On arrays, as the codec calls it --------------------------------------------------------------


def test_arrays_come_back_as_arrays():
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    plane = rng.random((20, 25), dtype=np.float32)
    color, depth = TcmModel(model_of("rgb-4c")), TcmModel(model_of("depth-4c"))
    coded = color.encode(rgb, 50, guide=plane)  # a guide of another size is resampled
    decoded = color.decode(coded.payload, 40, 50, 50, coded.check)
    assert (decoded.shape, decoded.dtype) == (rgb.shape, np.uint8)
    coded = depth.encode(plane, 50, guide=rgb)
    decoded = depth.decode(coded.payload, 20, 25, 50, coded.check)
    assert (decoded.shape, decoded.dtype) == (plane.shape, np.float32)
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_a_model_says_what_it_cannot_code():
    model = TcmModel(model_of("depth-conv"))
    with pytest.raises(ModelNotFoundError, match="codes depth by itself, not color"):
        Codec(model).encode(frame(), coding={"color": "learned"})
    with pytest.raises(InvalidImageError, match="encodes depth with color; there is none"):
        model.encode(np.zeros((8, 8), np.float32), 50)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real data beside the repository")
@pytest.mark.parametrize("name", ["rgb-4c", "depth-conv"])
def test_a_real_frame_of_odd_size(name):
    from PIL import Image

    color = next(iter(sorted((SHARED / "data/test").glob("kinect*/color/*"))))
    depth = next(iter(sorted((SHARED / "data/test").glob("kinect*/depth/*"))))
    rgb = torch.from_numpy(np.array(Image.open(color).convert("RGB"))).permute(2, 0, 1)[None] / 255
    plane = torch.from_numpy(np.array(Image.open(depth)).astype(np.float32))[None, None] / 10000
    x, guide = (rgb, plane) if name.startswith("rgb") else (plane, rgb)
    x, guide = x[..., 200:441, 100:351], guide[..., 200:441, 100:351]
    model = model_of(name)
    with torch.no_grad():
        expected = model(x, guide)
    (coded,) = model.compress(x, guide)
    assert torch.allclose(model.decompress([coded], 241, 251), expected.x_hat, atol=1e-4)
    assert abs(len(coded.payload) - expected.bits.item() / 8) <= expected.bits.item() / 800 + 40


# Inside .rgbd files ----------------------------------------------------------------------------


def frame(height=60, width=70):
    rng = np.random.default_rng(3)
    depth = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint16) * 9 + 900
    depth[5:12, 8:30] = 0
    return RgbdImage(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), depth)


EXACT = {"color": "jpegxl", "depth": "surface"}


@pytest.mark.parametrize("name", ROWS)
def test_every_row_codes_inside_a_file(name, tmp_path):
    save_tcm(tmp_path / "w.safetensors", model_of(name))
    codec, image = Codec(tmp_path / "w.safetensors"), frame()
    kind, other = ("color", "depth") if name.startswith("rgb") else ("depth", "color")
    data = codec.encode(image, coding={kind: "learned", other: EXACT[other]})
    back = codec.decode(data)
    assert np.array_equal(getattr(back, other), getattr(image, other))
    assert getattr(back, kind).shape == getattr(image, kind).shape
    assert np.array_equal(back.depth == 0, image.depth == 0)
    alone = codec.decode(data, streams=kind)  # a decoder never sees the guide
    assert np.array_equal(getattr(alone, kind), getattr(back, kind))


def test_a_file_of_the_fused_model_decodes_with_the_baselines_weights():
    depth, image = model_of("depth"), frame()
    fused = add_guide(depth, small(ROWS["depth-conv"])).eval()
    with torch.no_grad():
        fused.g_a.spf[0].merge.weight.add_(0.01)
    data = Codec(TcmModel(fused)).encode(image, coding={"color": "av1", "depth": "learned"})
    assert data != Codec(TcmModel(depth)).encode(image, coding={"color": "av1", "depth": "learned"})
    one, other = (Codec(TcmModel(m)).decode(data, streams="depth") for m in (fused, depth))
    assert np.array_equal(one.depth, other.depth)


def test_a_fusion_model_without_its_guide_says_so():
    image = RgbdImage(frame().color, None)
    with pytest.raises(InvalidImageError, match="encodes color with depth; there is none"):
        Codec(TcmModel(model_of("rgb-attn"))).encode(image, coding="learned")
