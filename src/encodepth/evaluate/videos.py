"""Video codecs that people record RGB-D with, to measure recordings against.

Each codes the frames of a recording as one stream. One more codec is one more row of `videos`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from ..frame import RgbdImage
from .coders import streams
from .fields import color_fields, depth_fields, once
from .pooling import pool
from .records import Record
from .single import Single

Plane = NDArray[np.uint16]


@dataclass(frozen=True)
class Video(Single):
    """A codec of frames in order, with its usual settings.

    Attributes:
        stream: setting -> how frames become a stream.
        to_codes: depth map, unit in metres -> what is coded; `from_codes` its inverse.
        title, short: what a page calls it; what a user types for it.
    """

    name: str
    modality: str
    settings: tuple[float, ...]
    stream: Callable[[float], streams.Stream]
    to_codes: Callable[[Plane, float], Plane] = lambda depth, unit: depth
    from_codes: Callable[[Plane, float], Plane] = lambda codes, unit: codes
    title: str = ""
    short: str = ""

    def missing(self) -> str | None:
        """Say why the codec cannot run here, or None."""
        if importlib.util.find_spec("av") is None:
            return "av is not installed"
        import av

        encoder = self.stream(self.settings[0]).encoder
        return None if encoder in av.codecs_available else f"this PyAV has no {encoder}"

    def measure(self, image: RgbdImage, setting: float) -> list[Record]:
        """Measure a recording of one picture."""
        return [pool(frames) for frames in self.measure_frames([image], setting)]

    def measure_frames(self, images: Sequence[RgbdImage], setting: float) -> list[list[Record]]:
        """Encode and decode frames in order; return their records, nothing without the modality."""
        if self.modality == "color":
            return self._color([c for image in images if (c := image.color) is not None], setting)
        with_depth = [i for i in images if i.depth is not None and i.depth.any()]
        return self._depth(with_depth, setting)

    def _color(self, pictures: list[NDArray], setting: float) -> list[list[Record]]:
        if not pictures:
            return []
        sizes, decoded, times = self._coded(pictures, setting)
        made = zip(sizes, decoded, pictures, strict=True)
        return [[{**color_fields(size, back, own), **times} for size, back, own in made]]

    def _depth(self, images: list[RgbdImage], setting: float) -> list[list[Record]]:
        if not images:
            return []
        planes: list[Plane] = [image.depth for image in images]  # type: ignore[misc]
        unit = images[0].depth_unit
        sizes, decoded, times = self._coded([self.to_codes(p, unit) for p in planes], setting)
        made = zip(sizes, (self.from_codes(d, unit) for d in decoded), planes, strict=True)
        return [[{**depth_fields(size, back, own, unit), **times} for size, back, own in made]]

    def _coded(
        self, pictures: Sequence[NDArray], setting: float
    ) -> tuple[list[int], list[NDArray], Record]:
        """Return (bytes, decoded pictures, times), the first two of each frame."""
        stream = self.stream(setting)
        coded, encode_ms = once(partial(streams.encode, pictures, stream))
        decoded, decode_ms = once(partial(streams.decode, coded, stream))
        count = len(pictures)
        times = {"encode_ms": encode_ms / count, "decode_ms": decode_ms / count}
        return coded.sizes(), decoded, times


def videos() -> tuple[Video, ...]:
    """Every video codec, colour first."""
    return (
        Video("x264-veryfast-420", "color", (36, 30, 24, 18), streams.x264,
              title="x264", short="x264"),
        Video("svt-av1-p12-420", "color", (48, 38, 28, 18, 8), streams.svt_av1,
              title="SVT-AV1", short="svt-av1"),
        Video("ffv1-gray16-video", "depth", (1,), streams.ffv1,
              title="FFV1 video", short="ffv1-video"),
        Video("hevc-log12-lossless", "depth", (0,), streams.hevc12,
              to_codes=_to_log, from_codes=_from_log,
              title="HEVC of 12-bit log depth, as LeRobot", short="lerobot"),
    )  # fmt: skip


def _to_log(depth: Plane, unit: float) -> Plane:
    """Return the 12-bit codes that LeRobot's defaults give depth; a hole is code 0."""
    from ..io.lerobot_planes import Codes
    from ..io.lerobot_video import to_codes

    return to_codes(RgbdImage(depth=depth, depth_unit=unit), Codes())


def _from_log(codes: Plane, unit: float) -> Plane:
    from ..io.lerobot_planes import Codes

    steps = np.rint(Codes().metres.astype(np.float64) / unit).astype(np.uint16)
    steps[0] = 0
    return steps[codes]


# What `kinds` asks of a module ----------------------------------------------------------------


def usual() -> list[str]:
    """The short names, which a user is told of."""
    return [codec.short for codec in videos()]


def names() -> list[str]:
    """Every name that a user may type."""
    return [*usual(), *(codec.name for codec in videos())]


def knows(name: str) -> bool:
    """Whether a codec in a record is one of these."""
    return name in _titles()


def title(name: str) -> str:
    """Return what a page calls a codec."""
    return _titles()[name]


def is_bounded(name: str) -> bool:
    """Whether a codec's setting is the largest error that it allows: of none of these."""
    return False


def find(
    name: str, chosen: tuple[float, ...] | None = None, qualities: Sequence[float] | None = None
) -> list[tuple[Video, tuple[float, ...]]] | None:
    """Return the codec of a full or a short name at its own settings; None if there is none."""
    found = [codec for codec in videos() if name in (codec.name, codec.short)]
    return [(codec, chosen or codec.settings) for codec in found] or None


@cache
def _titles() -> dict[str, str]:
    return {codec.name: codec.title for codec in videos()}
