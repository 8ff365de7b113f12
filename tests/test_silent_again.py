"""More input on which a codec goes wrong in silence: rounded floats, far pixels, pipes, no name."""

from __future__ import annotations

import io
import json
import os
import threading
import time

import numpy as np
import pytest
from PIL import Image

import data_trees as trees
import encodepth
from encodepth import EncodepthError, InvalidImageError, RgbdImage, open_dataset, read
from encodepth.codec import Codec
from encodepth.io.check import check
from encodepth.io.recordings import Given, open_recordable
from encodepth.settings import Settings

Y, X = np.mgrid[:24, :32]
COLOR = np.stack([X * 3, Y * 4, X + Y], -1).astype(np.uint8)
DEPTH = (1000 + X * 2 + Y).astype(np.uint16)
METRES = (DEPTH / 1000 + np.random.default_rng(0).random(DEPTH.shape) * 0.01).astype(np.float32)


def npy(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def with_far(metres=METRES):
    far = metres.copy()
    far[0, 0] = 9000
    return far


def test_the_error_that_is_told_holds_what_floats_were_rounded_by(tmp_path):
    far = with_far()
    image = read(depth=npy(tmp_path / "d.npy", far), depth_unit=1)
    told = Codec().code(image, Settings.of(max_depth_error=1000 * image.rounding)).depth_error
    back = image.depth * image.depth_unit
    off = 1000 * np.abs(back - far.astype(np.float64))
    assert told.rmse_mm == pytest.approx(np.sqrt(np.square(off).mean()), rel=1e-6)
    assert told.max_mm == pytest.approx(off.max(), rel=1e-6)
    assert told.words != "as it was"


def test_a_target_of_error_counts_what_floats_were_rounded_by(tmp_path):
    image = read(depth=npy(tmp_path / "d.npy", METRES), depth_unit=1)
    with pytest.raises(InvalidImageError, match=r"0\.029\d* mm \(RMSE\) at best"):
        encodepth.encode(image, target_rmse=0.02)


def test_far_pixels_that_are_cut_do_not_make_the_step_of_floats_coarse(tmp_path):
    path = npy(tmp_path / "d.npy", with_far())
    with pytest.raises(InvalidImageError, match="--far"):
        read(depth=path, depth_unit=1, depth_step=1e-3)
    image = read(depth=path, depth_unit=1, far=20)
    assert image.depth_unit == 1e-4
    assert str(image.notes[0]) == ("1 pixel of depth outside the distances asked for, now holes")
    with pytest.raises(EncodepthError, match="--far"):
        encodepth.encode(read(depth=path, depth_unit=1), max_depth_error=1)


def test_65535_is_a_hole_in_floats_too(tmp_path):
    raw = DEPTH.astype(np.float32)
    raw[:3] = 65535
    image = read(depth=npy(tmp_path / "d.npy", raw))
    assert image.depth_unit == 0.001
    assert np.array_equal(image.depth, np.where(Y < 3, 0, DEPTH))
    assert [str(note) for note in image.notes] == ["96 pixels of 65535 became holes"]


def test_float_maps_of_a_recording_share_a_step_and_none_is_left_out(tmp_path):
    for i, metres in enumerate((METRES, METRES * 9, METRES)):
        npy(tmp_path / f"run/depth/{i}.npy", metres)
        trees.save(tmp_path / f"run/color/{i}.png", COLOR)
    (one,), _ = open_recordable(tmp_path / "run", Given(depth_unit=1.0))
    frames = list(one.read(range(3)))
    assert [frame.image.depth_unit for frame in frames] == [1e-3] * 3
    assert all(0 < frame.image.rounding <= 5.01e-4 for frame in frames)
    whole = open_recordable(tmp_path / "run", Given(depth_unit=1.0, far=2.0))[0][0]
    assert {frame.image.depth_unit for frame in whole.read(range(3))} == {1e-4}


def test_numbers_that_do_not_fit_a_plane_are_refused(tmp_path):
    Image.fromarray(np.full((4, 5), 70_000, np.int32)).save(tmp_path / "labels.tif")
    with pytest.raises(InvalidImageError, match=r"70000\.\.70000, not 0\.\.65535"):
        read(planes={"labels": tmp_path / "labels.tif"})


def test_arrays_of_other_kinds_are_taken_or_refused_but_never_read_otherwise():
    swapped = RgbdImage(depth=DEPTH.astype(">u2"))
    assert np.array_equal(swapped.depth, DEPTH)
    assert swapped.depth.dtype.isnative
    assert type(RgbdImage(depth=np.ma.masked_array(DEPTH)).depth) is np.ndarray
    masked = np.ma.masked_array(DEPTH, X < 3)
    with pytest.raises(InvalidImageError, match="masked"):
        RgbdImage(depth=masked)
    assert not RgbdImage(depth=masked.filled(0)).depth[:, :3].any()
    for unit in ("0.001", None, True):
        with pytest.raises(InvalidImageError, match="depth unit"):
            RgbdImage(depth=DEPTH, depth_unit=unit)


def test_sun_rgbds_jpeg_files_are_kept_as_files(tmp_path):
    frame = tmp_path / "SUNRGBD/kv1/a/b"
    (frame / "image").mkdir(parents=True)
    Image.fromarray(COLOR).save(frame / "image/0.jpg")
    trees.save(frame / "depth/0.png", (DEPTH << 3).astype(np.uint16))
    (frame / "intrinsics.txt").write_text("50 0 16\n0 50 12\n0 0 1\n")
    (pair,) = open_dataset(tmp_path).pairs
    assert np.array_equal(pair.load().depth, DEPTH)
    data = encodepth.encode(pair.load(), lossless="color")
    assert encodepth.kept_jpeg(data) == (frame / "image/0.jpg").read_bytes()


# Units and cameras


def folder(place, name, text):
    trees.save(place / "rgb/0.png", COLOR)
    trees.save(place / "depth/0.png", DEPTH)
    (place / name).write_text(text if isinstance(text, str) else json.dumps(text))
    return place


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("intrinsics.txt", "-60 0 32\n0 -60 24\n0 0 1\n"),
        ("intrinsics.txt", "see the paper\n"),
        ("meta.json", {"fx": 60, "fy": 60}),
        ("camera_intrinsic.json", {"left": 3}),
    ],
)
def test_a_camera_file_that_says_no_camera_is_named(tmp_path, name, text):
    data = open_dataset(folder(tmp_path, name, text))
    assert data.pairs[0].intrinsics is None
    assert any(name in str(p) and "left out" in str(p) for p in data.problems)


def test_a_camera_of_another_size_is_doubted_though_its_centre_fits(tmp_path):
    camera = {"width": 40, "height": 30, "intrinsic_matrix": [50, 0, 0, 0, 50, 0, 20, 15, 1]}
    report = check(folder(tmp_path, "camera_intrinsic.json", camera))
    assert any("of 40x30) is of another size than depth, 32x24" in str(p) for p in report.problems)


@pytest.mark.parametrize("scale", ["a", 0, -1, True])
def test_a_scale_that_makes_no_sense_is_refused_in_any_layout(tmp_path, scale):
    one = {"file_path": "rgb/0.png", "depth_file_path": "depth/0.png"}
    table = {"depth_unit_scale_factor": scale, "frames": [one]}
    with pytest.raises(EncodepthError, match="depth_unit_scale_factor is"):
        open_dataset(folder(tmp_path / "nerf", "transforms.json", table))
    with pytest.raises(EncodepthError, match="depth_scale is"):
        open_dataset(folder(tmp_path / "bop", "scene_camera.json", {"0": {"depth_scale": scale}}))


def test_json_that_begins_with_a_mark_of_byte_order_is_read(tmp_path):
    place = folder(tmp_path, "meta.json", '\ufeff{"depth_scale": 0.00025}')
    assert open_dataset(place).pairs[0].depth_unit == 0.00025


# The command


def test_pipes_are_read_once(run, tmp_path):
    trees.save(tmp_path / "c.png", COLOR)
    os.mkfifo(tmp_path / "pipe")
    data = (tmp_path / "c.png").read_bytes()
    feed = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(data))
    feed.start()
    shown = run("encode", tmp_path / "pipe", "-o", tmp_path / "c.rgbd", "--effort", "1")
    feed.join()
    assert shown.status == 0, shown.err


@pytest.mark.parametrize("words", [("c.png", "-o", ""), ("c.png", "--output="), ("",)])
def test_an_empty_name_is_refused_before_it_means_the_default(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    trees.save(tmp_path / "c.png", COLOR)
    shown = run("encode", *words)
    assert shown.status == 2
    assert "an empty argument" in shown.err
    assert not list(tmp_path.glob("*.rgbd"))


def test_a_folder_of_pairs_is_told_its_error_and_each_sequence_by_its_place(run, tmp_path):
    for one in ("a", "b"):
        folder(tmp_path / one / "s", "meta.json", {"depth_scale": 0.001})
    shown = run("encode", tmp_path / "a", tmp_path / "b", "--out-dir", tmp_path / "o", "--json",
                "--effort", "1")  # fmt: skip
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert all(line["depth_rmse_mm"] > 0 and line["notes"] == [] for line in lines)
    assert "a/s: 1 pair" in shown.err
    assert "mm RMSE, " in shown.err


# In a process


class Trickle:
    """A file that gives a little at a time and cannot seek, as a socket does."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def seekable(self):
        return False

    def read(self, size=-1):
        return self._data.read(100)


def recording(**options):
    place = io.BytesIO()
    with encodepth.Writer(place, rate=30, effort=1, **options) as writer:
        for _ in range(3):
            writer.append(RgbdImage(COLOR, DEPTH))
    return place.getvalue()


def test_files_that_give_a_little_at_a_time_are_read_to_the_end(tmp_path):
    trees.save(tmp_path / "d.png", DEPTH)
    assert np.array_equal(read(depth=Trickle((tmp_path / "d.png").read_bytes())).depth, DEPTH)
    assert len(encodepth.Reader(Trickle(recording()))) == 3


def test_bytes_of_any_shape_have_their_own_length():
    data = encodepth.encode(RgbdImage(depth=DEPTH), effort=1)
    for given in (np.void(data), np.frombuffer(data, np.uint8)[None]):
        assert encodepth.inspect(given) == encodepth.inspect(data)


@pytest.mark.parametrize(
    "wrong",
    [{"target_rmse": "3"}, {"near": True}, {"max_depth_error": [5]}, {"lossless": None},
     {"coding": 5}, {"coding": None}, {"device": "tpu"}],
)  # fmt: skip
def test_settings_of_another_type_are_refused_by_name(wrong):
    with pytest.raises(EncodepthError, match=next(iter(wrong))):
        encodepth.encode(RgbdImage(COLOR, DEPTH), **wrong)


def test_what_is_no_image_is_refused():
    with pytest.raises(InvalidImageError, match="got ndarray"):
        encodepth.encode(DEPTH)


def test_one_name_for_two_pictures_is_refused_by_the_library_too(tmp_path):
    image = RgbdImage(COLOR, DEPTH)
    (tmp_path / "link.png").symlink_to("same.png")
    for other in ("same.png", "link.png"):
        with pytest.raises(InvalidImageError, match="two pictures"):
            encodepth.write(image, tmp_path / "same.png", tmp_path / other)
    assert not (tmp_path / "same.png").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"key_interval": 2.5}, {"when_full": "never"}, {"room": -1}, {"rate": "30"}, {"jobs": 0}],
)
def test_a_writer_refuses_what_it_cannot_mean(wrong):
    with pytest.raises(EncodepthError, match=next(iter(wrong))):
        encodepth.Writer(io.BytesIO(), **{"rate": 30, **wrong})


@pytest.mark.parametrize(
    "wrong", [{"time": 0.0333}, {"pose": np.eye(3)}, {"pose": np.full((4, 4), np.nan)}]
)
def test_times_in_seconds_and_broken_poses_are_refused_at_once(wrong):
    with encodepth.Writer(io.BytesIO(), rate=30, effort=1) as writer:
        with pytest.raises(EncodepthError, match=next(iter(wrong))):
            writer.append(RgbdImage(COLOR, DEPTH), **wrong)
        writer.append(RgbdImage(COLOR, DEPTH), time=np.int64(5), pose=np.eye(4).tolist())


def test_frames_are_named_by_whole_numbers():
    reader = encodepth.Reader(recording())
    for wrong in (1.5, "a", None):
        with pytest.raises(TypeError):
            reader[wrong]
    with pytest.raises(IndexError, match="frame -4; the recording has 3"):
        reader[-4]


def test_what_takes_long_says_what_it_does_and_wipes_its_line(monkeypatch, capsys):
    from encodepth.cli import waiting

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(waiting, "_PATIENCE", 0.01)
    monkeypatch.setattr(waiting, "_OFTEN", 0.01)
    with waiting.Waiting("reading", quiet=False) as under_way:
        Codec().code(RgbdImage(COLOR, DEPTH), Settings.of(effort=1), under_way.tell)
        time.sleep(0.1)
    assert "depth of 32x24 by av1, 0 s so far" in shown.getvalue()
    assert shown.getvalue().endswith("\r\x1b[K")
    with waiting.Waiting("reading", quiet=True):
        time.sleep(0.05)


def test_colour_that_a_new_jpeg_file_loses_is_told(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.save(tmp_path / "c.png", COLOR)
    run("encode", "c.png", "-o", "c.rgbd", "--lossless", "color", "--effort", "1")
    assert "loses some of the colour" in run("decode", "c.rgbd", "--color", "n.jpg").err
    assert "none to give back" in run("decode", "c.rgbd", "--jpeg", "-o", "out").err
    assert run("decode", "c.rgbd", "--color", "n.png").err == "c.rgbd: n.png\n"


def test_a_file_that_is_no_recording_is_named(run, tmp_path):
    (tmp_path / "c.rgbd").write_bytes(encodepth.encode(RgbdImage(COLOR), effort=1))
    shown = run("join", tmp_path / "c.rgbd", "-o", tmp_path / "all.rgbd")
    assert shown.err.count("c.rgbd: format version 1; expected 2, a recording") == 1
