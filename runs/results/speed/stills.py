"""Exact and bounded depth of 640x480, beside JPEG XL effort 2 and RVL in the same run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from encodepth.codings import find, module
from encodepth.codings.base import Ask
from encodepth.codings.jpegxl import decode_frame, encode_frame
from encodepth.io.ros.rvl import compress, decompress
from encodepth.plan import EXACT, plan
from encodepth.references import Seen
from runs.common import DATA, frames_of

from .clock import BOUND_MM, VGA, Row, both


def folders() -> list[Path]:
    """Return every sequence, and the scenes of the test set."""
    return sorted(DATA.glob("sequences/*/*")) + sorted(DATA.glob("test/*"))


def exact(depth: np.ndarray, effort: int, error: int, runs: int) -> Row:
    """Measure exact depth, or depth within `error` steps, by the coding that `auto` takes."""
    row = find(plan("depth", EXACT, effort).codings[0], "depth")
    coding, seen, ask = module(row), Seen(None), Ask(effort=effort, error=error)
    held: dict[bytes, Any] = {}

    def encode() -> bytes:
        coded = coding.encode("depth", depth, ask, seen)
        held[coded.payload] = coded
        return bytes(coded.payload)

    def decode(payload: bytes) -> Any:
        return coding.decode("depth", held[payload], depth.shape, seen)

    return both(encode, decode, runs)


def stills(asked: Any) -> list[Row]:
    """Measure frames of 640x480 of all folders."""
    rows = []
    for folder in folders():
        for pair in frames_of(folder, count=min(asked.frames, len(frames_of(folder)))):
            image = pair.load()
            depth = image.depth
            assert depth is not None
            if depth.shape != VGA:
                continue
            within = round(BOUND_MM / 1000 / image.depth_unit)
            coders: dict[str, Callable[[], Row]] = {
                "RVL": lambda d=depth: both(
                    lambda: compress(d), lambda b: decompress(b, *VGA), asked.runs
                ),
                "JPEG XL e2": lambda d=depth: both(
                    lambda: encode_frame(d, 2),
                    lambda b: decode_frame(b, VGA, np.uint16),
                    asked.runs,
                ),
            }
            for effort in (1, 5, 7):
                for name, error in (("exact", 0), ("within 5 mm", within)):
                    coders[f"{name}, effort {effort}"] = lambda d=depth, e=effort, off=error: exact(
                        d, e, off, asked.runs if e < 6 else max(1, asked.runs - 1)
                    )
            for name, coder in coders.items():
                if not rows or all(r["coder"] != name for r in rows):
                    coder()  # compiled, or read from the cache
                label = f"{folder.parent.name}/{folder.name}"
                rows.append({"recording": label, "coder": name, **coder()})
    return rows
