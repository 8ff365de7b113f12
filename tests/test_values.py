"""Lists of depth values: exact, the same bytes for ever, damage named."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.codings.value_list import decode_values, encode_values
from encodepth.errors import CorruptFileError


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 65535), min_size=1, max_size=300))
def test_any_list_comes_back(values):
    ordered = np.array(sorted(values))
    assert np.array_equal(decode_values(encode_values(ordered)), ordered)


def test_the_bytes_of_version_1_stay():
    k = np.arange(400)
    digest = hashlib.sha256()
    for values in (k[:1], k[7:8], np.unique(k * k // 3 % 65536), k * 163, np.arange(65536)):
        digest.update(encode_values(values))
    assert digest.hexdigest()[:16] == "29ba784e8b215e48"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends too early"),
        (encode_values(np.arange(0, 4000, 7)) + bytes(9), "stray arithmetic-coded bytes"),
        (b"\xff" * 40, "36 stray arithmetic"),
        (b"\x00" * 40, "list of 4294967295 depth values; at most 65536 exist"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(CorruptFileError, match=message):
        decode_values(data)
