"""Folders in, folders out: names stay apart, jobs go on, end, and leave nothing behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import data_trees as trees
import encodepth
from encodepth import open_dataset
from encodepth.cli.jobs import JOURNAL, SHOWN, Job, Outcome, Progress, failed
from encodepth.cli.many import named_apart
from encodepth.files import write_file

EXACT = ("--lossless", "both", "--effort", "1")
COMMAND = [sys.executable, "-m", "encodepth.cli.main"]


def recording(root: Path, *names: str, frames: int = 1) -> None:
    for name in names:
        for i in range(frames):
            trees.save(root / name / "rgb" / f"{i:03d}.png", trees.color(i))
            trees.save(root / name / "depth" / f"{i:03d}.png", trees.depth(i))


def files(root: str, suffix: str = ".rgbd") -> list[str]:
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob(f"*{suffix}"))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# Names


def test_equal_leaf_names_live_side_by_side_in_one_call_or_several(run):
    recording(Path("robot"), "ep_000/cam0", "ep_001/cam0")
    assert run("encode", "robot", "--out-dir", "o", *EXACT).status == 0
    assert files("o") == ["ep_000/cam0/000.rgbd", "ep_001/cam0/000.rgbd"]
    named = ("robot/ep_000/cam0", "robot/ep_001/cam0/")
    assert run("encode", *named, "--out-dir", "p", *EXACT).status == 0
    assert files("p") == files("o")


@pytest.mark.parametrize(
    ("paths", "names"),
    [(["a"], [""]), (["a", "b"], ["a", "b"]), (["x/a", "y/a"], ["x/a", "y/a"]),
     (["a.zip", "b"], ["a", "b"]), (["x/a", "a"], None)],
)  # fmt: skip
def test_several_folders_are_named_as_far_as_it_takes(paths, names):
    found = named_apart(paths)
    assert found == names or (names is None and len(set(found)) == 2)
    assert not any(name.startswith("/") or ".." in name for name in found)


@pytest.mark.parametrize("named", ["../walk", ".", "sub/..", "../walk/"])
def test_nothing_is_written_outside_of_the_folder(run, monkeypatch, named):
    recording(Path(), "walk")
    Path("walk/sub").mkdir()
    monkeypatch.chdir("walk")
    assert run("encode", named, "--out-dir", "../o/p", *EXACT).status == 0
    assert files("../o") == ["p/walk/000.rgbd"]


def test_names_of_any_script_and_length_are_written():
    name = "é" * 127
    write_file(name, b"x")
    assert Path(name).read_bytes() == b"x"
    assert os.listdir() == [name]


def test_an_open_file_by_its_name_is_written_to_where_it_stands():
    code = "from encodepth.files import write_file\nimport sys\nprint('a', flush=True)\n"
    code += "write_file('/dev/stdout', b'b\\n')\nwrite_file('/dev/fd/1', b'c\\n')"
    with open("out", "wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert Path("out").read_bytes() == b"a\nb\nc\n"


# Going on


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_second_call_makes_what_is_missing_or_changed_and_says_the_rest(run, jobs):
    recording(Path("set"), "a", "b", frames=2)
    call = ("encode", "set", "--out-dir", "o", *EXACT, "-j", jobs)
    assert run(*call).status == 0
    first = {name: Path("o", name).stat().st_mtime_ns for name in files("o")}
    Path("o/a/001.rgbd").unlink()
    trees.save(Path("set/b/depth/001.png"), trees.depth(5))
    shown = run(*call)
    assert shown.status == 1
    assert "o/b/001.rgbd exists and was made with other settings or from other data" in shown.err
    assert "4 pairs, 2 made before and left, 1 failed, " in shown.err
    assert run(*call, "-f", "--quiet").status == 0
    assert run(*call).err.splitlines()[-1] == "4 pairs, 4 made before and left, 0 bytes in o"
    assert set(files("o")) == set(first)


def test_a_file_that_was_damaged_or_is_somebody_elses_is_not_taken_for_done(run):
    recording(Path("set"), "a", frames=2)
    call = ("encode", "set", "--out-dir", "o", *EXACT)
    assert run(*call).status == 0
    Path("o/a/000.rgbd").write_bytes(Path("o/a/000.rgbd").read_bytes()[:-1])
    Path("o/a/001.rgbd").write_bytes(b"mine")
    shown = run(*call)
    assert "2 pairs, 2 failed, 0 bytes in o\n" in shown.err
    assert Path("o/a/001.rgbd").read_bytes() == b"mine"
    Path("o", JOURNAL).write_text('["a/000.rgbd", "half a li')
    assert "was made otherwise; use -f" in run(*call).err


def test_a_killed_job_leaves_no_worker_and_no_half_file_and_is_finished_by_a_second_call(run):
    recording(Path("set"), "a", frames=60)
    call = [*COMMAND, "encode", "set", "--out-dir", "o", *EXACT, "-j", "2", "--quiet"]
    mark = {**os.environ, "MARK": str(Path.cwd())}
    child = subprocess.Popen(call, env=mark, stderr=subprocess.DEVNULL)
    while not files("o") and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    until = time.monotonic() + 20
    while marked() and time.monotonic() < until:
        time.sleep(0.1)
    assert not marked()
    assert not files("o", ".tmp")
    for name in files("o"):
        encodepth.inspect(Path("o", name).read_bytes())
    assert run(*call[3:]).status == 0
    assert len(files("o")) == 60


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no files without a name here")
def test_a_new_file_has_no_other_name_at_any_moment(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr(os, "replace", lambda *two: names.append(two))
    write_file(tmp_path / "new", b"whole")
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    assert not names
    monkeypatch.undo()
    write_file(tmp_path / "new", b"another")
    assert (tmp_path / "new").read_bytes() == b"another"
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def marked() -> list[str]:
    """Return the processes that were started for this test."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc") if Path("/proc").is_dir() else ()):
        try:
            if f"MARK={Path.cwd()}".encode() in Path("/proc", number, "environ").read_bytes():
                found.append(number)
        except OSError:
            continue
    return found


# Ending


def test_a_journal_that_a_full_disk_cut_costs_one_line_at_most(run):
    recording(Path("d"), "s", frames=3)
    assert run("encode", "d", "--out-dir", "o", *EXACT).status == 0
    Path("o/s/002.rgbd").unlink()
    journal = Path("o", JOURNAL)
    journal.write_bytes(journal.read_bytes() + b'["s/00')
    assert run("encode", "d", "--out-dir", "o", *EXACT).status == 0
    again = run("encode", "d", "--out-dir", "o", *EXACT)
    assert again.status == 0
    assert "3 made before and left" in again.err


def test_a_full_disk_is_known_through_every_error_around_it():
    around = encodepth.EncodepthError("cannot write x")
    around.__context__ = OSError(errno.ENOSPC, "no space left on device")
    assert failed(around, "cannot write x").ends
    assert not failed(OSError(errno.EACCES, "no"), "no").ends


def test_a_full_disk_ends_the_job(run, monkeypatch):
    recording(Path("set"), "a", frames=5)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("encodepth.files.write_file", full)
    shown = run("encode", "set", "--out-dir", "o", *EXACT)
    assert shown.status == 1
    assert shown.err.count("no space left on device") == 1
    assert shown.err.endswith("5 pairs, ended after 1, 1 failed, 0 bytes in o\n")
    assert not files("o")


def test_failures_are_named_up_to_a_screen_and_counted(run):
    recording(Path("set"), "a", frames=30)
    for path in Path("set/a/depth").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    shown = run("encode", "set", "--out-dir", "o", *EXACT)
    assert shown.err.count("cannot be read") == SHOWN
    assert shown.err.count("more failures are counted, not named") == 1
    assert "30 pairs, 30 failed, 0 bytes in o\n" in shown.err


def test_a_job_holds_few_items_at_a_time():
    drawn = 0

    def items():
        nonlocal drawn
        for i in range(1000):
            drawn += 1
            yield i

    seen = []
    for item, _ in Job(lambda: None, lambda kept, item: Outcome()).run(items()):
        seen.append(item)
        assert drawn - len(seen) <= 1
    assert seen == list(range(1000))


def test_one_line_tells_how_far_it_is(capsys, monkeypatch):
    progress = Progress(1000, quiet=False)
    monkeypatch.setattr("encodepth.cli.jobs._SELDOM", 0.0)
    progress._began -= 10
    progress.step(Outcome())
    progress.step(Outcome(error="no"), "x.png")
    first, fault, second = capsys.readouterr().err.splitlines()
    assert first == "1 of 1,000, 2.8 h left"
    assert fault == "encodepth: x.png: no"
    assert second == "2 of 1,000, 1 failed, 83 min left"


# Back


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_decoding_a_folder_gives_back_its_tree_as_a_dataset(run, jobs):
    recording(Path("set"), "a/x", "b", frames=2)
    camera = {"fx": 20, "fy": 21, "cx": 8, "cy": 6}
    meta = {"depth_units_per_meter": 5000, "intrinsics": camera}
    Path("set/a/x/meta.json").write_text(json.dumps(meta))
    assert run("encode", "set", "--out-dir", "o", *EXACT).status == 0
    shown = run("decode", "o", "-o", "back", "-j", jobs)
    assert (shown.status, shown.err.splitlines()[-1][:9]) == (0, "4 files, ")
    before, after = open_dataset("set").pairs, open_dataset("back").pairs
    for old, new in zip(before, after, strict=True):
        assert (old.sequence, old.frame) == (new.sequence, new.frame)
        assert old.depth_unit == pytest.approx(new.depth_unit)
        assert old.intrinsics == new.intrinsics
        assert np.array_equal(old.load().depth, new.load().depth)
        assert np.array_equal(old.load().color, new.load().color)
    again = run("decode", "o", "-o", "back", "-j", jobs)
    assert again.err == "4 files, 4 made before and left, 0 bytes in back\n"


def test_frames_of_different_units_come_back_with_theirs(run):
    recording(Path("000001"), ".", frames=2)
    camera = {str(i): {"cam_K": [20 + i, 0, 8, 0, 21, 6, 0, 0, 1], "depth_scale": 0.5 + i / 2}
              for i in range(2)}  # fmt: skip
    Path("000001/scene_camera.json").write_text(json.dumps(camera))
    assert run("encode", "000001", "--out-dir", "o", *EXACT).status == 0
    assert run("decode", "o", "-o", "back", "--quiet").status == 0
    assert [pair.depth_unit for pair in open_dataset("back")] == pytest.approx([0.0005, 0.001])
    assert [pair.intrinsics.fx for pair in open_dataset("back")] == [20, 21]


def test_decoding_a_folder_needs_a_place_and_files(run):
    Path("o").mkdir()
    assert run("decode", "o").status == 2
    shown = run("decode", "o", "-o", "back")
    assert (shown.status, shown.err) == (1, "encodepth: no .rgbd files below o\n")
    assert not Path("back").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("buffered", [False, True])
def test_a_full_device_is_named_once(buffered):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    env |= {} if buffered else {"PYTHONUNBUFFERED": "1"}
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "-h"], stdout=full, stderr=subprocess.PIPE, env=env)
    assert (done.returncode, done.stderr) == (1, b"encodepth: no space left on device\n")
