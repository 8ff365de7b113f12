"""A bag as what can become recordings, one a camera: the row of `io.recordings` for ROS."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ...container.header import Camera
from ...errors import InvalidSettingError
from ...frame import Intrinsics
from ..found import Problem
from ..pair import OPTION
from ..recordings import Given, Opened, Read, Recordable
from ..words import camera_words, unit_words
from .bag import Bag
from .reading import BagFrames
from .topics import Choice, cameras, choose


def open_bag(path: Path, given: Given) -> Opened:
    """Return a recording for every camera of a bag, or the one whose topics are named.

    Raises:
        InvalidSettingError: an option has no meaning for a bag.
        EncodepthError: rosbags is missing, the bag is damaged, topics are ambiguous.
    """
    for name in ("pair_by", "rate"):
        if getattr(given, name) is not None:
            raise InvalidSettingError(
                f"{name} has no meaning for a bag, whose messages have stamps"
            )
    with Bag(path) as bag:
        found, problems = [], []
        for name, choice in _choices(bag, given).items():
            frames = BagFrames(
                bag,
                choice,
                within=given.within,
                depth_unit=given.depth_unit,
                depth_step=given.depth_step,
                far=given.far,
                poses=given.poses,
            )
            if given.intrinsics is not None:
                _overrule(frames, given.intrinsics)
            found.append(recordable(frames, name))
            problems += [Problem(path, words, fatal=False) for words in frames.doubts]
    return tuple(found), tuple(problems)


def recordable(frames: BagFrames, name: str) -> Recordable:
    """Return the frames of a bag as a source of a recording."""
    count = max(p.topic.count for p in frames.choice.by_modality.values())
    return Recordable(
        name,
        frames.path,
        count,
        lambda which: _read(frames, which, count),
        words_of(frames),
        lambda: frames.like,
        frames.cameras,
        frames.metadata,
        frames.rate,
        lambda: _stamp(frames),
    )


def words_of(frames: BagFrames) -> str:
    """Return which topics there are, how they were chosen, and where unit and camera come from."""
    held = frames.choice.by_modality
    words = [", ".join(f"{kind} {pictures.name}" for kind, pictures in held.items())]
    if "depth" in held:
        words.append(unit_words(frames.depth_unit, frames.unit_source))
    words.append(camera_words(frames.intrinsics, frames.camera_source))
    words.append("times of headers")
    if len(held) > 1:
        words.append(f"together within {frames.within * 1000:.3g} ms")
    if "ros.fixed_frame" in frames.metadata:
        words.append("poses in " + str(frames.metadata["ros.fixed_frame"]))
    return "; ".join([", ".join(words), *frames.said])


def _choices(bag: Bag, given: Given) -> dict[str, Choice]:
    named = dict(given.topics)
    color, depth = named.pop("color", None), named.pop("depth", None)
    if color is None and depth is None and not named:
        return cameras(bag)
    return {bag.path.stem: choose(bag, color, depth, named)}


def _overrule(frames: BagFrames, camera: Intrinsics) -> None:
    one = Camera((camera.fx, camera.fy), (camera.cx, camera.cy))
    frames.cameras = dict.fromkeys(frames.choice.by_modality, one)
    frames.camera_source = OPTION


def _read(frames: BagFrames, which: range, count: int) -> Iterator[Read]:
    """Yield a range of frames; all, if it is all that can be foreseen: pictures without a partner
    make more of them.
    """
    return islice(
        frames.each(), which.start, None if which.stop >= count else which.stop, which.step
    )


def _stamp(frames: BagFrames) -> str:
    files = sorted(frames.path.iterdir()) if frames.path.is_dir() else [frames.path]
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return repr((facts, frames.within, frames.depth_unit))
