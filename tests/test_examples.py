"""The example scripts run as they stand, and the demo's numbers are those of the files it wrote."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import encodepth
from encodepth.metrics import psnr

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize(
    ("script", "made", "said"),
    [
        ("roundtrip", ["color.png", "depth.png"], r"[\d,]+ bytes in all"),
        (
            "measure",
            ["measured.jsonl", "page/index.html"],
            r"23 records written, 0 already there\n(.*: [+-]\d+ % of the bits of JPEG.*\n){2}page",
        ),
        (
            "robot_log",
            ["log/000000.rgbd", "log/000001.rgbd"],
            r"table: [\d,]+ bytes, worst [0-5]\.\d mm, holes kept: True\n"
            r"livingroom: [\d,]+ bytes, worst [0-5]\.\d mm, holes kept: True",
        ),
        (
            "record_live 1",
            ["live.rgbd"],
            r"\d+ of 30 frames in .*\n"
            r"in the file after \d+ ms, 95 % within \d+, all within \d+\n"
            r"every frame read back: worst depth [0-5]\.\d mm, 0 with other holes or times",
        ),
    ],
)
def test_an_example_runs(script, made, said, tmp_path):
    if script == "measure":
        pytest.importorskip("bjontegaard", reason="needs encodepth[eval]")
    name, *given = script.split()
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *given],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(said, done.stdout)
    for name in made:
        assert (tmp_path / name).stat().st_size > 0


def test_the_demo_reports_the_files_it_writes(tmp_path, monkeypatch, capsys, samples):
    spec = importlib.util.spec_from_file_location("demo", EXAMPLES / "demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    settings = {demo.SHOWN: demo.SETTINGS[demo.SHOWN], "bounded": {"max_depth_error": 5}}
    monkeypatch.setattr(demo, "OUT", tmp_path)
    monkeypatch.setattr(demo, "SETTINGS", settings)
    demo.main(["livingroom"])
    said = capsys.readouterr().out
    data = (tmp_path / "livingroom.rgbd").read_bytes()
    row = next(line for line in said.splitlines() if line.startswith(demo.SHOWN))
    assert f"{len(data):,} " in row
    original = encodepth.read(samples / "livingroom" / "color.jpg").color
    decoded = encodepth.read(tmp_path / "livingroom-color.png").color
    assert np.array_equal(decoded, encodepth.decode(data).color)
    assert f"{psnr(decoded, original):.2f} dB" in row
    drawn = np.asarray(Image.open(tmp_path / "livingroom.png"))
    assert drawn.shape == (3 * 480, 2 * 640, 3)
    assert np.array_equal(drawn[200:480, :640], original[200:])  # below the label


PAGES = ("README.md", "docs/quickstart.md")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def at_hand(tmp_path, monkeypatch, samples):
    """Run where the pages' names exist: samples/, color.jpg, depth.png, recording/ of 20 s."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").symlink_to(samples)
    for name in ("color.jpg", "depth.png"):
        shutil.copy(samples / "livingroom" / name, name)
    seen = {}
    for i in range(3):
        for kind, name in (("color", "color.jpg"), ("depth", "depth.png")):
            Path("recording", kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(name, Path("recording", kind, f"{i}{Path(name).suffix}"))
        seen[str(i)] = {"time_ns": i * 10**10}
    Path("recording/trajectory.json").write_text(json.dumps({"seen": seen}))


@pytest.mark.parametrize("page", PAGES)
def test_the_python_on_a_page_runs(page, at_hand):
    found = blocks(page, "python")
    assert found
    for block in found:
        exec(compile(block, page, "exec"), {})


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_on_a_page_run(page, at_hand, run):
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("encode")]
    assert [command for command in commands if command[0] == "decode"]
    for command in commands:
        done = run(*command, *(["-f"] if command[0] == "encode" else []))
        assert done.status == 0, done.err


def test_the_array_job_makes_what_is_missing(tmp_path, samples):
    command = tmp_path / "bin" / "encodepth"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m encodepth.cli.main "$@"\n')
    command.chmod(0o755)
    for name in ("a", "b"):
        for kind in ("color.jpg", "depth.png"):
            place = tmp_path / name / kind.partition(".")[0]
            place.mkdir(parents=True)
            shutil.copy(samples / "livingroom" / kind, place / f"0.{kind.partition('.')[2]}")
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'a'}\n{tmp_path / 'b'}\n")
    path = f"{command.parent}:{os.environ['PATH']}"
    job = [EXAMPLES / "slurm_recordings.sh", tmp_path / "list.txt", tmp_path / "out"]

    def run(task: int) -> None:
        own = {**os.environ, "PATH": path, "SLURM_ARRAY_TASK_ID": str(task)}
        subprocess.run(["bash", *job, "--effort", "1"], env=own, check=True)

    run(2)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.rgbd"]
    assert len(encodepth.Reader(tmp_path / "out" / "b.rgbd")) == 1
    (tmp_path / "out" / "b.rgbd").write_bytes(b"left as it is")
    run(2)
    assert (tmp_path / "out" / "b.rgbd").read_bytes() == b"left as it is"
