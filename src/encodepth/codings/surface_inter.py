"""Exact or bounded depth over time: a plane coded alone, and what follows it.

A group has one sorted list of values, so a pixel's place in it means the same in every picture.
Within a bound the list holds merged values, and a pixel may keep the value it had while that stays
within the bound ("hold"): before a still camera nearly all do, before a moving one that only adds
noise, so it is tried on the group's second picture. A group whose pictures are smaller coded alone
is coded so: nothing is larger than stills. docs/format-v2.md defines the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from ..errors import CorruptFileError
from ..packing import Fields, blob, varint
from . import exact
from .base import Ask, Coded, References
from .exact import facts, merged_values, prove, values_of

__all__ = ["decode_group", "encode_group", "facts"]

_MOVING, _STILL = 0.3, 0.8  # of pixels stayed: below, none is asked whether it did; above, all are
_HELD = 0.3  # of pixels could keep their value: from here on that is tried
_SHORT = 4  # pictures of a group of which all are coded alone, too, to compare,
_ALL_EFFORT = 8  # as from this effort on; else
_CLEAR = 0.985  # of the bytes of a few stills is clear enough
_CHAIN = 8  # bytes that references cost a group


def encode_group(
    modality: str, planes: Sequence[np.ndarray], ask: Ask, seen: Sequence[References]
) -> list[Coded] | None:
    """Code depth (h, w) exactly, or within `ask.error` steps, and prove it. Parameter: the bound.

    Returns:
        A group, or stills where they are smaller; None where a picture cannot be coded.

    Raises:
        EncodepthError: the bytes decode to something else than was promised.
    """
    payloads = _encode(planes, ask.error) if len(planes) > 1 else None
    parameters = varint(ask.error)
    if payloads is None or _stills_are_smaller(payloads, planes, ask):
        alone = [exact.encode_depth(plane, ask.error, ask.effort) for plane in planes]
        return [Coded(payload, parameters, coding="surface") for payload in alone]
    return [
        Coded(payload, parameters, ((modality, 1),) if i else ())
        for i, payload in enumerate(payloads)
    ]


def decode_group(
    modality: str, group: Sequence[Coded], shape: tuple[int, int], seen: Sequence[References]
) -> Iterator[np.ndarray]:
    """Yield the planes, each decoded when it is asked for."""
    decoder = _Decoder(shape)
    for coded in group:
        yield decoder.decode(coded.payload)


def _stills_are_smaller(payloads: list[bytes], planes: Sequence[np.ndarray], ask: Ask) -> bool:
    """Return whether pictures coded alone would be smaller; where that is clear, from two.

    The first picture is coded alone anyhow, so those in the middle and at the end say more.
    """
    count = len(planes)
    few = [count // 2, count - 1]
    order = few + [i for i in range(count) if i not in few]
    whole = ask.effort >= _ALL_EFFORT or count <= _SHORT
    alone, together = 0, _CHAIN
    for tried, i in enumerate(order, 1):
        alone += len(exact.encode_depth(planes[i], ask.error, ask.effort))
        together += len(payloads[i])
        if tried == len(few) and together < alone * _CLEAR and not whole:
            return False
    return together > alone


class _Way(NamedTuple):
    """How a picture is coded."""

    hold: bool  # whether pixels keep their value while it stays within the bound
    asking: bool  # whether pixels may say that they stayed


def _encode(planes: Sequence[np.ndarray], error: int) -> list[bytes] | None:
    """Code a group, which is decoded while it is coded; return None where it is noise."""
    values, levels = _levels(planes, error)
    if not len(values):
        return [blob(b""), *[b""] * (len(planes) - 1)]
    encoder, decoder = _Encoder(planes[0].shape, values), _Decoder(planes[0].shape)
    payloads, proofs, way = [], [], _Way(False, False)

    def prove_next(payload: bytes, plane: np.ndarray) -> None:
        prove(plane, decoder.decode(payload), error)

    with ThreadPoolExecutor(1) as pool:
        for i, plane in enumerate(planes):
            merged = levels[plane]
            held = encoder.held(plane, merged, error) if i and error else merged
            if i == 1:
                way = encoder.best(merged, held)
            chosen = held if way.hold else merged
            asking = encoder.asking(chosen)
            payload = encoder.encode(chosen, asking[0] if len(asking) == 1 else way.asking)
            if payload is None:
                return None
            payloads.append(payload)
            proofs.append(pool.submit(prove_next, payload, plane))
        for proof in proofs:
            proof.result()
    return payloads


def _levels(planes: Sequence[np.ndarray], error: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a group after merging, sorted, without 0, and what each becomes."""
    seen = np.zeros(65536, bool)
    for plane in planes:
        seen[values_of(plane)] = True
    seen[0] = False
    used = np.flatnonzero(seen)
    levels = merged_values(used, error) if error else np.arange(65536, dtype=np.uint16)
    return np.unique(levels[used]), levels


class _Encoder:
    """Codes the pictures of a group one after the other.

    Args:
        shape: of all of them.
        values: that occur in them, sorted, without 0.
    """

    def __init__(self, shape: tuple[int, int], values: np.ndarray) -> None:
        self.shape, self.values = shape, values
        self._place = np.zeros(65536, np.int32)
        self._place[values] = np.arange(1, len(values) + 1)
        self._last = np.zeros(shape, np.uint16)
        self._known: Any = None  # inter.Inter

    def held(self, plane: np.ndarray, merged: np.ndarray, error: int) -> np.ndarray:
        """Return the merged plane, with last values kept where they are within the bound."""
        last = self._last
        off = np.maximum(plane, last) - np.minimum(plane, last)
        return np.where((off <= error) & (plane > 0) & (last > 0), last, merged)

    def asking(self, plane: np.ndarray) -> list[bool]:
        """Return whether pixels should say that they stayed, or both where only trying tells."""
        stayed = float(np.mean(plane == self._last))
        return [False] if stayed < _MOVING else [True] if stayed > _STILL else [False, True]

    def best(self, merged: np.ndarray, held: np.ndarray) -> _Way:
        """Return the way that makes a picture smallest; nothing of it is kept."""
        ways = [_Way(False, asking) for asking in self.asking(merged)]
        if np.mean(held == self._last) >= _HELD and not np.array_equal(held, merged):
            ways += [_Way(True, asking) for asking in self.asking(held)]
        from .inter import copy_of  # numba

        known, last = self._known, self._last
        sizes = []
        for way in ways if len(ways) > 1 else []:
            self._known = copy_of(known)
            payload = self.encode(held if way.hold else merged, way.asking)
            sizes.append(float("inf") if payload is None else len(payload))
            self._known, self._last = known, last
        return ways[int(np.argmin(sizes))] if sizes else ways[0]

    def encode(self, plane: np.ndarray, asking: bool) -> bytes | None:
        """Code the next picture; return None where it is noise."""
        from .inter import encode_next  # numba
        from .value_list import encode_values

        head = bytes([asking])
        if self._known is None:
            head = blob(encode_values(self.values))
        coded, self._known = encode_next(self._known, self._place[plane], len(self.values), asking)
        self._last = plane
        return None if coded is None else head + coded


class _Decoder:
    """Decodes the pictures of a group of (height, width) one after the other."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._table: np.ndarray | None = None  # the value of each place, 0 first
        self._known: Any = None

    def decode(self, payload: bytes) -> np.ndarray:
        """Decode the next picture.

        Raises:
            CorruptFileError: the payload is not such a picture.
        """
        fields = Fields(payload)
        asking = 0
        if self._table is None:
            self._table = _values(fields)
        elif len(self._table) > 1:
            asking = fields.byte("way of a picture over time")
            if asking > 1:
                raise CorruptFileError(f"depth over time is coded in the unknown way {asking}")
        if len(self._table) == 1:
            fields.end("depth that has no value")
            return np.zeros(self.shape, np.uint16)
        from .inter import decode_next  # numba

        top = len(self._table) - 1
        rest = payload[fields.at :]
        places, self._known = decode_next(self._known, rest, self.shape, top, asking == 1)
        return self._table[places]


def _values(fields: Fields) -> np.ndarray:
    """Read the list of values of a group; return the value of each place, 0 first."""
    from .value_list import decode_values  # numba

    listed = fields.take(fields.varint("size of the list of values"), "list of values")
    none = np.zeros(1, np.uint16)
    return np.concatenate([none, decode_values(listed)]) if listed else none
