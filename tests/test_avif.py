"""AV1 frames without AVIF's boxes: the picture of a whole AVIF file, and no lies about size."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from encodepth import metrics
from encodepth.codings import av1_frames, color_axes, dav1d, libaom, ycbcr_fine
from encodepth.codings.av1_color import decode_color, encode_color, encode_color_as
from encodepth.codings.av1_frames import decode_plane, encode_plane
from encodepth.codings.base import DEFAULT_EFFORT
from encodepth.codings.filling import fill_holes
from encodepth.errors import CorruptFileError

QUALITIES = (0, 30, 60, 90, 100)


def color(height=60, width=80):
    y, x = np.mgrid[:height, :width]
    texture = (x * 37 % 11 + y * 17 % 7) * 6
    return np.stack([x * 2, y * 3, 60 + texture], -1).astype(np.uint8)


def plane(height=60, width=80):
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return ((x + 2 * y) / (width + 2 * height) * (1 - 0.4 * (x > width / 2))).astype(np.float32)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (16, 16), (65, 33)])
def test_any_size_comes_back(size):
    assert np.abs(decode_plane(encode_plane(plane(*size), 90), *size) - plane(*size)).max() < 0.05
    assert decode_color(encode_color(color(*size), 90), *size).shape == (*size, 3)


def test_the_picture_is_that_of_a_whole_avif_file_270_bytes_smaller(monkeypatch):
    monkeypatch.setattr(libaom, "available", lambda: False)  # which alone writes 10 bits
    out = io.BytesIO()
    advanced = {"tune": "ssim", "enable-cdef": "1"}
    options = {"subsampling": "4:4:4", "codec": "aom", "advanced": advanced}
    Image.fromarray(color()).save(out, "AVIF", quality=60, speed=6, **options)
    ours = encode_color_as(color(), 60, 6, "ssim")
    assert len(out.getvalue()) - len(ours) > 260
    assert np.array_equal(decode_color(ours, 60, 80), imagecodecs.avif_decode(out.getvalue()))
    codes = np.rint(plane() * 4095).astype(np.uint16)
    whole = av1_frames._encode_for_eyes(codes, 60, av1_frames._SPEED[DEFAULT_EFFORT])
    ours = encode_plane(plane(), 60)
    assert len(whole) - len(ours) > 260
    assert np.array_equal(
        np.rint(decode_plane(ours, 60, 80) * 4095), imagecodecs.avif_decode(whole)
    )


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
@pytest.mark.parametrize("size", [(60, 80), (1, 9), (65, 33)])
def test_ten_bits_decode_alike_with_and_without_the_boxes_of_a_file(monkeypatch, size):
    payload = encode_color(color(*size), 70)
    axes, stream = color_axes.split(payload)
    assert (axes is None) == (min(size) < 8)
    sequence, _ = av1_frames.split(stream)
    assert av1_frames.check(sequence, (*size, 3)) == 10
    straight = decode_color(payload, *size)
    monkeypatch.setattr(dav1d, "available", lambda: False)
    assert np.array_equal(decode_color(payload, *size), straight)


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
def test_ten_bits_take_fewer_bytes_at_no_more_error(monkeypatch, samples):
    picture = np.asarray(Image.open(samples / "desk" / "color.webp").convert("RGB"))
    fine = encode_color_as(picture, 60, 5, "ssim", turned=False)
    monkeypatch.setattr(libaom, "available", lambda: False)
    plain = encode_color(picture, 60)
    errors = [
        np.square(decode_color(p, *picture.shape[:2]).astype(float) - picture).mean()
        for p in (fine, plain)
    ]
    assert len(fine) < len(plain)
    assert errors[0] < errors[1]


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
@pytest.mark.parametrize("effort", [4, 8])
def test_colour_has_least_of_the_error_that_it_is_tuned_for(samples, effort):
    for package in ("bjontegaard", "pytorch_msssim"):
        pytest.importorskip(package)
    picture = np.asarray(Image.open(samples / "livingroom" / "color.jpg"))[100:356, 200:456]
    curves = {}
    for tune in ("ssim", "psnr"):
        coded = [encode_color(picture, quality, effort, tune) for quality in (30, 50, 70, 85)]
        shown = [decode_color(payload, 256, 256) for payload in coded]
        for of in (metrics.psnr, metrics.ms_ssim_db):
            points = [(len(c), of(s, picture)) for c, s in zip(coded, shown, strict=True)]
            curves[tune, of] = points
    assert metrics.bd_rate(curves["ssim", metrics.psnr], curves["psnr", metrics.psnr]) < -1
    ms_ssim = metrics.ms_ssim_db
    assert metrics.bd_rate(curves["psnr", ms_ssim], curves["ssim", ms_ssim]) < -1


@pytest.mark.skipif(not libaom.available(), reason="no libaom 3 beside imagecodecs")
def test_stills_have_av1s_directional_filter_which_libaom_leaves_out(samples):
    pytest.importorskip("bjontegaard")
    picture = np.asarray(Image.open(samples / "desk" / "color.webp"))[100:356, 200:456]
    curves = []
    for extra in ({}, {"enable-cdef": "0"}):
        coded = [encode_color_as(picture, q, 6, "ssim", extra=extra) for q in (30, 50, 70, 85)]
        shown = [decode_color(payload, 256, 256) for payload in coded]
        points = [(len(c), metrics.psnr(s, picture)) for c, s in zip(coded, shown, strict=True)]
        curves.append(points)
    assert metrics.bd_rate(curves[1], curves[0]) < -0.5


def test_colours_survive_ten_bits_of_ycbcr():
    rgb = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3), -1).reshape(-1, 52, 3).astype(np.uint8)
    back = ycbcr_fine.to_rgb(ycbcr_fine.to_planes(rgb, 10), 10)
    assert np.array_equal(np.rint(back), rgb)


def test_depth_tuned_for_squared_error_is_smaller_than_tuned_for_eyes(monkeypatch, samples):
    depth = Image.open(samples / "livingroom" / "depth.png")
    values = fill_holes(np.asarray(depth).astype(np.uint16))
    values = (values - values.min()) / np.ptp(values)
    if imagecodecs.__version__ != "2026.3.6":
        pytest.skip("another libaom than the comparison was made with")
    rate, error = curve(values)
    monkeypatch.setattr(libaom, "available", lambda: False)
    eyes_rate, eyes_error = curve(values)
    if np.array_equal(rate, eyes_rate):
        pytest.skip("no libaom 3 beside imagecodecs or on the system")
    assert (np.abs(np.log2(error / eyes_error)) < 0.7).all()  # one scale of qualities
    at_same_error = np.exp(np.interp(-np.log(eyes_error), -np.log(error), np.log(rate)))
    assert np.log(at_same_error / eyes_rate)[1:-1].mean() < 0


def curve(values):
    """Return bytes and RMSE of a plane at rising qualities."""
    coded = [encode_plane(values.astype(np.float32), quality) for quality in (40, 50, 60, 70, 80)]
    planes = [decode_plane(payload, *values.shape) for payload in coded]
    rmse = [np.sqrt(np.square(plane - values).mean()) for plane in planes]
    return np.array([len(payload) for payload in coded]), np.array(rmse)


@pytest.mark.parametrize(
    "encode", [lambda q: encode_color(color(), q), lambda q: encode_plane(plane(), q)]
)
def test_bytes_grow_with_quality(encode):
    sizes = [len(encode(quality)) for quality in QUALITIES]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1.5 * sizes[0]


def test_error_falls_with_quality():
    errors = [
        np.abs(decode_plane(encode_plane(plane(), quality), 60, 80) - plane()).mean()
        for quality in QUALITIES
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1 / 4095


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "not a reduced still picture"),
        (bytes(40), "not a reduced still picture"),
        (encode_plane(plane(), 50)[:-9], "damaged AV1 payload"),
        (encode_plane(plane(61, 80), 50), r"announces \(80, 61\); expected \(80, 60\)"),
        (encode_color(color(), 50), "AV1 payload"),
    ],
)
def test_damage_is_named(payload, message):
    with pytest.raises(CorruptFileError, match=message):
        decode_plane(payload, 60, 80)
