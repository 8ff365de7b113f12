"""Folders and buckets of bags and recordings: what is found, how it is named, what is left."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import data_trees as trees
from encodepth import EncodepthError, Reader, record
from encodepth.frame import Frame
from encodepth.io.origins import find_origins
from test_sequence import image

EACH = ("--recordings", "--effort", "1")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """Two recordings, one of them deeper, an archive, a picture, a still and something hidden."""
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "logs"
    for n, name in enumerate(("a.rgbd", "deep/b.rgbd", ".hidden/c.rgbd")):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        record((Frame(image(i + n), i * 10**8) for i in range(2)), here / name, effort=1)
    trees.folder(tmp_path / "zipped")
    with zipfile.ZipFile(here / "room.zip", "w") as out:
        for path in sorted((tmp_path / "zipped").rglob("*.png")):
            out.write(path, path.relative_to(tmp_path))
    trees.save(here / "thumb.png", trees.color(0))
    return here


def names(where: object) -> list[str]:
    return [origin.name for origin in find_origins(str(where))[0]]


def test_recordings_and_archives_are_found_by_name_and_the_rest_is_said(root):
    assert names(root) == ["a", "deep/b", "room"]
    (problem,) = find_origins(str(root))[1]
    assert "thumb.png: pictures beside bags and recordings are not taken" in str(problem)
    (root / "a.zip").write_bytes((root / "room.zip").read_bytes())
    assert names(root) == ["a.rgbd", "a.zip", "deep/b", "room"]  # the suffix tells two apart
    assert names(root / "none") == []


def test_a_folder_of_recordings_is_coded_to_its_own_tree_and_gone_on_with(run, root):
    shown = run("encode", root, "--out-dir", "out", *EACH)
    assert shown.status == 0, shown.err
    made = sorted(str(p.relative_to("out")) for p in Path("out").rglob("*.rgbd"))
    assert made == ["a.rgbd", "deep/b.rgbd", "room.rgbd"]
    assert len(Reader("out/deep/b.rgbd")) == 2
    assert (
        "3 recordings, 3 made before and left in out"
        in run("encode", root, "--out-dir", "out", *EACH).err
    )
    (root / "a.rgbd").unlink()
    record((Frame(image(i + 7), i * 10**8) for i in range(3)), root / "a.rgbd", effort=1)
    other = run("encode", root, "--out-dir", "out", *EACH)
    assert (other.status, "out/a.rgbd exists and was made otherwise" in other.err) == (1, True)
    assert run("encode", root, "--out-dir", "out", "-f", *EACH).status == 0
    assert len(Reader("out/a.rgbd")) == 3


def test_what_cannot_be_read_costs_itself(run, root):
    whole = (root / "a.rgbd").read_bytes()
    (root / "a.rgbd").write_bytes(whole[:30])
    shown = run("encode", root, "--out-dir", "out", *EACH)
    assert shown.status == 1
    assert shown.err.count("logs/a.rgbd:") == 1
    assert len(Reader("out/deep/b.rgbd")) == 2


def test_a_bucket_gives_the_bytes_of_a_folder(run, root):
    fsspec = pytest.importorskip("fsspec", reason="needs encodepth[url]")
    bucket = fsspec.filesystem("memory")
    bucket.put(str(root), "/logs", recursive=True)
    assert run("encode", root, "--out-dir", "here", *EACH).status == 0
    shown = run("encode", "memory://logs", "--out-dir", "there", *EACH)
    assert shown.status == 0, shown.err
    for name in ("a.rgbd", "deep/b.rgbd", "room.rgbd"):
        assert Path("there", name).read_bytes() == Path("here", name).read_bytes()
    again = run("encode", "memory://logs", "--out-dir", "there", *EACH)
    assert "made before and left" in again.err
    bucket.pipe_file("/logs/bad.mcap", b"nothing")
    pytest.importorskip("rosbags", reason="needs encodepth[ros]")
    shown = run("encode", "memory://logs", "--out-dir", "there", *EACH)
    assert shown.status == 1
    assert "memory://logs/bad.mcap cannot be opened" in shown.err


def test_a_bucket_without_any_is_one_sentence(run, root):
    pytest.importorskip("fsspec", reason="needs encodepth[url]")
    with pytest.raises(EncodepthError, match="memory://nowhere does not exist"):
        find_origins("memory://nowhere")
    shown = run("encode", f"file://{root.parent}/zipped", "--out-dir", "out", *EACH)
    assert (shown.status, shown.err.count("\n")) == (1, 1)
    assert "has no bag (.bag, .mcap, .db3), recording or .zip archive" in shown.err
