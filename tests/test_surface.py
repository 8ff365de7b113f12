"""Depth by mixed contexts: exact on any plane, tables the same everywhere, damage reported."""

import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encodepth.codings import along
from encodepth.codings import exact as lossless
from encodepth.codings.jpegxl import encode_frame
from encodepth.codings.mixing import RATE, SQUASH, STRETCH
from encodepth.codings.surface import decode_surface, encode_surface
from encodepth.codings.surface_contexts import _CHANGE, NODES, TABLE
from encodepth.codings.surface_predict import FALLOFF, _over
from encodepth.errors import CorruptFileError, EncodepthError
from encodepth.io.pictures import read

SAMPLES = Path(__file__).parents[1] / "samples"

SHAPE = st.tuples(st.integers(1, 24), st.integers(1, 24))
VALUES = st.sampled_from([0, 1, 2, 3, 20, 21, 22, 900, 65535])


@settings(max_examples=150, deadline=None)
@given(arrays(np.int32, SHAPE, elements=VALUES) | arrays(np.uint16, SHAPE))
def test_any_plane_comes_back(plane):
    payload = encode_surface(plane)
    assert np.array_equal(decode_surface(payload, *plane.shape, int(plane.max())), plane)


def planes():
    """Return name -> plane, without chance or a library's functions: the same on every machine."""
    y, x = np.mgrid[:90, :120]
    wall, box = 4000 - 3 * x - 2 * y, 900 + x // 2 + (y * y >> 8)
    rough = (x * 7919 + y * 104729 + x * y * 31) % 8191
    inside = (abs(x - 60) < 25) & (abs(y - 40) < 20)
    scene = np.where(inside, box, wall)
    return {
        "flat": np.full((40, 50), 7),
        "slanted": 300 + (5 * x + 3 * y) // 16,
        "scene": scene,
        "noisy": scene + rough % 5,
        "holes": np.where((rough % 23 < 2) | (abs(x - 86 + y // 9) < 3), 0, scene + rough % 3),
        "leaps": np.where(rough % 11 == 0, 65535, 1 + rough % 40),
        "noise": rough * 8,
        "row": scene[:1],
        "column": scene[:, :1],
    }


# Size and SHA-256 as the first coder of version 1 wrote them, one function of 297 lines.
WRITTEN = {
    "flat": (6, "f0dc418068f78907"),
    "slanted": (69, "6d3fde1737e31788"),
    "scene": (68, "c2facb1307478932"),
    "noisy": (1398, "03e2e33b2ee5d378"),
    "holes": (2094, "82845bbbdfca53e3"),
    "leaps": (10918, "844cee2b1ead2e49"),
    "noise": (10306, "66d0092e183d879c"),
    "row": (7, "90d807e8d04d334b"),
    "column": (7, "0d7f2e2b79c6d4ce"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_bytes_of_version_1_stay(name):
    payload = encode_surface(planes()[name])
    assert (len(payload), hashlib.sha256(payload).hexdigest()[:16]) == WRITTEN[name]


def test_bytes_that_decode_to_another_plane_are_never_returned(monkeypatch):
    decoder = along._decoder

    def wrong(plane, *args):
        decode = decoder(plane, *args)

        def spoilt(first, end, step):
            done = decode(first, end, step)
            plane[3, 4] += first <= 3 < end
            return done

        return spoilt

    monkeypatch.setattr(along, "_decoder", wrong)
    with pytest.raises(EncodepthError, match="decodes to another plane"):
        encode_surface(planes()["scene"])


def test_quotients_need_no_division():
    for share in range(1, 15):
        for number in range(-(1 << 15), 1 << 15, 7):
            assert _over.py_func(number, share) == number // share


def test_slots_are_renamed_one_to_one_and_those_of_a_pixel_lie_together():
    old = np.arange(TABLE)
    new = old.copy()
    for j, change in enumerate(_CHANGE):
        new ^= (old >> j & 1) * change
    assert len(set(new.tolist())) == TABLE
    assert all(NODES[node] < 16 for node in (0, 2, 4, 5, 6))
    for node in range(64):
        assert np.array_equal(new[old ^ (node * 0x9E5B & TABLE - 1)], new ^ NODES[node])


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
    monkeypatch.setattr(along, "CHUNK", 0)
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
    tables = b"".join(t.astype("<i8").tobytes() for t in (STRETCH, SQUASH, RATE, FALLOFF))
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
