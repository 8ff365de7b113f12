"""A depth quality is an error in mm on any frame; far pixels neither spoil one nor are lost."""

from itertools import pairwise

import numpy as np
import pytest

from encodepth import RgbdImage, decode, encode
from encodepth.codec import facts_of, parse
from encodepth.codings import depthmap
from encodepth.codings.depthmap import MOST_STEPS, Mapping, beside, from_plane, split, to_plane
from encodepth.codings.depthquality import aim, error_of, plan
from encodepth.errors import CorruptFileError

SIZE = (120, 160)
QUALITIES = (10, 50, 90)
FACTOR = 2  # how far the error of a frame may be off what its quality stands for


def room(nearest, farthest, rough, unit, seed=0):
    """A slanted wall with boxes before it and noise of `rough` metres; some holes. In steps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / max(SIZE)
    metres = farthest - (farthest - nearest) * (0.3 * y + 0.2 * x)
    for _ in range(12):
        top, left = rng.random(2) * 0.8
        box = (y > top) & (y < top + 0.15) & (x > left) & (x < left + 0.2)
        metres[box] = rng.uniform(nearest, farthest)
    metres += rng.normal(0, rough, SIZE)
    depth = np.clip(np.rint(metres / unit), 1, 65535).astype(np.uint16)
    depth[rng.random(SIZE) < 0.02] = 0
    return depth


def rmse_mm(depth, data, unit):
    off = np.subtract(decode(data).depth, depth, dtype=np.float64)[depth > 0]
    return float(np.sqrt(np.square(off).mean())) * unit * 1000


def check(depth, unit, quality, coding="auto", effort=4):
    image = RgbdImage(depth=depth, depth_unit=unit)
    data = encode(image, depth_quality=quality, coding=coding, effort=effort)
    decoded = decode(data).depth
    assert np.array_equal(decoded > 0, depth > 0)
    return rmse_mm(depth, data, unit), data


def test_the_error_of_a_quality_falls_evenly_then_faster():
    errors = [error_of(q) for q in range(101)]
    assert errors[50] == 9
    assert errors[10] == 36
    assert errors[90] == 2.25
    assert errors[100] == 2.25 / 4
    assert all(a > b for a, b in pairwise(errors))


@pytest.mark.parametrize("quality", QUALITIES)
def test_one_far_pixel_changes_next_to_nothing(quality):
    depth = room(0.6, 3.0, 0.01, 0.001)
    spoilt = depth.copy()
    spoilt[40, 70] = 60_000
    plain, data = check(depth, 0.001, quality, "av1")
    rmse, more = check(spoilt, 0.001, quality, "av1")
    assert 1 / FACTOR < rmse / plain < FACTOR
    assert len(more) < len(data) * 1.1 + 60  # 7 % at quality 90, where both leave pixels apart
    off = int(decode(more).depth[40, 70]) - 60_000
    assert abs(off) <= 2 * error_of(quality)


@pytest.mark.parametrize("quality", QUALITIES)
def test_far_speckle_keeps_the_error(quality):
    rng = np.random.default_rng(1)
    depth = room(0.6, 3.0, 0.01, 0.001)
    speckle = (rng.random(SIZE) < 0.01) & (depth > 0)
    depth[speckle] = rng.integers(8_000, 62_000, int(speckle.sum()))
    rmse, _ = check(depth, 0.001, quality)
    assert rmse < FACTOR * error_of(quality)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize(
    ("nearest", "farthest", "rough", "unit"),
    [
        (0.6, 3.0, 0.004, 0.0002),  # TUM's unit
        (0.6, 3.0, 0.03, 0.001),
        (5.0, 100.0, 0.1, 0.01),
        (5.0, 100.0, 0.3, 0.002),
        (1.0, 62.0, 0.05, 0.001),  # a hall: more steps than a plane has codes
    ],
)
def test_the_error_is_about_the_qualitys_whatever_the_range(
    nearest, farthest, rough, unit, quality
):
    depth = room(nearest, farthest, rough, unit)
    rmse, _ = check(depth, unit, quality)
    assert rmse < FACTOR * max(error_of(quality), unit * 1000 / 3)
    if 1000 * unit < error_of(quality) < 1000 * rough:  # else it is exact, or too smooth to err so
        assert rmse > error_of(quality) / FACTOR


def test_a_close_up_keeps_its_relief():
    depth = room(0.17, 0.21, 0.0002, 0.0001)
    rmse, _ = check(depth, 0.0001, 50)
    assert rmse < 0.25 * depth[depth > 0].std() * 0.1
    assert rmse < FACTOR * aim(depth, 0.0001, 50) < error_of(50)


@pytest.mark.parametrize("coding", ["auto", "av1"])
def test_three_values_and_noise_and_holes(coding):
    rng = np.random.default_rng(2)
    three = rng.integers(1000, 1003, SIZE).astype(np.uint16)
    assert check(three, 0.001, 50, coding)[0] <= 1.5
    noise = rng.integers(1, 65536, SIZE).astype(np.uint16)
    noise[noise == 65535] = 0
    assert check(noise, 0.001, 50, coding)[0] < FACTOR * 9
    none = np.zeros(SIZE, np.uint16)
    assert not decode(encode(RgbdImage(depth=none), coding=coding)).depth.any()
    alone = none.copy()
    alone[3, 5] = 60_000
    assert np.array_equal(decode(encode(RgbdImage(depth=alone), coding=coding)).depth, alone)
    alone[7, 9] = 300
    assert check(alone, 0.001, 50, coding)[0] < FACTOR * 9


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_small_maps_with_a_far_pixel(shape):
    depth = np.arange(1000, 1000 + shape[0] * shape[1]).reshape(shape).astype(np.uint16)
    depth[-1, -1] = 60_000
    assert check(depth, 0.001, 50, "av1")[0] < FACTOR * 9


def test_a_better_quality_has_a_smaller_error_and_more_bytes():
    depth = room(0.5, 40.0, 0.02, 0.001)
    found = [check(depth, 0.001, q, "av1") for q in (0, 20, 40, 60, 80, 100)]
    errors, sizes = [f[0] for f in found], [len(f[1]) for f in found]
    assert errors == sorted(errors, reverse=True)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("target", [0.3, 9.0])
def test_a_target_is_met_or_bettered_with_far_pixels_too(target):
    depth = room(0.6, 3.0, 0.03, 0.001)
    depth[20:24, 30:60] = np.linspace(9_000, 61_000, 120).reshape(4, 30)
    data = encode(RgbdImage(depth=depth), target_rmse=target, effort=3, coding="av1")
    assert 0.75 * target < rmse_mm(depth, data, 0.001) < 1.03 * target


def test_what_has_no_far_pixels_is_the_line_of_version_1():
    depth = room(0.6, 2.5, 0.005, 0.001)
    chosen = plan(depth, 0.001, 50)
    assert chosen.far == 0
    still = parse(encode(RgbdImage(depth=depth), depth_quality=50, coding="av1"))
    stream = still.streams[-1]
    assert stream.payload[0] != 0
    known = facts_of(stream)
    assert known.low == depth[depth > 0].min()
    assert known.high >= depth.max()


def test_the_plane_gives_the_steps_back():
    depth = np.array([[0, 100, 4195], [2000, 60_000, 0]], np.uint16)
    mapping, valid = Mapping(100, 4095), depth > 0
    plane = to_plane(depth, mapping, far=4195)
    assert plane.dtype == np.float32
    assert 0 <= plane.min() <= plane.max() <= 1
    apart = np.where(depth > 4195, depth, 0)
    assert np.array_equal(from_plane(plane, valid, mapping, apart), depth)
    wide = from_plane(plane, valid, Mapping(100, MOST_STEPS - 100))
    assert wide.dtype == np.uint32
    assert wide.max() <= MOST_STEPS


def test_far_pixels_go_before_the_plane_and_come_back():
    depth = room(0.5, 3, 0.01, 0.001)
    depth[5:9, 7:50] = 40_000
    far = np.where(depth > 30_000, depth, np.uint16(0))
    apart, rest = split(beside(far, 0, 5) + b"\x0aplane", depth > 0)
    assert rest == b"\x0aplane"
    assert np.array_equal(apart, np.where(depth > 30_000, depth, 0))
    assert split(b"\x0aplane", depth > 0) == (None, b"\x0aplane")


def test_damaged_far_pixels_are_named():
    depth = room(0.5, 3, 0.01, 0.001)
    depth[5, 7] = 40_000
    far = np.where(depth > 30_000, depth, np.uint16(0))
    payload = beside(far, 0, 5) + b"\x0aplane"
    with pytest.raises(CorruptFileError, match="where the mask says"):
        split(payload, np.zeros(SIZE, bool))
    for cut in range(1, len(payload) - 6):
        with pytest.raises(CorruptFileError):
            split(payload[:cut], depth > 0)


def test_near_and_far_make_holes():
    depth = np.array([[0, 599, 600, 601], [3000, 3001, 65535, 0]], np.uint16)
    kept, dropped = depthmap.within(depth, 0.001, near=0.6, far=3.0)
    assert kept.tolist() == [[0, 0, 600, 601], [3000, 0, 0, 0]]
    assert dropped == 3
    assert depthmap.within(depth, 0.001)[1] == 0
    with pytest.raises(ValueError, match="near 3 m lies beyond far 2 m"):
        depthmap.within(depth, 0.001, near=3, far=2)
    with pytest.raises(ValueError, match="far nan is not a number of metres"):
        depthmap.within(depth, 0.001, far=float("nan"))
