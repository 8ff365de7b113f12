"""Bags by the command: encoded, decoded, looked at, checked; what is said of unit and camera."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from encodepth import Reader, open_dataset
from encodepth.cli.main import main
from encodepth.io.check import check
from encodepth.io.ros.reading import read_bag
from ros_bags import BagMaker, add_camera, camera_bag, scene

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return done.value.code, said.out, said.err

    return call


@pytest.mark.parametrize("name", ["run.mcap", "run.bag", "db3_folder"])
def test_a_bag_goes_into_a_recording_and_back(run, tmp_path, name):
    path = camera_bag(tmp_path / name)
    exact = ("--lossless", "both", "--effort", "1")
    status, _, err = run("encode", path, "-o", tmp_path / "run.rgbd", *exact)
    assert status == 0
    assert "unit 0.001 m (REP 118: 16UC1 is millimetres)" in err
    assert "camera 60,61,31.5,23.5 (K of /camera/depth/camera_info)" in err
    assert "together within 16.7 ms" in err
    with Reader(tmp_path / "run.rgbd") as reader:
        assert reader.metadata["ros.depth.topic"] == "/camera/depth/image_raw"
        assert reader.cameras["color"].coefficients == (0.1, -0.2, 0.001, 0.002, 0.05)
        assert len(reader) == 8
    back = tmp_path / f"back{path.suffix or '.db3'}"
    status, _, err = run("decode", tmp_path / "run.rgbd", "-o", back, "--bag-depth", "rvl")
    assert status == 0
    assert "8 frames in" in err
    for here, there in zip(read_bag(back), read_bag(path), strict=True):
        assert here.time == there.time
        assert np.array_equal(here.image.depth, there.image.depth)
        assert np.array_equal(here.image.color, there.image.color)
    status, _, err = run("decode", tmp_path / "run.rgbd", "-o", back)
    assert status == 1
    assert "exists; use -f" in err


def test_two_cameras_are_listed_and_become_two_recordings(run, tmp_path):
    bag = BagMaker()
    add_camera(bag, "left", 3)
    add_camera(bag, "right", 3)
    path = bag.write(tmp_path / "two.mcap")
    status, _, err = run("encode", path, "--effort", "1")
    assert status == 1
    assert "holds 2 sequences: left, right; choose one's --depth-topic" in err
    status, _, err = run("encode", path, "--out-dir", tmp_path / "out", "--recordings",
                         "--effort", "1")  # fmt: skip
    assert status == 0
    for name in ("left", "right"):
        with Reader(tmp_path / "out" / f"{name}.rgbd") as reader:
            assert reader.metadata["ros.color.topic"] == f"/{name}/color/image_raw"
    status, _, err = run("encode", path, "-o", tmp_path / "one.rgbd", "--effort", "1",
                         "--depth-topic", "/left/depth/image_raw", "--color-topic", "none",
                         "--plane", "infrared=/right/depth/image_raw")  # fmt: skip
    assert status == 0
    frame = Reader(tmp_path / "one.rgbd")[0]
    assert frame.image.held == ("depth", "infrared")
    assert np.array_equal(frame.image.planes["infrared"], scene(0)[1])


def test_info_and_data_check_tell_of_a_bag(run, tmp_path):
    bag = BagMaker()
    add_camera(bag, "cam", 3)
    bag.image("/cam/depth/image_raw", 2 * 10**18, scene(0)[1][:10], "16UC1")
    path = bag.write(tmp_path / "run.mcap")
    status, out, _ = run("info", path)
    assert status == 0
    assert "2 topics of pictures" in out
    assert "recording cam: depth /cam/depth/image_raw, color /cam/color/image_raw" in out
    told = json.loads(run("info", path, "--json")[1])
    assert told["chosen"] == {
        "cam": {"depth": "/cam/depth/image_raw", "color": "/cam/color/image_raw"}
    }
    status, out, err = run("data", "check", path)
    assert status == 1
    assert "64x10; the ones before are 64x48" in err
    assert "3 of 4 pairs are usable (3 of 64x48)" in out
    assert check(path).layouts == ("ROS 2 bag, MCAP",)


def test_options_of_bags_are_refused_elsewhere(run, tmp_path):
    assert "--poses is for a ROS bag" in run("encode", "x.png", "--poses", "map")[2]
    assert "--bag-depth is for a ROS bag" in run("decode", "x", "--bag-depth", "rvl")[2]
    camera_bag(tmp_path / "run.mcap", count=2)
    status, _, err = run("encode", tmp_path / "run.mcap", "--pair-by", "name")
    assert (status, "pair_by has no meaning for a bag" in err) == (1, True)
    status, _, err = run("encode", tmp_path / "run.mcap", "--depth-step", "0.001")
    assert (status, "a depth step is for floats" in err) == (1, True)
    sample = Path(__file__).parents[1] / "samples"
    assert open_dataset(sample)
    status, _, err = run("encode", sample, "--depth-topic", "/d", "--out-dir", tmp_path / "o")
    assert status != 0


PAGES = ("ros.md", "many.md")
BLOCKS = [
    (page, block)
    for page in PAGES
    for block in (ROOT / "docs" / page).read_text("utf-8").split("```")[1::2]
]


@pytest.mark.parametrize("block", [b for _, b in BLOCKS if b.startswith("python\n")])
def test_the_documented_lines_work_when_pasted(tmp_path, monkeypatch, block):
    bag = BagMaker()
    add_camera(bag, "camera", 3)
    bag.write(tmp_path / "run.mcap")
    monkeypatch.chdir(tmp_path)
    exec(compile(block.removeprefix("python\n"), "docs/ros.md", "exec"), {})


@pytest.mark.parametrize("block", [b for _, b in BLOCKS if b.startswith("sh\n")])
def test_the_documented_commands_work_when_pasted(tmp_path, monkeypatch, run, block):
    bag = BagMaker()
    add_camera(bag, "left", 3)
    add_camera(bag, "right", 3)
    bag.transform("/tf_static", 1, "map", "left_depth", (1.0, 2.0, 3.0))
    bag.write(tmp_path / "two.mcap")
    (tmp_path / "bags").mkdir()
    for name in ("run.mcap", "bags/a.mcap"):
        camera_bag(tmp_path / name, count=3)
    monkeypatch.chdir(tmp_path)
    for line in block.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["encodepth"]:
            assert run(*words[1:])[0] == 0, line
