"""`encodepth view` as a user types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from encodepth.cli.main import encodepth
from encodepth.codec import encode
from encodepth.errors import EncodepthError, InvalidImageError
from encodepth.frame import Intrinsics, RgbdImage
from encodepth.io.pictures import read, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with frame.rgbd, color.png and depth.png, which is where we are."""
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    depth = np.tile(np.linspace(800, 1600, 32), (24, 1)).astype(np.uint16)
    depth[:3] = 0
    image = RgbdImage(color, depth, intrinsics=Intrinsics(30, 30, 15.5, 11.5))
    data = encode(image, lossless="both", effort=1)
    (tmp_path / "frame.rgbd").write_bytes(data)
    write(image, tmp_path / "color.png", tmp_path / "depth.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(encodepth, ["view", *arguments], standalone_mode=False)


def test_a_page_lands_beside_us_under_the_files_name(folder):
    done = run("frame.rgbd")
    assert done.output == "frame.html\n"
    html = (folder / "frame.html").read_text(encoding="utf-8")
    assert "colour 32 × 24" in html
    assert "exact" in html
    assert "fx 30, fy 30" in html
    with pytest.raises(EncodepthError, match=r"frame\.html exists; use -f to overwrite it"):
        raise run("frame.rgbd").exception


def test_a_pair_without_a_camera_gets_a_guess_said_aloud(folder):
    done = run("color.png", "depth.png", "-o", "p.png")
    assert done.stdout == "p.png\n"
    assert done.stderr == (
        "encodepth: color.png has no intrinsics; guessing fx = fy = 26.25 pixels, "
        "centre 15.5, 11.5 (--intrinsics)\n"
    )
    with Image.open(folder / "p.png") as picture:
        assert picture.width > 1000


def test_given_intrinsics_are_not_guessed(folder):
    done = run("color.png", "depth.png", "-o", "p.html", "--intrinsics", "30,30,15.5,11.5")
    assert done.stderr == ""


def test_a_depth_map_alone_and_viewpoints_of_ones_own(folder):
    one = run("depth.png", "-o", "one.png", "--from", "20,10", "--quiet")
    three = run(
        "depth.png", "-o", "three.png", "--quiet",
        "--from", "20,10", "--from", "0,0,2", "--from", "-5,-5",
    )  # fmt: skip
    assert (one.exit_code, three.exit_code) == (0, 0)
    heights = [Image.open(folder / name).height for name in ("one.png", "three.png")]
    assert heights[0] < heights[1]


def test_diff_shows_the_error(folder):
    depth = read(None, "depth.png").depth
    write(RgbdImage(depth=np.where(depth > 0, depth + 7, 0).astype(np.uint16)), depth="off.png")
    assert run("frame.rgbd", "--diff", "off.png", "-o", "d.html").exit_code == 0
    html = Path("d.html").read_text(encoding="utf-8")
    assert "depth error" in html
    assert '"label":"off.png"' in html


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.rgbd"], "none.rgbd does not exist"),
        (["frame.rgbd", "-o", "x.gif"], '"x.gif" should end in .png or .html'),
        (["frame.rgbd", "--from", "1"], '"1" is not YAW,PITCH'),
        (["frame.rgbd", "--from", "1,2"], "--from is for a .png"),
        (["frame.rgbd", "-o", "x.png", "--open"], "--open is for a page"),
        (["frame.rgbd", "-o", "x.png", "--from", "1,2,0"], "distance 0 of the viewpoint"),
        (["color.png", "--diff", "frame.rgbd"], "has no depth"),
        (["frame.rgbd", "--intrinsics", "1,2"], '"1,2" is not FX,FY,CX,CY'),
    ],
)
def test_failures_are_one_clear_line(folder, arguments, message):
    found = run(*arguments)
    assert found.exit_code != 0
    assert message in str(
        found.exception.format_message()
        if hasattr(found.exception, "format_message")
        else found.exception
    )
    assert not list(Path().glob("x.*"))


def test_sizes_that_differ_are_named(folder):
    write(RgbdImage(depth=np.ones((4, 4), np.uint16)), depth="small.png")
    found = run("frame.rgbd", "--diff", "small.png")
    assert isinstance(found.exception, InvalidImageError)
    assert "depth is 32x24 but the other is 4x4" in str(found.exception)


def test_a_map_to_compare_with_has_the_unit_of_the_file(folder):
    image = read("color.png", "depth.png", depth_unit=0.0002)
    Path("fine.rgbd").write_bytes(encode(image, lossless="both", effort=1))
    assert run("fine.rgbd", "--diff", "depth.png").exception is None
    html = (folder / "fine.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])
    assert [f["unit"] for f in data["frames"]] == [0.0002, 0.0002]
    assert data["frames"][0]["flying"] == 0  # it is the same map
