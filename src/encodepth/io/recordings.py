"""Whatever can become a recording, opened: a folder of any known layout, or a recording.

A kind of source is a row of `SOURCES`. Nothing is read but names until frames are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..container.header import Camera, Value
from ..errors import CorruptFileError, EncodepthError, InvalidSettingError
from ..frame import Frame, Intrinsics, RgbdImage
from ..modalities import IMAGE, PLANES, modality
from ..sequence.about import is_recording
from ..sequence.reader import Reader
from .dataset import open_dataset
from .found import PairBy, Problem
from .lerobot import is_lerobot
from .pair import OPTION, Pair, Source
from .ros.bag import is_bag
from .sharing import with_one_step
from .words import camera_words, sequence_words, unit_words

RATE = 30.0  # frames a second of what has no time stamps, unless an option says otherwise
_NS = 1_000_000_000
Read = Frame | EncodepthError


@dataclass(frozen=True)
class Recordable:
    """What can become one recording.

    Attributes:
        name: of the sequence, its path below what was opened.
        path: what was opened.
        count: how many frames there are.
        read: the frames of a range, one by one; in place of one that cannot be read, the error.
        words: where depth unit, camera and times come from, for people.
        like: returns an image with every plane that frames have, None if none can be read.
        cameras: modality -> camera, where more is known than images say.
        metadata: small facts by name.
        rate: frames a second, where times come from it.
        stamp: what changes when the data does.
    """

    name: str
    path: Path
    count: int
    read: Callable[[range], Iterator[Read]]
    words: str
    like: Callable[[], RgbdImage | None]
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    metadata: Mapping[str, Value] = field(default_factory=dict)
    rate: float | None = None
    stamp: Callable[[], str] = str


@dataclass(frozen=True)
class Given:
    """What options say of a source, each None where it has its own word.

    Attributes:
        depth_unit: metres per step.
        intrinsics: of the camera.
        depth_step: metres that float depth is rounded to.
        far: metres; float depth beyond becomes holes before a step is chosen.
        pair_by: how colour and depth are matched.
        rate: frames a second of what has no time stamps.
        topics: of a bag: modality -> topic, or "none".
        within: of a bag: seconds that pictures of one frame may be apart.
        poses: of a bag: the fixed frame that cameras are posed in, and the camera's or "".
    """

    depth_unit: float | None = None
    intrinsics: Intrinsics | None = None
    depth_step: float | None = None
    far: float | None = None
    pair_by: PairBy | None = None
    rate: float | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    within: float | None = None
    poses: tuple[str, str] | None = None


Opened = tuple[tuple[Recordable, ...], tuple[Problem, ...]]


@dataclass(frozen=True)
class Kind:
    """A kind of source: how it is known, what opens it, and whether it has topics."""

    name: str
    knows: Callable[[Path], bool]
    open: Callable[[Path, Given], Opened]
    topics: bool = False


def open_recordable(path: str | os.PathLike[str], given: Given | None = None) -> Opened:
    """Return what below a path can become recordings, one a sequence, and what is wrong there.

    Raises:
        EncodepthError: nothing there can.
        InvalidSettingError: an option has no meaning for it.
    """
    path = Path(path)
    kind = _kind_of(path)
    if kind is None:
        what = "is no folder, archive or recording" if path.exists() else "does not exist"
        raise EncodepthError(f"{path} {what}")
    given = given or Given()
    if not kind.topics and (given.topics or given.within is not None or given.poses is not None):
        raise InvalidSettingError(f"topics, their stamps and poses are a bag's; {path} is none")
    return kind.open(path, given)


def is_recordable(path: str | os.PathLike[str]) -> bool:
    """Whether a path looks like something that becomes a recording, by its name and first bytes."""
    return _kind_of(Path(path)) is not None


def is_recorded(path: str | os.PathLike[str]) -> bool:
    """Whether a path is of a kind whose frames belong together in time: all but a dataset."""
    kind = _kind_of(Path(path))
    return kind is not None and kind.name != "dataset"


def _kind_of(path: Path) -> Kind | None:
    return next((kind for kind in SOURCES if kind.knows(path)), None)


def _is_dataset(path: Path) -> bool:
    return path.is_dir() or (path.suffix.lower() in (".zip", ".mat") and path.is_file())


def _is_recording(path: Path) -> bool:
    if not path.is_file():  # a pipe can be read once
        return False
    try:
        with open(path, "rb") as file:
            return is_recording(file.read(16))
    except OSError:
        return False


def _open_recording(path: Path, given: Given) -> Opened:
    for name in ("depth_unit", "depth_step", "pair_by", "rate"):
        if getattr(given, name) is not None:
            raise InvalidSettingError(f"{name} has no meaning for a recording, which has its own")
    with Reader(path) as reader:
        header, problems = reader.container.header, reader.problems
        cameras, unit, count = reader.cameras, reader.depth_unit, len(reader)
        metadata, camera = dict(reader.metadata), reader.intrinsics
        rates = [m.rate / 1000 for m in header.modalities if m.rate is not None]
        like = _image_like(reader)
    source = Source("the recording's own")
    if given.intrinsics is not None:
        camera, source = given.intrinsics, OPTION
        cameras = dict.fromkeys(cameras or IMAGE, _camera(camera))
    words = [unit_words(unit, Source("the recording's own"))] if like.depth is not None else []
    words += [camera_words(camera, source), "times and poses as they were"]
    one = Recordable(
        path.stem,
        path,
        count,
        lambda which: _from_recording(path, which),
        ", ".join(words),
        lambda: like,
        cameras,
        metadata,
        rates[0] if rates else None,
        lambda: _stat(path),
    )
    return (one,), tuple(Problem(path, words) for words in problems)


def _from_recording(path: Path, which: range) -> Iterator[Read]:
    with Reader(path) as reader:
        for number in which:
            try:
                yield reader[number]
            except CorruptFileError as error:
                yield error


def _image_like(reader: Reader) -> RgbdImage:
    held: dict[str, Any] = {}
    for m in reader.container.header.modalities:
        name = modality(m.number).name
        dtype = np.uint16 if m.bits > 8 else np.uint8
        held[name] = np.zeros(
            (m.height, m.width, 3) if m.channels == 3 else (m.height, m.width), dtype
        )
    planes = {name: plane for name, plane in held.items() if name in PLANES}
    return RgbdImage(
        held.get("color"), held.get("depth"), reader.depth_unit, reader.intrinsics, planes
    )


def _open_dataset(path: Path, given: Given) -> Opened:
    data = open_dataset(
        path,
        depth_unit=given.depth_unit,
        intrinsics=given.intrinsics,
        depth_step=given.depth_step,
        far=given.far,
        pair_by=given.pair_by,
        alone=True,
    )
    sequences: dict[str, list[Pair]] = {}
    for pair in data.pairs:
        sequences.setdefault(pair.sequence, []).append(pair)
    return tuple(_of_pairs(path, n, pairs, given) for n, pairs in sequences.items()), data.problems


def _of_pairs(path: Path, name: str, pairs: Sequence[Pair], given: Given) -> Recordable:
    """Return the frames of one sequence of a dataset, with the times that they have or get.

    Raises:
        InvalidSettingError: a rate, where frames have time stamps.
    """
    stamped = all(pair.time_ns is not None for pair in pairs)
    if stamped and given.rate is not None:
        raise InvalidSettingError(
            f'rate {given.rate:g}, but the frames of "{name}" have time stamps'
        )
    rate = None if stamped else given.rate or RATE
    words = [_about(pairs)]
    if rate is None:
        words.append("times as given")
    elif given.rate is None:
        words.append(f"times assumed, {rate:g} frames a second (--rate says otherwise)")
    else:
        words.append(f"times by {rate:g} frames a second (an option)")
    if any(pair.pose_at is not None for pair in pairs):
        words.append("poses")
    ready = cache(lambda: with_one_step(pairs))
    return Recordable(
        name,
        path,
        len(pairs),
        lambda which: _from_pairs(ready(), which, rate),
        ", ".join(words),
        lambda: _first_images(ready()),
        rate=rate,
        stamp=lambda: repr([(p.stamp, p.intrinsics, p.depth_step, p.far) for p in pairs]),
    )


def _about(pairs: Sequence[Pair]) -> str:
    words = sequence_words(pairs)
    several = len({pair.intrinsics for pair in pairs}) > 1
    return words + (", of which the first is kept" if several else "")


def _from_pairs(pairs: Sequence[Pair], which: range, rate: float | None) -> Iterator[Read]:
    for i in which:
        pair = pairs[i]
        try:
            image = pair.load()
        except EncodepthError as error:
            yield error
            continue
        except (OSError, MemoryError) as error:
            words = " ".join(str(error).split()) or "out of memory"
            yield EncodepthError(f"{pair.path}: {words}")
            continue
        time = round(i * _NS / rate) if rate is not None else pair.time_ns
        assert time is not None
        yield Frame(image, time, pair.pose, i)


def _first_images(pairs: Sequence[Pair]) -> RgbdImage | None:
    """Return the first colour and the first depth that can be read, as one image."""
    found: dict[str, RgbdImage] = {}
    for name in IMAGE:
        for pair in (pair for pair in pairs if getattr(pair, name) is not None):
            if name in found:
                break
            try:
                image = pair.load()
            except (EncodepthError, OSError, MemoryError):
                continue
            for kind in image.held:
                found.setdefault(kind, image)
    if not found:
        return None
    color, depth = found.get("color"), found.get("depth")
    if color is None or depth is None or color is depth:
        return color or depth
    return RgbdImage(color.color, depth.depth, depth.depth_unit, depth.intrinsics)


def _camera(intrinsics: Intrinsics) -> Camera:
    return Camera((intrinsics.fx, intrinsics.fy), (intrinsics.cx, intrinsics.cy))


def _stat(path: Path) -> str:
    found = path.stat()
    return f"{path.name} {found.st_size} {found.st_mtime_ns}"


def _open_bag(path: Path, given: Given) -> Opened:
    from .ros.source import open_bag

    return open_bag(path, given)


def _open_lerobot(path: Path, given: Given) -> Opened:
    from .lerobot_record import open_episodes

    return open_episodes(path, given)


SOURCES: list[Kind] = [
    Kind("ROS bag", is_bag, _open_bag, topics=True),
    Kind("LeRobot dataset", is_lerobot, _open_lerobot),
    Kind("recording", _is_recording, _open_recording),
    Kind("dataset", _is_dataset, _open_dataset),
]
