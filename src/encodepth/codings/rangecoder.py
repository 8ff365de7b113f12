"""Adaptive binary arithmetic coding in exact integers, for the few symbols that need no network.

Encoder and decoder share nothing but counts: a context is a list `[zeros, ones]` that both sides
update alike, so the bytes mean the same on every machine. About a microsecond a decision.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CorruptFileError

Counts = list[int]  # [weight of zeros, weight of ones]

_TOP = 0xFFFFFFFF
_STEP = 4  # a seen bit weighs four times the prior
_LIMIT = 1020  # halve beyond this total, so that old pixels fade


def context() -> Counts:
    """Return the counts of a context that has seen nothing."""
    return [1, 1]


class Encoder:
    """Turns decisions into bytes."""

    def __init__(self) -> None:
        self._low, self._high, self._out = 0, _TOP, bytearray()

    def bit(self, bit: int, counts: Counts) -> int:
        """Code one decision and learn from it; return it."""
        zeros, ones = counts
        low, high = self._low, self._high
        middle = low + (high - low) * ones // (zeros + ones)
        if bit:
            high = middle
        else:
            low = middle + 1
        while not (low ^ high) & 0xFF000000:
            self._out.append(high >> 24)
            low, high = low << 8 & _TOP, high << 8 & _TOP | 0xFF
        self._low, self._high = low, high
        counts[bit] += _STEP
        if zeros + ones > _LIMIT:
            counts[0], counts[1] = counts[0] + 1 >> 1, counts[1] + 1 >> 1
        return bit

    def finish(self) -> bytes:
        """Return the bytes: the fewest that, with zeros after them, decode to what was coded."""
        for size in range(5):
            unit = 1 << 8 * (4 - size)
            value = -(-self._low // unit) * unit
            if value <= self._high:
                tail = value.to_bytes(5, "big")[1 : 1 + size]
                return bytes(self._out + tail)
        raise AssertionError("four bytes always suffice")


class Decoder:
    """Turns bytes back into decisions.

    Raises:
        CorruptFileError: from `bit`, when more is asked than the bytes can have meant; from
            `close`, when bytes are left.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._low, self._high = data, 4, 0, _TOP
        self._value = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def bit(self, counts: Counts) -> int:
        """Decode one decision and learn from it."""
        zeros, ones = counts
        low, high = self._low, self._high
        middle = low + (high - low) * ones // (zeros + ones)
        if self._value <= middle:
            bit, high = 1, middle
        else:
            bit, low = 0, middle + 1
        while not (low ^ high) & 0xFF000000:
            low, high = low << 8 & _TOP, high << 8 & _TOP | 0xFF
            byte = self._data[self._at] if self._at < len(self._data) else 0
            self._value, self._at = self._value << 8 & _TOP | byte, self._at + 1
            if self._at > len(self._data) + 4:
                raise CorruptFileError("an arithmetic-coded payload ends too early")
        self._low, self._high = low, high
        counts[bit] += _STEP
        if zeros + ones > _LIMIT:
            counts[0], counts[1] = counts[0] + 1 >> 1, counts[1] + 1 >> 1
        return bit

    def close(self) -> None:
        """Check that all bytes were needed."""
        if self._at < len(self._data):
            raise CorruptFileError(f"{len(self._data) - self._at} stray arithmetic-coded bytes")


class Numbers:
    """Whole numbers by adaptive Elias gamma codes: how many bits, then the bits, high first."""

    def __init__(self) -> None:
        self._length = [context() for _ in range(33)]
        self._bits = [context() for _ in range(33 * 4)]

    def put(self, coder: Encoder, value: int) -> None:
        """Code a number in 0..2^32 - 2."""
        self._walk(lambda counts, bit: coder.bit(bit, counts), value + 1)

    def get(self, coder: Decoder) -> int:
        """Decode a number that `put` coded."""
        return self._walk(lambda counts, _: coder.bit(counts), None) - 1

    def _walk(self, code: Callable[[Counts, int], int], value: int | None) -> int:
        """Visit the decisions of a number >= 1; a decoder passes None and learns it from `code`."""
        length = value.bit_length() if value is not None else 0
        size = 1
        while size < 32 and code(self._length[size], int(length > size)):
            size += 1
        found = 1
        for place in range(size - 2, -1, -1):
            depth = size - 2 - place  # the first two bits after the leading one are worth learning
            counts = self._bits[size * 4 + min(depth, 1) * 2 + (found & 1)]
            if depth > 1:
                counts = context()
            found = found << 1 | code(counts, (value or 0) >> place & 1)
        return found
