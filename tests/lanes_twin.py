"""`codings/lanes.py` in numpy: slow, plain, and what compiled code is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Lanes:
    """So many integers of 16, 32 or 64 bits, which wrap."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def _with(self, other: Any, do: Callable[[Any, Any], Any]) -> Lanes:
        kind = self.values.dtype
        second = other.values if isinstance(other, Lanes) else np.array(int(other)).astype(kind)
        return Lanes(do(self.values, second).astype(kind))

    def __add__(self, other: Any) -> Lanes:
        return self._with(other, np.add)

    def __sub__(self, other: Any) -> Lanes:
        return self._with(other, np.subtract)

    def __mul__(self, other: Any) -> Lanes:
        return self._with(other, np.multiply)

    def __and__(self, other: Any) -> Lanes:
        return self._with(other, np.bitwise_and)

    def __or__(self, other: Any) -> Lanes:
        return self._with(other, np.bitwise_or)

    def __xor__(self, other: Any) -> Lanes:
        return self._with(other, np.bitwise_xor)

    def __lshift__(self, other: Any) -> Lanes:
        return self._with(other, np.left_shift)

    def __rshift__(self, other: Any) -> Lanes:
        return self._with(other, np.right_shift)


def _span(rows: np.ndarray, row: int, count: int) -> Any:
    first = int(row) * (count if rows.ndim > 1 else 1)
    assert 0 <= first <= rows.size - count, "lanes reach beyond their array"
    return rows.reshape(-1).view(np.ndarray)[first : first + count]


def load8(rows: np.ndarray, row: int) -> Lanes:
    return Lanes(_span(rows, row, 8).copy())


def load16(rows: np.ndarray, row: int) -> Lanes:
    return Lanes(_span(rows, row, 16).copy())


def same4(value: int) -> Lanes:
    return Lanes(np.full(4, int(value)).astype(np.int32))


def same8(value: int) -> Lanes:
    return Lanes(np.full(8, int(value)).astype(np.int32))


def same16(value: int) -> Lanes:
    return Lanes(np.full(16, int(value)).astype(np.int32))


def load16_short(rows: np.ndarray, row: int) -> Lanes:
    return Lanes(_span(rows, row, 16).copy())


def load32_short(rows: np.ndarray, row: int) -> Lanes:
    return Lanes(_span(rows, row, 32).copy())


def load_pair(rows: np.ndarray, k: int) -> Lanes:
    return Lanes(np.tile(rows.reshape(-1).view(np.ndarray)[2 * k : 2 * k + 2], 16))


def same16_short(value: int) -> Lanes:
    return Lanes(np.full(16, int(value)).astype(np.int16))


def same32_short(value: int) -> Lanes:
    return Lanes(np.full(32, int(value)).astype(np.int16))


def store(rows: np.ndarray, row: int, lanes: Lanes) -> None:
    _span(rows, row, len(lanes.values))[:] = lanes.values


def put_lane(lanes: Lanes, k: int, value: int) -> Lanes:
    values = lanes.values.copy()
    values[k] = int(value)
    return Lanes(values)


def get_lane(lanes: Lanes, k: int) -> int:
    return int(lanes.values[k])


def wide(lanes: Lanes) -> Lanes:
    return Lanes(lanes.values.astype({4: np.int64, 2: np.int32}[lanes.values.itemsize]))


def narrow(lanes: Lanes) -> Lanes:
    return Lanes(lanes.values.astype({8: np.int32, 4: np.int16}[lanes.values.itemsize]))


def join(first: Lanes, last: Lanes) -> Lanes:
    half = {8: np.int32, 4: np.int16}[first.values.itemsize]
    return Lanes(np.concatenate([first.values, last.values]).astype(half))


def halves(lanes: Lanes) -> Lanes:
    return Lanes(lanes.values.view(np.int16))


def sum_pairs(one: Lanes, other: Lanes) -> Lanes:
    product = one.values.astype(np.int32) * other.values
    return Lanes(product[0::2] + product[1::2])


def high_product(one: Lanes, other: Lanes) -> Lanes:
    return Lanes((one.values.astype(np.int32) * other.values >> 16).astype(np.int16))


def scaled(one: Lanes, other: Lanes) -> Lanes:
    product = one.values.astype(np.int64) * other.values + (1 << 14) >> 15
    assert product.max() < 1 << 15, "a product wrapped"
    return Lanes(product.astype(np.int16))


def four_totals(*four: Lanes) -> Lanes:
    return Lanes(np.array([total(lanes) for lanes in four], np.int32))


def plus(one: Lanes, other: Lanes) -> Lanes:
    return Lanes(
        np.clip(one.values.astype(np.int32) + other.values, -32768, 32767).astype(np.int16)
    )


def at_most(lanes: Lanes, limits: Lanes) -> Lanes:
    return Lanes(np.minimum(lanes.values, limits.values))


def clip(lanes: Lanes, limits: Lanes) -> Lanes:
    return Lanes(np.maximum(np.minimum(lanes.values, limits.values), -limits.values))


def size_of(lanes: Lanes) -> Lanes:
    return Lanes(np.abs(lanes.values))


def high_half(lanes: Lanes) -> Lanes:
    return Lanes((lanes.values.view(np.uint32) >> 16).view(np.int32))


def total(lanes: Lanes) -> int:
    exact = sum(lanes.values.tolist())
    assert exact == int(lanes.values.sum(dtype=lanes.values.dtype)), "a sum wrapped"
    return exact


def prefetch(array: np.ndarray, place: int) -> None:
    assert 0 <= place < array.size
