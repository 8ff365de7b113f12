"""Recordings in torch: every sample once, the same in any worker, decoded no more than needed."""

from __future__ import annotations

import io
import pickle
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from torch.utils.data import DataLoader  # noqa: E402

from encodepth import CorruptFileError, InvalidSettingError, Reader, RgbdImage, Writer  # noqa: E402
from encodepth.errors import EncodepthError, InvalidImageError  # noqa: E402
from encodepth.frame import Intrinsics  # noqa: E402
from encodepth.sequence.cache import GroupCache  # noqa: E402
from encodepth.sequence.group import DecodedGroup  # noqa: E402
from encodepth.torch import Decoder, GroupSampler, Recordings, Stream, collate  # noqa: E402

NS = 1_000_000_000
HEIGHT, WIDTH = 24, 32


def image(i: int, recording: int = 0, color: bool = True) -> RgbdImage:
    """Depth that tells recording and frame, with one hole."""
    depth = np.full((HEIGHT, WIDTH), 1000 + 100 * recording + i, np.uint16)
    depth[2, 3] = 0
    seen = np.full((HEIGHT, WIDTH, 3), 7 * i + recording, np.uint8) if color else None
    return RgbdImage(seen, depth, 0.001, Intrinsics(30.0, 31.0, 15.5, 11.5))


def record(path: Path, frames: int = 10, recording: int = 0, color: bool = True, **more) -> Path:
    settings = {"key_interval": 4, "rate": 30, "effort": 1, "lossless": "depth"} | more
    with Writer(path, **settings) as writer:
        for i in range(frames):
            pose = np.eye(4)
            pose[0, 3] = i
            writer.append(image(i, recording, color), pose=pose)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("recordings")
    record(place / "a.rgbd", 10, 0)
    (place / "more").mkdir()
    record(place / "more" / "b.rgbd", 7, 1)
    return place


def who(sample) -> tuple[int, int]:
    """Return recording and frame, by the depth itself."""
    steps = torch.round(sample["depth"].amax() * 1000).int().item() - 1000
    found = steps // 100, steps % 100
    assert found == (int(sample["recording"]), int(sample["index"]))
    return found


EVERY = [(0, i) for i in range(10)] + [(1, i) for i in range(7)]


def test_a_sample_is_a_frame_as_tensors(folder):
    data = Recordings(folder, keys=("color", "depth", "valid", "time", "camera", "pose"))
    assert len(data) == 17
    own, sample = image(3), data[3]
    assert sample["depth"].dtype == torch.float32
    assert torch.equal(sample["depth"][0], torch.from_numpy((own.depth / 1000).astype(np.float32)))
    assert torch.equal(sample["valid"][0], torch.from_numpy(own.depth > 0))
    assert sample["color"].shape == (3, HEIGHT, WIDTH)
    assert sample["color"].dtype == torch.uint8
    assert sample["time"] == round(3 * NS / 30)
    assert sample["camera"].tolist() == [30.0, 31.0, 15.5, 11.5]
    assert sample["pose"][0, 3] == 3
    sample["color"].zero_()  # the caller's own
    assert data[3]["color"].any()


def test_forms_of_color_and_depth_are_as_asked(folder):
    data = Recordings(folder / "a.rgbd", color="float32", depth="mm", hole=10.0)
    sample = data[-1]
    assert sample["depth"].max() == 1009
    assert sample["depth"].min() == 10
    assert 0 <= sample["color"].min() <= sample["color"].max() <= 1
    for wrong in ({"color": "float16"}, {"depth": "cm"}, {"keys": ("colour",)}, {"clip": 0}):
        with pytest.raises(InvalidSettingError):
            Recordings(folder, **wrong)
    with pytest.raises(InvalidSettingError, match="leave one out"):
        Recordings(folder, clip=2, deltas=(0.0,))


def test_depth_comes_as_the_steps_that_were_recorded(folder):
    with Reader(folder / "a.rgbd") as reader:
        steps = reader[3].image.depth
    found = Recordings(folder / "a.rgbd", depth="steps")[3]["depth"]
    assert found.dtype == torch.uint16
    assert np.array_equal(found[0].numpy(), steps)
    with pytest.raises(InvalidSettingError, match="holes of depth in steps are 0"):
        Recordings(folder, depth="steps", hole=-1.0)


def test_files_are_found_by_name_pattern_folder_list_and_url(folder):
    pytest.importorskip("fsspec", reason="needs encodepth[url]")
    a, b = folder / "a.rgbd", folder / "more" / "b.rgbd"
    for where in (folder, [a, b], f"{folder}/**/*.rgbd", f"file://{folder}", [f"file://{a}", b],
                  f"file://{folder}/**/*.rgbd"):  # fmt: skip
        data = Recordings(where)
        assert [Path(name).name for name in data.files] == ["a.rgbd", "b.rgbd"]
        assert [who(data[i]) for i in (16, 0, 9, 10)] == [(1, 6), (0, 0), (0, 9), (1, 0)]
    with pytest.raises(EncodepthError, match=r"no \.rgbd file at"):
        Recordings(folder / "*.mp4")
    with pytest.raises(EncodepthError, match="does not exist"):
        Recordings(folder / "c.rgbd")


def test_what_is_no_recording_is_left_out_of_a_folder_and_refused_by_name(tmp_path):
    record(tmp_path / "a.rgbd")
    (tmp_path / "b.rgbd").write_bytes(b"not one")
    data = Recordings(tmp_path)
    assert len(data.files) == 1
    assert "b.rgbd" in data.problems[0]
    with pytest.raises(CorruptFileError):
        Recordings(tmp_path / "b.rgbd")


def test_a_lost_chunk_costs_its_frames_and_clips_do_not_cross_it(tmp_path):
    data = bytearray(record(tmp_path / "a.rgbd", 12).read_bytes())
    entry = Reader(bytes(data)).container.chunks[1]
    data[entry.offset + 2] ^= 1  # the prefix; without an index the chunk is not found
    (tmp_path / "a.rgbd").write_bytes(bytes(data[:-16]))
    found = Recordings(tmp_path)
    assert [int(sample["index"]) for sample in found] == [0, 1, 2, 3, 8, 9, 10, 11]
    assert found.problems
    clips = Recordings(tmp_path, clip=3)
    assert [clip["index"][0] for clip in clips] == [0, 1, 8, 9]
    assert clips[2]["index"].tolist() == [8, 9, 10]


def test_clips_and_deltas(folder):
    clips = Recordings(folder, clip=3, stride=2)
    assert len(clips) == 6 + 3
    assert clips[0]["depth"].shape == (3, 1, HEIGHT, WIDTH)
    assert clips[5]["index"].tolist() == [5, 7, 9]
    assert clips[6]["index"].tolist() == [0, 2, 4]
    assert clips[6]["recording"].tolist() == [1, 1, 1]
    around = Recordings(folder, deltas=(-2 / 30, 0.0, 1 / 30))
    assert len(around) == 17
    assert around[1]["index"].tolist() == [0, 1, 2]
    assert around[1]["pad"].tolist() == [True, False, False]
    assert around[9]["index"].tolist() == [7, 9, 9]
    assert around[9]["pad"].tolist() == [False, False, True]


def test_a_missing_plane_is_named(tmp_path):
    record(tmp_path / "a.rgbd")
    record(tmp_path / "b.rgbd", color=False)
    assert "color" not in Recordings(tmp_path / "b.rgbd")[0]
    with pytest.raises(InvalidSettingError, match=r"b\.rgbd has no color; leave it out of keys="):
        Recordings(tmp_path)
    assert len(Recordings(tmp_path, keys=("depth",))) == 20
    with Writer(tmp_path / "c.rgbd", rate=30, effort=1) as writer:
        writer.append(image(0))
        writer.append(image(1, color=False))
    with pytest.raises(InvalidImageError, match=r"frame 1 of .*c\.rgbd has no color"):
        Recordings(tmp_path / "c.rgbd")[1]


def doubled(sample):
    return sample | {"depth": sample["depth"] * 2}


def test_workers_forked_and_spawned_give_the_same(folder):
    data = Recordings(folder, transform=doubled)
    here = [data[i]["depth"] for i in range(len(data))]  # and the cache is warm before the fork
    for way, workers in (("fork", 2), ("spawn", 1)):
        loader = DataLoader(data, batch_size=None, num_workers=workers, multiprocessing_context=way)
        there = [sample["depth"] for sample in loader]
        assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))
    assert torch.equal(pickle.loads(pickle.dumps(data))[4]["depth"], here[4])


def test_a_stream_gives_every_sample_once_in_another_order_each_epoch(folder):
    stream = Stream(Recordings(folder), seed=3, buffer=2)
    orders = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        orders.append([who(sample) for sample in stream])
        assert sorted(orders[-1]) == EVERY
    assert orders[0] == orders[2] != orders[1]
    assert orders[0] != EVERY
    plain = Stream(Recordings(folder), shuffle=False)
    assert [who(sample) for sample in plain] == EVERY


def test_workers_and_ranks_share_a_stream_without_doubles(folder):
    data, seen = Recordings(folder), []
    for rank in (0, 1):
        stream = Stream(data, seed=1, rank=rank, world=2)
        loader = DataLoader(stream, batch_size=2, num_workers=2, persistent_workers=True)
        epochs = []
        for epoch in (0, 1):
            stream.set_epoch(epoch)
            epochs.append([
                pair for batch in loader
                for pair in zip(batch["recording"].tolist(), batch["index"].tolist(), strict=True)
            ])  # fmt: skip
            assert len(epochs[-1]) == len(stream)
        assert epochs[0] != epochs[1]
        seen += epochs[0]
    assert sorted(seen) == EVERY


def test_a_stream_decodes_every_frame_once_if_the_cache_is_small(folder, monkeypatch):
    decoded, real = [], DecodedGroup._planes

    def counted(self, number, run):
        for plane in real(self, number, run):
            decoded.append(number)
            yield plane

    def late(self, key, make):
        """Let threads come in another order than they were asked in."""
        if threading.current_thread() is not threading.main_thread():
            time.sleep(chance.uniform(0, 0.003))
        return get(self, key, make)

    chance, get = random.Random(1), GroupCache.get
    monkeypatch.setattr(GroupCache, "get", late)
    monkeypatch.setattr(DecodedGroup, "_planes", counted)
    group = 4 * HEIGHT * WIDTH * 5
    for groups in (0, 2, 8):
        decoded.clear()
        data = Recordings(folder, cache=groups * group)
        assert len(list(Stream(data, buffer=4))) == 17
        assert len(decoded) == 2 * 17
    data = Recordings(folder / "a.rgbd", cache=0)
    decoded.clear()
    assert [int(data[i]["index"]) for i in (3, 4, 3)] == [3, 4, 3]
    assert decoded.count(0) == 4 + 1 + 4  # colour, from the key frame on
    assert decoded.count(1) == 3  # exact depth, which leans on nothing before


def test_a_batch_of_more_recordings_than_stay_open_opens_each_once(tmp_path, monkeypatch):
    monkeypatch.setattr("encodepth.torch.recordings._OPEN", 8)
    for i in range(24):
        record(tmp_path / f"{i:02}.rgbd", 8, 0)
    data, opened, begin = Recordings(tmp_path, clip=8), [], Reader.__init__

    def counted(self, *arguments, **named):
        opened.append(arguments[0])
        begin(self, *arguments, **named)

    monkeypatch.setattr(Reader, "__init__", counted)
    batch = data.__getitems__(range(24))
    assert [int(sample["recording"][0]) for sample in batch] == list(range(24))
    assert len(opened) == len(set(opened)) == 24


def test_a_sampler_gives_each_worker_groups_of_its_own(folder, monkeypatch):
    group = 4 * HEIGHT * WIDTH * 5
    data = Recordings(folder, cache=4 * group)
    sampler = GroupSampler(data, batch_size=2, workers=2, seed=3)
    order = list(sampler)
    assert sorted(order) == list(range(17)) != order
    assert len(sampler) == 17
    which = {i: n for n, held in enumerate(data.groups()) for i in held.samples}
    batches = [order[k : k + 2] for k in range(0, 12, 2)]
    mine, other = (
        {which[i] for batch in batches[w::2] for i in batch} for w in range(2)
    )  # before one of them is at its end
    assert not mine & other
    loader = DataLoader(data, batch_size=2, sampler=sampler)
    assert sum(len(batch["index"]) for batch in loader) == 17
    sampler.set_epoch(1)
    assert list(sampler) != order


def test_threads_give_what_one_gives_and_hand_on_what_fails(folder, tmp_path):
    one, two = (Recordings(folder, threads=n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert all(torch.equal(a[key], b[key]) for key in a if key != "camera")
    batch = two.__getitems__([9, 0, 16, 9])
    assert [who(sample) for sample in batch] == [(0, 9), (0, 0), (1, 6), (0, 9)]
    damaged = bytearray((folder / "a.rgbd").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "a.rgbd").write_bytes(damaged)
    with pytest.raises(CorruptFileError):
        list(Stream(Recordings(tmp_path / "a.rgbd"), threads=2))


def test_a_cache_holds_what_its_limit_says_and_serves_several_readers(folder):
    cache = GroupCache(100_000)
    readers = [Reader(folder / name, cache=cache) for name in ("a.rgbd", "more/b.rgbd")]
    for i in (0, 5, 6, 0, 4):
        for reader in readers:
            assert reader[i].number == i
            assert 0 < cache.bytes <= 100_000
    for reader in readers:
        reader.close()
    assert cache.bytes == 0


def test_bytes_of_any_kind_are_read(folder):
    data = (folder / "a.rgbd").read_bytes()
    from encodepth import Codec

    still = Codec().encode(image(2), lossless="both", effort=1)
    kinds = (bytes, bytearray, memoryview, np.void, lambda b: np.frombuffer(b, np.uint8),
             lambda b: np.frombuffer(b + b, np.uint8).reshape(2, -1)[0])  # fmt: skip
    for kind in kinds:
        assert np.array_equal(Reader(kind(data))[5].image.depth, image(5).depth)
        assert np.array_equal(Codec().decode(kind(still)).depth, image(2).depth)
    with pytest.raises(InvalidSettingError, match="got int"):
        Reader(5)


def test_bytes_from_hdf5_and_lmdb_are_read(folder, tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs encodepth[data]")
    data = (folder / "a.rgbd").read_bytes()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["array"], file["opaque"] = np.frombuffer(data, np.uint8), np.void(data)
        for name in ("array", "opaque"):
            assert len(Reader(file[name][()])) == 10
    lmdb = pytest.importorskip("lmdb", reason="needs lmdb")
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 24) as env:
        with env.begin(write=True) as change:
            change.put(b"a", data)
        with env.begin(buffers=True) as look:
            assert np.array_equal(Reader(look.get(b"a"))[5].image.depth, image(5).depth)


def test_bytes_from_tfrecord_are_read(folder, tmp_path):
    records = pytest.importorskip("tfrecord", reason="needs tfrecord")
    writer = records.writer.TFRecordWriter(str(tmp_path / "a.tfrecord"))
    for name in ("a.rgbd", "more/b.rgbd"):
        writer.write({"run": ((folder / name).read_bytes(), "byte")})
    writer.close()
    found = [*records.tfrecord_loader(str(tmp_path / "a.tfrecord"), None, {"run": "byte"})]
    assert [len(Reader(entry["run"])) for entry in found] == [
        len(Reader(folder / name)) for name in ("a.rgbd", "more/b.rgbd")
    ]
    assert np.array_equal(Reader(found[0]["run"])[5].image.depth, image(5).depth)


def test_the_decoder_serves_pictures_and_recordings(folder):
    from encodepth import encode

    decoder = pickle.loads(pickle.dumps(Decoder(depth="mm")))
    still = encode(image(2), lossless="both", effort=1)
    sample = decoder(".rgbd", still)
    assert sample["depth"][0, 0, 0] == 1002
    assert torch.equal(sample["color"], torch.full((3, HEIGHT, WIDTH), 14, dtype=torch.uint8))
    assert decoder(".left.rgbd", still).keys() == sample.keys()
    clip = decoder("rgbd", (folder / "a.rgbd").read_bytes())
    assert clip["depth"].shape == (10, 1, HEIGHT, WIDTH)
    assert clip["index"].tolist() == list(range(10))
    assert decoder(".png", b"") is None
    with pytest.raises(InvalidImageError, match="has no infrared"):
        Decoder(keys=("infrared",))(".rgbd", still)


def test_webdataset_itself_takes_the_decoder(folder, tmp_path):
    wds = pytest.importorskip("webdataset", reason="needs webdataset")
    from encodepth import encode

    with wds.TarWriter(str(tmp_path / "a.tar")) as tar:
        for i in range(3):
            tar.write({"__key__": f"{i}", "rgbd": encode(image(i), lossless="both", effort=1),
                       "cls": str(i).encode()})  # fmt: skip
    data = wds.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False).decode(Decoder(depth="mm"))
    loader = DataLoader(data, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    found = list(loader)
    assert [int(sample["rgbd"]["depth"].max()) for sample in found] == [1000, 1001, 1002]
    assert [sample["cls"] for sample in found] == [0, 1, 2]


def alike(a, b) -> bool:
    """Whether two batches are the same, all the way down."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == b


def test_collating_is_torch_s_own(folder):
    from torch.utils.data import default_collate

    data = Recordings(folder, keys=("color", "depth", "valid", "time", "camera", "pose"), clip=2)
    samples = [data[i] for i in (3, 0, 5)]
    assert alike(collate(samples), default_collate(samples))
    more = [{"name": "a", "inner": {"x": torch.ones(2)}, "n": 3, "d": sample} for sample in samples]
    assert alike(collate(more), default_collate(more))
    assert alike(collate([(1, "a"), (2, "b")]), default_collate([(1, "a"), (2, "b")]))
    mixed = [{"x": torch.ones(2)}, {"x": torch.ones(3)}]
    with pytest.raises(RuntimeError, match="equal size"):
        collate(mixed)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_keep_what_is_in_them(folder, workers):
    data = Recordings(folder)
    loader = DataLoader(data, batch_size=3, collate_fn=collate, num_workers=workers)
    batches = list(loader)  # all held at once, so no memory is used twice
    expected = list(DataLoader(data, batch_size=3))
    assert all(alike(a, b) for a, b in zip(batches, expected, strict=True))


def test_a_batch_gives_its_memory_to_the_next():
    made = [{"x": torch.full((1, 512, 512), float(i))} for i in range(2)]
    batch = collate(made)
    assert batch["x"].shape == (2, 1, 512, 512)
    place = batch["x"].data_ptr()
    del batch
    assert collate(made)["x"].data_ptr() == place


def test_torch_is_imported_by_this_package_alone():
    code = "import sys, encodepth, encodepth.codec, encodepth.sequence.reader; " \
           "sys.exit('torch' in sys.modules)"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_recording_in_memory_is_read_from_an_open_file(folder):
    assert len(Reader(io.BytesIO((folder / "a.rgbd").read_bytes()))) == 10
