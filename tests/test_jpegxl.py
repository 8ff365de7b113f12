"""JPEG XL frames without headers: every size's header is the one libjxl writes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.codings.jpegxl import decode_frame, encode_frame
from encodepth.errors import CorruptFileError

SIDE = st.integers(1, 70) | st.sampled_from([8, 64, 248, 256, 264, 320, 480, 512, 513, 640])
RATIO = st.sampled_from([(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)])
LONG = st.sampled_from([(8192, 1), (1, 8193), (1, 65535), (300, 2), (2, 300)])
SHAPE = (
    st.tuples(SIDE, SIDE)
    | LONG
    | st.builds(lambda height, ratio: (height, max(1, height * ratio[0] // ratio[1])), SIDE, RATIO)
)
KIND = st.sampled_from([(np.uint8, ()), (np.uint16, ()), (np.uint8, (3,))])


@settings(max_examples=150, deadline=None)
@given(SHAPE, KIND, st.integers(0, 2**32))
def test_any_size_and_kind_comes_back(shape, kind, seed):
    dtype, channels = kind
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, rng.integers(2, 200), shape + channels).astype(dtype)
    coded = encode_frame(picture, 2)
    assert np.array_equal(decode_frame(coded, picture.shape, dtype), picture)


@pytest.mark.parametrize("effort", range(1, 10))
def test_every_effort_is_exact(effort):
    picture = np.random.default_rng(0).integers(0, 60000, (51, 27)).astype(np.uint16)
    assert np.array_equal(decode_frame(encode_frame(picture, effort), (51, 27), np.uint16), picture)


def test_a_frame_that_is_cut_is_a_corrupt_file():
    coded = encode_frame(np.arange(600, dtype=np.uint16).reshape(20, 30) ** 2 % 997, 7)
    for size in (0, 1, len(coded) // 2, len(coded) - 1):
        with pytest.raises(CorruptFileError, match=f"damaged JPEG XL payload of {size} bytes"):
            decode_frame(coded[:size], (20, 30), np.uint16)
