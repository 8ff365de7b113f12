"""LeRobot datasets: read as the package reads them, but for holes, and loaded again as it does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from encodepth import Reader, open_dataset
from encodepth.errors import EncodepthError, InvalidSettingError
from encodepth.io import lerobot_planes
from encodepth.io.lerobot import is_lerobot, open_lerobot
from encodepth.io.lerobot_back import restore
from encodepth.io.lerobot_planes import Codes
from encodepth.io.lerobot_video import to_codes
from encodepth.io.lerobot_write import convert
from lerobot_trees import (
    COLOR,
    DEPTH,
    FPS,
    QUANTISED,
    color_of,
    depth_of,
    feature,
    image_tree,
    tables,
    video_tree,
)
from shared import SHARED

WRITTEN = SHARED / "data" / "lerobot"
NS = 1_000_000_000


@pytest.fixture(scope="module")
def packages() -> None:
    pytest.importorskip("pyarrow", reason="needs encodepth[lerobot]")
    pytest.importorskip("av", reason="needs encodepth[lerobot]")


@pytest.fixture(scope="module")
def tree(packages, tmp_path_factory) -> Path:
    return video_tree(tmp_path_factory.mktemp("lerobot") / "data")


@pytest.fixture(scope="module")
def made(tree, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "out"
    run("encode", tree, "--out-dir", folder, "--effort", "1", "--quality", "90")
    return folder


def run(*arguments: object) -> str:
    """Run the command; return what it says on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "encodepth.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_codes_are_depth_in_steps_and_code_0_is_a_hole():
    codes = Codes()
    assert codes.unit == 0.001
    assert codes.steps[0] == 0
    assert codes.steps[4095] == 10000
    assert (np.diff(codes.steps.astype(int)) > 0).all()
    # quantised in the logarithm, every depth comes back within half of its own code's width
    mm = np.arange(10, 10001)
    place = np.log((mm / 1000 + 3.5) / 3.51) / np.log(13.5 / 3.51)
    back = codes.steps[np.rint(4095 * place).astype(int)]
    assert np.abs(back[1:].astype(int) - mm[1:]).max() <= 3
    assert Codes(far=2.0, log=False).unit == 0.0002  # 1 mm would make neighbours one
    assert Codes(far=100.0).unit == 0.002
    for wrong in ({"far": 0.0}, {"near": -1.0}, {"near": 0.0, "shift": 0.0}, {"shift": "a"}):
        with pytest.raises(EncodepthError, match="make no sense"):
            Codes(**wrong)


def test_episodes_are_frames_with_times_units_and_notes(tree):
    data = open_lerobot(tree)
    (view,) = data.views
    assert (view.name, view.color.key, view.depth.key) == ("top", COLOR, DEPTH)
    assert "use_log" in str(view.depth.unit_source)
    assert "camera unknown" in data.words(view)
    for episode, count in enumerate((4, 3)):
        frames = list(data.frames(episode, view))
        assert [f.time for f in frames] == [round(i * NS / FPS) for i in range(count)]
        for i, frame in enumerate(frames):
            codes = depth_of(episode, i)
            assert np.array_equal(frame.image.depth, Codes(*QUANTISED.values()).steps[codes])
            assert not frame.image.depth[0].any()
            assert abs(frame.image.color.astype(int) - color_of(episode, i)).max() <= 3
            assert [note.pixels for note in frame.image.notes] == [64, 64]


@pytest.mark.parametrize("metres", [False, True])
def test_tiff_depth_in_parquet_keeps_every_value(packages, tmp_path, metres):
    data = open_lerobot(image_tree(tmp_path / "data", metres=metres))
    frames = list(data.frames(0, data.views[0]))
    for i, frame in enumerate(frames):
        assert frame.image.depth_unit == 0.001
        assert np.array_equal(frame.image.depth, depth_of(0, i))
        assert np.array_equal(frame.image.color, color_of(0, i))


def test_a_depth_map_is_never_taken_for_colour(packages, tmp_path):
    features = {
        "observation.images.depth": feature("video", 3),
        "observation.images.grey": feature("video", 1),
        "observation.images.left": feature("video", 3),
        "observation.images.right": feature("video", 3),
        "observation.images.left_depth": feature("video", 1, is_depth_map=True),
    }
    tables(tmp_path, (2,), features, video_path="{video_key}.mp4")
    data = open_lerobot(tmp_path)
    held = {view.name: tuple(view.planes) for view in data.views}
    assert held == {"left": ("color", "depth"), "right": ("color",)}
    said = "\n".join(map(str, data.problems))
    assert '"observation.images.depth" is left out: nothing says that it is a depth map' in said
    assert '"observation.images.grey" is left out' in said
    assert 'of "observation.images.left_depth" assumed: LeRobot\'s defaults' in said
    with pytest.raises(EncodepthError, match=r"left\.mp4 cannot be read"):
        list(data.frames(0, data.views[1 - 1]))


def test_other_versions_folders_and_missing_packages_are_named(packages, tmp_path, monkeypatch):
    assert not is_lerobot(tmp_path)
    with pytest.raises(EncodepthError, match="is no LeRobot dataset"):
        open_lerobot(tmp_path)
    tables(tmp_path / "old", (1,), {COLOR: feature("video", 3)}, "{video_key}.mp4", version="v2.1")
    with pytest.raises(EncodepthError, match=r"version v2\.1; this build reads v3\.x"):
        open_lerobot(tmp_path / "old")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EncodepthError, match=r"the package pyarrow; pip install 'encodepth\[lero"):
        lerobot_planes.need("pyarrow")


def test_the_command_makes_a_recording_an_episode_beside_copies(tree, made):
    for episode, count in enumerate((4, 3)):
        with Reader(made / f"recordings/top/episode-{episode:06d}.rgbd") as reader:
            assert len(reader) == count
            assert reader.metadata["lerobot.depth"] == DEPTH
            for i, frame in enumerate(reader):
                assert np.array_equal(frame.image.depth, Codes().steps[depth_of(episode, i)])
    for name in ("meta/info.json", "data/chunk-000/file-000.parquet", "meta/tasks.parquet"):
        assert (made / name).read_bytes() == (tree / name).read_bytes()
    assert not (made / "videos").exists()
    said = run("encode", tree, "--out-dir", made, "--effort", "1", "--quality", "90")
    assert "2 recordings, 2 made before and left" in said
    done = subprocess.run(
        [sys.executable, "-m", "encodepth.cli.main", "encode", tree, "--out-dir", made],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "was made of other data or settings; use -f or another" in done.stderr


def test_an_episode_is_something_that_can_be_recorded(tree):
    from encodepth.io.recordings import Given, open_recordable

    found, problems = open_recordable(tree)
    assert [(one.name, one.count) for one in found] == [
        ("top/episode-000000", 4), ("top/episode-000001", 3)
    ]  # fmt: skip
    assert not problems
    assert "use_log" in found[1].words
    frames = list(found[1].read(range(1, 3)))
    assert [frame.time for frame in frames] == [round(i * NS / FPS) for i in (1, 2)]
    assert np.array_equal(frames[0].image.depth, Codes().steps[depth_of(1, 1)])
    with pytest.raises(InvalidSettingError, match="rate has no meaning for LeRobot"):
        open_recordable(tree, Given(rate=5))


INFO_LACKS = [
    (lambda info: info.pop("fps"), "says no usable fps"),
    (lambda info: info.pop("features"), "says no usable features"),
    (lambda info: info.pop("data_path"), "says no usable data_path"),
    (lambda info: info["features"][DEPTH].pop("shape"), "has shape None"),
    (lambda info: info["features"][DEPTH]["info"].update(depth_unit="cm"), "expected m or mm"),
]


@pytest.mark.parametrize(("edit", "message"), INFO_LACKS, ids=lambda x: x if x is str else "")
def test_what_info_lacks_is_named(packages, tmp_path, edit, message):
    tree = image_tree(tmp_path / "data")
    info = json.loads((tree / "meta/info.json").read_text())
    edit(info)
    (tree / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(EncodepthError, match=message):
        open_lerobot(tree)


def test_a_dataset_without_its_info_is_one_all_the_same(packages, tmp_path):
    tree = image_tree(tmp_path / "data")
    for left in ("{", None):
        (tree / "meta/info.json").write_text(left) if left else (tree / "meta/info.json").unlink()
        assert is_lerobot(tree)
        with pytest.raises(EncodepthError, match=r"without meta/info\.json that can be read"):
            open_lerobot(tree)


def test_whole_numbers_are_not_metres(packages, tmp_path):
    tree = image_tree(tmp_path / "data")
    info = json.loads((tree / "meta/info.json").read_text())
    info["features"][DEPTH]["info"]["depth_unit"] = "m"
    (tree / "meta/info.json").write_text(json.dumps(info))
    data = open_lerobot(tree)
    with pytest.raises(EncodepthError, match=r"holds whole numbers, and info\.json says metres"):
        list(data.frames(0, data.views[0]))


@pytest.mark.parametrize("make", [video_tree, image_tree])
def test_recordings_go_back_to_the_dataset(packages, tmp_path, make):
    import pyarrow.parquet as pq

    tree, small, back = make(tmp_path / "data"), tmp_path / "small", tmp_path / "back"
    convert(open_lerobot(tree), small, effort=1, quality=90)
    said = run("decode", small, "-o", back)
    ours, theirs = open_lerobot(back), open_lerobot(tree)
    assert f"{len(theirs.episodes)} episodes of" in said
    assert ours.info == theirs.info
    for episode in range(len(theirs.episodes)):
        pairs = zip(
            ours.frames(episode, ours.views[0]),
            theirs.frames(episode, theirs.views[0]),
            strict=True,
        )
        for a, b in pairs:
            assert (a.time, a.image.depth_unit) == (b.time, b.image.depth_unit)
            assert np.array_equal(a.image.depth, b.image.depth)
            assert abs(a.image.color.astype(int) - b.image.color).max() <= 8
    rows = "data/chunk-000/file-000.parquet"
    a, b = (pq.read_table(root / rows) for root in (back, tree))
    numbers = [name for name in b.column_names if "images" not in name]
    assert set(a.column_names) == set(b.column_names)
    assert a.select(numbers).equals(b.select(numbers))
    with pytest.raises(EncodepthError, match="is a LeRobot dataset; use -f"):
        restore(small, back)
    (next(small.rglob("*.rgbd"))).unlink()
    with pytest.raises(EncodepthError, match="does not exist"):
        restore(small, tmp_path / "other")


def test_every_code_of_depth_comes_back_as_itself():
    for codes in (Codes(), Codes(far=2.0, log=False), Codes(far=100.0)):
        every = np.arange(4096, dtype=np.uint16).reshape(64, 64)
        image = codes.image(every)
        again = to_codes(image, codes)
        assert np.array_equal(codes.steps[again], image.depth)
        assert np.array_equal(again == 0, every == 0)


def test_parquet_is_copied_without_its_pictures(packages, tmp_path):
    import pyarrow.parquet as pq

    data = open_lerobot(image_tree(tmp_path / "data"))
    made = convert(data, tmp_path / "out", effort=1, max_depth_error=5)
    assert [m.frames for m in made] == [3]
    names = pq.read_schema(tmp_path / "out/data/chunk-000/file-000.parquet").names
    assert names == ["action", "timestamp", "frame_index", "episode_index", "index", "task_index"]
    depth = Reader(made[0].path)[1].image.depth.astype(int)
    assert 0 < np.abs(depth - depth_of(0, 1)).max() <= 5
    with pytest.raises(EncodepthError, match="is a LeRobot dataset itself"):
        convert(data, tmp_path / "data", effort=1)


def test_samples_are_lerobots_in_keys_shapes_and_types(made):
    torch = pytest.importorskip("torch", reason="needs torch")
    from torch.utils.data import DataLoader

    from encodepth.torch import LeRobot

    data = LeRobot(made, depth_output_unit="m")
    assert (len(data), data.num_episodes) == (7, 2)
    sample = data[5]
    assert sample["task"] == "look"
    assert sample[COLOR].shape == (3, 48, 64)
    assert sample[COLOR].max() <= 1
    assert sample[DEPTH].shape == (1, 48, 64)
    own = (Codes().steps[depth_of(1, 1)] / 1000).astype(np.float32)
    assert torch.equal(sample[DEPTH][0], torch.from_numpy(own))
    assert sample["action"].tolist() == [1.0, 1.0]
    assert sample["timestamp"].dtype == torch.float32
    assert (sample["frame_index"], sample["episode_index"], sample["index"]) == (1, 1, 5)
    around = LeRobot(made, delta_timestamps={DEPTH: [-0.1, 0.0, 0.1], "action": [-0.2]}, hole=10)
    for sample in DataLoader(around, batch_size=None, num_workers=1):
        assert sample[DEPTH].shape == (3, 1, 48, 64)
        assert sample[DEPTH].min() == 10
    assert around[4][f"{DEPTH}_is_pad"].tolist() == [True, False, False]
    assert around[4]["action"].tolist() == [[1.0, 0.0]]
    assert around[4]["action_is_pad"].tolist() == [True]
    one = LeRobot(made, episodes=[1], return_uint8=True)
    assert (len(one), one[0]["episode_index"], one[0][COLOR].dtype) == (3, 1, torch.uint8)
    with pytest.raises(InvalidSettingError, match=r"delta 0\.05 s of .* is no multiple of 1/10 s"):
        LeRobot(made, delta_timestamps={DEPTH: [0.05]})
    with pytest.raises(EncodepthError, match=r"has no meta/encodepth\.json"):
        LeRobot(made / "meta")


@pytest.mark.skipif(not WRITTEN.is_dir(), reason="needs ../shared/data/lerobot")
def test_what_the_package_wrote_is_the_cameras_depth_within_its_own_step(packages):
    folder = SHARED / "data/sequences/val/realsense_taeyoung_office"
    data = open_lerobot(WRITTEN / "office_video")
    tiff = open_lerobot(WRITTEN / "office_tiff")
    pairs = open_dataset(folder).pairs
    frames = zip(pairs, data.frames(0, data.views[0]), tiff.frames(0, tiff.views[0]), strict=False)
    for pair, frame, exact in list(frames)[:2]:
        own = pair.load().depth
        assert np.array_equal(exact.image.depth, own)
        near = (own > 10) & (own < 10000)
        off = np.abs(frame.image.depth.astype(int) - own)[near]
        assert off.max() <= 3
        assert np.array_equal(frame.image.depth == 0, own < 11)
        assert (frame.image.depth[own > 10000] == 10000).all()


@pytest.mark.skipif(not WRITTEN.is_dir(), reason="needs ../shared/data/lerobot")
@pytest.mark.parametrize("name", ["office_video", "office_tiff"])
def test_the_package_opens_what_goes_back(packages, tmp_path, name):
    sets = pytest.importorskip("lerobot.datasets.lerobot_dataset", reason="needs lerobot")
    torch = pytest.importorskip("torch")
    convert(open_lerobot(WRITTEN / name), tmp_path / "small", effort=1)
    restore(tmp_path / "small", tmp_path / "back")
    ours, theirs = (
        sets.LeRobotDataset("a/b", root=root, video_backend="pyav")
        for root in (tmp_path / "back", WRITTEN / name)
    )
    assert len(ours) == len(theirs)
    for i in range(len(theirs)):
        a, b = ours[i], theirs[i]
        assert a.keys() == b.keys()
        for key in (k for k in b if k != "task"):
            assert (a[key].dtype, a[key].shape) == (b[key].dtype, b[key].shape)
            assert key == "observation.images.cam" or torch.equal(a[key], b[key]), key
        off = a["observation.images.cam"] - b["observation.images.cam"]
        assert off.square().mean() < 0.002  # coded twice, once at our default


@pytest.mark.skipif(not WRITTEN.is_dir(), reason="needs ../shared/data/lerobot")
def test_samples_equal_those_of_the_package_itself(packages, tmp_path):
    sets = pytest.importorskip("lerobot.datasets.lerobot_dataset", reason="needs lerobot")
    torch = pytest.importorskip("torch")
    from encodepth.torch import LeRobot

    for name, hole in (("office_video", 10.0), ("office_tiff", 0.0)):
        convert(open_lerobot(WRITTEN / name), tmp_path / name, effort=1)
        deltas = {DEPTH.replace("top", "cam"): [-1 / 30, 0, 1 / 30], "action": [-2 / 30, 0]}
        how = {"delta_timestamps": deltas, "depth_output_unit": "mm"}
        theirs = sets.LeRobotDataset("a/b", root=WRITTEN / name, video_backend="pyav", **how)
        ours = LeRobot(tmp_path / name, hole=hole, **how)
        assert len(ours) == len(theirs)
        for i in (0, len(ours) - 1):
            a, b = theirs[i], ours[i]
            assert a.keys() == b.keys()
            assert a["task"] == b["task"]
            for key in (k for k in a if k != "task"):
                assert (a[key].dtype, a[key].shape) == (b[key].dtype, b[key].shape)
                assert key == "observation.images.cam" or torch.equal(a[key], b[key]), key


def test_the_plan_says_which_keys_lie_where(made):
    plan = json.loads((made / "meta/encodepth.json").read_text())
    assert plan["views"] == {"top": {"color": COLOR, "depth": DEPTH}}
    assert plan["settings"]["top"]["lossless"] == ["depth"]
