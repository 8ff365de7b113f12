"""Axes of colour: found for a picture, said in four bytes, the way there and back."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from encodepth import metrics
from encodepth.codings import color_axes, dav1d, libaom, ycbcr, ycbcr_fine
from encodepth.codings.av1_color import decode_color, encode_color_as
from encodepth.codings.av1_groups import (
    color_axes_of,
    color_bits,
    color_options,
    decode_group,
    encode_group,
)
from encodepth.codings.av1_inter import begin
from encodepth.codings.base import Ask
from encodepth.codings.color_axes import Axes
from encodepth.codings.libaom import Options, Usage
from encodepth.errors import CorruptFileError

SOME = [Axes(), Axes(23, 1, 0), Axes(-127, 127, -127), Axes(127, 3, 90)]


@pytest.mark.parametrize("axes", SOME)
def test_axes_are_at_right_angles_and_as_long_as_ten_bits_allow(axes):
    matrix = color_axes.matrix(axes)
    assert np.allclose(3 * matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0


def test_the_first_axis_is_grey_unless_it_is_turned():
    assert np.allclose(color_axes.matrix(Axes())[0], 1 / 3)
    turned = color_axes.matrix(Axes(0, 0, 127)) @ np.linalg.inv(color_axes.matrix(Axes()))
    assert np.allclose(turned[2], [0, 0, 1])  # about the third of the base, by almost 90 degrees
    assert turned[1, 0] > 0.99


@pytest.mark.parametrize("axes", SOME)
def test_every_colour_survives_ten_bits(axes):
    corners = list(product((0, 255), repeat=3))
    some = np.random.default_rng(0).integers(0, 256, (2000 - len(corners), 3))
    rgb = np.concatenate([corners, some]).astype(np.uint8).reshape(40, 50, 3)
    planes = ycbcr_fine.to_planes(rgb, 10, axes)
    assert max(plane.max() for plane in planes) <= 1023
    assert np.array_equal(np.rint(ycbcr_fine.to_rgb(planes, 10, axes)), rgb)


@pytest.mark.parametrize("axes", SOME)
def test_eight_bits_come_back_within_two_levels(axes):
    rgb = np.random.default_rng(0).integers(0, 256, (64, 60, 3)).astype(np.uint8)
    planes = ycbcr.to_planes(rgb, axes)
    back = ycbcr.to_rgb(planes, axes)
    assert np.abs(back.astype(int) - rgb).max() <= 2
    exact = ycbcr_fine.to_rgb(planes, 8, axes)
    assert np.abs(back - exact).max() < 0.6
    assert all(
        np.abs(a.astype(int) - b).max() <= 1
        for a, b in zip(planes, ycbcr_fine.to_planes(rgb, 8, axes), strict=True)
    )


@pytest.mark.parametrize("axes", [None, *SOME])
def test_what_is_said_is_what_is_read(axes):
    assert color_axes.split(color_axes.pack(axes) + b"\x0bstream") == (axes, b"\x0bstream")


@pytest.mark.parametrize("payload", [b"\0", b"\0\1\2", b"\0\x80\0\0\x0b"])
def test_axes_that_cannot_be_are_refused(payload):
    with pytest.raises(CorruptFileError, match="axes are cut short or out of range"):
        color_axes.split(payload)


def test_detail_of_two_colours_lies_along_two_axes():
    rng = np.random.default_rng(1)
    colours = color_axes.matrix(Axes(20, -15, 10)).T * np.sqrt(3)
    detail = rng.laplace(size=(96, 96, 3)) * (30, 12, 0.5)
    picture = np.clip(128 + detail @ colours.T, 0, 255).astype(np.uint8)
    axes = color_axes.find([picture], 80)
    power = np.square(color_axes.matrix(axes) @ colours * np.sqrt(3))
    assert (np.sort(power, axis=1)[:, -1] > 0.99).all()


def test_grey_pictures_keep_the_grey_axis_and_small_ones_say_nothing():
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (40, 40, 1)), 3, 2).astype(np.uint8)
    assert color_axes.find([grey], 80) == Axes()
    assert color_axes.find([grey[:7]], 80) is None


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
def test_pictures_take_fewer_bytes_along_their_axes(samples):
    pytest.importorskip("bjontegaard")
    for name in ("desk", "table"):
        color = np.asarray(Image.open(samples / name / "color.webp").convert("RGB"))[:400, :480]
        curves = []
        for turned in (False, True):
            coded = [encode_color_as(color, q, 8, "ssim", turned=turned) for q in (30, 50, 70, 85)]
            shown = [decode_color(data, *color.shape[:2]) for data in coded]
            psnr = [metrics.psnr(picture, color) for picture in shown]
            curves.append([(len(data), value) for data, value in zip(coded, psnr, strict=True)])
        assert metrics.bd_rate(*curves) < -3


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
@pytest.mark.parametrize("bits", [8, 10])
def test_a_group_says_its_axes_once_and_decodes_alike_by_both_decoders(monkeypatch, samples, bits):
    color = np.asarray(Image.open(samples / "desk" / "color.webp").convert("RGB"))
    pictures = [np.ascontiguousarray(color[i : 64 + i, 2 * i : 80 + 2 * i]) for i in range(4)]
    payloads = encode_group(pictures, Options(20, 8, Usage.REALTIME, lag=0), bits)
    said = [color_axes.split(payload)[0] for payload in payloads]
    found = color_axes.find(pictures, 640) if bits == 10 else Axes()
    assert found is not None
    assert said == [found, None, None, None]
    shown = decode_group(payloads, (64, 80, 3))
    assert min(metrics.psnr(a, b) for a, b in zip(shown, pictures, strict=True)) > 30
    monkeypatch.setattr(dav1d, "available", lambda: False)
    assert np.array_equal(decode_group(payloads, (64, 80, 3)), shown)


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
def test_pictures_written_as_they_come_have_axes(samples):
    color = np.asarray(Image.open(samples / "desk" / "color.webp").convert("RGB"))
    pictures = [np.ascontiguousarray(color[i : 64 + i, :80]) for i in range(3)]
    begun = begin("color", pictures[0], Ask(quality=60, effort=1, live=True))
    payloads = [begun.add(picture).payload for picture in pictures]
    begun.close()
    assert [color_axes.split(payload)[0] for payload in payloads] == [Axes(), None, None]
    assert metrics.psnr(decode_group(payloads, (64, 80, 3))[2], pictures[2]) > 30


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
def test_a_still_picture_of_eight_bits_has_none():
    picture = np.zeros((16, 16, 3), np.uint8)
    payload = encode_color_as(picture, 50, 9, "ssim", bits=8)
    assert decode_color(payload, 16, 16).shape == (16, 16, 3)
    with pytest.raises(CorruptFileError, match="8 bits says along which axes"):
        decode_color(color_axes.pack(Axes()) + payload, 16, 16)


def as_the_page_says(axes):
    """M and the codes of black for 10 and 8 bits, by docs/format.md alone."""
    a, b, c, o = *axes, 128
    n = o * o + a * a + b * b + c * c
    turn = [
        [o * o + a * a - b * b - c * c, 2 * (a * b - c * o), 2 * (a * c + b * o)],
        [2 * (a * b + c * o), o * o - a * a + b * b - c * c, 2 * (b * c - a * o)],
        [2 * (a * c - b * o), 2 * (b * c + a * o), o * o - a * a - b * b + c * c],
    ]
    third, sixth, half = 0.5773502691896258, 0.408248290463863, 0.7071067811865476
    base = [[third] * 3, [-sixth, 0.816496580927726, -sixth], [-half, 0.0, half]]
    parts = [[[row[k] / n * base[k][j] for k in range(3)] for j in range(3)] for row in turn]
    whole = [[(first + second + last) * third for first, second, last in row] for row in parts]
    blacks = [[round(top * (1 - (r + g + b)) / 2) for r, g, b in whole] for top in (1023, 255)]
    return whole, *blacks


@pytest.mark.parametrize("axes", SOME)
def test_planes_become_colour_as_the_format_page_says(axes):
    whole, black10, black8 = as_the_page_says(axes)
    assert color_axes.matrix(axes).tolist() == whole
    codes = np.random.default_rng(2).integers(0, 1024, (3, 8, 9)).astype(np.uint16)
    fine, coarse = ycbcr_fine.to_rgb(list(codes), 10, axes), (codes >> 2).astype(np.uint8)
    plain = ycbcr.to_rgb(list(coarse), axes)
    scale = np.float32(255 / 1023)
    for i, j in np.ndindex(8, 9):
        for channel in range(3):
            row = [np.float32(3 * whole[k][channel]) for k in range(3)]
            p = [np.float32(int(codes[k, i, j]) - black10[k]) * scale for k in range(3)]
            value = row[0] * p[0] + row[1] * p[1] + row[2] * p[2]
            assert fine[i, j, channel] == min(max(value, 0), 255)
            steps = [round(3 * whole[k][channel] * 16384) for k in range(3)]
            exact = sum(s * (int(coarse[k, i, j]) - black8[k]) for k, s in enumerate(steps))
            assert plain[i, j, channel] == min(max((exact + 8192) // 16384, 0), 255)


def test_pictures_of_a_group_are_looked_at_all_over():
    """A block's first coefficient says where it lies, if they get steeper from one to the next."""
    rows, columns = 60, 80
    steep = np.arange(rows * columns).reshape(rows, columns)
    seen = []
    for i in range(30):
        slope = np.kron(steep, np.ones((8, 8))) * np.tile(np.arange(8), (8 * rows, columns))
        detail = color_axes._detail(np.repeat(slope[..., None], 3, 2).astype(np.float64), 3, i)
        seen += (detail[0].reshape(3, 63)[:, 0] / detail_of_one()).round().astype(int).tolist()
    across, down = np.array(seen) % columns, np.array(seen) // columns
    assert len(set(seen)) == 90
    assert min(np.histogram(across, 4, (0, columns))[0]) > 10
    assert min(np.histogram(down, 4, (0, rows))[0]) > 10


def detail_of_one():
    slope = np.tile(np.arange(8.0), (8, 1))[..., None].repeat(3, 2)
    return color_axes._detail(slope, 1, 0)[0, 0]


def test_the_first_axis_has_most_of_the_detail():
    blocks = np.kron(np.random.default_rng(0).integers(0, 2, (30, 40)), np.ones((8, 8)))
    waves = 127 + 100 * np.sin(np.arange(320) / 3) * np.ones((240, 1))
    for color in ((255, 0, 0), (0, 255, 0), (255, 60, 0), (0, 90, 255)):
        for pattern in (blocks * 255, waves):
            picture = (pattern[..., None] * np.array(color) / 255).astype(np.uint8)
            axes = color_axes.find([picture], 320)
            power = np.square(color_axes._detail(picture, 320, 0).T @ color_axes.matrix(axes).T)
            assert axes == Axes() or power.sum(0).argmax() == 0


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
@pytest.mark.parametrize(("effort", "live"), [(1, True), (4, False), (7, False)])
def test_moving_things_of_one_colour_are_seen_to_move(effort, live):
    blocks = np.kron(np.random.default_rng(0).integers(0, 2, (16, 20)), np.ones((8, 8)))
    red = (blocks[..., None] * np.array([255, 0, 0])).astype(np.uint8)
    pictures = [np.roll(red, 3 * i, 1) for i in range(6)]
    payloads = encode_group(pictures, color_options(60, effort, live), color_bits(effort, live))
    shown = decode_group(payloads, red.shape)
    errors = [
        np.square(a.astype(float) - b).mean() ** 0.5 for a, b in zip(shown, pictures, strict=True)
    ]
    assert max(errors) < 4


def test_what_was_ycbcr_of_eight_bits_is_that_again():
    rng = np.random.default_rng(0)
    rgb = rng.integers(60, 180, (64, 80, 3)).astype(np.uint8)
    came = ycbcr.to_rgb(ycbcr.to_planes(rgb))
    assert color_axes_of([came], 8) is None
    assert color_axes_of([rgb], 8) == Axes()
