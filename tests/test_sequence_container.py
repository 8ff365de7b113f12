"""The bytes of a recording: exact inverses, damage named and kept in its chunk, golden bytes."""

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encodepth.container.chunk import MAX_FRAMES, PREFIX_SIZE, Chunk, Frame, Part, Prefix, moved
from encodepth.container.header import DISTORTIONS, Camera, Header, Modality
from encodepth.container.sequence import (
    SequenceReader,
    SequenceWriter,
    footer_bytes,
    index_bytes,
    parse_footer,
    parse_index,
)
from encodepth.container.stream import Stream
from encodepth.errors import CorruptFileError
from encodepth.packing import LONG, Fields, signed_varint, varint

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]  # on a machine that has others to serve
RECORDINGS = settings(max_examples=30, deadline=None, suppress_health_check=CALM)
DAMAGE = settings(max_examples=100, deadline=None, suppress_health_check=CALM)

NUMBERS = frozenset(range(4))
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
FOCAL = st.floats(1e-3, 1e6)
TIME = st.integers(-(2**62), 2**62) | st.integers(0, 2**40)
NAME = st.text(max_size=16)
UNIT = st.none() | st.sampled_from([0.001, 0.0002, 1.0]) | st.floats(1e-9, 1e3)
RATE = st.none() | st.integers(1, 10**9)
VALUE = (
    st.text(max_size=40)
    | st.integers(-(2**63), 2**63 - 1)
    | FLOAT
    | st.binary(max_size=40)
    | st.booleans()
)


def repeated(number_and_count):
    number, count = number_and_count
    return (number, *map(float, range(1, count)))


@st.composite
def cameras(draw):
    model = draw(st.sampled_from([*DISTORTIONS]))
    count = draw(st.sampled_from(DISTORTIONS[model]))
    return Camera(
        (draw(FOCAL), draw(FOCAL)),
        (draw(FLOAT), draw(FLOAT)),
        model,
        tuple(draw(FLOAT) for _ in range(count)),
        draw(st.none() | st.tuples(FLOAT, st.just(12)).map(repeated)),
    )


@st.composite
def headers(draw):
    seen = draw(st.lists(cameras(), max_size=3).map(tuple))
    camera = st.none() | st.integers(0, len(seen) - 1) if seen else st.none()
    modality = st.builds(
        Modality,
        st.integers(0, 255),
        st.integers(1, 0x2C00),
        st.integers(1, 0x2C00),
        st.integers(1, 4),
        st.integers(1, 16),
        NAME,
        UNIT,
        RATE,
        camera,
    )
    modalities = draw(st.lists(modality, min_size=1, max_size=4, unique_by=lambda m: m.number))
    metadata = draw(st.dictionaries(st.text(min_size=1, max_size=16), VALUE, max_size=4))
    return Header(tuple(sorted(modalities, key=lambda m: m.number)), seen, metadata)


@st.composite
def frame_rows(draw, most=5):
    """Frames that lean only on what the chunk has before them."""
    before, frames = [], []
    for number in range(draw(st.integers(1, most))):
        here, streams = [], []
        for modality in draw(st.lists(st.sampled_from(sorted(NUMBERS)), min_size=1, unique=True)):
            behind = [(m, number - i) for i, kinds in enumerate(before) for m in kinds]
            targets = behind + [(m, 0) for m in here]
            references = draw(st.lists(st.sampled_from(targets), max_size=2)) if targets else []
            parameters = draw(st.sampled_from([b"", b"\1"]) | st.binary(max_size=9))
            coding, payload = draw(st.sampled_from([0, 3, 255])), draw(st.binary(max_size=30))
            streams.append(Stream(modality, coding, payload, parameters, tuple(references)))
            here.append(modality)
        pose = draw(st.none() | st.tuples(FLOAT, st.sampled_from([7, 12])).map(repeated))
        frames.append(Frame(draw(TIME), tuple(streams), pose))
        before.append(here)
    return tuple(frames)


CHUNK = st.builds(Chunk, st.integers(0, 2**48), frame_rows())
PLAIN = Header((*(Modality(number, 4, 2) for number in sorted(NUMBERS)),))


def recording(*chunks, header=PLAIN, closed=True):
    file = io.BytesIO()
    writer = SequenceWriter(file, header)
    for frames in chunks:
        writer.write(frames)
    if closed:
        writer.close()
    return file.getvalue()


def reader(data, **options):
    return SequenceReader(lambda at, size: data[at : at + size], len(data), **options)


def plain(count, first=0, payload=b"abcdefgh"):
    """Frames of one modality, each leaning on the last but the first."""
    return [
        Frame(1000 * (first + i), (Stream(1, 2, payload, b"\5", ((1, 1),) if i else ()),))
        for i in range(count)
    ]


@RECORDINGS
@given(headers())
def test_parse_inverts_serialize_of_headers(header):
    data = header.serialize()
    assert Header.parse(data + b"more") == (header, len(data))
    assert Header.parse(data)[0].serialize() == data


@RECORDINGS
@given(CHUNK)
def test_parse_inverts_serialize_of_chunks(chunk):
    data = chunk.serialize()
    assert Chunk.parse(data, NUMBERS) == chunk
    assert Chunk.parse(data, NUMBERS).serialize() == data


@RECORDINGS
@given(st.lists(frame_rows(3), max_size=4))
def test_parse_inverts_serialize_of_recordings(rows):
    read = reader(recording(*rows))
    assert read.header == PLAIN
    assert read.indexed
    assert read.problems == ()
    assert [read.read(i).frames for i in range(len(read.chunks))] == rows
    for chunk, entry in enumerate(read.chunks):
        for frame in range(entry.first, entry.first + entry.frames):
            assert read.find(frame) == chunk


@RECORDINGS
@given(st.lists(frame_rows(3), max_size=4))
def test_what_a_scan_finds_is_what_the_index_says(rows):
    data = recording(*rows)
    scanned, unclosed = reader(data, use_index=False), reader(recording(*rows, closed=False))
    assert scanned.chunks == reader(data).chunks == unclosed.chunks
    assert scanned.problems == unclosed.problems == ()
    assert not unclosed.indexed


def in_parts(*groups, header=PLAIN, closed=True):
    """A recording whose groups are written frame by frame."""
    file = io.BytesIO()
    writer = SequenceWriter(file, header)
    for frames in groups:
        for number, frame in enumerate(frames):
            writer.write([frame], Part.FURTHER if number else Part.FIRST)
    if closed:
        writer.close()
    return file.getvalue()


@RECORDINGS
@given(st.lists(frame_rows(4), max_size=4))
def test_a_group_in_parts_reads_as_one_in_one_chunk(rows):
    data = in_parts(*rows)
    read, scanned = reader(data), reader(in_parts(*rows, closed=False))
    assert read.chunks == scanned.chunks
    assert read.problems == scanned.problems == ()
    assert [read.read(i).frames for i in range(len(read.chunks))] == rows
    writer = SequenceWriter(file := io.BytesIO(), PLAIN)
    for number in range(len(rows)):
        writer.copy(read.raw(number))
    writer.close()
    assert file.getvalue() == data


def test_every_truncation_of_parts_leaves_the_frames_before():
    rows = [tuple(plain(3)), tuple(plain(2, 3))]
    data, frames = in_parts(*rows, closed=False), [frame for row in rows for frame in row]
    ends = [len(in_parts(rows[0][:n], closed=False)) for n in (1, 2, 3)]
    ends += [len(in_parts(rows[0], rows[1][:n], closed=False)) for n in (1, 2)]
    for cut in range(len(PLAIN.serialize()), len(data) + 1):
        read = reader(data[:cut])
        found = [f for i in range(len(read.chunks)) for f in read.read(i).frames]
        assert found == frames[: sum(end <= cut for end in ends)]


def test_damage_in_parts_costs_no_other_group_and_shows_no_wrong_frame():
    rows = [tuple(plain(3)), tuple(plain(2, 3)), tuple(plain(2, 5))]
    data = in_parts(*rows)
    entries = reader(data).chunks
    hit = entries[1]
    for at in range(hit.offset, hit.offset + hit.size):
        hurt = bytearray(data)
        hurt[at] ^= 0x41
        for use_index in (True, False):
            read = reader(bytes(hurt), use_index=use_index)
            found = {e.first: frames_or_error(read, n) for n, e in enumerate(read.chunks)}
            assert found[0] == rows[0]
            assert found[5] == rows[2]
            kept = found.get(3, "")
            assert isinstance(kept, str) or kept == rows[1][: len(kept)] != rows[1]


def test_parts_that_are_no_group_are_refused():
    writer = SequenceWriter(io.BytesIO(), PLAIN)
    for _ in range(2):
        with pytest.raises(ValueError, match="a further part of a group that was not begun"):
            writer.write(plain(1), Part.FURTHER)
        writer.write(plain(1))
    header, begun = len(PLAIN.serialize()), len(in_parts(plain(1), closed=False))
    alone = in_parts(plain(2), closed=False)[begun:] + in_parts(plain(1), closed=False)[header:]
    lost = reader(PLAIN.serialize() + alone)
    assert lost.problems == (f"chunk at byte {header}: what it goes on from is missing",)
    assert [entry.frames for entry in lost.chunks] == [1]
    leaning = [replace(f, streams=(replace(f.streams[0], references=((1, 5),)),)) for f in plain(1)]
    writer = SequenceWriter(file := io.BytesIO(), PLAIN)
    writer.write(plain(1), Part.FIRST)
    writer.write(leaning, Part.FURTHER)
    writer.close()
    with pytest.raises(CorruptFileError, match="chunk 0: frame 1: stream of modality 1 leans on"):
        reader(file.getvalue()).read(0)


@RECORDINGS
@given(headers(), st.data())
def test_every_truncation_of_a_header_is_reported(header, data):
    whole = header.serialize()
    with pytest.raises(CorruptFileError):
        Header.parse(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_every_truncation_of_a_recording_leaves_its_whole_chunks():
    rows = [plain(2), plain(1, 2), plain(3, 3)]
    data = recording(*rows)
    entries = reader(data).chunks
    for cut in range(len(data)):
        if cut < entries[0].offset:
            with pytest.raises(CorruptFileError):
                reader(data[:cut])
            continue
        read = reader(data[:cut])
        whole = [entry for entry in entries if entry.offset + entry.size <= cut]
        assert [*read.chunks] == whole
        assert [read.read(i).frames for i in range(len(whole))] == [*map(tuple, rows)][: len(whole)]
        if cut < entries[-1].offset + entries[-1].size:
            assert bool(read.problems) == (cut not in {entry.offset for entry in entries})


def test_every_flipped_byte_costs_at_most_its_chunk_and_shows_no_wrong_frame():
    rows = [tuple(plain(2)), tuple(plain(1, 2)), tuple(plain(3, 3))]
    data = recording(*rows)
    entries = reader(data).chunks
    for at in range(len(data)):
        hurt = bytearray(data)
        hurt[at] ^= 0x41
        if at < entries[0].offset:
            with pytest.raises(CorruptFileError):
                reader(bytes(hurt))
            continue
        for use_index in (True, False):
            read = reader(bytes(hurt), use_index=use_index)
            found = {}
            for number, entry in enumerate(read.chunks):
                frames = frames_or_error(read, number)
                if isinstance(frames, str):
                    assert frames.startswith(f"chunk {number}: ")
                else:
                    found[entry.first] = frames
            whole = {
                entry.first: row
                for entry, row in zip(entries, rows, strict=True)
                if not entry.offset <= at < entry.offset + entry.size
            }
            assert found == whole


@DAMAGE
@given(CHUNK, st.data())
def test_resealed_damage_of_a_chunk_is_parsed_or_reported_never_a_crash(chunk, data):
    whole = bytearray(chunk.serialize())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(4, min(len(whole) - 1, 120)))] = data.draw(st.integers(0, 255))
    whole = resealed(whole)
    try:
        parsed = Chunk.parse(whole, NUMBERS)
    except CorruptFileError:
        return
    assert parsed.serialize() == whole


@DAMAGE
@given(headers(), st.data())
def test_resealed_damage_of_a_header_is_parsed_or_reported_never_a_crash(header, data):
    body = bytearray(header.serialize()[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(5, len(body) - 1))] = data.draw(st.integers(0, 255))
    whole = bytes(body) + zlib.crc32(body).to_bytes(4, "little")
    try:
        parsed, size = Header.parse(whole)
    except CorruptFileError:
        return
    assert parsed.serialize() == whole[:size]


@DAMAGE
@given(st.lists(frame_rows(2), max_size=3), st.data())
def test_resealed_damage_of_an_index_is_parsed_or_reported_never_a_crash(rows, data):
    whole = recording(*rows)
    entries = reader(whole).chunks
    begin = len(PLAIN.serialize())
    end = entries[-1].offset + entries[-1].size if entries else begin
    index = bytearray(index_bytes(entries))
    for _ in range(data.draw(st.integers(1, 3))):
        index[data.draw(st.integers(0, len(index) - 5))] = data.draw(st.integers(0, 255))
    index[-4:] = zlib.crc32(index[:-4]).to_bytes(4, "little")
    read = reader(whole[:end] + bytes(index) + footer_bytes(end))
    try:
        parsed = parse_index(bytes(index), begin, end)
    except CorruptFileError:
        assert not read.indexed
        assert read.chunks == entries or bytes(index[:4]) != b"\x9aidx"
        return
    assert index_bytes(parsed) == index
    for number in range(len(read.chunks)):
        try:
            assert read.read(number).frames == rows[number]
        except CorruptFileError:
            assert read.chunks[number] != entries[number]


@RECORDINGS
@given(frame_rows(), frame_rows(), st.integers(0, 2**48), st.integers(-(2**40), 2**40))
def test_a_chunk_is_moved_without_being_read(frames, other, first, shift):
    chunk = Chunk(7, frames)
    if not all(-(2**62) <= frame.time + shift <= 2**62 for frame in frames):
        return
    data = moved(chunk.serialize(), first, shift)
    assert data[PREFIX_SIZE:] == chunk.serialize()[PREFIX_SIZE:]
    back = Chunk.parse(data, NUMBERS)
    assert back.first == first
    assert [f.time for f in back.frames] == [f.time + shift for f in frames]
    assert [f.streams for f in back.frames] == [f.streams for f in frames]


def test_recordings_are_cut_and_joined_without_reading_frames():
    a, b = reader(recording(plain(2), plain(3, 2))), reader(recording(plain(1), plain(2, 1)))
    file = io.BytesIO()
    writer = SequenceWriter(file, a.header)
    writer.copy(a.raw(1))
    for number in range(2):
        writer.copy(b.raw(number), shift=10_000)
    writer.close()
    joined = reader(file.getvalue())
    assert joined.problems == ()
    assert joined.frames == 6
    times = [f.time for i in range(3) for f in joined.read(i).frames]
    assert times == [2000, 3000, 4000, 10000, 11000, 12000]
    assert [entry.first for entry in joined.chunks] == [0, 3, 4]
    damaged = bytearray(a.raw(0))
    damaged[-1] ^= 1
    writer = SequenceWriter(file := io.BytesIO(), a.header)
    writer.copy(bytes(damaged))
    with pytest.raises(CorruptFileError, match="chunk 0: checksum mismatch"):
        reader(file.getvalue()).read(0)


def test_a_reader_reads_no_more_than_it_needs():
    data = recording(*(plain(30, 30 * i, bytes(5000)) for i in range(20)))
    calls = []

    def read_at(at, size):
        calls.append(size)
        return data[at : at + size]

    read = SequenceReader(read_at, len(data))
    assert sum(calls) < 70_000  # one window for the header, footer, index
    calls.clear()
    read.read(read.find(333))
    assert calls == [read.chunks[11].size]


def test_a_lost_chunk_keeps_the_numbers_of_frames_behind_it():
    data = bytearray(recording(plain(2), plain(3, 2), plain(2, 5), closed=False))
    entries = reader(bytes(data)).chunks
    data[entries[1].offset + 20] ^= 1  # in its prefix
    read = reader(bytes(data))
    assert [entry.first for entry in read.chunks] == [0, 5]
    assert read.problems == (
        f"chunk at byte {entries[1].offset}: prefix is damaged: checksum mismatch",
        "frames 2..4 are missing",
    )
    assert read.find(6) == 1
    with pytest.raises(CorruptFileError, match="frame 3 is in a damaged part of the file"):
        read.find(3)
    with pytest.raises(IndexError, match="frame 7; the recording has 7"):
        read.find(7)


def test_a_false_index_never_shows_a_wrong_frame():
    data = recording(plain(2), plain(2, 2))
    first, second = reader(data).chunks
    end = second.offset + second.size
    lied = index_bytes([replace(first, frames=1), replace(second, first=1)])
    read = reader(data[:end] + lied + footer_bytes(end))
    assert read.indexed
    with pytest.raises(CorruptFileError, match="chunk 0: frames and times differ from the index"):
        read.read(0)
    with pytest.raises(CorruptFileError, match="chunk 1: frames and times differ from the index"):
        read.read(1)


def test_hostile_counts_are_refused_before_anything_is_allocated():
    head = struct.pack("<4sBQqqIII", b"\x9achk", 0, 0, 0, 0, MAX_FRAMES, 4 * MAX_FRAMES, 0)
    chunk = head + zlib.crc32(head).to_bytes(4, "little") + b"\1\1"
    index = b"\x9aidx" + struct.pack("<I", 5) + varint(2**28)[:5].ljust(5, b"\0")
    index += zlib.crc32(index).to_bytes(4, "little")
    header = b"\x9aRZD\2" + struct.pack("<I", 0xFFFFFFF0)
    tracemalloc.start()
    for attempt in (
        lambda: Chunk.parse(chunk, NUMBERS),
        lambda: parse_index(index, 0, 0),
        lambda: Header.parse(header),
        lambda: reader(header),
    ):
        with pytest.raises(CorruptFileError):
            attempt()
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_file_full_of_markers_is_searched_in_linear_time():
    data = recording(plain(1), closed=False) + b"\x9achk" * 50_000
    read = reader(data)
    assert len(read.chunks) == 1
    assert len(read.problems) == 1


EXAMPLE = Header(  # the worked example of docs/format-v2.md
    (
        Modality(0, 640, 480, channels=3, rate=30000, camera=0),
        Modality(1, 640, 480, bits=16, unit=0.0002),
    ),
    (Camera((525.0, 525.0), (319.5, 239.5)),),
    {"place": "lab", "take": 3},
)
FRAMES = (
    Frame(
        1_700_000_000_000_000_000,
        (
            Stream(0, 4, b"\xc0\x10\x4c", b"\x32"),
            Stream(1, 2, b"\xd3\x7e", b"", ((0, 0),)),
        ),
    ),
    Frame(1_700_000_000_016_666_667, (Stream(1, 2, b"\x11", b"", ((1, 1),)),)),
)
GOLDEN = bytes.fromhex(  # never edit: old files must read for ever
    "9a525a44 02 4e000000  02 01"
    "00 0c 03 08 8005 e003 b0ea01 00"
    "01 02 01 10 8005 e003 8827"
    "00 00 00 0000000000688040 0000000000688040 0000000000f87340 0000000000f06d40"
    "02  05 706c616365 00 03 6c6162  04 74616b65 01 06  4faddf35"
    "9a63686b 00 0000000000000000 00002a36fe9c9717 2b502837fe9c9717 02000000 23000000"
    "ec73ae4b 17677ffb"
    "02  00 00 04 00 01 32 03  01 00 02 01 00 00 00 02"
    "d6c0f20f 01  01 00 02 01 01 01 00 01"
    "c0104c d37e 11"
    "9a696478 10000000  01  50 02 8080d0e2c6bfce972f d6c0f20f  9a124df7"
    "ab00000000000000 b3240592 9a656e64"
)


def test_golden_recording_is_the_worked_example():
    assert recording(FRAMES, header=EXAMPLE).hex() == GOLDEN.hex()
    read = reader(GOLDEN)
    assert read.header == EXAMPLE
    assert read.read(0) == Chunk(0, FRAMES)
    assert read.problems == ()


def frames_or_error(read, number):
    try:
        return read.read(number).frames
    except CorruptFileError as error:
        return str(error)


def resealed(chunk):
    body = bytes(chunk[PREFIX_SIZE:])
    head = bytearray(chunk[: PREFIX_SIZE - 4])
    head[-8:] = struct.pack("<II", len(body), zlib.crc32(body))
    return bytes(head) + zlib.crc32(head).to_bytes(4, "little") + body


def with_body(body, frames=1):
    head = struct.pack("<4sBQqqI", b"\x9achk", 0, 0, 0, 0, frames) + bytes(8)
    return resealed(head + bytes(4) + bytes.fromhex(body))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("00 00 00 00", "chunk 3: frame at byte 0 starts with 0x00"),
        ("31 00 00 00", "frame at byte 0 starts with 0x31"),
        ("41 00 00 00", "frame at byte 0 starts with 0x41"),
        ("01 09 00 00", "stream at byte 1 has modality 9; the header has not"),
        ("01 01 02 00", "stream at byte 1 has flags 0x02; expected 0 or 1"),
        ("01 01 01 00", "stream at byte 1 is like the last of its kind; there is none"),
        ("01 01 00 05 10", "16 references at byte 4; at most 15"),
        ("01 01 00 05 00 00 04 aa", "payload at byte 7 claims 4 bytes, 1 remain"),
        ("01 01 00 05 00 00 01 aa bb", "1 stray bytes after the last payload"),
        ("01 01 00 05 00 00 81 00 aa", "payload length at byte 6 is not in its shortest form"),
        ("01 01 00 05 01 01 01 00 00", "leans on modality 1 1 frames back"),
        ("01 01 00 05 01 01 00 00 00", "leans on modality 1 0 frames back"),
        ("02 01 00 05 00 00 00 01 01 00", "two streams of modality 1"),
        ("01 01 00 05 00 81 20", "length of parameters"),
        ("11" + "00" * 48 + "000000000000f07f 01 00 05 00 00 00", "pose at byte 1 is not finite"),
    ],
)
def test_resealed_damage_of_a_chunk_is_named(body, message):
    with pytest.raises(CorruptFileError, match=message):
        Chunk.parse(with_body(body), NUMBERS, "chunk 3")


def test_a_chunk_says_what_is_wrong_with_it():
    whole = Chunk(0, tuple(plain(2))).serialize()
    with pytest.raises(CorruptFileError, match="chunk 2: prefix claims 36 bytes, 35 remain"):
        Chunk.parse(whole[:-1], NUMBERS, "chunk 2")
    with pytest.raises(CorruptFileError, match="checksum mismatch: its frames are damaged"):
        Chunk.parse(whole[:-1] + b"!", NUMBERS)
    late = resealed(whole[:21] + struct.pack("<q", 5) + whole[29:])
    with pytest.raises(CorruptFileError, match="last frame is at 1000 ns; the prefix says 5"):
        Chunk.parse(late, NUMBERS)
    twice = with_body("01 01 00 05 00 00 00  02 01 01 00 05 00 00 00", frames=2)
    with pytest.raises(CorruptFileError, match="repeats the last of its kind in full"):
        Chunk.parse(twice, NUMBERS)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ((), "0 frames in a chunk"),
        ((Frame(0, ()),), "frame 0: 0 streams"),
        ((Frame(2**62 + 1, (Stream(1, 0),)),), "is beyond 2\\^62 ns"),
        ((Frame(0, (Stream(1, 0), Stream(1, 0))),), "two streams of modality 1"),
        ((Frame(0, (Stream(1, 256),)),), "coding 256; expected 0..255"),
        (
            (Frame(0, (Stream(1, 0, b"", b"", ((1, 1),)),)),),
            "1 frames back, which the chunk does not have",
        ),
        ((Frame(0, (Stream(1, 0),), (1.0,)),), "pose of 1 numbers; expected 7 or 12"),
        ((Frame(0, (Stream(1, 0),), (float("nan"),) * 7),), "pose is not finite"),
    ],
)
def test_frames_that_cannot_be_are_refused(frames, message):
    with pytest.raises(ValueError, match=message):
        Chunk(0, frames)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"modalities": ()}, "modalities: 0; expected 1..15"),
        (
            {"modalities": (Modality(2, 1, 1), Modality(1, 1, 1))},
            "not in ascending order: 1 after 2",
        ),
        ({"modalities": (Modality(0, 1, 1, camera=0),)}, "camera of modality 0: 0"),
        ({"metadata": {"": 1}}, "bytes of the key ''"),
        ({"metadata": {"a": float("inf")}}, "value of 'a' is no text"),
        ({"metadata": {"a": "x" * 4097}}, "bytes of 'a': 4097; expected 0..4096"),
        ({"metadata": {"a": 2**63}}, "value of 'a'"),
        ({"metadata": {"a": [1]}}, "value of 'a' is no text"),
    ],
)
def test_headers_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Header(**{"modalities": (Modality(0, 1, 1),)} | fields)


def test_other_files_and_versions_are_named():
    with pytest.raises(CorruptFileError, match=r"not an \.rgbd file: starts with 89504e47"):
        reader(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptFileError, match="starts with nothing"):
        reader(b"")
    with pytest.raises(CorruptFileError, match="truncated: 5 bytes, shorter than the header"):
        reader(b"\x9aRZD\2")
    with pytest.raises(CorruptFileError, match="format version 1; expected 2, a recording"):
        reader(b"\x9aRZD\1" + bytes(20))


def test_an_index_and_a_footer_say_what_is_wrong_with_them():
    with pytest.raises(CorruptFileError, match="file ends with"):
        parse_footer(bytes(16))
    assert parse_footer(footer_bytes(12345)) == 12345
    whole = recording(plain(1))
    broken = bytearray(whole)
    broken[-21] ^= 1
    read = reader(bytes(broken))
    assert read.problems[0] == "index: checksum mismatch"
    assert len(read.chunks) == 1
    entries = reader(whole).chunks
    with pytest.raises(CorruptFileError, match="index: chunks end at byte"):
        parse_index(index_bytes(entries), entries[0].offset, 7)


def test_a_writer_flushes_every_chunk_and_never_seeks():
    class Pipe:
        def __init__(self):
            self.data, self.flushed = b"", 0

        def write(self, data):
            self.data += data

        def flush(self):
            self.flushed = len(self.data)

    pipe = Pipe()
    writer = SequenceWriter(pipe, PLAIN)
    for i in range(3):
        entry = writer.write(plain(2, 2 * i))
        assert pipe.flushed == len(pipe.data) == entry.offset + entry.size
    with pytest.raises(ValueError, match="modality 9 is not in the header"):
        writer.write([Frame(0, (Stream(9, 0),))])
    with pytest.raises(ValueError, match="1 frames back"):
        writer.write(plain(2)[1:])
    assert len(reader(pipe.data).chunks) == 3
    writer.close()
    writer.close()
    assert reader(pipe.data).indexed


@RECORDINGS
@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1))
def test_numbers_have_one_form(signed, whole):
    read = Fields(signed_varint(signed) + varint(whole), longest=LONG, where="x")
    assert (read.signed_varint("a"), read.varint("b"), read.left) == (signed, whole, 0)


def test_a_prefix_is_read_alone():
    data = Chunk(5, tuple(plain(3))).serialize()
    prefix = Prefix.parse(data[:PREFIX_SIZE])
    assert (prefix.first, prefix.frames, prefix.start, prefix.end) == (5, 3, 0, 2000)
    assert prefix.size == len(data)
    assert prefix.serialize() == data[:PREFIX_SIZE]
