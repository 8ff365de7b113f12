"""Exact or bounded depth over time: a plane coded alone, and what follows it.

A group has one sorted list of values, so a pixel's place in it means the same in every picture.
Within a bound the list holds merged values. Those of a still camera's pixels flicker between two
where noise crosses an interval's end, so some of the bound may be kept from merging: a pixel holds
the value that it had while that stays within the bound. That costs a longer list, so it is tried on
the first pictures. A group whose pictures are smaller alone is coded so; none exceeds its stills.
Depth that repeats costs one decision a pixel (`inter.py`). Where a camera's motion explains how
clean depth changed, it is sent, and the picture before is looked at from where the camera is now
(`motion.py`, `inter_moved.py`). docs/format-v2.md defines the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from ..errors import CorruptFileError
from ..packing import Fields, blob
from . import exact, motion
from .base import Ask, Coded, References, pack_bound
from .exact import facts, merged_values, prove, values_of
from .pose import pack_motion, pack_view, take_motion, take_view

__all__ = ["decode_group", "encode_group", "facts"]

_STILL = 0.4  # of pixels stayed: from here on it is tried to let them say so
_SLACKS = (0.2, 0.4)  # of the bound that are tried to be kept from merging,
_LESS = 0.75  # where that many of the pixels that change, or fewer, still do
_TRIED = 3  # pictures that are coded to try a way
_SHORT = 4  # pictures of a group of which all are coded alone, too, to compare,
_ALL_EFFORT = 8  # as from this effort on; else
_CLEAR = 0.985  # of the bytes of a few stills is clear enough
_CHAIN = 8  # bytes that references cost a group
_ASKING, _MOVED = 1, 2  # bits of the way of a picture


class By(NamedTuple):
    """What codes the pictures of a group.

    Attributes:
        mark: what the first payload begins with.
        coder: (the sorted list of values) -> an `inter.Coder`.
        alone: (a picture, what is asked) -> the picture alone, with its coding's name.
    """

    mark: bytes
    coder: Callable[[np.ndarray], Any]
    alone: Callable[[np.ndarray, Ask], Coded]


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code depth (h, w) exactly, or within `ask.error` steps, and prove it. Parameter: the bound.

    Returns:
        A group, or stills where they are smaller.

    Raises:
        EncodepthError: the bytes decode to something else than was promised.
    """
    return encode_by(CONTEXTS, modality, planes, ask)


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes, each decoded when it is asked for."""
    return decode_by(CONTEXTS, group, shape)


def encode_by(by: By, modality: str, planes: Sequence[np.ndarray], ask: Ask) -> list[Coded]:
    """Code a group as `encode_group` says, by what is given."""
    payloads = _encode(planes, ask.error, ask.camera, by) if len(planes) > 1 else None
    if payloads is None or _stills_are_smaller(payloads, planes, ask, by):
        return [by.alone(plane, ask) for plane in planes]
    parameters = pack_bound(ask.error)
    return [
        Coded(payload, parameters, ((modality, 1),) if i else ())
        for i, payload in enumerate(payloads)
    ]


def decode_by(by: By, group: Sequence[Coded], shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the planes of a group that was coded by what is given."""
    decoder = _Decoder(shape, by)
    for coded in group:
        yield decoder.decode(coded.payload)


def _plain(values: np.ndarray) -> Any:
    from .inter import PLAIN  # compiled code

    return PLAIN


def _alone(plane: np.ndarray, ask: Ask) -> Coded:
    payload = exact.encode_depth(plane, ask.error, ask.effort)
    return Coded(payload, pack_bound(ask.error), coding="surface")


CONTEXTS = By(b"", _plain, _alone)


def _stills_are_smaller(
    payloads: list[bytes], planes: Sequence[np.ndarray], ask: Ask, by: By
) -> bool:
    """Return whether pictures coded alone would be smaller; where that is clear, from two.

    The first picture is coded alone anyhow, so those in the middle and at the end say more.
    """
    count = len(planes)
    few = [count // 2, count - 1]
    order = few + [i for i in range(count) if i not in few]
    whole = ask.effort >= _ALL_EFFORT or count <= _SHORT
    alone, together = 0, _CHAIN
    for tried, i in enumerate(order, 1):
        alone += len(by.alone(planes[i], ask).payload)
        together += len(payloads[i])
        if tried == len(few) and together < alone * _CLEAR and not whole:
            return False
    return together > alone


class _Way(NamedTuple):
    """How a group is coded."""

    asking: bool  # whether pixels may say that they stayed, in pictures where many did
    slack: int = 0  # steps of the bound that are kept from merging, for values to be held in
    path: motion.Path | None = None  # how the camera moved


def _encode(
    planes: Sequence[np.ndarray],
    error: int,
    camera: tuple[float, float, float, float] | None = None,
    by: By = CONTEXTS,
) -> list[bytes] | None:
    """Code a group, which is decoded while it is coded; return None where it is noise."""
    ways = _ways(planes, error)
    if len(planes) > 1 and (path := motion.path(planes, camera)) is not None:
        ways.append(_Way(False, path=path))
    if len(ways) > 1:
        costs = [_cost(planes, error, way, by) for way in ways]
        ways = [ways[int(np.argmin(costs))]]
    encoder, decoder = _Encoder(planes, error, ways[0], by), _Decoder(planes[0].shape, by)

    def prove_next(payload: bytes, plane: np.ndarray) -> None:
        prove(plane, decoder.decode(payload), error)

    payloads, proofs = [], []
    with ThreadPoolExecutor(1) as pool:
        for plane in planes:
            payload = encoder.encode(plane)
            if payload is None:
                return None
            payloads.append(payload)
            proofs.append(pool.submit(prove_next, payload, plane))
        for proof in proofs:
            proof.result()
    return payloads


def _ways(planes: Sequence[np.ndarray], error: int) -> list[_Way]:
    """Return the ways that can be best, from how much of the second picture stayed."""
    if len(planes) == 1:
        return [_Way(False)]
    values = _values_of(planes)
    stayed = _stayed(planes, error, values, 0)
    ways = [_Way(False)]
    if stayed >= _STILL:
        ways.append(_Way(True))
    for share in _SLACKS:
        slack = round(error * share)
        if slack and 1 - _stayed(planes, error, values, slack) < _LESS * (1 - stayed):
            ways.append(_Way(True, slack))
    return list(dict.fromkeys(ways))


def _cost(planes: Sequence[np.ndarray], error: int, way: _Way, by: By) -> float:
    """Return how many bytes a group takes about, from its first pictures."""
    encoder = _Encoder(planes, error, way, by)
    sizes = []
    for plane in planes[:_TRIED]:
        payload = encoder.encode(plane)
        if payload is None:
            return float("inf")
        sizes.append(len(payload))
    return sizes[0] + (len(planes) - 1) * float(np.mean(sizes[1:]))


def _values_of(planes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values of a group, sorted, without 0."""
    seen = np.zeros(65536, bool)
    for plane in planes:
        seen[values_of(plane)] = True
    seen[0] = False
    return np.flatnonzero(seen)


def _stayed(planes: Sequence[np.ndarray], error: int, values: np.ndarray, slack: int) -> float:
    """Return the share of pixels of the second picture that have the first one's value."""
    levels = merged_values(values, error - slack)
    last = levels[planes[0]]
    return float(np.mean(_held(planes[1], levels[planes[1]], last, error) == last))


def _held(plane: np.ndarray, merged: np.ndarray, last: np.ndarray, error: int) -> np.ndarray:
    """Return the merged plane, with last values kept where they are within the bound."""
    off = np.maximum(plane, last) - np.minimum(plane, last)
    return np.where((off <= error) & (plane > 0) & (last > 0), last, merged)


class _Encoder:
    """Codes the pictures of a group one after the other."""

    def __init__(self, planes: Sequence[np.ndarray], error: int, way: _Way, by: By) -> None:
        values = _values_of(planes)
        self._error, self._way = error, way
        self._levels = merged_values(values, error - way.slack)
        self._values = np.unique(self._levels[values])
        self._place = np.zeros(65536, np.int32)
        self._place[self._values] = np.arange(1, len(self._values) + 1)
        self._mark, self._coder = by.mark, by.coder(self._values)
        self._last: np.ndarray | None = None
        self._known: Any = None  # inter.Inter
        self._count = 0
        self._course: Any = None  # inter_moved.Course

    def encode(self, plane: np.ndarray) -> bytes | None:
        """Code the next picture; return None where it is noise."""
        from .inter import encode_next  # compiled code
        from .value_list import encode_values

        merged, head, asking, moved = self._levels[plane], b"", False, b""
        if self._last is None:
            head = self._mark + blob(encode_values(self._values) if len(self._values) else b"")
        elif len(self._values):
            moved = self._move(plane.shape)
            if not moved:
                merged = _held(plane, merged, self._last, self._error)
            asking = self._way.asking and bool(np.mean(merged == self._last) >= _STILL)
            head = bytes([_ASKING * asking + _MOVED * bool(moved)]) + moved
        self._last = merged
        self._count += 1
        if not len(self._values):
            return head
        places, top = self._place[merged], len(self._values)
        coded, self._known = encode_next(self._coder, self._known, places, top, asking, bool(moved))
        return None if coded is None else head + coded

    def _move(self, shape: tuple[int, int]) -> bytes:
        """Move what is known with the camera; return the bytes that say how, none if it stays."""
        if self._way.path is None:
            return b""
        if (found := self._way.path.motion(self._count)) is None:
            if self._course is not None:
                self._course.stay()
            return b""
        from .inter_moved import Course  # compiled code

        head = b""
        if self._course is None:
            view = self._way.path.view
            self._course, head = Course(np.append(0, self._values), view), pack_view(view)
        self._course.move(self._known.before, shape, found)
        return head + pack_motion(found)


class _Decoder:
    """Decodes the pictures of a group of (height, width) one after the other."""

    def __init__(self, shape: tuple[int, int], by: By = CONTEXTS) -> None:
        self.shape, self._by = shape, by
        self._coder: Any = None  # inter.Coder
        self._table: Any = None  # ndarray: the value of each place, 0 first
        self._known: Any = None
        self._course: Any = None  # inter_moved.Course

    def decode(self, payload: bytes) -> np.ndarray:
        """Decode the next picture.

        Raises:
            CorruptFileError: the payload is not such a picture.
        """
        fields = Fields(payload)
        way = 0
        if self._table is None:
            _check_mark(fields, self._by.mark)
            self._table = _values(fields)
            self._coder = self._by.coder(self._table[1:])
        elif len(self._table) > 1:
            way = fields.byte("way of a picture over time")
            if way > _ASKING + _MOVED:
                raise CorruptFileError(f"depth over time is coded in the unknown way {way}")
            self._move(fields, bool(way & _MOVED))
        if len(self._table) == 1:
            fields.end("depth that has no value")
            return np.zeros(self.shape, np.uint16)
        from .inter import decode_next  # compiled code

        top = len(self._table) - 1
        rest = payload[fields.at :]
        asking, moved = bool(way & _ASKING), bool(way & _MOVED)
        places, self._known = decode_next(
            self._coder, self._known, rest, self.shape, top, asking, moved
        )
        return self._table[places]

    def _move(self, fields: Fields, moved: bool) -> None:
        """Move what is known with the camera, if it did."""
        if not moved:
            if self._course is not None:
                self._course.stay()
            return
        from .inter_moved import Course  # compiled code

        if self._course is None:
            self._course = Course(self._table, take_view(fields, self.shape))
        self._course.move(self._known.before, self.shape, take_motion(fields))


def _check_mark(fields: Fields, mark: bytes) -> None:
    for expected in mark:
        found = fields.byte("network")
        if found != expected:
            raise CorruptFileError(f"depth over time has network {found}; expected {expected}")


def _values(fields: Fields) -> np.ndarray:
    """Read the list of values of a group; return the value of each place, 0 first."""
    from .value_list import decode_values  # compiled code

    listed = fields.take(fields.varint("size of the list of values"), "list of values")
    none = np.zeros(1, np.uint16)
    return np.concatenate([none, decode_values(listed)]) if listed else none
