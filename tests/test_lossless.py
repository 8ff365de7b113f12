"""Exact and bounded depth, exact colour: the promise on every pixel, and the smallest way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encodepth.codings.exact import (
    FAST_EFFORT,
    bound_of_rmse,
    decode_depth,
    encode_depth,
    merged_values,
    prove,
)
from encodepth.codings.jpegxl import decode_frame, encode_frame
from encodepth.errors import CorruptFileError, EncodepthError
from encodepth.io.pictures import read
from shared import SHARED

SHAPE = st.tuples(st.integers(1, 24), st.integers(1, 24))
VALUES = st.sampled_from([0, 1, 2, 3, 499, 500, 501, 520, 1000, 65534, 65535])
DEPTH = arrays(np.uint16, SHAPE) | arrays(np.uint16, SHAPE, elements=VALUES)


@settings(max_examples=80, deadline=None)
@given(DEPTH, st.sampled_from([0, 1, 2, 5, 100, 32767]))
def test_every_valid_pixel_is_within_the_bound_and_holes_stay(depth, error):
    decoded = decode_depth(encode_depth(depth, error, effort=3), *depth.shape).astype(int)
    valid = depth > 0
    assert np.abs(decoded - depth)[valid].max(initial=0) <= error
    assert np.array_equal(decoded > 0, valid)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 16), st.integers(1, 16), st.just(3))))
def test_color_comes_back(color):
    assert np.array_equal(decode_frame(encode_frame(color, 3), color.shape, np.uint8), color)


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=40), st.integers(1, 3000))
def test_merged_values_stay_near_and_no_choice_has_fewer(values, error):
    ordered = np.array(sorted(values))
    merged = merged_values(ordered, error)[ordered].astype(int)
    assert np.abs(merged - ordered).max() <= error
    apart = [ordered[0]]  # values pairwise more than 2 error apart each need their own
    for value in ordered:
        if value > apart[-1] + 2 * error:
            apart.append(value)
    assert len(set(merged)) == len(apart)


@pytest.mark.parametrize("effort", [1, 3, 7, 9])
def test_every_effort_is_exact_and_more_is_never_larger(effort):
    rng = np.random.default_rng(0)
    few = rng.choice([700, 1311, 1322, 4007], (60, 80)).astype(np.uint16)
    smooth = (np.add.outer(np.arange(60), np.arange(80)) + 500).astype(np.uint16)
    for depth in (few, smooth):
        payload = encode_depth(depth, effort=effort)
        assert payload[0] in ((0, 1) if effort <= FAST_EFFORT else (0, 1, 2))
        assert np.array_equal(decode_depth(payload, 60, 80), depth)
        assert len(encode_depth(depth, effort=9)) <= len(payload)
        assert len(payload) <= len(encode_frame(depth, effort)) + 1  # the byte that says the way


def test_flat_depth_costs_a_few_bytes():
    for depth in (np.zeros((480, 640), np.uint16), np.full((480, 640), 4321, np.uint16)):
        assert len(encode_depth(depth)) <= 9


def test_a_broken_promise_is_never_written():
    depth = np.array([[100, 0]], np.uint16)
    prove(depth, np.array([[102, 0]], np.uint16), 2)
    with pytest.raises(EncodepthError, match="off by 3 steps, more than 2"):
        prove(depth, np.array([[103, 0]], np.uint16), 2)
    with pytest.raises(EncodepthError):
        prove(depth, np.array([[100, 1]], np.uint16), 2)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "unknown way none"),
        (b"\x09", "unknown way 09"),
        (b"\0\1\0\1\0", "damaged JPEG XL payload of 0 bytes"),
        (b"\1\xff\xff", "too early|damaged|beyond|stray|holds"),
    ],
)
def test_damage_is_named(payload, message):
    with pytest.raises(CorruptFileError, match=message):
        decode_depth(payload, 6, 8)


HEADS = [
    b"\0\1\0\1\0",
    b"\1\x05\0",
    b"\1",
    encode_depth(np.arange(1, 49, dtype="u2").reshape(6, 8))[:6],
]


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(HEADS))
def test_any_payload_decodes_or_is_reported(data, head):
    try:
        decoded = decode_depth(head + data, 6, 8)
    except CorruptFileError:
        return
    assert decoded.shape == (6, 8)
    assert decoded.dtype == np.uint16


@pytest.mark.parametrize("error", [0, 10])
def test_real_frames_cost_a_twentieth_less_than_quantised_jpeg_xl(error):
    frames = sorted((SHARED / "data" / "val").glob("*/depth/*"))[3::18]
    if not frames:
        pytest.skip(f"no frames under {SHARED / 'data' / 'val'}")
    for frame in frames:
        depth = read(depth=frame).depth
        plain = len(encode_frame(((depth.astype(int) + error) // (2 * error + 1)).astype("u2"), 7))
        assert len(encode_depth(depth, error)) <= 0.95 * plain


@settings(max_examples=60, deadline=None)
@given(DEPTH, st.floats(0, 3000))
def test_a_bound_found_for_an_error_keeps_it(depth, rmse):
    error = bound_of_rmse(depth, rmse)
    valid = depth > 0
    merged = decode_depth(encode_depth(depth, error), *depth.shape).astype(float)
    off = (merged - depth)[valid]
    assert len(off) == 0 or np.sqrt(np.square(off).mean()) <= rmse + 1e-6
