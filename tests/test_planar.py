"""Colour and depth as networks take them, against numpy's several passes."""

import numpy as np
import pytest

from encodepth.planar import scale_depth, split_channels

SHAPES = pytest.mark.parametrize("shape", [(1, 1), (3, 5), (48, 63), (7, 128)])


def numbers(shape: tuple[int, ...], kind: type) -> np.ndarray:
    top = int(np.iinfo(kind).max)
    return np.random.default_rng(1).integers(0, top, shape, kind, endpoint=True)


@SHAPES
def test_channels_are_planes(shape):
    picture = numbers((*shape, 3), np.uint8)
    planes, floats = np.empty((3, *shape), np.uint8), np.empty((3, *shape), np.float32)
    split_channels(picture, planes)
    split_channels(picture, floats)
    assert np.array_equal(planes, picture.transpose(2, 0, 1))
    assert np.array_equal(floats, planes.astype(np.float32) / np.float32(255))


@SHAPES
@pytest.mark.parametrize("per_step", [1.0, 0.001, 0.0002, 1 / 3])
def test_depth_is_rounded_once(shape, per_step):
    depth = numbers(shape, np.uint16)
    depth[0, 0] = 0
    floats = np.empty(shape, np.float32)
    scale_depth(depth, floats, per_step, 0)
    assert np.array_equal(floats, (depth * np.float64(per_step)).astype(np.float32))
    scale_depth(depth, floats, per_step, -0.1)
    assert floats[0, 0] == np.float32(-0.1)


def test_views_and_what_is_read_only_are_taken():
    picture = numbers((6, 8, 3), np.uint8)
    picture.flags.writeable = False
    planes = np.empty((3, 3, 4), np.uint8)
    split_channels(picture[::2, ::2], planes)
    assert np.array_equal(planes, picture[::2, ::2].transpose(2, 0, 1))
