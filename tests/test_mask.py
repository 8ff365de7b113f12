"""The hole mask comes back exactly, and costs less than JPEG XL makes it cost."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encodepth.codings import mask as mask_module
from encodepth.codings.jpegxl import encode_frame
from encodepth.codings.mask import decode_mask, encode_mask
from encodepth.errors import CorruptFileError
from encodepth.io.pictures import read
from shared import SHARED

SHAPE = st.tuples(st.integers(1, 30), st.integers(1, 30))


@settings(max_examples=100, deadline=None)
@given(arrays(bool, SHAPE), st.sampled_from([1, 3, 8]))
def test_any_mask_comes_back(small, scale):
    valid = np.kron(small, np.ones((scale, scale), bool)).astype(bool)
    assert np.array_equal(decode_mask(encode_mask(valid), *valid.shape), valid)


@pytest.mark.parametrize("value", [True, False])
def test_an_even_mask_costs_next_to_nothing(value):
    valid = np.full((480, 640), value)
    assert len(encode_mask(valid)) <= (3 if value else 40)
    assert np.array_equal(decode_mask(encode_mask(valid), 480, 640), valid)


def test_the_bytes_of_version_1_stay():
    y, x = np.mgrid[:90, :120]
    rough = (x * 7919 + y * 104729 + x * y * 31) % 8191
    digest = hashlib.sha256()
    for valid in (rough > 400, rough % 3 > 0, abs(x - 60) + abs(y - 40) > 20, x % 40 > y % 7):
        digest.update(encode_mask(valid))
    assert digest.hexdigest()[:16] == "de86de01cc4e6f51"


def test_a_mask_too_busy_for_contexts_goes_to_jpeg_xl(monkeypatch):
    monkeypatch.setattr(mask_module, "_MAX_BUSY", 100)
    valid = np.random.default_rng(0).random((40, 50)) < 0.5
    data = encode_mask(valid)
    assert data[0] == 1
    assert np.array_equal(decode_mask(data, 40, 50), valid)


def test_a_decoder_refuses_a_mask_busier_than_the_limit(monkeypatch):
    valid = np.random.default_rng(0).random((40, 50)) < 0.5
    data = encode_mask(valid)
    monkeypatch.setattr(mask_module, "_MAX_BUSY", 100)
    with pytest.raises(CorruptFileError, match="more than 100 busy pixels"):
        decode_mask(data, 40, 50)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "unknown way none"),
        (b"\7", "unknown way 07"),
        (b"\1", "damaged JPEG XL payload of 0 bytes"),
        (encode_mask(np.eye(40, dtype=bool))[:5], "ends too early"),
        (encode_mask(np.eye(40, dtype=bool)) + bytes(9), "stray arithmetic"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(CorruptFileError, match=message):
        decode_mask(data, 40, 40)


def test_sensor_masks_cost_15_percent_less_than_jpeg_xl():
    frames = sorted((SHARED / "data" / "val").glob("*/depth/*1.png"))
    if not frames:
        pytest.skip(f"no frames under {SHARED / 'data' / 'val'}")
    ours = theirs = 0
    for frame in frames:
        valid = read(depth=frame).depth > 0
        ours += len(encode_mask(valid))
        theirs += len(encode_frame(valid.view(np.uint8), 7))
    assert ours < 0.85 * theirs
