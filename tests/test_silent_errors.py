"""Ordinary input on which a codec goes wrong in silence: the right value, or a word about it."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms, ImageFile, ImageOps

import data_trees as trees
import encodepth
from encodepth import EncodepthError, InvalidImageError, RgbdImage, open_dataset, read, write
from encodepth.frame import Intrinsics, Note
from encodepth.io.check import check
from encodepth.io.floats import FARTHEST, to_steps
from encodepth.io.found import merged, time_of
from encodepth.io.layouts import LAYOUTS
from encodepth.io.pair import ASSUMED, OPTION, UNKNOWN
from encodepth.turning import turn

COLOR = np.random.default_rng(3).integers(0, 256, (10, 14, 3), np.uint8)
DEPTH = (700 + np.arange(140).reshape(10, 14) * 3).astype(np.uint16)


def npy(path: Path, array) -> Path:
    np.save(path, array)
    return path


def said(image: RgbdImage) -> list[str]:
    return [str(note) for note in image.notes]


def pair_in(folder: Path, color="rgb/5.png", depth="depth/5.png", **files: object) -> Path:
    """Write one pair, and JSON or text files beside it, named with - for a dot."""
    trees.save(folder / color, COLOR)
    trees.save(folder / depth, DEPTH)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def only(folder: Path, **options):
    (pair,) = open_dataset(folder, **options).pairs
    return pair


def four(camera: Intrinsics | None):
    return None if camera is None else (camera.fx, camera.fy, camera.cx, camera.cy)


# Float depth


@pytest.mark.parametrize(
    ("farthest", "step"), [(0.05, 1e-6), (0.6, 1e-5), (4.0, 1e-4), (30.0, 1e-3), (90.0, 2e-3),
                           (300.0, 5e-3), (5000.0, 0.1)],
)  # fmt: skip
def test_the_step_of_floats_follows_their_range_and_is_said(tmp_path, farthest, step):
    metres = np.random.default_rng(0).uniform(farthest / 2, farthest, (20, 30)).astype(np.float32)
    metres[0, 0] = farthest
    image = read(depth=npy(tmp_path / "d.npy", metres), depth_unit=1)
    off = np.abs(image.depth * image.depth_unit - metres)
    assert image.depth_unit == step
    assert off.max() <= image.rounding <= step / 2 * (1 + 1e-6)
    words, _, way_out = said(image)[0].partition(", ")
    assert words == f"floats were rounded to steps of {step * 1000:g} mm"
    assert ("--far" in way_out) == (farthest > 65.534)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint16, (3, 4), elements=st.integers(0, 65534)),
    st.sampled_from([1e-3, 5e-4, 2.5e-4, 2e-4, 1e-4, 1e-5, 2e-3]),
)
def test_floats_that_are_whole_steps_come_back_to_the_last_bit(steps, step):
    metres = (steps * step).astype(np.float32)
    found = to_steps(metres, 1.0, "x")
    assert found.rounding == 0
    assert np.array_equal(found.depth == 0, steps == 0)
    back = (found.depth * found.unit).astype(np.float32)
    assert np.all(np.abs(back - metres) <= np.spacing(metres))


def test_what_is_no_distance_is_a_hole_and_counted(tmp_path):
    metres = np.float32([[1.5, np.nan, np.nan, np.inf], [-2, 1e10, 65504, 0]])
    image = read(depth=npy(tmp_path / "d.npy", metres), depth_unit=1)
    assert (image.depth > 0).tolist() == [[True, False, False, False], [False] * 4]
    assert said(image) == [
        "2 pixels of NaN became holes",
        "1 pixel of infinity became holes",
        "1 pixel of negative depth became holes",
        "2 pixels of more than 10 km became holes",
    ]
    assert FARTHEST == 10_000


def test_a_step_that_is_asked_for_is_kept_or_refused(tmp_path):
    metres = np.float32([[1.23456, 40.0]])
    image = read(depth=npy(tmp_path / "d.npy", metres), depth_unit=1, depth_step=0.001)
    assert (image.depth.tolist(), image.rounding) == ([[1235, 40000]], 0)
    with pytest.raises(InvalidImageError, match=r"reaches 40 m; 16 bits of 0.0005 m hold 32.77 m"):
        read(depth=tmp_path / "d.npy", depth_unit=1, depth_step=0.0005)
    with pytest.raises(InvalidImageError, match=r"depth step 0\.01 m is for floats"):
        read(depth=npy(tmp_path / "i.npy", DEPTH), depth_step=0.01)


@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_depth_goes_out_as_float_metres_and_comes_back(tmp_path, suffix):
    image = RgbdImage(depth=np.where(DEPTH == 703, 0, DEPTH).astype(np.uint16), depth_unit=2e-4)
    write(image, depth=tmp_path / f"m.{suffix}", metres=True)
    back = read(depth=tmp_path / f"m.{suffix}", depth_unit=1)
    found = np.rint(back.depth * back.depth_unit / 2e-4)
    assert np.array_equal(found, image.depth)
    with pytest.raises(InvalidImageError, match=r"in metres should end in \.npy or \.tif"):
        write(image, depth=tmp_path / "m.png", metres=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_eight_bits_are_no_depth_in_any_file(tmp_path, dtype):
    with pytest.raises(InvalidImageError, match="8 bits are too few"):
        read(depth=npy(tmp_path / "d.npy", (DEPTH // 20).astype(dtype)))


# 65535


def test_65535_is_a_hole_in_arrays_and_files_alike_and_the_array_is_left_alone(tmp_path):
    depth = DEPTH.copy()
    depth[2:4] = 65535
    image = RgbdImage(depth=depth)
    assert not image.depth[2:4].any()
    assert said(image) == ["28 pixels of 65535 became holes"]
    assert (depth[2:4] == 65535).all()
    for name in ("d.png", "d.npy", "d.tif"):
        npy(tmp_path / name, depth) if name == "d.npy" else trees.save(tmp_path / name, depth)
        from_file = read(depth=tmp_path / name)
        assert np.array_equal(from_file.depth, image.depth)
        assert from_file.notes == image.notes


# Orientation and profiles


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_exif_turns_a_lone_picture_with_its_camera_and_a_pair_not_at_all(
    tmp_path, orientation, suffix
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"c.{suffix}"
    Image.fromarray(COLOR).save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    trees.save(tmp_path / "d.png", DEPTH)
    alone = read(path, intrinsics=(50, 60, 3, 2))
    with Image.open(path) as picture:
        assert np.array_equal(alone.color, np.asarray(ImageOps.exif_transpose(picture)))
    mark = np.zeros(COLOR.shape[:2], bool)
    mark[2, 3] = True
    ((y, x),) = np.argwhere(turn(mark, orientation))
    assert (alone.intrinsics.cx, alone.intrinsics.cy) == (x, y)
    pair = read(path, tmp_path / "d.png", intrinsics=(50, 60, 3, 2))
    assert np.array_equal(pair.color, COLOR)
    assert np.array_equal(pair.depth, DEPTH)
    assert four(pair.intrinsics) == (50, 60, 3, 2)
    assert (pair.notes != ()) == (orientation != 1)


def test_color_is_turned_beside_depth_that_has_its_turned_shape(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOR).save(tmp_path / "c.png", exif=exif)
    trees.save(tmp_path / "d.png", DEPTH.T.copy())
    pair = read(tmp_path / "c.png", tmp_path / "d.png")
    assert np.array_equal(pair.color, np.rot90(COLOR, -1))
    assert said(pair) == ["colour was turned by its EXIF orientation, as depth is"]


def profile(gamma: float, swap: bool = False) -> bytes:
    """Return an RGB profile like sRGB but for its tone curve, by editing that in place."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = data.index(b"para")
    data[at + 12 : at + 16] = int(gamma * 65536).to_bytes(4, "big")
    return bytes(data)


def test_a_profile_that_is_not_srgb_is_converted_and_named(tmp_path):
    for gamma, changed in ((2.4, False), (1.2, True)):
        Image.fromarray(COLOR).save(tmp_path / "c.png", icc_profile=profile(gamma))
        image = read(tmp_path / "c.png")
        assert np.array_equal(image.color, COLOR) != changed
        assert any("was converted from the profile" in text for text in said(image)) == changed


def test_a_profile_that_cannot_be_used_is_named_and_numbers_are_kept(tmp_path):
    Image.fromarray(COLOR).save(tmp_path / "c.png", icc_profile=b"no profile at all")
    image = read(tmp_path / "c.png")
    assert np.array_equal(image.color, COLOR)
    assert said(image) == ['the colour profile "unknown" is left out; numbers are kept']


# What the process has set, and what a file is given as


def test_half_a_file_is_an_error_whatever_the_process_has_set(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    rng = np.random.default_rng(0)
    whole = trees.save(tmp_path / "d.png", rng.integers(400, 900, (90, 120)).astype(np.uint16))
    whole = (tmp_path / "d.png").read_bytes()
    assert read(depth=whole).depth.shape == (90, 120)
    for data in (whole[: len(whole) // 3], whole[:900] + bytes(30) + whole[930:]):
        with pytest.raises(InvalidImageError, match="cannot be read"):
            read(depth=data)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    assert Image.MAX_IMAGE_PIXELS == 10


def test_threads_that_read_at_once_leave_pillow_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    trees.save(tmp_path / "d.png", DEPTH)
    cut = (tmp_path / "d.png").read_bytes()[:-60]
    wrong = []

    def work():
        for _ in range(20):
            with contextlib.suppress(InvalidImageError):
                wrong.append(read(depth=cut))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_numpy_and_warnings_that_raise_do_not_change_what_is_read(tmp_path):
    metres = np.float32([[1.5, np.nan, np.inf, -1]])
    path = npy(tmp_path / "d.npy", metres)
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (read(depth=path, depth_unit=1).depth > 0).tolist() == [[True, False, False, False]]


@pytest.mark.parametrize(
    "given_as",
    [bytes, bytearray, memoryview, lambda d: np.frombuffer(d, np.uint8), np.void, io.BytesIO],
)
def test_bytes_of_any_kind_and_open_files_are_files(tmp_path, given_as):
    for name, array in (("d.png", DEPTH), ("d.npy", DEPTH)):
        npy(tmp_path / name, array) if name == "d.npy" else trees.save(tmp_path / name, array)
        data = (tmp_path / name).read_bytes()
        assert np.array_equal(read(depth=given_as(data)).depth, DEPTH)
    with pytest.raises(InvalidImageError, match="depth file in memory is no 16-bit PNG"):
        read(depth=given_as(b"something else"))


@pytest.mark.parametrize("wrong", [3, [1, 2], None.__class__, 2.5])
def test_what_is_no_file_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="expected a path, bytes or an open binary file"):
        read(depth=wrong)


def test_numpy_numbers_and_matrices_are_units_and_cameras(tmp_path):
    trees.save(tmp_path / "d.png", DEPTH)
    matrix = np.array([[50, 0, 7], [0, 51, 5], [0, 0, 1]])
    image = read(depth=tmp_path / "d.png", depth_unit=np.float64(0.0002), intrinsics=matrix)
    assert type(image.depth_unit) is float
    assert four(image.intrinsics) == (50, 51, 7, 5)


# Units and cameras: said by a file, by a layout's evidence, or unknown


UNITS = {
    "camera__json": [
        ({"depth_scale": 0.00025}, 0.00025), ({"depth_scale": 4000}, 1 / 4000),
        ({"depth_units": "mm"}, 0.001), ({"depth_unit": 0.0001}, 0.0001),
        ({"depth": {"depth_scale": 0.0005}}, 0.0005),
    ],
    "cam_params__json": [
        ({"camera": {"fx": 9, "fy": 9, "cx": 7, "cy": 5, "scale": 6553.5}}, 1 / 6553.5)
    ],
    "config__json": [({"depth_scale": 1000.0, "max_depth": 3}, 0.001)],
    "TUM__yaml": [("%YAML:1.0\nCamera.fx: 517.3\nDepthMapFactor: 5000.0\n", 0.0002)],
    "info__txt": [("m_depthShift = 2000\nm_sensorName = StructureSensor\n", 0.0005)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "unit"),
    [(name, *case) for name, cases in UNITS.items() for case in cases],
)
def test_a_unit_is_read_whoever_wrote_it_and_its_file_is_named(tmp_path, name, content, unit):
    pair = only(pair_in(tmp_path / "walk", **{name: content}))
    assert pair.depth_unit == pytest.approx(unit)
    assert name.replace("__", ".") in str(pair.unit_source)
    assert pair.unit_source.sure


ROW = [500, 0, 7, 0, 501, 5, 0, 0, 1]
COLUMN = [500, 0, 0, 0, 501, 0, 7, 5, 1]
CAMERAS = {
    "camera_intrinsic__json": {"width": 14, "height": 10, "intrinsic_matrix": COLUMN},
    "intrinsics__json": {"fx": 500, "fy": 501, "ppx": 7, "ppy": 5, "coeffs": [0] * 5},
    "camera_info__json": {"K": ROW, "D": []},
    "calibration__json": {"camera_matrix": {"rows": 3, "data": ROW}},
    "camera-intrinsics__txt": "500 0 7\n0 501 5\n0 0 1\n",
    "intrinsics__txt": "500 501 7 5\n",
    "_info__txt": "m_calibrationDepthIntrinsic = 500 0 7 0 0 501 5 0 0 0 1 0 0 0 0 1\n",
    "orb__yaml": "Camera.fx: 500\nCamera.fy: 501\nCamera.cx: 7\nCamera.cy: 5\n",
    "meta__json": {"frames": 3, "color": {"fx": 1, "fy": 1, "cx": 1, "cy": 1},
                   "depth": {"fx": 500, "fy": 501, "cx": 7, "cy": 5}},
}  # fmt: skip


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("above", [False, True], ids=["beside", "above"])
def test_a_camera_is_read_whoever_wrote_it(tmp_path, name, above):
    pair_in(tmp_path / "walk")
    pair_in(tmp_path / "walk" / "again", "x_color.png", "x_depth.png")
    place = tmp_path / ("walk" if above else "walk/again")
    content = CAMERAS[name]
    text = content if isinstance(content, str) else json.dumps(content)
    (place / name.replace("__", ".")).write_text(text)
    (tmp_path / "walk" / "rgb" / "5.png").unlink()
    (tmp_path / "walk" / "rgb").rmdir()
    (tmp_path / "walk" / "depth" / "5.png").unlink()
    (tmp_path / "walk" / "depth").rmdir()
    pair = only(tmp_path / "walk")
    assert four(pair.intrinsics) == (500, 501, 7, 5)
    assert name.replace("__", ".") in str(pair.camera_source)


def test_what_nothing_says_is_unknown_and_doubted_aloud(tmp_path):
    data = open_dataset(pair_in(tmp_path / "walk"))
    (pair,) = data.pairs
    assert (pair.unit_source, pair.camera_source) == (ASSUMED, UNKNOWN)
    assert (pair.depth_unit, pair.intrinsics) == (0.001, None)
    (problem,) = data.problems
    assert not problem.fatal
    assert "nothing says the depth unit of" in str(problem)
    told = only(tmp_path / "walk", depth_unit=0.002, intrinsics=Intrinsics(1, 1, 1, 1))
    assert (told.unit_source, told.camera_source) == (OPTION, OPTION)
    assert open_dataset(tmp_path / "walk", depth_unit=0.002).problems == ()


def test_an_ambiguous_scale_and_two_files_that_disagree_are_doubted(tmp_path):
    data = open_dataset(pair_in(tmp_path / "a", camera__json={"depth_scale": 0.1}))
    assert data.pairs[0].depth_unit == pytest.approx(1e-4)
    assert not data.pairs[0].unit_source.sure
    assert "read as mm per step" in str(data.problems[0])
    both = pair_in(
        tmp_path / "b", camera__json={"depth_scale": 0.001}, meta__json={"depth_scale": 0.0005}
    )
    data = open_dataset(both)
    assert data.pairs[0].depth_unit == 0.0005
    assert "says a depth unit of 0.001 m; 0.0005 m of key" in str(data.problems[0])


@pytest.mark.parametrize("value", [-1, 0, "blue", True, [1]])
def test_a_unit_that_makes_no_sense_is_refused(tmp_path, value):
    with pytest.raises(EncodepthError, match=r"depth_scale is .*; expected a number"):
        open_dataset(pair_in(tmp_path / "a", camera__json={"depth_scale": value}))


LOOK_ALIKES = {  # what lies there: (layout that it is not, unit)
    "an association table": ("TUM RGB-D", 0.001),
    "a room's name": ("Redwood indoor LiDAR-RGBD", 0.001),
    "one frame and a matrix": ("SUN RGB-D", 0.001),
    "frames of another scene": ("7-Scenes", 0.001),
    "a folder of noisy depth": ("augmented ICL-NUIM", 0.001),
    "a scene": ("ScanNet", 0.001),
    "a home called fr1_": ("TUM RGB-D", 0.001),
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_look_alike_is_not_the_dataset(tmp_path, name):
    root = tmp_path / "x"
    if name == "an association table":
        pair_in(root, assoc__txt="5 rgb/5.png 5 depth/5.png\n")
    elif name == "a room's name":
        pair_in(root / "loft", "image/0.jpg", "depth/0.png")
    elif name == "one frame and a matrix":
        pair_in(root / "shot", "image/a.png", "depth/b.png", intrinsics__txt="50 0 7 0 50 5 0 0 1")
    elif name == "frames of another scene":
        pair_in(root / "attic" / "seq-01", "frame-000000.color.png", "frame-000000.depth.png")
    elif name == "a folder of noisy depth":
        pair_in(root / "mine", "colors/0.jpg", "depth/0.png")
        trees.save(root / "mine" / "depth_noisy" / "0.png", DEPTH)
    elif name == "a scene":
        pair_in(root / "scene_one", "color/0.jpg", "depth/0.png")
    else:
        root = tmp_path / "fr1_home"
        pair_in(root, associations__txt="5 rgb/5.png 5 depth/5.png\n")
    data = open_dataset(root)
    (pair,) = data.pairs
    not_this, unit = LOOK_ALIKES[name]
    assert not_this not in data.layouts
    assert pair.depth_unit == unit
    assert np.array_equal(pair.load().depth, DEPTH)
    if name != "one frame and a matrix":
        assert pair.intrinsics is None
    assert any("depth unit" in str(problem) for problem in data.problems)


def test_lists_of_times_alone_make_tums_unit_doubtful(tmp_path):
    pair_in(tmp_path / "r", rgb__txt="5 rgb/5.png\n", depth__txt="5.001 depth/5.png\n")
    data = open_dataset(tmp_path / "r")
    assert (data.pairs[0].depth_unit, data.pairs[0].unit_source.sure) == (0.0002, False)
    assert "nothing says the depth unit but" in str(data.problems[0])
    (tmp_path / "r" / "camera.json").write_text('{"depth_scale": 0.001}')
    data = open_dataset(tmp_path / "r")
    assert (data.pairs[0].depth_unit, data.problems) == (0.001, ())


def test_tums_poses_stand_beside_its_frames(tmp_path):
    place = tmp_path / "rgbd_dataset_freiburg2_x"
    truth = "# t\n4.99 1 2 3 0 0 0.70710678 0.70710678\n6 0 0 0 0 0 0 1\n"
    lists = {"rgb__txt": "5 rgb/5.png\n", "depth__txt": "5.001 depth/5.png\n"}
    pair_in(place, **lists, groundtruth__txt=truth)
    pair = only(tmp_path)
    assert (pair.unit_source.sure, pair.time) == (True, 5)
    expected = [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
    assert np.allclose(pair.pose, expected, atol=1e-6)


def test_bop_has_a_scale_and_a_camera_for_every_frame(tmp_path):
    for i, scale in enumerate((0.1, 1.0)):
        trees.save(tmp_path / "000002" / "rgb" / f"{i:06d}.png", COLOR)
        trees.save(tmp_path / "000002" / "depth" / f"{i:06d}.png", DEPTH + i)
        own = {"cam_K": [500 + i, 0, 7, 0, 501, 5, 0, 0, 1], "depth_scale": scale,
               "cam_R_w2c": [1, 0, 0, 0, 1, 0, 0, 0, 1], "cam_t_w2c": [0, 0, 500 + i]}  # fmt: skip
        table = tmp_path / "000002" / "scene_camera.json"
        known = json.loads(table.read_text()) if table.exists() else {}
        table.write_text(json.dumps(known | {str(i): own}))
    first, second = open_dataset(tmp_path).pairs
    assert [first.depth_unit, second.depth_unit] == pytest.approx([1e-4, 1e-3])
    assert (first.intrinsics.fx, second.intrinsics.fx) == (500, 501)
    assert str(first.unit_source) == 'key "depth_scale" of scene_camera.json'
    assert np.allclose(second.pose[:3, 3], (0, 0, -0.501))
    assert np.array_equal(second.load().depth, DEPTH + 1)


def test_nerfstudios_table_gives_files_cameras_units_and_poses(tmp_path):
    pose = [[1, 0, 0, 4], [0, 0, -1, 5], [0, 1, 0, 6], [0, 0, 0, 1]]
    frames = [
        {
            "file_path": "./images/f.png",
            "depth_file_path": "depths/f.png",
            "transform_matrix": pose,
        },
        {"file_path": "images/g.png", "depth_file_path": "depths/g.png", "fl_x": 77, "cx": 6},
        {"file_path": "images/h.png", "depth_file_path": "depths/gone.png"},
    ]
    table = {"fl_x": 50, "fl_y": 51, "cx": 7, "cy": 5, "k1": 0.1, "frames": frames}
    for name in "fgh":
        trees.save(tmp_path / "images" / f"{name}.png", COLOR)
        trees.save(tmp_path / "depths" / f"{name}.png", DEPTH)
    (tmp_path / "transforms.json").write_text(json.dumps(table))
    data = open_dataset(tmp_path)
    first, second = data.pairs
    assert data.layouts == ("nerfstudio",)
    assert (four(first.intrinsics), four(second.intrinsics)) == ((50, 51, 7, 5), (77, 51, 6, 5))
    assert np.allclose(first.pose[:3, 2], (0, 1, 0))  # looks along the camera's -z
    assert np.allclose(first.pose[:3, 3], (4, 5, 6))
    assert second.pose is None
    assert {p.message.split(" ")[0] for p in data.problems} == {"listed", "the"}
    table["depth_unit_scale_factor"] = 0.0005
    (tmp_path / "transforms.json").write_text(json.dumps(table))
    assert open_dataset(tmp_path).pairs[0].depth_unit == 0.0005


def test_3dmatch_has_its_own_camera_and_poses(tmp_path):
    place = tmp_path / "chess" / "seq-02"
    pair_in(place, "frame-000000.color.png", "frame-000000.depth.png",
            **{"frame-000000__pose__txt": "1 0 0 2\n0 1 0 3\n0 0 1 4\n0 0 0 1\n"})  # fmt: skip
    (tmp_path / "chess" / "camera-intrinsics.txt").write_text("570.3 0 7\n0 570.3 5\n0 0 1\n")
    for opened in (tmp_path, tmp_path / "chess" / "seq-02"):
        data = open_dataset(opened)
        assert data.layouts == ("3DMatch",)
        assert data.pairs[0].intrinsics.fx == 570.3
        assert data.pairs[0].pose[:3, 3].tolist() == [2, 3, 4]


def test_7_scenes_is_certain_by_its_list_and_doubtful_by_names(tmp_path):
    pair_in(tmp_path / "fire" / "seq-01", "frame-000000.color.png", "frame-000000.depth.png")
    pair = only(tmp_path)
    assert (pair.intrinsics.fx, pair.camera_source.sure) == (585, False)
    (tmp_path / "fire" / "TrainSplit.txt").write_text("sequence1\n")
    assert only(tmp_path).camera_source.sure


def test_open3ds_trajectory_gives_poses(tmp_path):
    pair_in(tmp_path / "o3d", "color/000000.jpg", "depth/000000.png")
    extrinsic = np.eye(4)
    extrinsic[:3, 3] = (1, 2, 3)  # world to camera, written by columns
    steps = [{"extrinsic": extrinsic.T.ravel().tolist()}]
    (tmp_path / "o3d" / "trajectory.json").write_text(json.dumps({"parameters": steps}))
    assert only(tmp_path).pose[:3, 3].tolist() == [-1, -2, -3]


def test_our_own_meta_says_what_differs_from_frame_to_frame(tmp_path):
    own = {"depth_units_per_meter": 5000, "intrinsics": {"fx": 9, "fy": 9, "cx": 8, "cy": 6}}
    trees.folder(tmp_path)
    meta = {"depth_units_per_meter": 1000, "frames": {"000001": own}}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    first, second = open_dataset(tmp_path).pairs
    assert (first.depth_unit, first.intrinsics) == (0.001, None)
    assert (second.depth_unit, second.intrinsics) == (0.0002, Intrinsics(9, 9, 8, 6))


def test_checking_says_unit_range_camera_and_a_camera_that_does_not_fit(tmp_path):
    matrix = [500, 0, 320, 0, 500, 240, 0, 0, 1]
    pair_in(tmp_path / "a", camera__json={"depth_scale": 0.001, "K": matrix})
    report = check(tmp_path)
    assert report.about == {
        "a": 'unit 0.001 m (key "depth_scale" of camera.json), depth 0.7 to 1.117 m, '
        'camera 500,500,320,240 (key "K" of camera.json)'
    }
    assert "does not fit 14x10 pictures: its centre is 320,240" in str(report.problems[0])


# Names and pairings


def test_bundle_fusions_names_pair_and_keys_that_meet_are_told(tmp_path):
    pair_in(tmp_path / "bf", "frame-000003.color.jpg", "frame-000003.depth.png")
    assert only(tmp_path).frame == "frame-000003"
    pair_in(tmp_path / "two", "rgb/1.png", "depth/1.png")
    trees.save(tmp_path / "two" / "rgb" / "01.jpg", COLOR)
    (problem,) = (p for p in open_dataset(tmp_path / "two").problems if p.fatal)
    assert "left out: " in str(problem)


def test_a_sequence_is_its_path_below_what_was_opened(tmp_path, monkeypatch):
    for name in ("ep_0/cam", "ep_1/cam"):
        pair_in(tmp_path / "robot" / name)
    names = [pair.sequence for pair in open_dataset(tmp_path / "robot").pairs]
    assert names == ["ep_0/cam", "ep_1/cam"]
    monkeypatch.chdir(tmp_path / "robot" / "ep_0" / "cam")
    assert only(Path()).sequence == "cam"
    assert only(Path("..")).sequence == "cam"
    assert only(Path("../cam")).sequence == "cam"


def test_a_link_has_its_own_name_and_an_archive_beside_its_folder_is_told(tmp_path):
    pair_in(tmp_path / "real")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link").symlink_to(tmp_path / "real")
    assert only(tmp_path / "set").sequence == "link"
    trees.zipped(tmp_path / "real", tmp_path / "real.zip")
    (tmp_path / "set" / "link").unlink()
    data = open_dataset(tmp_path)
    assert len(data) == 1
    assert any("left out: the folder real beside it is read" in str(p) for p in data.problems)


def test_a_broken_archive_does_not_hide_the_rest(tmp_path):
    pair_in(tmp_path / "good")
    (tmp_path / "bad.zip").write_bytes(b"PK no")
    data = open_dataset(tmp_path)
    assert len(data) == 1
    assert any(p.fatal and "bad.zip is not a whole .zip file" in str(p) for p in data.problems)


@pytest.mark.parametrize(
    ("stem", "seconds"),
    [("12.5", 12.5), ("1305031452.791720", 1305031452.79172), ("a", None),
     ("1305031452791720", 1305031452.79172), ("rgb_1305031452791", 1305031452.791),
     ("1305031452791720000", 1305031452.79172)],
)  # fmt: skip
def test_a_name_tells_its_time(stem, seconds):
    assert time_of(stem) == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


def test_pairs_by_time_by_order_or_told(tmp_path):
    for i, (a, b) in enumerate(((1.000, 1.009), (1.033, 1.041), (1.066, 1.300))):
        trees.save(tmp_path / "rgb" / f"{a:.3f}.png", trees.color(i))
        trees.save(tmp_path / "depth" / f"{b:.3f}.png", trees.depth(i))
    with_none = open_dataset(tmp_path)
    assert not with_none.pairs
    assert "pair them by order or time (--pair-by)" in str(with_none.problems[0])
    by_time = open_dataset(tmp_path, pair_by="time")
    assert [(p.frame, p.depth.stem) for p in by_time] == [("1.000", "1.009"), ("1.033", "1.041")]
    assert sum("within 20 ms" in str(p) for p in by_time.problems) == 2
    by_order = open_dataset(tmp_path, pair_by="order")
    assert [p.depth.stem for p in by_order] == ["1.009", "1.041", "1.300"]
    (tmp_path / "rgb" / "1.000.png").unlink()
    uneven = open_dataset(tmp_path, pair_by="order")
    assert not uneven.pairs
    assert "2 color and 3 depth pictures; pairing by order needs equally" in str(uneven.problems[0])
    with pytest.raises(ValueError, match="pair_by"):
        open_dataset(tmp_path, pair_by="luck")


def test_depth_alone_and_color_alone_are_taken_but_strays_are_told(tmp_path):
    trees.save(tmp_path / "a" / "depth" / "0.png", DEPTH)
    alone = only(tmp_path)
    assert (alone.color, alone.load().color) == (None, None)
    assert check(tmp_path).usable == 1
    assert only(tmp_path / "a" / "depth").sequence == "depth"
    trees.save(tmp_path / "b" / "images" / "0.png", COLOR)
    data = open_dataset(tmp_path)
    assert [pair.sequence for pair in data] == ["a"]
    assert any("left out: color without depth" in str(p) for p in data.problems)
    assert only(tmp_path / "b").depth is None


def test_thousands_of_one_fault_are_one_line(tmp_path):
    rows = "".join(f"{i} rgb/{i}.png\n" for i in range(3000))
    pair_in(tmp_path, rgb__txt=rows, depth__txt="5 depth/5.png\n" + rows.replace("rgb", "depth"))
    data = open_dataset(tmp_path)
    assert len(data) == 1
    fatal = [problem for problem in data.problems if problem.fatal]
    assert sum(problem.count for problem in fatal) == 5998
    assert len(fatal) == 2
    assert "missing, and 2,998 more like it" in str(fatal[0])
    assert merged(fatal) == tuple(fatal)


def test_notes_of_a_recording_add_up(tmp_path):
    for i in range(3):
        depth = DEPTH.copy()
        depth[0, : i + 1] = 65535
        trees.save(tmp_path / "depth" / f"{i}.png", depth)
        trees.save(tmp_path / "rgb" / f"{i}.png", COLOR)
    assert check(tmp_path).notes == (("65535 became holes", 3, 6),)
    assert Note("x") == Note("x", 0)


@pytest.mark.parametrize("ask", [{"max_depth_error": 40}, {"quality": 30, "coder": "avif"}])
def test_a_far_pixel_is_never_decoded_as_the_number_that_means_a_hole(ask):
    depth = np.full((24, 32), 65534, np.uint16)
    depth[:12] = 65480
    depth[0, 0] = 0
    back = encodepth.decode(encodepth.encode(RgbdImage(depth=depth), **ask)).depth
    assert np.array_equal(back == 0, depth == 0)
    assert back.max() < 65535


def test_the_page_on_data_has_the_table_of_layouts():
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    for row in LAYOUTS:
        cells = (row.name, row.evidence, row.unit, row.camera, row.pose)
        assert f"| {' | '.join(cells)} |" in page


def test_encode_says_unit_range_camera_and_what_was_changed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metres = np.full((10, 14), 80.123, np.float32)
    metres[0] = (np.nan, *[1.5] * 13)
    np.save("d.npy", metres)
    trees.save(Path("c.png"), COLOR)
    named = ("encode", "c.png", "d.npy", "--depth-unit", "1", "--effort", "1", "--coder", "avif")
    said = run(*named, "--intrinsics", "50,51,7,5").err.splitlines()
    assert said[-3:] == [
        "c.rgbd: unit 0.002 m (a step for floats in units of 1 m, an option), "
        "depth 1.5 to 80.12 m, camera 50,51,7,5 (an option)",
        "c.rgbd: 1 pixel of NaN became holes",
        "c.rgbd: floats were rounded to steps of 2 mm, for they reach beyond 65.5 m (--far "
        "leaves out what does)",
    ]
    trees.save(Path("d.png"), DEPTH)
    said = run("encode", "c.png", "d.png", "-f", "--effort", "1", "--coder", "avif").err
    assert "unit 0.001 m (assumed, nothing says it), depth 0.7 to 1.117 m, camera unknown" in said


def test_a_job_can_pair_by_order(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair_in(tmp_path / "r", "rgb/a1.png", "depth/b1.png")
    pair_in(tmp_path / "r", "rgb/a2.png", "depth/b2.png")
    named = ("encode", "r", "--out-dir", "o", "--effort", "1", "--coder", "avif")
    assert "pair them by order or time (--pair-by)" in run(*named).err
    assert run(*named, "--pair-by", "order").status == 0
    assert len(list(Path("o").rglob("*.rgbd"))) == 2
    assert "--pair-by is for folders" in run("encode", "c.png", "--pair-by", "time").err
