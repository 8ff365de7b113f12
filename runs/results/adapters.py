"""What ROS bags cost: frames a second and memory, reading, recording, writing. Minutes.

    python -m runs.results.adapters [--seconds 60] [--only read record write]

Makes bags of a minute at 640x480 and 30 frames a second (generated Kinect frames, moved from frame
to frame) with rosbags, and measures each step in a process of its own: frames a second of CPU time
(all threads of the process, so other work on the machine hardly counts), frames a second by the
clock, the most memory, and by how much the second half of the frames needed more than the first.
Needs some 3 GB below the folder for temporary files. Writes results/adapters.json.
"""

from __future__ import annotations

import io
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from encodepth import Reader, record
from encodepth.evaluate.records import machine_header
from encodepth.io.ros.bag import COMPRESSED, IMAGE, NS, definitions
from encodepth.io.ros.compressed import compress_depth
from encodepth.io.ros.images import fields
from encodepth.io.ros.reading import read_bag
from encodepth.io.ros.writing import write_bag
from encodepth.scenes.scene import scene
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
EFFORT = 1


def main() -> None:
    parser = options(__doc__, output=RESULTS / "adapters.json")
    parser.add_argument("--seconds", type=float, default=60, help="of each bag")
    parser.add_argument("--only", nargs="+", default=["read", "record", "write"])
    args = parser.parse_args()
    count = round(args.seconds * RATE)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bags.") as place:
        for name, (suffix, _, _) in BAGS.items():
            bag = Path(place, f"run{suffix}")
            apart(make, bag, name, count)
            if "read" in args.only:
                rows.append({"bag": name, "step": "read"} | apart(read, bag))
                progress(rows[-1])
            if name in RECORDED and {"record", "write"} & {*args.only}:
                made = Path(place, "run.rgbd")
                rows.append(
                    {"bag": name, "step": f"record, effort {EFFORT}"} | apart(code, bag, made)
                )
                progress(rows[-1])
                if "write" in args.only:
                    back = Path(place, "back.mcap")
                    rows.append({"bag": name, "step": "write MCAP"} | apart(write, made, back))
                    progress(rows[-1])
                    back.unlink()
                made.unlink()
            bag.unlink()
            record_ = machine_header(seconds=args.seconds, rate=RATE, size=[640, 480], rows=rows)
            keep(args.output, record_)
    names = list(dict.fromkeys(key for row in rows for key in row))
    show([{key: row.get(key, "") for key in names} for row in rows])


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
