"""Sources: what is found, packed once, and how bad files are named."""

import re

import numpy as np
import pytest
from PIL import Image

from encodepth.errors import EncodepthError
from encodepth.train.batches import Frame
from encodepth.train.frames import centre, fingerprint, open_training, open_validation, source_files
from encodepth.train.pack import Pack, make_pack
from encodepth.train.recipe import make_recipe
from train_tools import TINY, Shapes

PHOTOS = {"kind": "photos", "path": "photos"}


def photo_folder(root, count=3):
    (root / "photos").mkdir(parents=True)
    for i in range(count):
        picture = np.full((70 + i, 90, 3), 40 * i, np.uint8)
        Image.fromarray(picture).save(root / "photos" / f"{i}.png")
    return root / "photos"


def recipe_of(root, source, **settings):
    data = {"train": [source], "validation": [source], "crop": 64, "root": str(root)}
    photos = source["kind"] == "photos"
    table = {
        **TINY,
        "model": {"family": "base"} if photos else {"family": "tcm", "row": "depth-small"},
        "loss": {} if photos else {"lambdas": [0.01]},
        "data": {**data, "packs": str(root / "packs"), **settings},
    }
    return make_recipe(table)


def pair_folder(root, count=3):
    for kind in ("color", "depth"):
        (root / "scene" / kind).mkdir(parents=True)
    for i in range(count):
        rng = np.random.default_rng(i)
        color = rng.integers(0, 255, (72, 80, 3)).astype(np.uint8)
        depth = rng.integers(900, 3000, (72, 80)).astype(np.uint16)
        depth[:8] = 0
        Image.fromarray(color).save(root / "scene" / "color" / f"{i}.png")
        Image.fromarray(depth).save(root / "scene" / "depth" / f"{i}.png")
    return root / "scene"


def test_photos_are_found_in_a_folder_or_by_a_pattern(tmp_path):
    photo_folder(tmp_path, 4)
    said = []
    for path, options, count in (
        ("photos", {}, 4),
        ("photos/*.png", {"every": 2}, 2),
        ("ph*", {"limit": 3}, 3),
        ("photos", {"exclude": ("*/1.png",)}, 3),
    ):
        source = {"kind": "photos", "path": path, **options}
        (frames,) = open_training(recipe_of(tmp_path, source), said.append)
        assert len(frames) == count
    assert not said
    assert (frames[1].color == 80).all()


def test_a_truncated_photo_is_named_and_skipped(tmp_path):
    folder = photo_folder(tmp_path)
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[: len(whole) // 2])
    (folder / "note.txt").write_text("not a picture")
    said = []
    (frames,) = open_training(
        recipe_of(tmp_path, {"kind": "photos", "path": "photos"}), said.append
    )
    assert len(frames) == 2
    assert len(said) == 1
    assert "1.png" in said[0]
    assert said[0].startswith("skipped: ")


def test_a_photo_smaller_than_a_crop_is_named(tmp_path):
    folder = photo_folder(tmp_path)
    Image.fromarray(np.zeros((20, 90, 3), np.uint8)).save(folder / "0.png")
    said = []
    open_training(recipe_of(tmp_path, {"kind": "photos", "path": "photos"}), said.append)
    assert said[0].endswith("0.png is 90x20; a crop has 64 pixels a side")


def test_a_bad_photo_ends_the_run_if_the_recipe_refuses_it(tmp_path):
    folder = photo_folder(tmp_path)
    (folder / "2.png").write_bytes(b"\x89PNG")
    recipe = recipe_of(tmp_path, {"kind": "photos", "path": "photos"}, bad="refuse")
    with pytest.raises(EncodepthError, match=r'2\.png.*\(data\.bad = "refuse"\)'):
        open_training(recipe, print)
    (folder / "1.png").write_bytes(b"")
    said = []
    with pytest.raises(EncodepthError, match=r'1\.png.* and 1 more \(data\.bad = "refuse"\)'):
        open_training(recipe, said.append)
    assert "2.png" in said[0]


def test_a_photo_that_breaks_during_the_run_is_replaced_by_its_neighbour(tmp_path, monkeypatch):
    monkeypatch.setattr("encodepth.train.frames._MEMORY", 1)  # keep only the first
    folder, said = photo_folder(tmp_path), []
    (frames,) = open_training(
        recipe_of(tmp_path, {"kind": "photos", "path": "photos"}), said.append
    )
    (folder / "1.png").write_bytes(b"broken")
    assert (frames[1].color == 80).all()
    assert "1.png" in said[0]


def test_no_data_is_said_plainly(tmp_path):
    photo_folder(tmp_path)
    with pytest.raises(EncodepthError, match=r"no data at .*nowhere"):
        open_training(recipe_of(tmp_path, {"kind": "photos", "path": "nowhere"}), print)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncodepthError, match=r"empty: no usable picture"):
        open_training(recipe_of(tmp_path, {"kind": "photos", "path": "empty"}), print)


def test_generated_rooms_are_packed_once_and_come_back_the_same(tmp_path):
    source = {
        "kind": "generated", "count": 3, "size": [64, 96], "sensors": ["none", "kinect"]
    }  # fmt: skip
    said = []
    (first,) = open_training(recipe_of(tmp_path, source), said.append)
    (again,) = open_training(recipe_of(tmp_path, source), said.append)
    assert len(said) == 1
    assert said[0].startswith("packing generated 0..2")
    assert fingerprint([first]) == fingerprint([again])
    for i in range(3):
        a, b = first[i], again[i]
        assert a.color.shape == (64, 96, 3)
        assert a.depth.dtype == np.uint16
        assert np.array_equal(a.color, b.color)
        assert np.array_equal(a.depth, b.depth)
        assert a.low == a.depth[a.valid].min()
        assert a.high == a.depth[a.valid].max()
        assert (a.depth[~a.valid] > 0).all()  # holes are filled


def test_two_runs_that_make_a_pack_at_once_both_find_it_whole(tmp_path):
    folder, shapes = tmp_path / "packs" / "key", Shapes()

    def slow():
        yield shapes[0]
        make_pack(folder, (shapes[i] for i in range(4)))  # the other run, begun and ended meanwhile
        yield from (shapes[i] for i in range(1, 4))

    make_pack(folder, slow())
    pack = Pack(folder)
    assert len(pack) == 4
    for i in range(4):
        assert np.array_equal(pack[i].color, shapes[i].color)
        assert np.array_equal(pack[i].depth, shapes[i].depth)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_room_its_sensor_cannot_see_is_left_out_even_where_bad_files_are_refused(tmp_path):
    source = {
        "kind": "generated", "count": 2, "seed": 13, "size": [192, 256], "sensors": ["kinect"]
    }  # fmt: skip
    recipe = recipe_of(tmp_path, source, bad="refuse", min_valid=0.3)
    said = []
    (frames,) = open_training(recipe, said.append)
    assert len(frames) == 1  # most of room 13 is nearer than a Kinect measures
    assert said[-1].startswith("skipped: scene 13: ")


def test_pairs_are_packed_with_bad_ones_named_file_by_file(tmp_path):
    folder = pair_folder(tmp_path, 6)
    whole = (folder / "depth" / "1.png").read_bytes()
    (folder / "depth" / "1.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((72, 80), 7, np.uint8)).save(folder / "depth" / "2.png")
    Image.fromarray(np.zeros((72, 80), np.uint16)).save(folder / "depth" / "3.png")
    Image.fromarray(np.full((70, 80), 700, np.uint16)).save(folder / "depth" / "4.png")
    for _ in range(2):  # packed, then from the pack
        said = []
        recipe = recipe_of(tmp_path, {"kind": "pairs", "path": "scene"})
        (frames,) = open_training(recipe, said.append)
        assert len(frames) == 2
        bad = [line for line in said if line.startswith("skipped: ")]
        assert len(bad) == 4
        for name, line in zip("1234", bad, strict=True):
            assert name in line
    assert "0 %" in bad[2] or "0%" in bad[2]
    assert "80x70" in bad[3]
    frame = frames[0]
    assert not frame.valid[:8].any()
    assert (frame.depth[:8] > 0).all()


def test_names_without_a_partner_are_told_or_refused(tmp_path):
    folder = pair_folder(tmp_path, 3)
    (folder / "depth" / "2.png").rename(folder / "depth" / "two.png")
    source, said = {"kind": "pairs", "path": "scene"}, []
    (frames,) = open_training(recipe_of(tmp_path, source), said.append)
    assert len(frames) == 2
    assert [line.split("scene/")[1] for line in said if line.startswith("skipped: ")] == [
        "color/2.png: no depth of that name",
        "depth/two.png: no color of that name",
    ]
    said = []
    with pytest.raises(
        EncodepthError, match=r'2\.png: no depth of that name and 1 more \(data\.bad = "refuse"\)'
    ):
        open_training(recipe_of(tmp_path, source, bad="refuse"), said.append)
    assert [line.split("scene/")[1] for line in said] == ["depth/two.png: no color of that name"]


def test_a_wrong_unit_is_told_left_out_or_refused(tmp_path):
    folder = pair_folder(tmp_path, 3)
    path = folder / "depth" / "1.png"
    depth = np.asarray(Image.open(path)).astype(int)
    Image.fromarray((depth * 20).astype(np.uint16)).save(path)  # steps of 0.05 mm, read as 1 mm
    source, doubt = {"kind": "pairs", "path": "scene"}, r"depth/1\.png: .*depth unit"
    for choice, count, start in (("use", 3, "doubtful: "), ("skip", 2, "skipped: ")):
        said = []
        recipe = recipe_of(tmp_path, source, doubtful=choice)
        (frames,) = open_training(recipe, said.append)
        assert len(frames) == count
        assert [bool(re.search(doubt, line)) for line in said if line.startswith(start)] == [True]
    with pytest.raises(EncodepthError, match=rf'{doubt}.*\(data\.doubtful = "refuse"\)'):
        open_training(recipe_of(tmp_path, source, doubtful="refuse"), print)


def test_many_doubtful_pairs_are_counted_after_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr("encodepth.train.frames._DOUBTS", 1)
    folder, said = pair_folder(tmp_path, 3), []
    for path in (folder / "depth").iterdir():
        depth = np.asarray(Image.open(path)).astype(int)
        Image.fromarray((depth * 20).astype(np.uint16)).save(path)
    open_training(recipe_of(tmp_path, {"kind": "pairs", "path": "scene"}), said.append)
    assert said[-1] == "doubtful: 2 more; `encodepth data check` names every one"


def test_larger_color_of_the_same_shape_shrinks_to_depth(tmp_path):
    folder = pair_folder(tmp_path, 1)
    y, x = np.mgrid[:143, :160]  # depth is 80x72: a rounding off
    Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8)).save(folder / "color/0.png")
    (frames,) = open_training(recipe_of(tmp_path, {"kind": "pairs", "path": "scene"}), print)
    assert frames[0].color.shape == (72, 80, 3)
    y, x = np.mgrid[:72, :80] * 2 + 0.5
    expected = np.stack([x, y, 255 - x], -1)
    assert np.abs(frames[0].color - expected).max() < 1.5


def test_depth_range_follows_the_recipe(tmp_path):
    pair_folder(tmp_path, 1)
    source = {"kind": "pairs", "path": "scene"}
    (own,) = open_training(recipe_of(tmp_path, source), print)
    (thesis,) = open_training(recipe_of(tmp_path, source, depth_range="65535"), print)
    assert (thesis[0].low, thesis[0].high) == (0, 65535)
    assert own[0].low >= 900
    assert own[0].high < 3000


def test_validation_pictures_are_cut_from_the_centre(tmp_path):
    pair_folder(tmp_path, 2)
    source = {"kind": "pairs", "path": "scene"}
    (found,) = open_validation(recipe_of(tmp_path, source, validation_size=[64, 640]), print)
    assert [f.size for f in found.frames] == [(64, 64)] * 2
    y, x = np.mgrid[:100, :300]
    frame = centre(Frame(depth=(y * 300 + x).astype(np.uint16)), (448, 128))
    assert frame.size == (64, 128)
    assert frame.depth[0, 0] == 18 * 300 + 86


def test_the_files_of_a_recipe_taken_elsewhere_are_the_same_data(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for i in range(7):
        pair_folder(here / f"osd_mosd_test{i}" / "x", 1)
    pair_folder(here / "osd_mosd_test", 1)
    for kind in ("color", "depth"):  # a frame that may not be trained on, in the middle
        folder = here / "osd_mosd_test" / "scene" / kind
        folder.rename(here / "osd_mosd_test" / kind)
        picture = here / "osd_mosd_test" / kind / "0.png"
        for name in ("000063", "000064", "000065"):
            (picture.parent / f"{name}.png").write_bytes(picture.read_bytes())
    source = {"kind": "pairs", "path": "osd*", "every": 2}
    recipe = recipe_of(here, source)
    for file in source_files(recipe):
        copy = there / file.relative_to(here)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    kept = open_training(recipe, lambda _: None)
    moved = open_training(recipe_of(there, source), lambda _: None)
    assert fingerprint(kept) == fingerprint(moved)
    assert len(list((there / "osd_mosd_test").rglob("*.png"))) >= 6


def test_frames_kept_for_judging_are_never_trained_on(tmp_path):
    pair_folder(tmp_path, 3)
    (tmp_path / "scene").rename(tmp_path / "tum_fr1_desk_9")
    source = {"kind": "pairs", "path": "tum_fr1_desk_9"}
    with pytest.raises(EncodepthError, match=r"tum_fr1_desk_9: no usable pair"):
        open_training(recipe_of(tmp_path, source), lambda _: None)
