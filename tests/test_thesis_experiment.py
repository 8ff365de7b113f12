"""runs/thesis*.py: a fair plan, files as the codec makes them, intervals that mean something."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from encodepth import Codec, RgbdImage
from encodepth.container.still import Still
from encodepth.train.batches import Batches, Frame
from encodepth.train.recipe import load_recipe
from runs.common import fill_page
from runs.results import thesis
from runs.results import thesis_measure as measuring
from runs.results import thesis_report as report

OPTIONS = argparse.Namespace(
    smoke=False, output=Path("o"), shared=Path("../shared"), packs="out/packs"
)


def test_every_run_starts_from_one_before_it():
    seen = set()
    for run in thesis.plan(thesis.BUDGET):
        assert run.init is None or run.init in seen, run
        assert run.fusion is None or run.fusion in seen, run
        seen.add((run.name, run.lmbda))
    for modality, rows in thesis.ROWS.items():
        for row in rows:
            for lmbda in (thesis.MIDDLE[modality], *thesis.OUTER[modality]):
                assert (row, lmbda) in seen
    assert all(any(name == f"{row}-another" for name, _ in seen) for row in thesis.GUIDED)


@pytest.mark.parametrize("modality", ["rgb", "depth"])
def test_rows_of_a_modality_differ_in_nothing_but_the_row_and_its_start(modality):
    plan = thesis.plan(thesis.BUDGET)
    for lmbda in (thesis.MIDDLE[modality], *thesis.OUTER[modality]):
        runs = [r for r in plan if r.name in thesis.ROWS[modality] and r.lmbda == lmbda]
        assert len(runs) == 3
        kept = []
        for run in runs:
            settings = thesis.settings_of(
                run if run.fusion is None else type(run)(**{**vars(run), "fusion": None}), OPTIONS
            )
            own = ("model.row=", "model.init", "model.grow=", "optimiser.rates=")
            (rates,) = (s for s in settings if s.startswith("optimiser.rates="))
            if run.row != "depth-conv":  # it trains nothing of the codec
                assert thesis.rates_of(modality) in rates
            kept.append([s for s in settings if not s.startswith(own)])
        assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize("modality", ["rgb", "depth"])
def test_rows_of_a_modality_see_the_same_crops(modality):
    rng = np.random.default_rng(5)
    color = rng.integers(0, 256, (300, 400, 3), np.uint8)
    depth = rng.integers(900, 3000, (300, 400)).astype(np.uint16)
    source = [Frame(color, depth, depth > 950, 900, 3000)] * 3
    seen = []
    for run in thesis.plan(thesis.BUDGET):
        if run.name in thesis.ROWS[modality] and run.lmbda == thesis.MIDDLE[modality]:
            recipe = load_recipe(f"recipes/{run.row}.toml", thesis.settings_of(run, OPTIONS))
            seen.append(Batches(recipe, [source, source]))
    assert len(seen) == 3
    for n in range(8):
        first, *others = (b[n] for b in seen)
        for other in others:
            assert other.seed == first.seed
            kind = "color" if modality == "rgb" else "depth"
            assert torch.equal(getattr(other, kind), getattr(first, kind))


def test_the_control_differs_from_its_row_in_the_guide_alone():
    plan = {(r.name, r.lmbda): r for r in thesis.plan(thesis.BUDGET)}
    for row in thesis.GUIDED:
        lmbda = thesis.MIDDLE[row.split("-")[0]]
        own = set(thesis.settings_of(plan[row, lmbda], OPTIONS))
        control = set(thesis.settings_of(plan[f"{row}-another", lmbda], OPTIONS))
        assert control - own == {'data.guide="another"'}
        assert own <= control


@pytest.fixture
def image():
    rng = np.random.default_rng(3)
    color = rng.integers(0, 256, (64, 96, 3), np.uint8)
    depth = rng.integers(900, 3000, (64, 96)).astype(np.uint16)
    depth[5:9] = 0
    return RgbdImage(color=color, depth=depth)


@pytest.mark.parametrize("row", ["rgb-4c", "depth-4c"])
def test_the_measured_file_holds_the_codecs_own_stream(image, row):
    from encodepth.thesis.model import TcmModel
    from encodepth.thesis.random import random_tcm
    from encodepth.thesis.rows import ROWS, small

    model = TcmModel(random_tcm(small(ROWS[row])))
    other = {"color": "jpegxl", "depth": "surface"} | {model.kind: "learned"}
    whole = Still.parse(Codec(model).encode(image, coding=other))
    alone = Still.parse(measuring.file_of(model, image, image))
    kinds = {"color"} if model.kind == "color" else {"depth", "mask"}
    assert len(alone.streams) == len(kinds)
    assert all(whole.stream(kind) == alone.stream(kind) for kind in kinds)


def test_an_interval_is_sure_only_away_from_zero_and_from_enough_frames():
    rng = np.random.default_rng(0)
    values = rng.normal(-5, 1, 12)
    far = report.bootstrap(values.tolist())
    assert far.low < far.mean < far.high < 0
    assert far.sure
    assert not report.bootstrap(rng.normal(0, 5, 12).tolist()).sure
    assert not report.bootstrap([-5.0, -5.1, -4.9]).sure
    assert report.bootstrap([]) is None
    assert report.bootstrap([1.0, 2.0, 4.0] * 2) == report.bootstrap([1.0, 2.0, 4.0] * 2)
    errors = values.std(ddof=1) / np.sqrt(12)
    assert far.high - far.low == pytest.approx(3.92 * errors, rel=0.15)


def records(codec, factor, guide="none", lambdas=(0.0025, 0.013, 0.05)):
    rng = np.random.default_rng(1)
    made = []
    for frame in range(6):
        scale = rng.uniform(0.8, 1.2)
        for i, lmbda in enumerate(lambdas):
            made.append({
                "sequence": "aug_icl_nuim_livingroom1_clean_211", "frame": str(frame),
                "modality": "color", "codec": f"{codec}-{lmbda:g}", "guide": guide,
                "setting": lmbda, "width": 64, "height": 64, "bytes": 1,
                "bpp": factor * scale * 0.05 * 2**i, "psnr": 25.0 + 2 * i, "ms_ssim_db": 9.0 + i,
                "cost": factor * scale,
            })  # fmt: skip
    return made


def test_a_fifth_fewer_bits_is_a_bd_rate_of_minus_twenty():
    found = report.effects(records("rgb", 1.0) + records("rgb-4c", 0.8, "own"))
    chosen = {(e.measure, e.test): e.interval for e in found if e.scenes == "icl"}
    assert chosen["BD-rate, psnr", "rgb-4c"].mean == pytest.approx(-20, abs=0.01)
    assert chosen["cost", "rgb-4c-0.013"].mean == pytest.approx(-20)
    assert chosen["cost", "rgb-4c-0.013"].sure


def test_the_page_is_written_between_its_marks(tmp_path, monkeypatch):
    lines = [json.dumps(r) for r in records("rgb", 1.0) + records("rgb-4c", 1.1, "own")]
    (tmp_path / "r.jsonl").write_text("\n".join(lines) + "\n")
    page = tmp_path / "p.md"
    page.write_text(f"before\n{report.START}\nold\n<!-- end -->\nafter\n")
    call = ["x", str(tmp_path / "r.jsonl"), str(page), "-j", str(tmp_path / "j.json")]
    monkeypatch.setattr(sys, "argv", call)
    assert report.main() == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| 0.013 | 31.41, 15.55; 0.167 | 27.00, 10.00; 0.1" in text
    assert "not trained" in text
    assert "+10.0 (+10.0 to +10.0)" in text
    assert json.loads((tmp_path / "j.json").read_text())


def test_a_page_without_its_marks_is_named_and_left(tmp_path):
    page = tmp_path / "p.md"
    page.write_text("<!-- end -->\n<!-- a -->\n")
    with pytest.raises(SystemExit, match="lacks the marks <!-- a --> and <!-- end -->"):
        fill_page(page, "<!-- a -->", ["new"])
    assert page.read_text() == "<!-- end -->\n<!-- a -->\n"


def test_depth_by_a_peak_makes_a_file_that_decodes(image):
    from encodepth.thesis.model import TcmModel
    from encodepth.thesis.random import random_tcm
    from encodepth.thesis.rows import ROWS, small

    model = TcmModel(random_tcm(small(ROWS["depth"])))
    data = measuring.file_of(model, image, None, peak=65535)
    decoded = Codec(model).decode(data).depth
    assert decoded.shape == image.depth.shape
    assert ((decoded > 0) == (image.depth > 0)).all()


def test_the_search_of_a_latent_ends_no_worse_than_it_began():
    from encodepth.thesis.random import random_tcm
    from encodepth.thesis.rows import ROWS, small
    from encodepth.train.config import Loss
    from runs.results.thesis_search import search

    model = random_tcm(small(ROWS["rgb"]))
    x = torch.rand(1, 3, 128, 128, generator=torch.manual_seed(2))
    loss = Loss(lambdas=(0.013,))

    def cost(y):
        with torch.no_grad():
            out = model.of_latent(y, 128, 128)
        worth = 0.013 * loss.factor * (out.x_hat - x).square().mean()
        return float(out.bits / 128**2 + worth)

    begun, found = (search(model, x, None, loss, None, steps, 0.01) for steps in (0, 15))
    torch.testing.assert_close(begun, model.analyse(x).detach(), rtol=1e-4, atol=1e-4)
    assert cost(found) < cost(begun)
