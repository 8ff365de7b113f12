"""Picture files in and out: units, holes, orientation, and refusals that name the file."""

import os
import stat

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from encodepth.codings.filling import depth_plane, depth_range, fill_holes
from encodepth.errors import InvalidImageError
from encodepth.files import write_file
from encodepth.frame import Intrinsics, RgbdImage
from encodepth.io.pictures import read, write

COLOR = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
DEPTH = np.array([[0, 1, 900], [65534, 65535, 7]], np.uint16)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_color_is_written_and_read_exactly(tmp_path, suffix):
    path = tmp_path / f"c.{suffix}"
    write(RgbdImage(COLOR), color=path)
    assert np.array_equal(read(path).color, COLOR)


def test_color_jpeg_is_read_as_rgb(tmp_path):
    write(RgbdImage(np.full((16, 16, 3), (200, 100, 50), np.uint8)), color=tmp_path / "c.jpg")
    color = read(tmp_path / "c.jpg").color
    assert np.abs(color.astype(int) - (200, 100, 50)).max() <= 2


@pytest.mark.parametrize("suffix", ["png", "tif", "npy"])
def test_depth_is_written_and_read_exactly_but_65535_becomes_a_hole(tmp_path, suffix):
    path = tmp_path / f"d.{suffix}"
    write(RgbdImage(depth=DEPTH), depth=path)
    image = read(depth=path)
    assert image.depth.dtype == np.uint16
    assert np.array_equal(image.depth, np.where(DEPTH == 65535, 0, DEPTH))
    assert image.depth_unit == 0.001


def test_grey_palette_and_opaque_alpha_become_rgb(tmp_path):
    grey = COLOR[..., 0]
    assert np.array_equal(read(save(tmp_path / "g.png", grey)).color, np.stack([grey] * 3, -1))
    palette = Image.fromarray(COLOR).quantize(200)
    palette.save(tmp_path / "p.png")
    assert np.array_equal(read(tmp_path / "p.png").color, np.array(palette.convert("RGB")))
    opaque = np.dstack([COLOR, np.full((4, 6), 255, np.uint8)])
    assert np.array_equal(read(save(tmp_path / "a.png", opaque)).color, COLOR)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise
    path = save(tmp_path / "turned.png", COLOR, exif=exif)
    assert np.array_equal(read(path).color, np.rot90(COLOR, -1))


@pytest.mark.parametrize(("unit", "scale"), [(1.0, 1.0), (0.001, 1000.0)])
def test_floats_become_millimetre_steps(tmp_path, unit, scale):
    metres = np.array([[0.5, 1.2344, np.nan, np.inf], [-1, 0, 0.0001, 65.534]], np.float32)
    np.save(tmp_path / "d.npy", (metres * np.float32(scale)).astype(np.float32))
    image = read(depth=tmp_path / "d.npy", depth_unit=unit)
    assert image.depth.tolist() == [[500, 1234, 0, 0], [0, 0, 1, 65534]]
    assert image.depth_unit == 0.001


def test_float_tiff_in_metres_is_read(tmp_path):
    path = save(tmp_path / "d.tif", np.array([[1.5, 0.0]], np.float32))
    assert read(depth=path, depth_unit=1.0).depth.tolist() == [[1500, 0]]


def test_integers_keep_their_unit(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[5000, 0]], np.int32))
    image = read(depth=tmp_path / "d.npy", depth_unit=0.0002)
    assert (image.depth.tolist(), image.depth_unit) == ([[5000, 0]], 0.0002)


def test_intrinsics_may_be_four_numbers():
    with pytest.raises(InvalidImageError, match="needs color, depth or both"):
        read(intrinsics=(1, 2, 3, 4))
    with pytest.raises(InvalidImageError, match="got 3 numbers"):
        read(intrinsics=(1, 2, 3))
    with pytest.raises(InvalidImageError, match="must be finite"):
        Intrinsics(0, 1, 0, 0)


def refused(tmp_path, name, array):
    if name.endswith("npy"):
        np.save(tmp_path / name, array)
    elif array.ndim == 3 and array.dtype == np.uint16:
        (tmp_path / name).write_bytes(imagecodecs.png_encode(array))
    else:
        save(tmp_path / name, array)
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("deep.png", np.zeros((2, 2, 3), np.uint16), "16 bits or more per channel"),
        ("depth.png", np.zeros((2, 2), np.uint16), "is it the depth"),
        ("clear.png", np.zeros((2, 2, 4), np.uint8), "transparent pixels; flatten"),
    ],
)
def test_color_that_cannot_be_coded_is_refused(tmp_path, name, array, message):
    with pytest.raises(InvalidImageError, match=message):
        read(refused(tmp_path, name, array))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("d.png", np.zeros((2, 2), np.uint8), "8-bit grey; expected one channel of 16 bits"),
        ("d.jpg", np.zeros((2, 2), np.uint8), "JPEG, which cannot hold 16 bits"),
        ("d.npy", np.zeros((2, 2, 2), np.uint16), r"has shape \(2, 2, 2\)"),
        ("d.npy", np.zeros((2, 2), complex), "holds complex128"),
        ("d.npy", np.full((2, 2), 70000, np.int32), "values 70000..70000, not 0..65535"),
        ("d.npy", np.full((2, 2), 2.5, np.float32), "for metres say depth unit 1"),
        ("d.npy", np.zeros((0, 2), np.uint16), "outside 1.."),
        ("d.npy", np.full((2, 2), 9, np.uint8), "holds uint8; 8 bits are too few"),
    ],
)
def test_depth_that_cannot_be_coded_is_refused(tmp_path, name, array, message):
    with pytest.raises(InvalidImageError, match=message):
        read(depth=refused(tmp_path, name, array))


def test_files_that_are_missing_or_no_pictures_are_named(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "text.npy").write_text("hello")
    whole = save(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 9, (50, 50), np.uint16))
    whole.write_bytes(whole.read_bytes()[:400])
    with pytest.raises(InvalidImageError, match=r"no\.png does not exist"):
        read(tmp_path / "no.png")
    with pytest.raises(InvalidImageError, match=r"no\.npy does not exist"):
        read(depth=tmp_path / "no.npy")
    with pytest.raises(InvalidImageError, match=r"text\.png is no PNG, JPEG, WebP or TIFF picture"):
        read(tmp_path / "text.png")
    with pytest.raises(InvalidImageError, match=r"text\.npy cannot be read"):
        read(depth=tmp_path / "text.npy")
    with pytest.raises(InvalidImageError, match=r"cut\.png cannot be read"):
        read(depth=whole)


def test_a_huge_picture_is_refused_before_its_pixels_are_decoded(tmp_path):
    header = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + (70000).to_bytes(4, "big") * 2
    ihdr = header + bytes([8, 2, 0, 0, 0])
    crc = __import__("zlib").crc32(ihdr[12:]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(ihdr + crc + bytes.fromhex("0000000049444154"))
    with pytest.raises(InvalidImageError, match="pixels"):
        read(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "got neither"),
        ({"color": np.zeros((2, 2), np.uint8)}, r"color has shape \(2, 2\)"),
        ({"color": np.zeros((2, 2, 4), np.uint8)}, "color has 4 channels"),
        ({"color": np.zeros((2, 2, 3))}, "color is float64; expected a uint8 array"),
        ({"color": [[1]]}, "color is list"),
        ({"depth": np.zeros((2, 2), np.int16)}, "depth is int16; expected a uint16 array"),
        ({"depth": np.zeros((2, 0), np.uint16)}, "depth is 0x2, outside 1.."),
        ({"depth": DEPTH, "depth_unit": 0.0}, "depth unit 0.0 is not within"),
        ({"depth": DEPTH, "depth_unit": float("nan")}, "depth unit nan"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(parts, message):
    with pytest.raises(InvalidImageError, match=message):
        RgbdImage(**parts)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "out.rgbd"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.rgbd"]


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()
    write_file(os.devnull, b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_writing_names_what_is_missing_or_unknown(tmp_path):
    with pytest.raises(InvalidImageError, match="there is only depth"):
        write(RgbdImage(depth=DEPTH), color=tmp_path / "c.png")
    with pytest.raises(InvalidImageError, match="there is only color"):
        write(RgbdImage(COLOR), depth=tmp_path / "d.png")
    with pytest.raises(InvalidImageError, match=r"should end in \.png"):
        write(RgbdImage(depth=DEPTH), depth=tmp_path / "d.gif")
    assert not list(tmp_path.iterdir())


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(1, 40), st.integers(1, 40))), st.integers(0, 65535))
def test_filling_keeps_valid_pixels_and_stays_within_their_range(depth, threshold):
    depth = np.where(depth < threshold, 0, depth)
    valid = depth > 0
    filled = fill_holes(depth)
    assert filled.dtype == np.float32
    assert np.array_equal(filled[valid], depth[valid])
    if valid.any():
        assert filled.min() >= depth[valid].min() * (1 - 1e-6)
        assert filled.max() <= depth[valid].max() * (1 + 1e-6)
    else:
        assert not filled.any()


def test_a_plane_is_0_to_1_over_a_range_and_has_no_holes():
    depth = np.array([[1000, 0, 1500, 3000]], np.uint16)
    assert depth_range(depth) == (1000, 3000)
    assert depth_plane(depth, 1000, 3000)[depth > 0].tolist() == [0, 0.25, 1]
    assert depth_plane(depth, 1000, 2000)[depth > 0].tolist() == [0, 0.5, 1]
    assert 0 < depth_plane(depth, 1000, 3000)[0, 1] < 1


@pytest.mark.parametrize(("value", "found"), [(0, (65535, 0)), (7, (7, 7))])
def test_depth_without_a_range_is_a_plane_of_zeros(value, found):
    depth = np.full((3, 4), value, np.uint16)
    assert depth_range(depth) == found
    assert not depth_plane(depth, *found).any()
