"""What quick codings share: a list of values, then bands of rows coded apart, several at a time.

How a picture is cut depends on its size alone, so the bytes do not depend on the threads. A band
that its coding cannot make smaller is written as it is. What was promised of depth is proved on
what the bytes decode to, which a second core may see to while they are written (`band_rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..cores import usable_cores
from ..errors import CorruptFileError
from ..packing import Fields, blob, varint
from .band_rows import Rows, decode_rows, encode_and_decode_rows, encode_rows
from .base import Ask, Coded, Facts, References, bounded, pack_bound, sample_bits
from .exact import prove
from .room import empty
from .values import decode_values, encode_values, places

_PIXELS = 1 << 20  # of a band at most, about: 1280x720 is one, 1920x1080 two
_THREADS = 8  # at most

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Banded:
    """A coding of depth and further planes, made of how it codes rows.

    Attributes:
        rows: how.
        behind: whether a second core proves a band while it is written, which takes a few ms more
            of both than one core that does one after the other.
    """

    rows: Rows
    behind: bool = False

    def encode(self, modality: str, plane: np.ndarray, ask: Ask, seen: References) -> Coded:
        """Code depth (h, w) exactly or within `ask.error` steps, or a further plane exactly.

        What was promised of depth is checked on the decoded plane. Parameter: the bound in steps;
        of a further plane the bits of a sample.
        """
        if modality == "depth":
            proof: list[_Proof | None] = []
            seen_to = proof if self.behind else None
            payload = _encode(plane, self.rows, ask.error, True, None, seen_to)
            height, width = plane.shape
            decoded = _decode(payload, height, width, self.rows, None, proof)
            prove(plane, decoded, ask.error)
            return Coded(payload, pack_bound(ask.error))
        bits = bytes([8 * plane.dtype.itemsize])
        payload = self.encode_plane(plane.astype(np.uint16, copy=False), holes=False)
        return Coded(payload, bits)

    def decode(
        self, modality: str, coded: Coded, shape: tuple[int, int], seen: References
    ) -> np.ndarray:
        """Decode what `encode` coded, with the samples that it was coded from.

        Raises:
            CorruptFileError: the payload is not such a plane, or a sample has more bits than the
                parameters say.
        """
        plane = self.decode_plane(coded.payload, *shape)
        if modality == "depth" or sample_bits(modality, coded) == 16:
            return plane
        if plane.max(initial=0) > 255:
            raise CorruptFileError(f"{modality} has a sample of {plane.max()}; expected 8 bits")
        return plane.astype(np.uint8)

    def encode_plane(
        self, plane: np.ndarray, *, error: int = 0, holes: bool = True, threads: int | None = None
    ) -> bytes:
        """Code a plane.

        Args:
            plane: uint16 (h, w).
            error: bound in steps; values within it are merged (`values.places`). 0 is exact.
            holes: whether 0 means a hole; else it is a value like any other.
            threads: at most so many for a large plane, as many as there are cores if None; the
                bytes do not depend on it.
        """
        return _encode(plane, self.rows, error, holes, threads)

    def decode_plane(
        self, payload: bytes, height: int, width: int, *, threads: int | None = None
    ) -> np.ndarray:
        """Decode what `encode_plane` coded: uint16 (height, width).

        Raises:
            CorruptFileError: the payload is not such a plane of that size.
        """
        return _decode(payload, height, width, self.rows, threads)


def facts(modality: str, coded: Coded) -> Facts:
    """Say what the parameters mean."""
    if modality == "depth":
        return bounded(modality, coded)
    sample_bits(modality, coded)
    return Facts(error=0)


@dataclass(frozen=True)
class _Proof:
    """What a band's bytes were seen to decode to with a table of values."""

    data: bytes
    table: np.ndarray
    band: np.ndarray


def _encode(
    plane: np.ndarray,
    rows: Rows,
    error: int,
    holes: bool,
    threads: int | None,
    proof: list[_Proof | None] | None = None,
) -> bytes:
    """Code a plane; into a list `proof` goes, for each band, what it was seen to decode to."""
    plane = np.require(plane, requirements=("C", "W"))  # compiled code takes nothing read-only
    values, place, some = places(plane, error, holes)
    listed = encode_values(values)
    head = blob(listed)
    if len(values) + some <= 1:
        return head
    table = np.concatenate([np.zeros(1, np.uint16), values])
    wide, first = _as_they_are(table)

    cuts = _cut(*plane.shape)
    behind = proof is not None and len(cuts) == 1 and usable_cores() > 1

    def code(cut: slice) -> tuple[bytes, _Proof | None]:
        band, back = plane[cut], None
        data = np.empty(band.size * wide - 1, np.uint8)
        if behind:
            size, back = encode_and_decode_rows(band, place, table, data, rows)
        else:
            size = encode_rows(band, place, len(values), data, rows)
        if size >= 0:
            written = data[:size].tobytes()
            return written, None if back is None else _Proof(written, table, back)
        index = place[band]
        seen = (index - first).astype(np.uint8) if wide == 1 else table[index].astype("<u2")
        return seen.tobytes(), None

    made = _parallel(code, cuts, threads)
    bands = [written for written, _ in made]
    if proof is not None:
        proof += [seen for _, seen in made]
    return head + b"".join(varint(len(band)) for band in bands[:-1]) + b"".join(bands)


def _decode(
    payload: bytes,
    height: int,
    width: int,
    rows: Rows,
    threads: int | None,
    proof: Sequence[_Proof | None] = (),
) -> np.ndarray:
    """Decode a plane; what was seen already that the same bytes decode to is taken from `proof`."""
    fields = Fields(payload)
    listed = fields.take(fields.varint("size of the list of values"), "list of values")
    table = np.concatenate([np.zeros(1, np.uint16), decode_values(listed)])
    top = len(table) - 1
    if not fields.left:
        if top > 1:
            raise CorruptFileError(f"list of {top} values and no pixels")
        return np.full((height, width), table[top], np.uint16)
    if top == 0:
        raise CorruptFileError("pixels without a list of values")
    cuts = _cut(height, width)
    sizes = [fields.varint("size of a band") for _ in cuts[:-1]]
    if sum(sizes) >= fields.left:
        raise CorruptFileError(f"bands claim {sum(sizes)} bytes, {fields.left} remain")
    starts = np.cumsum([fields.at, *sizes]).tolist()
    bands = [payload[a:b] for a, b in zip(starts, [*starts[1:], len(payload)], strict=True)]
    plane = empty((height, width), np.uint16)
    wide, first = _as_they_are(table)

    def uncode(job: tuple[slice, bytes, _Proof | None]) -> None:
        cut, data, seen = job
        band = plane[cut]
        if seen and seen.data == data and np.array_equal(seen.table, table):
            band[:] = seen.band
        elif len(data) == band.size * wide:
            held = np.frombuffer(data, f"<u{wide}").reshape(band.shape)
            if wide == 1 and held.max() > top - first:
                raise CorruptFileError(f"byte {held.max()} is beyond a list of {top} values")
            band[:] = table[first:][held] if wide == 1 else held
        elif not decode_rows(band, table, np.frombuffer(bytearray(data), np.uint8), rows):
            raise CorruptFileError(f"rows from {cut.start} on end too early or are damaged")

    known = proof or [None] * len(cuts)
    _parallel(uncode, list(zip(cuts, bands, known, strict=True)), threads)
    return plane


def _cut(height: int, width: int) -> list[slice]:
    """Return the rows of each band: all of one height but the last, which may be lower."""
    rows = -(-height // -(-height * width // _PIXELS))
    return [slice(y, min(y + rows, height)) for y in range(0, height, rows)]


def _as_they_are(table: np.ndarray) -> tuple[int, int]:
    """Return how pixels are written as they are: the bytes of one, the place that byte 0 means.

    A place less the lowest, where a byte can hold it, else a value of two bytes, low first. Where
    0 is a value of the list there are no holes, so place 0 does not occur.
    """
    first = 1 if len(table) > 1 and table[1] == 0 else 0
    return (1, first) if len(table) - first <= 256 else (2, first)


def _parallel(do: Callable[[Job], Result], jobs: list[Job], threads: int | None) -> list[Result]:
    """Do the jobs, which let go of Python's lock, side by side; return the results in order."""
    workers = min(threads or usable_cores(), _THREADS, len(jobs))
    if workers == 1:
        return [do(job) for job in jobs]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(do, jobs))
