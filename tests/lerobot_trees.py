"""Small LeRobot datasets of version 3, laid out as the package lerobot 0.6.1 does."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FPS = 10
COLOR, DEPTH = "observation.images.top", "observation.images.top_depth"
HEIGHT, WIDTH = 48, 64
QUANTISED = {"depth_min": 0.01, "depth_max": 10.0, "shift": 3.5, "use_log": True}


def depth_of(episode: int, i: int) -> np.ndarray:
    """Return depth codes, (48, 64) uint16, of which one row is 0 and one 4095."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    codes = (500 + 7 * x + 11 * y + 100 * episode + i).astype(np.uint16)
    codes[0], codes[1] = 0, 4095
    return codes


def color_of(episode: int, i: int) -> np.ndarray:
    """Return colour that tells episode and frame."""
    return np.full((HEIGHT, WIDTH, 3), 40 * episode + 8 * i, np.uint8)


def feature(kind: str, channels: int, **info: Any) -> dict[str, Any]:
    names = ["height", "width", "channels"]
    return {"dtype": kind, "shape": [HEIGHT, WIDTH, channels], "names": names, "info": info}


def video_tree(root: Path, lengths: Sequence[int] = (4, 3), **info: Any) -> Path:
    """Write a dataset whose pictures lie in one video file a key, episode after episode."""
    frames = [(e, i) for e, count in enumerate(lengths) for i in range(count)]
    facts = {"is_depth_map": True, "depth_unit": "mm"}
    facts |= {f"video.{name}": value for name, value in QUANTISED.items()} | info
    features = {COLOR: feature("video", 3), DEPTH: feature("video", 1, **facts)}
    place = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    tables(root, lengths, features, video_path=place)
    for key, codec, layout, make in (
        (COLOR, "libx264", "yuv420p", color_of),
        (DEPTH, "hevc", "gray12le", depth_of),
    ):
        path = root / place.format(video_key=key, chunk_index=0, file_index=0)
        path.parent.mkdir(parents=True)
        _video(path, codec, layout, [make(e, i) for e, i in frames])
    return root


def image_tree(root: Path, lengths: Sequence[int] = (3,), metres: bool = False) -> Path:
    """Write a dataset whose pictures lie in parquet: PNG colour, TIFF depth."""
    frames = [(e, i) for e, count in enumerate(lengths) for i in range(count)]
    depths = [depth_of(e, i) for e, i in frames]
    if metres:
        depths = [(d / 1000).astype(np.float32) for d in depths]
    pictures = {
        COLOR: [_picture(color_of(e, i), "PNG") for e, i in frames],
        DEPTH: [_picture(depth, "TIFF") for depth in depths],
    }
    facts = {"is_depth_map": True, "depth_unit": "m" if metres else "mm"}
    features = {COLOR: feature("image", 3), DEPTH: feature("image", 1, **facts)}
    tables(root, lengths, features, pictures=pictures)
    return root


def tables(
    root: Path,
    lengths: Sequence[int],
    features: dict[str, Any],
    video_path: str | None = None,
    pictures: dict[str, list[Any]] | None = None,
    version: str = "v3.0",
) -> None:
    """Write info.json, the episodes and the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    info = {
        "codebase_version": version,
        "fps": FPS,
        "features": features,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": video_path,
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
    }
    (root / "meta" / "episodes" / "chunk-000").mkdir(parents=True)
    (root / "data" / "chunk-000").mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))
    frames = [(e, i) for e, count in enumerate(lengths) for i in range(count)]
    rows = {
        **(pictures or {}),
        "action": pa.array([[float(e), float(i)] for e, i in frames], pa.list_(pa.float32(), 2)),
        "timestamp": pa.array([i / FPS for _, i in frames], pa.float32()),
        "frame_index": [i for _, i in frames],
        "episode_index": [e for e, _ in frames],
        "index": list(range(len(frames))),
        "task_index": [0 for _ in frames],
    }
    pq.write_table(pa.table(rows), root / "data/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": [0], "task": ["look"]}), root / "meta" / "tasks.parquet")
    starts = np.cumsum([0, *lengths])[:-1]
    episodes = [
        {
            "episode_index": e,
            "length": count,
            "data/chunk_index": 0,
            "data/file_index": 0,
            **{f"videos/{k}/{n}_index": 0 for k in features for n in ("chunk", "file")},
            **{f"videos/{k}/from_timestamp": float(starts[e]) / FPS for k in features},
            "stats/action/min": [0.0],
        }
        for e, count in enumerate(lengths)
    ]
    pq.write_table(
        pa.Table.from_pylist(episodes), root / "meta/episodes/chunk-000/file-000.parquet"
    )


def _video(path: Path, codec: str, layout: str, arrays: list[np.ndarray]) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, layout
        stream.time_base = Fraction(1, FPS)
        quiet = {"x265-params": "lossless=1:log-level=none"}
        stream.options = quiet if codec == "hevc" else {"crf": "10"}
        for i, array in enumerate(arrays):
            source = "gray12le" if array.ndim == 2 else "rgb24"
            frame = av.VideoFrame.from_ndarray(array, format=source)
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _picture(array: np.ndarray, form: str) -> dict[str, Any]:
    out = io.BytesIO()
    Image.fromarray(array).save(out, form)
    return {"bytes": out.getvalue(), "path": f"frame.{form.lower()}"}
