"""Recordings that AV1 coded ahead of training: as files code them, some pictures of each group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from encodepth.codings.av1_frames import TOP
from encodepth.errors import EncodepthError
from encodepth.learned.restore_color import rmse
from encodepth.train.batches import LEVEL, Batches, Frame, plane
from encodepth.train.coded_groups import groups_ahead
from encodepth.train.config import Ahead, Source
from encodepth.train.frames import open_training
from encodepth.train.moved import least_side, moved
from encodepth.train.recipe import make_recipe
from train_tools import Shapes

AHEAD = Ahead()


def photographs(count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        np.kron(rng.integers(0, 256, (8, 10, 3)), np.ones((20, 20, 1))).astype(np.uint8)
        for _ in range(count)
    ]


def test_a_view_moves_the_same_way_again_and_has_one_size():
    first, again = (moved(np.random.default_rng(5), photographs(), 1, 6) for _ in range(2))
    assert len(first) == 6
    for picture, same in zip(first, again, strict=True):
        assert picture.dtype == np.uint8
        assert picture.shape == (96, 112, 3)
        assert np.array_equal(picture, same)


def test_most_views_move_and_none_is_empty():
    moving = 0
    for seed in range(8):
        pictures = moved(np.random.default_rng(seed), photographs(), seed % 3, 8)
        assert all(picture.std() > 10 for picture in pictures)
        moving += float(np.abs(pictures[7].astype(int) - pictures[0]).mean()) > 2
    assert moving >= 5


@pytest.mark.parametrize("side", [64, 128, 320])
def test_views_of_the_least_photograph_have_room_for_a_crop(side):
    photo = np.zeros((least_side(side), least_side(side), 3), np.uint8)
    assert moved(np.random.default_rng(0), [photo], 0, 1)[0].shape == (side, side, 3)


def test_a_group_has_pictures_of_one_size(tmp_path):
    class Mixed(Shapes):
        def __getitem__(self, i):
            frame = super().__getitem__(i)
            return frame if i < 3 else Frame(np.ascontiguousarray(frame.color[:64]))

    source = Source("pairs", "x", versions=1, group=4, efforts=(1,))
    made = groups_ahead(Mixed(), source, AHEAD, False, tmp_path, lambda _: None)
    assert [made[i].size for i in range(len(made))] == [(80, 96), (64, 96)]


def test_groups_of_colour_keep_every_fourth_picture_as_it_is_shown(tmp_path):
    source, said = Source("pairs", "x", versions=2, group=3, efforts=(1,)), []
    made = groups_ahead(Shapes(), source, AHEAD, False, tmp_path, said.append)
    assert len(made) == 4  # one of three pictures and one of one, at two qualities
    for i in range(len(made)):
        frame = made[i]
        assert frame.depth is None
        decoded = frame.coded.picture / np.float32(LEVEL)
        assert frame.coded.rmse == pytest.approx(rmse(decoded, frame.color), rel=1e-3)
    qualities = [made[i].coded.quality for i in range(4)]
    assert min(qualities[:2]) < 50 <= max(qualities[:2])
    groups_ahead(Shapes(), source, AHEAD, False, tmp_path, said.append)
    assert len(said) == 1


def test_groups_of_depth_keep_planes_and_their_difference(tmp_path, monkeypatch):
    monkeypatch.setattr("encodepth.train.coded_groups.VERSION", 4)  # draws the one with a far box
    source = Source("pairs", "x", versions=1, group=4, efforts=(1,))
    made = groups_ahead(Shapes(), source, AHEAD, True, tmp_path, lambda _: None)
    assert len(made) == 1
    frame, shape = made[0], Shapes()[3]
    assert np.array_equal(frame.valid, shape.valid & (shape.depth < 2900))  # where its box is far
    decoded = frame.coded.picture[..., 0] / frame.coded.top
    off = TOP * (decoded - plane(frame).numpy())[frame.valid]
    assert np.sqrt(np.square(off).mean()) == pytest.approx(frame.coded.rmse, rel=0.02)
    assert len(np.unique(frame.color)) == 1


@pytest.mark.parametrize("measured", [True, False])
def test_a_group_without_a_range_of_depth_is_left_out(measured, tmp_path):
    class Flat(Shapes):
        def __getitem__(self, i):
            flat, valid = np.full((80, 96), 1000, np.uint16), np.full((80, 96), measured)
            whole = super().__getitem__(i)
            return replace(whole, depth=flat, valid=valid) if i < 2 else whole

    two, four = (Source("pairs", "x", versions=1, group=n, efforts=(1,)) for n in (2, 4))
    assert len(groups_ahead(Flat(), two, AHEAD, True, tmp_path, lambda _: None)) == 1

    class Flatter(Flat):
        def __len__(self):
            return 2

    with pytest.raises(EncodepthError, match="shapes: nothing in it can be coded"):
        groups_ahead(Flatter(), four, AHEAD, True, tmp_path, lambda _: None)
    assert len(list(tmp_path.iterdir())) == 1


def test_moving_photographs_are_a_source(tmp_path):
    for i, photo in enumerate(photographs()):
        Image.fromarray(photo).save(tmp_path / f"{i}.png")
    recipe = make_recipe({
        "name": "x", "model": {"family": "restore-color"},
        "data": {"root": str(tmp_path.parent), "packs": str(tmp_path / "packs"), "crop": 64,
                 "train": [{"kind": "photos", "path": tmp_path.name, "versions": 1, "group": 5,
                           "efforts": [1]}]},
        "schedule": {"steps": 1},
    })  # fmt: skip
    (source,) = open_training(recipe, lambda _: None)
    assert len(source) in range(3, 7)
    batch = Batches(recipe, [source])[0]
    assert batch.coded.shape == batch.color.shape == (8, 3, 64, 64)


@pytest.mark.parametrize(
    "given",
    [{"group": -1}, {"group": 4, "kind": "generated", "count": 2}, {"group": 4, "efforts": ()}],
)
def test_groups_are_of_recordings_and_photographs(given):
    with pytest.raises(ValueError, match="group"):
        Source(**{"kind": "pairs", "path": "x", **given})
