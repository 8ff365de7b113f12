"""AV1 frames without AVIF's boxes: the picture of a whole AVIF file, and no lies about size."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from encodepth.avif import decode_color, decode_plane, encode_color, encode_plane
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


def test_the_picture_is_that_of_a_whole_avif_file_270_bytes_smaller():
    codes = np.rint(plane() * 4095).astype(np.uint16)
    whole = imagecodecs.avif_encode(
        np.stack([codes] * 3, -1), 60, speed=4, bitspersample=12, pixelformat="400"
    )
    ours = encode_plane(plane(), 60)
    assert len(whole) - len(ours) > 260
    assert np.array_equal(
        np.rint(decode_plane(ours, 60, 80) * 4095), imagecodecs.avif_decode(whole)
    )
    out = io.BytesIO()
    options = {"subsampling": "4:4:4", "codec": "aom", "advanced": {"tune": "ssim"}}
    Image.fromarray(color()).save(out, "AVIF", quality=60, speed=6, **options)
    ours = encode_color(color(), 60)
    assert len(out.getvalue()) - len(ours) > 260
    assert np.array_equal(decode_color(ours, 60, 80), imagecodecs.avif_decode(out.getvalue()))


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
