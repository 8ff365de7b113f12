"""Cutting and joining: the frames that were asked for, their times, and nothing coded again."""

from __future__ import annotations

import io

import numpy as np
import pytest

from encodepth import CorruptFileError, InvalidSettingError, Reader, RgbdImage, Writer
from encodepth.codec import facts_of
from encodepth.sequence.edit import Span, cut, join
from encodepth.settings import Settings
from test_sequence import NS, image, record


def part(data, *span, **options):
    out = io.BytesIO()
    return cut(data, out, Span(*span), **options), Reader(out.getvalue())


def same(a, b):
    return all(np.array_equal(a.image.arrays[k], b.image.arrays[k]) for k in a.image.arrays)


def test_a_cut_between_groups_copies_chunks():
    data = record(12, 4, quality=40)
    made, reader = part(data, 4, 8)
    assert (made.first, made.frames, made.early, made.coded) == (4, 4, 0, 0)
    assert reader.times.tolist() == Reader(data).times.tolist()[4:8]
    assert reader.container.raw(0)[45:] == Reader(data).container.raw(1)[45:]
    assert reader.problems == ()


def test_a_cut_inside_a_group_ends_exactly_and_begins_with_what_it_needs():
    data = record(12, 4, quality=40)
    whole = list(Reader(data))
    made, reader = part(data, 6, 10)
    assert (made.first, made.frames, made.early) == (4, 6, 2)
    for frame in reader:
        assert same(frame, whole[4 + frame.number])
        assert frame.time == whole[4 + frame.number].time
    made, reader = part(data, 6, 10, again=Settings(effort=1, lossless=("color", "depth")))
    assert (made.first, made.frames, made.early, made.coded) == (6, 4, 0, 2)
    assert [same(f, whole[6 + f.number]) for f in reader] == [True] * 4


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ({"lossless": "both"}, {}),
        ({"lossless": "depth", "quality": 80}, {"quality": 30}),
        ({"max_depth_error": 10, "quality": 80}, {}),
    ],
)
def test_a_group_that_is_coded_again_stays_exact_where_it_was(made, asked):
    data = record(8, 8, effort=7, **made)
    whole = list(Reader(data))
    done, reader = part(data, 3, 8, again=Settings(effort=1, **asked))
    assert done.coded == 5
    for frame in reader:
        np.testing.assert_array_equal(frame.image.depth, whole[3 + frame.number].image.depth)


def test_a_group_that_is_coded_again_keeps_its_qualities():
    data = record(8, 8, effort=1, quality=85, depth_quality=20)
    _, reader = part(data, 3, 8, again=Settings(effort=1))
    held = [facts_of(s).quality for f in reader.container.read(0).frames for s in f.streams]
    assert set(held) <= {85, 20, None}
    assert 85 in held
    assert 20 in held
    _, reader = part(data, 3, 8, again=Settings(effort=1, quality=40, depth_quality=30))
    held = [facts_of(s).quality for f in reader.container.read(0).frames for s in f.streams]
    assert 40 in held
    assert 30 in held


def test_frames_that_lean_on_nothing_are_cut_anywhere():
    data = record(12, 12, lossless="both", effort=1)
    made, reader = part(data, -5, None)
    assert (made.first, made.frames, made.early) == (7, 5, 0)
    np.testing.assert_array_equal(reader[0].image.depth, image(7).depth)


def test_what_was_recorded_live_is_cut_and_joined_like_any_other():
    live = record(9, 4, quality=40, effort=1, live=True)
    whole = list(Reader(live))
    out = io.BytesIO()
    join([live, record(3, 2, quality=40, effort=1)], out, follow=True)
    assert len(reader := Reader(out.getvalue())) == 12
    assert [same(frame, whole[frame.number]) for frame in reader[:9]] == [True] * 9
    made, reader = part(out.getvalue(), 2, 9)
    assert (made.first, made.early) == (0, 2)
    assert [same(frame, whole[frame.number]) for frame in reader] == [True] * 9


def test_times_count_from_the_first_frame():
    out = io.BytesIO()
    with Writer(out, key_interval=4, effort=1, lossless="both") as writer:
        for i in range(12):
            writer.append(image(i), time=10**18 + i * NS)
    made, reader = part(out.getvalue(), 3, 5.5, True)
    assert reader.times.tolist() == [10**18 + i * NS for i in (3, 4, 5)]
    assert made.frames == 3
    with pytest.raises(InvalidSettingError, match="none of the recording's 12 frames"):
        part(out.getvalue(), 12, 20, True)


def test_damage_outside_the_part_does_not_matter():
    data = bytearray(record(12, 4, lossless="depth"))
    entry = Reader(bytes(data)).container.chunks[1]
    data[entry.offset + 60] ^= 1
    assert part(bytes(data), 8, 12)[0].frames == 4
    with pytest.raises(CorruptFileError, match="chunk 1"):
        part(bytes(data), 3, 9)
    with pytest.raises(CorruptFileError, match="chunk 1"):
        join([bytes(data), bytes(data)], io.BytesIO(), follow=True)


def test_recordings_are_joined_where_they_fit(tmp_path):
    a, b, out = record(5, 2, quality=40), record(3, 3, quality=40), io.BytesIO()
    with pytest.raises(InvalidSettingError, match=r"begins 0\.133333 s before .* --follow"):
        join([a, b], out)
    made = join([a, b, a], out, follow=True)
    reader = Reader(out.getvalue())
    assert made.frames == len(reader) == 13
    assert reader.times.tolist() == pytest.approx([i * NS / 30 for i in range(13)], abs=13)
    frames = [*Reader(a), *Reader(b), *Reader(a)]
    assert all(same(x, y) for x, y in zip(reader, frames, strict=True))
    assert reader.problems == ()
    other = tmp_path / "wide.rgbd"
    with Writer(other, rate=30) as writer:
        writer.append(image(0, 48, 80))
    with pytest.raises(InvalidSettingError, match=r"wide.rgbd and .* color of 80x48, 8 bits again"):
        join([a, other], tmp_path / "c.rgbd")
    with Writer(tmp_path / "d.rgbd", rate=30) as writer:
        writer.append(RgbdImage(image(0).color))
    with pytest.raises(InvalidSettingError, match="differ: color against color and depth and mask"):
        join([a, tmp_path / "d.rgbd"], tmp_path / "c.rgbd")
    assert not (tmp_path / "c.rgbd").exists()


def test_the_command_cuts_and_joins(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.rgbd").write_bytes(record(30, 10, quality=40))
    shown = run("cut", "r.rgbd", "0.5s:0.9s", "-o", "p.rgbd")
    assert "17 frames, 10..26 of r.rgbd" in shown.err
    assert "5 frames before those asked for are in it, which they need; --exact codes" in shown.err
    assert run("cut", "r.rgbd", ":10", "-o", "a.rgbd", "--quiet").err == ""
    assert run("cut", "r.rgbd", "10:", "-o", "b.rgbd").status == 0
    assert "30 frames of 2 recordings" in run("join", "a.rgbd", "b.rgbd", "-o", "c.rgbd").err
    assert (tmp_path / "c.rgbd").read_bytes() == (tmp_path / "r.rgbd").read_bytes()
    for arguments, status, message in (
        (["cut", "r.rgbd", "5", "-o", "x.rgbd"], 2, '"5" is not A:B, frames as 100:200 or times'),
        (["cut", "r.rgbd", "5:3s", "-o", "x.rgbd"], 2, '"5:3s" mixes a frame and a time'),
        (["cut", "r.rgbd", "5:9", "-o", "x.rgbd", "-q", "3"], 2, "--quality goes with --exact"),
        (["cut", "r.rgbd", "5:9", "-o", "r.rgbd", "-f"], 1, "r.rgbd is the input"),
        (["cut", "r.rgbd", "40:", "-o", "x.rgbd"], 1, "none of the recording's 30 frames"),
        (["join", "a.rgbd", "b.rgbd", "-o", "c.rgbd"], 1, "c.rgbd exists; use -f"),
        (["join", "b.rgbd", "a.rgbd", "-o", "x.rgbd"], 1, "with --follow its times are moved"),
    ):
        shown = run(*arguments)
        assert (shown.status, message in shown.err) == (status, True), shown.err
    assert not (tmp_path / "x.rgbd").exists()
