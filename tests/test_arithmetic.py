"""Adaptive arithmetic coding: exact inverses, near the entropy, and ends that are noticed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.codings.arithmetic import (
    check_end,
    counts,
    decoder,
    encoder,
    finish,
    get_counted,
    get_number,
    numbers,
    over,
    put_counted,
    put_number,
)
from encodepth.errors import CorruptFileError

DECISIONS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=300)


def coded(decisions):
    coder, data, seen = encoder(), np.zeros(20000, np.uint8), counts(3)
    for which, bit in decisions:
        put_counted(bit, seen[which], coder, data)
    return data[: finish(coder, data)]


@given(DECISIONS)
@settings(deadline=None)
def test_decoding_inverts_coding_and_uses_every_byte(decisions):
    data, seen = coded(decisions), counts(3)
    coder = decoder(data)
    found = [get_counted(seen[which], coder, data) for which, _ in decisions]
    assert found == [bit for _, bit in decisions]
    check_end(coder, data)


@given(st.lists(st.integers(0, 2**32 - 2), max_size=40))
@settings(deadline=None)
def test_numbers_come_back(values):
    coder, data, seen = encoder(), np.zeros(8000, np.uint8), numbers(1)[0]
    for value in values:
        put_number(value, seen, coder, data)
    data = data[: finish(coder, data)]
    coder, seen = decoder(data), numbers(1)[0]
    assert [get_number(seen, coder, data) for _ in values] == values
    check_end(coder, data)


def test_a_skewed_source_costs_near_its_entropy():
    share, count = 1 / 50, 20000
    decisions = [(0, int(i % 50 == 0)) for i in range(count)]
    entropy = -(share * math.log2(share) + (1 - share) * math.log2(1 - share)) * count / 8
    assert len(coded(decisions)) < entropy * 1.1 + 2


def test_missing_and_stray_bytes_are_reported():
    data = coded([(i % 3, i * 7 % 5 % 2) for i in range(400)])
    short = data[:10].copy()
    coder = decoder(short)
    while not over(coder, short):
        get_counted(counts(1)[0], coder, short)
    with pytest.raises(CorruptFileError, match="ends too early"):
        check_end(coder, short)
    with pytest.raises(CorruptFileError, match="stray arithmetic-coded bytes"):
        check_end(decoder(data), data)


def test_golden_bytes_of_version_1():
    assert coded([(i % 3, i * i % 7 % 2) for i in range(64)]).tobytes().hex() == GOLDEN


GOLDEN = "bc7f31d6152bfd592a"
