"""Restored recordings: nearer than AV1 over time alone, in any order, and readable without it."""

import io

import numpy as np
import pytest

from encodepth import Reader, RgbdImage, Writer
from encodepth.codings import av1_inter, restored_inter
from encodepth.codings.base import Ask, Coded
from encodepth.errors import CorruptFileError
from encodepth.learned.models import Models
from encodepth.references import Seen


def slopes(count, height=96, width=128):
    """Two slanted surfaces with noise of a sensor, and a hole, moving."""
    y, x = np.mgrid[:height, :width]
    rng, maps = np.random.default_rng(0), []
    for i in range(count):
        depth = 1500 + 4 * y + 2 * x + 9 * rng.standard_normal((height, width))
        box = (x > 30 + 2 * i) & (x < 80 + 2 * i) & (y > 20) & (y < 70)
        depth[box] = 900 + x[box]
        depth[(y > 40) & (y < 44)] = 0
        maps.append(depth.astype(np.uint16))
    return maps


def pictures(count):
    return [np.stack([m // 9, m // 11, m // 13], -1).astype(np.uint8) for m in slopes(count)]


def rmse(decoded, planes):
    return np.sqrt(np.mean([np.square(a.astype(float) - b)[b > 0].mean()
                            for a, b in zip(decoded, planes, strict=True)]))  # fmt: skip


@pytest.fixture(scope="module")
def group():
    planes, models = slopes(4), Models()
    seen = [Seen(models) for _ in planes]
    for here, plane in zip(seen, planes, strict=True):
        here.offer("mask", lambda plane=plane: plane > 0)
    made = av1_inter.encode_group("depth", planes, Ask(30), seen)
    return planes, made, restored_inter.restored("depth", planes, made, seen), seen


def test_a_restored_group_is_nearer_and_costs_a_byte_a_picture(group):
    planes, plain, made, seen = group
    assert {c.coding for c in made} == {"restored-inter"}
    assert [len(c.payload) for c in made] == [len(c.payload) + 1 for c in plain]
    assert [c.references for c in made] == [c.references for c in plain]
    ours = list(restored_inter.decode_group("depth", made, planes[0].shape, seen))
    theirs = list(av1_inter.decode_group("depth", plain, planes[0].shape, seen))
    assert rmse(ours, planes) < 0.99 * rmse(theirs, planes)
    assert all(np.array_equal(a == 0, b == 0) for a, b in zip(ours, planes, strict=True))


def test_damaged_restored_groups_are_reported(group):
    planes, _, made, seen = group
    for payload in (b"", made[0].payload[:1] + b"\xff" + made[0].payload[2:], made[0].payload[:9]):
        wrong = [Coded(payload, made[0].parameters), *made[1:]]
        with pytest.raises(CorruptFileError):
            list(restored_inter.decode_group("depth", wrong, planes[0].shape, seen))


def test_color_that_the_network_does_not_help_is_left_to_av1():
    noise = list(np.random.default_rng(0).integers(0, 256, (2, 32, 40, 3)).astype(np.uint8))
    seen = [Seen(Models()) for _ in noise]
    made = restored_inter.encode_group("color", noise, Ask(10), seen)
    assert {c.coding for c in made} <= {"av1-inter", "restored-inter"}
    assert all(np.shape(p) == (32, 40, 3) for p in
               (restored_inter if made[0].coding == "restored-inter" else av1_inter)
               .decode_group("color", made, (32, 40), seen))  # fmt: skip


def test_recordings_are_read_in_any_order_and_without_the_network():
    out = io.BytesIO()
    coding = {"color": "restored-inter", "depth": "restored-inter"}
    with Writer(out, rate=30, key_interval=4, quality=30, effort=4, coding=coding) as writer:
        for depth, color in zip(slopes(4), pictures(4), strict=True):
            writer.append(RgbdImage(color, depth))
    reader, plain = Reader(out.getvalue()), Reader(out.getvalue(), restore=False)
    used = {s.coding for s in reader.container.read(0).frames[0].streams if s.modality == 1}
    assert used == {10}
    third = reader[2].image
    assert np.array_equal(third.depth, list(Reader(out.getvalue()))[2].image.depth)
    assert rmse([third.depth], slopes(4)[2:3]) < rmse([plain[2].image.depth], slopes(4)[2:3])
    assert np.array_equal(third.depth == 0, plain[2].image.depth == 0)
