"""Batches: the same pictures however a run is cut into processes, parts and sittings."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch

from encodepth.train.batches import Batches, Frame, cut, loader, plane
from encodepth.train.config import Augment
from encodepth.train.recipe import make_recipe
from train_tools import RESTORE, TCM, TINY, Shapes


def batches(settings=(), **place):
    return Batches(make_recipe(RESTORE, settings), [Shapes()], **place)


def tensors(batch):
    return [batch.color, batch.depth, batch.valid, batch.quality, batch.context_quality]


def test_a_batch_follows_from_its_number_alone():
    a, b = batches()[5], batches()[5]
    assert all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))
    assert a.seed == b.seed
    assert not torch.equal(batches()[6].color, a.color)


@pytest.mark.parametrize("step", [0, 3])
def test_two_processes_and_two_parts_see_what_one_large_batch_sees(step):
    whole = batches(["optimiser.batch=8"])[step]
    pieces = [
        batches(["optimiser.accumulate=2"], rank=rank, processes=2)[2 * step + part]
        for part in range(2)
        for rank in range(2)
    ]
    for i, tensor in enumerate(tensors(whole)):
        assert torch.equal(tensor, torch.cat([tensors(p)[i] for p in pieces]))
    assert {p.context for p in pieces} == {whole.context}
    assert len({p.seed for p in pieces}) == 4


def test_qualities_of_a_step_are_spread_over_the_whole_range():
    for step in range(5):
        quality = batches(["optimiser.batch=8"])[step].quality
        assert sorted((quality / 12.5).int().tolist()) == list(range(8))


def test_workers_change_nothing():
    direct = [batches()[n] for n in range(2, 6)]
    ahead = list(loader(batches(["data.workers=2"]), 2, 6))
    for a, b in zip(direct, ahead, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_workers_leave_signals_to_the_process_that_trains():
    feed = iter(loader(batches(["data.workers=1"]), 0, 12))
    next(feed)
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGTERM)
        os.kill(worker.pid, signal.SIGINT)
    assert len(list(feed)) == 11


def test_sources_are_drawn_by_their_shares():
    class Plain(Shapes):
        def __getitem__(self, i):
            return Frame(np.zeros((64, 64, 3), np.uint8))

    recipe = make_recipe({
        **TINY,
        "data": {**TINY["data"], "train": [
            {"kind": "photos", "path": "a", "share": 3.0},
            {"kind": "photos", "path": "b"},
        ]},
    })  # fmt: skip
    drawn = Batches(recipe, [Shapes(), Plain()])
    share = np.mean([drawn.crop(n).color.any() for n in range(400)])
    assert share == pytest.approx(0.75, abs=0.07)


@pytest.mark.parametrize("seed", range(5))
def test_color_depth_and_mask_are_cut_and_turned_together(seed):
    y, x = np.mgrid[:80, :96]
    depth = (y * 96 + x).astype(np.uint16)
    color = np.stack([depth & 255, depth >> 8, depth * 0], axis=-1).astype(np.uint8)
    frame = Frame(color, depth, depth % 2 == 0)
    part = cut(np.random.default_rng(seed), frame, 64, Augment(0.5, 0.5, 0.5, 0.5))
    assert part.depth.shape == (64, 64)
    assert np.array_equal(part.color[..., 0] + 256 * part.color[..., 1].astype(int), part.depth)
    assert np.array_equal(part.valid, part.depth % 2 == 0)
    steps = {abs(int(part.depth[0, 1]) - int(part.depth[0, 0])) for _ in (0,)}
    assert steps <= {1, 96}


def test_color_alone_is_shrunk_and_never_beyond_the_picture():
    ramp = np.repeat(np.arange(80, dtype=np.uint8)[:, None] * 3, 96, axis=1)
    ramp = np.stack([ramp] * 3, axis=-1)
    spans = {}
    for rescale in (0.0, 1.0):
        parts = [
            cut(np.random.default_rng(seed), Frame(ramp), 64, Augment(rescale, flip_x=0.0)).color
            for seed in range(20)
        ]
        assert {part.shape for part in parts} == {(64, 64, 3)}
        spans[rescale] = [int(part[-1, -1, 0]) - int(part[0, 0, 0]) for part in parts]
    assert set(spans[0.0]) == {63 * 3}
    assert min(spans[1.0]) >= 62 * 3
    assert max(spans[1.0]) >= 78 * 3


def test_depth_enters_from_its_low_to_its_high():
    frame = Frame(depth=np.array([[1000, 2000, 3000]], np.uint16), low=1000, high=3000)
    assert plane(frame).tolist() == [[0.0, 0.5, 1.0]]
    flat = Frame(depth=np.array([[7]], np.uint16), low=7, high=7)
    assert plane(flat).tolist() == [[0.0]]


def test_every_row_of_a_modality_sees_the_same_crops_with_a_guide_or_without():
    seen = [batches_of(row) for row in ("rgb-small", "rgb-4c-small", "rgb-attn-small")]
    assert seen[0].depth is None
    assert seen[1].depth is not None
    assert all(torch.equal(b.color, seen[0].color) for b in seen)


@pytest.mark.parametrize(("row", "guide"), [("rgb-4c-small", "depth"), ("depth-4c-small", "color")])
def test_the_guide_of_another_picture_changes_the_guide_alone(row, guide):
    own, other = batches_of(row), batches_of(row, 'data.guide="another"')
    target = "color" if guide == "depth" else "depth"
    assert torch.equal(getattr(own, target), getattr(other, target))
    assert not torch.equal(getattr(own, guide), getattr(other, guide))
    if target == "depth":
        assert torch.equal(own.valid, other.valid)


def batches_of(row, *settings):
    return Batches(make_recipe(TCM, [f"model.row={row}", *settings]), [Shapes()])[1]
