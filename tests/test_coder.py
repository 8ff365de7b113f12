"""Symbols survive the coder, and its bytes are what the tables say."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from encodepth.errors import CorruptFileError
from encodepth.learned.symbols import (
    ESCAPE_LIMIT,
    PRECISION,
    SCALES,
    Decoder,
    Encoder,
    Tables,
    gaussian_tables,
    index_of,
    scale_of,
)

TABLES = Tables(*gaussian_tables())


@given(
    hnp.arrays(np.int32, st.integers(0, 300), elements=st.integers(-40, 40)),
    st.integers(0, 2**32 - 1),
)
def test_symbols_come_back(symbols, seed):
    index = np.random.default_rng(seed).integers(0, SCALES, len(symbols)).astype(np.uint8)
    symbols[index == 0] = 0
    encoder = Encoder(TABLES)
    encoder.push(symbols, index)
    np.testing.assert_array_equal(Decoder(TABLES, encoder.finish()).pull(index), symbols)


def test_pushes_are_pulled_in_order_even_far_outside_the_tables():
    encoder = Encoder(TABLES)
    first = np.array([ESCAPE_LIMIT, -ESCAPE_LIMIT, 3], np.int32)
    second = np.array([0, -1], np.int32)
    encoder.push(first, np.array([1, 63, 5], np.uint8))
    encoder.push(second, np.array([0, 2], np.uint8))
    decoder = Decoder(TABLES, encoder.finish())
    np.testing.assert_array_equal(decoder.pull(np.array([1, 63, 5], np.uint8)), first)
    np.testing.assert_array_equal(decoder.pull(np.array([0, 2], np.uint8)), second)


def test_bytes_are_within_one_percent_of_the_ideal():
    rng = np.random.default_rng(5)
    index = rng.integers(1, SCALES, 20000).astype(np.uint8)
    symbols = np.rint(rng.normal(size=20000) * scale_of(index)).astype(np.int32)
    encoder = Encoder(TABLES)
    encoder.push(symbols, index)
    assert encoder.bits / 8 <= len(encoder.finish()) <= encoder.bits / 8 * 1.01 + 8


def test_table_zero_costs_nothing():
    encoder = Encoder(TABLES)
    encoder.push(np.zeros(1000, np.int32), np.zeros(1000, np.uint8))
    assert encoder.bits == 0
    assert encoder.finish() == b""


@given(st.binary(max_size=64), st.integers(1, 400))
def test_any_bytes_decode_to_some_symbols_or_are_refused(payload, count):
    index = (np.arange(count) % SCALES).astype(np.uint8)
    with contextlib.suppress(CorruptFileError):
        assert Decoder(TABLES, payload).pull(index).shape == (count,)


def test_tables_are_whole_and_symmetric():
    radii, frequencies = gaussian_tables()
    starts = np.concatenate([[0], np.cumsum(2 * radii + 2)])
    for k in range(SCALES):
        table = frequencies[starts[k] : starts[k + 1]]
        assert table.sum() == 1 << PRECISION
        assert table.min() >= 1
        np.testing.assert_array_equal(table[:-1], table[:-1][::-1])


def test_scale_and_index_are_inverse():
    assert index_of(float(scale_of(17.0))) == pytest.approx(17.0)


def test_a_damaged_table_is_refused():
    radii, frequencies = gaussian_tables()
    frequencies[3] += 1
    with pytest.raises(ValueError, match="does not sum to 2\\^24"):
        Tables(radii, frequencies)


def test_more_symbols_than_the_bytes_can_hold_are_refused():
    encoder, index = Encoder(TABLES), np.full(5000, 40, np.uint8)
    encoder.push(np.zeros(5000, np.int32), index)
    decoder = Decoder(TABLES, encoder.finish())
    assert not decoder.pull(index).any()
    with pytest.raises(CorruptFileError, match="ends early"):
        decoder.pull(np.full(50000, 40, np.uint8))
