"""What ROS bags and LeRobot cost: frames a second and memory, reading, recording, going back.

    python -m runs.results.adapters [--seconds 60] [--only read record write] [--skip lerobot]

Ten to twenty minutes of one core. Makes bags with rosbags, and LeRobot datasets with pyarrow and
PyAV, of a minute at 640x480 and 30 frames a second (generated Kinect frames, moved from frame to
frame), and measures each step in a process of its own: frames a second of CPU time (all threads of
the process, so other work on the machine hardly counts), frames a second by the clock, the most
memory, and by how much the second half of the frames needed more than the first. Needs some 4 GB
below the folder for temporary files. Writes results/adapters.json.
"""

from __future__ import annotations

import io
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from encodepth import Frame, Reader, RgbdImage, record
from encodepth.evaluate.records import machine_header
from encodepth.io.lerobot import LeRobot, View, open_lerobot
from encodepth.io.lerobot_back import restore
from encodepth.io.lerobot_planes import Codes
from encodepth.io.lerobot_video import as_cell, to_codes, write_video
from encodepth.io.lerobot_write import prepare, record_episode
from encodepth.io.ros.bag import COMPRESSED, IMAGE, NS, definitions
from encodepth.io.ros.compressed import compress_depth
from encodepth.io.ros.images import fields
from encodepth.io.ros.reading import read_bag
from encodepth.io.ros.writing import write_bag
from encodepth.scenes.scene import scene
from encodepth.settings import Settings
from runs.common import RESULTS, keep, options, progress, show

RATE = 30
SCENES = 4
START = 1_700_000_000 * NS
BAGS = {  # name: suffix, form of depth, form of colour
    "MCAP": (".mcap", "16UC1", "rgb8"),
    "MCAP, float depth": (".mcap", "32FC1", "rgb8"),
    "MCAP, RVL and JPEG": (".mcap", "rvl", "jpeg"),
    "ROS 1": (".bag", "16UC1", "rgb8"),
}
RECORDED = ("MCAP", "MCAP, RVL and JPEG")
DATASETS = {"LeRobot, video": "video", "LeRobot, TIFF and PNG": "image"}
COLOR, DEPTH = "observation.images.cam", "observation.images.cam_depth"
VIDEO = {"video.codec": "av1", "video.g": 2, "video.crf": 30, "video.preset": 12}
DEPTH_FACTS = {
    "is_depth_map": True, "depth_unit": "mm",
    "video.depth_min": 0.01, "video.depth_max": 10.0, "video.shift": 3.5, "video.use_log": True,
}  # fmt: skip
EFFORT = 1


def main() -> None:
    parser = options(__doc__, output=RESULTS / "adapters.json")
    parser.add_argument("--seconds", type=float, default=60, help="of each bag")
    parser.add_argument("--skip", nargs="+", default=[], choices=["bags", "lerobot"])
    parser.add_argument("--only", nargs="+", default=["read", "record", "write"])
    args = parser.parse_args()
    steps, count = {*args.only}, round(args.seconds * RATE)
    before = json.loads(args.output.read_text())["rows"] if args.output.exists() else []
    rows = {(row["bag"], row["step"]): row for row in before}  # what is not measured again stays
    with tempfile.TemporaryDirectory(prefix="bags.") as place:
        for row in measured(Path(place), count, steps, {*args.skip}):
            rows[row["bag"], row["step"]] = row
            progress(row)
            held = [*rows.values()]
            keep(args.output, machine_header(rate=RATE, size=[640, 480], rows=held))
    names = list(dict.fromkeys(key for row in rows.values() for key in row))
    show([{key: row.get(key, "") for key in names} for row in rows.values()])


def measured(place: Path, count: int, steps: set[str], skip: set[str]) -> Iterator[dict[str, Any]]:
    """Yield what each step of each adapter costs."""
    for name in () if "bags" in skip else BAGS:
        for row in of_bag(place, name, count, steps):
            yield {"bag": name} | row
    for name, form in {} if "lerobot" in skip else DATASETS.items():
        for row in of_dataset(place / form, form, count, steps):
            yield {"bag": name} | row


def of_bag(place: Path, name: str, count: int, steps: set[str]) -> Iterator[dict[str, Any]]:
    """Yield what each step on a bag costs."""
    bag = place / f"run{BAGS[name][0]}"
    apart(make, bag, name, count)
    if "read" in steps:
        yield {"step": "read"} | apart(read, bag)
    if name in RECORDED and {"record", "write"} & steps:
        made = place / "run.rgbd"
        yield {"step": f"record, effort {EFFORT}"} | apart(code, bag, made)
        if "write" in steps:
            back = place / "back.mcap"
            yield {"step": "write MCAP"} | apart(write, made, back)
            back.unlink()
        made.unlink()
    bag.unlink()


def of_dataset(root: Path, form: str, count: int, steps: set[str]) -> Iterator[dict[str, Any]]:
    """Yield what each step on a LeRobot dataset costs."""
    apart(make_dataset, root, form, count)
    if "read" in steps:
        yield {"step": "read"} | apart(read_dataset, root)
    if {"record", "write"} & steps:
        made = root.with_name(f"{root.name}-small")
        yield {"step": f"record, effort {EFFORT}"} | apart(convert_dataset, root, made)
        if "write" in steps:
            back = root.with_name(f"{root.name}-back")
            yield {"step": "back to LeRobot"} | apart(restore_dataset, made, back)
            shutil.rmtree(back)
        shutil.rmtree(made)
    shutil.rmtree(root)


def make_dataset(root: Path, form: str, count: int) -> None:
    """Write a LeRobot dataset of one episode, laid out as the package does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["height", "width", "channels"]
    color = {"dtype": form, "shape": [480, 640, 3], "names": names, "info": {}}
    depth = {"dtype": form, "shape": [480, 640, 1], "names": names, "info": DEPTH_FACTS}
    info = {
        "codebase_version": "v3.0", "fps": RATE, "features": {COLOR: color, DEPTH: depth},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "total_episodes": 1, "total_frames": count,
    }  # fmt: skip
    episode: dict[str, Any] = {
        "episode_index": 0, "length": count, "data/chunk_index": 0, "data/file_index": 0
    }  # fmt: skip
    for key in (COLOR, DEPTH):
        episode |= {f"videos/{key}/{name}_index": 0 for name in ("chunk", "file")}
        episode |= {f"videos/{key}/from_timestamp": 0.0}
    for folder in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / folder).mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))
    pq.write_table(
        pa.Table.from_pylist([episode]), root / "meta/episodes/chunk-000/file-000.parquet"
    )
    task = pa.table({"task_index": [0], "task": ["look"]})
    pq.write_table(task, root / "meta" / "tasks.parquet")
    if form == "video":
        for key, which in ((COLOR, 0), (DEPTH, 1)):
            own = (
                (to_codes(RgbdImage(None, f[1]), Codes()) if which else f[0], i / RATE)
                for i, f in enumerate(frames(count))
            )
            write_video(root / f"videos/{key}/chunk-000/file-000.mp4", own, VIDEO, RATE)
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("timestamp", pa.float32())]
    columns += [(name, pa.int64()) for name in ("frame_index", "episode_index", "index")]
    columns += [("task_index", pa.int64())]
    columns += [(key, cell) for key in (COLOR, DEPTH) if form == "image"]
    schema = pa.schema(columns)
    with pq.ParquetWriter(root / "data/chunk-000/file-000.parquet", schema) as out:
        for i, (pixels, steps) in enumerate(frames(count)):
            row: dict[str, Any] = {
                "timestamp": i / RATE, "frame_index": i, "episode_index": 0, "index": i,
                "task_index": 0,
            }  # fmt: skip
            if form == "image":
                image = RgbdImage(pixels, steps)
                row |= {COLOR: as_cell(image, None, i), DEPTH: as_cell(image, 0.001, i)}
            out.write_table(pa.Table.from_pylist([row], schema))


def read_dataset(root: Path) -> dict[str, Any]:
    data = open_lerobot(root)
    meter = Meter(data.info["total_frames"])
    for _ in data.frames(0, data.views[0]):
        meter.step()
    return meter.row()


def convert_dataset(root: Path, target: Path) -> dict[str, Any]:
    data, settings = open_lerobot(root), Settings.of(effort=EFFORT)
    prepare(data, target, settings)
    meter = Meter(data.info["total_frames"])

    class Metered(LeRobot):
        def frames(self, episode: int, view: View) -> Iterator[Frame]:
            for frame in super().frames(episode, view):
                meter.step()
                yield frame

    made = record_episode(Metered(**vars(data)), data.views[0], 0, target, settings)
    whole = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return meter.row() | {"bag_mb": round(whole / 1e6), "recording_mb": round(made.bytes / 1e6, 1)}


def restore_dataset(source: Path, target: Path) -> dict[str, Any]:
    planes = 2 * open_lerobot(source).info["total_frames"]
    meter = Meter(planes)
    restore(source, target, tell=lambda _: meter.step())
    row = meter.row()
    for key in ("frames_per_cpu_s", "frames_per_s"):
        row[key] = round(row[key] / 2, 1)
    return row | {"frames": planes // 2}


def apart(work: Callable[..., Any], *args: Any) -> Any:
    """Do a step in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def make(path: Path, name: str, count: int) -> None:
    """Write a bag as rosbags writes it."""
    from rosbags.rosbag1 import Writer as Writer1
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer as Writer2

    _, depth_form, color_form = BAGS[name]
    ros_1 = path.suffix == ".bag"
    store = definitions(ros_1=ros_1)
    folder = path.with_suffix(".folder")
    writer: Any = (
        Writer1(path) if ros_1 else Writer2(folder, version=8, storage_plugin=StoragePlugin.MCAP)
    )
    serialize = store.serialize_ros1 if ros_1 else store.serialize_cdr
    known: dict[str, Any] = {}
    with writer:
        for i, (color, depth) in enumerate(frames(count)):
            when = START + i * NS // RATE
            stamp = store.types["builtin_interfaces/msg/Time"](sec=when // NS, nanosec=when % NS)
            own = {"seq": i} if ros_1 else {}
            header = store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **own)
            for topic, (kind, held) in {
                "/camera/color/image_raw": color_message(color, color_form),
                "/camera/depth/image_raw": depth_message(depth, depth_form),
            }.items():
                if topic not in known:
                    known[topic] = writer.add_connection(topic, kind, typestore=store)
                message = store.types[kind](header=header, **held)
                writer.write(known[topic], when, serialize(message, kind))
    if not ros_1:
        (folder / f"{folder.name}.mcap").rename(path)
        (folder / "metadata.yaml").unlink()
        folder.rmdir()


def frames(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield colour and depth in mm, moving two columns a frame to and fro."""
    images = [scene(seed, sensor="kinect") for seed in range(SCENES)]
    for i in range(count):
        image = images[i * SCENES // count]
        assert image.color is not None
        assert image.depth is not None
        moved = 2 * abs(30 - i % 60)
        yield np.roll(image.color, moved, 1), np.roll(image.depth, moved, 1)


def color_message(color: np.ndarray, form: str) -> tuple[str, dict[str, Any]]:
    if form != "jpeg":
        return IMAGE, fields(color, form)
    out = io.BytesIO()
    Image.fromarray(color).save(out, "jpeg", quality=80)
    data = np.frombuffer(out.getvalue(), np.uint8)
    return COMPRESSED, {"format": "rgb8; jpeg compressed bgr8", "data": data}


def depth_message(depth: np.ndarray, form: str) -> tuple[str, dict[str, Any]]:
    if form == "rvl":
        named, data = compress_depth(depth, form)
        return COMPRESSED, {"format": named, "data": data}
    if form == "32FC1":
        return IMAGE, fields(np.where(depth > 0, depth / 1000, np.nan), form)
    return IMAGE, fields(depth, form)


class Meter:
    """Takes time and memory from the first frame on."""

    def __init__(self, count: int) -> None:
        self._count, self._done = count, 0
        self._halves = [0.0, 0.0]
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def step(self) -> None:
        half = int(2 * self._done >= self._count)
        self._halves[half] = max(self._halves[half], _resident())
        self._done += 1

    def row(self) -> dict[str, Any]:
        cpu, clock = time.process_time() - self._cpu, time.perf_counter() - self._clock
        return {
            "frames": self._done,
            "frames_per_cpu_s": round(self._done / cpu, 1),
            "frames_per_s": round(self._done / clock, 1),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "growth_mb": round(self._halves[1] - self._halves[0]),
        }


def read(bag: Path) -> dict[str, Any]:
    meter = Meter(_count(bag))
    for _ in read_bag(bag):
        meter.step()
    return meter.row()


def code(bag: Path, target: Path) -> dict[str, Any]:
    meter = Meter(_count(bag))
    found = read_bag(bag)

    def metered() -> Iterator[Any]:
        for frame in found:
            meter.step()
            yield frame

    record(
        metered(), target, cameras=found.cameras, metadata=found.metadata, lossless="depth",
        effort=EFFORT,
    )  # fmt: skip
    return meter.row() | {"bag_mb": round(bag.stat().st_size / 1e6),
                          "recording_mb": round(target.stat().st_size / 1e6, 1)}  # fmt: skip


def write(recording: Path, target: Path) -> dict[str, Any]:
    with Reader(recording) as reader:
        meter = Meter(len(reader))
        write_bag(reader, target, progress=lambda _: meter.step())
    return meter.row()


def _count(bag: Path) -> int:
    return max(p.topic.count for p in read_bag(bag).choice.by_modality.values())


def _resident() -> float:
    """Return the process's memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
