"""Lossy depth of a group of pictures: over time or each picture alone, whichever costs less.

A moving sensor's noise is new in every picture, and AV1 may then spend more on what changed than on
the picture. So both are tried, the second on a few pictures, and compared by what their bytes would
be at the error that the quality stands for. Whichever wins, merged values of an exact coding take
its place where they are smaller at no more error, as in stills.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .. import codings
from ..codings.base import Ask, Coded, References
from ..codings.depthmap import beside_size
from ..codings.depthquality import aim
from ..codings.exact import bound_of_rmse
from ..plan import Plan
from ..search import NEAR_ENOUGH, TINY, Setting, depth_about
from .back import decoded_depth

Planes = dict[int, np.ndarray]  # by place in the group
Made = dict[int, Coded]
Code = Callable[[str, Planes, Ask], Made | None]

_LOOKED_AT = 3  # pictures coded alone, and by a rival
_PART = 6  # pictures in a row on which the error is set
_STRAY = 2.0  # times the error of all that no picture may have
_PLANE, _APART = 1.2, 0.25  # powers of one over the error with which bytes grow
_SOME = 1.15  # times its bytes that a rival may take on pictures that are far apart
_MERGE_FROM = 1 / 32  # bytes per pixel of lossy depth from which a rival may be smaller


@dataclass(frozen=True)
class _Tried:
    """Coded planes, and what they are worth.

    Attributes:
        coded: by place.
        errors: root mean squared, in mm, by place.
    """

    coded: Made
    errors: dict[int, float]

    @property
    def error(self) -> float:
        """Root of the mean squared error of all planes, in mm."""
        return math.sqrt(sum(e * e for e in self.errors.values()) / len(self.errors))

    @property
    def strays(self) -> bool:
        """Whether a plane is much farther off than the others."""
        return max(self.errors.values()) > _STRAY * self.error

    @property
    def bytes(self) -> int:
        return sum(len(c.payload) for c in self.coded.values())

    def cost(self, goal: float) -> float:
        """Return the bytes of a plane, as they would be at an error of `goal` mm."""
        apart = sum(beside_size(c.payload) for c in self.coded.values())
        more = max(self.error, 1e-6) / goal
        grown = (self.bytes - apart) * more**_PLANE + apart * more**_APART
        return grown / len(self.coded)


@dataclass(frozen=True)
class Lossy:
    """Chooses how the depth planes of a group are coded.

    Attributes:
        chosen: which codings there are.
        ask: what is wanted.
        seen: what a decoder has, by place.
        code: codes planes by a coding's name.
    """

    chosen: Plan
    ask: Ask
    seen: Sequence[References]
    code: Code

    def encode(self, planes: Planes) -> Made | None:
        """Return coded planes, None where the plan's first coding cannot serve.

        Args:
            planes: uint16 (h, w) in steps, all of one size, 0 = hole.
        """
        name, alone = self.chosen.codings[0], self.chosen.alone
        whole = self._group(name, planes)
        if whole is None:
            return None
        some = dict(list(planes.items())[:: math.ceil(len(planes) / _LOOKED_AT)])
        goal = self._goal(planes)
        if alone and len(planes) > 1:
            few = self._single(alone, some)
            if few is not None and (whole.strays or few.cost(goal) < whole.cost(goal)):
                rest = {i: p for i, p in planes.items() if i not in some}
                others = self._single(alone, rest)
                if others is not None:
                    apart = _Tried(few.coded | others.coded, few.errors | others.errors)
                    if whole.strays or apart.cost(goal) < whole.cost(goal):
                        whole = _in_order(apart)
        return self._merged(planes, some, whole) or self._filtered(planes, whole).coded

    def _goal(self, planes: Planes) -> float:
        looked = list(planes.values())[:: max(1, len(planes) // _PART)]
        return aim(np.concatenate(looked), self.ask.unit, self.ask.quality)

    def _group(self, name: str, planes: Planes) -> _Tried | None:
        """Code a group so that its error comes out about right, which a part of it tells."""
        stretch = 1.0
        if len(planes) > 2 * _PART:
            middle = len(planes) // 2
            part = dict(list(planes.items())[middle : middle + _PART])
            found = self._about(name, part, stretch)
            if found is None:
                return None
            tried, stretch = found
            if tried.bytes > TINY * sum(plane.size for plane in part.values()):
                off = self._goal(part) / max(tried.error, 1e-6)
                stretch *= min(max(off, 1 / NEAR_ENOUGH), NEAR_ENOUGH)
        whole = self._about(name, planes, stretch)
        return None if whole is None else whole[0]

    def _single(self, name: str, planes: Planes) -> _Tried | None:
        """Code planes one by one, each so that its error comes out about right."""
        coded, errors = Made(), dict[int, float]()
        for i, plane in planes.items():
            found = self._about(name, {i: plane}, 1.0)
            if found is None:
                return None
            coded |= found[0].coded
            errors |= found[0].errors
        return _Tried(coded, errors)

    def _about(self, name: str, planes: Planes, stretch: float) -> tuple[_Tried, float] | None:
        """Return planes of about the error that the quality stands for, and the stretch it took."""
        goal, pixels = self._goal(planes), sum(plane.size for plane in planes.values())

        def measured(setting: Setting) -> tuple[tuple[_Tried, float] | None, float]:
            ask = replace(self.ask, stretch=setting.stretch)
            made = self.code(name, planes, ask)
            if made is None:
                return None, goal
            tried = _Tried(made, self._errors(made, planes))
            return (tried, setting.stretch), tried.error

        def size(found: tuple[_Tried, float] | None) -> int:
            return 0 if found is None else found[0].bytes

        return depth_about(measured, size, goal, Setting(self.ask.quality, stretch), pixels)

    def _errors(self, made: Made, planes: Planes) -> dict[int, float]:
        """Return the RMSE of coded planes over their valid pixels, in mm."""
        errors = {}
        shape = next(iter(planes.values())).shape
        back_again = decoded_depth(made, shape, self.seen)
        for (i, plane), back in zip(planes.items(), back_again, strict=True):
            off = np.subtract(back, plane, dtype=np.float32)[plane > 0]
            squared = float(np.square(off).mean(dtype=np.float64)) if len(off) else 0.0
            errors[i] = math.sqrt(squared) * self.ask.unit * 1000
        return errors

    def _merged(self, planes: Planes, some: Planes, lossy: _Tried) -> Made | None:
        """Return merged values by the rival where they are smaller at no more error."""
        pixels = sum(plane.size for plane in planes.values())
        if not self.chosen.rival or lossy.bytes <= pixels * _MERGE_FROM:
            return None
        steps = lossy.error / 1000 / self.ask.unit
        bound = bound_of_rmse(np.concatenate(list(some.values())), steps)
        ask = replace(self.ask, error=bound)
        for part, slack in ((some, _SOME), (planes, 1.0)):
            made = self.code(self.chosen.rival, part, ask)
            most = sum(len(lossy.coded[i].payload) for i in part) * slack
            if made is None or sum(len(c.payload) for c in made.values()) >= most:
                return None
        return made

    def _filtered(self, planes: Planes, lossy: _Tried) -> _Tried:
        """Return what a post-filter leaves of the error, where the plan has one and it helps."""
        if not self.chosen.filters:
            return lossy
        over_time, single = self.chosen.filters
        if next(iter(lossy.coded.values())).coding == self.chosen.alone:
            return self._single(single, planes) or lossy
        seen, made = [self.seen[i] for i in planes], list(lossy.coded.values())
        module = codings.module(codings.find(over_time, "depth"))
        made = module.restored("depth", list(planes.values()), made, seen)
        return replace(lossy, coded=dict(zip(planes, made, strict=True)))


def _in_order(tried: _Tried) -> _Tried:
    return _Tried(dict(sorted(tried.coded.items())), tried.errors)
