"""`verify --against`: coded files beside their originals, promises kept and broken."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encodepth import RgbdImage, Writer, encode
from encodepth.cli import main as cli
from encodepth.io.against import Kept

Y, X = np.mgrid[:32, :48]
COLOR = np.stack([X * 5, Y * 7, X + Y], -1).astype(np.uint8)
DEPTH = (1000 + 3 * X + Y).astype(np.uint16)
DEPTH[:, :4] = 0
DEPTH[3, 9] = 40_000


def run(*words: object) -> int:
    """Run the command and return its exit status."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(word) for word in words])
    return ended.value.code


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def tree(tmp_path):
    """Two sequences of equal leaf names, coded to a folder of their own."""
    for i, name in enumerate(("ep_0/cam", "ep_1/cam")):
        save(tmp_path / "data" / name / "color" / "0.png", COLOR // (i + 1))
        save(tmp_path / "data" / name / "depth" / "0.png", DEPTH + np.uint16(i))
    return tmp_path


def test_a_pair_keeps_what_it_promises(tmp_path, capsys):
    color, depth = save(tmp_path / "c.png", COLOR), save(tmp_path / "d.png", DEPTH)
    coded = tmp_path / "x.rgbd"
    image = RgbdImage(COLOR, DEPTH)
    coded.write_bytes(encode(image, lossless="color", max_depth_error=4))
    assert run("verify", coded, "--against", color, "--against", depth) == 0
    assert "keeps its promises; color as it was; depth off by" in capsys.readouterr().out
    coded.write_bytes(encode(image, quality=60))
    assert run("verify", coded, "--against", color, "--against", depth, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert said["color_psnr_db"] > 25
    assert 0 < said["depth_rmse_mm"] < said["depth_max_error_mm"]


@pytest.mark.parametrize(
    ("change", "how", "line"),
    [
        ((5, 5, 1009), {"lossless": "depth"}, "depth is off by 11 mm (1 pixels), and was exact"),
        ((5, 5, 1030), {"max_depth_error": 4}, "and was within 4 mm"),
        ((5, 5, 0), {"quality": 50}, "1 holes of depth were filled"),
        ((5, 0, 900), {"quality": 50}, "1 measured pixels of depth became holes"),
    ],
)
def test_a_broken_promise_is_named(tmp_path, capsys, change, how, line):
    y, x, value = change
    depth = DEPTH.copy()
    depth[y, x] = value
    original, coded = save(tmp_path / "d.png", depth), tmp_path / "x.rgbd"
    coded.write_bytes(encode(RgbdImage(depth=DEPTH), **how))
    assert run("verify", coded, "--against", original) == 1
    assert line in capsys.readouterr().err


def test_colour_that_differs_and_a_wrong_unit_are_named(tmp_path, capsys):
    color, depth = save(tmp_path / "c.png", COLOR ^ 1), save(tmp_path / "d.png", DEPTH)
    coded = tmp_path / "x.rgbd"
    coded.write_bytes(encode(RgbdImage(COLOR, DEPTH), lossless="color"))
    assert run("verify", coded, "--against", color, "--against", depth) == 1
    assert "color differs in 1,536 pixels, and was exact" in capsys.readouterr().err
    words = ["--against", color, "--against", depth, "--depth-unit", "0.0002"]
    assert run("verify", coded, *words) == 1
    assert "depth unit 0.001 m, the original has 0.0002 m" in capsys.readouterr().err


def test_a_folder_is_compared_with_the_data_it_was_made_of(tree, capsys):
    out = tree / "out"
    assert run("encode", tree / "data", "--out-dir", out, "--lossless", "both", "--quiet") == 0
    assert run("verify", out, "--against", tree / "data") == 0
    assert capsys.readouterr().out.count("keeps its promises; color as it was") == 2
    assert run("verify", out / "ep_1/cam/0.rgbd", "--against", tree / "data") == 0
    (out / "ep_0/cam/0.rgbd").write_bytes((out / "ep_1/cam/0.rgbd").read_bytes())
    assert run("verify", out, "--against", tree / "data") == 1
    assert "ep_0/cam/0.rgbd: broken promise: color differs" in capsys.readouterr().err
    (out / "ep_0/cam/0.rgbd").rename(out / "ep_0/cam/other.rgbd")
    assert run("verify", out, "--against", tree / "data") == 1
    assert "other.rgbd: no original of that name" in capsys.readouterr().err


def test_depth_that_was_cut_off_needs_to_be_told(tmp_path, capsys):
    original, coded = save(tmp_path / "d.png", DEPTH), tmp_path / "x.rgbd"
    coded.write_bytes(encode(RgbdImage(depth=DEPTH), far=5, lossless="depth"))
    assert run("verify", coded, "--against", original) == 1
    assert run("verify", coded, "--against", original, "--far", "5") == 0
    assert run("verify", coded, "--far", "5") == 2
    capsys.readouterr()


def test_a_recording_is_compared_frame_by_frame(tmp_path, capsys):
    for name, lossless in (("exact", "both"), ("lossy", ())):
        with Writer(tmp_path / f"{name}.rgbd", rate=10, lossless=lossless) as writer:
            for i in range(3):
                writer.append(RgbdImage(COLOR, DEPTH + np.uint16(i)))
    for i in range(3):
        save(tmp_path / "data" / "color" / f"{i}.png", COLOR)
        save(tmp_path / "data" / "depth" / f"{i}.png", DEPTH + np.uint16(i))
    exact, lossy = tmp_path / "exact.rgbd", tmp_path / "lossy.rgbd"
    assert run("verify", exact, "--against", tmp_path / "data") == 0
    assert run("verify", lossy, "--against", exact) == 0
    assert "depth off by" in capsys.readouterr().out
    assert run("verify", exact, "--against", lossy) == 1
    assert "frame 0: color differs" in capsys.readouterr().err
    (tmp_path / "data" / "color" / "2.png").unlink()
    (tmp_path / "data" / "depth" / "2.png").unlink()
    assert run("verify", exact, "--against", tmp_path / "data") == 1
    assert "3 frames, the original has 2" in capsys.readouterr().err


def test_one_equal_frame_does_not_hide_the_others() -> None:
    color = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    kept = Kept()
    kept.add(RgbdImage(color), RgbdImage(color), {"color": None})
    kept.add(RgbdImage(color + np.uint8(1)), RgbdImage(color), {"color": None})
    assert kept.words == "color 48.13 dB"
    assert kept.as_dict()["color_psnr_db"] == 48.131
