"""What docs/loaders.md and docs/lerobot.md say works when it is pasted."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import encodepth
from encodepth import RgbdImage, Writer

ROOT = Path(__file__).parents[1]
torch = pytest.importorskip("torch", reason="needs torch")


def blocks(page: str, language: str = "python") -> list[str]:
    """Return the code blocks of a page in one language."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def image(i: int) -> RgbdImage:
    depth = np.full((24, 32), 1000 + i, np.uint16)
    return RgbdImage(np.full((24, 32, 3), i, np.uint8), depth)


@pytest.fixture(scope="module")
def at_hand(tmp_path_factory) -> Path:
    """Make what the page of loaders names."""
    place = tmp_path_factory.mktemp("pages")
    (place / "recordings").mkdir()
    for name in ("a", "b"):
        with Writer(place / "recordings" / f"{name}.rgbd", rate=30, effort=1) as writer:
            for i in range(8):
                writer.append(image(i))
    with tarfile.open(place / "shards.tar", "w") as tar:
        data = encodepth.encode(image(1), effort=1)
        entry = tarfile.TarInfo("0.rgbd")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return place


@pytest.mark.parametrize("block", blocks("loaders.md"), ids=lambda b: b.splitlines()[-1][:40])
def test_a_block_of_the_page_of_loaders_runs(block, at_hand, monkeypatch):
    for package in ("webdataset", "h5py", "lmdb", "tfrecord"):
        if re.search(rf"^(import|from) {package}\b", block, re.M):
            pytest.importorskip(package)
    monkeypatch.chdir(at_hand)
    exec(compile(block, "docs/loaders.md", "exec"), {})


def test_the_page_of_lerobot_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyarrow", reason="needs encodepth[lerobot]")
    pytest.importorskip("av", reason="needs encodepth[lerobot]")
    from lerobot_trees import video_tree

    monkeypatch.chdir(tmp_path)
    video_tree(tmp_path / "dataset")
    for line in blocks("lerobot.md", "sh"):
        command = [sys.executable, "-m", "encodepth.cli.main", *shlex.split(line)[1:]]
        assert subprocess.run(command).returncode == 0
    assert (tmp_path / "back/meta/info.json").is_file()
    for block in blocks("lerobot.md"):
        exec(compile(block, "docs/lerobot.md", "exec"), {})
    said = capsys.readouterr().out
    assert "torch.Size([2, 1, 48, 64])" in said
    assert "pixels of code 0" in said
