"""Codecs are measured in the anchors' pipelines; runs resume; what is missing is said."""

import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from encodepth.codec import Codec
from encodepth.errors import EncodepthError
from encodepth.evaluate import baselines as anchors
from encodepth.evaluate import ours, plane, recorded, runner, videos
from encodepth.evaluate.coders import video
from encodepth.evaluate.frames import Picture, find_frames
from encodepth.evaluate.kinds import find_codecs
from encodepth.evaluate.records import key, read_records
from encodepth.frame import RgbdImage
from encodepth.io.pictures import read
from encodepth.learned import open_model
from shared import SHARED

CODECS = {codec.name: codec for codec in anchors.conventional()}
ROW, COLUMN = np.mgrid[:164, :172]


def pair() -> RgbdImage:
    rng = np.random.default_rng(5)
    waves = 128 + 80 * np.sin(COLUMN / 9 + ROW / 13)[..., None] * np.array([1, 0.6, -0.8])
    color = np.clip(waves + rng.normal(0, 3, (*ROW.shape, 3)), 0, 255).astype(np.uint8)
    depth = (1200 + 4 * ROW + 2 * COLUMN).astype(np.uint16)
    depth[40:90, 50:110] = 800 + ROW[40:90, 50:110]
    depth[60:100, 105:114] = 0
    return RgbdImage(color=color, depth=depth)


@dataclass(frozen=True)
class OneFrame:
    """A frame that needs no file; `broken` ones fail when loaded."""

    sequence: str = "made"
    frame: str = "0"
    broken: bool = False

    def load(self) -> RgbdImage:
        if self.broken:
            raise EncodepthError("no such frame")
        return pair()


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_measures_what_it_coded(name):
    codec = CODECS[name]
    if codec.missing():
        pytest.skip(codec.missing())
    low, high = codec.settings[0], codec.settings[-1]
    records = [codec.measure(pair(), setting)[0] for setting in (low, high)]
    for record in records:
        assert record["modality"] == codec.modality
        assert record["bytes"] > 10
        assert record["encode_ms"] > 0
    if codec.modality == "color":
        assert records[0]["bytes"] < records[1]["bytes"]
        assert 15 < records[0]["psnr"] < records[1]["psnr"]
        assert records[0]["ms_ssim_db"] < records[1]["ms_ssim_db"]
    else:
        assert records[1]["holes_filled"] == records[1]["holes_added"] == 0
        assert records[1]["rmse_mm"] <= records[0]["rmse_mm"] < 500


@pytest.mark.parametrize(
    "name", ["png16", "jxl-lossless-e7", "jxl-lossless-e9", "rvl", "zstd19", "ffv1-gray16"]
)
def test_lossless_codecs_are(name):
    if CODECS[name].missing():
        pytest.skip(CODECS[name].missing())
    record = CODECS[name].measure(pair(), CODECS[name].settings[0])[0]
    assert record["max_mm"] == 0


@pytest.mark.parametrize("bound", [1, 2, 5, 10, 20])
def test_quantised_jxl_keeps_its_bound_and_reaches_it(bound):
    assert CODECS["quant-jxl-e7"].measure(pair(), bound)[0]["max_mm"] == bound


def test_the_mask_is_exact_and_counted():
    valid = pair().depth > 0
    data = plane.encode_mask(valid)
    assert np.array_equal(plane.decode_mask(data, valid.shape), valid)
    record = CODECS["jp2k-16b-lin"].measure(pair(), 40)[0]
    assert record["mask_bytes"] == len(data) > 1
    no_holes = np.ones((5, 6), bool)
    assert plane.encode_mask(no_holes) == b"\0"
    assert plane.decode_mask(b"\0", (5, 6)).all()


def test_filling_keeps_valid_pixels_and_stays_within_their_range():
    depth = pair().depth
    filled = plane.fill_as_anchors(depth)
    assert np.array_equal(filled[depth > 0], depth[depth > 0])
    assert depth[depth > 0].min() <= filled.min()
    assert filled.max() <= depth.max()


@pytest.mark.parametrize(("low", "high", "bits"), [(500, 3500, 12), (1, 65534, 16), (7, 7, 12)])
def test_the_linear_plane_inverts_up_to_its_step(low, high, bits):
    depth = np.linspace(low, high, 200).round().astype(np.uint16)[None]
    mapped = plane.to_plane(depth.astype(np.float32), low, high, bits)
    back = plane.from_plane(mapped, low, high, bits, depth > 0)
    step = (high - low) / (2**bits - 1)
    assert np.abs(back.astype(int) - depth).max() <= np.ceil(step / 2)


def test_ycbcr_inverts_within_two_levels():
    rgb = np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8)
    back = video.ycbcr_to_rgb(video.rgb_to_ycbcr(rgb))
    assert np.abs(back.astype(int) - rgb).max() <= 2
    assert video.rgb_to_ycbcr(np.full((1, 1, 3), 255, np.uint8)).ravel().tolist() == [
        255, 128, 128,
    ]  # fmt: skip


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data and anchor records")
@pytest.mark.parametrize(
    ("codec", "setting"),
    [
        ("jpeg-turbo-420", 50), ("webp-m6", 50), ("jxl-e7", 3), ("avif-aom-444-s6", 65),
        ("hevc-x265-444-slow", 32), ("hevc-x265-12b-lin", 30), ("avif-aom-12b-s4-lin", 45),
        ("jp2k-16b-lin", 46), ("png16", 6), ("zstd19", 19), ("quant-jxl-e7", 5),
    ],
)  # fmt: skip
def test_anchor_records_are_reproduced(codec, setting):
    """On a frame with holes; to the byte but for HEVC's colour."""
    if CODECS[codec].missing():
        pytest.skip(CODECS[codec].missing())
    sequence, frame = "aug_icl_nuim_livingroom1_clean_211", "000164"
    folder = SHARED / "data" / "test" / sequence
    image = read(folder / "color" / f"{frame}.jpg", folder / "depth" / f"{frame}.png")
    anchor = next(
        r
        for r in read_records(SHARED / "anchors" / "public.jsonl").records
        if (r["sequence"], r["frame"], r["codec"], r["setting"])
        == (sequence, frame, codec, setting)
    )
    (record,) = CODECS[codec].measure(image, setting)
    assert record["bytes"] == pytest.approx(anchor["bytes"], rel=0.01)
    if codec != "hevc-x265-444-slow":
        assert record["bytes"] == anchor["bytes"]
    for name in ("psnr", "ms_ssim_db", "psnr_max", "psnr65535"):
        if anchor.get(name) is not None:
            assert record[name] == pytest.approx(anchor[name], abs=0.05)
    for name in ("rmse_mm", "mae_mm", "max_mm", "edge_bad", "edge_share", "hole_share"):
        if name in anchor:
            assert record[name] == pytest.approx(anchor[name], rel=0.006, abs=1e-4)


def test_a_run_writes_each_result_once_and_resumes(tmp_path):
    out = tmp_path / "r.jsonl"
    first = runner.evaluate(["jpeg@5/50", "png16"], [OneFrame()], out=out, set_name="t")
    assert (first.written, first.found, first.failures) == (3, 0, [])
    again = runner.evaluate(["jpeg@5/50/90", "png16"], [OneFrame()], out=out, set_name="t")
    assert (again.written, again.found) == (1, 3)
    found = read_records(out)
    assert len({key(r) for r in found.records}) == len(found.records) == 4
    assert len(found.headers) == 2
    assert {r["set"] for r in found.records} == {"t"}
    assert all(r["ref_encode_ms"] > 0 for r in found.records)


def test_two_processes_measure_the_same_bytes_as_one(tmp_path):
    def sizes(jobs):
        out = tmp_path / f"{jobs}.jsonl"
        runner.evaluate(["webp@50", "zstd"], [Sample("0"), Sample("1")], out=out, jobs=jobs)
        return {key(r): r["bytes"] for r in read_records(out).records}

    assert sizes(2) == sizes(1)


def test_a_failing_frame_is_named_and_the_rest_is_measured(tmp_path):
    frames = [OneFrame(frame="bad", broken=True), OneFrame()]
    summary = runner.evaluate(["jpeg@5"], frames, out=tmp_path / "r.jsonl")
    assert summary.failures == ["jpeg-turbo-420 on made/bad: no such frame"]
    assert summary.written == 1


def test_a_missing_library_skips_its_codec_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(anchors.importlib.util, "find_spec", lambda name: None)
    summary = runner.evaluate(["rvl", "jpeg"], [OneFrame()], out=tmp_path / "r.jsonl")
    assert summary.skipped["rvl"] == "rvl is not installed"
    assert summary.written == 0


def test_only_one_modality_is_measured_when_asked(tmp_path):
    out = tmp_path / "r.jsonl"
    runner.evaluate(["jpeg@5", "zstd"], [OneFrame()], out=out, modalities=["depth"])
    assert [r["modality"] for r in read_records(out).records] == ["depth"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jpg", 'no codec "jpg"; did you mean "jpeg"?'),
        ("turb", 'no codec "turb"; did you mean a colour map, as in "turbo\\+avif"'),
        ("bsae+alone", 'no codec "bsae"; did you mean "base"?'),
        ("qqq", 'no codec "qqq"; there are jpeg, webp, jxl, avif,'),
        ("w.safetensors", "weights file w.safetensors does not exist"),
        ("turbo+avfi", 'no colour codec "avfi"; did you mean "avif"?'),
        ("turbo+base+bound", '"base\\+bound" codes depth alone'),
        ("turbo-exact+webp", '"turbo-exact\\+webp" needs a lossless colour codec'),
        ("avif@50", "differ by modality; say avif-aom-444-s6 or avif-aom-12b-s4-lin"),
        ("webp@x", 'settings "x" of codec "webp" are no numbers'),
        ("base+fast", 'no codec "base\\+fast": after a plus sign come'),
        ("base+av1+auto", "asks for av1 and auto; one is possible"),
        ("base+e7+e8", "asks for e7 and e8; one is possible"),
        ("base+e10", 'no codec "base\\+e10"'),
    ],
)
def test_wrong_names_are_told_apart(name, message):
    with pytest.raises(EncodepthError, match=message):
        find_codecs(name)


def test_names_of_our_codec():
    assert ours.parse("base") == ours.Ours("base", "base", "base")
    of_file = ours.parse("somewhere/w.safetensors+av1+alone")
    assert of_file == ours.Ours(
        "w+av1+alone",
        "somewhere/w.safetensors+av1+alone",
        "somewhere/w.safetensors",
        "av1",
        alone=True,
    )
    small = "base+auto+e8"
    assert ours.parse(small) == ours.Ours(small, small, "base", "auto", 8)
    assert ours.parse("base+bound").modalities() == ("depth",)
    ((_, settings),) = find_codecs("base+av1", qualities=[10, 40])
    assert settings == (10, 40)
    ((_, settings),) = find_codecs("base+lossless", qualities=[10, 40])
    assert settings == (0.0,)


def test_plain_pictures_in_a_folder_are_frames(tmp_path):
    for name in ("b.png", "a.png"):
        Sample.save(tmp_path / name)
    frames = find_frames(tmp_path)
    assert [frame.frame for frame in frames] == ["a", "b"]
    assert frames == [Picture(tmp_path.name, n, tmp_path / f"{n}.png") for n in "ab"]
    assert frames[0].load().depth is None
    with pytest.raises(EncodepthError, match="none"):
        find_frames(tmp_path / "none")


@dataclass(frozen=True)
class Sample:
    """A frame that another process can build too."""

    frame: str
    sequence: str = "made"

    def load(self) -> RgbdImage:
        return pair()

    @staticmethod
    def save(path):
        from PIL import Image

        Image.fromarray(pair().color).save(path)


def test_a_record_is_json_that_any_reader_takes(tmp_path):
    out = tmp_path / "r.jsonl"
    runner.evaluate(["png16"], [OneFrame()], out=out)
    lines = [
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        for line in out.read_text().splitlines()
    ]
    assert lines[1]["psnr_max"] is None


def test_avif_inside_our_file_is_measured_and_its_bytes_add_up(tmp_path):
    out = tmp_path / "r.jsonl"
    summary = runner.evaluate(["base+av1", "base+av1+alone"], [OneFrame()], [30], out=out)
    assert summary.failures == []
    rows = {(r["codec"], r["modality"]): r for r in read_records(out).records}
    whole = Codec().encode(pair(), quality=30, coding="av1")
    joint = rows["base+av1", "joint"]
    assert joint["bytes"] == len(whole)
    parts = [rows["base+av1", m]["bytes"] for m in ("color", "depth")]
    assert sum(parts) == joint["bytes"]
    only_color = Codec().encode(RgbdImage(color=pair().color), quality=30, coding="av1")
    only_depth = Codec().encode(RgbdImage(depth=pair().depth), quality=30, coding="av1")
    assert parts[0] == len(only_color) == rows["base+av1+alone", "color"]["bytes"]
    assert len(only_depth) == rows["base+av1+alone", "depth"]["bytes"]
    assert 0 < len(only_depth) - parts[1] < 20  # the file header is charged to colour
    assert rows["base+av1", "depth"]["holes_added"] == 0
    assert rows["base+av1", "depth"]["mask_bytes"] > 0


def test_bounded_and_lossless_files_are_measured(tmp_path):
    out = tmp_path / "r.jsonl"
    runner.evaluate(["base+bound", "base+lossless"], [OneFrame()], out=out)
    rows = read_records(out).records
    bounds = {r["setting"]: r["max_mm"] for r in rows if r["codec"] == "base+bound"}
    assert bounds.keys() == {1, 2, 5, 10, 20}
    assert all(error <= bound for bound, error in bounds.items())
    exact = {r["modality"]: r for r in rows if r["codec"] == "base+lossless"}
    assert exact["depth"]["max_mm"] == 0
    assert exact["color"]["psnr"] is None
    assert exact["joint"]["bytes"] > 0


def test_records_of_other_weights_are_not_mixed(tmp_path, monkeypatch):
    out = tmp_path / "r.jsonl"
    restorer = f"{open_model('restore-color').fingerprint:08x}"
    row = {
        "set": "", "sequence": "made", "frame": "0", "modality": "color", "codec": "base",
        "setting": 5, "width": 1, "height": 1, "bytes": 1, "weights": f"0badcafe,{restorer}",
    }  # fmt: skip
    out.write_text(json.dumps(row) + "\n")
    monkeypatch.setattr(ours.Ours, "missing", lambda self: None)
    monkeypatch.setattr(ours.Ours, "weights", lambda self: "0badcafe")
    runner.evaluate(["base"], [], out=out)
    row["weights"] = f"00c0ffee,{restorer}"
    out.write_text(json.dumps(row) + "\n")
    with pytest.raises(EncodepthError, match='"base" with weights 00c0ffee, these are 0badcafe'):
        runner.evaluate(["base"], [OneFrame()], out=out)


def test_the_default_model_without_weights_is_skipped_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "SHIPPED", tmp_path)
    summary = runner.evaluate(["base"], [OneFrame()], out=tmp_path / "r.jsonl")
    assert summary.skipped["base"].startswith('no model "base"')


def test_a_wrong_name_costs_no_import_of_torch_and_leaves_no_file(tmp_path):
    out = tmp_path / "r.jsonl"
    program = (
        "import sys; from encodepth.evaluate.runner import evaluate\n"
        "try: evaluate(['rgb-none'], [], out=sys.argv[1])\n"
        "except Exception as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(out)], capture_output=True, text=True, check=True
    )
    named = [*anchors.usual(), *videos.usual(), *recorded.usual(), "base"]
    assert done.stdout.splitlines() == [
        'no codec "rgb-none"; there are ' + ", ".join(named),
        "False",
    ]
    assert not out.exists()
