"""Generated RGB-D pairs: a random room, textured and lit, with exact depth or a sensor's.

The same seed, size and textures give the same pair; training and pictures in docs start here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..frame import Intrinsics, RgbdImage
from ..scenes import rooms
from .faults import View
from .raycast import cast
from .sensors import SENSORS
from .shading import Atlas, shade, tiles

Sensor = Literal["kinect", "realsense", "tof", "lidar"]
NEAREST, FARTHEST = 0.3, 8.0  # metres; anything else is a hole


def scene(
    seed: int,
    height: int = 480,
    width: int = 640,
    *,
    sensor: Sensor | None = None,
    textures: Sequence[npt.NDArray[np.uint8]] | None = None,
) -> RgbdImage:
    """Return a random room seen by a random camera.

    Args:
        seed: of everything random.
        height, width: pixels.
        sensor: None for exact depth, else the sensor whose faults are simulated.
        textures: photographs (h, w, 3), each side at least 256; noise is used without any.

    Returns:
        Colour and depth in mm, 0.3 to 8 m; elsewhere 0. Without a sensor there are hardly holes.

    Raises:
        ValueError: an unknown sensor.
    """
    if sensor is not None and sensor not in SENSORS:
        known = ", ".join(f'"{name}"' for name in SENSORS)
        raise ValueError(f'sensor "{sensor}"; expected None or one of {known}')
    rng = np.random.default_rng(seed)
    room = rooms.build(rng, height, width)
    atlas = Atlas(tiles(rng, rooms.TILES, textures))
    seen = cast(room.camera, room.half, room.walls, room.solids)
    color = shade(rng, room.camera, seen, room.materials, atlas, room.lights, room.ambient)
    depth = seen.depth
    if sensor is not None:
        brightness = color[..., 1].astype(np.float32) / 255
        view = View(depth, brightness, seen.serial, room.camera.focal)
        depth = SENSORS[sensor](view, rng)
    ok = (depth >= NEAREST) & (depth <= FARTHEST)
    mm = np.where(ok, depth * np.float32(1000) + np.float32(0.5), 0).astype(np.uint16)
    focal = room.camera.focal
    center = (width - 1) / 2, (height - 1) / 2
    return RgbdImage(color, mm, intrinsics=Intrinsics(focal, focal, *center))
