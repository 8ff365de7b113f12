"""Exact and bounded depth over time: every picture comes back, from anywhere, never larger."""

import io
from contextlib import suppress

import numpy as np
import pytest

from depth_groups import decoded, together, with_a_flipped_bit
from encodepth import Reader, RgbdImage, Writer
from encodepth.codings import find, surface_inter
from encodepth.codings.base import Ask, Coded
from encodepth.codings.exact import decode_depth, encode_depth
from encodepth.errors import CorruptFileError, EncodepthError


def walls(count: int, height: int = 33, width: int = 41, step: int = 1) -> list[np.ndarray]:
    """Return a slanted wall and a box before it that moves, with its shadow."""
    y, x = np.mgrid[:height, :width]
    planes = []
    for k in range(count):
        depth = 1500 + 3 * x + y // 2
        left = 5 + k * step
        depth[height // 3 : height // 2, left : left + 8] = 900
        depth[height // 3 : height // 2, left - 3 : left] = 0
        planes.append(depth.astype(np.uint16))
    return planes


def noise(count: int, height: int, width: int, top: int = 65535, seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, top + 1, (height, width)).astype(np.uint16) for _ in range(count)]


def flicker(count: int, height: int = 24, width: int = 31) -> list[np.ndarray]:
    """Return a still wall with noise of a few steps and holes that come and go."""
    rng = np.random.default_rng(7)
    wall = walls(1, height, width)[0]
    planes = []
    for _ in range(count):
        plane = wall + rng.integers(0, 4, wall.shape).astype(np.uint16) * (wall > 0)
        plane[rng.random(wall.shape) < 0.05] = 0
        planes.append(plane.astype(np.uint16))
    return planes


GROUPS = {
    "walls": walls(5),
    "still": walls(4, step=0),
    "flicker": flicker(5),
    "noise": noise(3, 13, 9),
    "two": [p * 4000 for p in noise(3, 16, 17, 1)],
    "holes": [np.zeros((7, 9), np.uint16)] * 3,
    "one": walls(1),
    "pixel": noise(4, 1, 1),
    "row": noise(3, 1, 19, 30),
    "column": noise(3, 21, 1, 30),
    "far apart": [np.full((5, 6), v, np.uint16) for v in (1, 65535, 0, 300)],
}


@pytest.mark.parametrize("name", GROUPS)
def test_every_picture_of_a_group_comes_back(name):
    planes = GROUPS[name]
    for plane, back in zip(planes, decoded(together(planes), planes[0].shape), strict=True):
        assert np.array_equal(plane, back)


@pytest.mark.parametrize("error", [1, 5, 400])
@pytest.mark.parametrize("name", ["walls", "still", "flicker", "noise", "pixel"])
def test_a_bound_holds_in_every_picture_and_holes_stay(name, error):
    planes = GROUPS[name]
    for plane, back in zip(planes, decoded(together(planes, error), planes[0].shape), strict=True):
        off = np.abs(plane.astype(int) - back)
        assert off[plane > 0].max(initial=0) <= error
        assert np.array_equal(plane == 0, back == 0)


@pytest.mark.parametrize("error", [0, 3])
@pytest.mark.parametrize("name", GROUPS)
def test_a_recording_is_never_larger_than_stills(name, error):
    planes = GROUPS[name]
    ask = Ask(error=error, effort=7)
    made = surface_inter.encode_group("depth", planes, ask, [None] * len(planes))
    alone = sum(len(encode_depth(plane, error, 7)) for plane in planes)
    assert sum(len(coded.payload) for coded in made) <= alone
    if made[0].coding == "surface":
        for coded, plane in zip(made, planes, strict=True):
            back = decode_depth(coded.payload, *plane.shape).astype(int)
            assert not coded.references
            assert np.abs(back - plane).max() <= error


def test_a_still_camera_costs_next_to_nothing():
    planes = [*walls(6, 96, 128, step=0)]
    sizes = [len(c.payload) for c in together(planes)]
    assert max(sizes[2:]) < sizes[0] / 4


def test_holding_pays_where_noise_stays_within_the_bound():
    rng = np.random.default_rng(5)
    wall = walls(1, 60, 80)[0]
    planes = [
        wall + rng.integers(0, 4, wall.shape).astype(np.uint16) * (wall > 0) for _ in range(6)
    ]
    held = sum(len(c.payload) for c in together(planes, 3)[1:])
    alone = sum(len(encode_depth(plane, 3, 7)) for plane in planes[1:])
    assert held < 0.9 * alone


def test_frames_are_found_in_the_middle_of_a_group():
    planes = walls(9)
    file = io.BytesIO()
    with Writer(file, lossless=("depth",), effort=7, key_interval=5, rate=30) as writer:
        for plane in planes:
            writer.append(RgbdImage(depth=plane))
    with Reader(file.getvalue()) as reader:
        for i in (7, 2, 8, 0, 4, 5):
            assert np.array_equal(reader[i].image.depth, planes[i])


def test_damage_is_reported_or_gives_a_plane_never_a_crash():
    planes = flicker(3)
    coded = together(planes)
    rng = np.random.default_rng(3)
    for _ in range(60):
        broken = with_a_flipped_bit(coded, rng)
        with suppress(CorruptFileError):
            assert len(decoded(broken, planes[0].shape)) == len(planes)


def test_damage_in_a_recording_is_an_error_for_every_picture_of_its_group():
    file = io.BytesIO()
    with Writer(file, lossless=("depth",), effort=7, key_interval=4, rate=30) as writer:
        for plane in walls(4):
            writer.append(RgbdImage(depth=plane))
    data = bytearray(file.getvalue())
    data[-60] ^= 1
    with Reader(bytes(data)) as reader, pytest.raises(CorruptFileError):
        reader[1].image.depth  # noqa: B018


def test_an_unknown_way_and_a_missing_one_are_reported():
    planes = flicker(3)
    coded = together(planes)
    for payload in (b"", b"\4" + coded[2].payload[1:]):
        with pytest.raises(CorruptFileError, match="way"):
            decoded([*coded[:2], Coded(payload)], planes[0].shape)


def test_what_comes_back_wrong_is_never_handed_out(monkeypatch):
    planes = walls(3)
    monkeypatch.setattr(surface_inter._Decoder, "decode", lambda self, payload: planes[0])
    with pytest.raises(EncodepthError, match="came back"):
        surface_inter._encode(planes, 0)


def test_it_is_what_recordings_take_for_exact_depth():
    assert find("surface-inter", "depth").exact
