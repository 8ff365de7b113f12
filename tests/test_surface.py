"""Depth by mixed contexts: exact on any plane, tables the same everywhere, damage reported."""

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encodepth.codings import exact as lossless
from encodepth.codings import surface
from encodepth.codings.jpegxl import encode_frame
from encodepth.codings.mixing import RATE, SQUASH, STRETCH
from encodepth.codings.surface import _FALLOFF, decode_surface, encode_surface
from encodepth.errors import CorruptFileError
from encodepth.io.pictures import read

SAMPLES = Path(__file__).parents[1] / "samples"

SHAPE = st.tuples(st.integers(1, 24), st.integers(1, 24))
VALUES = st.sampled_from([0, 1, 2, 3, 20, 21, 22, 900, 65535])


@settings(max_examples=150, deadline=None)
@given(arrays(np.int32, SHAPE, elements=VALUES) | arrays(np.uint16, SHAPE))
def test_any_plane_comes_back(plane):
    payload = encode_surface(plane)
    assert np.array_equal(decode_surface(payload, *plane.shape, int(plane.max())), plane)


def test_slanted_surfaces_with_a_jump_cost_far_less_than_jpeg_xl():
    y, x = np.mgrid[:120, :160]
    near, far = 3e5 / (300 + 0.9 * x + 0.35 * y), 3e5 / (120 + 0.21 * x + 0.14 * y)
    plane = np.where(x + y / 3 < 90, near, far).round().astype(np.uint16)
    payload = encode_surface(plane)
    assert np.array_equal(decode_surface(payload, 120, 160, int(plane.max())), plane)
    assert len(payload) < 0.7 * len(encode_frame(plane, 7))


def test_noise_is_coded_too():
    noise = np.random.default_rng(0).integers(0, 65536, (64, 64))
    payload = encode_surface(noise)
    assert len(payload) < 3 * noise.size
    assert np.array_equal(decode_surface(payload, 64, 64, int(noise.max())), noise)


def test_a_plane_beyond_the_room_set_aside_goes_to_jpeg_xl(monkeypatch):
    depth = np.random.default_rng(0).integers(1, 9, (300, 300)).astype(np.uint16)
    monkeypatch.setattr(surface, "_CHUNK", 0)
    assert encode_surface(depth) is None
    payload = lossless.encode_depth(depth)
    assert payload[0] == 1
    assert np.array_equal(lossless.decode_depth(payload, 300, 300), depth)


@pytest.mark.parametrize("scene", sorted(p.name for p in SAMPLES.iterdir() if p.is_dir()))
def test_samples_are_smaller_than_by_the_slowest_jpeg_xl(scene):
    depth = read(depth=SAMPLES / scene / "depth.png").depth
    values = np.unique(depth)
    index = np.searchsorted(values, depth) + (values[0] > 0)
    assert len(encode_surface(index)) < len(encode_frame(depth, 9))


def test_tables_round_alike_on_every_machine():
    """A library's exp or log may differ in the last place; no entry is that near to a half."""
    for p in range(4096):
        value = 256 * math.log((p + 0.5) / (4095.5 - p))
        assert abs(value % 1 - 0.5) > 1e-7
    for x in range(-2047, 2048):
        assert abs(65536 / (1 + math.exp(-x / 256)) % 1 - 0.5) > 1e-7
    tables = b"".join(t.astype("<i8").tobytes() for t in (STRETCH, SQUASH, RATE, _FALLOFF))
    assert zlib.crc32(tables) == 0xC87CEBBC


def test_a_payload_cut_short_is_reported():
    rng = np.random.default_rng(1)
    plane = rng.integers(0, 300, (40, 40))
    payload = encode_surface(plane)
    with pytest.raises(CorruptFileError, match="too early"):
        decode_surface(payload[: len(payload) // 2], 40, 40, 299)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 65535))
def test_any_bytes_decode_within_the_range_or_are_reported(data, top):
    try:
        plane = decode_surface(data, 12, 17, top)
    except CorruptFileError:
        return
    assert plane.min() >= 0
    assert plane.max() <= top
