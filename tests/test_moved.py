"""Clean depth before a camera that moves: the motion is found, sent, and makes pictures smaller."""

import io
from contextlib import suppress

import numpy as np
import pytest

from depth_groups import decoded, together, with_a_flipped_bit
from encodepth import Intrinsics, Reader, RgbdImage, Writer
from encodepth.codings import motion
from encodepth.codings.base import Coded
from encodepth.codings.pose import ONE, Motion, View, fits, pack_motion
from encodepth.codings.warp import rotation, warp
from encodepth.errors import CorruptFileError
from golden_inputs import FOCUS, room, turned


def sizes(planes, error=0):
    return [len(coded.payload) for coded in together(planes, error)]


@pytest.mark.parametrize("error", [0, 5])
def test_a_motion_makes_pictures_smaller_and_all_come_back(error, monkeypatch):
    planes = room(5)
    coded = together(planes, error)
    assert all(c.payload[0] & 2 for c in coded[1:])
    for plane, back in zip(planes, decoded(coded, planes[0].shape), strict=True):
        assert np.abs(plane.astype(int) - back).max() <= error
    monkeypatch.setattr(motion, "path", lambda *_: None)
    assert sum(len(c.payload) for c in coded[1:]) < 0.95 * sum(sizes(planes, error)[1:])


def test_the_motion_is_found_where_the_camera_is_known():
    before, now = room(2)
    view = View(*(round(16 * n) for n in (FOCUS, FOCUS, 47.5, 35.5)))
    found = motion.path([before, now], (FOCUS, FOCUS, 47.5, 35.5))
    assert found is not None
    turn = turned(np.array([0.002, -0.004, 0.003]))
    assert found.view == view
    true = motion.Pose(turn, -turn @ np.array([12.0, -7.0, 15.0])).whole()
    assert np.abs(np.subtract(found.motion(1)[:3], true[:3])).max() < 0.002 * ONE
    assert np.abs(np.subtract(found.motion(1)[3:], true[3:])).max() < 4 * 64


def test_a_camera_that_stands_still_sees_the_same():
    (plane,) = room(1)
    view = View(*(round(16 * n) for n in (FOCUS, FOCUS, 47.5, 35.5)))
    fine = plane.astype(np.int32) * 64
    assert np.abs(warp(fine, view, Motion()) - fine).max() < 24


def test_walking_towards_a_wall_brings_it_nearer():
    wall = np.full((40, 60), 2000 * 64, np.int32)
    seen = warp(wall, View(960, 960, 472, 312), Motion(z=-300 * 64))
    assert np.abs(seen - 1700 * 64).max() <= 1


def test_rotations_are_rotations():
    turn = rotation(Motion(70000, -5000, 12345)) / ONE
    assert np.abs(turn @ turn.T - np.eye(3)).max() < 1e-5


def test_the_farthest_motions_and_widest_cameras_stay_within_what_integers_hold():
    rng = np.random.default_rng(2)
    depth = rng.integers(0, 1 << 22, (9, 14)).astype(np.int32)
    for _ in range(200):
        view = View(*(int(n) for n in rng.integers(1, (1 << 18, 1 << 18, 16 * 14, 16 * 9))))
        if not fits(view, depth.shape):
            view = View(40, 40, 100, 60)
        far = [*rng.integers(-ONE + 1, ONE, 3), *rng.integers(1 - (1 << 22), 1 << 22, 3)]
        seen = warp(depth, view, Motion(*map(int, far)))
        assert seen.min() >= 0
        assert seen.max() < 1 << 22


def test_impossible_cameras_and_motions_are_reported():
    planes = room(3)
    coded = together(planes)
    where = coded[1].payload
    for change, words in (
        (b"\2\1\1\1\1" + where[9:], "cannot see"),
        (where[:9] + pack_motion(Motion(a=ONE)), "too far"),
    ):
        with pytest.raises(CorruptFileError, match=words):
            decoded([coded[0], Coded(change), coded[2]], planes[0].shape)


def test_damage_is_reported_or_gives_a_plane_never_a_crash():
    planes = room(3)
    coded = together(planes)
    rng = np.random.default_rng(3)
    for _ in range(40):
        broken = with_a_flipped_bit(coded, rng, within=40)
        with suppress(CorruptFileError):
            assert len(decoded(broken, planes[0].shape)) == len(planes)


def test_frames_of_a_moving_camera_are_found_in_the_middle_of_a_group():
    planes, file = room(6), io.BytesIO()
    camera = Intrinsics(FOCUS, FOCUS, 47.5, 35.5)
    with Writer(file, lossless=("depth",), effort=7, key_interval=6, rate=30) as writer:
        for plane in planes:
            writer.append(RgbdImage(depth=plane, intrinsics=camera))
    with Reader(file.getvalue()) as reader:
        for i in (4, 2, 5, 0):
            assert np.array_equal(reader[i].image.depth, planes[i])
