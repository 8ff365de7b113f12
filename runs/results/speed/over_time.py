"""Recordings at effort 1: colour, pairs, live and any frame of a group."""

from __future__ import annotations

import io
import time
from statistics import fmean, median
from typing import Any

import numpy as np
from PIL import Image

from encodepth import Reader, RgbdImage, Writer
from encodepth.metrics import psnr
from runs.common import DATA, frames_of, progress

from .clock import BOUND_MM, VGA, Row, both, least


def recordings(asked: Any) -> list[Row]:
    """Measure colour and pairs in recordings of 30 frames at effort 1."""
    rows = []
    for folder in sorted(DATA.glob("sequences/*/*")):
        images = [pair.load() for pair in frames_of(folder)[:30]]
        colours = [RgbdImage(color=image.color) for image in images]
        rows.append({"recording": folder.name, "what": "colour", **_record(colours, {}, asked)})
        rows[-1] |= _against_jpeg(colours, rows[-1])
        for name, settings in (
            ("pair, exact", {"lossless": "depth"}),
            ("pair, 5 mm", {"max_depth_error": BOUND_MM}),
        ):
            row = _record(images, settings, asked)
            rows.append({"recording": folder.name, "what": name, **row})
        progress(rows[-3:])
    return rows


def seek(asked: Any) -> Row:
    """Measure frames of a group of 30 pairs, asked for one by one, each with nothing of it decoded.

    A second group of one frame is read between, so that a reader that keeps one group has to begin
    anew. A frame decodes those of its group before it: so many at most.
    """
    images = [pair.load() for pair in frames_of(DATA / "sequences/train/tum_fr1_rpy")[:31]]
    out = io.BytesIO()
    with Writer(out, rate=30, effort=7, key_interval=30, max_depth_error=BOUND_MM) as writer:
        for image in images:
            writer.append(image)
    rows = []
    with Reader(out.getvalue(), cache=0) as reader:
        reader[29], reader[30]  # warm
        for number in (29, *np.random.default_rng(0).permutation(29)[:9].tolist()):
            spent: list[tuple[float, float]] = []
            for _ in range(asked.runs):
                reader[30]
                _, cpu, wall = least(lambda n=number: reader[n], 1)  # type: ignore[misc]
                spent.append((cpu, wall))
            cpu, wall = (min(times) for times in zip(*spent, strict=True))
            row = {"frame": number, "frames_decoded": number + 1, "cpu": cpu, "wall": wall}
            rows.append(row)
    first = rows[0]
    middle = median(r["cpu"] for r in rows[1:])
    return {
        "rows": rows,
        "worst_cpu": first["cpu"],
        "worst_wall": first["wall"],
        "random_cpu": middle,
    }


def _record(images: list[RgbdImage], settings: dict[str, Any], asked: Any) -> Row:
    """Return times a frame and frames a second of two cores."""

    def write() -> bytes:
        out = io.BytesIO()
        with Writer(out, rate=30, effort=1, key_interval=15, jobs=2, **settings) as writer:
            for image in images:
                writer.append(image)
        return out.getvalue()

    def read(data: bytes) -> list[RgbdImage]:
        with Reader(data, cache=0) as reader:
            return [frame.image for frame in reader]

    row = both(write, read, asked.runs)
    count = len(images)
    assert images[0].color is not None
    height, width, _ = images[0].color.shape
    made: Row = {"size": f"{width}x{height}", "bytes": round(row["bytes"] / count)}
    for way in ("encode", "decode"):
        made[f"{way}_cpu"] = round(row[f"{way}_cpu"] / count, 2)
        made[f"{way}_a_second"] = round(1000 * count / row[f"{way}_wall"], 1)
        made[f"{way}_a_second_idle"] = round(2000 * count / row[f"{way}_cpu"], 1)
    if not settings:  # colour alone
        made["psnr"] = _mean_psnr(read(write()), images)
    return made


def live(asked: Any) -> list[Row]:
    """Measure how long frames take into the file, and the threads' processor time for one.

    The two threads that code a frame are colour's and depth's, so on two idle cores a frame takes
    about the longer one's time.
    """
    rows = []
    for folder in sorted(DATA.glob("sequences/*/*")):
        images = [pair.load() for pair in frames_of(folder)[:60]]
        if images[0].depth is None or images[0].depth.shape != VGA:
            continue
        for name, settings in (
            ("exact", {"lossless": "depth"}),
            ("5 mm", {"max_depth_error": BOUND_MM}),
        ):
            colours = [RgbdImage(color=image.color) for image in images]
            row: Row = {"recording": folder.name, "what": f"pair, {name}"}
            row |= _live(images, settings)
            row["colour_cpu"] = _live(colours, {}, hertz=0)["cpu"]
            rows.append(row)
            progress(row)
    return rows


def _live(images: list[RgbdImage], settings: dict[str, Any], hertz: float = 30) -> Row:
    out, spent = io.BytesIO(), time.process_time()
    kept: dict[str, Any] = {"effort": 1, "live": True, **settings}
    with Writer(out, rate=30, when_full="drop" if hertz else "wait", **kept) as writer:
        start = time.perf_counter()
        for number, image in enumerate(images):
            if hertz:
                time.sleep(max(start + number / hertz - time.perf_counter(), 0))
            writer.append(image)
    spent = time.process_time() - spent
    delays = [1000 * float(np.percentile(writer.delays, part)) for part in (50, 95, 100)]
    return {
        "bytes": round(writer.bytes / writer.frames),
        "cpu": round(1000 * spent / writer.frames, 1),
        "dropped": writer.dropped,
        **dict(zip(("median_ms", "most_ms", "all_ms"), np.round(delays, 1).tolist(), strict=True)),
    }


def _mean_psnr(decoded: list[RgbdImage], images: list[RgbdImage]) -> float:
    found = []
    for back, image in zip(decoded, images, strict=True):
        assert back.color is not None
        assert image.color is not None
        found.append(psnr(back.color, image.color))
    return round(fmean(found), 2)


def _against_jpeg(images: list[RgbdImage], row: Row) -> Row:
    """Return how many bytes a frame JPEG (4:2:0) takes at that PSNR, between two qualities."""
    before: tuple[float, float] | None = None
    for quality in (*range(30, 96, 5), 98):
        sizes, errors = [], []
        for image in images[::3]:
            out = io.BytesIO()
            Image.fromarray(image.color).save(out, "JPEG", quality=quality)
            sizes.append(out.tell())
            assert image.color is not None
            errors.append(psnr(np.asarray(Image.open(out)), image.color))
        size, error = fmean(sizes), fmean(errors)
        if error >= row["psnr"]:
            if before is not None:
                share = (row["psnr"] - before[1]) / (error - before[1])
                size = before[0] + share * (size - before[0])
            break
        before = (size, error)
    return {"jpeg_bytes": round(size), "less_percent": round(100 * (1 - row["bytes"] / size), 1)}
