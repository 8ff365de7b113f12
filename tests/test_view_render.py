"""Renderings, colour maps and the picture made of them."""

from __future__ import annotations

import numpy as np
import pytest

from encodepth.frame import Intrinsics, RgbdImage
from encodepth.view import colormap, render, sheet, ticks
from encodepth.view.geometry import Viewpoint, cloud, depth_intrinsics, orbit_centre

CAMERA = Intrinsics(60, 60, 31.5, 23.5)


def step_scene(seed: int = 0) -> RgbdImage:
    """A near square in front of a slanted wall, every pixel of another colour."""
    rng = np.random.default_rng(seed)
    depth = np.tile(np.linspace(1500, 2500, 64), (48, 1)).astype(np.uint16)
    depth[16:32, 20:40] = 900
    color = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return RgbdImage(color, depth, intrinsics=CAMERA)


def test_from_the_first_camera_the_rendering_is_the_picture():
    image = step_scene()
    shown = render.render(cloud(image), CAMERA, Viewpoint(""), 1.5, width=64)
    assert np.array_equal(shown, image.color)


def test_holes_show_the_background():
    image = step_scene()
    depth = image.depth.copy()
    depth[5:9, 5:9] = 0
    holed = RgbdImage(image.color, depth, intrinsics=CAMERA)
    shown = render.render(cloud(holed), CAMERA, Viewpoint(""), 1.5, width=64, background=(1, 2, 3))
    assert (shown[5:9, 5:9] == (1, 2, 3)).all()
    assert np.array_equal(shown[10:], image.color[10:])


def test_the_nearer_point_hides_the_farther_one():
    depth = np.full((5, 5), 2000, np.uint16)
    depth[2, 2] = 1000
    color = np.zeros((5, 5, 3), np.uint8)
    color[2, 2] = (0, 255, 0)
    image = RgbdImage(color, depth, intrinsics=Intrinsics(5, 5, 2, 2))
    view = Viewpoint("", yaw=20, distance=0.8)  # the near point now stands before others
    shown = render.render(cloud(image), image.intrinsics, view, 1.0, width=50)
    green = (shown == (0, 255, 0)).all(2)
    assert green.sum() > 50
    rows, columns = np.nonzero(green)
    assert green[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()


def test_a_plane_seen_from_the_side_stays_closed():
    depth = np.full((48, 64), 2000, np.uint16)
    image = RgbdImage(depth=depth, intrinsics=CAMERA)
    view = Viewpoint("", yaw=50, pitch=20, distance=0.6)
    shown = render.render(cloud(image), CAMERA, view, 2.0, width=128, background=(0, 0, 0))
    middle = shown[30:66, 40:88]
    assert (middle == 176).all()


def test_from_the_right_near_things_move_left():
    depth = np.full((48, 64), 3000, np.uint16)
    depth[20:28, 28:36] = 1000
    color = np.zeros((48, 64, 3), np.uint8)
    color[20:28, 28:36] = 255
    image = RgbdImage(color, depth, intrinsics=CAMERA)
    view = Viewpoint("", yaw=10)
    shown = render.render(cloud(image), CAMERA, view, 3.0, width=64, background=(0, 0, 0))
    assert np.nonzero(shown[..., 0] > 200)[1].mean() < 24


@pytest.mark.parametrize("colors", [colormap.depth_map(), colormap.error_map()[127::-1]])
def test_brightness_alone_carries_the_order(colors):
    luminance = (colors.astype(float) / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0.004).all()
    assert luminance[0] - luminance[-1] > 0.5


def test_both_ends_of_the_error_map_differ_for_the_colour_blind():
    low, high = colormap.error_map()[[0, -1]].astype(int)
    assert abs(low[2] - high[2]) > 100  # in blue, which protans and deutans see


def test_paint_takes_first_and_last_colour_and_grey_for_holes():
    colors = colormap.depth_map()
    values = np.array([[1.0, 3.0, 2.0, 9.0]])
    valid = np.array([[True, True, False, True]])
    shown = colormap.paint(values, 1, 3, colors, valid)[0]
    assert np.array_equal(shown, [colors[0], colors[-1], colormap.HOLE, colors[-1]])


def test_ticks_are_round_and_inside():
    assert ticks.linear_ticks(1.13, 2.06, 5) == [1.2, 1.4, 1.6, 1.8, 2.0]
    assert ticks.linear_ticks(-50, 50, 6) == [-40, -20, 0, 20, 40]
    assert ticks.log_ticks(0.03, 0.6) == [0.05, 0.1, 0.2, 0.5]
    assert [ticks.label(t) for t in (0.05, 20.0, 1e-3)] == ["0.05", "20", "0.001"]


def test_the_sheet_has_a_panel_for_everything_there_is():
    image = step_scene()
    whole = sheet.sheet(image, "title", original=image)
    assert whole.dtype == np.uint8
    no_depth = sheet.sheet(RgbdImage(color=image.color))
    no_color = sheet.sheet(RgbdImage(depth=image.depth))
    assert whole.shape[0] > no_color.shape[0] > no_depth.shape[0]
    _, guessed = depth_intrinsics(RgbdImage(depth=image.depth))
    assert guessed


def test_the_error_panel_says_the_rmse():
    image = step_scene()
    worse = RgbdImage(image.color, image.depth + 3, intrinsics=CAMERA)
    panel = sheet.error_panel(worse, image)
    assert panel.caption == "depth error in mm: 3 RMSE"
    assert panel.scale[1:] == (-5, 5, "mm")


def test_a_map_without_any_depth_still_makes_a_picture():
    image = RgbdImage(depth=np.zeros((8, 8), np.uint16))
    assert orbit_centre(image.depth, 0.001) == 1.0
    assert sheet.sheet(image).shape[2] == 3


def test_a_long_title_is_broken_and_never_wider_than_the_sheet():
    title = "desk.rgbd · colour 640 × 480 · " + "camera not in the file " * 12
    lines = sheet.fitted_lines(title, 600)
    font = sheet.ImageFont.load_default(22)
    assert len(lines) > 3
    assert max(font.getlength(line) for line in lines) <= 600
    assert "×" not in "".join(lines)  # the built-in font would draw a box
    words = " ".join(lines).replace("· ", "").split()
    assert words == title.replace("×", "x").replace("· ", "").split()
    assert sheet.fitted_lines("", 600) == []
