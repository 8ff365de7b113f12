"""Messages of ROS to arrays and back: encodings, compression, cameras; units and errors."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from encodepth.container.header import Camera
from encodepth.errors import InvalidImageError
from encodepth.io.ros import cameras, rvl
from encodepth.io.ros.compressed import compress_depth, from_compressed
from encodepth.io.ros.images import ENCODINGS, as_color, fields, from_image
from ros_bags import BagMaker, inverse_depth, scene


def image(array: np.ndarray, name: str, /, **changed: object) -> SimpleNamespace:
    return SimpleNamespace(**(fields(array, name) | changed))


def padded(array: np.ndarray, encoding: str, big: bool, more: int = 5) -> SimpleNamespace:
    """An image message with bytes behind each row but the last, in either byte order."""
    row = ENCODINGS[encoding]
    laid = array.astype(np.dtype(row.sample).newbyteorder(">" if big else "<"))
    lines = laid.reshape(len(laid), -1).view(np.uint8)
    filled = np.pad(lines, ((0, 0), (0, more)), constant_values=77).ravel()[:-more]
    return image(array, encoding, is_bigendian=int(big), step=lines.shape[1] + more, data=filled)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_comes_back_from_padded_rows_in_either_byte_order(name, big):
    row = ENCODINGS[name]
    shape = (7, 9) if row.channels == 1 else (7, 9, row.channels)
    values = np.random.default_rng(1).integers(0, 255 if row.sample == "u1" else 65535, shape)
    array = values.astype(row.sample)
    pixels = from_image(padded(array, name, big), "/t")
    assert np.array_equal(pixels.array, array)
    assert pixels.array.dtype == np.dtype(row.sample)
    assert (pixels.size, pixels.encoding) == ((9, 7), name)


def test_colour_is_put_in_order_and_what_is_left_out_is_said():
    rgb = scene(0)[0]
    for name, order in (("bgr8", [2, 1, 0]), ("rgb8", [0, 1, 2])):
        color, notes = as_color(from_image(image(rgb[..., order], name), "/t"), "/t")
        assert np.array_equal(color, rgb)
        assert notes == ()
    clear = np.dstack([rgb[..., ::-1], np.zeros(rgb.shape[:2], np.uint8)])
    color, notes = as_color(from_image(image(clear, "bgra8"), "/t"), "/t")
    assert np.array_equal(color, rgb)
    assert [str(note) for note in notes] == ["an alpha channel was left out"]
    grey, notes = as_color(from_image(image(rgb[..., 0], "mono8"), "/t"), "/t")
    assert np.array_equal(grey[..., 2], rgb[..., 0])
    assert "grey became colour" in str(notes[0])
    with pytest.raises(InvalidImageError, match=r"mono16, which is no colour.*--plane infrared=/t"):
        as_color(from_image(image(scene(0)[1], "mono16"), "/t"), "/t")


def test_unknown_encodings_and_sizes_that_contradict_are_named():
    depth = scene(0)[1]
    with pytest.raises(InvalidImageError, match=r'/t is encoded as "yuv422"; expected rgb8, bgr8'):
        from_image(image(depth, "16UC1", encoding="yuv422"), "/t")
    with pytest.raises(InvalidImageError, match="expected at least 128 a row"):
        from_image(image(depth, "16UC1", step=100), "/t")
    with pytest.raises(InvalidImageError, match="64x48 16UC1 in 6142 bytes"):
        from_image(image(depth, "16UC1", data=fields(depth, "16UC1")["data"][:-2]), "/t")
    with pytest.raises(InvalidImageError, match="outside 1"):
        from_image(image(depth, "16UC1", width=0), "/t")


def slow_rvl(depth: np.ndarray) -> bytes:
    """RVL as it is published, a group at a time."""
    groups: list[int] = []

    def put(number: int) -> None:
        while True:
            number, group = number >> 3, number & 7
            groups.append(group | 8 * bool(number))
            if not number:
                return

    flat, at, before = depth.ravel().tolist(), 0, 0
    while at < len(flat):
        for holes in (True, False):
            start = at
            while at < len(flat) and (flat[at] == 0) == holes:
                at += 1
            put(at - start)
        for value in flat[start:at]:
            put(2 * (value - before) if value >= before else 2 * (before - value) - 1)
            before = value
    groups += [0] * (-len(groups) % 8)
    words = (groups[i : i + 8] for i in range(0, len(groups), 8))
    return b"".join(int("".join(f"{g:x}" for g in w), 16).to_bytes(4, "little") for w in words)


@pytest.mark.parametrize("kind", ["noise", "empty", "full", "holes", "scene", "one"])
def test_rvl_is_exact_both_ways_and_its_bytes_are_those_published(kind):
    rng = np.random.default_rng(2)
    depth = {
        "noise": rng.integers(0, 65536, (17, 13)),
        "empty": np.zeros((5, 6)),
        "full": np.full((4, 4), 65535),
        "holes": (rng.random((31, 23)) < 0.5) * 60000,
        "scene": scene(3)[1],
        "one": np.array([[7]]),
    }[kind].astype(np.uint16)
    coded = rvl.compress(depth)
    assert coded == slow_rvl(depth)
    assert np.array_equal(rvl.decompress(coded, *depth.shape), depth)


def test_damaged_rvl_is_refused():
    depth = scene(0)[1]
    coded = rvl.compress(depth)
    for bad in (b"", coded[: len(coded) // 2], b"\xff" * 64):
        with pytest.raises(InvalidImageError, match="damaged or cut short"):
            rvl.decompress(bad, *depth.shape)
    with pytest.raises(InvalidImageError, match="damaged or cut short"):
        rvl.decompress(coded, 4, 4)


@pytest.mark.parametrize("codec", ["png", "rvl"])
def test_compressed_depth_of_16_bits_is_exact_both_ways(codec):
    depth = scene(2)[1]
    form, data = compress_depth(depth, codec)
    pixels = from_compressed(form, data, "/t")
    assert form == f"16UC1; compressedDepth {codec}"
    assert np.array_equal(pixels.array, depth)
    assert pixels.encoding == "16UC1"
    older = from_compressed(form.removesuffix(" png"), data, "/t") if codec == "png" else pixels
    assert np.array_equal(older.array, depth)


@pytest.mark.parametrize("codec", ["png", "rvl"])
def test_compressed_float_depth_comes_back_as_its_inverse_allows(codec):
    metres = scene(2)[1].astype(np.float32) / 1000
    metres[0, 0], metres[0, 1], metres[metres == 0] = np.inf, 11.0, np.nan
    pixels = from_compressed(*inverse_depth(metres, codec), "/t")
    near = np.isfinite(metres) & (metres < 10)
    assert pixels.encoding == "32FC1"
    assert np.isnan(pixels.array[~near]).all()
    step = metres[near] ** 2 / (100.0 * 101.0)  # what one step of the inverse is worth
    assert (np.abs(pixels.array[near] - metres[near]) <= 1.1 * step + 1e-6).all()


def picture(array: np.ndarray, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return out.getvalue()


def test_compressed_pictures_are_read_and_depth_in_8_bits_is_refused():
    color, depth = scene(1)
    exact = from_compressed("rgb8; png compressed bgr8", picture(color, "png"), "/t")
    assert np.array_equal(exact.array, color)
    near = from_compressed("bgr8; jpeg compressed bgr8", picture(color, "jpeg"), "/t")
    assert np.abs(near.array.astype(int) - color).mean() < 12
    whole = from_compressed("16UC1; png compressed ", picture(depth, "png"), "/t")
    assert np.array_equal(whole.array, depth)
    assert from_compressed("jpeg", picture(color[..., 0], "jpeg"), "/t").encoding == "mono8"
    with pytest.raises(InvalidImageError, match="depth in 8 bits"):
        from_compressed("16UC1; jpeg compressed ", picture(color[..., 0], "jpeg"), "/t")
    for form in ("rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png"):
        for data in (b"", b"\0" * 12, b"\0" * 12 + picture(depth, "png")[:200]):
            with pytest.raises(InvalidImageError, match="/t"):
                from_compressed(form, data, "/t")


K = (60.0, 61.0, 31.5, 23.5)


@pytest.mark.parametrize("ros_1", [False, True])
@pytest.mark.parametrize(
    ("model", "d", "number"),
    [
        ("plumb_bob", (0.1, -0.2, 0.001, 0.002, 0.05), 1),
        ("rational_polynomial", (0.1, -0.2, 0.001, 0.002, 0.05, 0.3, 0.2, 0.1), 1),
        ("equidistant", (0.1, -0.2, 0.01, 0.02), 3),
        ("Inverse Brown Conrady", (0.1, -0.2, 0.001, 0.002, 0.05), 2),
        ("plumb_bob", (0.0,) * 5, 0),
        ("", (), 0),
    ],
)
def test_distortion_goes_to_the_recordings_models_and_back(ros_1, model, d, number):
    bag = BagMaker(ros_1)
    bag.camera("/camera_info", 0, (64, 48), K, model, d)
    info = bag.held[0][3]
    camera, doubt = cameras.from_info(info)
    assert doubt == ""
    assert camera == Camera(K[:2], K[2:], number, d if number else ())
    back = SimpleNamespace(
        **cameras.fields(camera, 64, 48, ros_1=ros_1), roi=info.roi, header=info.header
    )
    assert cameras.from_info(back) == (camera, "")
    assert cameras.size_of(back) == (64, 48)
    if model and any(d):
        assert back.distortion_model == model


def test_what_a_camera_leaves_open_is_said():
    bag = BagMaker()
    bag.camera("/i", 0, (64, 48), (0.0, 0.0, 0.0, 0.0))
    bag.camera("/i", 1, (64, 48), K, "thin_prism", (0.1, 0.2))
    bag.camera("/i", 2, (64, 48), K, binning_x=2, binning_y=2)
    none, odd, binned = (row[3] for row in bag.held)
    assert cameras.from_info(none) == (None, "is not calibrated: its focal length is 0")
    camera, doubt = cameras.from_info(odd)
    assert camera == Camera(K[:2], K[2:])
    assert doubt == 'its distortion "thin_prism" of 2 numbers was left out'
    camera, _ = cameras.from_info(binned)
    assert camera == Camera((30.0, 30.5), (15.75, 11.75))
    assert cameras.size_of(binned) == (32, 24)


def test_rectified_pictures_have_the_projection_and_no_distortion():
    bag = BagMaker()
    bag.camera("/i", 0, (64, 48), K, d=(0.1, 0, 0, 0, 0),
               p=np.array([50.0, 0, 30, 0, 0, 51, 20, 0, 0, 0, 1, 0]))  # fmt: skip
    camera, _ = cameras.from_info(bag.held[0][3], rectified=True)
    assert camera == Camera((50.0, 51.0), (30.0, 20.0))
    assert cameras.is_rectified("/camera/depth/image_rect_raw/compressedDepth")
    assert not cameras.is_rectified("/camera/rectifier/image_raw")
