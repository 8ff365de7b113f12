"""BD-rates of every codec against every other, frame by frame, each pair computed once.

BD-rate is antisymmetric in its logarithm, so the other half of a matrix follows; and one frame's
figures serve every group of scenes that it belongs to.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

from ..errors import EncodepthError
from ..metrics import bd_rate, improving
from .compare import Metric
from .records import Record

FrameName = tuple[str, str]
Curve = list[tuple[float, float]]


@dataclass
class Pairwise:
    """Curves of many codecs on many frames under one metric; results are kept once computed."""

    metric: Metric
    curves: dict[str, dict[FrameName, Curve]]
    _known: dict[tuple[str, str, FrameName], float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Sequence[Record], metric: Metric) -> Pairwise:
        """Gather the curves; points whose quality is not finite are left out."""
        curves: dict[str, dict[FrameName, Curve]] = defaultdict(lambda: defaultdict(list))
        for record in records:
            quality = metric.quality(record[metric.field])
            if math.isfinite(quality):
                frame = (str(record["sequence"]), str(record["frame"]))
                curves[record["codec"]][frame].append((record["bpp"], quality))
        return cls(metric, {codec: dict(frames) for codec, frames in curves.items()})

    def mean(
        self, anchor: str, test: str, wanted: Callable[[FrameName], bool] = lambda _: True
    ) -> tuple[float | None, int, int]:
        """Return (mean BD-rate of `test` in percent, frames compared, frames both have)."""
        common = sorted(self._frames(anchor) & self._frames(test))
        rates = [self._rate(anchor, test, frame) for frame in common if wanted(frame)]
        found = [rate for rate in rates if rate is not None]
        return (fmean(found) if found else None), len(found), len(rates)

    def at_rate(
        self, codec: str, bpp: float, wanted: Callable[[FrameName], bool] = lambda _: True
    ) -> tuple[float, int] | None:
        """Return (mean quality at a rate, frames), linear in the logarithm of the rate.

        None unless the codec's points enclose the rate on at least four of five frames.
        """
        frames = [f for f in sorted(self._frames(codec)) if wanted(f)]
        found = [_between(improving(self.curves[codec][f]), bpp) for f in frames]
        values = [value for value in found if value is not None]
        if not values or len(values) < 0.8 * len(frames):
            return None
        return fmean(values), len(values)

    def _frames(self, codec: str) -> set[FrameName]:
        return set(self.curves.get(codec, ()))

    def _rate(self, anchor: str, test: str, frame: FrameName) -> float | None:
        if anchor > test:
            other = self._rate(test, anchor, frame)
            return None if other is None else 100 * (1 / (1 + other / 100) - 1)
        name = (anchor, test, frame)
        if name not in self._known:
            try:
                self._known[name] = bd_rate(
                    self.curves[anchor][frame],
                    self.curves[test][frame],
                    min_common=self.metric.min_common,
                )
            except EncodepthError:
                self._known[name] = None
        return self._known[name]


def _between(curve: Curve, bpp: float) -> float | None:
    for (low, worse), (high, better) in pairwise(curve):
        if low <= bpp <= high:
            share = math.log(bpp / low) / math.log(high / low)
            return worse + share * (better - worse)
    return None
