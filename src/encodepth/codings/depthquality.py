"""What a depth quality means: an error in millimetres, whatever the range of the frame.

9 mm (RMSE) at quality 50, half as much 20 further on, and from 90 on every 5. The span of a plane
and AV1's quantiser are chosen so that the error comes out near that, without a trial: at a
quantiser AV1's error is a number of codes (`_CODES`), and a code is the span through 4095. Pixels
so far that they cost more as a part of the plane than apart from it (`depthmap.far`) are left out
of the span. How near the error comes is measured in docs/depth-quality.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..modalities import TOP_CODE
from .depthmap import MOST_STEPS, Mapping

MIDDLE = 9.0  # mm at quality 50

_HALVED, _STEEP, _HALVED_FAST = 20, 90, 5  # qualities that halve the error, from `_STEEP` on fewer
_NARROW = 32  # a frame's span over its error at quality 50, at least
_LEAST = 8  # but no error is cut by more than this factor for that
_CODES = {  # libavif's quality: RMSE in codes of 4095, median of eleven frames (docs)
    0: 91.2,
    5: 65.8,
    10: 48.9,
    15: 42.3,
    20: 36.3,
    25: 30.2,
    30: 28.5,
    35: 25.5,
    40: 21.8,
    45: 19.0,
    50: 16.3,
    55: 14.1,
    60: 12.5,
    65: 11.2,
    70: 10.2,
    75: 9.2,
    80: 8.1,
    85: 6.9,
    90: 5.4,
    92: 4.7,
    94: 3.9,
    95: 3.1,
    97: 2.1,
    99: 1.13,
}
_FINEST = min(_CODES.values()) / TOP_CODE  # error over span that AV1 can keep
_LONGEST = 2.0  # stretch by which the span grows; beyond it AV1 gets coarser
_CALM = 256  # spans of so many errors have no far pixels that are worth taking out
_BINS = 1024  # thresholds tried for them
_STRIP = 1 << 20  # pixels looked at in one go
_HEAD_BITS = 200.0  # far pixels apart cost so much in any case,
_OUTLINE_BITS = 2.92  # so much for each neighbour that is not one,
_RANK_BITS = 0.76  # and for each that is, this times log2(1 + distance in the list of values)
_JUMP_BITS = 0.9  # bits of a plane for each log2(1 + (jump / 8 errors)^2) between neighbours
_MOST_APART = 0.5  # of the valid pixels


class Plan(NamedTuple):
    """How a depth map is coded at a quality.

    Attributes:
        mapping: from steps to the plane.
        quality: libavif's.
        far: pixels beyond so many steps are coded apart; 0 for none.
        far_bound: steps that those may be off by; spread evenly within, they have the aim's RMSE.
    """

    mapping: Mapping
    quality: int
    far: int
    far_bound: int


def error_of(quality: float) -> float:
    """Return the RMSE in mm that a depth quality 0 .. 100 stands for: 51 .. 0.56 mm."""
    even, steep = min(quality, _STEEP), max(quality - _STEEP, 0)
    return float(MIDDLE * 2 ** ((50 - even) / _HALVED - steep / _HALVED_FAST))


def aim(depth: np.ndarray, unit: float, quality: float) -> float:
    """Return the RMSE in mm that a quality stands for on this frame.

    It is `error_of`, but for a frame whose valid depths span less than 32 of these errors (288 mm
    at quality 50; a little more below, less above): there it falls with the span, down to an
    eighth, so that a close-up keeps its relief.
    """
    valid = depth[depth > 0]
    error = error_of(quality)
    if not len(valid):
        return error
    near, far = np.percentile(valid, (1, 99))
    relief = float(far - near) * unit * 1000 / _NARROW * 2 ** ((50 - quality) / 50)
    return min(error, max(relief, error / _LEAST))


def plan(
    depth: np.ndarray,
    unit: float,
    quality: float,
    *,
    stretch: float = 1.0,
    most: int = MOST_STEPS,
) -> Plan | None:
    """Choose how to code a depth map at a quality; None if it has fewer than two depths.

    Args:
        depth: unsigned (h, w) in steps, 0 = hole.
        unit: metres per step.
        quality: 0 (small) .. 100 (good).
        stretch: factor on the plane's error, for what lies between or beyond qualities. What is
            coded apart does not change with one above 1.
        most: the highest number of steps the file can hold.
    """
    valid = depth[depth > 0]
    if not len(valid) or (low := int(valid.min())) == (high := int(valid.max())):
        return None
    error = aim(depth, unit, quality) / 1000 / unit
    finest = min(stretch, 1) * error
    far = _far(depth, low, high, finest)
    top = int(valid[valid <= far].max()) if far else high
    for firm in (finest, stretch * error):  # the span is stretched rather than AV1 made coarser
        level = _level(firm / max(top - low, 1))
        span = max(top - low, round(TOP_CODE * stretch * error / _CODES[level]))
        if stretch <= _LONGEST and low + span <= most:
            break
    span = min(span, most - low)
    return Plan(Mapping(low, span), level, far, int(math.sqrt(3) * finest))


def _level(share: float) -> int:
    """Return the lowest quality of libavif whose error is at most that share of the span."""
    for level, codes in _CODES.items():
        if codes <= share * TOP_CODE:
            return level
    return max(_CODES)


def _far(depth: np.ndarray, low: int, high: int, error: float) -> int:
    """Return beyond how many steps pixels had better be coded apart; 0 for nowhere.

    For every threshold, what the pixels beyond it cost as a part of the plane (jumps between
    neighbours, in errors) is set against what they cost apart (their outline, and jumps in the
    list of values). The weights are fitted to 156 payloads of eight frames (docs).
    """
    if high - low <= _CALM * error:
        return 0
    plane, near_apart, outline, count = np.zeros((4, _BINS + 1))
    for places, lower, upper, jump, ranks in _pairs(depth, low, high, int(math.sqrt(3) * error)):
        both = lower > 0
        bits = np.log2(1 + np.square(jump[both] / np.float32(8 * error)))
        plane += np.bincount(upper[both], bits, _BINS + 1)
        near_apart += np.bincount(lower[both], np.log2(1 + ranks[both]), _BINS + 1)
        outline += np.bincount(lower, minlength=_BINS + 1) - np.bincount(upper, minlength=_BINS + 1)
        count += np.bincount(places, minlength=_BINS + 1)
    saved = _JUMP_BITS * _beyond(plane) - _RANK_BITS * _beyond(near_apart)
    saved -= _HEAD_BITS + _OUTLINE_BITS * np.cumsum(outline)
    edges = low + np.arange(_BINS + 1) * (high - low) // _BINS  # the last value of bin i
    best_kept = edges - low <= error / _FINEST  # finer than AV1 can be is no choice
    forced = not best_kept[-1]
    if not forced:
        best_kept &= _beyond(count) <= _MOST_APART * count.sum()
    best_kept[0] = False
    saved[-1] = 0
    saved[~best_kept] = -np.inf
    best = int(np.argmax(saved)) if best_kept.any() else 1
    return 0 if best == _BINS else int(edges[best])


def _beyond(bins: np.ndarray) -> np.ndarray:
    """Return the sum of all bins above each."""
    return np.cumsum(bins[::-1])[::-1] - bins


def _pairs(
    depth: np.ndarray, low: int, high: int, bound: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, strip by strip, bins of valid pixels, and of neighbours: lower and upper bin, jumps.

    Bin 0 is a hole's, bin i holds low + (i - 1) / 1024 .. low + i / 1024 of the range. Jumps are
    in steps, and in places of the list of values that is left when they may move by `bound`.
    """
    values = _used(depth)
    ranks = _ranks(values, bound)
    rows = max(2, _STRIP // depth.shape[1])
    for top in range(0, max(len(depth) - 1, 1), rows - 1):
        strip = depth[top : top + rows].astype(np.int64)
        bins = np.where(strip > 0, -((low - strip) * _BINS // (high - low)), 0)
        bins[(strip > 0) & (bins < 1)] = 1
        places = ranks[np.searchsorted(values, strip)]
        for ahead, behind in (((..., np.s_[1:]), (..., np.s_[:-1])), (np.s_[1:], np.s_[:-1])):
            a, b = bins[ahead].ravel(), bins[behind].ravel()
            jump = np.abs(strip[ahead] - strip[behind]).ravel()
            rank = np.abs(places[ahead] - places[behind]).ravel()
            yield a[a > 0], np.minimum(a, b), np.maximum(a, b), jump, rank


def _used(depth: np.ndarray) -> np.ndarray:
    """Return the values that occur, sorted."""
    if depth.dtype != np.uint16:
        return np.unique(depth)
    seen = np.zeros(1 << 16, bool)
    seen[depth] = True
    return np.flatnonzero(seen)


def _ranks(values: np.ndarray, bound: int) -> np.ndarray:
    """Return the group of each of the sorted values, in groups no wider than twice the bound."""
    ranks, at, rank = np.empty(len(values), np.int64), 0, 0
    while at < len(values):
        end = int(np.searchsorted(values, values[at] + 2 * bound, side="right"))
        ranks[at:end] = rank
        at, rank = end, rank + 1
    return ranks
