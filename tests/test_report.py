"""The report: numbers from records alone, their sources named, holes in the records said aloud."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from encodepth.cli.main import encodepth
from encodepth.errors import EncodepthError, InvalidImageError
from encodepth.evaluate.compare import matrices
from encodepth.evaluate.curves import Curves
from encodepth.evaluate.load import letters_of, load_material
from encodepth.evaluate.measures import METRICS, select
from encodepth.frame import RgbdImage
from encodepth.io.pictures import write
from encodepth.metrics import psnr
from encodepth.report import decoding, names, pictures
from encodepth.report import page as report
from encodepth.report.chart import Series, Style, chart
from encodepth.report.html import percent, table
from encodepth.report.numbers import Numbers
from encodepth.report.sections import bounds, crops, curves
from encodepth.thesis import tables as thesis

ICL = "aug_icl_nuim_livingroom1_clean_211"
HEADER = {
    "machine": "a <fast> one, 2 cores", "system": "Linux", "measured": "2026-01-02",
    "versions": {"numpy": "9.9"},
}  # fmt: skip


def record(codec: str, setting: float, bpp: float, frame: str = "1", **fields: object) -> dict:
    return {
        "set": "s", "sequence": ICL, "frame": frame, "modality": "color", "codec": codec,
        "setting": setting, "width": 640, "height": 480, "bytes": int(bpp * 38400), "bpp": bpp,
        **fields,
    }  # fmt: skip


def curve(codec: str, gain: float, frame: str = "1") -> list[dict]:
    """Four points: 6 dB per factor two in rate, better by `gain` dB than the zeroth codec."""
    rates = (0.1, 0.2, 0.4, 0.8)
    return [
        record(codec, i, bpp, frame, psnr=40 + gain + 6 * math.log2(bpp / 0.2), ms_ssim_db=10 + i)
        for i, bpp in enumerate(rates)
    ]


def save(path: Path, records: list[dict], header: bool = True) -> Path:
    lines = [HEADER, *records] if header else records
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two record files: AVIF and JPEG, then ours, which needs half of AVIF's bits."""
    folder = tmp_path / "results"
    folder.mkdir()
    frames = ("1", "2")
    save(
        folder / "a.jsonl",
        [
            r
            for f in frames
            for r in (*curve("avif-aom-444-s6", 0, f), *curve("jpeg-turbo-420", -6, f))
        ],
    )  # fmt: skip
    save(folder / "b.jsonl", [r for f in frames for r in curve("base", 6, f)], header=False)
    return folder


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", "", html, flags=re.S))


def test_the_page_says_how_many_bits_ours_saves_and_where_that_was_measured(results):
    html = report.build([results])
    row = re.search(r'<tr><th scope="row" class="own"><abbr title="base">.*?</tr>', html, re.S)[0]
    assert '<a href="#source-B">B</a>' in row
    assert re.search(r'<td class="good">−50\.0</td>', row)
    assert 'id="source-A"' in html
    assert "2026-01-02: a &lt;fast&gt; one, 2 cores" in html
    assert "numpy 9.9" in html
    assert "the file does not say" in text_of(html)  # b.jsonl has no header


def test_sections_without_records_say_so(results):
    said = text_of(report.build([results]))
    for what in (
        "rate-distortion points of depth", "bounded or lossless depth", "joint files",
        "models rgb, rgb-4c, rgb-attn, depth, depth-4c, depth-conv", "colour maps", "profiles",
        "decoded pictures",
    ):  # fmt: skip
        assert re.search(rf"No records of this yet: [^.]*{what}", said), what


def test_the_page_is_whole_and_needs_nothing_from_outside(results):
    html = report.build([results])
    assert "{{" not in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets <= set(re.findall(r'id="([^"]+)"', html))


def test_no_table_has_two_rows_of_one_name(results):
    times = {"encode_ms": 9.0, "decode_ms": 4.0}
    extra = [
        {**row, **times}
        for setting, bound in enumerate((20, 10, 5, 2, 1), 1)
        for row in (
            record("base", setting, 0.1 * setting, psnr=30 + setting, modality="color"),
            depth("base", setting, 0.1 * setting, 40 / setting),
            record("base", setting, 0.2 * setting, modality="joint"),
            depth("base+bound+alone", bound, 1 / bound, bound),
            depth("quant-jxl-e7", bound, 1.2 / bound, bound),
            depth("png16", 6, 1.5, 0, f"{bound}"),
            depth("base+auto+alone", setting, 0.1 * setting, 50 / setting),
            depth("base+auto+e8+alone", setting, 0.1 * setting, 45 / setting),
        )
    ]
    profile = {"model": "base", "macs": 5e9, "parameters": 1, "width": 640, "height": 480}
    (results / "p.json").write_text(json.dumps([profile | {"threads": n} for n in (1, 2)]))
    html = report.build([save(results.parent / "extra.jsonl", extra), results])
    tables = re.findall(r"<table.*?</table>", html, re.S)
    assert len(tables) > 12
    for one in tables:
        rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', one)
        assert len(rows) == len(set(rows)), rows


def test_charts_are_well_formed_and_their_labels_do_not_overlap():
    rng = np.random.default_rng(0)
    series = [
        Series(f"codec <{i}>", Style(i, ours=i > 8), tuple(
            (0.003 * 1.9**k, float(rng.uniform(0.2, 900)), "tip & more") for k in range(9)))
        for i in range(11)
    ]  # fmt: skip
    for log_y in (False, True):
        root = ET.fromstring(chart("a & b", series, "RMSE (mm)", log_y=log_y))
        across = sorted(float(t.get("x")) for t in root.iter("text") if t.get("class") == "x")
        down = sorted(float(t.get("y")) for t in root.iter("text") if t.get("class") == "y")
        assert np.diff(across).min() > 30
        assert np.diff(down).min() > 14
        for mark in root.iter("g"):
            place = re.match(r"translate\((\S+) (\S+)\)", mark.get("transform", ""))
            if place:
                x, y = map(float, place.groups())
                assert 62 <= x <= 466
                assert 34 <= y <= 320


def test_points_a_logarithm_cannot_show_are_left_out():
    series = Series("x", Style(0), ((0.1, 0.0, ""), (0.2, 3.0, ""), (0.4, 1.0, "")))
    assert chart("t", [series], "mm", log_y=True).count("<title>") == 2
    assert chart("t", [Series("x", Style(0), ((0.1, 0.0, ""),))], "mm", log_y=True) == ""


def test_markers_of_neighbouring_codecs_differ_in_shape_and_colour():
    looks = [(Style(i).marker, Style(i).classes) for i in range(8)]
    assert len({m for m, _ in looks}) == len({c for _, c in looks}) == 8
    assert Style(8).classes != Style(0).classes


def test_pairwise_agrees_with_the_matrices_of_compare(results):
    records = select(load_material([results]).records, METRICS["psnr"])
    pairs = Curves.of(records, METRICS["psnr"])
    for anchor, row in matrices(records, METRICS["psnr"])["icl"].items():
        for test, expected in row.items():
            if anchor != test:
                assert pairs.bd_rate(anchor, test)[0] == pytest.approx(expected, rel=1e-6)
    assert pairs.bd_rate("base", "avif-aom-444-s6") == (pytest.approx(100), 2, 2)


def test_quality_at_a_rate_is_read_between_points_and_never_beyond(results):
    pairs = Curves.of(load_material([results]).records, METRICS["psnr"])
    assert pairs.at_rate("base", 0.2 * 2**0.5)[0] == pytest.approx(49)
    assert pairs.at_rate("base", 0.05) is None


def test_of_a_result_in_two_files_the_first_counts(tmp_path):
    first = save(tmp_path / "1.jsonl", [record("x", 1, 0.5, psnr=30)])
    again = save(tmp_path / "2.jsonl", [record("x", 1, 0.7, psnr=40), record("x", 2, 1, psnr=41)])
    found = load_material([first, again])
    assert [(r["bpp"], r["_source"]) for r in found.records] == [(0.5, "A"), (1, "B")]
    assert [(s.count, s.used) for s in found.sources] == [(1, 1), (2, 1)]


def test_what_only_a_later_file_measured_of_the_same_bytes_is_added_with_its_letter(tmp_path):
    first = save(tmp_path / "1.jsonl", [record("x", 1, 0.5, psnr=30), record("y", 1, 0.5, psnr=30)])
    more = [
        record("x", 1, 0.5, psnr=30.1, ms_ssim_db=12), record("y", 1, 0.6, psnr=33, ms_ssim_db=13)
    ]  # fmt: skip
    found = load_material([first, save(tmp_path / "2.jsonl", more)])
    x, y = found.records
    assert (x["psnr"], x["ms_ssim_db"], letters_of([x])) == (30, 12, ("A", "B"))
    assert ("ms_ssim_db" in y, letters_of([y])) == (False, ("A",))  # other bytes: another result
    assert [s.used for s in found.sources] == [2, 1]


def test_other_json_in_a_folder_is_passed_over_and_profiles_are_shown(results):
    (results / "other.json").write_text('{"a": 1}', encoding="utf-8")
    (results / "other.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    profile = {
        "model": "base", "macs": 5e9, "parameters": 1234567, "encode": {"median": 0.25},
        "decode": None, "width": 640, "height": 480, "device": "cpu", "threads": 1,
    }  # fmt: skip
    (results / "profile.json").write_text(json.dumps([profile]), encoding="utf-8")
    html = report.build([results])
    assert "other.json" not in html
    with pytest.raises(EncodepthError, match="no field"):
        load_material([results / "other.jsonl"])  # named, so it must be a record file
    row = re.search(r"<tr><th scope=\"row\"><b>base</b>.*?</tr>", html, re.S)[0]
    assert re.findall(r"<td>([^<]*)</td>", row)[:4] == ["250", "–", "1.23", "–"]
    assert re.findall(r"<td>([^<]*)</td>", row)[4] == "5.0"
    assert "the file does not say; file of 2" in html
    header = {"machine": "Abacus, 9 cores", "system": "Wood", "measured": "2024-05-06"}
    (results / "profile.json").write_text(json.dumps([profile | header]), encoding="utf-8")
    assert "2024-05-06: Abacus, 9 cores, Wood" in report.build([results])


def test_a_file_without_a_header_is_explained_by_its_readme(results):
    (results / "README.md").write_text("Two <shared> cores, under load.", encoding="utf-8")
    found = load_material([results]).sources
    assert [bool(s.readme) for s in found] == [False, True]  # a.jsonl has a header
    html = report.build([results])
    assert html.count("<pre>Two &lt;shared&gt; cores, under load.</pre>") == 1
    assert f"file of {found[1].dated}" in html


def depth(codec: str, setting: float, bpp: float, worst: float, frame: str = "1") -> dict:
    own = {"modality": "depth", "max_mm": worst, "rmse_mm": worst / 2, "edge_bad": 0.0}
    return record(codec, setting, bpp, frame, psnr65535=80.0, **own)


def test_a_bound_is_listed_as_a_bound_even_where_it_happens_to_be_exact(tmp_path):
    rows = [
        depth("base+bound+alone", 2, 0.4, 2, "1"), depth("base+bound+alone", 2, 0.2, 0, "2"),
        depth("quant-jxl-e7", 2, 0.5, 2, "1"), depth("quant-jxl-e7", 2, 0.5, 2, "2"),
        depth("png16", 6, 1.5, 0, "1"), depth("jp2k-16b-lin", 62, 2.0, 0, "1"),
        depth("jp2k-16b-lin", 62, 2.0, 3, "2"),
    ]  # fmt: skip
    html = bounds.section(Numbers(load_material([save(tmp_path / "d.jsonl", rows)])))
    cells = [re.findall(r">([^<>]+)</(?:abbr|td)>", row) for row in html.split("<tr>")]
    assert [row for row in cells if row] == [
        ["encodepth bounded, alone", "2", "0.300", "2", "–", "0"],
        ["quantised + JPEG XL", "2", "0.500", "2", "–", "0"],
        ["PNG 16 bit", "0", "1.500", "1", "–", "0"],
    ]  # JPEG 2000 was exact on one frame only: no promise


def test_of_two_curves_that_are_the_same_one_is_drawn_and_the_other_named(tmp_path):
    rows = [
        depth(codec, setting, 0.1 * 2**setting, 40 / 2**setting)
        for codec in ("base+auto+alone", "base+av1+alone", "avif-aom-12b-s4-lin")
        for setting in range(4)
    ]
    numbers = Numbers(load_material([save(tmp_path / "d.jsonl", rows)]))
    html = curves.charts_of(numbers, ("rmse",), ("RMSE (mm)",))
    assert html.count('<g class="curve') == 2
    said = text_of(html)
    assert "encodepth auto, alone gave the same as encodepth with AV1, alone" in " ".join(
        said.split()
    )


def test_colour_alone_counts_as_the_colour_of_the_pair_only_where_bytes_agree(tmp_path):
    same = [record("base", 5, 0.1, psnr=30), record("base+alone", 5, 0.1, psnr=30, encode_ms=9)]
    other = [record("base", 5, 0.1, psnr=30), record("base+alone", 5, 0.2, psnr=31)]
    for rows, expected in ((same, [("base", 9)]), (other, [("base", None), ("base+alone", None)])):
        found = Numbers(load_material([save(tmp_path / "c.jsonl", rows)])).records
        assert [(r["codec"], r.get("encode_ms")) for r in found] == expected


def test_records_of_several_weights_are_warned_of(tmp_path):
    rows = [
        record("base", 5, 0.1, psnr=30, weights="aa"),
        record("base", 9, 0.2, psnr=32, weights="aa"),
    ]
    file = save(tmp_path / "w.jsonl", rows)
    assert "measured with the weights <code>aa</code>" in report.build([file])
    save(file, [*rows, record("base", 15, 0.3, psnr=33, weights="bb")])
    assert "several weights: <code>aa</code>, <code>bb</code>" in report.build([file])


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("base", "encodepth"),
        ("base+alone", "encodepth, alone"),
        ("base+av1+alone", "encodepth with AV1, alone"),
        ("turbo+jp2k-8b", "turbo + JPEG 2000"),
        ("hue-exact+jxl-lossless-rgb", "hue exact + JPEG XL lossless"),
        ("jet+base", "jet + encodepth"),
        ("rgb-4c-0.013", "rgb-4c-0.013"),
    ],
)
def test_codecs_have_names_for_readers(codec, said):
    assert names.plain(codec) == said


def test_our_styles_differ_from_one_another():
    looks = {(Style(i, ours=True).marker, Style(i, ours=True).classes) for i in range(10)}
    assert len(looks) == 10


def test_the_thesis_tables_are_as_printed():
    table_8 = thesis.TABLES[0]
    assert (table_8.number, table_8.rows[1]) == (8, thesis.Row(0.0130, 31.41, 15.55, 0.167))
    assert thesis.TABLES[4].rows[2] == thesis.Row(0.005, 61.19, 35.65, 0.034)
    assert all(t.rows[0].bpp < t.rows[1].bpp < t.rows[2].bpp for t in thesis.TABLES)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        ("rgb", ("rgb", None)),
        ("rgb-4c-0.013", ("rgb-4c", 0.013)),
        ("runs/depth-conv/lambda-0.001", ("depth-conv", 0.001)),
        ("depth-0.0001+alone", ("depth", 0.0001)),
        ("base", None),
        ("rgbx", None),
        ("rgb-conv-0.013", None),
        ("rgb-attn-gated", None),
        ("avif-aom-444-s6", None),
    ],
)
def test_models_of_the_thesis_are_known_by_name(codec, expected):
    assert thesis.of_model(codec) == expected


def test_our_model_stands_beside_its_thesis_row(tmp_path):
    file = save(tmp_path / "t.jsonl", [record("rgb-0.013", 1, 0.2, psnr=33.25, ms_ssim_db=16.5)])
    html = report.build([file])
    row = re.search(r'<tr><th scope="row">0\.013</th><td>31\.41.*?</tr>', html, re.S)[0]
    assert "<td>33.25</td><td>16.50</td><td>0.200<sup" in row


def test_near_rate_comes_near_and_tries_few():
    tried = []

    def size(setting: float) -> int:
        tried.append(setting)
        return round(1000 * 1.05**setting)

    found = decoding.near_rate(size, (5, 15, 30, 45, 60, 75, 88, 96), 20_000)
    assert abs(math.log(size(found) / 20_000)) < 0.2
    assert len(tried) <= 8
    assert decoding.near_rate(lambda s: round(1e6 / s), (1, 2, 4, 8), 250_000) == 4
    assert decoding.near_rate(lambda s: 10, (1, 2, 3), 250_000) in (1, 3)


def test_the_busiest_places_are_found_and_do_not_overlap():
    rgb = np.full((300, 400, 3), 128, np.uint8)
    rng = np.random.default_rng(0)
    rgb[10:90, 20:120] = rng.integers(0, 256, (80, 100, 3))
    rgb[180:280, 250:390] = rng.integers(0, 256, (100, 140, 3))
    first, second = crops.busy_places(rgb)
    assert 180 <= first[0] <= 184
    assert 250 <= first[1] <= 262
    assert second[0] <= 11
    assert second[1] <= 21


def test_pictures_are_decoded_for_real_and_their_numbers_recorded(results, tmp_path, monkeypatch):
    place = tmp_path / "samples" / "room"
    place.mkdir(parents=True)
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (13, 17, 3), dtype=np.uint8).repeat(13, 0).repeat(12, 1)
    depth = np.tile(np.linspace(900, 2500, 204), (169, 1)).astype(np.uint16)
    depth[:30, :30] = 0
    write(RgbdImage(smooth, depth), place / "color.png", place / "depth.png")
    (place.parent / "cameras.json").write_text('{"room": {"intrinsics": [200, 200, 100, 84]}}')
    monkeypatch.setattr(decoding, "own_codec", lambda: "base+av1")  # needs no weights
    monkeypatch.setattr(decoding, "COLOR_CODECS", ("jpeg-turbo-420",))
    monkeypatch.setattr(decoding, "DEPTH_CODECS", ("jp2k-16b-lin",))
    page = report.report([results], tmp_path / "out", pictures=[place])
    lines = (tmp_path / "out" / "pictures.jsonl").read_text(encoding="utf-8").splitlines()
    header, *records = map(json.loads, lines)
    assert "machine" in header
    assert {r["codec"] for r in records} >= {"jpeg-turbo-420", "jp2k-16b-lin"}
    html = page.read_text(encoding="utf-8")
    jpeg = next(r for r in records if r["codec"] == "jpeg-turbo-420")
    assert f"{jpeg['psnr']:.2f} dB" in html
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])
    assert data["scenes"][0]["frames"][0]["camera"] == [200, 200, 100, 84]
    assert all(f["against"] == 0 for f in data["scenes"][0]["frames"][1:])


def test_a_decoded_picture_measures_what_its_record_says():
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    image = RgbdImage(rgb, np.full((192, 192), 1500, np.uint16))
    known = {c.name: c for c in decoding.baselines.conventional()}
    (coder,) = decoding._conventional(known, ("webp-m6",), image)
    (found,) = decoding._at_rates(pictures.Scene("s", image), coder, (0.5,), "color")
    assert found.record["psnr"] == pytest.approx(psnr(found.picture, rgb))
    assert found.record["bytes"] == len(known["webp-m6"].encode(rgb, found.record["setting"]))


def test_a_folder_without_a_pair_is_named(tmp_path):
    with pytest.raises(InvalidImageError, match=r"has no color\.\* and depth\.\*"):
        pictures.read_scene(tmp_path)


def test_the_command_refuses_to_overwrite_and_names_bad_files(results, tmp_path):
    def run(*arguments: str) -> Exception | None:
        found = CliRunner().invoke(encodepth, ["report", *arguments], standalone_mode=False)
        return found.exception

    out = str(tmp_path / "out")
    assert run(str(results), "-o", out) is None
    assert (tmp_path / "out" / "index.html").exists()
    assert "exists; use -f" in str(run(str(results), "-o", out))
    assert run(str(results), "-o", out, "-f") is None
    assert "none.jsonl does not exist" in str(run("none.jsonl", "-o", out, "-f"))
    (tmp_path / "bad.jsonl").write_text("{}\n")
    assert "line 1 has no field" in str(run(str(tmp_path / "bad.jsonl"), "-o", out, "-f"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncodepthError, match="no records in"):
        report.build([tmp_path / "empty"])


def test_small_pieces_of_html():
    assert percent(-3.14) == "−3.1"
    assert '<td class="good">1</td>' in table("c", ["a", "b"], [["x", "|good|1"]])
    assert names.plain("webp-m6") == "WebP"
