"""Groups of pictures: one payload a picture, two decoders that agree, damage that is reported."""

import contextlib
import random
from dataclasses import replace

import numpy as np
import pytest

from encodepth.codings import av1_units, color_axes, dav1d, libaom
from encodepth.codings.av1_groups import (
    MAX_UNITS,
    GroupEncoder,
    announced,
    color_options,
    decode_group,
    depth_options,
    encode_group,
    iterate_group,
)
from encodepth.codings.libaom import Options, Usage
from encodepth.codings.ycbcr import to_planes, to_rgb
from encodepth.errors import CorruptFileError, EncodepthError
from encodepth.io.dataset import open_dataset
from shared import SHARED

LIVE = Options(30, 10, Usage.REALTIME, lag=0)
AHEAD = Options(30, 6, lag=19)


def moving(count, height=48, width=72):
    """A textured square that moves over a slope."""
    y, x = np.mgrid[:height, :width]
    pictures = []
    for i in range(count):
        picture = np.stack([x * 2, y * 3, (x + y) % 64 + 90], -1).astype(np.uint8)
        picture[10 + i : 26 + i, 8 + 3 * i : 24 + 3 * i] = (200, 40, 20 * i % 255)
        pictures.append(picture)
    return pictures


def slopes(count, height=48, width=72):
    """The same as 12-bit codes."""
    return [p[..., 0].astype(np.uint16) * 12 + p[..., 1] for p in moving(count, height, width)]


def through_boxes(payloads, shape):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dav1d, "available", lambda: False)
        return decode_group(payloads, shape)


def of_ycbcr(pictures, options):
    """A group of Y, Cb and Cr, before whose key frame no axes stand."""
    with GroupEncoder(pictures[0].shape, options) as group:
        return [data for picture in pictures for data in group.add(picture)] + group.finish()


def unit(kind, body=b""):
    return bytes([kind << 3 | 2, len(body)]) + body


@pytest.mark.parametrize("options", [LIVE, AHEAD])
@pytest.mark.parametrize("pictures", [moving(9), slopes(9)], ids=["color", "grey"])
def test_a_group_comes_back_near_what_it_was(pictures, options):
    payloads = encode_group(pictures, options)
    assert len(payloads) == 9
    decoded = decode_group(payloads, pictures[0].shape)
    peak = 255 if pictures[0].ndim == 3 else 4095
    for picture, original in zip(decoded, pictures, strict=True):
        assert picture.shape == original.shape
        assert picture.dtype == original.dtype
        assert np.abs(picture.astype(float) - original).mean() < peak / 50
    assert sum(map(len, payloads)) < 9 * len(encode_group(pictures[:1], options)[0])


@pytest.mark.parametrize("size", [(48, 72), (33, 47), (1, 1), (7, 130), (65, 8)])
@pytest.mark.parametrize("source", [moving, slopes])
def test_both_decoders_agree(size, source):
    pictures = source(4, *size)
    payloads = encode_group(pictures, LIVE)
    assert dav1d.available()
    for a, b in zip(
        decode_group(payloads, pictures[0].shape),
        through_boxes(payloads, pictures[0].shape),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_the_first_pictures_decode_without_the_others():
    pictures = moving(20)
    payloads = encode_group(pictures, AHEAD)
    shape = pictures[0].shape
    whole = decode_group(payloads, shape)
    for count in (0, 1, 7):
        for some in (decode_group(payloads, shape, count), decode_group(payloads[:count], shape)):
            assert len(some) == count
            assert all(np.array_equal(a, b) for a, b in zip(some, whole, strict=False))
    damaged = [*payloads[:5], b"nothing"]
    first = iterate_group(payloads[:5], shape)
    np.testing.assert_array_equal(next(first), whole[0])
    with pytest.raises(CorruptFileError, match="AV1 unit at byte 0 starts with 0x6e"):
        decode_group(damaged, shape)


def test_without_looking_ahead_each_picture_comes_out_at_once():
    with GroupEncoder((48, 72, 3), LIVE) as group:
        for picture in moving(5):
            assert len(group.add(picture)) == 1
        assert group.finish() == []


def test_the_same_pictures_give_the_same_bytes():
    pictures = moving(6)
    for options in (LIVE, AHEAD):
        assert encode_group(pictures, options) == encode_group(pictures, options)


def test_more_threads_than_one_give_the_same_bytes_whatever_their_number():
    pictures = moving(6, 96, 144)
    two, three = (encode_group(pictures, replace(LIVE, threads=n)) for n in (2, 3))
    assert two == three


def test_every_effort_encodes_color_and_depth_and_a_finer_quality_is_nearer():
    for effort in (1, 3, 5):
        for live in (False, True):
            for ask, pictures in ((color_options, moving(3)), (depth_options, slopes(3))):
                errors = []
                for quality in (10, 90, 100):
                    payloads = encode_group(pictures, ask(quality, effort, live))
                    decoded = decode_group(payloads, pictures[0].shape)
                    off = np.asarray(decoded).astype(float) - np.asarray(pictures)
                    errors.append(np.square(off).mean())
                assert errors[0] > errors[1] >= errors[2]


def test_a_group_of_one_is_a_key_frame():
    payload = encode_group(moving(1), AHEAD)
    assert len(payload) == 1
    assert decode_group(payload, (48, 72, 3))[0].shape == (48, 72, 3)


def test_what_cannot_be_encoded_is_refused():
    with pytest.raises(ValueError, match=r"0 pictures in a group; expected 1\.\.1024"):
        encode_group([], LIVE)
    with pytest.raises(ValueError, match=r"picture is uint8 \(48, 70, 3\)"):
        encode_group([moving(1)[0], moving(1, 48, 70)[0]], LIVE)
    with pytest.raises(ValueError, match="code 4096 is above 4095"):
        encode_group([np.full((8, 8), 4096, np.uint16)], LIVE)
    with pytest.raises(EncodepthError, match="libaom refuses option no-such=1"):
        encode_group(moving(1), Options(30, 10, Usage.REALTIME, 0, extra={"no-such": "1"}))


@pytest.mark.parametrize("options", [LIVE, AHEAD])
def test_ten_bits_come_back_nearer_and_by_both_decoders(monkeypatch, options):
    pictures = moving(6)
    finely, plainly = (encode_group(pictures, replace(options, quantizer=4), b) for b in (10, 8))
    axes, first = color_axes.split(finely[0])
    assert axes is not None
    assert announced(first[2 : 2 + first[1]]) == (72, 48, 10)
    straight = decode_group(finely, (48, 72, 3))
    off = [np.square(np.subtract(d, pictures, dtype=float)).mean() for d in
           (straight, decode_group(plainly, (48, 72, 3)))]  # fmt: skip
    assert off[0] < off[1]
    unrounded = list(iterate_group(finely, (48, 72, 3), finely=True))
    assert np.abs(np.subtract(unrounded, straight)).max() <= 0.5
    monkeypatch.setattr(dav1d, "available", lambda: False)
    assert np.array_equal(decode_group(finely, (48, 72, 3)), straight)


def test_without_libaom_the_error_says_so(monkeypatch):
    monkeypatch.setattr(libaom, "_library", lambda: None)
    with pytest.raises(EncodepthError, match="groups of pictures need libaom 3"):
        encode_group(moving(1), LIVE)


def test_payloads_cannot_ask_for_another_size():
    payloads = of_ycbcr(moving(3), LIVE)
    with pytest.raises(CorruptFileError, match="AV1 group announces 72x48; expected 4000x48"):
        decode_group(payloads, (48, 4000, 3))
    sequence = payloads[0][2 : 2 + payloads[0][1]]
    assert announced(sequence)[:2] == (72, 48)
    other = of_ycbcr(moving(3, 96, 144), LIVE)
    with pytest.raises(CorruptFileError, match="AV1 picture 1 has a unit of type 1"):
        decode_group([payloads[0], other[0]], (48, 72, 3))
    with contextlib.suppress(CorruptFileError):  # unless its bits make a smaller picture as well
        assert decode_group([payloads[0], other[1]], (48, 72, 3))[1].shape == (48, 72, 3)
    grey = encode_group(slopes(2), LIVE)
    with pytest.raises(CorruptFileError, match="samples of 12 bits; expected 8 or 10"):
        decode_group(grey, (48, 72, 3))
    with pytest.raises(CorruptFileError):
        through_boxes(grey, (48, 72, 3))


def test_a_sequence_header_leaves_frames_no_room_for_larger_sizes():
    for width_bits, ends in ((7, 72), (16, None)):
        fields = "001000000000" + "0" * 12 + "00000"
        fields += f"{width_bits - 1:04b}0101{71:0{width_bits}b}{47:06b}"
        sequence = int(fields.ljust(80, "0"), 2).to_bytes(10, "big")
        if ends:
            assert announced(sequence)[:2] == (72, 48)
        else:
            with pytest.raises(CorruptFileError, match="are not 72x48's shortest"):
                announced(sequence)


def test_payloads_hold_exactly_one_picture_each():
    payloads = of_ycbcr(moving(4), LIVE)
    for wrong in (
        [payloads[0] + payloads[1]],
        [payloads[0], payloads[1] + payloads[2]],
        [payloads[0], b""],
        payloads[1:],
        [payloads[0], payloads[0]],
    ):
        with pytest.raises(CorruptFileError):
            decode_group(wrong, (48, 72, 3))
    hidden = of_ycbcr(moving(20), AHEAD)
    counts = [len(list(av1_units.units(payload))) for payload in hidden]
    assert max(counts[1:]) > 1  # a frame that is not shown beside the one that is
    assert max(counts) < MAX_UNITS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: unit(2) + p, "AV1 picture 0 has a unit of type 2"),
        (lambda p: p + unit(5, b"x"), "AV1 picture 0 has a unit of type 5"),
        (lambda p: p[: 2 + p[1]], "AV1 picture 0 of a group is incomplete"),
        (lambda p: p[:-1], "is cut short"),
        (lambda p: p[:1], "AV1 unit at byte 0 is cut short"),
        (lambda p: b"\x8a" + p[1:], "AV1 unit at byte 0 starts with 0x8a"),
        (lambda p: p + unit(3) * 40, "AV1 picture 0 has more than 40 units"),
        (lambda p: p[:2] + b"\x18" + p[3:], "not that of a group of pictures"),
        (lambda p: p[:4] + b"\xff" + p[5:], "not that of a group of pictures"),
    ],
)
def test_damage_that_shows_before_decoding_is_named(change, message):
    payloads = of_ycbcr(moving(1), LIVE)
    with pytest.raises(CorruptFileError, match=message):
        decode_group([change(payloads[0])], (48, 72, 3))


@pytest.mark.parametrize("source", [moving, slopes])
def test_damage_decodes_or_is_reported_and_never_crashes(source):
    rng = random.Random(0)
    pictures = source(6)
    groups = [encode_group(pictures, options) for options in (LIVE, AHEAD)]
    shape = pictures[0].shape
    for _ in range(300):
        payloads = [bytearray(payload) for payload in rng.choice(groups)]
        for _ in range(rng.randint(1, 4)):
            hurt = rng.choice(payloads)
            hurt[rng.randrange(len(hurt))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.2:
            del payloads[rng.randrange(len(payloads))]
        try:
            decoded = decode_group([bytes(p) for p in payloads], shape)
        except CorruptFileError:
            continue
        assert all(p.shape == shape and p.dtype == pictures[0].dtype for p in decoded)


def test_colors_come_back_from_planes_within_two_levels():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.abs(to_rgb(to_planes(rgb)).astype(int) - rgb).max() <= 2
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    y, cb, cr = to_planes(grey)
    np.testing.assert_array_equal(y, grey[..., 0])
    assert (cb == 128).all()
    assert (cr == 128).all()
    np.testing.assert_array_equal(to_rgb([y, cb, cr]), grey)


@pytest.mark.skipif(not SHARED.exists(), reason="no data beside the project")
@pytest.mark.parametrize("quality", [60, 75])
def test_what_the_quickest_effort_writes_of_a_recording_decodes(quality):
    """With all costs of symbols kept, libaom wrote groups of these pictures that nobody decodes."""
    found = open_dataset(SHARED / "data" / "sequences" / "val").pairs
    colors = [pair.load().color for pair in found if "static" in pair.sequence][:6]
    pictures = [np.ascontiguousarray(color[:480, :640]) for color in colors]
    for live in (True, False):
        shown = decode_group(
            encode_group(pictures, color_options(quality, 1, live)), pictures[0].shape
        )
        off = np.subtract(shown, pictures, dtype=int)
        assert np.abs(off).mean(axis=(1, 2, 3)).max() < 5
