"""What LeRobot's own codec and encodepth make of the same episodes. Ten minutes, one core.

    python -m runs.results.lerobot [--sequences office static rendered] [--frames 24] [--again]

Needs the package lerobot (0.6.1; Python 3.12 or later) beside encodepth[lerobot]; --again does not:
it measures encodepth anew, at the qualities found before, beside the package's rows in the record.
Every sequence of data/sequences is recorded as one episode by the package itself, at its default
and with groups of 30 frames, and read back by it; and by encodepth with colour at the PSNR of
LeRobot's default (the lowest quality that reaches it) and depth within 1 mm or exact. Errors are
against the camera's own frames, over pixels that it measured, beyond 10 m included; a hole is kept
if it is known as one. Times are CPU time of the process and all its threads, a frame; LeRobot's
encoding is its `save_episode`, which reads the pictures that it had put on disk. Writes
results/lerobot.json and the table of docs/lerobot.md.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import Reader, RgbdImage, Writer

from ..common import DATA, RESULTS, ROOT, fill_page, frames_of, keep, options, progress, show

SEQUENCES = {
    "office": "val/realsense_taeyoung_office",
    "static": "val/realsense_articulation_static",
    "rendered": "test/aug_icl_nuim_livingroom1_clean",
}
WORDS = {
    "office": "office, hand-held RealSense",
    "static": "table, still RealSense, 1280x720",
    "rendered": "living room, rendered",
}
PAGE = ROOT / "docs" / "lerobot.md"
MARK = "<!-- runs/results/lerobot.py -->"
HEAD = (
    "| sequence | codec | kB a frame | of LeRobot's | colour, dB | depth RMSE within 10 m, largest "
    "error, mm | holes kept | encode, decode, ms |",
    "|---|---|---|---|---|---|---|---|",
)
FPS = 30
COLOR, DEPTH = "observation.images.cam", "observation.images.cam_depth"
BAR = 0.30  # of the bytes of LeRobot's default
FAR = 10_000  # mm, where LeRobot's codes end
Frames = Sequence[RgbdImage]
Row = dict[str, Any]


@dataclass
class Errors:
    """Sums over frames."""

    color: float = 0.0  # squared, and how many samples
    samples: int = 0
    depth: float = 0.0  # squared, in mm, and how many pixels
    near: float = 0.0  # the same within 10 m
    measured: int = 0
    within: int = 0
    worst: int = 0
    holes: int = 0
    kept: int = 0

    def add(self, own: RgbdImage, color: np.ndarray, depth: np.ndarray) -> None:
        """Add a frame; `depth` in mm, 0 where the codec says that nothing was measured."""
        assert own.color is not None
        assert own.depth is not None
        self.color += float(np.square(color.astype(np.float64) - own.color).sum())
        self.samples += own.color.size
        valid = own.depth > 0
        off = np.abs(depth.astype(np.int64) - own.depth)[valid]
        near = own.depth[valid] <= FAR
        self.depth += float(np.square(off).sum())
        self.near += float(np.square(off[near]).sum())
        self.measured += off.size
        self.within += int(near.sum())
        self.worst = max(self.worst, int(off.max(initial=0)))
        self.holes += int((~valid).sum())
        self.kept += int((depth[~valid] == 0).sum())

    @property
    def psnr(self) -> float:
        return float(10 * np.log10(255**2 * self.samples / max(self.color, 1e-9)))

    def row(self) -> Row:
        return {
            "color_psnr": round(self.psnr, 2),
            "depth_rmse_mm": round((self.depth / max(self.measured, 1)) ** 0.5, 2),
            "within_10m_rmse_mm": round((self.near / max(self.within, 1)) ** 0.5, 3),
            "depth_max_mm": self.worst,
            "holes": self.holes,
            "holes_kept": self.kept,
        }


def main() -> None:
    parser = options(__doc__, output=RESULTS / "lerobot.json")
    parser.add_argument("--frames", type=int, default=24, help="of each sequence")
    parser.add_argument("--sequences", nargs="+", choices=SEQUENCES, default=[*SEQUENCES])
    parser.add_argument("--again", action="store_true", help="only what encodepth makes of them")
    args = parser.parse_args()
    rows: list[Row] = json.loads(args.output.read_text())["rows"] if args.again else []
    for name in args.sequences:
        pairs = frames_of(DATA / "sequences" / SEQUENCES[name])[: args.frames]
        frames = [pair.load() for pair in pairs]
        if args.again:
            for row in rows:
                if row["sequence"] == name and row["codec"] == "encodepth":
                    row |= again(frames, row, next(r for r in rows if r["sequence"] == name))
                    progress(row)
            continue
        for row in measured(frames):
            rows.append({"sequence": name, "frames": len(frames), **row})
            progress(rows[-1])
    show([{k: v for k, v in row.items() if k != "sizes"} for row in rows])
    keep(args.output, {"bar": BAR, "rows": rows})
    if args.output == RESULTS / "lerobot.json":
        fill_page(PAGE, MARK, [*HEAD, *map(_line, rows)])


def _line(row: Row) -> str:
    holes = f"{row['holes_kept'] / row['holes']:.0%}" if row["holes"] else "none to keep"
    cells = (
        WORDS[row["sequence"]],
        f"{row['codec']}, {row['setting']}",
        f"{row['bytes_a_frame'] / 1000:.1f}",
        f"{row['ratio']:.2f}",
        f"{row['color_psnr']:.1f}",
        f"{row['within_10m_rmse_mm']:.2f}, {row['depth_max_mm']:,}",
        holes.replace("%", " %"),
        f"{row['encode_ms']:.0f}, {row['decode_ms']:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def measured(frames: Frames) -> Iterator[Row]:
    """Yield what every codec makes of one sequence."""
    default = of_lerobot(frames, None)
    whole = default["bytes_a_frame"]
    yield {"codec": "lerobot 0.6.1", "setting": "default", **default, "ratio": 1.0}
    found = of_lerobot(frames, 30)
    yield {"codec": "lerobot 0.6.1", "setting": "groups of 30", **found, **ratio(found, whole)}
    for effort in (7, 1):
        quality = quality_for(frames, default["color_psnr"], effort)
        for words, more in (("1 mm", {"max_depth_error": 1}), ("exact", {"lossless": "depth"})):
            found = of_encodepth(frames, quality=quality, effort=effort, **more)
            setting = f"effort {effort}, quality {quality}, depth {words}"
            yield {"codec": "encodepth", "setting": setting, **found, **ratio(found, whole)}


def again(frames: Frames, row: Row, first: Row) -> Row:
    """Return what encodepth makes of a sequence now, at the setting of a row."""
    effort, quality, depth = re.findall(r"effort (\d+), quality (\d+), depth (.+)", row["setting"])[
        0
    ]
    more: Row = {"lossless": "depth"} if depth == "exact" else {"max_depth_error": 1}
    found = of_encodepth(frames, quality=int(quality), effort=int(effort), **more)
    return {**found, **ratio(found, first["bytes_a_frame"])}


def ratio(row: Row, whole: float) -> Row:
    return {"ratio": round(row["bytes_a_frame"] / whole, 3)}


def of_lerobot(frames: Frames, groups: int | None) -> Row:
    """Record an episode with the package, and read it back with it."""
    from lerobot.configs import DepthEncoderConfig, RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    first = frames[0]
    assert first.color is not None
    height, width = first.color.shape[:2]
    names = ["height", "width", "channels"]
    features = {
        COLOR: {"dtype": "video", "shape": (height, width, 3), "names": names},
        DEPTH: {
            "dtype": "video",
            "shape": (height, width, 1),
            "names": names,
            "info": {"is_depth_map": True},
        },
        "action": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
    }
    coders = (
        {}
        if groups is None
        else {
            "rgb_encoder": RGBEncoderConfig(g=groups),
            "depth_encoder": DepthEncoderConfig(g=groups),
        }
    )
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "data"
        data = LeRobotDataset.create("a/b", FPS, features, root=root, **coders)
        for i, frame in enumerate(frames):
            assert frame.depth is not None
            data.add_frame({
                COLOR: frame.color, DEPTH: frame.depth[..., None],
                "action": np.array([i, 0], np.float32), "task": "look",
            })  # fmt: skip
        start = time.process_time()
        data.save_episode(parallel_encoding=False)
        data.finalize()
        encoding = time.process_time() - start
        sizes = {
            name: sum(p.stat().st_size for p in (root / "videos" / key).rglob("*.mp4"))
            for name, key in (("color", COLOR), ("depth", DEPTH))
        }
        errors = Errors()
        start = time.process_time()
        read = LeRobotDataset("a/b", root=root, return_uint8=True, video_backend="pyav")
        decoded = [(read[i][COLOR].numpy(), read[i][DEPTH].numpy()) for i in range(len(frames))]
        decoding = time.process_time() - start
    for own, (color, depth) in zip(frames, decoded, strict=True):
        errors.add(own, color.transpose(1, 2, 0), depth[0].astype(np.int64))
    return _row(sizes, encoding, decoding, len(frames), errors)


def of_encodepth(frames: Frames, **settings: Any) -> Row:
    """Record an episode, and read it back in order."""
    list(Reader(_record(frames[:2], **settings)))  # compiles what is compiled on first use
    start = time.process_time()
    data = _record(frames, **settings)
    encoding = time.process_time() - start
    errors = Errors()
    start = time.process_time()
    decoded = [frame.image for frame in Reader(data)]
    decoding = time.process_time() - start
    for own, image in zip(frames, decoded, strict=True):
        assert image.color is not None
        assert image.depth is not None
        errors.add(own, image.color, image.depth)
    from encodepth.sequence.about import inspect_recording

    tracks = {track.modality: track.bytes for track in inspect_recording(data).tracks}
    sizes = {**tracks, "rest": len(data) - sum(tracks.values())}
    return _row(sizes, encoding, decoding, len(frames), errors)


def quality_for(frames: Frames, psnr: float, effort: int) -> int:
    """Return the lowest quality of colour at which a recording reaches a PSNR."""

    def reached(quality: int) -> bool:
        alone = [RgbdImage(frame.color) for frame in frames]
        errors = Errors()
        for own, frame in zip(
            frames, Reader(_record(alone, quality=quality, effort=effort)), strict=True
        ):
            assert frame.image.color is not None
            assert own.depth is not None
            errors.add(own, frame.image.color, own.depth)
        progress(f"quality {quality} at effort {effort}: {errors.psnr:.2f} dB of {psnr} dB")
        return errors.psnr >= psnr

    return _lowest(reached, 0, 100)


def _lowest(good: Callable[[int], bool], low: int, high: int) -> int:
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle + 1, high)
    return low


def _record(frames: Frames, **settings: Any) -> bytes:
    out = io.BytesIO()
    with Writer(out, rate=FPS, **settings) as writer:
        for frame in frames:
            writer.append(frame)
    return out.getvalue()


def _row(sizes: dict[str, int], encoding: float, decoding: float, n: int, errors: Errors) -> Row:
    return {
        "bytes_a_frame": round(sum(sizes.values()) / n),
        "sizes": sizes,
        "encode_ms": round(1000 * encoding / n, 1),
        "decode_ms": round(1000 * decoding / n, 1),
        **errors.row(),
    }


if __name__ == "__main__":
    main()
