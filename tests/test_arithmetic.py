"""Adaptive arithmetic coding: exact inverses, near the entropy, and ends that are noticed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodepth.errors import CorruptFileError
from encodepth.rangecoder import Decoder, Encoder, Numbers, context

DECISIONS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=300)


def coded(decisions):
    coder, counts = Encoder(), [context() for _ in range(3)]
    for which, bit in decisions:
        coder.bit(bit, counts[which])
    return coder.finish()


@given(DECISIONS)
def test_decoding_inverts_coding_and_uses_every_byte(decisions):
    coder, counts = Decoder(coded(decisions)), [context() for _ in range(3)]
    assert [coder.bit(counts[which]) for which, _ in decisions] == [bit for _, bit in decisions]
    coder.close()


@given(st.lists(st.integers(0, 2**32 - 2), max_size=40))
def test_numbers_come_back(values):
    coder, numbers = Encoder(), Numbers()
    for value in values:
        numbers.put(coder, value)
    decoder, numbers = Decoder(coder.finish()), Numbers()
    assert [numbers.get(decoder) for _ in values] == values
    decoder.close()


def test_a_skewed_source_costs_near_its_entropy():
    share, count = 1 / 50, 20000
    decisions = [(0, int(i % 50 == 0)) for i in range(count)]
    entropy = -(share * math.log2(share) + (1 - share) * math.log2(1 - share)) * count / 8
    assert len(coded(decisions)) < entropy * 1.1 + 2


def test_missing_and_stray_bytes_are_reported():
    data = coded([(i % 3, i * 7 % 5 % 2) for i in range(400)])
    decoder = Decoder(data[:10])
    with pytest.raises(CorruptFileError, match="ends too early"):
        [decoder.bit(context()) for _ in range(4000)]
    with pytest.raises(CorruptFileError, match="stray arithmetic-coded bytes"):
        Decoder(data).close()


def test_golden_bytes_of_version_1():
    assert coded([(i % 3, i * i % 7 % 2) for i in range(64)]).hex() == GOLDEN


GOLDEN = "bc7f31d6152bfd592a"
