"""Comparisons say what the records say: means, BD-rates, and the published anchor figures."""

import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from encodepth.cli.compare import command as compare_command
from encodepth.cli.eval import command as eval_command
from encodepth.errors import EncodepthError
from encodepth.evaluate import compare as c
from encodepth.evaluate.load import load_records
from encodepth.evaluate.means import means, times
from encodepth.evaluate.measures import METRICS, select
from encodepth.report.plot import plot_curves
from shared import SHARED

CLEAN = "aug_icl_nuim_livingroom1_clean_211"


def row(codec, setting, bpp, value, sequence=CLEAN, frame="1", modality="color", **more):
    field = "psnr" if modality == "color" else "rmse_mm"
    return {
        "set": "t", "sequence": sequence, "frame": frame, "modality": modality, "codec": codec,
        "setting": setting, "width": 640, "height": 480, "bytes": int(bpp * 38400), "bpp": bpp,
        field: value, "encode_ms": 8.0, "decode_ms": 2.0, "ref_encode_ms": 2.0,
        "ref_decode_ms": 1.0, **more,
    }  # fmt: skip


def curve(codec, factor=1.0, **more):
    points = [(0.1, 28.0), (0.2, 31.0), (0.4, 33.5), (0.8, 35.5)]
    return [row(codec, i, bpp * factor, psnr, **more) for i, (bpp, psnr) in enumerate(points)]


def save(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def test_half_the_bytes_is_minus_50_percent_in_every_table(tmp_path):
    path = save(tmp_path / "r.jsonl", [*curve("a"), *curve("b", 0.5)])
    comparison = c.compare([path], "psnr", "a")
    (delta,) = comparison.deltas
    assert (delta.scenes, delta.codec, delta.compared, delta.frames) == ("icl", "b", 1, 1)
    assert delta.bd_rate == pytest.approx(-50)
    assert delta.bd_quality > 2
    assert comparison.matrices["icl"]["b"]["a"] == pytest.approx(100)
    assert comparison.matrices["icl"]["a"]["a"] == 0
    assert "icl     b      -50.0" in comparison.text()
    assert "| icl | b | -50.0 | 1 of 1 |" in comparison.markdown()
    assert json.loads(comparison.json())["deltas"][0]["bd_rate"] == pytest.approx(-50)


def test_bd_rates_are_per_frame_and_only_where_both_codecs_are(tmp_path):
    records = [
        *curve("a"), *curve("a", frame="2"), *curve("a", frame="3"),
        *curve("b", 0.5), *curve("b", 2.0, frame="2"),
    ]  # fmt: skip
    (delta,) = c.compare([save(tmp_path / "r.jsonl", records)], "psnr", "a").deltas
    assert (delta.frames, delta.compared) == (2, 2)
    assert delta.bd_rate == pytest.approx((-50 + 100) / 2)


def test_frames_without_common_quality_are_counted_not_hidden(tmp_path):
    far = [{**r, "psnr": r["psnr"] + 20, "frame": "2"} for r in curve("b")]
    records = [*curve("a"), *curve("a", frame="2"), *curve("b", 0.5), *far]
    (delta,) = c.compare([save(tmp_path / "r.jsonl", records)], "psnr", "a").deltas
    assert (delta.frames, delta.compared) == (2, 1)
    assert delta.bd_rate == pytest.approx(-50)


def test_depth_is_compared_by_the_logarithm_of_its_error(tmp_path):
    a = [row("a", i, 0.1 * 2**i, 40 / 2**i, modality="depth") for i in range(4)]
    b = [row("b", i, 0.05 * 2**i, 40 / 2**i, modality="depth") for i in range(4)]
    exact = row("png16", 6, 1.5, 0.0, modality="depth")
    comparison = c.compare([save(tmp_path / "r.jsonl", [*a, *b, exact])], "rmse", "a")
    by_codec = {d.codec: d for d in comparison.deltas}
    assert by_codec["b"].bd_rate == pytest.approx(-50)
    assert by_codec["b"].bd_quality == pytest.approx(20 * 0.30103, rel=1e-4)
    assert "png16" not in by_codec  # an exact codec has no curve
    assert "png16" in comparison.text()


def test_scenes_are_told_apart_and_put_together(tmp_path):
    records = [
        r
        for codec, factor in (("a", 1), ("b", 0.5))
        for sequence in (CLEAN, "kinect_other", "kodak")
        for r in curve(codec, factor, sequence=sequence)
    ]
    comparison = c.compare([save(tmp_path / "r.jsonl", records)], "psnr", "a")
    assert [d.scenes for d in comparison.deltas] == ["icl", "sensor", "test", "kodak"]


def test_means_are_over_frames_by_setting(tmp_path):
    records = [row("a", 5, 0.1, 30.0), row("a", 5, 0.3, 40.0, frame="2")]
    (point,) = means(records, METRICS["psnr"])
    assert (point.frames, point.bpp, point.value) == (2, pytest.approx(0.2), 35.0)


def test_times_are_medians_with_mask_and_filling(tmp_path):
    rows = [
        row("a", i, 0.1, 30.0, modality="depth", encode_ms=ms, mask_encode_ms=1.0, fill_ms=1.0)
        for i, ms in enumerate((6.0, 8.0, 100.0))
    ]
    (found,) = times(rows)
    assert (found.encode_ms, found.decode_ms, found.encode_ratio) == (10.0, 2.0, 5.0)


def test_of_a_result_in_two_files_the_first_counts(tmp_path):
    one = save(tmp_path / "1.jsonl", [row("a", 5, 0.1, 30.0)])
    two = save(tmp_path / "2.jsonl", [row("a", 5, 0.9, 50.0, **{"set": "other"})])
    assert [r["psnr"] for r in load_records([one, two])] == [30.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "speed"}, 'no metric "speed"; there are psnr,'),
        ({"metric": "rmse"}, "no depth record with rmse_mm in these files"),
        ({"anchor": "vvc"}, 'no codec "vvc" in these files; there are a'),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path, arguments, message):
    path = save(tmp_path / "r.jsonl", curve("a"))
    with pytest.raises(EncodepthError, match=message):
        c.compare([path], **arguments)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the anchor records")
@pytest.mark.parametrize(
    ("metric", "anchor", "scenes", "codec", "percent"),
    [
        ("psnr", "avif-aom-444-s6", "test", "jpeg-turbo-420", 159),
        ("psnr", "avif-aom-444-s6", "kodak", "jpeg-turbo-420", 96),
        ("psnr", "avif-aom-444-s6", "test", "webp-m6", 59),
        ("psnr", "avif-aom-444-s6", "kodak", "webp-m6", 20),
        ("psnr", "avif-aom-444-s6", "test", "jxl-e7", 43),
        ("psnr", "avif-aom-444-s6", "kodak", "hevc-x265-444-slow", -17),
        ("psnr", "avif-aom-444-s6", "test", "vvc-vvenc-420-10b-medium", -20),
        ("psnr", "avif-aom-444-s6", "kodak", "vvc-vvenc-420-10b-medium", -27),
        ("rmse", "hevc-x265-12b-lin", "test", "avif-aom-12b-s4-lin", -8),
        ("rmse", "hevc-x265-12b-lin", "test", "jp2k-16b-lin", 69),
        ("rmse", "hevc-x265-12b-lin", "test", "vvc-vvenc-10b-medium-lin", -25),
    ],
)
def test_published_bd_rates_of_the_anchors_come_out(metric, anchor, scenes, codec, percent):
    """The last paragraph of anchors/README.md, worked out apart from this code."""
    records = load_records(SHARED / "anchors" / f"{n}.jsonl" for n in ("public", "kodak"))
    chosen = select(records, METRICS[metric])
    chosen = [r for r in chosen if r["codec"] in (anchor, codec)]
    found = {(d.scenes, d.codec): d for d in c.deltas(chosen, METRICS[metric], anchor)}
    assert found[scenes, codec].bd_rate == pytest.approx(percent, abs=0.6)


def test_a_plot_is_drawn(tmp_path):
    records = [*curve("base"), *curve("jpeg-turbo-420", 2.0, sequence="kodak")]
    plot_curves(records, METRICS["psnr"], tmp_path / "p.svg", title="a & b")
    root = ET.parse(tmp_path / "p.svg").getroot()
    said = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a & b", "encodepth", "JPEG"} <= set(said)
    assert [t for t in said if t.endswith("1 frame")] == [
        "ICL living room (rendered), 1 frame", "Kodak, 1 frame",
    ]  # fmt: skip
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


def test_a_plot_without_curves_or_of_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(EncodepthError, match="no codec has two settings"):
        plot_curves(curve("a")[:1], METRICS["psnr"], tmp_path / "p.svg")
    with pytest.raises(EncodepthError, match=r"should end in \.svg"):
        plot_curves(curve("a"), METRICS["psnr"], tmp_path / "p.bmp")


def test_the_commands_measure_then_compare(tmp_path):
    from test_evaluate_runner import Sample

    folder = tmp_path / "pictures"
    folder.mkdir()
    Sample.save(folder / "a.png")
    records, plot = tmp_path / "r.jsonl", tmp_path / "p.svg"
    arguments = [str(folder), "-o", str(records), "--codec", "jpeg,webp"]
    done = CliRunner().invoke(eval_command, arguments)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"{records}: 14 records written, 0 already there\n"
    done = CliRunner().invoke(eval_command, arguments)
    assert done.stderr == f"{records}: 0 records written, 14 already there\n"
    before = records.read_bytes()
    wrong = [*arguments[:-1], "jpeg,jpg", "--force"]
    assert CliRunner().invoke(eval_command, wrong).exit_code == 1
    assert records.read_bytes() == before
    done = CliRunner().invoke(
        compare_command, [str(records), "--anchor", "jpeg-turbo-420", "--plot", str(plot)]
    )
    assert done.exit_code == 0
    assert "Against jpeg-turbo-420" in done.stdout
    assert plot.read_text().startswith("<svg")
    again = CliRunner().invoke(compare_command, [str(records), "--plot", str(plot)])
    assert isinstance(again.exception, EncodepthError)
    assert str(again.exception) == f"{plot} exists; use -f to overwrite it"


def test_a_folder_stands_for_the_record_files_in_it(tmp_path):
    save(tmp_path / "a.jsonl", curve("a"))
    save(tmp_path / "b.jsonl", curve("b", 0.5))
    (tmp_path / "speed.jsonl").write_text('{"steps_per_second": 3}\n')
    (delta,) = c.compare([tmp_path], "psnr", "a").deltas
    assert delta.bd_rate == pytest.approx(-50)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncodepthError, match=r"no records in .*empty"):
        c.compare([tmp_path / "empty"])


def test_a_plot_of_unknown_suffix_is_refused_before_tables_are_printed(tmp_path):
    path = save(tmp_path / "r.jsonl", [*curve("a"), *curve("b", 0.5)])
    done = CliRunner().invoke(compare_command, [str(path), "--plot", str(tmp_path / "x.gif")])
    assert "should end in .svg" in str(done.exception)
    assert done.output == ""


def test_eval_without_a_codec_is_refused(tmp_path):
    done = CliRunner().invoke(eval_command, [".", "-o", str(tmp_path / "r.jsonl"), "--codec", ","])
    assert done.exit_code == 2
    assert "no codec is named" in done.output
