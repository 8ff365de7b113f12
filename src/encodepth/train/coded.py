"""Frames that a codec coded ahead of training, in one memory-mapped file: a step then costs no AV1.

Whole pictures are coded and crops cut from what a decoder shows, so blocks lie and errors spread as
in files. A pack is written under a temporary name and renamed; its name is a hash of what went in.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import EncodepthError
from ..files import new_folder
from .batches import Coded, Frame, Frames

VERSION = 5
_PLANES = ("color", "depth", "valid", "picture")
Entry = tuple[Frame, dict[str, Any]]
"""A frame with what a decoder shows of it, and facts that are written beside it for people."""


class CodedFrames:
    """Frames beside what a codec makes of them; every coding of a picture counts as a frame."""

    def __init__(self, folder: Path, label: str) -> None:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.label, self.fingerprint = label, folder.name
        self._codings: list[dict[str, Any]] = index["codings"]
        self._data = np.memmap(folder / "pictures.bin", np.uint8, "r")

    def __len__(self) -> int:
        return len(self._codings)

    def __getitem__(self, i: int) -> Frame:
        entry = self._codings[i]
        planes: dict[str, Any] = {n: self._plane(*entry[n]) for n in _PLANES if n in entry}
        coded = Coded(planes.pop("picture"), **entry["coded"])
        return Frame(**planes, **entry["frame"], coded=coded)

    def _plane(self, at: int, shape: Sequence[int], dtype: str) -> NDArray[Any]:
        kind = np.dtype(dtype)
        return self._data[at : at + math.prod(shape) * kind.itemsize].view(kind).reshape(shape)


class Listed:
    """Frames of a list, named by their content."""

    def __init__(self, frames: Sequence[Frame], label: str) -> None:
        self.label, self._frames = label, frames
        digest = hashlib.sha256()
        for frame in frames:
            for plane in (frame.color, frame.depth):
                if plane is not None:
                    digest.update(np.ascontiguousarray(plane).tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> Frame:
        return self._frames[i]


def spread(rng: np.random.Generator, between: tuple[int, int], count: int) -> NDArray[np.int64]:
    """Return so many qualities, rising, one from each of as many equal parts of a range."""
    low, high = between
    shares = (np.arange(count) + rng.random(count)) / count
    return np.rint(low + (high - low) * shares).astype(np.int64)


def packed(
    frames: Frames, settings: str, code: Callable[[], Iterable[Entry]], packs: Path,
    say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return the coded frames, made first where there are none.

    Args:
        frames: where they come from.
        settings: all that decides how they are coded.
        code: codes them; planes that are the same array as the entry's before are written once.
        packs: the folder for packs.
        say: tells people that one is made.

    Raises:
        EncodepthError: there is no coded frame; depth is of one distance everywhere, or of none.
    """
    facts = f"{VERSION} {frames.label} {len(frames)} {frames.fingerprint} {settings}"
    folder = packs / f"coded-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
    if not folder.exists():
        say(f"coding {frames.label} ahead into {folder}")
        with new_folder(folder) as made, open(made / "pictures.bin", "wb") as file:
            index = {"version": VERSION, "codings": list(_written(file, code()))}
            if not index["codings"]:
                raise EncodepthError(f"{frames.label}: nothing in it can be coded")
            (made / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return CodedFrames(folder, frames.label)


def _written(file: BinaryIO, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    before: dict[str, tuple[Any, Any]] = {}
    for frame, facts in entries:
        assert frame.coded is not None
        coded = frame.coded
        row: dict[str, Any] = {
            "frame": {"low": frame.low, "high": frame.high, "unit": frame.unit},
            "coded": {
                "quality": coded.quality, "rmse": coded.rmse, "bpp": coded.bpp, "top": coded.top,
            },
            "facts": facts,
        }  # fmt: skip
        for name in _PLANES:
            plane = coded.picture if name == "picture" else getattr(frame, name)
            if plane is None:
                continue
            if name not in before or before[name][0] is not plane:
                before[name] = plane, _place(file, plane)
            row[name] = before[name][1]
        yield row


def _place(file: BinaryIO, plane: NDArray[Any]) -> tuple[int, list[int], str]:
    """Write a plane; return where it starts, its shape and its kind of number."""
    at, kind = file.tell(), plane.dtype.newbyteorder("<")
    file.write(np.ascontiguousarray(plane, kind).tobytes())
    return at, list(plane.shape), kind.str
