"""The page: what is inside, that it needs nothing else, that it draws."""

from __future__ import annotations

import base64
import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from chromium import dump_dom
from encodepth.frame import Intrinsics, RgbdImage
from encodepth.view import embed, page


def scene() -> RgbdImage:
    rng = np.random.default_rng(1)
    depth = np.tile(np.linspace(1000, 3000, 40), (30, 1)).astype(np.uint16)
    depth[10:20, 10:20] = 700
    depth[0, :5] = 0
    color = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return RgbdImage(color, depth, intrinsics=Intrinsics(40, 40, 19.5, 14.5))


def data_of(html: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_packed_depth_comes_back_exactly(depth):
    assert np.array_equal(embed.unpack_depth(embed.pack_depth(depth), *depth.shape), depth)


@settings(max_examples=40, deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_packed_bits_come_back(marks):
    raw = np.frombuffer(zlib.decompress(base64.b64decode(embed.pack_bits(marks))), np.uint8)
    assert np.array_equal(np.unpackbits(raw)[: marks.size].reshape(marks.shape), marks)


def test_large_maps_are_thinned_and_their_camera_with_them():
    image = RgbdImage(depth=np.full((8, 2050), 1000, np.uint16))
    frame = embed.frame(image, "wide")
    assert (frame["width"], frame["height"], frame["step"]) == (684, 3, 3)
    assert frame["camera"][0] == pytest.approx(2050 * 525 / 640 / 3)
    assert frame["points"] == 8 * 2050


def test_the_page_needs_nothing_from_outside():
    html = page.view_page(scene(), "a < b", original=scene(), details=[("colour", "10 bytes")])
    assert "<h1>a &lt; b</h1>" in html
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert not re.search(r"https?://", html)
    assert "{{" not in html


def test_the_page_holds_the_depth_exactly_and_says_what_flies():
    original = scene()
    depth = original.depth.copy()
    depth[12, 10] += 200  # beside the near square's edge
    decoded = RgbdImage(original.color, depth, intrinsics=original.intrinsics)
    frames = data_of(page.view_page(decoded, "d", original=original))["frames"]
    assert np.array_equal(embed.unpack_depth(frames[0]["depth"], 30, 40), depth)
    assert (frames[0]["flying"], frames[0]["against"], frames[1]["against"]) == (1, 1, None)
    assert frames[0]["points"] == np.count_nonzero(depth)


def test_a_title_cannot_end_the_script():
    html = page.view_page(scene(), "</script><b>")
    assert html.count("</script>") == 2
    assert data_of(html)["frames"][0]["label"] == "</script><b>"


def test_colour_alone_makes_a_page_without_a_stage():
    html = page.view_page(RgbdImage(color=scene().color), "c")
    assert 'class="stage"' not in html
    assert 'id="color"' in html


def test_chromium_draws_the_cloud_and_both_pictures(tmp_path):
    target = tmp_path / "page.html"
    target.write_text(page.view_page(scene(), "d", original=scene()), encoding="utf-8")
    drawn = 'data-drawn="1"'
    shown = dump_dom(target, "#mode=2&flying=1", awaits=drawn)
    assert drawn in shown
    assert "decoded minus original depth (mm)" in shown
    assert shown.count('width="40" height="30"') == 2  # the flat pictures, painted
