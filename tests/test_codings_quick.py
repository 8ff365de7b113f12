"""The quick codings: every plane comes back, bytes stay as they are, damage is reported."""

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from encodepth.codings import band_rows, bands, mixed, quick, values
from encodepth.codings.exact import merged_values, prove
from encodepth.errors import CorruptFileError, EncodepthError

CODINGS = pytest.mark.parametrize("coding", [quick, mixed], ids=["quick", "mixed"])
SLOW = settings(  # the first example compiles
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)


def room(height: int = 48, width: int = 64) -> np.ndarray:
    """Return a slanted wall, a box before it and the box's shadow."""
    y, x = np.mgrid[:height, :width]
    depth = 1500 + 3 * x + y // 2
    depth[height // 3 : height // 2, width // 4 : width // 2] = 900
    depth[height // 3 : height // 2, width // 5 : width // 4] = 0
    return depth.astype(np.uint16)


def noise(height: int = 24, width: int = 32, top: int = 65535) -> np.ndarray:
    """Return noise of a congruential generator, the same in every version of everything."""
    state, out = 1, []
    for _ in range(height * width):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append((state >> 8) % (top + 1))
    return np.array(out, np.uint16).reshape(height, width)


PLANES = {
    "room": room(),
    "noise": noise(),
    "bytes": noise(top=255),
    "holes": np.zeros((9, 7), np.uint16),
    "one": np.full((1, 1), 65535, np.uint16),
    "two": (noise(top=1) * 4000).astype(np.uint16),
    "row": room()[5:6],
    "column": np.ascontiguousarray(room()[:, 20:21]),
}
GOLDEN = {  # never edit: old files are read for ever
    ("quick", "room"): (48, "0b90752dafaafdbb56cb5681"),
    ("quick", "noise"): (1974, "3c451f57e101247d330e8db8"),
    ("quick", "bytes"): (781, "969cfda6874180d7c52c90f2"),
    ("quick", "holes"): (2, "0180"),
    ("quick", "one"): (4, "0360001f"),
    ("quick", "two"): (120, "d86e8f042203c4dce5e4fea7"),
    ("quick", "row"): (12, "0603d200c48d017fffffffd5"),
    ("quick", "column"): (21, "090cd00e02d073fc070ff26a71128d2bb268aac154"),
    ("mixed", "room"): (32, "0e8ca087428f007fa4de8508"),
    ("mixed", "noise"): (1861, "e4298f46399090ec492f0f34"),
    ("mixed", "bytes"): (781, "969cfda6874180d7c52c90f2"),
    ("mixed", "holes"): (2, "0180"),
    ("mixed", "one"): (4, "0360001f"),
    ("mixed", "two"): (116, "cc35779b257c220f35afaf90"),
    ("mixed", "row"): (10, "0603d200c48d017fffff"),
    ("mixed", "column"): (18, "090cd00e02d073fc070ff3ce698bcd699b1e"),
}

SMALL = arrays.arrays(
    np.uint16,
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    elements=st.one_of(st.integers(0, 3), st.integers(0, 65535)),
)


@CODINGS
@pytest.mark.parametrize("name", PLANES)
def test_bytes_are_these(coding, name):
    payload = coding.encode_plane(PLANES[name])
    short = payload.hex() if len(payload) < 24 else hashlib.sha256(payload).hexdigest()[:24]
    assert (len(payload), short) == GOLDEN[coding.__name__.split(".")[-1], name]
    assert np.array_equal(coding.decode_plane(payload, *PLANES[name].shape), PLANES[name])


@CODINGS
@SLOW
@given(plane=SMALL, holes=st.booleans())
@example(plane=np.array([[0, 65535]], np.uint16), holes=False)
@example(plane=np.array([[0, 65535]], np.uint16), holes=True)
def test_any_plane_comes_back(coding, plane, holes):
    payload = coding.encode_plane(plane, holes=holes)
    assert np.array_equal(coding.decode_plane(payload, *plane.shape), plane)
    assert len(payload) <= 3 * plane.size + 64


@CODINGS
@SLOW
@given(plane=SMALL, error=st.integers(0, 40000), holes=st.booleans())
def test_a_bound_holds(coding, plane, error, holes):
    decoded = coding.decode_plane(
        coding.encode_plane(plane, error=error, holes=holes), *plane.shape
    )
    prove(plane, decoded, error, holes)
    assert np.array_equal(decoded, values.merged(plane, error, holes))


@SLOW
@given(plane=SMALL, error=st.integers(1, 400))
def test_merging_is_as_in_exact_depth(plane, error):
    used = np.unique(plane[plane > 0]).astype(np.int64)
    assert np.array_equal(values.merged(plane, error), merged_values(used, error)[plane])


def test_a_broken_bound_is_reported():
    with pytest.raises(EncodepthError, match="off by 3 steps, more than 2"):
        prove(room(), np.where(room() > 0, room() + 3, 0), 2)
    with pytest.raises(EncodepthError, match="other holes"):
        prove(room(), np.maximum(room(), 1), 5)


@CODINGS
def test_every_value_at_once(coding):
    plane = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for holes in (True, False):
        assert np.array_equal(
            coding.decode_plane(coding.encode_plane(plane, holes=holes), 256, 256), plane
        )


@CODINGS
@pytest.mark.parametrize("top", [1, 255, 65535])
def test_noise_never_takes_more_than_it_does_as_it_is(coding, top):
    plane = np.random.default_rng(0).integers(0, top + 1, (200, 300)).astype(np.uint16)
    listed = len(values.encode_values(np.unique(plane)))
    assert len(coding.encode_plane(plane)) <= plane.size * (1 if top <= 255 else 2) + listed + 8


@CODINGS
def test_bytes_do_not_depend_on_threads(coding, monkeypatch):
    monkeypatch.setattr(bands, "_PIXELS", 2000)
    plane = room(130, 90)
    assert len(bands._cut(*plane.shape)) == 6
    one, three = coding.encode_plane(plane, threads=1), coding.encode_plane(plane, threads=3)
    assert one == three
    for threads in (1, 3):
        assert np.array_equal(coding.decode_plane(one, *plane.shape, threads=threads), plane)


@CODINGS
@SLOW
@given(plane=SMALL)
@example(plane=room())
def test_bytes_are_decoded_while_they_are_written(coding, plane):
    """The last bytes written may still change, so what is read a row behind ends before them."""
    listed, place, _ = values.places(plane)
    table = np.concatenate([np.zeros(1, np.uint16), listed])
    rows, wide = coding._CODING.rows, np.zeros(3 * plane.size + 64, np.uint8)
    size = band_rows.encode_rows(plane, place, len(listed), wide, rows)
    data = np.full(size, 255, np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(band_rows, "_STEP", 1)
        found, back = band_rows.encode_and_decode_rows(plane, place, table, data, rows)
    assert (found, data.tobytes()) == (size, wide[:size].tobytes())
    assert np.array_equal(back, plane)


@CODINGS
def test_what_was_seen_of_other_bytes_proves_nothing(coding):
    plane, proof = room(), []
    payload = bands._encode(plane, coding._CODING.rows, 0, True, None, proof)
    other = bands._Proof(proof[0].data if proof[0] else b"", np.zeros(3, np.uint16), plane + 1)
    assert np.array_equal(
        bands._decode(payload, *plane.shape, coding._CODING.rows, None, [other]), plane
    )


@CODINGS
@pytest.mark.parametrize("name", ["room", "bytes"])
def test_truncation_is_reported_or_harmless(coding, name):
    plane = PLANES[name]
    payload = coding.encode_plane(plane)
    for cut in range(0, len(payload), 1 + len(payload) // 97):
        assert reads(coding, payload[:cut], plane.shape) in ("corrupt", "a plane")
    assert reads(coding, payload[: len(payload) // 2], plane.shape) == "corrupt"


@CODINGS
@SLOW
@given(data=st.data())
def test_damage_is_reported_or_gives_a_plane(coding, data):
    plane = PLANES[data.draw(st.sampled_from(sorted(PLANES)))]
    payload = bytearray(coding.encode_plane(plane))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    reads(coding, bytes(payload), plane.shape)


@CODINGS
@SLOW
@given(payload=st.binary(max_size=200))
def test_any_bytes_are_reported_or_give_a_plane(coding, payload):
    reads(coding, payload, (17, 23))


@SLOW
@given(st.sets(st.integers(0, 65535)))
def test_lists_come_back(chosen):
    listed = np.array(sorted(chosen), np.uint16)
    assert np.array_equal(values.decode_values(values.encode_values(listed)), listed)


def reads(coding, payload: bytes, shape: tuple[int, int]) -> str:
    """Decode; anything but a plane of that shape or a `CorruptFileError` fails the test."""
    try:
        plane = coding.decode_plane(payload, *shape)
    except CorruptFileError:
        return "corrupt"
    assert plane.shape == shape
    assert plane.dtype == np.uint16
    return "a plane"
