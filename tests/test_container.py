"""The bytes of an .rgbd file: exact inverses, every damage reported, golden files for ever."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.container import MAGIC, Coding, Container, Kind, Stream
from encodepth.errors import CorruptFileError
from encodepth.frame import Intrinsics

SIDE = st.integers(1, 0x2C00)
SIZE = st.tuples(SIDE, SIDE)
QUALITY = st.integers(0, 100)
WEIGHTS = st.integers(0, 2**32 - 1)
CHECK = st.integers(0, 0xFFFF)
PAYLOAD = st.binary(max_size=300)
UNIT = st.sampled_from([0.001, 0.0002, 1.0, 0.01]) | st.floats(1e-9, 1e3)
CAMERA = st.builds(
    Intrinsics,
    st.floats(0.0078125, 1e5, width=32),
    st.floats(0.0078125, 1e5, width=32),
    st.floats(-1e5, 1e5, width=32),
    st.floats(-1e5, 1e5, width=32),
)


@st.composite
def depth_streams(draw, color=None, same_size=False):
    coding = draw(st.sampled_from(Coding))
    payload = draw(PAYLOAD)
    if coding == Coding.EXACT:
        return Stream(Kind.DEPTH, coding, payload, max_error=draw(st.integers(0, 65535)))
    low = draw(st.integers(1, 65535))
    fields = {"quality": draw(QUALITY), "low": low, "high": draw(st.integers(low, 65535))}
    if coding == Coding.LEARNED:
        fields |= {"weights": draw(WEIGHTS), "check": draw(CHECK)}
        if color is not None and color.coding == Coding.LEARNED and draw(st.booleans()):
            fields |= {"weights": color.weights, "depends": same_size}
    if coding == Coding.RESTORED:
        payload = bytes([draw(st.integers(0, 63))]) + payload
        fields |= {"weights": draw(WEIGHTS), "depends": same_size and draw(st.booleans())}
    return Stream(Kind.DEPTH, coding, payload, **fields)


@st.composite
def color_streams(draw):
    coding = draw(st.sampled_from([c for c in Coding if c != Coding.RESTORED]))
    fields = {} if coding == Coding.EXACT else {"quality": draw(QUALITY)}
    if coding == Coding.LEARNED:
        fields |= {"weights": draw(WEIGHTS), "check": draw(CHECK)}
    return Stream(Kind.COLOR, coding, draw(PAYLOAD), **fields)


@st.composite
def containers(draw):
    has_color, has_depth = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    color_size = draw(SIZE) if has_color else None
    depth_size = draw(st.just(color_size or (640, 480)) | SIZE) if has_depth else None
    streams = [draw(color_streams())] if has_color else []
    if has_depth:
        depth = draw(depth_streams(streams[0] if streams else None, color_size == depth_size))
        streams.append(depth)
        if depth.coding != Coding.EXACT and draw(st.booleans()):
            streams.append(Stream(Kind.MASK, Coding.EXACT, draw(PAYLOAD)))
    order = tuple(draw(st.permutations(streams)))
    return Container(order, color_size, depth_size, draw(UNIT), draw(st.none() | CAMERA))


GOLDEN_DEPTH = bytes.fromhex(  # 640x480, AVIF depth 500..2710 mm; never edit
    "9a525a44 01 00 01  8005 e003  09 32 f403 a211  010203  ddbb11a3"
)
GOLDEN_JOINT = bytes.fromhex(  # the worked example of docs/format.md; never edit
    "9a525a44 01 02 03  8005 e003  8827"
    "00 32 efbeadde 519f 03"
    "12 02"
    "c1 28 c051 f403 a211"
    "c0104c  0001  d37e11  40084283"
)


@given(containers())
def test_parse_inverts_serialize(container):
    assert Container.parse(container.serialize()) == container


@settings(max_examples=50)
@given(containers(), st.data())
def test_every_truncation_is_reported(container, data):
    whole = container.serialize()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CorruptFileError):
        Container.parse(whole[:cut])


@given(containers(), st.data())
def test_every_changed_byte_is_reported(container, data):
    whole = bytearray(container.serialize())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptFileError):
        Container.parse(bytes(whole))


@settings(max_examples=400)
@given(containers(), st.data())
def test_resealed_damage_is_parsed_or_reported_never_a_crash(container, data):
    body = bytearray(container.serialize()[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(5, min(len(body) - 1, 60)))] = data.draw(st.integers(0, 255))
    try:
        parsed = Container.parse(sealed(body))
    except CorruptFileError:
        return
    assert parsed.serialize() == sealed(body)


def test_golden_files_of_version_1():
    depth = Stream(Kind.DEPTH, Coding.AVIF, b"\1\2\3", quality=50, low=500, high=2710)
    expected = Container((depth,), depth_size=(640, 480))
    assert expected.serialize().hex() == GOLDEN_DEPTH.hex()
    assert Container.parse(GOLDEN_DEPTH) == expected


def test_golden_joint_file_is_the_worked_example():
    expected = Container(
        (
            Stream(
                Kind.COLOR,
                Coding.LEARNED,
                b"\xc0\x10\x4c",
                quality=50,
                weights=0xDEADBEEF,
                check=0x9F51,
            ),
            Stream(Kind.MASK, Coding.EXACT, b"\0\1"),
            Stream(
                Kind.DEPTH,
                Coding.LEARNED,
                b"\xd3\x7e\x11",
                quality=40,
                low=500,
                high=2710,
                weights=0xDEADBEEF,
                check=0x51C0,
                depends=True,
            ),
        ),
        (640, 480),
        (640, 480),
        0.0002,
    )
    assert expected.serialize().hex() == GOLDEN_JOINT.hex()
    assert Container.parse(GOLDEN_JOINT) == expected


def test_a_joint_learned_file_has_at_most_40_bytes_besides_its_payloads():
    streams = (
        Stream(Kind.COLOR, Coding.LEARNED, bytes(20000), quality=99, weights=1, check=2),
        Stream(Kind.MASK, Coding.EXACT, bytes(5000)),
        Stream(Kind.DEPTH, Coding.LEARNED, bytes(3000), quality=99, low=500, high=9000, weights=1),
    )
    whole = Container(streams, (1280, 720), (1280, 720), 0.0002).serialize()
    assert len(whole) - 28000 <= 40


def sealed(body):
    return bytes(body) + zlib.crc32(body).to_bytes(4, "little")


def joint(**changes):
    fields = {"color_size": (4, 2), "depth_size": (4, 2)} | changes
    color = Stream(Kind.COLOR, Coding.AVIF, b"ab", quality=50)
    depth = Stream(Kind.DEPTH, Coding.EXACT, b"c")
    return Container((color, depth), **fields)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (
            5,
            0x48,
            "feature bits 0x48 are unknown to this build; a newer encodepth may read",
        ),
        (6, 0, "0 streams; expected 1..16"),
        (6, 17, "17 streams; expected 1..16"),
        (7, 0, "color of 0x2 is outside 1..134217728 pixels"),
        (9, 7, "unknown stream kind 7 at byte 9"),
        (9, 0x38, "unknown coding 7 at byte 9"),
        (9, 0x88, "stream at byte 9 needs no weights but repeats some"),
        (10, 101, r"quality 101 of the color stream is outside 0\.\.100"),
        (11, 99, "payload at byte 14 claims 99 bytes, 3 remain"),
    ],
)
def test_resealed_damage_is_named(at, value, message):
    body = bytearray(joint().serialize()[:-4])
    body[at] = value
    with pytest.raises(CorruptFileError, match=message):
        Container.parse(sealed(body))


def test_other_files_and_versions_are_named():
    with pytest.raises(CorruptFileError, match=r"not an \.rgbd file: starts with 89504e47"):
        Container.parse(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptFileError, match="starts with nothing"):
        Container.parse(b"")
    with pytest.raises(CorruptFileError, match="truncated: 5 bytes"):
        Container.parse(MAGIC + b"\1")
    with pytest.raises(CorruptFileError, match="format version 9; this build reads version 1"):
        Container.parse(GOLDEN_DEPTH[:4] + b"\x09" + GOLDEN_DEPTH[5:])
    with pytest.raises(CorruptFileError, match="checksum mismatch"):
        Container.parse(GOLDEN_DEPTH[:-1] + b"\0")


def test_a_longer_spelling_of_the_same_header_is_refused():
    body = bytearray(joint().serialize()[:-4])
    body[7:8] = b"\x84\x00"  # width 4 in two bytes
    with pytest.raises(CorruptFileError, match="not in its shortest form"):
        Container.parse(sealed(body))
    body[7:9] = b"\x80\x80\x80\x80\x80\x01"
    with pytest.raises(CorruptFileError, match="width at byte 7 is longer than 5 bytes"):
        Container.parse(sealed(body))


def test_a_hostile_size_is_refused_before_anything_is_allocated():
    huge = struct.pack("<I", 0xFFFFFFFF)[:1] * 4 + b"\x0f"
    body = joint().serialize()[:-4]
    with pytest.raises(CorruptFileError, match=r"is outside 1\.\.134217728 pixels"):
        Container.parse(sealed(body[:7] + huge + huge + body[9:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"color_size": None}, "color stream and its size go together"),
        ({"depth_size": (0, 2)}, "depth of 0x2 is outside"),
        ({"depth_unit": 0.0}, "depth unit 0.0"),
        ({"depth_unit": float("nan")}, "depth unit nan"),
    ],
)
def test_contradicting_fields_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        joint(**change)


@pytest.mark.parametrize(
    ("kind", "coding", "fields", "message"),
    [
        (Kind.MASK, Coding.AVIF, {}, "expected exact"),
        (Kind.COLOR, Coding.EXACT, {"quality": 3}, "quality 3"),
        (Kind.COLOR, Coding.AVIF, {"low": 3}, "color stream has a depth range"),
        (Kind.DEPTH, Coding.AVIF, {"low": 9, "high": 8}, "depth range 9..8"),
        (Kind.DEPTH, Coding.AVIF, {"low": 0, "high": 8}, "depth range 0..8"),
        (Kind.DEPTH, Coding.EXACT, {"max_error": -1}, "error bound -1"),
        (Kind.COLOR, Coding.AVIF, {"weights": 1}, "weights 0x1"),
        (Kind.COLOR, Coding.LEARNED, {"check": 1 << 16}, "check 0x10000"),
        (Kind.COLOR, Coding.LEARNED, {"depends": True}, "only learned and restored depth may"),
        (Kind.COLOR, Coding.RESTORED, {}, "only depth may be"),
        (Kind.DEPTH, Coding.RESTORED, {"low": 1, "high": 2}, "does not say by how much"),
    ],
)
def test_stream_fields_that_do_not_belong_are_refused(kind, coding, fields, message):
    with pytest.raises(ValueError, match=message):
        Stream(kind, coding, b"", **fields)
