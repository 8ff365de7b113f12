"""Points, cameras and what counts as flying."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.errors import InvalidImageError
from encodepth.frame import Intrinsics, RgbdImage
from encodepth.view import geometry as g

ANGLE = st.floats(-80, 80)


def test_a_pixel_lands_where_the_pinhole_says():
    depth = np.zeros((4, 6), np.uint16)
    depth[3, 5] = 2000
    image = RgbdImage(depth=depth, intrinsics=Intrinsics(100, 200, 1, 2))
    cloud = g.cloud(image)
    assert cloud.points[3, 5] == pytest.approx([2 * 4 / 100, 2 * 1 / 200, 2])
    assert np.count_nonzero(cloud.points[..., 2]) == 1


def test_the_guess_is_525_pixels_at_640():
    camera, guessed = g.depth_intrinsics(RgbdImage(depth=np.ones((480, 640), np.uint16)))
    assert (camera, guessed) == (Intrinsics(525, 525, 319.5, 239.5), True)


def test_intrinsics_of_a_larger_colour_picture_are_scaled_to_the_depth_map():
    image = RgbdImage(
        np.zeros((960, 1280, 3), np.uint8),
        np.ones((480, 640), np.uint16),
        intrinsics=Intrinsics(1050, 1050, 639.5, 479.5),
    )
    camera, guessed = g.depth_intrinsics(image)
    assert not guessed
    assert camera == Intrinsics(525, 525, 319.5, 239.5)


def test_intrinsics_of_the_depth_map_stay_beside_a_larger_colour_picture():
    own = Intrinsics(525, 525, 319.5, 239.5)
    image = RgbdImage(
        np.zeros((960, 1280, 3), np.uint8), np.ones((480, 640), np.uint16), 0.001, own
    )
    assert g.depth_intrinsics(image) == (own, False)


@settings(deadline=None)
@given(ANGLE, ANGLE, st.floats(0.2, 3), st.floats(0.1, 20))
def test_every_viewpoint_is_a_rotation_that_looks_at_the_centre(yaw, pitch, distance, centre):
    rotation, eye = g.pose(g.Viewpoint("", yaw, pitch, distance), centre)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    seen = rotation @ (np.array([0, 0, centre]) - eye)
    assert seen == pytest.approx([0, 0, centre * distance], abs=1e-9)


def test_yaw_goes_right_and_pitch_goes_up():
    _, right = g.pose(g.Viewpoint("", yaw=30), 2)
    _, up = g.pose(g.Viewpoint("", pitch=30), 2)
    sine, cosine = math.sin(math.pi / 6), math.cos(math.pi / 6)
    assert right == pytest.approx([2 * sine, 0, 2 - 2 * cosine])
    assert up[1] < 0  # y points down


def test_only_the_pixel_between_near_and_far_is_flying():
    depth = np.full((5, 9), 1000, np.uint16)
    depth[:, 4] = 1500
    depth[:, 5:] = 2000
    flying = g.flying_by_shape(depth, 0.001)
    assert flying[:, 4].all()
    assert flying.sum() == 5
    sharp = np.where(np.arange(9) < 4, 1000, 2000).astype(np.uint16) * np.ones((5, 1), np.uint16)
    assert not g.flying_by_shape(sharp, 0.001).any()


def test_flying_by_error_needs_an_edge_and_50_mm():
    original = np.full((20, 20), 1000, np.uint16)
    original[:, 10:] = 2000
    decoded = original.copy()
    decoded[5, 9] += 51  # at the edge, too far off
    decoded[6, 9] += 49  # at the edge, near enough
    decoded[7, 1] += 500  # off, but nowhere near an edge
    decoded[8, 9] = 0  # a hole is no point
    assert np.argwhere(g.flying_by_error(decoded, original, 0.001, 0.001)).tolist() == [[5, 9]]


def test_error_counts_units_and_leaves_holes_out():
    ours = RgbdImage(depth=np.array([[1010, 0, 1000]], np.uint16))
    theirs = RgbdImage(depth=np.array([[5000, 5000, 0]], np.uint16), depth_unit=0.0002)
    error = g.error_mm(ours, theirs)
    assert error[0, 0] == pytest.approx(10)
    assert np.isnan(error[0, 1:]).all()


def test_maps_of_two_sizes_cannot_be_compared():
    small, large = (RgbdImage(depth=np.ones((4, side), np.uint16)) for side in (4, 5))
    with pytest.raises(InvalidImageError, match="depth is 4x4 but the other is 5x4"):
        g.error_mm(small, large)
