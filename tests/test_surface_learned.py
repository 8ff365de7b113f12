"""Depth by contexts and a network: exact on any plane, the same uncompiled, damage reported."""

import os
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encodepth import RgbdImage, decode, encode, inspect
from encodepth.codings import learning_further, learning_net, learning_short, learning_ways
from encodepth.codings.arithmetic import encoder
from encodepth.codings.exact import encode_depth
from encodepth.codings.learning import decode_learning, encode_learning, fresh
from encodepth.codings.learning_features import FEATURES, HOLES, LOG, MOST, steps
from encodepth.codings.learning_start import FILES, pack, parts_of
from encodepth.codings.learning_ways import WAYS, way
from encodepth.codings.surface_learned import decode_plane, encode_plane
from encodepth.errors import CorruptFileError
from encodepth.io.pictures import read
from golden_inputs import stepped

TESTS = Path(__file__).parent


def sensor(height=120, width=160):
    """Return a wall and a box with noise of a sensor and holes."""
    y, x = np.mgrid[:height, :width]
    rough = (x * 7919 + y * 104729 + x * y * 31) % 8191
    inside = (abs(x - width // 2) < width // 5) & (abs(y - height // 2) < height // 4)
    depth = np.where(inside, 900 + x // 2, 4000 - 3 * x - 2 * y) + rough % 4
    return np.where(rough % 23 < 2, 0, depth).astype(np.uint16)


def places(depth):
    values = np.unique(depth[depth > 0])
    return np.searchsorted(values, depth, side="right") * (depth > 0), values


@pytest.mark.parametrize("number", range(WAYS))
@settings(max_examples=20, deadline=None)
@given(
    depth=arrays(
        np.uint16,
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
        elements=st.sampled_from([0, 1, 2, 3, 20, 21, 900, 65535]) | st.integers(0, 65535),
    )
)
def test_any_plane_comes_back(number, depth):
    payload = encode_plane(depth, 0, number)
    if payload is None:
        assert len(np.unique(depth[depth > 0])) < 3
    else:
        assert np.array_equal(decode_plane(payload, *depth.shape), depth)


def test_it_is_smaller_than_without_the_network():
    depth = read(depth=TESTS.parent / "samples" / "desk" / "depth.png").depth[:240, :320].copy()
    sizes = [len(encode_plane(depth, 0, number)) for number in range(WAYS)]
    assert sizes[1] < sizes[0]
    assert max(sizes) < 0.96 * len(encode_depth(depth, effort=7))


def test_a_bound_is_kept_and_holes_stay():
    depth = sensor()
    decoded = decode_plane(encode_plane(depth, 3), *depth.shape)
    assert np.abs(decoded.astype(int) - depth)[depth > 0].max() <= 3
    assert np.array_equal(decoded == 0, depth == 0)


@pytest.mark.parametrize(
    ("effort", "name"), [(7, "surface"), (8, "surface-learned"), (9, "surface-learned")]
)
def test_the_highest_efforts_take_it(effort, name):
    image = RgbdImage(depth=sensor(240, 320))
    data = encode(image, lossless="depth", effort=effort)
    assert inspect(data).stream("depth").coding == name
    assert np.array_equal(decode(data).depth, image.depth)


def test_what_has_nothing_to_learn_is_coded_as_before():
    flat = RgbdImage(depth=np.full((300, 300), 1234, np.uint16))
    data = encode(flat, coding={"depth": "surface-learned"})
    assert inspect(data).stream("depth").coding == "surface"
    assert np.array_equal(decode(data).depth, flat.depth)


@pytest.mark.parametrize("number", range(WAYS))
def test_plain_python_writes_the_bytes_that_compiled_code_writes(number, tmp_path):
    """Integers alone decide: not compiler, kernels or vectors."""
    plane, values = places(sensor(12, 20))
    assert values[-1] > len(values)
    np.save(tmp_path / "plane.npy", plane)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    script = [sys.executable, str(TESTS / "plain_learning.py")]
    files = [str(tmp_path / "plane.npy"), str(tmp_path / "out.bin")]
    subprocess.run([*script, *files, str(number)], env=environment, check=True, timeout=300)
    written = encode_learning(plane, np.arange(1, len(values) + 1), way(number))
    assert (tmp_path / "out.bin").read_bytes() == written


def test_no_sum_in_16_bits_reaches_32():
    """Weights are 16 bits and stay so: sums saturate."""
    n, layouts = learning_short, (learning_ways.NARROW, learning_ways.WIDE)
    units = max(at.first for at in layouts)
    assert (FEATURES + learning_further.LINE_FEATURES) * MOST << 15 < 1 << 31
    assert (units * n._MOST_HIDDEN + n.ONE) << 15 < 1 << 31
    assert n.SECOND * (n._MOST_ERROR >> 2) * n._MOST < 1 << 31
    assert (n.SECOND * n._MOST_HIDDEN + n.ONE) << 15 < 1 << 31
    assert max(4 * n._MOST_ERROR, 8 * 4095, 2 * n._MOST_HIDDEN, 2 * MOST) < 1 << 15


def test_no_sum_of_the_linear_predictor_reaches_32_bits():
    """A step is the largest where its inputs are small, and then it is multiplied by these."""
    n = learning_further
    missed = n._NEAR + (24 * n._NEAR * n._MOST >> 16) + 1
    assert 24 * n._NEAR * n._MOST < 1 << 31
    for inputs in range(1, n._NEAR + 1):
        step = missed * n._RATE // (inputs**2 + n._LEAST) + 1
        assert step < 1 << 31
        assert inputs * step + 128 + (n._MOST << 8) < 1 << 31


def test_jumps_cost_less_where_the_far_surface_was_seen_before():
    plane, values = places(stepped())
    sizes = [len(encode_learning(plane, values, way(number))) for number in (1, 3)]
    assert sizes[1] < sizes[0]


def test_a_picture_of_which_no_pixel_is_a_hole_changes_no_weight_of_holes():
    """What is skipped because features are 0 would have changed nothing."""
    first, end = HOLES
    for number in (3, 4):
        known = way(number)
        values = np.arange(100, 400)
        y, x = np.mgrid[:40, :40]
        plane = (20 + x + 2 * y + (x * 7919 + y * 104729) % 5).astype(np.int32)
        data = np.zeros(plane.size * 6 + 64, np.uint8)
        s = fresh(40, encoder(), data, steps(values), known)
        inside = s._replace(trail=s.trail._replace(hole=np.zeros_like(s.trail.hole)))
        held = s.net.copy()
        assert known.code_rows(plane, 0, 40, 300, False, inside)
        changed = (s.net != held)[: 24 * 3].reshape(24, 3, 32)
        assert not changed[first // 2 : end // 2].any()
        assert changed[: first // 2].any()


def test_no_sum_of_the_network_in_32_bits_reaches_them():
    """Between two times that weights are bounded eight pixels may move the first two layers."""
    n = learning_net
    first = n.MOST + 8 * (n._MOST_ERROR * MOST + 512 >> 10)
    second = n.MOST + 8 * (n._MOST_ERROR * n._MOST_HIDDEN + 512 >> 10)
    assert np.abs(LOG).max() == MOST
    assert FEATURES * MOST * (first >> 2) < 1 << 31
    assert (n.FIRST + 1) * n._MOST_HIDDEN * (second >> 2) < 1 << 31
    assert n._MOST_ERROR * (second >> 4) < 1 << 31
    assert n.SECOND * n._MOST_HIDDEN * (n.MOST >> 2) < 1 << 31


def test_steps_between_values_are_logarithms_in_whole_numbers():
    found = steps(np.array([500, 501, 503, 1000, 65535]))
    assert found.tolist() == [0, 56, 88, 255, 255, 0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: b"\7" + p[1:], "has network 7; this build knows 0 to"),
        (lambda p: p + bytes(9), "stray bytes after exact depth"),
        (lambda p: p[: len(p) // 2], "ends too early or holds an impossible value"),
        (lambda p: p[:2], "remain"),
        (lambda p: b"", "remain"),
    ],
)
def test_damage_is_named(change, message):
    depth = sensor(40, 50)
    with pytest.raises(CorruptFileError, match=message):
        decode_plane(change(encode_plane(depth)), *depth.shape)


def test_any_damage_is_reported_or_decodes_to_some_plane():
    payload, rng = encode_plane(sensor(30, 40)), np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(payload)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        with suppress(CorruptFileError):
            assert decode_plane(bytes(data), 30, 40).shape == (30, 40)


@pytest.mark.parametrize("file", FILES)
def test_the_weights_are_those_that_files_were_written_with(file):
    data = file.read_bytes()
    assert pack(parts_of(data)) == data
    assert f"`{zlib.crc32(data):08x}`" in (TESTS.parent / "docs" / "format-learned.md").read_text()


def test_a_payload_of_another_list_is_no_crash():
    plane, values = places(sensor(30, 40))
    payload = encode_learning(plane, values, way(1))
    with suppress(CorruptFileError):
        decode_learning(payload, 30, 40, values[:5], way(1))
