"""Every published layout is recognised, paired, and read in metres, from folders and archives."""

import pickle
import shutil

import numpy as np
import pytest

import data_trees as trees
from encodepth.errors import EncodepthError, InvalidImageError
from encodepth.frame import Intrinsics
from encodepth.io import redwood
from encodepth.io.dataset import open_dataset
from encodepth.io.pictures import read
from encodepth.io.tum import nearest
from encodepth.metrics import psnr
from encodepth.train.allowed import training_pairs
from shared import SHARED

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real frames are not here")


def millimetres(pair):
    image = pair.load()
    return np.rint(image.depth * image.depth_unit * 1000).astype(int)


LAYOUTS = {  # name: (writer, layout, pairs, sequences)
    "folder": (trees.folder, "folder", 2, 1),
    "redwood": (trees.redwood, "Redwood indoor LiDAR-RGBD", 10, 5),
    "icl": (trees.icl_nuim, "augmented ICL-NUIM", 4, 2),
    "icl-unpacked": (trees.icl_nuim_unpacked, "augmented ICL-NUIM", 4, 2),
    "tum": (trees.tum, "TUM RGB-D", 2, 1),
    "sun": (trees.sun_rgbd, "SUN RGB-D", 2, 2),
    "nyu-raw": (trees.nyu_raw, "NYU Depth v2, raw", 2, 1),
    "7-scenes": (trees.seven_scenes, "7-Scenes", 2, 1),
    "scannet": (trees.scannet, "ScanNet", 3, 1),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_published_layout_is_found_and_every_pair_loads(tmp_path, name, packed):
    write, layout, count, sequences = LAYOUTS[name]
    write(tmp_path / "data")
    root = tmp_path / "data"
    if packed:
        trees.zipped(root, tmp_path / "data.zip")
        shutil.rmtree(root)
        root = tmp_path / "data.zip"
    data = open_dataset(root)
    assert data.layouts == (layout,)
    assert len(data) == count
    assert len({pair.sequence for pair in data}) == sequences
    assert len({(pair.sequence, pair.frame) for pair in data}) == count
    for pair in data:
        image = pair.load()
        assert image.depth.shape == (trees.HEIGHT, trees.WIDTH)
        assert image.depth[0, 0] == 0
        assert 0.9 < np.median(image.depth[image.depth > 0]) * image.depth_unit < 2.5


@pytest.mark.parametrize("name", ["folder", "redwood", "icl", "tum", "sun", "7-scenes", "scannet"])
def test_depth_comes_out_as_the_millimetres_that_were_measured(tmp_path, name):
    LAYOUTS[name][0](tmp_path)
    first = millimetres(open_dataset(tmp_path)[0])
    written = trees.depth()
    offset = first[5, 5] - int(written[5, 5])
    assert 0 <= offset < 60  # which frame it is
    assert np.array_equal(first[first > 0], written[written > 0] + offset)


@pytest.mark.parametrize("name", [*LAYOUTS, "nyu-labelled"])
def test_a_real_frame_comes_back_from_every_layout(tmp_path, monkeypatch, samples, name):
    real = read(samples / "table" / "color.webp", samples / "table" / "depth.png")
    color, mm = real.color[::2, ::2], real.depth[::2, ::2]
    monkeypatch.setattr(trees, "color", lambda _=0: color)
    monkeypatch.setattr(trees, "depth", lambda _=0, step=1: (mm * step).astype(np.uint16))
    if name == "nyu-labelled":
        pytest.importorskip("h5py")
        trees.nyu_labelled(tmp_path / "nyu_depth_v2_labeled.mat")
    else:
        LAYOUTS[name][0](tmp_path)
    step = int(mm.max()) ** 2 / 351300 if name == "nyu-raw" else 0  # mm, of disparity
    for pair in open_dataset(tmp_path):
        image = pair.load()
        found = np.rint(image.depth * image.depth_unit * 1000).astype(int)
        assert np.array_equal(found == 0, mm == 0)
        assert np.abs(found - mm.astype(int)).max() <= np.ceil(step / 2)
        seen = image.color[:: image.color.shape[0] // 240, :: image.color.shape[1] // 320]
        assert psnr(seen, color) > 28  # most layouts hold JPEG files


def test_a_pair_travels_to_a_worker(tmp_path):
    trees.sun_rgbd(tmp_path)
    pair = open_dataset(tmp_path)[0]
    assert np.array_equal(pickle.loads(pickle.dumps(pair)).load().depth, pair.load().depth)


def test_folder_takes_unit_and_camera_from_its_meta(tmp_path):
    camera = {"fx": 500, "fy": 501, "cx": 8, "cy": 6}
    trees.folder(tmp_path, depth_units_per_meter=5000, intrinsics=camera)
    image = open_dataset(tmp_path)[0].load()
    assert image.depth_unit == pytest.approx(1 / 5000)
    assert image.intrinsics == Intrinsics(500, 501, 8, 6)


def test_the_callers_unit_wins(tmp_path):
    trees.folder(tmp_path)
    assert open_dataset(tmp_path, depth_unit=0.0002)[0].load().depth_unit == 0.0002


def test_a_unit_that_makes_no_sense_is_refused(tmp_path):
    trees.folder(tmp_path, depth_units_per_meter=-1)
    with pytest.raises(EncodepthError, match=r"depth_units_per_meter is -1; expected a number"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("color", "depth"),
    [("a_color.png", "a_depth.png"), ("rgb_7.jpg", "depth_7.png"), ("a.rgb.png", "a.depth.png")],
)
def test_pairs_may_lie_side_by_side(tmp_path, color, depth):
    trees.save(tmp_path / color, trees.color())
    trees.save(tmp_path / depth, trees.depth())
    data = open_dataset(tmp_path)
    assert [(p.color.name, p.depth.name) for p in data] == [(color, depth)]


def test_names_without_a_partner_are_named(tmp_path):
    trees.folder(tmp_path)
    trees.save(tmp_path / "color" / "000007.png", trees.color())
    trees.save(tmp_path / "depth" / "000008.png", trees.depth())
    data = open_dataset(tmp_path)
    assert len(data) == 2
    assert {p.path.name: p.message for p in data.problems if p.fatal} == {
        "000007.png": "no depth of that name",
        "000008.png": "no color of that name",
    }


def test_the_thesis_trains_on_four_redwood_scenes_and_validates_on_loft(tmp_path):
    trees.redwood(tmp_path)
    training, validation = redwood.split(open_dataset(tmp_path))
    scenes = ("apartment", "bedroom", "boardroom", "lobby")
    assert {p.sequence for p in training} == {f"rgbd_{name}/{name}" for name in scenes}
    assert {p.sequence for p in validation} == {"rgbd_loft/loft"}
    assert training[0].intrinsics == Intrinsics(525, 525, 319.5, 239.5)


def test_redwood_archives_as_downloaded_need_no_unpacking(tmp_path):
    trees.redwood(tmp_path / "all")
    for scene in ("bedroom", "loft"):
        trees.zipped(tmp_path / "all" / f"rgbd_{scene}", tmp_path / f"rgbd_{scene}.zip")
    shutil.rmtree(tmp_path / "all")
    data = open_dataset(tmp_path)
    assert {p.sequence for p in data} == {"rgbd_bedroom/bedroom", "rgbd_loft/loft"}
    assert data[0].load().color.shape == (trees.HEIGHT, trees.WIDTH, 3)


def test_clean_and_noisy_icl_nuim_are_two_sequences(tmp_path):
    trees.icl_nuim(tmp_path)
    by_sequence = {p.sequence: p for p in open_dataset(tmp_path) if p.frame == "00000"}
    clean, noisy = by_sequence["livingroom1_clean"], by_sequence["livingroom1_noisy"]
    assert clean.color == noisy.color
    assert clean.depth != noisy.depth


def test_tum_matches_by_time_one_to_one_within_twenty_milliseconds(tmp_path):
    trees.tum(tmp_path)
    data = open_dataset(tmp_path)
    assert [(p.color.stem[-6:], p.depth.stem[-6:]) for p in data] == [
        ("791720", "805000"),
        ("823674", "830000"),
    ]
    assert data[0].intrinsics == Intrinsics(517.3, 516.5, 318.6, 255.3)


def test_tum_associations_are_believed(tmp_path):
    trees.tum(tmp_path, associations=True)
    assert [p.depth.stem for p in open_dataset(tmp_path)] == ["1305031452.830000"]


def test_tum_tables_that_name_missing_files_say_so(tmp_path):
    trees.tum(tmp_path)
    next(tmp_path.rglob("1305031452.805000.png")).unlink()
    data = open_dataset(tmp_path)
    assert len(data) == 1
    assert "depth.txt but missing" in data.problems[0].message


def test_the_closest_times_are_matched_first():
    assert nearest([0.0, 0.012], [0.01]) == [(0.012, 0.01)]
    assert nearest([0.0], [0.03]) == []


def test_nyu_labelled_keeps_the_holes_of_the_raw_depth(tmp_path):
    pytest.importorskip("h5py")
    trees.nyu_labelled(tmp_path / "nyu_depth_v2_labeled.mat")
    data = open_dataset(tmp_path / "nyu_depth_v2_labeled.mat")
    assert [(p.sequence, p.frame) for p in data] == [("kitchen", "0001"), ("study", "0002")]
    image = data[1].load()
    assert np.array_equal(image.color, trees.color(1))
    assert np.array_equal(image.depth, trees.depth())
    assert len(open_dataset(tmp_path)) == 2  # found in its folder too


def test_nyu_labelled_without_raw_depth_takes_the_filled_one(tmp_path):
    pytest.importorskip("h5py")
    trees.nyu_labelled(tmp_path / "a.mat", raw=False)
    assert (open_dataset(tmp_path / "a.mat")[0].load().depth == 2000).all()


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", b"\x89HDF\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_not_the_labelled_one_is_one_line(tmp_path, content):
    pytest.importorskip("h5py")
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(EncodepthError, match=r"is no MATLAB 7.3 file \(HDF5\), or is cut short"):
        open_dataset(tmp_path / "a.mat")


def test_nyu_raw_disparity_becomes_metres(tmp_path):
    trees.nyu_raw(tmp_path)
    depth = open_dataset(tmp_path)[0].load().depth
    assert trees.depth()[5, 5] == 1595  # a disparity of 872.25, written as 872
    assert depth[5, 5] == round(1000 * 351.3 / (1092.5 - 872)) == 1593


def test_sun_rgbd_pairs_files_of_different_names_and_reads_its_camera(tmp_path):
    trees.sun_rgbd(tmp_path)
    first, second = open_dataset(tmp_path)
    assert (first.sequence, first.frame) == ("SUNRGBD/kv1/NYUdata", "NYU0001")
    assert first.intrinsics == Intrinsics(518.85, 519.46, 325.58, 253.73)
    assert (second.color.name, second.depth.name) == ("0000103.jpg", "0000083.png")
    assert "bfx" not in str(first.depth)


def test_scannet_frames_come_in_the_order_of_their_numbers(tmp_path):
    trees.scannet(tmp_path)
    data = open_dataset(tmp_path)
    assert [p.frame for p in data] == ["0", "9", "10"]
    assert data[0].intrinsics == Intrinsics(577.59, 578.73, 318.9, 242.68)


def test_several_datasets_in_one_folder_are_all_found(tmp_path):
    trees.tum(tmp_path / "a")
    trees.scannet(tmp_path / "b")
    assert open_dataset(tmp_path).layouts == ("TUM RGB-D", "ScanNet")


def test_an_archive_cut_short_is_named(tmp_path):
    trees.redwood(tmp_path / "all", ("loft",))
    trees.zipped(tmp_path / "all", tmp_path / "loft.zip")
    whole = (tmp_path / "loft.zip").read_bytes()
    (tmp_path / "loft.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EncodepthError, match=r"loft\.zip is not a whole \.zip file"):
        open_dataset(tmp_path / "loft.zip")


def test_a_damaged_member_of_an_archive_is_named(tmp_path):
    trees.redwood(tmp_path / "all", ("loft",))
    trees.zipped(tmp_path / "all", tmp_path / "loft.zip")
    data = bytearray((tmp_path / "loft.zip").read_bytes())
    at = data.index(b"\x89PNG")
    data[at : at + 40] = bytes(40)
    (tmp_path / "loft.zip").write_bytes(data)
    first = next(p for p in open_dataset(tmp_path / "loft.zip") if p.frame == "000000")
    with pytest.raises(InvalidImageError, match=r"loft\.zip/rgbd_loft/loft/depth/000000\.png"):
        first.load()


@pytest.mark.parametrize("make", ["missing", "empty", "file"])
def test_nothing_to_read_is_one_line(tmp_path, make):
    path = tmp_path / "x"
    if make == "empty":
        path.mkdir()
    elif make == "file":
        path.write_text("x")
    message = {
        "missing": "does not exist",
        "empty": "no pairs of color and depth at",
        "file": r"neither a folder nor a \.zip or \.mat file",
    }
    with pytest.raises(EncodepthError, match=message[make]):
        open_dataset(path)


def test_links_that_lead_back_up_end(tmp_path):
    trees.folder(tmp_path / "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert len(open_dataset(tmp_path)) == 2


@needs_shared
def test_the_real_frames_are_all_found_with_their_units():
    data = open_dataset(SHARED / "data" / "train")
    units = {p.sequence: round(1 / p.depth_unit) for p in data}
    assert len(data) == 255
    assert units["tum_fr1_rpy"] == 5000
    assert units["osd_mosd_test"] == 1000
    tum = next(p for p in data if p.sequence == "tum_fr1_rpy").load()
    assert 0.5 < np.median(tum.depth[tum.depth > 0]) * tum.depth_unit < 2


@needs_shared
def test_the_real_sun_frame_is_rotated_back_to_millimetres():
    (pair,) = open_dataset(SHARED / "data" / "test" / "open3d_samples_sunrgbd_sample_1")
    depth = pair.load().depth
    assert 500 < np.median(depth[depth > 0]) < 5000
    assert depth.max() < 12000


@needs_shared
def test_training_never_sees_the_bundled_frames():
    names = {(p.sequence, p.frame) for p in training_pairs(SHARED / "data")}
    assert len(names) == 245
    assert ("osd_mosd_test", "000064") not in names
    assert not any(sequence == "tum_fr1_desk_9" for sequence, _ in names)


def test_training_leaves_out_what_is_bundled_and_looks_only_at_train(tmp_path):
    trees.folder(tmp_path / "train" / "osd_mosd_test", ("000063", "000064"))
    trees.folder(tmp_path / "train" / "tum_fr1_desk_9")
    trees.folder(tmp_path / "test" / "secret")
    assert [(p.sequence, p.frame) for p in training_pairs(tmp_path)] == [
        ("osd_mosd_test", "000063")
    ]
