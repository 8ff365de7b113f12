"""Bags for tests, written by rosbags itself: messages by type, in every kind of file."""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encodepth.io.ros.bag import definitions
from encodepth.io.ros.images import fields

pytest.importorskip("rosbags", reason="needs encodepth[ros]")  # skips whoever imports this
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2

NS = 1_000_000_000
START = 1_700_000_000 * NS
KINDS = ("run.mcap", "run.bag", "run.db3", "mcap_folder", "db3_folder", "zstd_folder")


@dataclass
class BagMaker:
    """Collects messages and writes them as a bag of the kind that a name says."""

    ros_1: bool = False
    held: list[tuple[int, str, str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = definitions(ros_1=self.ros_1)

    def make(self, kind: str, **values: Any) -> Any:
        return self.store.types[kind](**values)

    def header(self, time: int, frame_id: str = "camera") -> Any:
        stamp = self.make("builtin_interfaces/msg/Time", sec=time // NS, nanosec=time % NS)
        own = {"seq": 0} if self.ros_1 else {}
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id, **own)

    def put(self, topic: str, kind: str, time: int, **values: Any) -> None:
        self.held.append((time, topic, kind, self.make(kind, **values)))

    def image(
        self,
        topic: str,
        time: int,
        array: np.ndarray,
        name: str,
        /,
        *,
        frame_id: str = "camera",
        logged: int | None = None,
        **changed: Any,
    ) -> None:
        own = fields(array, name) | changed
        kind = "sensor_msgs/msg/Image"
        self.put(topic, kind, time if logged is None else logged,
                 header=self.header(time, frame_id), **own)  # fmt: skip

    def compressed(self, topic: str, time: int, form: str, data: bytes) -> None:
        kind = "sensor_msgs/msg/CompressedImage"
        held = np.frombuffer(data, np.uint8)
        self.put(topic, kind, time, header=self.header(time), format=form, data=held)

    def camera(
        self,
        topic: str,
        time: int,
        size: tuple[int, int],
        k: tuple[float, float, float, float],
        model: str = "plumb_bob",
        d: tuple[float, ...] = (0.0,) * 5,
        **changed: Any,
    ) -> None:
        fx, fy, cx, cy = k
        numbers = {
            "d": d,
            "k": (fx, 0, cx, 0, fy, cy, 0, 0, 1),
            "r": np.eye(3).ravel(),
            "p": (fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0),
        }
        named = {
            key.upper() if self.ros_1 else key: np.asarray(value, float)
            for key, value in numbers.items()
        }
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        values = {"width": size[0], "height": size[1], "distortion_model": model, "roi": roi}
        values |= {"binning_x": 0, "binning_y": 0}
        kind = "sensor_msgs/msg/CameraInfo"
        self.put(topic, kind, time, header=self.header(time), **(named | values | changed))

    def transform(
        self, topic: str, time: int, above: str, child: str, shift: tuple[float, ...],
        turn: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0),
    ) -> None:  # fmt: skip
        one = self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(time, above),
            child_frame_id=child,
            transform=self.make(
                "geometry_msgs/msg/Transform",
                translation=self.make(
                    "geometry_msgs/msg/Vector3", x=shift[0], y=shift[1], z=shift[2]
                ),
                rotation=self.make(
                    "geometry_msgs/msg/Quaternion", x=turn[0], y=turn[1], z=turn[2], w=turn[3]
                ),
            ),
        )
        self.put(topic, "tf2_msgs/msg/TFMessage", time, transforms=[one])

    def write(self, path: Path) -> Path:
        """Write what was collected, in the order of the log; the name says as what."""
        if self.ros_1:
            return self._write(Writer1(path), path, self.store.serialize_ros1)
        mcap = "mcap" in path.name
        storage = StoragePlugin.MCAP if mcap else StoragePlugin.SQLITE3
        folder = path.with_name(path.name.replace(".", "_of_")) if path.suffix else path
        writer = Writer2(folder, version=8, storage_plugin=storage)
        if "zstd" in path.name:
            writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
        self._write(writer, folder, self.store.serialize_cdr)
        if path.suffix:
            os.replace(folder / f"{folder.name}{path.suffix}", path)
            shutil.rmtree(folder)
        return path

    def _write(self, writer: Any, path: Path, serialize: Any) -> Path:
        with writer:
            known: dict[tuple[str, str], Any] = {}
            for time, topic, kind, message in sorted(self.held, key=lambda row: row[0]):
                if (topic, kind) not in known:
                    known[topic, kind] = writer.add_connection(topic, kind, typestore=self.store)
                writer.write(known[topic, kind], time, serialize(message, kind))
        return path


def maker(path: Path) -> BagMaker:
    """Return a maker for the kind of bag that a name says."""
    return BagMaker(ros_1=path.suffix == ".bag")


def scene(i: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Colour and depth in mm of a box that moves over a slanted floor."""
    y, x = np.mgrid[:height, :width]
    depth = (4000 - 20 * y + 3 * x).astype(np.uint16)
    color = np.stack([x * 3, y * 4, 128 + 0 * x], -1).astype(np.uint8)
    box = (x > 5 + i) & (x < 20 + i) & (y > 10) & (y < 30)
    depth[box], color[box] = 900, (200, 30, 90)
    depth[(x == 5 + i) & (y > 8)] = 0
    return color, depth


def camera_bag(path: Path, count: int = 8, name: str = "camera", **more: Any) -> Path:
    """Write colour and depth of one camera at 30 Hz, 2 ms apart."""
    bag = maker(path)
    add_camera(bag, name, count, **more)
    return bag.write(path)


def add_camera(bag: BagMaker, name: str, count: int, late: int = 2_000_000) -> None:
    for i in range(count):
        time, (color, depth) = START + i * NS // 30, scene(i)
        bag.image(f"/{name}/depth/image_raw", time, depth, "16UC1", frame_id=f"{name}_depth")
        bag.image(f"/{name}/color/image_raw", time + late, color, "rgb8", frame_id=f"{name}_color")
        size = (64, 48)
        bag.camera(f"/{name}/depth/camera_info", time, size, (60.0, 61.0, 31.5, 23.5))
        bag.camera(
            f"/{name}/color/camera_info", time + late, size, (55.0, 56.0, 32.0, 24.0),
            d=(0.1, -0.2, 0.001, 0.002, 0.05),
        )  # fmt: skip


def inverse_depth(metres: np.ndarray, codec: str, farthest: float = 10.0) -> tuple[str, bytes]:
    """Return format and data as ROS's transport codes float depth, by its published formulas."""
    import io

    from PIL import Image

    from encodepth.io.ros import rvl

    a = np.float32(100.0 * 101.0)
    b = np.float32(1.0) - a / np.float32(farthest)
    with np.errstate(all="ignore"):
        whole = np.where(metres < farthest, a / metres + b, 0).astype(np.uint16)
    head = struct.pack("<iff", 0, a, b)
    if codec == "rvl":
        height, width = whole.shape
        coded = struct.pack("<II", width, height) + rvl.compress(whole)
    else:
        out = io.BytesIO()
        Image.fromarray(whole).save(out, "png")
        coded = out.getvalue()
    return f"32FC1; compressedDepth {codec}", head + coded
