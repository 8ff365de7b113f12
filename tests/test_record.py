"""Frames from anywhere into one recording: what is kept, what is left out, what stays."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest

from encodepth import (
    EncodepthError,
    Frame,
    InvalidImageError,
    InvalidSettingError,
    Reader,
    RgbdImage,
    record,
)
from test_sequence import image


def frames(count=10, start=0):
    return [Frame(image(i), 10**18 + 7 * i) for i in range(start, start + count)]


def test_what_cannot_be_read_is_told_and_counted():
    out, told, seen = io.BytesIO(), [], []
    mixed = [*frames(3), EncodepthError("x.png is half"), *frames(2, 3), Frame(image(0, 50, 64), 9)]
    found = record(
        mixed, out, tell=told.append, progress=lambda f: seen.append(f.taken), key_interval=4,
        lossless="depth", measure=True,
    )  # fmt: skip
    assert (found.frames, found.failed, found.taken) == (5, 2, 7)
    assert [str(error) for error in told] == [
        "x.png is half", "color of frame 5 is 64x50; the recording has 64x48",
    ]  # fmt: skip
    assert (found.depth_rmse_mm, found.depth_max_mm) == (0.0, 0.0)
    assert found.bytes == len(out.getvalue())
    assert seen[-1] == 7
    assert Reader(out.getvalue()).times.tolist() == [10**18 + 7 * i for i in range(5)]
    with pytest.raises(EncodepthError, match=r"x\.png is half"):
        record(mixed, io.BytesIO())
    with pytest.raises(InvalidImageError, match="nothing to record"):
        record([], io.BytesIO())


def test_any_number_of_jobs_gives_the_same_bytes():
    made = []
    for jobs in (1, 3):
        out = io.BytesIO()
        record(frames(11), out, jobs=jobs, key_interval=2, quality=40)
        made.append(out.getvalue())
    assert made[0] == made[1]


def test_what_ends_early_leaves_whole_groups_or_no_file(tmp_path):
    path = tmp_path / "r.rgbd"

    def broken(count, least=0):
        yield from frames(count)
        while least and path.stat().st_size < least:
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(broken(3), path, key_interval=4, lossless="depth")
    assert not path.exists()
    with pytest.raises(KeyboardInterrupt):
        record(broken(11, least=1000), path, key_interval=4, jobs=3, lossless="depth")
    reader = Reader(path)
    assert len(reader) in (4, 8)
    assert reader.problems == ()
    assert reader.container.indexed


def test_what_contradicts_itself_overwrites_nothing(tmp_path):
    path = tmp_path / "r.rgbd"
    path.write_bytes(b"kept")
    with pytest.raises(InvalidSettingError, match="no depth map"):
        record([Frame(RgbdImage(image(0).color), 0)], path, overwrite=True, max_depth_error=5)
    with pytest.raises(InvalidImageError):
        record([], path, overwrite=True)
    with pytest.raises(EncodepthError, match="exists"):
        record(frames(1), path)
    assert path.read_bytes() == b"kept"


def test_near_and_far_become_holes_and_depth_may_begin_late():
    out = io.BytesIO()
    early = [Frame(RgbdImage(image(i).color), i) for i in range(4)]
    found = record(
        [*early, *frames(2)], out, like=image(0), key_interval=2, far=2, lossless="depth"
    )
    assert found.notes == {"depth outside the distances asked for, now holes": (2, found_far(2))}
    back = list(Reader(out.getvalue()))
    assert [f.image.depth is None for f in back] == [True] * 4 + [False] * 2
    assert back[4].image.depth.max() <= 2000


def found_far(count):
    return sum(int(np.count_nonzero(image(i).depth > 2000)) for i in range(count))


def test_a_bound_holds_what_rounding_took_of_it():
    own = image(0)
    rounded = RgbdImage(own.color, own.depth, 0.001, rounding=0.0004)
    out = io.BytesIO()
    found = record([Frame(rounded, 0)], out, max_depth_error=1.0, measure=True)
    assert found.depth_max_mm == pytest.approx(0.4)  # 0.6 mm are left, which are no whole step
    with pytest.raises(InvalidSettingError, match=r"max_depth_error 0\.1 mm, but floats"):
        record([Frame(rounded, 0)], io.BytesIO(), max_depth_error=0.1)
