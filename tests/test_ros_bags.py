"""Bags to frames and back: topics, pairs by stamps, units, cameras, poses; damage and absence."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from encodepth import Reader, Writer
from encodepth.container.header import Camera
from encodepth.errors import EncodepthError
from encodepth.io.ros.about import inspect_bag
from encodepth.io.ros.bag import Bag, definitions, is_bag
from encodepth.io.ros.compressed import compress_depth
from encodepth.io.ros.images import fields
from encodepth.io.ros.reading import BagFrames, read_bag
from encodepth.io.ros.topics import cameras
from encodepth.io.ros.writing import write_bag
from ros_bags import KINDS, NS, START, BagMaker, add_camera, camera_bag, inverse_depth, maker, scene

DEPTH_CAMERA = Camera((60.0, 61.0), (31.5, 23.5))
COLOR_CAMERA = Camera((55.0, 56.0), (32.0, 24.0), 1, (0.1, -0.2, 0.001, 0.002, 0.05))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_bag_becomes_the_same_frames(tmp_path, name):
    path = camera_bag(tmp_path / name)
    assert is_bag(path)
    frames = read_bag(path)
    assert str(frames.unit_source) == "REP 118: 16UC1 is millimetres"
    assert str(frames.camera_source) == "K of /camera/depth/camera_info"
    assert frames.depth_unit == 0.001
    assert frames.cameras == {"depth": DEPTH_CAMERA, "color": COLOR_CAMERA}
    assert frames.rate == pytest.approx(30)
    assert frames.within == pytest.approx(1 / 60)
    found = list(frames)
    assert [f.time for f in found] == [START + i * NS // 30 for i in range(8)]
    for i, frame in enumerate(found):
        color, depth = scene(i)
        assert np.array_equal(frame.image.color, color)
        assert np.array_equal(frame.image.depth, depth)
    counts = frames.counts
    assert (counts.frames, counts.whole, counts.apart) == (8, 8, 0.002)


def recorded(frames: BagFrames) -> Reader:
    """Record frames exactly, in memory."""
    out = io.BytesIO()
    facts = {"cameras": frames.cameras, "metadata": frames.metadata, "rate": frames.rate}
    held = [name for name in frames.like.held if name in ("color", "depth")]
    with Writer(out, lossless=held, effort=1, **facts) as writer:
        for frame in frames:
            writer.append(frame.image, time=frame.time, pose=frame.pose)
    return Reader(out.getvalue())


@pytest.mark.parametrize("depth", ["raw", "png", "rvl"])
@pytest.mark.parametrize("name", ["back.mcap", "back.bag", "back.db3"])
def test_a_recording_goes_back_to_a_bag_with_stamps_units_cameras_topics(tmp_path, name, depth):
    frames = read_bag(camera_bag(tmp_path / "run.mcap"))
    whole = list(frames)
    target = tmp_path / name
    assert write_bag(recorded(frames), target, depth=depth) == 8
    assert sorted(os.listdir(tmp_path)) == sorted(["run.mcap", name])
    back = read_bag(target)
    assert back.cameras == frames.cameras
    assert back.depth_unit == frames.depth_unit
    topic = back.choice.by_modality["depth"].name
    assert topic == "/camera/depth/image_raw" + ("" if depth == "raw" else "/compressedDepth")
    for here, there in zip(back, whole, strict=True):
        assert here.time == there.time
        assert np.array_equal(here.image.color, there.image.color)
        assert np.array_equal(here.image.depth, there.image.depth)
    with pytest.raises(EncodepthError, match="exists"):
        write_bag(recorded(frames), target)


def float_bag(path, maps, **more):
    bag = maker(path)
    for i, metres in enumerate(maps):
        bag.image("/cam/depth", START + i * NS // 30, metres.astype(np.float32), "32FC1")
    return read_bag(bag.write(path), **more)


def test_float_depth_of_whole_millimetres_is_exact_and_goes_back_as_floats(tmp_path):
    maps = [np.where(scene(i)[1] > 0, scene(i)[1] / 1000, np.nan) for i in range(3)]
    maps[1][0, :3] = np.inf, -1.0, np.nan
    frames = float_bag(tmp_path / "run.mcap", maps)
    assert str(frames.unit_source) == "REP 118: 32FC1 is metres; in steps of 1 mm"
    found = list(frames)
    assert np.array_equal(found[0].image.depth, scene(0)[1])
    assert not found[1].image.depth[0, :3].any()
    assert frames.counts.notes["infinity became holes"] == (1, 1)
    assert all(frame.image.rounding == 0 for frame in found)
    write_bag(recorded(frames), tmp_path / "back.mcap")
    with Bag(tmp_path / "back.mcap") as bag:
        body = bag.first("/cam/depth")[0].body
        metres = np.frombuffer(body.data, np.float32).reshape(48, 64)
    assert body.encoding == "32FC1"
    assert np.array_equal(np.isnan(metres), np.isnan(maps[0]))
    assert np.array_equal(np.nan_to_num(metres), np.nan_to_num(maps[0].astype(np.float32)))


def test_float_depth_shares_the_finest_step_that_reaches_and_says_what_it_costs(tmp_path):
    maps = [np.full((8, 8), 1.23456), np.full((8, 8), 7.000123)]
    frames = float_bag(tmp_path / "run.mcap", maps)
    found = list(frames)
    assert {f.image.depth_unit for f in found} == {frames.depth_unit} == {0.001}
    assert found[0].image.rounding == pytest.approx(0.00044, abs=1e-6)
    assert "floats were rounded to steps of 1 mm" in frames.counts.notes
    finer = float_bag(tmp_path / "again.mcap", maps, depth_step=0.0002)
    assert next(iter(finer)).image.depth[0, 0] == 6173


def test_units_of_realsense_bags_and_options_win_and_are_said(tmp_path):
    bag = BagMaker(ros_1=True)
    for i in range(3):
        color, depth = scene(i)
        time, start = START + i * NS // 30, "/device_0/sensor_0"
        bag.image(f"{start}/Depth_0/image/data", time, depth, "mono16", frame_id="0")
        bag.image(f"{start}/Infrared_1/image/data", time, depth, "16UC1", frame_id="0")
        bag.image("/device_0/sensor_1/Color_0/image/data", time, color, "rgb8", frame_id="0")
    bag.put(f"{start}/option/Depth Units/value", "std_msgs/msg/Float32", START, data=0.00025)
    bag.camera(f"{start}/Depth_0/info/camera_info", START, (64, 48), (60, 61, 31.5, 23.5), "None")
    path = bag.write(tmp_path / "realsense.bag")
    frames = read_bag(path)
    assert frames.depth_unit == 0.00025
    assert str(frames.unit_source) == f"{start}/option/Depth Units/value"
    assert frames.cameras == {"depth": DEPTH_CAMERA}
    assert len(list(frames)) == 3
    other = read_bag(path, depth_unit=0.0005, planes={"infrared": f"{start}/Infrared_1/image/data"})
    assert other.depth_unit == 0.0005
    assert str(other.unit_source) == "an option"
    assert np.array_equal(next(iter(other)).image.planes["infrared"], scene(0)[1])
    write_bag(recorded(frames), tmp_path / "back.mcap")
    assert read_bag(tmp_path / "back.mcap").depth_unit == 0.00025  # as metres in floats


def test_two_cameras_are_listed_chosen_or_recorded_apart(tmp_path):
    bag = BagMaker()
    add_camera(bag, "left", 3)
    add_camera(bag, "right", 3)
    path = bag.write(tmp_path / "two.mcap")
    with pytest.raises(
        EncodepthError,
        match=r"2 topics hold depth: /left/depth/image_raw, /right/depth/image_raw; choose one",
    ):
        read_bag(path)
    frames = read_bag(path, depth_topic="/right/depth/image_raw")
    assert frames.choice.by_modality["color"].name == "/right/color/image_raw"
    assert "the one beside /right/depth/image_raw" in frames.said[0]
    alone = read_bag(path, depth_topic="/left/depth/image_raw", color_topic="none")
    assert [frame.image.held for frame in alone] == [("depth",)] * 3
    with Bag(path) as opened:
        found = cameras(opened)
    assert {name: choice.by_modality["depth"].name for name, choice in found.items()} == {
        "left": "/left/depth/image_raw",
        "right": "/right/depth/image_raw",
    }
    with pytest.raises(EncodepthError, match="has no topic /nose; it has /left/color/image_raw"):
        read_bag(path, color_topic="/nose")


def test_aligned_depth_and_raw_transports_are_preferred_and_that_is_said(tmp_path):
    bag = BagMaker()
    color, depth = scene(0)
    for name in ("depth/image_rect_raw", "aligned_depth_to_color/image_raw"):
        bag.image(f"/camera/{name}", START, depth, "16UC1")
    bag.image("/camera/color/image_raw", START, color, "bgr8")
    form, data = compress_depth(depth, "rvl")
    topic = "/camera/aligned_depth_to_color/image_raw/compressedDepth"
    bag.compressed(topic, START, form, data.tobytes())
    bag.compressed("/camera/odd", START, "theora", b"nothing")
    frames = read_bag(bag.write(tmp_path / "run.mcap"))
    said = "\n".join(frames.said)
    assert frames.choice.by_modality["depth"].name == "/camera/aligned_depth_to_color/image_raw"
    assert "which is aligned to colour" in said
    assert f"{topic} left out" in said
    assert frames.doubts[0].startswith("/camera/odd is left out: ")
    lines = "\n".join(inspect_bag(tmp_path / "run.mcap").lines())
    assert "4 topics of pictures" in lines or "5 topics of pictures" in lines
    assert "recording camera: depth /camera/aligned_depth_to_color/image_raw" in lines


def times_of(frames: BagFrames) -> list[tuple[int, str]]:
    """Milliseconds and what frames hold."""
    return [
        (round((f.time - START) / 1e6), "".join(name[0] for name in f.image.held)) for f in frames
    ]


def stamped_bag(path, depth_ms, color_ms, logged=None, **more):
    bag = maker(path)
    for kind, times in (("depth", depth_ms), ("color", color_ms)):
        color, depth = scene(0)
        for i, ms in enumerate(times):
            array, name = (depth, "16UC1") if kind == "depth" else (color, "rgb8")
            when = START + round(ms * 1e6)
            at = when if logged is None else START + round(logged(kind, i, ms) * 1e6)
            bag.image(f"/cam/{kind}", when, array, name, logged=at)
    return read_bag(bag.write(path), **more)


def test_pairs_by_stamp_and_what_has_no_partner_stays_a_frame(tmp_path):
    frames = stamped_bag(tmp_path / "a.mcap", [0, 33, 67, 100], [2, 35, 102, 135])
    assert times_of(frames) == [(0, "cd"), (33, "cd"), (67, "d"), (100, "cd"), (135, "c")]
    assert frames.counts.alone == {"depth": 1, "color": 1}
    assert frames.counts.whole == 3
    assert frames.counts.notes["depth without color"] == (1, 0)
    exact = stamped_bag(tmp_path / "b.mcap", [0, 33], [2, 33], within=0.0)
    assert times_of(exact) == [(0, "d"), (2, "c"), (33, "cd")]


def test_colour_at_twice_the_rate_and_depth_that_is_logged_late(tmp_path):
    color = [i * 1000 / 60 for i in range(12)]
    depth = [i * 1000 / 30 + 4 for i in range(6)]
    frames = stamped_bag(
        tmp_path / "a.mcap", depth, color, lambda kind, i, ms: ms + (300 if kind == "depth" else 0)
    )
    assert frames.within == pytest.approx(1 / 120)
    found = times_of(frames)
    assert [what for _, what in found].count("cd") == 6
    assert [what for _, what in found].count("c") == 6
    assert frames.counts.apart == pytest.approx(0.004)


def test_repeated_stamps_no_stamps_and_clocks_that_jump_back_lose_nothing(tmp_path):
    twice = stamped_bag(tmp_path / "a.mcap", [0, 33, 33, 67], [0, 33, 67])
    assert [what for _, what in times_of(twice)] == ["cd", "cd", "d", "cd"]
    assert twice.counts.repeated == 1
    loop = stamped_bag(
        tmp_path / "b.mcap", [0, 33, 0, 33], [0, 33, 0, 33],
        lambda kind, i, ms: 5000 * (i // 2) + ms,
    )  # fmt: skip
    assert times_of(loop) == [(0, "cd"), (33, "cd"), (0, "cd"), (33, "cd")]
    bag = BagMaker()
    for i in range(2):
        bag.image("/d", 0, scene(0)[1], "16UC1", logged=START + i * NS)
    assert [f.time for f in read_bag(bag.write(tmp_path / "c.mcap"))] == [START, START + NS]


def test_poses_are_taken_from_the_transforms_and_go_back(tmp_path):
    bag = BagMaker()
    add_camera(bag, "camera", 4, late=0)
    bag.transform("/tf_static", START, "base", "camera_depth", (0.0, 0.0, 1.0))
    bag.transform("/tf_static", START, "camera_depth", "camera_color", (0.05, 0.0, 0.0))
    half = np.sqrt(0.5)
    bag.transform("/tf", START, "map", "base", (0.0, 0.0, 0.0))
    bag.transform("/tf", START + NS // 10, "map", "base", (1.0, 0.0, 0.0), (0.0, 0.0, half, half))
    bag.transform("/tf", START, "map", "elsewhere", (9.0, 9.0, 9.0))
    path = bag.write(tmp_path / "run.mcap")
    frames = read_bag(path, poses=("map", ""))
    found = list(frames)
    assert np.allclose(found[0].pose[:3, 3], (0, 0, 1))
    third = found[1].pose
    assert np.allclose(third[:3, 3], (1 / 3, 0, 1), atol=1e-6)
    assert np.allclose(third[:2, 0], (np.cos(np.pi / 6), np.sin(np.pi / 6)), atol=1e-6)
    assert found[3].pose is not None
    assert frames.cameras["color"].extrinsics[9:] == (0.05, 0.0, 0.0)
    write_bag(recorded(frames), tmp_path / "back.bag")
    back = read_bag(tmp_path / "back.bag", poses=("map", ""))
    for here, there in zip(back, found, strict=True):
        assert np.allclose(here.pose, there.pose)
    assert np.allclose(back.cameras["color"].extrinsics, frames.cameras["color"].extrinsics)
    with pytest.raises(EncodepthError, match='no transforms from "camera_depth" to "moon"'):
        read_bag(path, poses=("moon", ""))


def test_frames_without_a_known_pose_are_counted(tmp_path):
    bag = BagMaker()
    add_camera(bag, "camera", 4, late=0)
    for ms in (20, 80):
        bag.transform("/tf", START + ms * 1_000_000, "map", "camera_depth", (ms / 1000, 0.0, 0.0))
    frames = read_bag(bag.write(tmp_path / "run.mcap"), poses=("map", ""))
    assert [f.pose is None for f in frames] == [True, False, False, True]
    assert frames.counts.without_pose == 2


def test_broken_pictures_cost_themselves_alone(tmp_path):
    bag = BagMaker()
    for i in range(3):
        time, (color, depth) = START + i * NS // 30, scene(i)
        bag.image("/cam/depth", time, depth if i != 1 else depth[:10], "16UC1")
        bag.image("/cam/color", time, color, "rgb8", **({"encoding": "odd"} if i == 2 else {}))
    frames = read_bag(bag.write(tmp_path / "run.mcap"))
    found = list(frames.each())
    errors = [str(one) for one in found if isinstance(one, EncodepthError)]
    assert errors == [
        "a picture of /cam/depth is 64x10; the ones before are 64x48",
        '/cam/color is encoded as "odd"; expected rgb8, bgr8, rgba8, bgra8, mono8, 8UC1, mono16, '
        "16UC1, 32FC1: convert it first",
    ]
    assert [f.image.held for f in found if not isinstance(f, EncodepthError)] == [
        ("color", "depth"),
        ("color",),
        ("depth",),
    ]
    assert frames.counts.broken == 2
    with pytest.raises(EncodepthError, match="64x10"):
        list(frames)


@pytest.mark.parametrize("name", ["run.mcap", "run.bag", "run.db3"])
def test_bags_that_are_cut_short_or_empty_are_one_sentence(tmp_path, name):
    path = camera_bag(tmp_path / name)
    whole = path.read_bytes()
    for cut in (0, 5, len(whole) // 2, len(whole) - 7):
        path.write_bytes(whole[:cut])
        try:
            errors = [e for e in read_bag(path).each() if isinstance(e, EncodepthError)]
        except EncodepthError as error:
            errors = [error]
        if cut > len(whole) // 2 and path.suffix == ".db3":
            continue  # its last page may hold nothing
        assert len(errors) == 1
        assert "may mend it" in str(errors[0]), errors
        assert "\n" not in str(errors[0])
    empty = maker(tmp_path / f"empty{path.suffix}")
    other = "std_msgs/msg/Float32"
    empty.put("/other", other, START, data=1.0)
    with pytest.raises(EncodepthError, match="no topic of colour or depth that can be read"):
        read_bag(empty.write(tmp_path / f"empty{path.suffix}"))
    with pytest.raises(EncodepthError, match="does not exist"):
        read_bag(tmp_path / f"none{path.suffix}")


def test_damage_in_the_middle_keeps_the_frames_before_it(tmp_path):
    path = camera_bag(tmp_path / "run.bag", count=200)
    whole = bytearray(path.read_bytes())
    at = len(whole) * 3 // 4
    whole[at : at + 40_000] = b"\xff" * 40_000
    path.write_bytes(whole)
    found = list(read_bag(path).each())
    assert isinstance(found[-1], EncodepthError)
    assert "read on" in str(found[-1])
    assert len(found) > 100


def test_compressed_float_depth_is_read_as_metres(tmp_path):
    bag = BagMaker()
    metres = scene(0)[1].astype(np.float32) / 1000
    metres[metres == 0] = np.nan
    form, data = inverse_depth(metres, "rvl")
    bag.compressed("/cam/depth/compressedDepth", START, form, data)
    frames = read_bag(bag.write(tmp_path / "run.mcap"))
    (frame,) = frames
    held = frame.image.depth * frames.depth_unit
    off = np.abs(held - np.nan_to_num(metres))
    assert str(frames.unit_source).startswith("REP 118: 32FC1 is metres; in steps of 0.1 mm")
    assert off.max() < 4.0**2 / (100 * 101) * 1.2


def test_without_rosbags_one_sentence_says_what_to_install(tmp_path):
    (tmp_path / "run.mcap").write_bytes(b"")
    code = (
        "import sys; sys.modules['rosbags'] = None\n"
        "from encodepth.io.ros.reading import read_bag\n"
        f"read_bag({str(tmp_path / 'run.mcap')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("needs the package rosbags; pip install 'encodepth[ros]'")


def test_mcap_is_read_and_written_as_the_mcap_package_does(tmp_path):
    """Its reader reads what we write, and we read what its writer writes, compressed."""
    pytest.importorskip("mcap_ros2", reason="needs mcap-ros2-support")
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory
    from mcap_ros2.writer import Writer as Theirs

    frames = read_bag(camera_bag(tmp_path / "run.mcap"))
    whole = list(frames)
    write_bag(recorded(frames), tmp_path / "back.mcap")
    depths, kinds = [], {}
    with open(tmp_path / "back.mcap", "rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for schema, channel, message, body in reader.iter_decoded_messages():
            kinds[channel.topic] = schema.name
            stamp = body.header.stamp.sec * NS + body.header.stamp.nanosec
            assert message.log_time == stamp
            if channel.topic == "/camera/depth/image_raw":
                depths.append(np.frombuffer(body.data, "<u2").reshape(body.height, body.width))
            elif channel.topic == "/camera/color/camera_info":
                assert tuple(body.d) == COLOR_CAMERA.coefficients
                assert body.distortion_model == "plumb_bob"
    assert set(kinds.values()) == {"sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"}
    assert all(np.array_equal(a, b.image.depth) for a, b in zip(depths, whole, strict=True))

    store = definitions(ros_1=False)
    with open(tmp_path / "theirs.mcap", "wb") as file:
        writer = Theirs(file)
        kind = "sensor_msgs/msg/Image"
        schema = writer.register_msgdef(kind, store.generate_msgdef(kind, ros_version=2)[0])
        for i in range(3):
            when = START + i * NS // 30
            header = {"stamp": {"sec": when // NS, "nanosec": when % NS}, "frame_id": "camera"}
            held = fields(scene(i)[1], "16UC1")
            held["data"] = held["data"].tobytes()
            writer.write_message("/depth", schema, {"header": header, **held}, when, when, i)
        writer.finish()
    found = list(read_bag(tmp_path / "theirs.mcap"))
    assert [f.time for f in found] == [f.time for f in whole[:3]]
    for i, frame in enumerate(found):
        assert np.array_equal(frame.image.depth, scene(i)[1])


def test_camera_of_another_size_is_not_believed(tmp_path):
    bag = BagMaker()
    bag.image("/cam/depth/image_raw", START, scene(0)[1], "16UC1")
    bag.camera("/cam/depth/camera_info", START, (1280, 720), (600.0, 600.0, 640.0, 360.0))
    frames = read_bag(bag.write(tmp_path / "run.mcap"))
    assert frames.cameras == {}
    assert str(frames.camera_source) == "unknown"
    assert "is about pictures of 1280x720" in frames.doubts[0]


def test_what_may_be_meant_otherwise_is_said(tmp_path):
    color, depth = scene(0)
    topic = "/cam/depth/image_raw"

    def doubts(name: str, form: str, array: np.ndarray, later: int = 0, **named: str) -> list[str]:
        bag = BagMaker()
        for i in range(3):
            bag.image(topic, START + i * NS // 30, array, form)
            bag.image("/cam/color/image_raw", START + i * NS // 30 + later, color, "rgb8")
        return read_bag(bag.write(tmp_path / f"{name}.mcap"), **named).doubts

    assert doubts("fine", "16UC1", depth) == []
    (said,) = doubts("millimetres", "32FC1", depth.astype(np.float32))
    assert "begins at" in said
    assert said.endswith("if they are millimetres, --depth-unit 0.001")
    (said,) = doubts("unknown", "mono16", depth, depth_topic=topic)
    assert said.startswith(f"nothing says the depth unit of {topic}; taken as 0.001 m")
    (said,) = doubts("unnamed", "mono16", depth)
    assert said == f"no topic of depth; {topic} has 16 bits (--depth-topic takes it)"
    (said,) = doubts("clocks", "16UC1", depth, later=100 * NS)
    assert "99.9 s apart and more, so none belong together" in said


def test_topics_that_are_not_what_they_are_named_as_are_refused_at_once(tmp_path):
    color, depth = scene(0)
    bag = BagMaker()
    bag.image("/cam/depth/image_raw", START, depth, "16UC1", encoding="16UC3")
    bag.image("/cam/color/image_raw", START, color, "rgb8")
    bag.image("/cam/grey/image_raw", START, color[..., 0], "8UC1")
    bag.image("/other/image_raw", START, depth, "16UC1")
    path = bag.write(tmp_path / "run.mcap")
    for topic in ("/cam/color/image_raw", "/cam/grey/image_raw"):
        with pytest.raises(EncodepthError, match="expected depth of 16 or 32 bits"):
            read_bag(path, depth_topic=topic)
    with pytest.raises(EncodepthError, match="/other/image_raw is 16UC1, which is no colour"):
        read_bag(path, color_topic="/other/image_raw")
    (said,) = read_bag(path, depth_topic="/other/image_raw").doubts
    assert said.startswith('/cam/depth/image_raw is left out: /cam/depth/image_raw is encoded as "')
    alone = BagMaker()
    alone.compressed("/cam/depth/compressedDepth", START, "", b"abc")
    with pytest.raises(
        EncodepthError, match="that can be read; /cam/depth/compressedDepth is left"
    ):
        read_bag(alone.write(tmp_path / "alone.mcap"))
