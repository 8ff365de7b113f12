"""Packages under extras/ bring what encodepth finds by name once they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("setuptools", reason="needs setuptools, which builds the package")

from PIL import Image

ROOT = Path(__file__).parents[1]
ROWS = ("rgb", "rgb-4c", "rgb-attn", "depth", "depth-4c", "depth-conv")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the package into a folder of its own; return a function that runs the command."""
    place = tmp_path_factory.mktemp("installed")
    source = place / "source"
    shutil.copytree(ROOT / "extras" / "thesis", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    pip += ["--no-build-isolation", "--target", str(place / "site"), str(source)]
    subprocess.run(pip, check=True, capture_output=True)
    paths = [str(place / "site"), str(ROOT / "src"), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def run(*words: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "encodepth.cli.main", *map(str, words)],
            env=environment, capture_output=True, text=True, cwd=place,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_rows_are_listed_and_are_what_their_cards_say(installed):
    listed = [line.split()[0] for line in installed("models").splitlines()]
    assert set(ROWS) < set(listed)
    checked = installed("models", "--check")
    for row in ROWS:
        assert f"{row}: intact, fingerprint" in checked
        assert installed("models", row).startswith(f"# {row}\n")


@pytest.mark.parametrize("row", ["rgb-4c", "depth-conv"])
def test_a_pair_goes_through_a_row_by_its_name(installed, tmp_path, row):
    desk = ROOT / "samples" / "desk"
    color = np.asarray(Image.open(desk / "color.webp"))[:128, :192]
    depth = np.asarray(Image.open(desk / "depth.png"))[:128, :192]
    Image.fromarray(color).save(tmp_path / "c.png")
    Image.fromarray(depth).save(tmp_path / "d.png")
    file = tmp_path / "pair.rgbd"
    installed("encode", tmp_path / "c.png", tmp_path / "d.png", "--model", row, "-o", file)
    assert "learned" in installed("info", file)
    installed("decode", file, "--color", tmp_path / "bc.png", "--depth", tmp_path / "bd.png")
    back = np.asarray(Image.open(tmp_path / "bc.png")).astype(float)
    assert 10 * np.log10(255**2 / np.mean((back - color) ** 2)) > 28
    holes = np.asarray(Image.open(tmp_path / "bd.png")) == 0
    assert (holes == (depth == 0)).all()
