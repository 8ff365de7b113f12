"""Integer symbols to bytes and back, under shipped tables, by constriction's range coder.

Tables: 64 zero-mean Gaussians with log-spaced scales. A table's index is an integer; what it means
is fixed by the tables in the weights file. They are made once, by `gaussian_tables`, and shipped,
never made again at decoding: exponentials differ in the last bit between processors. Symbols that
share a table are coded together, so a call costs one pass per table in use. Table 0 is so narrow
that its symbols are zero by contract and cost nothing.
"""

from __future__ import annotations

import binascii
import functools
import math
from dataclasses import dataclass

import constriction
import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError

Ints = NDArray[np.int32]
Indexes = NDArray[np.uint8]

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.11, 128.0
PRECISION = 24  # frequencies of a table sum to 2^24
ESCAPE_LIMIT = 32767  # symbols outside a table are sent as 16 bits
_LOG_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
_RAW = constriction.stream.model.Uniform(1 << 16)


def scale_of(index: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the standard deviation that a table index stands for."""
    return SCALE_MIN * np.exp(np.asarray(index, dtype=np.float64) * _LOG_STEP)


def index_of(scale: float) -> float:
    """Return the (fractional) table index of a standard deviation."""
    return math.log(scale / SCALE_MIN) / _LOG_STEP


def gaussian_tables() -> tuple[Ints, Ints]:
    """Return (radii (64,), frequencies (sum of 2 * radius + 2,)).

    Table k covers the symbols -radius..radius, and one escape symbol comes last. Every frequency
    is at least 1 and the frequencies of a table sum to 2^PRECISION.
    """
    scales = scale_of(np.arange(SCALES, dtype=np.float64))
    radii = np.ceil(5 * scales).astype(np.int32) + 1
    tables = [_table(float(s), int(r)) for s, r in zip(scales, radii, strict=True)]
    return radii, np.concatenate(tables)


def _table(scale: float, radius: int) -> Ints:
    edges = [0.5 * math.erfc(-(k - 0.5) / scale / math.sqrt(2)) for k in range(-radius, radius + 2)]
    mass = np.diff(np.array(edges))
    mass = np.append((mass + mass[::-1]) / 2, 2 * edges[0])  # symmetric; the tails escape
    mass = np.maximum(mass, 4.0 / 2**PRECISION)
    frequency = np.maximum(np.round(mass / mass.sum() * 2**PRECISION), 1).astype(np.int64)
    frequency[radius] += 2**PRECISION - frequency.sum()
    return frequency.astype(np.int32)


class Tables:
    """A set of integer probability tables, ready for the coder.

    Args:
        radii: (K,) table k covers -radius..radius, then one escape symbol.
        frequencies: the tables end to end, each summing to 2^24.
    """

    def __init__(self, radii: Ints, frequencies: Ints) -> None:
        self.radii = np.asarray(radii, dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(2 * self.radii + 2)])
        self.frequencies = np.asarray(frequencies, dtype=np.int64)
        if self.radii.min(initial=1) < 0 or self.starts[-1] != len(self.frequencies):
            raise ValueError(f"{len(self.frequencies)} frequencies, radii ask {self.starts[-1]}")
        sums = np.add.reduceat(self.frequencies, self.starts[:-1])
        if self.frequencies.min() < 1 or (sums != 1 << PRECISION).any():
            raise ValueError("a probability table does not sum to 2^24")
        self._cost = (PRECISION - np.log2(self.frequencies)).astype(np.float32)
        self._cost[self.starts[1:] - 1] += 16  # an escape's number follows it

    @functools.cache  # noqa: B019  one instance lives as long as its model
    def model(self, k: int) -> constriction.stream.model.Categorical:
        """Return the coder's model of table k."""
        mass = self.frequencies[self.starts[k] : self.starts[k + 1]] / (1 << PRECISION)
        return constriction.stream.model.Categorical(mass, perfect=False)

    def bits(self, symbols: Ints, index: NDArray[np.integer]) -> float:
        """Return the ideal code length of symbols (N,) under tables index (N,), in bits."""
        radius = self.radii[index]
        symbol = symbols.astype(np.int64)
        escaped = np.abs(symbol) > radius
        at = self.starts[index] + np.where(escaped, 2 * radius + 1, symbol + radius)
        return float(self._cost[at][index > 0].sum(dtype=np.float64))


@dataclass(frozen=True)
class Coded:
    """Symbols as an encoder made them."""

    payload: bytes
    check: int  # CRC-16/XMODEM of the symbols
    bits: float  # ideal code length under the model's own tables


class Encoder:
    """Push symbols, then take the bytes.

    Attributes:
        bits: ideal code length of what was pushed.
        check: CRC-16/XMODEM of what was pushed, as int16, little-endian.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables, self._coder = tables, constriction.stream.queue.RangeEncoder()
        self.bits, self.check = 0.0, 0

    def push(self, symbols: Ints, index: NDArray[np.integer]) -> None:
        """Append symbols (N,) coded with tables index (N,); those of table 0 must be 0."""
        self.bits += self._tables.bits(symbols, index)
        self.check = _check(symbols, self.check)
        for k, where in _by_table(index):
            radius = int(self._tables.radii[k])
            some = symbols[where].astype(np.int32)
            escaped = np.abs(some) > radius
            shifted = np.where(escaped, 2 * radius + 1, some + radius).astype(np.int32)
            self._coder.encode(shifted, self._tables.model(k))
            if escaped.any():
                self._coder.encode((some[escaped] + ESCAPE_LIMIT).astype(np.int32), _RAW)

    def finish(self) -> bytes:
        """Return the payload; trailing zero bytes are left out."""
        whole: bytes = self._coder.get_compressed().astype("<u4").tobytes()
        payload = whole.rstrip(b"\0")
        return payload if self.bits <= _most_bits(payload) else whole


class Decoder:
    """Pull the symbols in the order in which they were pushed.

    Attributes:
        check: CRC-16/XMODEM of what was pulled.
    """

    def __init__(self, tables: Tables, payload: bytes) -> None:
        words = np.frombuffer(payload + bytes(-len(payload) % 4), dtype="<u4").astype(np.uint32)
        self._tables, self._coder = tables, constriction.stream.queue.RangeDecoder(words)
        self._size, self._left = len(payload), _most_bits(payload)
        self.check = 0

    def pull(self, index: NDArray[np.integer]) -> Ints:
        """Return the next symbols (N,), coded with tables index (N,).

        Raises:
            CorruptFileError: no symbols can come of these bytes, or not so many: what a header
                with a forged size ends in before it costs time and memory.
        """
        symbols = np.zeros(len(index), dtype=np.int32)
        for k, where in _by_table(index):
            radius = int(self._tables.radii[k])
            try:
                some = self._coder.decode(self._tables.model(k), len(where)) - radius
                escaped = some > radius
                if escaped.any():
                    raw = self._coder.decode(_RAW, int(escaped.sum()))
                    some[escaped] = raw - ESCAPE_LIMIT
            except (AssertionError, ValueError) as error:
                raise CorruptFileError(f"entropy-coded data is not valid: {error}") from None
            symbols[where] = some
        self._left -= self._tables.bits(symbols, index)
        if self._left < 0:
            raise CorruptFileError(f"entropy-coded data ends early: {self._size} bytes are too few")
        self.check = _check(symbols, self.check)
        return symbols


def _check(symbols: Ints, before: int) -> int:
    return binascii.crc_hqx(symbols.astype("<i2").tobytes(), before)


def _most_bits(payload: bytes) -> float:
    """Bits of symbols that a payload can hold at most; the coder itself is within 1 % of ideal."""
    return 1.25 * 8 * len(payload) + 1024


def _by_table(index: NDArray[np.integer]) -> list[tuple[int, NDArray[np.intp]]]:
    """Return (table, positions of its symbols) for every table in use but 0, ascending."""
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index)
    ends = np.cumsum(counts)
    used = np.flatnonzero(counts).tolist()
    return [(k, order[ends[k] - counts[k] : ends[k]]) for k in used if k > 0]
