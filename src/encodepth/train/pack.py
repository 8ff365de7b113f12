"""Decoded frames in one memory-mapped file, made once: a batch then costs a copy, no decoding.

A pack is a folder with frames.bin and index.json. It is written under a temporary name and renamed,
so a pack that exists is whole; its name is a hash of what went in.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .batches import Frame

_VERSION = 1


class Pack:
    """Frames with colour, filled depth and mask, read without decoding."""

    def __init__(self, folder: Path, label: str = "") -> None:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.label, self.fingerprint = label, folder.name
        self.skipped: list[str] = index["skipped"]
        self._frames = index["frames"]
        self._data = np.memmap(folder / "frames.bin", np.uint8, "r") if self._frames else None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> Frame:
        record = self._frames[i]
        height, width, at = record["height"], record["width"], record["at"]
        pixels = height * width
        assert self._data is not None
        color = self._data[at : at + 3 * pixels].reshape(height, width, 3)
        depth = self._data[at + 3 * pixels : at + 5 * pixels].view("<u2").reshape(height, width)
        valid = self._data[at + 5 * pixels : at + 6 * pixels].view(np.bool_).reshape(height, width)
        return Frame(color, depth, valid, record["low"], record["high"], record["unit"])


def make_pack(folder: Path, frames: Iterator[Frame | str]) -> None:
    """Write a pack of pairs; a text in place of a frame says why one was left out."""
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    records: list[dict[str, float]] = []
    skipped, at = [], 0
    with open(temporary / "frames.bin", "wb") as file:
        for frame in frames:
            if isinstance(frame, str):
                skipped.append(frame)
                continue
            height, width = frame.size
            assert frame.depth is not None
            records.append({
                "height": height, "width": width, "at": at,
                "low": frame.low, "high": frame.high, "unit": frame.unit,
            })  # fmt: skip
            for plane in (frame.color, frame.depth.astype("<u2"), frame.valid):
                at += file.write(np.ascontiguousarray(plane).tobytes())
    index = {"version": _VERSION, "frames": records, "skipped": skipped}
    (temporary / "index.json").write_text(json.dumps(index), encoding="utf-8")
    temporary.rename(folder)
