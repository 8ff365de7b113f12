"""Efforts 1 to 9 of every kind of plane: bytes, at one error where it is lossy, and times."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np

from encodepth import Codec, RgbdImage
from encodepth.codings import find, module
from encodepth.codings.base import Ask
from encodepth.io.pair import Pair
from encodepth.metrics import psnr
from encodepth.plan import EXACT, plan
from encodepth.references import Seen
from runs.common import DATA, frames_of, progress

from .clock import BOUND_MM, OFFICE, Row, least

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "exact depth": ("depth", {"lossless": "depth"}),
    "depth within 5 mm": ("depth", {"max_depth_error": BOUND_MM}),
    "lossy depth": ("depth", {"quality": 50}),
    "mask": ("mask", {}),
    "colour": ("color", {"quality": 50}),
}
AROUND = (35, 50, 65)  # qualities between which bytes at an error are found
EQUAL = 7  # the effort whose error it is


def ladder(asked: Any) -> list[Row]:
    """Measure all efforts; the mask is the part of lossy depth's file that it takes."""
    rows = []
    pairs = [frames_of(folder)[0] for folder in (OFFICE, DATA / "sequences/train/tum_fr1_rpy")]
    for kind in KINDS:
        steps: dict[int, list[Row]] = {}
        for effort in range(1, 10):
            steps[effort] = [_step(kind, pair, effort, max(1, asked.runs - 1)) for pair in pairs]
            progress(f"{kind}, effort {effort}")
        before: Row = {}
        for effort, found in steps.items():
            row = {"kind": kind, "effort": effort}
            row |= {n: round(fmean(f[n] for f in found), 2) for n in found[0] if n != "points"}
            if "quality" in KINDS[kind][1]:
                row["bytes_at_error"] = round(fmean(map(_at_error, found, steps[EQUAL])))
            if before:
                size = "bytes_at_error" if "bytes_at_error" in row else "bytes"
                row["larger"] = row[size] > 1.001 * before[size]
                row["quicker"] = row["encode_cpu"] < 0.9 * before["encode_cpu"]
            rows.append(row)
            before = row
            progress(row)
    return rows


def _at_error(step: Row, other: Row) -> float:
    """Return a step's bytes at the error that another has, both logarithms on a line."""
    error, size = zip(*sorted((e, b) for b, e in step["points"]), strict=True)
    if not error[0] <= other["error"] <= error[-1]:
        raise ValueError(f"an error of {other['error']:.3g} lies outside {error}")
    return float(np.exp(np.interp(np.log(other["error"]), np.log(error), np.log(size))))


def _step(kind: str, pair: Pair, effort: int, runs: int) -> Row:
    what, settings = KINDS[kind]
    image = pair.load()
    assert image.depth is not None
    if what == "mask":
        row = find(plan("mask", EXACT, effort).codings[0], "mask")
        coding, seen, valid = module(row), Seen(None), image.depth > 0
        code = lambda: coding.encode("mask", valid, Ask(effort=effort), seen)  # noqa: E731
        coded, cpu, wall = least(code, runs + 1)
        return {"bytes": len(coded.payload), "encode_cpu": cpu, "encode_wall": wall, "error": 0.0}
    codec, given = Codec(), RgbdImage(**{what: getattr(image, what)}, depth_unit=image.depth_unit)
    data, cpu, wall = least(lambda: codec.encode(given, effort=effort, **settings), runs + 1)
    made: Row = {"bytes": len(data), "encode_cpu": cpu, "encode_wall": wall, "error": 0.0}
    if "quality" in settings:
        around = [codec.encode(given, effort=effort, quality=quality) for quality in AROUND]
        made["points"] = [(len(d), _error(codec.decode(d), image)) for d in around]
        made["error"] = _error(codec.decode(data), image)
    return made


def _error(back: RgbdImage, image: RgbdImage) -> float:
    """Return the root mean squared error: of depth in mm, or of colour in steps of 8 bits."""
    if back.color is not None:
        assert image.color is not None
        return float(10 ** (-psnr(back.color, image.color) / 20) * 255)
    assert back.depth is not None
    assert image.depth is not None
    off = back.depth.astype(float) - image.depth
    return float(np.sqrt(np.mean(off[image.depth > 0] ** 2)) * image.depth_unit * 1000)
