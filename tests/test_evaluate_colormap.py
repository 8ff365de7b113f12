"""Colour maps of depth: exact for all 65536 values, and gentle under a lossy codec."""

import numpy as np
import pytest

from encodepth.errors import EncodepthError
from encodepth.evaluate import baselines as anchors
from encodepth.evaluate.kinds import find_codecs
from encodepth.frame import RgbdImage
from encodepth.thesis.colormap import find_map
from encodepth.thesis.painted import Painted

EVERY_VALUE = np.arange(65536, dtype=np.uint16).reshape(256, 256)
CODECS = {codec.name: codec for codec in anchors.conventional()}
MAPS = ("jet", "turbo", "hue")


def slope(holes: bool) -> RgbdImage:
    row, column = np.mgrid[:96, :128]
    depth = (900 + 9 * row + 5 * column).astype(np.uint16)
    if holes:
        depth[30:50, 40:60] = 0
    return RgbdImage(depth=depth)


@pytest.mark.parametrize("name", MAPS)
def test_every_16_bit_value_has_its_own_colour_and_comes_back(name):
    colors = find_map(name)
    picture = colors.embed(EVERY_VALUE)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 65536
    assert np.array_equal(colors.extract(picture), EVERY_VALUE)


@pytest.mark.parametrize(("name", "levels"), [("jet", 11), ("turbo", 11), ("hue", 10)])
def test_embedded_colours_stay_near_the_curve(name, levels):
    colors = find_map(name)
    far = np.abs(colors.embed(EVERY_VALUE).astype(int) - colors.paint(EVERY_VALUE))
    assert colors.deviation == far.max() == levels
    assert far.mean() < 4


@pytest.mark.parametrize(("name", "steps"), [("jet", 1018), ("turbo", 1300), ("hue", 1528)])
def test_painting_inverts_within_half_a_step_of_the_curve(name, steps):
    colors = find_map(name)
    error = np.abs(colors.unpaint(colors.paint(EVERY_VALUE)).astype(int) - EVERY_VALUE)
    distinct = len(np.unique(colors.curve, axis=0))
    assert distinct >= steps
    longest = np.bincount(np.unique(colors.curve, axis=0, return_inverse=True)[1].ravel()).max()
    assert error.max() <= (longest + 1) // 2
    assert error.mean() < 65536 / steps / 2


def test_turbo_follows_the_published_table():
    """Its author's polynomial, used here, is a fit: at most 32 levels off, at the dark end."""
    matplotlib = pytest.importorskip("matplotlib")
    theirs = matplotlib.colormaps["turbo"](np.arange(256))[:, :3] * 255
    ours = find_map("turbo").curve[np.arange(256) * 257]
    assert np.abs(ours - theirs).max() < 33
    assert np.abs(ours - theirs).mean() < 8


def test_an_unknown_colour_is_taken_for_the_nearest_of_the_curve():
    colors = find_map("jet")
    noisy = np.clip(colors.paint(EVERY_VALUE).astype(int) + 3, 0, 255).astype(np.uint8)
    for invert in (colors.unpaint, colors.extract):
        error = np.abs(invert(noisy).astype(int) - EVERY_VALUE)
        assert error.mean() < 600  # of 65536; a curve step is 64


def _nearest_slowly(curve, rgb):
    distance = np.square(curve.astype(int) - rgb.astype(int)).sum(1)
    return distance.min()


def test_unpainting_finds_the_nearest_colour():
    colors = find_map("turbo")
    rgb = np.random.default_rng(3).integers(0, 256, (1, 40, 3)).astype(np.uint8)
    codes = colors.unpaint(rgb)
    for code, pixel in zip(codes[0], rgb[0], strict=True):
        found = np.square(colors.curve[code].astype(int) - pixel.astype(int)).sum()
        assert found == _nearest_slowly(colors.curve, pixel)


def test_the_hue_map_wraps_around_and_the_others_do_not():
    """What makes hue err by the full range: its two ends are the same red."""
    gaps = {
        name: int(np.abs(find_map(name).curve[0].astype(int) - find_map(name).curve[-1]).max())
        for name in MAPS
    }
    assert gaps["hue"] == 1
    assert min(gaps["jet"], gaps["turbo"]) > 50


@pytest.mark.parametrize("name", MAPS)
def test_embedded_depth_through_a_lossless_codec_is_exact(name):
    exact = anchors.lossless_rgb()
    (record,) = Painted(name, exact, embedded=True).measure(slope(holes=True), 7)
    assert record["max_mm"] == 0
    assert record["holes_filled"] == record["holes_added"] == 0
    assert record["bytes"] > 0


def test_painted_depth_through_a_lossy_codec_keeps_holes_and_counts_the_mask():
    painted = Painted("turbo", CODECS["avif-aom-444-s6"])
    assert painted.name == "turbo+avif-aom-444-s6"
    assert painted.modalities() == ("depth",)
    (rough,), (fine,) = (painted.measure(slope(holes=True), s) for s in (20, 95))
    assert fine["holes_filled"] == fine["holes_added"] == 0
    assert fine["rmse_mm"] < 6 < rough["rmse_mm"] < 300
    assert rough["bytes"] < fine["bytes"]
    assert fine["mask_bytes"] > 1


def test_an_unknown_map_is_named():
    with pytest.raises(EncodepthError, match='no colour map "rainbow"; there are jet, turbo, hue'):
        find_map("rainbow")


def test_depth_through_a_colour_map_is_found_by_name():
    ((codec, settings),) = find_codecs("jet+webp-m6@30")
    assert (codec, settings) == (Painted("jet", CODECS["webp-m6"]), (30,))
    ((codec, _),) = find_codecs("hue-exact+jxl-lossless-rgb")
    assert (codec.embedded, codec.name) == (True, "hue-exact+jxl-lossless-rgb")
    with pytest.raises(EncodepthError, match='no colour codec "png16"; there are jpeg-turbo-420'):
        find_codecs("turbo+png16")


def test_our_own_codec_carries_painted_depth_like_any_other():
    ((codec, settings),) = find_codecs("turbo+base+av1@50/95")
    assert (codec.name, codec.spec, settings) == ("turbo+base+av1",) * 2 + ((50, 95),)
    (rough,), (fine,) = (codec.measure(slope(holes=True), s) for s in settings)
    assert rough["bytes"] < fine["bytes"]
    assert fine["rmse_mm"] < rough["rmse_mm"]
    assert fine["holes_filled"] == fine["holes_added"] == 0
    assert "weights" not in fine  # AVIF inside: no weights take part


def test_our_lossless_file_holds_embedded_depth_exactly():
    ((codec, settings),) = find_codecs("jet-exact+base+lossless")
    (record,) = codec.measure(slope(holes=True), settings[0])
    assert settings == (0,)
    assert record["max_mm"] == 0


def test_our_learned_colour_carries_painted_depth_and_names_its_weights():
    ((codec, _),) = find_codecs("turbo+base")
    if codec.missing():
        pytest.skip(codec.missing())
    (record,) = codec.measure(slope(holes=False), 80)
    assert record["weights"] == codec.weights()
    assert 0 < record["rmse_mm"] < 100
