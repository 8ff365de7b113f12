"""Decoded frames in one memory-mapped file, made once: a batch then costs a copy, no decoding.

A pack is a folder with frames.bin and index.json. It is written under a temporary name of its own
and renamed, so a pack that exists is whole, also where several runs make it at once; its name is a
hash of what went in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import new_folder
from .batches import Frame

_VERSION = 1


@dataclass(frozen=True)
class Doubt:
    """What looks wrong about a frame that can be used."""

    frame: Frame
    reason: str


class Pack:
    """Frames with colour, filled depth and mask, read without decoding.

    Args:
        folder: what `make_pack` wrote.
        label: of the source, for people.
        doubtful: whether to use frames that look wrong.

    Attributes:
        skipped: why frames were left out when the pack was made.
        doubts: what looks wrong about others.
    """

    def __init__(self, folder: Path, label: str = "", *, doubtful: bool = True) -> None:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.label, self.fingerprint = label, folder.name
        self.skipped: list[str] = index["skipped"]
        self.doubts: list[str] = [f["doubt"] for f in index["frames"] if "doubt" in f]
        self._frames = [f for f in index["frames"] if doubtful or "doubt" not in f]
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


def make_pack(folder: Path, frames: Iterator[Frame | Doubt | str]) -> None:
    """Write a pack of pairs; a text in place of a frame says why one was left out."""
    with new_folder(folder) as made:
        _fill(made, frames)


def _fill(folder: Path, frames: Iterator[Frame | Doubt | str]) -> None:
    records: list[dict[str, float | str]] = []
    skipped, at = [], 0
    with open(folder / "frames.bin", "wb") as file:
        for found in frames:
            if isinstance(found, str):
                skipped.append(found)
                continue
            frame = found.frame if isinstance(found, Doubt) else found
            height, width = frame.size
            assert frame.depth is not None
            records.append({
                "height": height, "width": width, "at": at,
                "low": frame.low, "high": frame.high, "unit": frame.unit,
            })  # fmt: skip
            if isinstance(found, Doubt):
                records[-1]["doubt"] = found.reason
            for plane in (frame.color, frame.depth.astype("<u2"), frame.valid):
                at += file.write(np.ascontiguousarray(plane).tobytes())
    index = {"version": _VERSION, "frames": records, "skipped": skipped}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
