"""Recordings are measured whole: codecs over time beside stills, in the same fields."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from encodepth import RgbdImage, Writer
from encodepth.cli.compare import command as compare_command
from encodepth.cli.eval import command as eval_command
from encodepth.errors import EncodepthError
from encodepth.evaluate.clips import find_clips, measure_clip
from encodepth.evaluate.kinds import find_codecs
from encodepth.evaluate.pooling import pool
from encodepth.evaluate.records import read_records
from encodepth.evaluate.videos import videos
from encodepth.report.page import build

ROW, COLUMN = np.mgrid[:46, :64]


def frame(i: int) -> RgbdImage:
    rng = np.random.default_rng(i)
    waves = 128 + 80 * np.sin((COLUMN + 2 * i) / 9 + ROW / 13)[..., None] * np.array([1, 0.6, -0.8])
    color = np.clip(waves + rng.normal(0, 2, (*ROW.shape, 3)), 0, 255).astype(np.uint8)
    depth = (1200 + 4 * ROW + 2 * COLUMN + rng.integers(0, 3, ROW.shape)).astype(np.uint16)
    depth[10:20, 5 + i : 15 + i] = 0
    return RgbdImage(color=color, depth=depth)


FRAMES = [frame(i) for i in range(5)]


def made(name: str) -> dict[str, dict]:
    codec, settings = find_codecs(name)[0]
    if codec.missing():
        pytest.skip(codec.missing())
    return {r["modality"]: r for r in measure_clip(codec, FRAMES, settings[0])}


@pytest.mark.parametrize("codec", videos(), ids=lambda codec: codec.name)
def test_video_codecs_give_back_every_frame_in_order(codec):
    (record,) = made(codec.name).values()
    assert record["frames"] == len(FRAMES)
    assert record["bytes"] == pytest.approx(np.mean(record["over_time"]["bytes"]))
    if codec.modality == "color":
        assert min(record["over_time"]["psnr"]) > 20
    else:
        assert record["max_mm"] <= (0 if "ffv1" in codec.name else 2)
        assert record["holes_filled"] == record["holes_added"] == 0


def test_a_recordings_bytes_are_those_of_the_whole_file():
    own = made("recording+e1+g3@50")
    assert own["color"]["bytes"] + own["depth"]["bytes"] == pytest.approx(own["joint"]["bytes"])
    exact = made("recording+lossless+e1")
    assert exact["depth"]["max_mm"] == 0
    assert exact["color"]["psnr"] == math.inf
    assert made("recording+bound+e1@5")["depth"]["max_mm"] <= 5


def test_stills_are_measured_frame_by_frame_and_pooled():
    record = made("jpeg")["color"]
    apart = [find_codecs("jpeg")[0][0].measure(image, 5)[0] for image in FRAMES]
    squared = np.mean([255**2 / 10 ** (r["psnr"] / 10) for r in apart])
    assert record["psnr"] == pytest.approx(10 * np.log10(255**2 / squared))
    assert record["bytes"] == np.mean([r["bytes"] for r in apart])


def test_errors_are_those_of_all_pixels():
    rows = [
        {"modality": "depth", "width": 4, "height": 4, "bytes": 10 * n, "rmse_mm": float(n),
         "max_mm": 5.0 * n, "hole_share": 0.5 * (n - 1), "holes_filled": n, "holes_added": 0}
        for n in (1, 2)
    ]  # fmt: skip
    record = pool(rows)
    assert record["bytes"] == 15
    assert record["rmse_mm"] == pytest.approx(math.sqrt((1 * 1 + 0.5 * 4) / 1.5))
    assert (record["max_mm"], record["holes_filled"]) == (10, 3)
    assert record["over_time"]["rmse_mm"] == [1, 2]


def test_a_wrong_word_is_named():
    with pytest.raises(EncodepthError, match=r"recording\+fast.*lossless, bound, alone"):
        find_codecs("recording+fast")


def test_a_folder_is_measured_as_recordings_where_that_is_asked(tmp_path):
    for i, image in enumerate(FRAMES):
        for name in ("color", "depth"):
            (tmp_path / "run" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(getattr(image, name)).save(tmp_path / "run" / name / f"{i}.png")
    (clip,) = find_clips(tmp_path / "run", 3)
    assert clip.frame == "0:3"
    assert np.array_equal(clip.load()[2].depth, FRAMES[2].depth)


def test_eval_and_compare_take_a_recording(tmp_path):
    pytest.importorskip("av", reason="video codecs need PyAV")
    pytest.importorskip("bjontegaard", reason="BD-rates need bjontegaard")
    run, out = tmp_path / "run.rgbd", tmp_path / "out.jsonl"
    with Writer(run, rate=30, effort=1, lossless=("color", "depth")) as writer:
        for image in FRAMES:
            writer.append(image)
    codecs = "x264,recording+e1,recording+bound+e1@5,jpeg,png16"
    args = [str(run), "-o", str(out), "--codec", codecs, "--quality", "20,50,80", "--quiet"]
    result = CliRunner().invoke(eval_command, args)
    assert result.exit_code == 0, result.output
    records = read_records(out).records
    assert {r["frame"] for r in records} == {"0:5"}
    assert {r["sequence"] for r in records} == {"run"}

    result = CliRunner().invoke(compare_command, [str(out), "--anchor", "jpeg-turbo-420"])
    assert result.exit_code == 0, result.output
    assert "Recordings against jpeg-turbo-420" in result.output
    assert "run        0:5     " in result.output
    assert "x264-veryfast-420@24" in result.output
    told = CliRunner().invoke(compare_command, [str(out), "--metric", "rmse", "--json"])
    worst = {c["codec"]: c["max_mm"] for c in json.loads(told.output)["over_time"]}
    assert worst["png16"] == 0
    assert worst["recording+bound+e1"] <= 5
    assert "<polyline" in build([out])
