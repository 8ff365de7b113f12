"""What depth's quality does to those who use it: Open3D's odometry on decoded frames. Half an hour.

    python -m runs.results.odometry [--sequences rpy aims icl] [--frames 15] [--effort 7]

Needs the package open3d (0.19 or later) beside encodepth[eval]. On the first frames of sequences of
data/sequences, the motion between neighbours is found from decoded depth (colour is the original's)
and set against the motion found from original depth: the median length of the difference, in mm,
beside bytes of depth a frame, as stills and as recordings of one group. `exact` is 0 by that
measure; how far a frame moves says how much an error is. Goes on where it stopped, and writes
results/odometry.json and the table of docs/depth-quality.md.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from encodepth import Codec, Intrinsics, Reader, RgbdImage, Writer
from encodepth.evaluate.coders import streams
from encodepth.evaluate.videos import videos

from ..common import DATA, RESULTS, ROOT, fill_page, frames_of, keep, need, options, progress, show

PAGE, MARK = ROOT / "docs" / "depth-quality.md", "<!-- runs/results/odometry.py -->"
SEQUENCES = {
    "rpy": ("train/tum_fr1_rpy", "Kinect, turning fast"),
    "aims": ("train/realsense_aims_slam", "RealSense, hand-held"),
    "office": ("val/realsense_taeyoung_office", "RealSense, office"),
    "icl": ("test/aug_icl_nuim_livingroom1_clean", "rendered (test)"),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "exact": {"lossless": "depth"},
    **{f"within {mm} mm": {"max_depth_error": mm} for mm in (2, 5, 10, 20)},
    **{f"within {mm} mm, smoothed": {"max_depth_error": mm, "smooth": True} for mm in (10, 20, 40)},
    **{f"quality {q}": {"quality": q} for q in (90, 70, 50, 30)},
}
FAR = 5.0  # metres; depth beyond takes no part
ASSUMED = Intrinsics(615, 615, 320, 240)  # of a RealSense at 640x480, where none is known
Row = dict[str, Any]
Made = tuple[float, Sequence[np.ndarray]]  # bytes a frame, decoded maps


def main() -> None:
    parser = options(__doc__, output=RESULTS / "odometry.json")
    parser.add_argument("--sequences", nargs="+", choices=SEQUENCES, default=["rpy", "aims", "icl"])
    parser.add_argument("--frames", type=int, default=15)
    parser.add_argument("--effort", type=int, default=7)
    args = parser.parse_args()
    need(DATA / "sequences")
    done = json.loads(args.output.read_text())["rows"] if args.output.exists() else []
    rows = {(row["sequence"], row["way"]): row for row in done}
    for name in args.sequences:
        images = [p.load() for p in frames_of(DATA / "sequences" / SEQUENCES[name][0])][
            : args.frames
        ]
        true: list[np.ndarray] = []
        for way, code in ways(args.effort).items():
            if (name, way) in rows:
                continue
            true = true or motions(images, [depth_of(image) for image in images])
            size, decoded = code(images)
            found = motions(images, decoded)
            off = [1000 * np.linalg.norm(a - b) for a, b in zip(found, true, strict=True)]
            rows[name, way] = {
                "sequence": name,
                "way": way,
                "frames": len(images),
                "effort": args.effort,
                "bytes": round(size),
                "pose off mm": round(float(median(off)), 3),
                "worst mm": round(float(max(off)), 3),
                "path mm": round(float(median(1000 * np.linalg.norm(t) for t in true)), 2),
            }
            progress(rows[name, way])
            keep(args.output, list(rows.values()))
    show(list(rows.values()))
    if args.output == RESULTS / "odometry.json":
        fill_page(PAGE, MARK, table(rows))


def ways(effort: int) -> dict[str, Callable[[Sequence[RgbdImage]], Made]]:
    """Return how depth is coded, by name."""
    found: dict[str, Callable[[Sequence[RgbdImage]], Made]] = {}
    for name, settings in SETTINGS.items():
        asked = {**settings, "effort": effort}
        found[f"recording, {name}"] = lambda images, asked=asked: recorded(images, asked)
        found[f"stills, {name}"] = lambda images, asked=asked: stills(images, asked)
    return found | {"LeRobot's 12-bit log depth": lerobot}


def recorded(images: Sequence[RgbdImage], asked: dict[str, Any]) -> Made:
    """Code depth as a recording of one group."""
    out = io.BytesIO()
    with Writer(out, rate=30, key_interval=len(images), **asked) as writer:
        for image in images:
            writer.append(RgbdImage(None, image.depth, image.depth_unit, image.intrinsics))
    with Reader(out.getvalue()) as reader:
        decoded = [depth_of(frame.image) for frame in reader]
    return len(out.getvalue()) / len(images), decoded


def stills(images: Sequence[RgbdImage], asked: dict[str, Any]) -> Made:
    """Code every map alone."""
    codec = Codec()
    files = [
        codec.encode(RgbdImage(None, image.depth, image.depth_unit), **asked) for image in images
    ]
    return sum(map(len, files)) / len(files), [depth_of(codec.decode(file)) for file in files]


def lerobot(images: Sequence[RgbdImage]) -> Made:
    """Code depth as LeRobot does; a hole stays a hole."""
    codec = next(codec for codec in videos() if codec.short == "lerobot")
    stream, unit = codec.stream(0), images[0].depth_unit
    coded = streams.encode([codec.to_codes(depth_of(image), unit) for image in images], stream)
    decoded = [codec.from_codes(codes, unit) for codes in streams.decode(coded, stream)]
    return sum(coded.sizes()) / len(images), decoded


def motions(images: Sequence[RgbdImage], depths: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return how the camera moved from each frame to the next, in metres, (3,) each."""
    import open3d as o3d

    camera = images[0].intrinsics or ASSUMED
    height, width = depths[0].shape
    pinhole = o3d.camera.PinholeCameraIntrinsic(
        width, height, camera.fx, camera.fy, camera.cx, camera.cy
    )
    pairs = [
        o3d.geometry.RGBDImage.create_from_color_and_depth(
            o3d.geometry.Image(np.ascontiguousarray(image.color)),
            o3d.geometry.Image(np.ascontiguousarray(depth)),
            depth_scale=1 / image.depth_unit,
            depth_trunc=FAR,
        )
        for image, depth in zip(images, depths, strict=True)
    ]
    odometry = o3d.pipelines.odometry
    option = odometry.OdometryOption(depth_max=FAR)
    way = odometry.RGBDOdometryJacobianFromHybridTerm()
    moved = [
        odometry.compute_rgbd_odometry(one, other, pinhole, np.eye(4), way, option)[1][:3, 3]
        for one, other in itertools.pairwise(pairs)
    ]
    return [np.array(shift) for shift in moved]


def depth_of(image: RgbdImage) -> np.ndarray:
    assert image.depth is not None
    return image.depth


def table(rows: dict[tuple[str, str], Row]) -> list[str]:
    """Return the lines of the page: bytes and error of each way, for sequences that are whole."""
    names = list(dict.fromkeys(name for name, _ in rows))
    order = list(dict.fromkeys(way for _, way in rows))
    heads = []
    for name in names:
        one = next(row for key, row in rows.items() if key[0] == name)
        heads.append(f"{SEQUENCES[name][1]}, {one['path mm']:.0f} mm a frame")
    lines = [
        f"| kB a frame, mm off (worst) | {' | '.join(heads)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for way in order:
        cells = []
        for name in names:
            row = rows.get((name, way))
            cells.append(
                "-"
                if row is None
                else f"{row['bytes'] / 1000:.1f}, {row['pose off mm']:.2f} ({row['worst mm']:.1f})"
            )
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
