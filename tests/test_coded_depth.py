"""Depth that AV1 coded ahead of training: as files map it, with the error that a file names."""

from __future__ import annotations

import numpy as np
import pytest

from encodepth.codings.av1_frames import TOP
from encodepth.train.batches import plane
from encodepth.train.coded_depth import depth_ahead, depth_at
from encodepth.train.config import Ahead, Source
from train_tools import Shapes

SOURCE = Source("pairs", "x", versions=2)


def test_pairs_are_coded_once_at_qualities_spread_over_the_range(tmp_path):
    said: list[str] = []
    made, again = (depth_ahead(Shapes(), SOURCE, Ahead(), tmp_path, said.append) for _ in range(2))
    assert len(said) == 1
    assert len(made) == len(again) == 8
    assert [made[i].coded.quality < 50 for i in range(8)] == [True, False] * 4


def test_what_is_kept_is_the_plane_its_target_and_their_difference(tmp_path):
    shapes = Shapes()
    made = depth_at([shapes[0]], "shapes", [20, 70], tmp_path, print)
    for frame in (made[0], made[1]):
        assert np.array_equal(frame.valid, shapes[0].valid)
        decoded = frame.coded.picture[..., 0] / frame.coded.top
        off = TOP * (decoded - plane(frame).numpy())[frame.valid]
        assert np.sqrt(np.square(off).mean()) == pytest.approx(frame.coded.rmse, rel=0.02)
        assert frame.color.shape == (*frame.valid.shape, 3)
    assert made[0].coded.bpp < made[1].coded.bpp
