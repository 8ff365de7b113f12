"""Hole masks over time come back exactly, cost less than one by one, and refuse damage."""

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encodepth import Reader, RgbdImage, Writer
from encodepth.codings import mask_inter
from encodepth.codings.base import Ask, Coded
from encodepth.codings.mask import encode_mask
from encodepth.codings.mask_contexts import encode_pixels, fresh
from encodepth.codings.mask_inter import decode_group, encode_group
from encodepth.errors import CorruptFileError

SHAPE = st.tuples(st.integers(1, 5), st.integers(1, 17), st.integers(1, 17))


def coded(masks):
    """The masks as `contexts-inter`, whether or not they are smaller so."""
    state = fresh(*masks[0].shape)
    payloads = [encode_pixels(mask, state, mask_inter.MAX_BUSY) for mask in masks]
    return [
        Coded(payload, references=(("mask", 1),) * (i > 0)) for i, payload in enumerate(payloads)
    ]


def decoded(group, shape):
    return list(decode_group("mask", group, shape, [None] * len(group)))


def moving(count, height=60, width=80):
    """The ragged outline of a disc that moves to the right."""
    y, x = np.mgrid[:height, :width]
    rough = (x * 7919 + y * 104729 + x * y * 31) % 8191 % 5
    return [np.hypot(x - 20 - i, y - 30) + rough > 15 for i in range(count)]


@settings(max_examples=60, deadline=None)
@given(arrays(bool, SHAPE), st.sampled_from([1, 3]))
def test_any_masks_come_back(small, scale):
    masks = list(np.kron(small, np.ones((1, scale, scale), bool)).astype(bool))
    for mask, back in zip(masks, decoded(coded(masks), masks[0].shape), strict=True):
        assert np.array_equal(mask, back)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (33, 47)])
@pytest.mark.parametrize("value", [True, False])
def test_even_masks_come_back_and_cost_next_to_nothing(shape, value):
    masks = [np.full(shape, value)] * 3 + [np.full(shape, not value)] * 2
    group = coded(masks)
    assert all(np.array_equal(a, b) for a, b in zip(decoded(group, shape), masks, strict=True))
    assert sum(len(c.payload) for c in group) < 60


def test_a_group_costs_less_than_its_masks_one_by_one():
    masks = moving(8)
    group = encode_group("mask", masks, Ask(), [None] * 8)
    assert [c.references for c in group] == [(), *((("mask", 1),),) * 7]
    single = [len(encode_mask(mask)) for mask in masks]
    assert sum(len(c.payload) for c in group) < 0.9 * sum(single)


def test_a_mask_that_stays_costs_nothing():
    mask = moving(1)[0]
    assert [len(c.payload) for c in coded([mask] * 5)][2:] == [pytest.approx(5, abs=5)] * 3


def test_what_is_no_smaller_or_too_busy_is_left_to_stills(monkeypatch):
    noise = list(np.random.default_rng(0).random((3, 6, 6)) < 0.5)
    monkeypatch.setattr(mask_inter, "MAX_BUSY", 20)
    group = encode_group("mask", noise, Ask(), [None] * 3)
    assert [c.coding for c in group] == ["contexts"] * 3
    assert group[1] == Coded(encode_mask(noise[1]), coding="contexts")


def test_a_decoder_refuses_a_mask_busier_than_the_limit(monkeypatch):
    noise = list(np.random.default_rng(0).random((2, 40, 50)) < 0.5)
    group = coded(noise)
    monkeypatch.setattr(mask_inter, "MAX_BUSY", 100)
    with pytest.raises(CorruptFileError, match="more than 100 busy pixels"):
        decoded(group, (40, 50))


def test_damage_decodes_to_masks_or_is_reported():
    rng, masks = np.random.default_rng(1), moving(4)
    group = coded(masks)
    for _ in range(60):
        payloads = [bytearray(c.payload) for c in group]
        hurt = payloads[rng.integers(4)]
        hurt[rng.integers(len(hurt))] ^= 1 << rng.integers(8)
        try:
            found = decoded([Coded(bytes(p)) for p in payloads], (60, 80))
        except CorruptFileError:
            continue
        assert all(mask.shape == (60, 80) and mask.dtype == bool for mask in found)
    for wrong, message in ((group[0].payload[:5], "ends too early"),
                           (group[0].payload + bytes(9), "stray arithmetic")):  # fmt: skip
        with pytest.raises(CorruptFileError, match=message):
            decoded([Coded(wrong)], (60, 80))


def test_the_bytes_stay():
    digest = hashlib.sha256()
    for masks in (moving(5), list(np.random.default_rng(0).random((3, 33, 47)) < 0.4)):
        for c in coded(masks):
            digest.update(c.payload)
    assert digest.hexdigest()[:16] == "c07a26e1429a4ca9"


def test_recordings_hold_masks_over_time_and_seek_into_their_middle():
    masks = moving(6)
    y, x = np.mgrid[:60, :80]
    slope = (1000 + 3 * x + 2 * y).astype(np.uint16)
    for effort, coding in ((1, 2), (7, 9)):
        out = io.BytesIO()
        with Writer(out, rate=30, key_interval=6, effort=effort) as writer:
            for mask in masks:
                writer.append(RgbdImage(depth=np.where(mask, slope, np.uint16(0))))
        reader = Reader(out.getvalue())
        frames = reader.container.read(0).frames
        assert [s.coding for f in frames for s in f.streams if s.modality == 2] == [coding] * 6
        for i in (4, 1, 5):
            assert np.array_equal(reader[i].image.depth > 0, masks[i])
