"""What a bag says of its pictures: rate, depth's unit and step, cameras and where they sit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...container.header import Camera
from ...errors import EncodepthError, InvalidImageError, InvalidSettingError
from ...frame import MILLIMETRE, check_unit
from ..floats import SharedStep
from ..pair import ASSUMED, OPTION, UNKNOWN, Source
from . import cameras
from .bag import CAMERA_INFO, FLOAT, NS, Bag
from .images import ENCODINGS
from .poses import STATIC, Transforms, transform_topics
from .topics import Pictures, pixels_of

_PEEK = 30  # messages of a topic that its rate is taken from
_SENSOR = re.compile(r"^(/device_\d+/sensor_\d+)/")
_UNITS = re.compile(r"/option/Depth[ _]Units/value$")
_USUAL = 1 / 30  # seconds between frames, where there is but one message
_FLOAT = "32FC1"
_FAR = 50.0  # metres: a scene without anything nearer is not what such cameras see


@dataclass
class Seen:
    """The cameras of a bag's pictures.

    Attributes:
        cameras: modality -> its camera, as far as known.
        source: where the one comes from that depth, else colour, is seen by.
        doubts: lines on what is doubtful.
    """

    cameras: dict[str, Camera] = field(default_factory=dict)
    source: Source = UNKNOWN
    doubts: list[str] = field(default_factory=list)


def stamps_of(bag: Bag, pictures: Pictures) -> np.ndarray:
    """Return the first stamps of a topic, int64 nanoseconds."""
    return np.array([message.stamp for message in bag.first(pictures.name, _PEEK)], np.int64)


def gap(stamps: np.ndarray) -> float:
    """Return the seconds from one picture of a topic to the next, as most are apart."""
    apart = np.diff(stamps)
    apart = apart[apart > 0]
    return float(np.median(apart)) / NS if apart.size else _USUAL


def doubts_of(held: Mapping[str, Pictures], stamps: list[np.ndarray], within: float) -> list[str]:
    """Say it where no picture of the first of a topic has a partner: two clocks, perhaps."""
    said = []
    (first, ours), *others = zip(held.values(), stamps, strict=True)
    for pictures, theirs in others:
        nearest = np.abs(ours[:, None] - theirs[None]).min() / NS
        if nearest > within:
            said.append(
                f"the first pictures of {first.name} and {pictures.name} are {nearest:.3g} s apart "
                f"and more, so none belong together; one clock, or --pair-within"
            )
    return said


def unit_of(bag: Bag, pictures: Pictures | None, asked: float | None) -> tuple[float, Source]:
    """Return metres per 1 of a depth topic's numbers, and who says so.

    Raises:
        InvalidImageError: the unit cannot be meant.
    """
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
    if encoding == _FLOAT:
        return 1.0, Source("REP 118: 32FC1 is metres")
    row = ENCODINGS.get(encoding)
    if row is not None and row.kind == "depth":
        return MILLIMETRE, Source("REP 118: 16UC1 is millimetres")
    return MILLIMETRE, ASSUMED


def unit_doubts(pictures: Pictures | None, source: Source, first: np.ndarray | None) -> list[str]:
    """Say it where nothing says a unit, or floats that should be metres cannot well be.

    Args:
        pictures: depth.
        source: of its unit.
        first: the first map.
    """
    if pictures is None:
        return []
    if source == ASSUMED:
        return [
            f"nothing says the depth unit of {pictures.name}; taken as {MILLIMETRE:g} m a step "
            "(--depth-unit)"
        ]
    if first is None or first.dtype != np.float32 or source == OPTION:
        return []
    valid = first[np.isfinite(first) & (first > 0)]
    near = float(valid.min()) if valid.size else 0.0
    if near < _FAR:
        return []
    return [
        f"depth of {pictures.name} begins at {near:.4g} m if its floats are metres; if they are "
        "millimetres, --depth-unit 0.001"
    ]


def step_of(
    bag: Bag, pictures: Pictures | None, unit: float, asked: float | None, far: float | None = None
) -> float | None:
    """Return the step that all float depth of a topic can have, None for whole numbers.

    Raises:
        InvalidSettingError: one is asked for, and depth is whole numbers.
    """
    if pictures is None:
        return None
    if not pictures.encoding.startswith(_FLOAT):
        if asked is not None:
            raise InvalidSettingError(
                f"a depth step is for floats, and {pictures.name} holds {pictures.encoding}"
            )
        return None
    if asked is not None:
        check_unit(asked)
        return asked
    return _look_through(bag, pictures.name, unit, far).step


def seen_by(bag: Bag, held: Mapping[str, Pictures]) -> Seen:
    """Return the cameras of topics, by the CameraInfo beside each."""
    seen = Seen()
    for kind, pictures in held.items():
        _find_camera(bag, kind, pictures, seen)
    _sit(bag, held, seen)
    return seen


def poses_of(bag: Bag, pictures: Pictures, fixed: str, camera: str) -> Transforms:
    """Return the poses of a frame, of the pictures' own if "", in a fixed one.

    Raises:
        EncodepthError: the bag does not connect the two.
    """
    return Transforms(bag, transform_topics(bag), fixed, camera or pictures.frame_id)


def _look_through(bag: Bag, topic: str, unit: float, far: float | None) -> SharedStep:
    """Look at all float depth of a topic; what is broken or damaged is named when it is read."""
    shared, messages = SharedStep(unit, far), bag.messages([topic])
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


def _find_camera(bag: Bag, kind: str, pictures: Pictures, seen: Seen) -> None:
    names = {topic.name for topic in bag.topics if topic.type == CAMERA_INFO}
    topic = next((n for n in cameras.info_topics(pictures.name) if n in names), None)
    messages = [] if topic is None else bag.first(topic)
    if not messages:
        return
    info, rectified = messages[0].body, cameras.is_rectified(pictures.name)
    camera, doubt = cameras.from_info(info, rectified=rectified)
    size = cameras.size_of(info)
    if camera is not None and pictures.size is not None and size not in ((0, 0), pictures.size):
        camera, doubt = None, f"is about pictures of {size[0]}x{size[1]}"
    if doubt:
        seen.doubts.append(f"{topic}, the camera of {kind}, {doubt}")
    if camera is None:
        return
    seen.cameras[kind] = camera
    if kind == "depth" or (kind == "color" and "depth" not in seen.cameras):
        seen.source = Source(f"{'P' if rectified else 'K'} of {topic}", not doubt)


def _sit(bag: Bag, held: Mapping[str, Pictures], seen: Seen) -> None:
    """Set where colour's camera sits beside depth's, where /tf_static says it."""
    if not {"depth", "color"} <= seen.cameras.keys():
        return
    depth, color = held["depth"].frame_id, held["color"].frame_id
    static = [name for name in transform_topics(bag) if name.endswith(STATIC)]
    if depth == color or not static:
        return
    try:
        matrix = Transforms(bag, static, depth, color).at(0)
    except EncodepthError:
        return
    for kind, pose in (("depth", np.eye(4)), ("color", matrix)):
        if pose is not None and matrix is not None:
            numbers = (*pose[:3, :3].ravel().tolist(), *pose[:3, 3].tolist())
            seen.cameras[kind] = replace(seen.cameras[kind], extrinsics=numbers)
