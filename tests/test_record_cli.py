"""Folders and recordings into recordings, by the command: what is kept, said, refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import data_trees as trees
from encodepth import Reader, open_dataset
from test_cli import COMMAND
from test_sequence import image, record

EXACT = ("--lossless", "both", "--effort", "1")


@pytest.fixture
def tum(tmp_path, monkeypatch) -> Path:
    """A recording as TUM's: colour and depth at times of their own, two of them without partner."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "rgbd_dataset_freiburg1_x"
    colors = ["1305031102.175304", "1305031102.211214", "1305031102.243211", "1305031102.275326"]
    depths = ["1305031102.160407", "1305031102.226738", "1305031102.262886", "1305031102.395279"]
    for kind, stamps, make in (("rgb", colors, trees.color), ("depth", depths, trees.depth)):
        for i, stamp in enumerate(stamps):
            trees.save(root / kind / f"{stamp}.png", make(i))
        rows = "".join(f"{stamp} {kind}/{stamp}.png\n" for stamp in stamps)
        (root / f"{kind}.txt").write_text("# a comment\n" + rows)
    (root / "groundtruth.txt").write_text("1305031102.1758 1 2 3 0 0 0 1\n")
    return root


def test_a_folder_becomes_one_file_with_its_stamps_unit_camera_and_poses(run, tum):
    shown = run("encode", tum, "-o", "run.rgbd", *EXACT, "--key-interval", "2")
    assert shown.status == 0
    assert "unit 0.0002 m (TUM RGB-D's convention), camera 517.3,516.5,318.6,255.3" in shown.err
    assert "times as given, poses" in shown.err
    assert "depth as it was" in shown.err
    reader = Reader("run.rgbd")
    ns = [1305031102175304000, 1305031102211214000, 1305031102243211000, 1305031102275326000]
    assert reader.times.tolist() == [*ns, 1305031102395279000]
    frames = list(reader)
    assert [sorted(f.image.held) for f in frames] == [
        ["color", "depth"], ["color", "depth"], ["color"], ["color", "depth"], ["depth"],
    ]  # fmt: skip
    np.testing.assert_array_equal(frames[0].pose[:3, 3], (1, 2, 3))
    np.testing.assert_array_equal(frames[2].image.color, trees.color(2))
    np.testing.assert_array_equal(frames[4].image.depth, trees.depth(3))
    assert reader.depth_unit == 1 / 5000
    assert len(reader.container.chunks) == 3


def test_a_recording_goes_to_a_folder_and_back_with_times_poses_and_gaps(run, tum):
    run("encode", tum, "-o", "run.rgbd", *EXACT)
    run("decode", "run.rgbd", "-o", "out")
    assert run("encode", "out/run", "-o", "again.rgbd", *EXACT).status == 0
    first, again = Reader("run.rgbd"), Reader("again.rgbd")
    assert first.times.tolist() == again.times.tolist()
    assert first.intrinsics == again.intrinsics
    for a, b in zip(first, again, strict=True):
        assert a.image.held == b.image.held
        assert (a.pose is None) == (b.pose is None)
        for kind in a.image.held:
            np.testing.assert_array_equal(a.image.arrays[kind], b.image.arrays[kind])


def test_a_recording_is_coded_again_with_other_settings_and_a_range_of_frames(run, tmp_path):
    path = tmp_path / "r.rgbd"
    path.write_bytes(record(10, 4, lossless="both", metadata={"robot": "r2"}))
    target = tmp_path / "part.rgbd"
    assert run("encode", path, "-o", target, "--frames", "3:7", *EXACT).status == 0
    reader = Reader(target)
    assert reader.times.tolist() == Reader(path).times.tolist()[3:7]
    assert dict(reader.metadata) == {"robot": "r2"}
    np.testing.assert_array_equal(reader[0].image.color, image(3).color)
    shown = run("encode", path, "-o", target, "--frames", "30:", "-f")
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "--frames 30: names none of 10 frames" in shown.err
    assert "is the input" in run("encode", path).err
    assert run("encode", "nowhere/run", "-j", "2").err == "encodepth: nowhere/run does not exist\n"
    assert "rate has no meaning" in run("encode", path, "-o", target, "-f", "--rate", "5").err


def test_jobs_give_the_same_bytes_and_json_says_what_was_written(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(5):
        trees.save(Path(f"run/color/{i:06d}.png"), trees.color(i))
        trees.save(Path(f"run/depth/{i:06d}.png"), trees.depth(i))
    shown = run("encode", "run", "--key-interval", "2", "--effort", "1", "--rate", "10", "--json")
    told = json.loads(shown.out)
    assert told["frames"] == 5
    assert (told["seconds"], told["failed"]) == (0.4, 0)
    assert told["depth_rmse_mm"] > 0
    assert "times by 10 frames a second (an option)" in shown.err
    again = ("encode", "run", "-o", "b.rgbd", "--key-interval", "2", "--effort", "1", "-j", "3")
    assert run(*again, "--rate", "10", "--quiet").err == ""
    assert Path("run.rgbd").read_bytes() == Path("b.rgbd").read_bytes()
    assert run(*again).err == "encodepth: b.rgbd exists; use -f to overwrite it\n"


def test_frames_that_cannot_be_read_are_named_once_and_cost_the_exit_status(run, tum):
    broken = tum / "rgb" / "1305031102.211214.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (tum / "depth" / "1305031102.262886.png").unlink()
    shown = run("encode", tum, "-o", "run.rgbd", *EXACT)
    assert shown.status == 1
    assert shown.err.count("211214.png") == 1
    assert "listed in" in shown.err
    assert "1 of 5 frames were left out" in shown.err
    assert len(Reader("run.rgbd")) == 4


def test_many_recordings_are_shared_out_among_processes_with_the_same_bytes(
    run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for k in range(4):
        trees.folder(Path("data", f"ep_{k}"))
    each = ("encode", "data", "--recordings", "--effort", "1", "--out-dir")
    assert "4 recordings in one" in run(*each, "one").err
    assert "4 sources, " in run(*each, "two", "-j", "2").err
    for path in sorted(Path("one").rglob("*.rgbd")):
        assert Path("two", *path.parts[1:]).read_bytes() == path.read_bytes()
    assert "4 sources, 4 made before and left" in run(*each, "two", "-j", "2").err


def test_several_sequences_are_named_or_become_a_recording_each(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ep_000/cam0", "ep_001/cam0"):
        trees.folder(Path("data", name))
    shown = run("encode", "data", "-o", "run.rgbd")
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "holds 2 sequences: ep_000/cam0, ep_001/cam0; name the folder of one, or" in shown.err
    assert not Path("run.rgbd").exists()
    each = ("encode", "data", "--out-dir", "out", "--recordings", "--effort", "1")
    assert "2 recordings in out" in run(*each).err
    assert len(Reader("out/ep_001/cam0.rgbd")) == 2
    assert "2 recordings, 2 made before and left in out" in run(*each).err
    other = run(*each, "-q", "20")
    assert other.status == 1
    assert "exists and was made otherwise; use -f" in other.err
    begun = Path("out/.rgbd-journal").read_text().split("\n\n")[:1]
    Path("out/.rgbd-journal").write_text("\n".join(begun) + "\n")  # as if killed over the first
    Path("out/ep_001/cam0.rgbd").unlink()
    Path("out/ep_000/cam0.rgbd").write_bytes(b"begun")
    assert run(*each).status == 0
    assert len(Reader("out/ep_000/cam0.rgbd")) == 2


WRONG = [
    (["color.png", "--frames", "1:2"], "--frames is for a recording"),
    (["color.png", "--key-interval", "3"], "--key-interval is for a recording"),
    (["color.png", "--recordings"], "--recordings goes with --out-dir"),
    (["run", "--target-bytes", "99"], "--target-bytes is for single pictures; a recording takes"),
    (["run", "-o", "-", "--json"], "-o - and --json would both write to stdout"),
    (["run", "--depth-only", "x.png"], "a recording goes without --depth-only and --plane"),
    (["run", "--frames", "3"], '"3" is not A:B, frames from A on and before B'),
    (["run", "run"], "2 names, of which run is a recording; name one, or make one of each"),
    (["run", "--out-dir", "x", "--live"], "--live is for a recording"),
    (["run", "-q", "5", "--lossless", "color", "--max-depth-error", "-1"], "--max-depth-error -1"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda x: x[-1] if x is list else "")
def test_wrong_usage_is_named(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    trees.folder(Path("run"))
    shown = run("encode", *arguments)
    assert shown.status == 2
    assert message in shown.err
    assert os.listdir() == ["run"]


def test_targets_of_single_pictures_stay_those_of_out_dir(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trees.folder(Path("run"))
    code = ("encode", "run", "--out-dir", "out", "--target-bytes", "900", "--effort", "1")
    assert run(*code).status == 0
    assert os.path.getsize("out/run/000001.rgbd") <= 900


def test_ctrl_c_leaves_whole_groups_and_says_how_many(tmp_path):
    for i in range(40):
        trees.save(tmp_path / f"run/depth/{i:06d}.png", image(i, 240, 320).depth)
    for i in range(40, 3000):  # more than anybody waits for
        os.link(tmp_path / f"run/depth/{i % 40:06d}.png", tmp_path / f"run/depth/{i:06d}.png")
    target = tmp_path / "run.rgbd"
    command = [*COMMAND, "encode", "run", "--effort", "1", "--lossless", "depth"]
    child = subprocess.Popen(
        [*command, "--key-interval", "2"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while (not target.exists() or target.stat().st_size < 500) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=120)[1]
    assert child.returncode == 130, said
    reader = Reader(target)
    assert reader.container.indexed
    assert f"holds the first {len(reader)} of 3,000 frames, and is whole" in said
    for i in (0, len(reader) - 1):
        np.testing.assert_array_equal(reader[i].image.depth, image(i % 40, 240, 320).depth)


def test_a_dataset_has_pairs_alone_unless_asked(tum):
    assert len(open_dataset(tum)) == 3
    assert len(open_dataset(tum, alone=True)) == 5


def test_a_folder_of_stills_and_recordings_is_taken_file_by_file(run, tmp_path, monkeypatch, pair):
    (tmp_path / "coded/day").mkdir(parents=True)
    data = record(6, 2, lossless="depth", effort=1)
    (tmp_path / "coded/day/run.rgbd").write_bytes(data)
    run("encode", "color.png", "depth.png", "-o", "coded/day/still.rgbd", "--effort", "1")
    told = run("info", "coded").out
    assert "coded/day/run.rgbd: " in told
    assert "format version 1" in told
    shown = run("verify", "coded", "--decode")
    assert shown.out.splitlines() == [
        f"coded/day/{name}.rgbd: whole, and decodes here" for name in ("run", "still")
    ]
    assert "2 files" in run("decode", "coded", "-o", "out").err
    assert len(os.listdir("out/day/run/depth")) == 6
    assert os.listdir("out/day/depth") == ["still.png"]
    assert "2 made before and left" in run("decode", "coded", "-o", "out").err
    Path("out/day/run/trajectory.json").unlink()
    journal = Path("out/.rgbd-journal")
    rows = [row for row in journal.read_text().splitlines() if '"", -1' in row or "still" in row]
    journal.write_text("\n".join(rows) + "\n")  # as if killed before the recording was finished
    assert run("decode", "coded", "-o", "out").status == 0
    assert Path("out/day/run/trajectory.json").exists()
    (tmp_path / "none").mkdir()
    empty = run("info", "none", "coded")
    assert (empty.status, empty.err) == (1, "encodepth: none: no .rgbd files below none\n")
    assert "coded/day/run.rgbd" in empty.out


def test_frames_of_a_recording_are_decoded_under_their_numbers(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r.rgbd").write_bytes(record(6, 2, lossless="depth", effort=1))
    assert "2 frames in out/r" in run("decode", "r.rgbd", "-o", "out", "--frames", "3:5").err
    assert sorted(os.listdir("out/r/depth")) == ["000003.png", "000004.png"]


def test_a_bitrate_is_met_or_its_distance_is_said(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r.rgbd").write_bytes(record(8, 4, lossless="both", effort=1))
    code = ("encode", "r.rgbd", "-o", "o.rgbd", "-f", "--effort", "1", "--key-interval", "4")
    shown = run(*code, "--target-bitrate", "0.08")
    assert shown.status == 0
    quality, rate = re.search(r"quality (\d+): ([\d.]+) Mbit/s in 2 groups", shown.err).groups()
    assert 0 < int(quality) < 100
    whole = os.path.getsize("o.rgbd") * 8e-6 / (7 / 30)
    assert float(rate) < whole  # header and index are not in the groups
    assert ("the target of 0.08 Mbit/s" in shown.err) == (abs(whole / 0.08 - 1) > 0.05)
    assert "at quality 0 frames still have" in run(*code, "--target-bitrate", "0.001").err
    assert "contradict each other" in run(*code, "--target-bitrate", "1", "-q", "5").err
    exact = run(*code, "--target-bitrate", "1", "--lossless", "both")
    assert "there is none to search" in exact.err
