"""A bag as frames of a recording: pictures of several topics put together, units and cameras said.

Frames stream: no more is in memory than what waits for its partner. Float depth is looked through
once before, for a step that all of it can have.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...container.header import Value
from ...errors import EncodepthError, InvalidImageError
from ...frame import Frame, Intrinsics, Note, RgbdImage
from ..floats import Steps, to_steps
from ..pair import Source
from .bag import NS, Bag, Message
from .facts import (
    doubts_of,
    gap,
    poses_of,
    seen_by,
    stamps_of,
    step_of,
    unit_doubts,
    unit_of,
)
from .images import Pixels, as_color
from .together import Set, Together
from .topics import Choice, choose, pixels_of


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
        far: metres; float depth beyond becomes holes before a step is chosen.
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
        far: float | None = None,
        poses: tuple[str, str] | None = None,
    ) -> None:
        self.path, self.choice = bag.path, choice or choose(bag)
        self._held = self.choice.by_modality
        self.said, self.counts = self.choice.said, Counts()
        self.total = sum(p.topic.count for p in self._held.values())
        stamps = [stamps_of(bag, pictures) for pictures in self._held.values()]
        gaps = [gap(one) for one in stamps]
        self.within = min(gaps) / 2 if within is None else within
        self.rate = 1 / gaps[0]
        seen, depth = seen_by(bag, self._held), self._held.get("depth")
        self.cameras, self.camera_source, self.doubts = seen.cameras, seen.source, seen.doubts
        self.doubts += [*self.choice.doubts, *doubts_of(self._held, stamps, self.within)]
        self._unit, self.unit_source = unit_of(bag, depth, depth_unit)
        first = None if depth is None else pixels_of(bag.first(depth.name)[0]).array
        self.doubts += unit_doubts(depth, self.unit_source, first)
        self._step = step_of(bag, depth, self._unit, depth_step, far)
        self._own_step, self._far = bool(depth_step), far
        self.depth_unit = self._step or self._unit
        if self._step is not None:
            words = f"{self.unit_source}; in steps of {self._step * 1000:g} mm"
            self.unit_source = Source(words, self.unit_source.sure)
        posed = next(iter(self._held.values()))
        self._poses = None if poses is None else poses_of(bag, posed, *poses)
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
        steps, time = None, next(iter(found.values())).stamp
        for kind, message in found.items():
            try:
                pixels = self._pixels(kind, message)
                if kind == "depth":
                    steps = self._depth(pixels, message.topic)
                    arrays[kind], more = steps.depth, (*pixels.notes, *steps.notes)
                elif kind == "color":
                    arrays[kind], more = as_color(pixels, message.topic)
                else:
                    arrays[kind], more = pixels.array, pixels.notes
                notes += more
            except EncodepthError as error:
                self.counts.broken += 1
                yield error
        if arrays:
            yield self._made(arrays, notes, steps, time)

    def _made(
        self, arrays: dict[str, np.ndarray], notes: tuple[Note, ...], steps: Steps | None, time: int
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
            color, depth, self.depth_unit, self.intrinsics, arrays, notes=notes,
            rounding=0.0 if steps is None else steps.rounding,
            rounding_rmse=0.0 if steps is None else steps.rmse,
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

    def _depth(self, pixels: Pixels, name: str) -> Steps:
        """Return depth in steps, with what it was rounded by and what was changed."""
        raw = pixels.array
        if raw.dtype == np.float32:
            if self._step is None:
                raise InvalidImageError(f"{name} turns from whole numbers to floats")
            own = {"step": self._step} if self._own_step else {"shared": self._step}
            return to_steps(raw, self._unit, name, **own, far=self._far)
        if self._step is not None:
            raise InvalidImageError(f"{name} turns from floats to whole numbers")
        if raw.dtype != np.uint16:
            raise InvalidImageError(f"{name} is {pixels.encoding}; expected depth of 16 or 32 bits")
        return Steps(raw, self.depth_unit, 0.0, ())

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
