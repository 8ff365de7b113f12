"""A recording as a bag that ROS tools play: pictures, CameraInfo, transforms, header stamps.

Depth goes out as REP 118 has it: 16UC1 where a step is a millimetre, else 32FC1 in metres. The bag
is made under another name beside its place and renamed, so it is there whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from ...container.header import Camera
from ...errors import EncodepthError
from ...frame import MILLIMETRE, Frame, RgbdImage
from ...sequence.reader import Reader
from . import cameras
from .bag import (
    CAMERA_INFO,
    COMPRESSED,
    IMAGE,
    KINDS,
    NS,
    TRANSFORMS,
    definitions,
    need_rosbags,
)
from .compressed import CODECS, compress_depth
from .images import fields

DEPTH_FORMS = ("raw", *CODECS)
_SECONDS = 1 << 32  # ROS 1 counts them unsigned, ROS 2 signed
_WORLD = "world"
_METADATA_VERSION: Literal[8, 9] = 8  # of ROS 2 bags: read from Humble on


def write_bag(
    recording: Reader,
    path: str | os.PathLike[str],
    *,
    depth: str = "raw",
    frames: Iterable[Frame] | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write a recording as a bag; return its frames.

    Topics and coordinate frames are those that the recording was made of, where it says so, else
    /camera/color/image_raw and /camera/depth/image_raw.

    Args:
        recording: an open one.
        path: .bag (ROS 1), .mcap or .db3 (ROS 2).
        depth: "raw", or "png" or "rvl" for compressedDepth, which holds millimetres exactly.
        frames: of the recording, instead of all.
        overwrite: whether a file at `path` may be replaced.
        progress: called with the count of frames after each.

    Raises:
        EncodepthError: rosbags is missing, the target exists or cannot be written, a time is none
            that ROS can tell, or depth is not in millimetres but is to be compressed.
    """
    target = Path(path)
    if target.suffix.lower() not in KINDS:
        raise EncodepthError(f"{target} is no bag; expected a name ending in {', '.join(KINDS)}")
    if target.exists() and not overwrite:
        raise EncodepthError(f"{target} exists; use overwrite=True or another name")
    if depth not in DEPTH_FORMS:
        raise ValueError(f'depth is "{depth}"; expected {", ".join(DEPTH_FORMS)}')
    try:
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}.") as place:
            made = Path(place) / f"bag{target.suffix.lower()}"
            out = _open(made)
            with out.writer:
                count = _Bag(out, recording, depth).write(frames or recording, progress)
            os.replace(out.file, target)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EncodepthError(f"cannot write {target}: {reason}") from None
    return count


@dataclass
class _Out:
    """A writer of rosbags, of either kind.

    Attributes:
        writer: rosbags' own.
        file: what it makes.
        types: classes of messages by name.
        serialize: (message, type) -> bytes.
        connect: (topic, type) -> what messages are written to.
        ros_1: which kind.
    """

    writer: Any
    file: Path
    types: Any
    serialize: Callable[[Any, str], Any]
    connect: Callable[[str, str], Any]
    ros_1: bool
    _known: dict[str, Any] = field(default_factory=dict)

    def put(self, topic: str, kind: str, time: int, message: Any) -> None:
        if topic not in self._known:
            self._known[topic] = self.connect(topic, kind)
        self.writer.write(self._known[topic], time, self.serialize(message, kind))

    def header(self, time: int, frame_id: str, number: int = 0) -> Any:
        stamp = self.types["builtin_interfaces/msg/Time"](sec=time // NS, nanosec=time % NS)
        own = {"seq": number} if self.ros_1 else {}
        return self.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id, **own)


def _open(file: Path) -> _Out:
    try:
        from rosbags.rosbag1 import Writer as Writer1
        from rosbags.rosbag2 import StoragePlugin
        from rosbags.rosbag2 import Writer as Writer2
    except ModuleNotFoundError as error:
        raise need_rosbags(file.name, error) from None
    if file.suffix == ".bag":
        types = definitions(ros_1=True)
        one: Any = Writer1(file)

        def connect_1(topic: str, kind: str) -> Any:
            latching = 1 if topic.endswith("_static") else None
            return one.add_connection(topic, kind, typestore=types, latching=latching)

        return _Out(one, file, types.types, types.serialize_ros1, connect_1, True)
    types = definitions(ros_1=False)
    storage = StoragePlugin.MCAP if file.suffix == ".mcap" else StoragePlugin.SQLITE3
    folder = file.with_suffix("")
    two: Any = Writer2(folder, version=_METADATA_VERSION, storage_plugin=storage)

    def connect_2(topic: str, kind: str) -> Any:
        latched = [_latched()] if topic.endswith("_static") else []
        return two.add_connection(topic, kind, typestore=types, offered_qos_profiles=latched)

    made = folder / f"{folder.name}{file.suffix}"
    return _Out(two, made, types.types, types.serialize_cdr, connect_2, False)


def _latched() -> Any:
    """Return the quality of service that late listeners of /tf_static need."""
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    never = QosTime(2147483647, 4294967295)
    return Qos(
        QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
        never, never, QosLiveliness.AUTOMATIC, never, False,
    )  # fmt: skip


class _Bag:
    """What is written of every frame."""

    def __init__(self, out: _Out, recording: Reader, depth: str) -> None:
        self._out, self._form, self._facts = out, depth, recording.metadata
        self._told: dict[str, int] = {}  # topic of a camera -> when it was last written
        self._cameras = recording.cameras

    def write(self, frames: Iterable[Frame], progress: Callable[[int], None] | None) -> int:
        count = 0
        for frame in frames:
            if not 0 <= frame.time < _SECONDS * NS // (1 if self._out.ros_1 else 2):
                raise EncodepthError(
                    f"frame {frame.number} is at {frame.time} ns; ROS tells times from 0 to "
                    f"{_SECONDS // (1 if self._out.ros_1 else 2)} s"
                )
            if not count:
                self._put_extrinsics(frame.time)
            for kind in frame.image.held:
                self._put_picture(kind, frame)
            if frame.pose is not None:
                fixed = str(self._facts.get("ros.fixed_frame", _WORLD))
                first = "depth" if "depth" in self._cameras else "color"
                self._put_transform("/tf", frame.time, fixed, self._frame_id(first), frame.pose)
            count += 1
            if progress is not None:
                progress(count)
        return count

    def _put_picture(self, kind: str, frame: Frame) -> None:
        topic = cameras.base_of(self._fact(kind, "topic", f"/camera/{kind}/image_raw"))
        header = self._out.header(frame.time, self._frame_id(kind), frame.number)
        array = frame.image.arrays[kind]
        compressed = kind == "depth" and self._form != "raw"
        name, content = topic, IMAGE
        if compressed:
            name, content = f"{topic}/compressedDepth", COMPRESSED
            form, data = compress_depth(_millimetres(frame.image), self._form)
            held: dict[str, Any] = {"format": form, "data": data}
        elif kind == "depth":
            held = _depth_fields(frame.image, self._fact(kind, "encoding", ""))
        else:
            held = fields(array, "rgb8" if array.ndim == 3 else f"mono{8 * array.itemsize}")
        message = self._out.types[content](header=header, **held)
        self._out.put(name, content, frame.time, message)
        camera = self._cameras.get(kind)
        if camera is not None:
            self._put_camera(topic, camera, header, array.shape[1], array.shape[0], frame.time)

    def _put_camera(
        self, topic: str, camera: Camera, header: Any, width: int, height: int, time: int
    ) -> None:
        topic = next(cameras.info_topics(topic))
        if self._told.get(topic) == time:  # colour and depth of one camera
            return
        self._told[topic] = time
        held = cameras.fields(camera, width, height, ros_1=self._out.ros_1)
        region = self._out.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        message = self._out.types[CAMERA_INFO](header=header, roi=region, **held)
        self._out.put(topic, CAMERA_INFO, time, message)

    def _put_extrinsics(self, time: int) -> None:
        """Say where colour's camera sits beside depth's."""
        color, depth = self._cameras.get("color"), self._cameras.get("depth")
        if color is None or depth is None or self._frame_id("color") == self._frame_id("depth"):
            return
        if color.extrinsics is None or depth.extrinsics is None:
            return
        beside = np.linalg.inv(_matrix(depth.extrinsics)) @ _matrix(color.extrinsics)
        above, child = self._frame_id("depth"), self._frame_id("color")
        self._put_transform("/tf_static", time, above, child, beside)

    def _put_transform(
        self, topic: str, time: int, above: str, child: str, pose: np.ndarray
    ) -> None:
        types = self._out.types
        x, y, z, w = _quaternion(pose[:3, :3])
        one = types["geometry_msgs/msg/TransformStamped"](
            header=self._out.header(time, above),
            child_frame_id=child,
            transform=types["geometry_msgs/msg/Transform"](
                translation=types["geometry_msgs/msg/Vector3"](*map(float, pose[:3, 3])),
                rotation=types["geometry_msgs/msg/Quaternion"](x, y, z, w),
            ),
        )
        self._out.put(topic, TRANSFORMS, time, types[TRANSFORMS](transforms=[one]))

    def _fact(self, kind: str, what: str, otherwise: str) -> str:
        return str(self._facts.get(f"ros.{kind}.{what}", otherwise))

    def _frame_id(self, kind: str) -> str:
        return self._fact(kind, "frame_id", f"camera_{kind}_optical_frame")


def _depth_fields(image: RgbdImage, encoding: str) -> dict[str, Any]:
    assert image.depth is not None
    if image.depth_unit == MILLIMETRE and not encoding.startswith("32FC1"):
        return fields(image.depth, "16UC1")
    metres = image.depth * image.depth_unit
    return fields(np.where(image.depth > 0, metres, np.nan), "32FC1")


def _millimetres(image: RgbdImage) -> np.ndarray:
    assert image.depth is not None
    if image.depth_unit != MILLIMETRE:
        raise EncodepthError(
            f"depth is in steps of {image.depth_unit:g} m, and compressedDepth holds millimetres; "
            "write raw depth, which is exact"
        )
    return image.depth


def _matrix(numbers: tuple[float, ...]) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.reshape(numbers[:9], (3, 3)), numbers[9:]
    return pose


def _quaternion(r: np.ndarray) -> tuple[float, float, float, float]:
    """Return x, y, z, w of a rotation, by the largest of the four."""
    squares = np.array([
        1 + r[0, 0] - r[1, 1] - r[2, 2],
        1 - r[0, 0] + r[1, 1] - r[2, 2],
        1 - r[0, 0] - r[1, 1] + r[2, 2],
        1 + r[0, 0] + r[1, 1] + r[2, 2],
    ])  # fmt: skip
    rows = np.array([
        [squares[0], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0], r[2, 1] - r[1, 2]],
        [r[0, 1] + r[1, 0], squares[1], r[1, 2] + r[2, 1], r[0, 2] - r[2, 0]],
        [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], squares[2], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], squares[3]],
    ])  # fmt: skip
    row = rows[int(squares.argmax())]
    x, y, z, w = (float(v) for v in row / np.linalg.norm(row))
    return x, y, z, w
