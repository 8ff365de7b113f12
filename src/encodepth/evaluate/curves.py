"""Rate-distortion curves of every codec, frame by frame, and BD-rates between any two.

Each pair is computed once: a BD-rate is antisymmetric in its logarithm, so the other half of a
matrix follows, and one frame's figure serves every group of scenes that it belongs to.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

from ..errors import EncodepthError
from ..metrics import bd_quality, bd_rate, improving
from .measures import FrameName, Metric, frame_of
from .records import Record

Curve = list[tuple[float, float]]
"""Points (bits per pixel, quality) of one codec on one frame."""
Wanted = Callable[[FrameName], bool]


def _every(_: FrameName) -> bool:
    return True


@dataclass
class Curves:
    """Curves of many codecs on many frames under one metric; results are kept once computed."""

    metric: Metric
    points: dict[str, dict[FrameName, Curve]]
    _rates: dict[tuple[str, str, FrameName], float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Sequence[Record], metric: Metric) -> Curves:
        """Gather the curves; points whose quality is not finite are left out."""
        points: dict[str, dict[FrameName, Curve]] = defaultdict(lambda: defaultdict(list))
        for record in records:
            quality = metric.quality(record[metric.field])
            if math.isfinite(quality):
                points[record["codec"]][frame_of(record)].append((record["bpp"], quality))
        return cls(metric, {codec: dict(frames) for codec, frames in points.items()})

    def codecs(self, wanted: Wanted = _every) -> list[str]:
        """Return the codecs with a curve, more than a point, on a frame."""
        return sorted(
            codec
            for codec, frames in self.points.items()
            if any(len(points) > 1 for frame, points in frames.items() if wanted(frame))
        )

    def frames(self, codec: str, wanted: Wanted = _every) -> set[FrameName]:
        """Return the frames that a codec was measured on."""
        return {frame for frame in self.points.get(codec, ()) if wanted(frame)}

    def bd_rate(
        self, anchor: str, test: str, wanted: Wanted = _every
    ) -> tuple[float | None, int, int]:
        """Return (mean BD-rate of `test` in percent, frames compared, frames both have)."""
        common = sorted(self.frames(anchor, wanted) & self.frames(test, wanted))
        found = [r for frame in common if (r := self._rate(anchor, test, frame)) is not None]
        return (fmean(found) if found else None), len(found), len(common)

    def bd_quality(self, anchor: str, test: str, wanted: Wanted = _every) -> float | None:
        """Return the mean BD-quality of `test` over the frames that share enough rates."""
        found = []
        for frame in sorted(self.frames(anchor, wanted) & self.frames(test, wanted)):
            try:
                found.append(bd_quality(self.points[anchor][frame], self.points[test][frame]))
            except EncodepthError:
                continue
        return fmean(found) if found else None

    def at_rate(self, codec: str, bpp: float, wanted: Wanted = _every) -> tuple[float, int] | None:
        """Return (mean quality at a rate, frames), linear in the logarithm of the rate.

        None unless the codec's points enclose the rate on at least four of five frames.
        """
        frames = sorted(self.frames(codec, wanted))
        found = [_between(improving(self.points[codec][f]), bpp) for f in frames]
        values = [value for value in found if value is not None]
        if not values or len(values) < 0.8 * len(frames):
            return None
        return fmean(values), len(values)

    def _rate(self, anchor: str, test: str, frame: FrameName) -> float | None:
        if anchor > test:
            other = self._rate(test, anchor, frame)
            return None if other is None else 100 * (1 / (1 + other / 100) - 1)
        name = (anchor, test, frame)
        if name not in self._rates:
            try:
                self._rates[name] = bd_rate(
                    self.points[anchor][frame],
                    self.points[test][frame],
                    min_common=self.metric.min_common,
                )
            except EncodepthError:
                self._rates[name] = None
        return self._rates[name]


def _between(curve: Curve, bpp: float) -> float | None:
    for (low, worse), (high, better) in pairwise(curve):
        if low <= bpp <= high:
            share = math.log(bpp / low) / math.log(high / low)
            return worse + share * (better - worse)
    return None
