"""Bytes and milliseconds a frame beside what people record RGB-D with. Ten minutes, one core.

    python -m runs.results.people [--frames 15] [--sequences office static icl]

The middle 640x480 of consecutive frames of data/sequences. Depth exactly: PNG, FFV1 and JPEG XL
picture by picture, RVL and ChromaPakZ (VP9 of both bytes) where their packages are, and recordings
of one group at efforts 1 and 7, whole files; within 5 mm beside them. Colour at the PSNR of SVT-AV1
(preset 12, crf 28, 4:2:0, group of 30): bytes are read off the curves of results/over_time.json
(run that first, with 30 frames), x264 (veryfast, 4:2:0, group of 30) is measured here. CPU ms of
the process, of the middle sequence, as good as the machine is idle. Goes on where it stopped,
writes results/people.json and the table of README.md.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from encodepth import Reader, Writer
from encodepth.codings import jpegxl
from encodepth.evaluate.coders import exact, streams, video
from encodepth.evaluate.comparison import text_table

from ..common import RESULTS, ROOT, fill_page, keep, need, options, progress
from .over_time import GROUP, SEQUENCES, Cut, code_video, load

WORDS = {
    "office": "office, hand-held RealSense",
    "static": "table, still RealSense",
    "icl": "living room, rendered",
}
MARK = "<!-- runs/results/people.py -->"
CRF = (36, 30, 24, 18)  # of x264
ANCHOR = 2  # which of SVT-AV1's points, crf 28
Row = dict[str, Any]
Made = tuple[float, float, float]  # bytes, ms encode, ms decode, a frame


def main() -> None:
    parser = options(__doc__, frames=15, output=RESULTS / "people.json")
    parser.add_argument("--sequences", nargs="+", choices=WORDS, default=list(WORDS))
    args = parser.parse_args()
    need(SEQUENCES, RESULTS / "over_time.json")
    done = json.loads(args.output.read_text())["rows"] if args.output.exists() else []
    rows = {(row["what"], row["codec"], row["sequence"]): row for row in done}
    curves = json.loads((RESULTS / "over_time.json").read_text())
    for name in args.sequences:
        for what, ways in (("depth", DEPTH), ("color", COLOR)):
            for codec, way in ways.items():
                if (what, codec, name) in rows:
                    continue
                progress((what, codec, name))
                try:
                    size, encode, decode = way(name, args.frames, curves)
                except ImportError as missing:
                    progress(f"left out: {missing}")
                    continue
                rows[what, codec, name] = {
                    "what": what,
                    "codec": codec,
                    "sequence": name,
                    "bytes": round(size),
                    "encode ms": round(encode, 1),
                    "decode ms": round(decode, 1),
                }
                keep(args.output, list(rows.values()))
    table(list(rows.values()), args.sequences, ROOT / "README.md")


def pictures(encode: Callable[..., bytes], decode: Callable[..., Any], setting: float) -> Any:
    """Return what codes depth picture by picture, and checks it."""

    def way(name: str, count: int, _: Any) -> Made:
        planes = depth_of(name, count)
        start = time.process_time()
        files = [encode(plane, setting) for plane in planes]
        middle = time.process_time()
        back = [
            decode(file, plane.shape, setting) for file, plane in zip(files, planes, strict=True)
        ]
        end = time.process_time()
        assert all(np.array_equal(a, b) for a, b in zip(planes, back, strict=True))
        return a_frame(sum(map(len, files)), middle - start, end - middle, count)

    return way


def recording(effort: int, **settings: Any) -> Any:
    """Return what codes depth as a recording of one group."""

    def way(name: str, count: int, _: Any) -> Made:
        images = load(name, "depth", Cut(640, 480, count))
        out = io.BytesIO()
        start = time.process_time()
        with Writer(out, rate=30, effort=effort, key_interval=count, **settings) as writer:
            for image in images:
                writer.append(image)
        middle = time.process_time()
        with Reader(out.getvalue()) as reader:
            back = [frame.image.depth for frame in reader]
        end = time.process_time()
        for image, depth in zip(images, back, strict=True):
            assert image.depth is not None
            assert depth is not None
            assert np.array_equal(image.depth == 0, depth == 0)
        return a_frame(len(out.getvalue()), middle - start, end - middle, count)

    return way


def chromapakz(name: str, count: int, _: Any) -> Made:
    """Code depth as one signal of a WebM file by the package of that name (0.12 or later)."""
    import chromapakz as package

    planes = np.stack(depth_of(name, count))
    start = time.process_time()
    data = package.encode({"depth": planes})
    middle = time.process_time()
    back = package.decode_signal(data, "depth")
    end = time.process_time()
    assert np.array_equal(back, planes)
    return a_frame(len(data), middle - start, end - middle, count)


def read_off(way: str) -> Any:
    """Return what reads a curve of results/over_time.json at SVT-AV1's PSNR."""

    def found(name: str, _: int, curves: Any) -> Made:
        curve = curves[f"color {name} 640x480x{GROUP} {way}"]
        return at_error(curve, svt(name, curves)["rmse"])

    return found


def x264(name: str, _: int, curves: Any) -> Made:
    images = load(name, "color", Cut(640, 480, GROUP))
    curve = [code_video(images, crf, streams.x264(crf)) for crf in CRF]
    return at_error(curve, svt(name, curves)["rmse"])


def svt(name: str, curves: Any) -> Row:
    return dict(curves[f"color {name} 640x480x{GROUP} svt 12"][ANCHOR])


def at_error(curve: Sequence[Row], rmse: float) -> Made:
    """Return bytes and times at an error between, or a little beyond, points of a curve."""
    points = sorted(curve, key=lambda p: p["rmse"])
    near = sorted(sorted(points, key=lambda p: abs(p["rmse"] - rmse))[:2], key=lambda p: p["rmse"])
    one, other = near
    share = math.log(rmse / one["rmse"]) / math.log(other["rmse"] / one["rmse"])
    size = one["color"] * (other["color"] / one["color"]) ** share
    part = min(max(share, 0), 1)
    times = (one[k] + part * (other[k] - one[k]) for k in ("encode_ms", "decode_ms"))
    return (size, *times)  # type: ignore[return-value]


def depth_of(name: str, count: int) -> list[np.ndarray]:
    return [image.depth for image in load(name, "depth", Cut(640, 480, count))]  # type: ignore[misc]


def a_frame(size: int, encode: float, decode: float, count: int) -> Made:
    return size / count, 1000 * encode / count, 1000 * decode / count


DEPTH: dict[str, Any] = {
    "PNG, 16 bits": pictures(exact.png_encode, exact.png_decode, 6),
    "RVL": pictures(exact.rvl_encode, exact.rvl_decode, 0),
    "ChromaPakZ": chromapakz,
    "FFV1, 16 bits": pictures(video.ffv1_encode, video.ffv1_decode, 1),
    "JPEG XL, effort 7": pictures(
        jpegxl.encode_frame, lambda data, shape, _: jpegxl.decode_frame(data, shape, np.uint16), 7
    ),
    "encodepth, effort 1": recording(1, lossless=("depth",)),
    "encodepth, effort 7": recording(7, lossless=("depth",)),
    "encodepth, effort 1, within 5 mm": recording(1, max_depth_error=5),
    "encodepth, effort 7, within 5 mm": recording(7, max_depth_error=5),
}
COLOR: dict[str, Any] = {
    "x264 veryfast, 4:2:0": x264,
    "SVT-AV1 preset 12, 4:2:0": read_off("svt 12"),
    "encodepth stills, effort 7": read_off("stills 7"),
    "encodepth, effort 1": read_off("recording 1"),
    "encodepth, effort 7": read_off("recording 7"),
}


def table(rows: Sequence[Row], names: Sequence[str], page: Path) -> None:
    """Print rows, and put them into a page."""
    head = ["", *(WORDS[name] for name in names), "encode, decode, ms"]
    lines = []
    for what, ways in (("depth", DEPTH), ("color", COLOR)):
        for codec in ways:
            held = {r["sequence"]: r for r in rows if (r["what"], r["codec"]) == (what, codec)}
            if not all(name in held for name in names):
                continue
            sizes = [f"{held[name]['bytes'] / 1000:.1f}" for name in names]
            times = [
                f"{np.median([held[name][k] for name in names]):.0f}"
                for k in ("encode ms", "decode ms")
            ]
            label = "colour" if what == "color" else what
            lines.append([f"{label}: {codec}", *sizes, ", ".join(times)])
    print(text_table(head, lines), end="")
    if MARK in page.read_text(encoding="utf-8"):
        marked = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]
        fill_page(page, MARK, marked)


if __name__ == "__main__":
    main()
