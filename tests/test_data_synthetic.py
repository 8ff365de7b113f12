"""Generated scenes: reproducible, exact where they claim to be, and like the sensors they copy."""

import numpy as np
import pytest

from encodepth.scenes.raycast import Camera, cast
from encodepth.scenes.scene import scene
from encodepth.scenes.sensors import SENSORS
from encodepth.scenes.solids import Solid, terrain_height

AHEAD = Camera(np.zeros(3), np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), 100.0, 61, 81)
HALF = np.array([3.0, 2.0, 1.5])


def depth_of(*solids):
    return cast(AHEAD, HALF, (0,) * 6, solids).depth


def test_the_same_seed_gives_the_same_pair_and_another_seed_another():
    a, b, c = scene(3, 96, 128), scene(3, 96, 128), scene(4, 96, 128)
    assert np.array_equal(a.color, b.color)
    assert np.array_equal(a.depth, b.depth)
    assert not np.array_equal(a.depth, c.depth)


def test_an_empty_room_ends_at_its_wall():
    assert depth_of()[30, 40] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("shape", "params", "front"),
    [
        ("box", (), 1.5),
        ("sphere", (), 1.5),
        ("frustum", (1.0, 1.0), 1.5),
        ("frustum", (0.5, 1.0), 1.625),
    ],
)
def test_a_solid_in_front_of_the_camera_is_hit_where_geometry_says(shape, params, front):
    half = np.diag([0.5, 0.5, 0.5])
    seen = depth_of(Solid(shape, np.array([2.0, 0, 0]), half, 0, params))
    assert seen[30, 40] == pytest.approx(front, abs=1e-3)


def test_a_terrain_that_faces_the_camera_is_hit_at_its_height():
    axes = np.array([[0, 0, -0.5], [0.5, 0, 0], [0, 0.5, 0]])
    waves = (0.6, 0.0, 0.0, np.pi / 2)  # a constant 0.6, so the ground is at 0.6 of the half size
    seen = depth_of(Solid("terrain", np.array([2.0, 0, 0]), axes, 0, waves))
    assert seen[30, 40] == pytest.approx(2.0 - 0.6 * 0.5, abs=1e-3)


def test_marched_surfaces_are_met_within_the_rounding_to_millimetres():
    axes = np.array([[0, 0, -0.2], [0.8, 0, 0], [0, 0.8, 0]])
    waves = (0.7, 9.0, 4.0, 1.0, 0.3, -3.0, 12.0, 2.0)
    solid = Solid("terrain", np.array([2.0, 0, 0]), axes, 0, waves)
    seen = cast(AHEAD, HALF, (0,) * 6, (solid,))
    hit = (seen.serial == 6) & (seen.normal[0] < -0.5)  # not its steep rim
    assert hit.sum() > 1000
    local = np.linalg.inv(axes) @ (seen.point[:, hit] - [[2.0], [0], [0]])
    error = (local[2] - terrain_height(local, waves)) * 0.2
    assert np.abs(error).max() < 1e-3
    assert np.quantile(np.abs(error), 0.99) < 3e-4


def test_depth_is_the_z_coordinate_so_a_wall_ahead_is_flat():
    seen = depth_of(Solid("box", np.array([2.5, 0, 0]), np.diag([0.5, 9.0, 9.0]), 0))
    assert np.ptp(seen) < 1e-5


def test_the_torus_shows_the_wall_through_its_hole():
    axes = np.array([[0, 0, 0.15], [0.5, 0, 0], [0, 0.5, 0]])
    seen = depth_of(Solid("torus", np.array([2.0, 0, 0]), axes, 0, (0.3,)))
    assert seen[30, 40] == pytest.approx(3.0)
    ring = 40 + round(100 * 0.35 / 1.85)
    assert seen[30, ring] == pytest.approx(1.85, abs=5e-3)


@pytest.mark.parametrize("sensor", [None, *SENSORS])
def test_depth_keeps_to_its_range_and_sensors_leave_holes(sensor):
    image = scene(11, 240, 320, sensor=sensor)
    valid = image.depth[image.depth > 0]
    assert image.color.shape == (240, 320, 3)
    assert valid.min() >= 300
    assert valid.max() <= 8000
    holes = (image.depth == 0).mean()
    assert holes < 0.01 if sensor in (None, "lidar") else 0.01 < holes < 0.7


def test_an_unknown_sensor_is_named():
    with pytest.raises(ValueError, match='sensor "sonar"; expected None or one of "kinect", "re'):
        scene(0, sensor="sonar")
