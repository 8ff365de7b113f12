"""A ROS bag of any kind: its topics, and their messages one by one.

Messages are read by the definitions that ROS itself ships, which have not changed for pictures and
transforms, so a bag needs no definitions in it, and may hold any other types.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ...errors import EncodepthError

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TRANSFORMS = "tf2_msgs/msg/TFMessage"
OLD_TRANSFORMS = "tf/msg/tfMessage"  # the same in the first years of ROS 1
FLOAT = "std_msgs/msg/Float32"
PICTURES = (IMAGE, COMPRESSED)
KINDS = {".bag": "ROS 1 bag", ".mcap": "ROS 2 bag, MCAP", ".db3": "ROS 2 bag, SQLite"}
_METADATA, _MARK = "metadata.yaml", b"rosbag2_bagfile_information"  # of a folder that is a bag
_MENDING = {
    ".bag": "rosbag reindex",
    ".mcap": "mcap recover",
    ".db3": "ros2 bag reindex",
    "": "ros2 bag reindex",
}
NS = 1_000_000_000
T = TypeVar("T")


@dataclass(frozen=True)
class Topic:
    """A topic of a bag: its name, the type of its messages ("sensor_msgs/msg/Image"), how many."""

    name: str
    type: str
    count: int


@dataclass(frozen=True)
class Message:
    """A message as rosbags reads it.

    Attributes:
        topic: where it was published.
        logged: nanoseconds, when it was recorded.
        body: an object with the fields of the message's definition.
        size: bytes in the bag, before compression.
    """

    topic: str
    logged: int
    body: Any
    size: int

    @property
    def stamp(self) -> int:
        """Nanoseconds of the header; of the log where the header has 0."""
        stamp = self.body.header.stamp
        return int(stamp.sec) * NS + int(stamp.nanosec) or self.logged

    @property
    def frame_id(self) -> str:
        """The coordinate frame that its header names."""
        return str(self.body.header.frame_id)


def is_bag(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a ROS bag: a file by its suffix, or a folder with a ROS 2 bag in it."""
    place = Path(path)
    if place.is_dir():
        try:
            with open(place / _METADATA, "rb") as file:
                return _MARK in file.read(4096)
        except OSError:
            return False
    return place.suffix.lower() in KINDS


class Bag:
    """An open bag. Use it in a `with` block.

    Args:
        path: a .bag, .mcap or .db3 file, or the folder of a ROS 2 bag.

    Attributes:
        path: as given.
        kind: "ROS 1 bag", "ROS 2 bag, MCAP" ..
        topics: all of them, by name.

    Raises:
        EncodepthError: rosbags is missing, or this is no whole bag.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise EncodepthError(f"{self.path} does not exist")
        one, two = _readers(self.path)
        self._is_1 = self.path.suffix.lower() == ".bag"
        self._reader = self._try(lambda: (one if self._is_1 else two)(self.path), "opened")
        self._try(self._reader.open, "opened")
        self.kind = KINDS.get(self.path.suffix.lower(), "ROS 2 bag")
        types = definitions(ros_1=self._is_1)
        self._read = types.deserialize_ros1 if self._is_1 else types.deserialize_cdr
        self._connections: dict[str, list[Any]] = {}
        for connection in self._reader.connections:
            self._connections.setdefault(connection.topic, []).append(connection)
        self.topics = tuple(
            Topic(name, connections[0].msgtype, sum(c.msgcount for c in connections))
            for name, connections in sorted(self._connections.items())
        )

    def topic(self, name: str) -> Topic:
        """Return a topic by name.

        Raises:
            EncodepthError: there is none.
        """
        found = next((topic for topic in self.topics if topic.name == name), None)
        if found is None:
            held = ", ".join(t.name for t in self.topics if t.type in PICTURES) or "no pictures"
            raise EncodepthError(f"{self.path} has no topic {name}; it has {held}")
        return found

    def messages(self, topics: Iterable[str]) -> Iterator[Message]:
        """Yield the messages of topics in the order of the log, one in memory at a time.

        Raises:
            EncodepthError: the bag is damaged; what stands before was yielded.
        """
        wanted = [c for name in topics for c in self._connections.get(name, ())]
        if not wanted:
            return
        raw = self._reader.messages(connections=wanted)
        while (found := self._try(lambda: next(raw, None), "read on")) is not None:
            connection, logged, data = found
            body = self._try(
                lambda data=data, kind=connection.msgtype: self._read(data, kind),  # type: ignore[misc]
                f"read: {connection.topic}",
            )
            yield Message(connection.topic, int(logged), body, len(data))

    def first(self, topic: str, count: int = 1) -> list[Message]:
        """Return the first messages of a topic, fewer where it has fewer."""
        messages = self.messages([topic])
        try:
            return list(islice(messages, count))
        finally:
            messages.close()  # type: ignore[attr-defined]

    def close(self) -> None:
        """Give the file back."""
        self._reader.close()

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try(self, work: Callable[[], T], what: str) -> T:
        """Call into rosbags, which raises anything at all on bytes that are damaged.

        Raises:
            EncodepthError: it failed.
        """
        try:
            return work()
        except Exception as error:
            text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            text = text[:1].lower() + text[1:]
            if "rofile is not ros2" in text:
                hint = "it is no ROS 2 recording; expected the MCAP profile ros2"
            else:
                hint = f"if it was cut short, {_MENDING[self._suffix]} may mend it"
            raise EncodepthError(f"{self.path} cannot be {what}: {text}; {hint}") from None

    @property
    def _suffix(self) -> str:
        suffix = self.path.suffix.lower()
        return suffix if suffix in _MENDING else ""


def need_rosbags(path: object, error: ModuleNotFoundError) -> EncodepthError:
    """Return what to say where rosbags is missing."""
    if (error.name or "").split(".")[0] != "rosbags":
        return EncodepthError(f'{path} is a ROS bag, which needs the package "{error.name}"')
    return EncodepthError(
        f"{path} is a ROS bag, which needs the package rosbags; pip install 'encodepth[ros]'"
    )


def definitions(*, ros_1: bool) -> Any:
    """Return rosbags' store of the definitions of messages."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    if not ros_1:
        return get_typestore(Stores.ROS2_HUMBLE)
    store = get_typestore(Stores.ROS1_NOETIC)  # which lacks transforms
    for name in (TRANSFORMS, OLD_TRANSFORMS):
        store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", name))
    return store


def _readers(path: Path) -> tuple[Any, Any]:
    """Return the readers of ROS 1 and ROS 2."""
    try:
        from rosbags import rosbag1, rosbag2
    except ModuleNotFoundError as error:
        raise need_rosbags(path, error) from None
    return rosbag1.Reader, rosbag2.Reader
