"""A bag as frames of a recording: pictures of several topics put together, units and cameras said.

Frames stream: no more is in memory than what waits for its partner. Float depth is looked through
once before, for a step that all of it can have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...container.header import Camera, Value
from ...errors import EncodepthError, InvalidImageError, InvalidSettingError
from ...frame import MILLIMETRE, Frame, Intrinsics, Note, RgbdImage, check_unit
from ..floats import SharedStep, to_steps
from ..pair import ASSUMED, OPTION, UNKNOWN, Source
from . import cameras
from .bag import CAMERA_INFO, FLOAT, NS, Bag, Message
from .images import ENCODINGS, Pixels, as_color
from .poses import STATIC, Transforms, transform_topics
from .together import Set, Together
from .topics import Choice, Pictures, choose, pixels_of

_PEEK = 30  # messages of a topic that its rate is taken from
_SENSOR = re.compile(r"^(/device_\d+/sensor_\d+)/")
_UNITS = re.compile(r"/option/Depth[ _]Units/value$")
_USUAL = 1 / 30  # seconds between frames, where there is but one message


@dataclass
class Counts:
    """What became of the messages so far.

    Attributes:
        frames: that were given out.
        whole: of these, with a picture of every topic.
        alone: modality -> frames with it and nothing else.
        broken: pictures that could not be read.
        without_pose: frames whose pose is not known, where poses were asked for.
        apart: seconds that pictures of one frame were apart at most.
        repeated: messages with the stamp of the one before.
        notes: what was changed in pictures -> (pictures, pixels).
    """

    frames: int = 0
    whole: int = 0
    alone: dict[str, int] = field(default_factory=dict)
    broken: int = 0
    without_pose: int = 0
    apart: float = 0.0
    repeated: int = 0
    notes: dict[str, tuple[int, int]] = field(default_factory=dict)


class BagFrames:
    """The frames of a bag, as often as they are wanted; the bag is opened for each pass.

    Args:
        bag: an open bag, needed for as long as this takes.
        choice: which topics; found as `choose` does if None.
        within: seconds that colour may be from depth; half a frame of the faster topic if None.
        depth_unit: metres per 1 of the numbers in depth, instead of what REP 118 says.
        depth_step: metres per step that float depth is rounded to, instead of the finest.
        poses: the fixed frame ("map") that cameras are posed in by /tf, and the frame that is
            posed, which is the one of the pictures if "".

    Attributes:
        path: of the bag.
        choice: the topics.
        cameras: modality -> its camera, as far as known.
        depth_unit: metres per step of the frames' depth.
        unit_source, camera_source: where these come from.
        within: seconds.
        rate: frames a second of the first topic, by its stamps.
        like: an image of every plane that frames may have, all 0.
        metadata: what a recording should keep, so that it can go back to the same topics.
        total: messages of pictures in the bag.
        said: lines on how topics were chosen.
        doubts: lines on what is doubtful.
        counts: of the last pass.

    Raises:
        EncodepthError: topics are ambiguous or missing, or the frames of poses are.
    """

    def __init__(
        self,
        bag: Bag,
        choice: Choice | None = None,
        *,
        within: float | None = None,
        depth_unit: float | None = None,
        depth_step: float | None = None,
        poses: tuple[str, str] | None = None,
    ) -> None:
        self.path, self.choice = bag.path, choice or choose(bag)
        self._held = self.choice.by_modality
        self.said, self.doubts, self.counts = self.choice.said, list[str](), Counts()
        self.total = sum(p.topic.count for p in self._held.values())
        gaps = [_gap(bag, pictures) for pictures in self._held.values()]
        self.within = min(gaps) / 2 if within is None else within
        self.rate = 1 / gaps[0]
        self.cameras: dict[str, Camera] = {}
        self.camera_source = UNKNOWN
        for kind, pictures in self._held.items():
            self._find_camera(bag, kind, pictures)
        self._unit, self.unit_source = _unit(bag, self._held.get("depth"), depth_unit)
        self._step = self._find_step(bag, depth_step)
        self.depth_unit = self._step or self._unit
        self._poses = None if poses is None else self._find_poses(bag, *poses)
        self._find_extrinsics(bag)
        self.like = self._blank(bag)
        self.metadata = self._facts(poses)

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames; raise at the first picture that cannot be read."""
        for frame in self.each():
            if isinstance(frame, EncodepthError):
                raise frame
            yield frame

    def each(self) -> Iterator[Frame | EncodepthError]:
        """Yield frames in the order of the log, and the error of each picture that is broken.

        Where the bag is damaged itself, that error is the last that is yielded.
        """
        with Bag(self.path) as bag:
            yield from self._pass(bag)

    def _pass(self, bag: Bag) -> Iterator[Frame | EncodepthError]:
        self.counts = Counts(alone=dict.fromkeys(self._held, 0))
        roles = {pictures.name: kind for kind, pictures in self._held.items()}
        together = Together([*self._held], round(self.within * NS))
        messages, damage = bag.messages(roles), None
        message: Message | None
        while True:
            try:
                message = next(messages, None)
            except EncodepthError as error:
                message, damage = None, error
            if message is None:
                break
            for found in together.push(roles[message.topic], message):
                yield from self._frame(found)
        for found in together.finish():
            yield from self._frame(found)
        self.counts.alone = dict(together.alone)
        self.counts.apart, self.counts.repeated = together.apart / NS, together.repeated
        if damage is not None:
            yield damage

    def _frame(self, found: Set) -> Iterator[Frame | EncodepthError]:
        """Yield the frame of messages that belong together, after the errors of broken ones."""
        arrays: dict[str, np.ndarray] = {}
        notes: tuple[Note, ...] = ()
        rounding, time = 0.0, next(iter(found.values())).stamp
        for kind, message in found.items():
            try:
                pixels = self._pixels(kind, message)
                if kind == "depth":
                    arrays[kind], rounding, more = self._depth(pixels, message.topic)
                elif kind == "color":
                    arrays[kind], more = as_color(pixels, message.topic)
                else:
                    arrays[kind], more = pixels.array, pixels.notes
                notes += more
            except EncodepthError as error:
                self.counts.broken += 1
                yield error
        if arrays:
            yield self._made(arrays, notes, rounding, time)

    def _made(
        self, arrays: dict[str, np.ndarray], notes: tuple[Note, ...], rounding: float, time: int
    ) -> Frame:
        pose = None if self._poses is None else self._poses.at(time)
        counts = self.counts
        if self._poses is not None and pose is None:
            counts.without_pose += 1
            notes += (Note("no pose known"),)
        missing = [kind for kind in self._held if kind not in arrays]
        if missing:
            notes += (Note(f"{' and '.join(arrays)} without {' and '.join(missing)}"),)
        color, depth = arrays.pop("color", None), arrays.pop("depth", None)
        image = RgbdImage(
            color, depth, self.depth_unit, self.intrinsics, arrays, rounding, notes
        )  # fmt: skip
        for note in image.notes:
            pictures, pixels = counts.notes.get(note.what, (0, 0))
            counts.notes[note.what] = pictures + 1, pixels + note.pixels
        counts.whole += len(image.held) == len(self._held)
        counts.frames += 1
        return Frame(image, time, pose, counts.frames - 1)

    @property
    def intrinsics(self) -> Intrinsics | None:
        """Depth's camera as four numbers, colour's where depth has none, or None."""
        camera = self.cameras.get("depth") or self.cameras.get("color")
        return None if camera is None else Intrinsics(*camera.focal, *camera.center)

    def _pixels(self, kind: str, message: Message) -> Pixels:
        """Decode a picture; one of another size or layout than the first is broken.

        Raises:
            InvalidImageError: it is broken.
        """
        pixels, first = pixels_of(message), self._held[kind]
        if pixels.size != first.size:
            here, there = ("x".join(map(str, size or ())) for size in (pixels.size, first.size))
            raise InvalidImageError(
                f"a picture of {message.topic} is {here}; the ones before are {there}"
            )
        return pixels

    def _depth(
        self, pixels: Pixels, name: str
    ) -> tuple[np.ndarray, float, tuple[Note, ...]]:  # fmt: skip
        """Return depth in steps, what it was rounded by in metres, and what was changed."""
        raw = pixels.array
        if raw.dtype == np.float32:
            if self._step is None:
                raise InvalidImageError(f"{name} turns from whole numbers to floats")
            own = {"step": self._step} if self._own_step else {"shared": self._step}
            steps = to_steps(raw, self._unit, name, **own)
            return steps.depth, steps.rounding, (*pixels.notes, *steps.notes)
        if self._step is not None:
            raise InvalidImageError(f"{name} turns from floats to whole numbers")
        if raw.dtype != np.uint16:
            raise InvalidImageError(f"{name} is {pixels.encoding}; expected depth of 16 or 32 bits")
        return raw, 0.0, pixels.notes

    def _find_step(self, bag: Bag, asked: float | None) -> float | None:
        """Return the step of float depth, None for whole numbers."""
        pictures, self._own_step = self._held.get("depth"), asked is not None
        if pictures is None:
            return None
        if not pictures.encoding.startswith("32FC1"):
            if asked is not None:
                raise InvalidSettingError(
                    f"a depth step is for floats, and {pictures.name} holds {pictures.encoding}"
                )
            return None
        if asked is not None:
            check_unit(asked)
            return asked
        shared = _look_through(bag, pictures.name, self._unit)
        self.unit_source = Source(
            f"{self.unit_source}; in steps of {shared.step * 1000:g} mm", self.unit_source.sure
        )
        return shared.step

    def _find_camera(self, bag: Bag, kind: str, pictures: Pictures) -> None:
        names = {topic.name for topic in bag.topics if topic.type == CAMERA_INFO}
        topic = next((n for n in cameras.info_topics(pictures.name) if n in names), None)
        messages = [] if topic is None else bag.first(topic)
        if not messages:
            return
        info = messages[0].body
        rectified = cameras.is_rectified(pictures.name)
        camera, doubt = cameras.from_info(info, rectified=rectified)
        size = cameras.size_of(info)
        if camera is not None and pictures.size is not None and size not in ((0, 0), pictures.size):
            camera, doubt = None, f"is about pictures of {size[0]}x{size[1]}"
        if doubt:
            self.doubts.append(f"{topic}, the camera of {kind}, {doubt}")
        if camera is None:
            return
        self.cameras[kind] = camera
        if kind == "depth" or (kind == "color" and "depth" not in self.cameras):
            self.camera_source = Source(f"{'P' if rectified else 'K'} of {topic}", not doubt)

    def _find_poses(self, bag: Bag, fixed: str, camera: str) -> Transforms:
        first = next(iter(self._held.values()))
        return Transforms(bag, transform_topics(bag), fixed, camera or first.frame_id)

    def _find_extrinsics(self, bag: Bag) -> None:
        """Set where colour's camera sits beside depth's, where /tf_static says it."""
        depth, color = self._held.get("depth"), self._held.get("color")
        if depth is None or color is None or not {"depth", "color"} <= self.cameras.keys():
            return
        if depth.frame_id == color.frame_id:
            return
        static = [name for name in transform_topics(bag) if name.endswith(STATIC)]
        try:
            beside = Transforms(bag, static, depth.frame_id, color.frame_id)
        except EncodepthError:
            return
        matrix = beside.at(0)
        if matrix is None:
            return
        for kind, pose in (("depth", np.eye(4)), ("color", matrix)):
            camera = self.cameras[kind]
            numbers = (*pose[:3, :3].ravel().tolist(), *pose[:3, 3].tolist())
            self.cameras[kind] = Camera(
                camera.focal, camera.center, camera.distortion, camera.coefficients, numbers
            )

    def _blank(self, bag: Bag) -> RgbdImage:
        arrays: dict[str, Any] = {}
        for kind, pictures in self._held.items():
            width, height = pictures.size or (1, 1)
            if kind == "color":
                arrays[kind] = np.zeros((height, width, 3), np.uint8)
                continue
            first = pixels_of(bag.first(pictures.name)[0]).array
            arrays[kind] = np.zeros((height, width), np.uint16 if kind == "depth" else first.dtype)
        color, depth = arrays.pop("color", None), arrays.pop("depth", None)
        return RgbdImage(color, depth, self.depth_unit, self.intrinsics, arrays)

    def _facts(self, poses: tuple[str, str] | None) -> dict[str, Value]:
        facts: dict[str, Value] = {"ros.bag": self.path.name}
        for kind, pictures in self._held.items():
            facts[f"ros.{kind}.topic"] = pictures.name
            facts[f"ros.{kind}.frame_id"] = pictures.frame_id
            facts[f"ros.{kind}.encoding"] = pictures.encoding
        if "depth" in self._held:
            facts["ros.depth.unit_source"] = str(self.unit_source)
        if poses is not None:
            facts["ros.fixed_frame"] = poses[0]
        return facts


def read_bag(
    path: str | os.PathLike[str],
    *,
    color_topic: str | None = None,
    depth_topic: str | None = None,
    planes: Mapping[str, str] | None = None,
    **options: Any,
) -> BagFrames:
    """Return the frames of a bag.

    Args:
        path: a .bag, .mcap or .db3 file, or the folder of a ROS 2 bag.
        color_topic, depth_topic: topics, "none" for none, None for the only one that fits.
        planes: further planes by name ("infrared") -> topic.
        **options: as for `BagFrames`.

    Raises:
        EncodepthError: rosbags is missing, the bag is damaged, topics are ambiguous.
    """
    with Bag(path) as bag:
        return BagFrames(bag, choose(bag, color_topic, depth_topic, planes), **options)


def _look_through(bag: Bag, topic: str, unit: float) -> SharedStep:
    """Look at all float depth of a topic; what is broken or damaged is named when it is read."""
    shared, messages = SharedStep(unit), bag.messages([topic])
    while True:
        try:
            message = next(messages, None)
            if message is None:
                return shared
            pixels = pixels_of(message)
        except InvalidImageError:
            continue
        except EncodepthError:
            return shared
        if pixels.encoding == "32FC1":
            shared.add(pixels.array)


def _gap(bag: Bag, pictures: Pictures) -> float:
    """Return the seconds from one picture of a topic to the next, as most are apart."""
    stamps = np.array([message.stamp for message in bag.first(pictures.name, _PEEK)], np.int64)
    apart = np.diff(stamps)
    apart = apart[apart > 0]
    return float(np.median(apart)) / NS if apart.size else _USUAL


def _unit(bag: Bag, pictures: Pictures | None, asked: float | None) -> tuple[float, Source]:
    """Return metres per 1 of a depth topic's numbers, and who says so."""
    if pictures is None:
        return MILLIMETRE, UNKNOWN
    if asked is not None:
        check_unit(asked)
        return asked, OPTION
    own = _SENSOR.match(pictures.name)
    for topic in bag.topics if own else ():
        assert own is not None
        if topic.type == FLOAT and topic.name.startswith(own[1]) and _UNITS.search(topic.name):
            unit = float(f"{float(bag.first(topic.name)[0].body.data):.7g}")
            check_unit(unit)
            return unit, Source(topic.name)
    encoding = pictures.encoding.split(";")[0].strip()
    if encoding == "32FC1":
        return 1.0, Source("REP 118: 32FC1 is metres")
    row = ENCODINGS.get(encoding)
    if row is not None and row.kind == "depth":
        return MILLIMETRE, Source("REP 118: 16UC1 is millimetres")
    return MILLIMETRE, ASSUMED
