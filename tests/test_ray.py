"""Many recordings on a Ray cluster: the bytes of one process, whatever dies in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import data_trees as trees
from encodepth import Reader
from test_cli import COMMAND
from test_sequence import image

HERE = ("--recordings",)
SLOW = ("--effort", "9", "--lossless", "depth", "--key-interval", "4")


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two workers."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_raylet_start_wait_time_s"] = "300"  # noqa: SIM112
    ray = pytest.importorskip("ray", reason="needs encodepth[ray]")
    made = ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield made.address_info["address"]
    ray.shutdown()


@pytest.fixture(scope="module")
def drives(tmp_path_factory) -> Path:
    """Four sequences of a second or two of work each."""
    root = tmp_path_factory.mktemp("drives") / "drives"
    for name in ("monday/a", "monday/b", "tuesday/a", "tuesday/b"):
        for i in range(12):
            depth = image(i + 3 * len(name), 240, 320).depth
            trees.save(root / name / "depth" / f"{i:06d}.png", depth)
    return root


def encode(*arguments: object) -> subprocess.Popen[str]:
    command = [*COMMAND, "encode", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.rgbd"))}


def writer_of(out: Path) -> int:
    """Return the process that has an unfinished recording open, when there is one."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                held = [os.readlink(fd) for fd in (process / "fd").iterdir()]
            except OSError:
                continue
            if any(name.startswith(str(out)) and name.endswith(".part") for name in held):
                return int(process.name)
        time.sleep(0.02)
    raise AssertionError("no process began a recording")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds processes in /proc")
def test_a_killed_process_costs_nothing_and_the_bytes_are_those_of_one_process(
    cluster, drives, tmp_path
):
    alone = encode(drives, "--out-dir", tmp_path / "alone", *HERE, *SLOW)
    assert alone.communicate()[1]
    assert alone.returncode == 0
    out = tmp_path / "out"
    child = encode(drives, "--out-dir", out, "--ray", cluster, *SLOW)
    os.kill(writer_of(out), signal.SIGKILL)
    said = child.communicate(timeout=300)[1]
    assert child.returncode == 0, said
    assert files(out) == files(tmp_path / "alone")
    assert len(files(out)) == 4
    assert not [*out.rglob("*.part")]
    assert "unit 0.001 m" in said
    assert said.splitlines()[-1].startswith("4 sources, ")
    for how in (("--ray", cluster), HERE):  # either takes what the other made
        again = encode(drives, "--out-dir", out, *how, *SLOW)
        assert "4 made before and left" in again.communicate()[1]
        assert again.returncode == 0


def test_what_fails_is_named_once_and_the_rest_is_made(cluster, drives, tmp_path):
    root = tmp_path / "logs"
    root.mkdir()
    fine = encode(drives / "monday/a", "-o", root / "fine.rgbd", "--effort", "1", "--frames", "0:2")
    assert fine.communicate()[1]
    whole = (root / "fine.rgbd").read_bytes()
    (root / "cut.rgbd").write_bytes(whole[:40])
    child = encode(root, "--out-dir", tmp_path / "out", "--ray", cluster, "--effort", "1")
    said = child.communicate(timeout=300)[1]
    assert child.returncode == 1
    assert said.count("cut.rgbd") == 1, said
    assert "2 sources, 1 failed" in said
    assert len(Reader(tmp_path / "out" / "fine.rgbd")) == 2


def test_no_cluster_and_no_package_are_one_sentence(drives, tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from encodepth.cli.main import main\n"
        f"main(['encode', {str(drives)!r}, '--out-dir', {str(tmp_path)!r}, '--ray', 'local'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "encodepth: --ray needs the package ray; pip install 'encodepth[ray]' on every machine"
    )
    pytest.importorskip("ray", reason="needs encodepth[ray]")
    child = encode(drives, "--out-dir", tmp_path, "--ray", "127.0.0.1:1")
    said = child.communicate(timeout=300)[1]
    assert child.returncode == 1
    assert "no Ray cluster at 127.0.0.1:1" in said.splitlines()[-1]


def test_depth_of_both_ways_is_what_was_measured(cluster, drives, tmp_path):
    out = tmp_path / "out"
    child = encode(drives / "tuesday", "--out-dir", out, "--ray", cluster, "--lossless", "depth",
                   "--effort", "1")  # fmt: skip
    child.communicate(timeout=300)
    own = image(3 + 3 * len("tuesday/a"), 240, 320).depth
    assert np.array_equal(Reader(out / "a.rgbd")[3].image.depth, own)
