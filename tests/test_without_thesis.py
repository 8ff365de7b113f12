"""The thesis in one room: without its folder and the rows that name it, everything else works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test_imports import PACKAGE

ROW = re.compile(r"""["']\S*\bthesis\.\w+["']""")  # of a table: names a module of the thesis
WALK = """
import importlib, pkgutil, sys
from pathlib import Path
import numpy as np
from PIL import Image
import encodepth
from encodepth.cli.main import encodepth as command

assert Path(encodepth.__file__).is_relative_to(Path.cwd()), encodepth.__file__
for found in pkgutil.walk_packages(encodepth.__path__, "encodepth."):
    importlib.import_module(found.name)
assert not any("thesis" in name for name in sys.modules)

def run(*words):
    assert not command.main([*map(str, words)], prog_name="encodepth", standalone_mode=False), words

rows, columns = np.mgrid[:48, :64]
color = np.stack([4 * columns, 5 * rows, rows + columns], -1).astype(np.uint8)
depth = (900 + 9 * rows + 5 * columns).astype(np.uint16)
depth[:9, :7] = 0
for folder in ("frames/a/color", "frames/a/depth", "photographs"):
    Path(folder).mkdir(parents=True)
for place in ("color.png", "frames/a/color/0.png", "photographs/0.png"):
    Image.fromarray(color).save(place)
for place in ("depth.png", "frames/a/depth/0.png"):
    Image.fromarray(depth).save(place)

run("encode", "color.png", "depth.png", "-o", "pair.rgbd", "--coder", "avif")
run("encode", "color.png", "-o", "learned.rgbd", "--coder", "learned", "-q", "30")
run("info", "pair.rgbd", "learned.rgbd")
run("verify", "--decode", "pair.rgbd", "learned.rgbd")
run("decode", "pair.rgbd", "learned.rgbd")
assert np.array_equal(encodepth.decode(Path("pair.rgbd").read_bytes()).depth == 0, depth == 0)
run("view", "pair.rgbd", "-o", "pair.html")
run("eval", "photographs", "-o", "r.jsonl", "--codec", "jpeg,webp,base+av1",
    "--quality", "20,60", "--quiet")
run("compare", "r.jsonl", "--plot", "r.svg")
run("profile", "base", "--size", "64x64", "--runs", "0")
run("report", "r.jsonl", "-o", "page")
page = Path("page/index.html").read_text(encoding="utf-8")
assert "At a glance" in page and "encodepth with AV1" in page
assert "Beside the thesis" not in page
try:
    run("eval", "photographs", "-o", "r.jsonl", "--codec", "turbo+webp-m6")
except encodepth.EncodepthError as error:
    assert str(error).startswith('no codec "turbo+webp-m6"'), error
else:
    raise AssertionError("turbo is known without the thesis")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the package, but for the thesis and the rows that name it."""
    folder = tmp_path_factory.mktemp("without")
    shutil.copytree(PACKAGE, folder / "encodepth")  # what numba has compiled before comes along
    shutil.rmtree(folder / "encodepth" / "thesis")
    taken = 0
    for path in (folder / "encodepth").rglob("*.py"):
        before = path.read_text(encoding="utf-8").splitlines(keepends=True)
        after = [line for line in before if not ROW.search(line)]
        taken += len(before) - len(after)
        if after != before:
            path.write_text("".join(after), encoding="utf-8")
    assert taken >= 6, "the rows that name the thesis were not found"
    return folder


def test_without_the_thesis_the_rest_is_whole(place):
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
