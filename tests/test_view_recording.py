"""A recording as a page that plays and as a contact sheet: what is shown, and what is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chromium import dump_dom
from encodepth import Reader, RgbdImage, Writer
from encodepth.view.embed import unpack_depth
from encodepth.view.timeline import spread, timeline
from test_sequence import image, record


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """A recording of 12 frames."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.rgbd").write_bytes(record(12, 4, lossless="depth", effort=1))
    return tmp_path / "r.rgbd"


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


def test_a_page_holds_frames_spread_over_the_recording_with_exact_depth(run, path):
    shown = run("view", path, "--limit", "4")
    assert shown.out == "r.html\n"
    assert "4 of 12 frames shown, one in 3 (--limit shows more, --frames a part)" in shown.err
    page = Path("r.html").read_text()
    frames = data_of(page)["frames"]
    assert [f["number"] for f in frames] == [0, 3, 6, 9]
    assert [f["seconds"] for f in frames] == [0, 0.1, 0.2, 0.3]
    assert len({tuple(f["range"]) for f in frames}) == 1
    np.testing.assert_array_equal(unpack_depth(frames[2]["depth"], 48, 64), image(6).depth)
    bars = re.findall(r'<rect [^>]*fill="#', page)
    assert len(bars) == 24  # colour and depth of every frame
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_page_plays_steps_and_seeks_in_a_browser(run, path):
    run("view", path, "--quiet")
    start = dump_dom(Path("r.html"), awaits='data-drawn="1"')
    assert "frame 0 of 12, 0.000 s" in start
    assert 'data-drawn="1"' in start
    assert "frame 7 of 12, 0.233 s" in dump_dom(Path("r.html"), "#frame=7")
    for _ in range(3):  # a busy machine may show the page before it has come to the next frame
        played = dump_dom(Path("r.html"), "#frame=7&play=1")
        assert ">pause</button>" in played
        if "frame 7 of 12" not in played:
            break
    assert "frame 7 of 12" not in played


def test_a_contact_sheet_shows_frames_and_bytes_over_time(run, path):
    shown = run("view", path, "-o", "r.png", "--frames", "2:6")
    assert "4 of 12 frames shown" in shown.err
    with Image.open("r.png") as sheet:
        assert sheet.width > 1400
        pixels = np.asarray(sheet)
    for color in ((11, 97, 164), (216, 120, 30)):
        assert (pixels == color).all(-1).sum() > 1000


def test_colour_alone_plays_too(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Writer("c.rgbd", rate=30, effort=1) as writer:
        for i in range(3):
            writer.append(RgbdImage(image(i).color))
    assert run("view", "c.rgbd").status == 0
    page = dump_dom(Path("c.html"), "#frame=2")
    assert "frame 2 of 3" in page
    assert "canvas" not in re.search(r"<body.*?<script", page, re.S)[0]
    assert run("view", "c.rgbd", "-o", "c.png").status == 0


def test_damage_is_left_out_and_said(run, path):
    data = bytearray(path.read_bytes())
    entry = Reader(bytes(data)).container.chunks[1]
    data[entry.offset + 60] ^= 1
    path.write_bytes(bytes(data))
    shown = run("view", path)
    assert "8 of 12 frames shown" in shown.err
    assert "chunk 1" in shown.err
    assert "chunk 1" in Path("r.html").read_text()
    assert "none of the 4 frames" in run("view", path, "--frames", "4:8", "-f").err


def test_options_of_pictures_and_of_recordings_are_told_apart(run, path):
    for arguments, message in (
        (["r.rgbd", "--diff", "r.rgbd"], "--diff goes with a picture, and r.rgbd is a recording"),
        (["r.rgbd", "--depth-unit", "1"], "--depth-unit goes with depth maps"),
        (["x.png", "--limit", "3"], "--limit is for a recording"),
    ):
        shown = run("view", *arguments)
        assert (shown.status, message in shown.err) == (2, True), shown.err


def test_bytes_add_up(path):
    with Reader(path) as reader:
        line = timeline(reader.container)
        total = sum(len(s.payload) for i in range(3) for f in reader.container.read(i).frames
                    for s in f.streams)  # fmt: skip
    assert sum(int(part.sum()) for part in line.parts.values()) == total
    assert line.lost == 0
    starts, means = line.columns()
    assert starts.tolist() == list(range(12))
    assert means.keys() == {"color", "depth"}
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread(range(3), 9) == [0, 1, 2]
