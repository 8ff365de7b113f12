"""Our own recordings as something to measure: frames in order become a real .rgbd file.

A codec is called `recording`, then any of `+lossless +bound`, `+e1` .. `+e9`, `+g1` .. `+g300`
(frames of a group) and `+alone`: what is asked of `Writer`, at which effort, and whether colour and
depth share a file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ..errors import EncodepthError
from ..frame import RgbdImage
from ..modalities import modality
from ..sequence.reader import Reader
from ..sequence.writer import Writer
from . import ours
from .fields import color_fields, depth_fields, once, size_fields
from .pooling import pool
from .records import Record

NAME = "recording"
GROUP = 30
_WORDS = ("lossless", "bound", "alone")
_GROUP = re.compile(r"g([1-9]\d{0,2})")
_MOST_GROUP = 300
_SAID = {"bound": " bounded"}


@dataclass(frozen=True)
class Recording:
    """A way of recording; `measure_frames` as for video codecs.

    Bytes are attributed so that they add up: colour is charged its streams, depth all the rest of
    the file (mask, headers, index), and a third record of modality "joint" has the whole file and
    the times.
    """

    name: str
    way: ours.Ours
    group: int = GROUP

    @property
    def spec(self) -> str:
        """What finds it again: its name."""
        return self.name

    @property
    def settings(self) -> tuple[float, ...]:
        """Qualities, error bounds in mm ("+bound"), or a single 0 ("+lossless")."""
        return self.way.settings

    def modalities(self) -> tuple[str, ...]:
        """Which modalities it measures."""
        return self.way.modalities()

    def missing(self) -> str | None:
        """Nothing: all that `auto` takes ships."""
        return None

    def weights(self) -> str:
        """Nothing: streams of `auto` name none below effort 8."""
        return ""

    def measure(self, image: RgbdImage, setting: float) -> list[Record]:
        """Measure a recording of one picture."""
        return [pool(frames) for frames in self.measure_frames([image], setting)]

    def measure_frames(self, images: Sequence[RgbdImage], setting: float) -> list[list[Record]]:
        """Record and read back; return the frames' records, a list per modality.

        Frames without valid depth are left out of depth, as they are of other codecs.
        """
        wanted = ("depth",) if self.way.way == "bound" else ("color", "depth")
        held = [_only(image, *wanted) for image in images]
        if self.way.alone:
            parts = [[_only(image, name) for image in held] for name in wanted]
        else:
            parts = [held]
        return [found for part in parts for found in self._whole(part, setting)]

    def _whole(self, images: Sequence[RgbdImage], setting: float) -> list[list[Record]]:
        images = [image for image in images if image.held]
        if not images:
            return []
        _read(self._write(images[:2], setting))  # compiles what is not yet
        data, encode_ms = once(partial(self._write, images, setting))
        (decoded, sizes), decode_ms = once(partial(_read, data))
        count = len(images)
        times = {"encode_ms": encode_ms / count, "decode_ms": decode_ms / count}
        both = all({"color", "depth"} <= set(image.held) for image in images)
        rest = (len(data) - sum(map(sum, sizes))) / count  # headers and index
        color, depth, joint = [], [], []
        for own, back, (for_color, other) in zip(images, decoded, sizes, strict=True):
            if own.color is not None and back.color is not None:
                more = 0.0 if own.depth is not None else rest + other
                fields = color_fields(for_color + more, back.color, own.color)
                color.append(fields if both else fields | times)
            if own.depth is not None and back.depth is not None:
                unit = own.depth_unit
                fields = depth_fields(other + rest, back.depth, own.depth, unit)
                depth.append(fields if both else fields | times)
            if both and own.color is not None:
                whole = size_fields("joint", for_color + other + rest, own.color)
                joint.append(whole | times)
        return [found for found in (color, depth, joint) if found]

    def _write(self, images: Sequence[RgbdImage], setting: float) -> bytes:
        out, like = io.BytesIO(), images[0]
        settings = self.way.arguments(like, setting)
        settings.pop("coding", None)
        with Writer(out, rate=30, key_interval=self.group, **settings) as writer:
            for image in images:
                writer.append(image)
        return out.getvalue()


def _only(image: RgbdImage, *wanted: str) -> RgbdImage:
    color = image.color if "color" in wanted else None
    depth = image.depth if "depth" in wanted else None
    if depth is not None and not depth.any():
        depth = None
    return RgbdImage(color, depth, image.depth_unit, image.intrinsics)


def _read(data: bytes) -> tuple[list[RgbdImage], list[tuple[int, int]]]:
    """Return frames, and of each the bytes of colour's stream and of all others."""
    with Reader(data) as reader:
        images = [frame.image for frame in reader]
        file, sizes = reader.container, []
        for number in range(len(file.chunks)):
            for frame in file.read(number).frames:
                held = {"color": 0, "other": 0}
                for stream in frame.streams:
                    own = modality(stream.modality).name
                    held["color" if own == "color" else "other"] += len(stream.payload)
                sizes.append((held["color"], held["other"]))
    return images, sizes


# What `kinds` asks of a module ----------------------------------------------------------------


def usual() -> list[str]:
    """The plain name, which a user is told of."""
    return [NAME]


def names() -> list[str]:
    """The same: other names are made of it."""
    return [NAME]


def knows(name: str) -> bool:
    """Whether a codec in a record is one of these."""
    return name.split("+")[0] == NAME


def title(name: str) -> str:
    """Return what a page calls a codec: `recording+e1` is "encodepth recording e1"."""
    words = name.split("+")[1:]
    return f"encodepth {NAME}" + "".join(_SAID.get(word, f" {word}") for word in words)


def is_bounded(name: str) -> bool:
    """Whether a codec's setting is the largest error that it allows."""
    return knows(name) and "bound" in name.split("+")[1:]


def find(
    name: str, chosen: tuple[float, ...] | None = None, qualities: Sequence[float] | None = None
) -> list[tuple[Recording, tuple[float, ...]]] | None:
    """Return the way of recording of that name; None if it begins with another word.

    Raises:
        EncodepthError: an unknown word after a plus sign.
    """
    if not knows(name):
        return None
    own = _parse(name)
    by_quality = own.way.way == "auto"
    asked = tuple(qualities) if qualities and by_quality else own.settings
    return [(own, chosen or asked)]


def _parse(name: str) -> Recording:
    words = name.split("+")[1:]
    groups = [int(found[1]) for word in words if (found := _GROUP.fullmatch(word))]
    rest = [word for word in words if not _GROUP.fullmatch(word)]
    known = (*_WORDS, *(f"e{effort}" for effort in range(1, 10)))
    if set(rest) - set(known) or len(groups) > 1 or max(groups, default=1) > _MOST_GROUP:
        raise EncodepthError(
            f'no codec "{name}": after a plus sign come {", ".join(_WORDS)}, e1 to e9 or '
            f"g1 to g{_MOST_GROUP}, once each"
        )
    asked = [] if {"lossless", "bound"} & set(rest) else ["auto"]
    way = ours.parse("+".join([ours.DEFAULT, *asked, *rest]))
    return Recording(name, way, groups[0] if groups else GROUP)
