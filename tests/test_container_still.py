"""The bytes of an .rgbd file: exact inverses, every damage reported, golden files for ever."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodepth.codec import parse
from encodepth.container.still import MAGIC, Still
from encodepth.container.stream import Stream
from encodepth.errors import CorruptFileError
from encodepth.frame import Intrinsics
from encodepth.packing import varint

COLOR, DEPTH, MASK, INFRARED, LABELS = 0, 1, 2, 3, 5
LEARNED, AV1, EXACT, RESTORED = 0, 1, 2, 3
SIDE = st.integers(1, 0x2C00)
SIZE = st.tuples(SIDE, SIDE)
BYTE = st.binary(min_size=1, max_size=1)
WEIGHTS = st.sampled_from([b"same", b"0000"]) | st.binary(min_size=4, max_size=4)
CHECK = st.binary(min_size=2, max_size=2)
NUMBER = st.integers(0, 2**35 - 1).map(varint)
PAYLOAD = st.binary(max_size=300)
UNIT = st.sampled_from([0.001, 0.0002, 1.0, 0.01]) | st.floats(1e-9, 1e3)
CAMERA = st.builds(
    Intrinsics,
    st.floats(0.0078125, 1e5, width=32),
    st.floats(0.0078125, 1e5, width=32),
    st.floats(-1e5, 1e5, width=32),
    st.floats(-1e5, 1e5, width=32),
)


def joined(*parts):
    return st.tuples(*parts).map(b"".join)


PARAMETERS = {  # of the streams whose layout is version 1's; others have any bytes
    (COLOR, LEARNED): joined(BYTE, WEIGHTS, CHECK),
    (COLOR, AV1): BYTE,
    (COLOR, EXACT): st.just(b""),
    (COLOR, RESTORED): joined(BYTE, WEIGHTS),
    (DEPTH, LEARNED): joined(BYTE, WEIGHTS, CHECK, NUMBER, NUMBER),
    (DEPTH, AV1): joined(BYTE, NUMBER, NUMBER),
    (DEPTH, EXACT): NUMBER,
    (DEPTH, RESTORED): joined(BYTE, WEIGHTS, NUMBER, NUMBER),
    (MASK, EXACT): st.just(b""),
}


@st.composite
def streams(draw, modality, leans=False):
    coding = draw(st.integers(0, 6))
    parameters = draw(PARAMETERS.get((modality, coding), st.binary(max_size=40)))
    references = ((COLOR, 0),) if leans and draw(st.booleans()) else ()
    return Stream(modality, coding, draw(PAYLOAD), parameters, references)


@st.composite
def stills(draw):
    held = draw(st.sets(st.sampled_from([COLOR, DEPTH, INFRARED, 4, LABELS]), min_size=1))
    first = draw(SIZE)
    sizes = {number: draw(st.just(first) | SIZE) for number in held}
    both = [n for n in held if n != COLOR and sizes[n] == sizes.get(COLOR)]
    made = [draw(streams(number, number in both)) for number in held]
    if DEPTH in held and draw(st.booleans()):
        made.append(draw(streams(MASK)))
    order = tuple(draw(st.permutations(made)))
    return Still(order, sizes, draw(UNIT), draw(st.none() | CAMERA))


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


@given(stills())
def test_parse_inverts_serialize(still):
    assert Still.parse(still.serialize()) == still


@settings(max_examples=50)
@given(stills(), st.data())
def test_every_truncation_is_reported(still, data):
    whole = still.serialize()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CorruptFileError):
        Still.parse(whole[:cut])


@given(stills(), st.data())
def test_every_changed_byte_is_reported(still, data):
    whole = bytearray(still.serialize())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptFileError):
        Still.parse(bytes(whole))


@settings(max_examples=400)
@given(stills(), st.data())
def test_resealed_damage_is_parsed_or_reported_never_a_crash(still, data):
    body = bytearray(still.serialize()[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(5, min(len(body) - 1, 60)))] = data.draw(st.integers(0, 255))
    try:
        parsed = Still.parse(sealed(body))
    except CorruptFileError:
        return
    assert parsed.serialize() == sealed(body)


def range_of(low, high):
    return varint(low) + varint(high - low)


def test_golden_files_of_version_1():
    depth = Stream(DEPTH, AV1, b"\1\2\3", bytes([50]) + range_of(500, 2710))
    expected = Still((depth,), {DEPTH: (640, 480)})
    assert expected.serialize().hex() == GOLDEN_DEPTH.hex()
    assert Still.parse(GOLDEN_DEPTH) == expected


def test_golden_joint_file_is_the_worked_example():
    weights = bytes.fromhex("efbeadde")
    depth = bytes([40]) + weights + b"\xc0\x51" + range_of(500, 2710)
    expected = Still(
        (
            Stream(COLOR, LEARNED, b"\xc0\x10\x4c", bytes([50]) + weights + b"\x51\x9f"),
            Stream(MASK, EXACT, b"\0\1"),
            Stream(DEPTH, LEARNED, b"\xd3\x7e\x11", depth, ((COLOR, 0),)),
        ),
        {COLOR: (640, 480), DEPTH: (640, 480)},
        0.0002,
    )
    assert expected.serialize().hex() == GOLDEN_JOINT.hex()
    assert Still.parse(GOLDEN_JOINT) == expected


def test_a_joint_learned_file_has_at_most_40_bytes_besides_its_payloads():
    head = bytes([99]) + b"0000" + b"\2\0"
    streams = (
        Stream(COLOR, LEARNED, bytes(20000), head),
        Stream(MASK, EXACT, bytes(5000)),
        Stream(DEPTH, LEARNED, bytes(3000), head + range_of(500, 9000)),
    )
    whole = Still(streams, {COLOR: (1280, 720), DEPTH: (1280, 720)}, 0.0002).serialize()
    assert len(whole) - 28000 <= 40


def sealed(body):
    return bytes(body) + zlib.crc32(body).to_bytes(4, "little")


def joint(**changes):
    fields = {"sizes": {COLOR: (4, 2), DEPTH: (4, 2)}} | changes
    streams = (Stream(COLOR, AV1, b"ab", bytes([50])), Stream(DEPTH, EXACT, b"c", b"\0"))
    return Still(streams, **fields)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (
            5,
            0x50,
            "feature bits 0x50 are unknown to this build; a newer encodepth may read",
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
        parse(sealed(body))


def test_other_files_and_versions_are_named():
    with pytest.raises(CorruptFileError, match=r"not an \.rgbd file: starts with 89504e47"):
        Still.parse(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptFileError, match="starts with nothing"):
        Still.parse(b"")
    with pytest.raises(CorruptFileError, match="truncated: 5 bytes"):
        Still.parse(MAGIC + b"\1")
    with pytest.raises(CorruptFileError, match="format version 9; this build reads version 1"):
        Still.parse(GOLDEN_DEPTH[:4] + b"\x09" + GOLDEN_DEPTH[5:])
    with pytest.raises(CorruptFileError, match="checksum mismatch"):
        Still.parse(GOLDEN_DEPTH[:-1] + b"\0")


def test_a_longer_spelling_of_the_same_header_is_refused():
    body = bytearray(joint().serialize()[:-4])
    body[7:8] = b"\x84\x00"  # width 4 in two bytes
    with pytest.raises(CorruptFileError, match="not in its shortest form"):
        Still.parse(sealed(body))
    body[7:9] = b"\x80\x80\x80\x80\x80\x01"
    with pytest.raises(CorruptFileError, match="width at byte 7 is longer than 5 bytes"):
        Still.parse(sealed(body))


def test_a_hostile_size_is_refused_before_anything_is_allocated():
    huge = struct.pack("<I", 0xFFFFFFFF)[:1] * 4 + b"\x0f"
    body = joint().serialize()[:-4]
    with pytest.raises(CorruptFileError, match=r"is outside 1\.\.134217728 pixels"):
        Still.parse(sealed(body[:7] + huge + huge + body[9:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": {DEPTH: (4, 2)}}, "every stream but a mask has a size"),
        ({"sizes": {COLOR: (4, 2), DEPTH: (0, 2)}}, "depth of 0x2 is outside"),
        ({"depth_unit": 0.0}, "depth unit 0.0"),
        ({"depth_unit": float("nan")}, "depth unit nan"),
    ],
)
def test_contradicting_fields_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        joint(**change)


def forged(*streams, sizes=((COLOR, (4, 2)), (DEPTH, (4, 2)))):
    held = {s.modality for s in streams}
    return Still(streams, {n: size for n, size in sizes if n in held}).serialize()


AV1_DEPTH = Stream(DEPTH, AV1, b"c", bytes([50]) + range_of(500, 2710))


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ([Stream(MASK, AV1, b"", b""), AV1_DEPTH], "unknown coding 1 of mask"),
        ([Stream(COLOR, 6, b"")], "unknown coding 6 of color; a newer encodepth may read"),
        ([Stream(DEPTH, AV1, b"c", bytes([50]) + varint(0) + varint(8))], r"depth range 0\.\.8"),
        ([Stream(DEPTH, AV1, b"c", bytes([50]) + varint(9) + varint(65535))], "depth range 9"),
        ([Stream(DEPTH, EXACT, b"c", varint(65536))], "error bound 65536"),
        ([Stream(DEPTH, RESTORED, b"", b"\0" * 5 + range_of(1, 2))], "does not say by how much"),
        (
            [Stream(MASK, EXACT, b""), Stream(DEPTH, EXACT, b"c", b"\0")],
            "a mask stream beside an exact depth stream",
        ),
        ([Stream(INFRARED, EXACT, b"", b"\x0c")], "infrared has samples of 12 bits"),
    ],
)
def test_streams_that_no_coding_made_are_refused(streams, message):
    data = forged(*streams, sizes=((COLOR, (4, 2)), (DEPTH, (4, 2)), (INFRARED, (4, 2))))
    with pytest.raises(CorruptFileError, match=message):
        parse(data)


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ([Stream(COLOR, AV1, b"", b"\0"), Stream(COLOR, AV1, b"", b"\0")], "2 color streams"),
        ([Stream(MASK, EXACT, b"")], "neither a color nor a depth stream"),
        ([Stream(COLOR, AV1, b"", b"\0", ((COLOR, 0),))], "what a still picture has not"),
        ([Stream(DEPTH, EXACT, b"", b"\0", ((COLOR, 0),))], "there is none"),
        (
            [Stream(DEPTH, EXACT, b"", b"\0", ((DEPTH, 1),))],
            "what a still picture has not",
        ),
    ],
)
def test_streams_that_do_not_go_together_are_refused(streams, message):
    with pytest.raises(ValueError, match=message):
        forged(*streams)
