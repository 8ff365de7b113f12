"""Learning from what larger networks estimate: once, beside its crop, of the same modality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from encodepth.errors import EncodepthError
from encodepth.learned import open_model
from encodepth.learned.restore import size_of, strength_of
from encodepth.networks.color_restorer import color_net
from encodepth.networks.export import draw_graphs
from encodepth.networks.restorer import RestorerConfig
from encodepth.networks.restorer_weights import save_restorer
from encodepth.train.batches import LEVEL, collate, cut
from encodepth.train.coded_color import color_ahead
from encodepth.train.coded_depth import depth_ahead
from encodepth.train.config import Ahead, Augment, Source
from encodepth.train.recipe import make_recipe
from encodepth.train.run import make_task
from encodepth.train.taught import taught
from train_tools import RESTORE, Shapes

SMALL = RestorerConfig((8, 8, 8), (1, 1, 1, 1, 1))
COLOR = {**RESTORE, "model": {"family": "restore-color"}}
SIZES = ["model.widths=[8,8,8]", "model.blocks=[0,1,1,1,0]"]


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Weights that restore colour, badly but not by nothing."""
    torch.manual_seed(1)
    net = color_net(SMALL)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    path = tmp_path_factory.mktemp("teacher") / "t.safetensors"
    save_restorer(path, SMALL, net)
    draw_graphs(path)
    return str(path)


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    source = Source("photos", "x", versions=2)
    return color_ahead(
        Shapes(), source, Ahead(speeds=(9,)), 64, tmp_path_factory.mktemp("p"), quiet
    )


def test_frames_come_with_the_mean_estimate_of_their_teachers(coded, teacher, tmp_path):
    (frames,) = taught([coded], [teacher, "restore-color"], tmp_path, quiet)
    model = open_model(teacher)
    assert len(frames) == len(coded)
    known = frames[3].coded
    decoded, strength = known.picture / np.float32(LEVEL), strength_of(known.rmse)
    both = [
        m.estimate(decoded, known.quality, strength) for m in (model, open_model("restore-color"))
    ]
    expected = np.mean(both, 0) / size_of(strength)
    np.testing.assert_allclose(known.estimate, expected, atol=2e-3)
    assert np.array_equal(frames[3].color, coded[3].color)


def test_estimates_are_made_once_for_the_same_teachers(coded, teacher, tmp_path):
    said: list[str] = []
    made = [taught([coded], [teacher], tmp_path, said.append)[0] for _ in range(2)]
    assert len(said) == 1
    assert made[0].fingerprint == made[1].fingerprint
    other = taught([coded], ["restore-color"], tmp_path, said.append)[0]
    assert other.fingerprint != made[0].fingerprint


def test_an_estimate_is_cut_and_turned_with_its_picture(coded, teacher, tmp_path):
    frame = taught([coded], [teacher], tmp_path, quiet)[0][0]
    marked = np.asarray(frame.coded.picture, np.float16)  # an estimate that says where it is from
    frame = replace(frame, coded=replace(frame.coded, estimate=marked))
    every = Augment(flip_x=1, flip_y=1, transpose=1)
    for augment in (Augment(), every):
        crop = cut(np.random.default_rng(2), frame, 64, augment).coded
        assert crop.picture.shape == (64, 64, 3)
        assert np.array_equal(crop.estimate, np.asarray(crop.picture, np.float16))


def test_depth_and_its_colour_are_what_a_teacher_of_depth_sees(tmp_path):
    frames = depth_ahead(Shapes(), Source("pairs", "x", versions=1), Ahead(), tmp_path, quiet)
    known = taught([frames], ["restore"], tmp_path, quiet)[0][1]
    coded, strength = known.coded, strength_of(known.coded.rmse)
    plane = coded.picture[..., 0] / np.float32(coded.top)
    color = np.ascontiguousarray(known.color)
    expected = open_model("restore").estimate(plane, known.valid, strength, color)
    np.testing.assert_allclose(coded.estimate[..., 0], expected / size_of(strength), atol=2e-3)


def test_a_teacher_of_the_other_modality_is_refused(coded, tmp_path):
    with pytest.raises(EncodepthError, match="restore restores the other modality"):
        taught([coded], ["restore"], tmp_path, quiet)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("table", [COLOR, RESTORE])
def test_the_estimate_is_what_is_learned(table, tmp_path):
    task = make_task(make_recipe(table, SIZES))
    assert task.config == RestorerConfig((8, 8, 8), (0, 1, 1, 1, 0))
    source = Source("pairs", "x", versions=1)
    frames = (
        color_ahead(Shapes(), source, Ahead(speeds=(9,)), 64, tmp_path, quiet)
        if table is COLOR
        else depth_ahead(Shapes(), source, Ahead(), tmp_path, quiet)
    )
    crops = [cut(np.random.default_rng(i), frames[i], 64, Augment()) for i in range(2)]
    error = task_error(task, crops)
    assert task_error(task, [with_estimate(crop, 0.0) for crop in crops]) == 0  # a fresh network's
    assert task_error(task, [with_estimate(crop, 0.5) for crop in crops]) not in (0, error)


def with_estimate(crop, value):
    estimate = np.full(crop.coded.picture.shape, value, np.float16)
    return replace(crop, coded=replace(crop.coded, estimate=estimate))


def task_error(task, crops) -> float:
    none = np.zeros(len(crops))
    return float(task(collate(crops, none, none, True, 0))["loss"].detach().sum())


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("model.widths=[8,8]", r"\[model\] widths are 3 whole numbers"),
        ("model.blocks=[1]", r"\[model\] blocks are 5 whole numbers"),
    ],
)
def test_a_size_of_the_wrong_length_is_refused(setting, problem):
    with pytest.raises(EncodepthError, match=problem):
        make_recipe(RESTORE, [setting])


def test_other_families_have_neither_sizes_nor_teachers():
    with pytest.raises(EncodepthError, match="for networks that restore"):
        make_recipe({**RESTORE, "model": {"family": "base", "teachers": ["restore"]}})
