"""Depth within a bound that the decoder smooths: the bound holds, holes stay, slopes come back."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encodepth import Frame, Reader, RgbdImage, Writer, decode, encode, inspect, write
from encodepth.codings.ramps import smooth
from encodepth.errors import CorruptFileError, EncodepthError, InvalidSettingError
from golden_inputs import scene


def slope(height: int = 96, width: int = 128) -> np.ndarray:
    """Return a tilted plane with holes and a nearer object, mm."""
    y, x = np.mgrid[:height, :width]
    depth = 1500 + 2.3 * x + 1.1 * y
    depth[20:50, 30:60] = 900
    depth[(x - 90) ** 2 + (y - 60) ** 2 < 80] = 0
    return depth.astype(np.uint16)


def off(decoded: np.ndarray | None, depth: np.ndarray) -> np.ndarray:
    assert decoded is not None
    assert np.array_equal(decoded > 0, depth > 0)
    return (decoded.astype(int) - depth)[depth > 0]


def by_the_page(plane: np.ndarray, steps: int) -> np.ndarray:
    """Smooth as docs/format.md says, slowly."""
    said: list[list[tuple[int, int]]] = [[] for _ in range(plane.size)]
    places = np.arange(plane.size).reshape(plane.shape)
    for lines, names in ((plane, places), (plane.T, places.T)):
        for line, where in zip(lines.tolist(), names.tolist(), strict=True):
            cuts = [
                i for i in range(len(line) + 1) if i in (0, len(line)) or line[i] != line[i - 1]
            ]
            for start, end in itertools.pairwise(cuts):
                c, n = line[start], end - start
                beside = (line[start - 1] if start else 0, line[end] if end < len(line) else 0)
                is_one = [q > 0 and abs(q - c) <= 2 * steps + 2 for q in beside]
                if c == 0 or not any(is_one):
                    continue
                a, b = (
                    512 * (c + q) if one else 1024 * c
                    for q, one in zip(beside, is_one, strict=True)
                )
                for i in range(n):
                    ramp = (a * (2 * n - 2 * i - 1) + b * (2 * i + 1)) // (2 * n)
                    said[where[start + i]].append((4096 // (4 * n * n) + 1, ramp))
    made = plane.ravel().copy()
    for i, here in enumerate(said):
        if here:
            mean = sum(w * v for w, v in here) // sum(w for w, _ in here)
            c = int(made[i])
            made[i] = min(max((mean + 512) // 1024, c - steps, 1), c + steps, 65535)
    return made.reshape(plane.shape)


@pytest.mark.parametrize("steps", [1, 3, 40, 30000])
def test_it_is_what_the_page_says(steps: int) -> None:
    rng = np.random.default_rng(steps)
    plane = rng.integers(0, 6, (23, 31)).repeat(3, 1) * np.uint16(steps * 2)
    plane = np.minimum(plane, 65535).astype(np.uint16)
    made = smooth(plane, steps)
    assert np.array_equal(made, by_the_page(plane, steps))
    assert np.abs(made.astype(int) - plane).max() <= steps
    assert np.array_equal(made > 0, plane > 0)


@pytest.mark.parametrize("effort", [1, 5, 7, 9])
def test_slopes_come_back_within_the_bound(effort: int) -> None:
    depth = slope()
    data = encode(RgbdImage(depth=depth), max_depth_error=20, smooth=True, effort=effort)
    steps = off(decode(encode(RgbdImage(depth=depth), max_depth_error=10)).depth, depth)
    surface = off(decode(data).depth, depth)
    assert np.abs(surface).max() <= 20
    assert np.square(surface).mean() < 0.5 * np.square(steps).mean()
    assert "within 20 mm, smoothed" in inspect(data).streams[0].how


@pytest.mark.parametrize("bound", [2, 3, 700])
def test_any_bound_holds(bound: int) -> None:
    depth = scene(48, 64).depth
    assert depth is not None
    data = encode(RgbdImage(depth=depth), max_depth_error=bound, smooth=True, effort=1)
    assert np.abs(off(decode(data).depth, depth)).max() <= bound


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("effort", [1, 7])
def test_recordings_hold_it_too(effort: int, live: bool) -> None:
    planes = [np.roll(slope(48, 64), i, 1) for i in range(5)]
    out = io.BytesIO()
    settings = {"max_depth_error": 20, "smooth": True, "effort": effort}
    with Writer(out, rate=30, key_interval=3, live=live, measure=True, **settings) as writer:
        for plane in planes:
            writer.append(RgbdImage(depth=plane))
    assert writer.depth_error is not None
    assert writer.depth_error.max_mm <= 20
    frames: list[Frame] = list(Reader(out.getvalue()))
    for frame, plane in zip(frames, planes, strict=True):
        assert np.abs(off(frame.image.depth, plane)).max() <= 20
    again = Reader(out.getvalue())[4].image.depth
    assert np.array_equal(again, frames[4].image.depth)


def test_what_smoothing_does_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encodepth.codings.ramps.smooth", lambda plane, steps: plane + plane)
    image = RgbdImage(depth=slope(48, 64))
    with pytest.raises(EncodepthError, match="off by"):
        encode(image, max_depth_error=20, smooth=True)
    writer = Writer(io.BytesIO(), rate=30, max_depth_error=20, smooth=True)
    writer.append(image)
    with pytest.raises(EncodepthError, match="off by"):
        writer.close()


def test_it_needs_a_bound() -> None:
    for bound in (0, 1, 1.9):
        with pytest.raises(InvalidSettingError, match="smooth needs a bound of 2 steps"):
            encode(RgbdImage(depth=slope()), max_depth_error=bound, smooth=True)
    with pytest.raises(InvalidSettingError, match="smooth works within a bound"):
        encode(RgbdImage(depth=slope()), smooth=True)
    with pytest.raises(InvalidSettingError, match="expected True or False"):
        encode(RgbdImage(depth=slope()), max_depth_error=5, smooth="yes")


def test_the_command_has_it(tmp_path: Path, run: Any) -> None:
    write(RgbdImage(depth=slope()), depth=tmp_path / "depth.png")
    asked = ["encode", "--depth-only", str(tmp_path / "depth.png"), "--effort", "1", "--smooth"]
    refused = run(*asked)
    assert refused.status != 0
    assert "--smooth works within a bound; give --max-depth-error" in refused.err
    assert run(*asked, "--max-depth-error", "20").status == 0
    assert "smoothed" in run("info", str(tmp_path / "depth.rgbd")).out


def test_more_than_the_bound_is_refused() -> None:
    from encodepth.codings.base import Coded, bounded, pack_bound

    assert bounded("depth", Coded(b"", pack_bound(20, 10))).smooth == 10
    with pytest.raises(CorruptFileError, match="out of range"):
        bounded("depth", Coded(b"", pack_bound(20, 21)))
