"""Recordings through a file: any frame in any order, promises kept, whole after a kill."""

from __future__ import annotations

import gc
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from encodepth import (
    InvalidImageError,
    InvalidSettingError,
    Reader,
    RgbdImage,
    Writer,
    decode,
    open_dataset,
)
from encodepth.container.header import Camera
from encodepth.errors import CorruptFileError, EncodepthError
from encodepth.frame import Intrinsics
from encodepth.metrics import psnr

GOLDEN = Path(__file__).parent / "golden"
NS = 1_000_000_000


def image(i: int, height: int = 48, width: int = 64, planes: bool = False) -> RgbdImage:
    """A box that moves over a slanted floor; a hole moves with it."""
    y, x = np.mgrid[:height, :width]
    depth = (4000 - 20 * y + 3 * x).astype(np.uint16)
    color = np.stack([x * 3, y * 4, 128 + 0 * x], -1).astype(np.uint8)
    box = (x > 5 + i) & (x < 20 + i) & (y > 10) & (y < 30)
    depth[box], color[box] = 900, (200, 30, 90)
    depth[(x == 5 + i) & (y > 8)] = 0
    further = {"confidence": (box * 2).astype(np.uint8)} if planes else {}
    return RgbdImage(color, depth, 0.001, Intrinsics(50.0, 50.0, 31.5, 23.5), further)


def record(count: int = 10, key_interval: int = 4, **settings) -> bytes:
    out = io.BytesIO()
    with Writer(out, key_interval=key_interval, rate=30, **settings) as writer:
        for i in range(count):
            assert writer.append(image(i))
    return out.getvalue()


def test_frames_come_back_in_order_and_in_any_order():
    reader = Reader(record(lossless="depth"))
    assert len(reader) == 10
    frames = list(reader)
    assert [f.number for f in frames] == list(range(10))
    assert [f.time for f in frames] == [round(i * NS / 30) for i in range(10)]
    for i in (7, 0, 9, 3, -1):
        frame = reader[i]
        assert np.array_equal(frame.image.depth, image(i % 10).depth)
        assert np.array_equal(frame.image.color, frames[i].image.color)
        assert psnr(frame.image.color, image(i % 10).color) > 25
    assert [f.number for f in reader[2:9:3]] == [2, 5, 8]
    with pytest.raises(IndexError, match="frame 10; the recording has 10"):
        reader[10]


def test_decoded_groups_are_given_back_as_soon_as_nobody_has_them():
    reader = Reader(record())
    assert reader[1].number == 1  # of four, so the rest of the group is still to be decoded
    group = weakref.ref(reader._group(0))
    gc.disable()
    try:
        del reader
        assert group() is None
    finally:
        gc.enable()


def test_holes_and_bounds_hold_in_every_frame():
    for settings in ({"quality": 40}, {"max_depth_error": 5}, {"lossless": "both"}, {"effort": 1}):
        for i, frame in enumerate(Reader(record(**settings))):
            own = image(i)
            assert np.array_equal(frame.image.depth == 0, own.depth == 0)
            off = np.abs(frame.image.depth.astype(int) - own.depth)[own.depth > 0]
            assert off.max() <= (5 if "max_depth_error" in settings else 0 if "lossless" in settings
                                 else 2000)  # fmt: skip
            if "lossless" in settings:
                assert np.array_equal(frame.image.color, own.color)


def test_stamps_poses_cameras_planes_and_metadata_travel():
    out, pose = io.BytesIO(), np.eye(4)
    pose[:3, 3] = 1, 2, 3
    camera = Camera((60.0, 61.0), (32.0, 24.0), 1, (0.1, -0.2, 0.0, 0.0))
    with Writer(out, cameras={"color": camera}, metadata={"robot": "r2", "run": 7}) as writer:
        for i in range(3):
            writer.append(image(i, planes=True), time=10**18 + i * 7, pose=pose)
    reader = Reader(out.getvalue())
    assert dict(reader.metadata) == {"robot": "r2", "run": 7}
    assert reader.cameras["color"] == camera
    assert reader.intrinsics == Intrinsics(50.0, 50.0, 31.5, 23.5)
    assert reader.times.tolist() == [10**18, 10**18 + 7, 10**18 + 14]
    assert reader.at(10**18 + 8).number == 1
    frame = reader[2]
    assert np.array_equal(frame.pose, pose)
    assert np.array_equal(
        frame.image.planes["confidence"], image(2, planes=True).planes["confidence"]
    )


def test_a_frame_may_lack_what_others_have():
    out = io.BytesIO()
    with Writer(out, rate=60, key_interval=6) as writer:
        for i in range(12):
            whole = image(i)
            writer.append(whole if i % 2 == 0 else RgbdImage(whole.color))
    frames = list(Reader(out.getvalue()))
    assert [f.image.depth is not None for f in frames] == [i % 2 == 0 for i in range(12)]
    assert all(f.image.color is not None for f in frames)


def test_only_what_is_wanted_is_decoded():
    reader = Reader(record(), streams=("depth",))
    assert reader[5].image.color is None
    assert reader[5].image.depth is not None


def test_several_threads_and_another_process_read_at_once(tmp_path):
    path = tmp_path / "r.rgbd"
    path.write_bytes(record(lossless="depth"))
    reader = Reader(path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: reader[i % 10].image.depth, range(40)))
    assert all(np.array_equal(d, image(i % 10).depth) for i, d in enumerate(found))
    other = pickle.loads(pickle.dumps(reader))
    assert np.array_equal(other[3].image.depth, image(3).depth)
    child = os.fork()
    if child == 0:
        good = np.array_equal(reader[6].image.depth, image(6).depth)
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_damage_costs_its_chunk_and_is_named():
    data = bytearray(record(12, 4, lossless="depth"))
    entries = Reader(bytes(data)).container.chunks
    data[entries[1].offset + entries[1].size // 2] ^= 1
    reader = Reader(bytes(data))
    for i in (0, 3, 8, 11):
        assert np.array_equal(reader[i].image.depth, image(i).depth)
    for i in range(4, 8):
        with pytest.raises(CorruptFileError, match="chunk 1"):
            reader[i]


def test_what_is_cut_short_reads_up_to_the_last_whole_chunk():
    data = record(12, 4, lossless="depth")
    entries = Reader(data).container.chunks
    reader = Reader(data[: entries[2].offset + 60])
    assert len(reader) == 8
    assert "truncated" in " ".join(reader.problems)
    assert np.array_equal(reader[7].image.depth, image(7).depth)


def test_a_killed_writer_leaves_whole_chunks(tmp_path):
    path = tmp_path / "r.rgbd"
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_sequence import Writer, image\n"
        "writer = Writer(sys.argv[1], key_interval=4, rate=30, lossless='depth')\n"
        "for i in range(10**6): writer.append(image(i % 40))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path), str(Path(__file__).parent)])
    deadline = time.monotonic() + 120
    while (not path.exists() or path.stat().st_size < 20_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    reader = Reader(path)
    assert len(reader) >= 4
    for i, frame in enumerate(reader):
        assert np.array_equal(frame.image.depth, image(i % 40).depth)


def test_live_a_frame_is_in_the_file_before_the_next_one_comes():
    out = io.BytesIO()
    with Writer(out, rate=30, live=True, key_interval=4, effort=1, lossless="depth") as writer:
        for i in range(6):
            writer.append(image(i, planes=True))
            deadline = time.monotonic() + 60
            while writer.written <= i and time.monotonic() < deadline:
                time.sleep(0.002)
            reader = Reader(out.getvalue())  # as a killed process would leave it
            assert reader.problems == ()
            assert np.array_equal(reader[i].image.depth, image(i).depth)
            assert psnr(reader[i].image.color, image(i).color) > 25
            assert reader[i].image.planes.keys() == {"confidence"}
    assert len(writer.delays) == 6
    reader = Reader(out.getvalue())
    assert [entry.frames for entry in reader.container.chunks] == [4, 2]
    assert [reader.container.read(0).frames[i].key for i in range(4)] == [True, False, False, False]


def test_live_frames_may_lack_what_others_have():
    out, held = io.BytesIO(), ("both", "depth", "color", "depth", "both", "color")
    with Writer(out, rate=30, live=True, effort=1, max_depth_error=5, measure=True) as writer:
        for i, what in enumerate(held):
            whole = image(i)
            color = whole.color if what != "depth" else None
            depth = whole.depth if what != "color" else None
            writer.append(RgbdImage(color, depth))
    assert writer.depth_error.max_mm <= 5
    for frame, what in zip(Reader(out.getvalue()), held, strict=True):
        assert (frame.image.color is None) == (what == "depth")
        assert (frame.image.depth is None) == (what == "color")


@pytest.mark.parametrize("asked", [{"effort": 1}, {"effort": 3, "lossless": "both"}])
def test_whatever_is_asked_for_can_be_live(asked):
    reader = Reader(record(3, live=True, **asked))
    assert [np.array_equal(f.image.depth > 0, image(i).depth > 0) for i, f in enumerate(reader)]


def test_the_same_frames_give_the_same_bytes():
    assert record(quality=50) == record(quality=50)


def test_a_full_queue_drops_only_where_that_was_asked_for():
    with Writer(io.BytesIO(), rate=30, key_interval=2, room=1, when_full="drop") as writer:
        taken = [writer.append(image(i)) for i in range(60)]
    assert writer.frames == sum(taken)
    assert writer.dropped == 60 - sum(taken)


def test_contradictions_are_named(tmp_path):
    with pytest.raises(InvalidSettingError, match="append needs a time in ns, or"):
        Writer(io.BytesIO()).append(image(0))
    with pytest.raises(InvalidSettingError, match="key_interval 0"):
        Writer(io.BytesIO(), key_interval=0)
    with pytest.raises(InvalidSettingError, match="live, but jobs is 2"):
        Writer(io.BytesIO(), live=True, jobs=2)
    (tmp_path / "there.rgbd").write_bytes(b"x")
    with pytest.raises(EncodepthError, match="exists"):
        Writer(tmp_path / "there.rgbd")
    writer = Writer(io.BytesIO(), rate=30, key_interval=2)
    writer.append(image(0))
    with pytest.raises(InvalidImageError, match=r"depth unit 0\.002; the recording has"):
        writer.append(RgbdImage(depth=image(1).depth, depth_unit=0.002))
    writer.append(image(1))
    with pytest.raises(InvalidImageError, match="color of frame 2 is 64x50; the"):
        writer.append(image(2, 50, 64))
    writer.close()
    with pytest.raises(CorruptFileError, match=r"not an \.rgbd"):
        Reader(b"hello")
    with pytest.raises(EncodepthError, match="does not exist"):
        Reader(tmp_path / "nowhere.rgbd")


def test_the_command_says_what_a_recording_holds_and_whether_it_is_whole(run, tmp_path):
    path = tmp_path / "r.rgbd"
    data = record(10, 4, lossless="depth")
    path.write_bytes(data)
    said = run("info", path).out
    assert f"{len(data):,} bytes, 10 frames, 0.30 s" in said
    assert "color" in said
    assert "av1-inter, 10 frames, 3 of them key frames" in said
    assert run("verify", "--decode", path).out == f"{path}: whole, and decodes here\n"
    entry = Reader(data).container.chunks[1]
    path.write_bytes(data[: entry.offset + 70] + b"x" + data[entry.offset + 71 :])
    assert "problem: chunk 1" in run("info", path).out
    shown = run("verify", path)
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "chunk 1" in shown.err


def test_the_command_turns_a_recording_back_into_a_folder_of_pictures(run, tmp_path):
    path = tmp_path / "r.rgbd"
    path.write_bytes(data := record(5, 2, lossless="both"))
    shown = run("decode", path)
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "say with -o" in shown.err
    out = tmp_path / "out"
    assert "5 frames" in run("decode", path, "-o", out).err
    pairs = list(open_dataset(out / "r"))
    assert len(pairs) == 5
    assert "meta.json" in pairs[0].unit_source.words
    for pair, frame in zip(pairs, Reader(data), strict=True):
        back = pair.load()
        np.testing.assert_array_equal(back.color, frame.image.color)
        np.testing.assert_array_equal(back.depth, frame.image.depth)
        assert (back.depth_unit, back.intrinsics) == (0.001, frame.image.intrinsics)
    seen = json.loads((out / "r/trajectory.json").read_text())["seen"]
    assert [told["time_ns"] for told in seen.values()] == list(Reader(data).times)
    assert run("decode", path, "-o", out).status == 1  # nothing is overwritten
    assert run("decode", path, "-o", out, "--force").status == 0


def test_damage_costs_the_command_the_frames_of_its_chunk(run, tmp_path):
    path = tmp_path / "r.rgbd"
    data = record(6, 2, lossless="depth")
    entry = Reader(data).container.chunks[1]
    path.write_bytes(data[: entry.offset + 70] + b"x" + data[entry.offset + 71 :])
    shown = run("decode", path, "-o", tmp_path / "out")
    assert shown.status == 1
    assert "chunk 1" in shown.err
    names = sorted(file.stem for file in (tmp_path / "out/r/depth").iterdir())
    assert names == ["000000", "000001", "000004", "000005"]
    assert list(json.loads((tmp_path / "out/r/trajectory.json").read_text())["seen"]) == names


def test_a_recording_where_a_picture_is_expected_is_named(tmp_path):
    with pytest.raises(CorruptFileError, match="a recording; open it with"):
        decode(record(2, 2))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("v2-*.rgbd")), ids=lambda path: path.stem)
def test_golden_recordings_decode_to_the_golden_frames(path):
    expected = np.load(path.with_suffix(".npz"))
    frames = list(Reader(path))
    for kind in expected:
        for i, frame in enumerate(frames):
            assert np.array_equal(frame.image.arrays[kind], expected[kind][i])
