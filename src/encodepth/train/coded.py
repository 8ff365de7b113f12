"""Pictures that AV1 coded ahead of training, in one memory-mapped file: a step then costs no AV1.

Whole pictures are coded and crops cut from what a decoder shows, so blocks lie and errors spread as
in files. A pack is written under a temporary name and renamed; its name is a hash of what went in.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..codings import av1_color as avif
from ..files import new_folder
from .batches import LEVEL, Coded, Frame, Frames
from .config import Ahead, Source

_VERSION = 2
_LEAST_SHRINK, _MOST_SHRINK = 0.5, 0.9
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Way:
    """How AV1 codes a picture once."""

    quality: int
    speed: int
    tune: str


class CodedFrames:
    """Colour before and after AV1; every coding of a picture counts as a frame."""

    def __init__(self, folder: Path, label: str) -> None:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.label, self.fingerprint = label, folder.name
        self._codings: list[dict[str, Any]] = index["codings"]
        self._data = np.memmap(folder / "pictures.bin", np.uint8, "r")

    def __len__(self) -> int:
        return len(self._codings)

    def __getitem__(self, i: int) -> Frame:
        c = self._codings[i]
        shape = c["height"], c["width"], 3
        samples = math.prod(shape)
        original = self._data[c["original"] : c["original"] + samples].reshape(shape)
        picture = self._data[c["at"] : c["at"] + 2 * samples].view("<u2").reshape(shape)
        bpp = 8 * c["bytes"] / (c["height"] * c["width"])
        return Frame(original, coded=Coded(picture, c["quality"], c["rmse"], bpp))


def coded_ahead(
    frames: Frames, source: Source, ahead: Ahead, smallest: int, packs: Path,
    say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return a training source's pictures with their codings, made first where there are none.

    Each is coded `source.versions` times at qualities spread over the range, part of them from a
    copy made smaller by a factor of its own, no side below `smallest`.
    """

    def codings() -> Iterator[tuple[Picture, Sequence[Way]]]:
        for i in range(len(frames)):
            picture, rng = np.asarray(frames[i].color), np.random.default_rng([_VERSION, i])
            ways = _drawn(rng, ahead, source.versions)
            small = round(len(ways) * ahead.shrunk)
            yield picture, ways[small:]
            yield _smaller(rng, picture, smallest), ways[:small]

    return _packed(frames, f"{ahead} {source.versions} {smallest}", codings, packs, say)


def coded_at(
    frames: Sequence[Frame], label: str, qualities: Sequence[int], ways: Sequence[tuple[int, str]],
    packs: Path, say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    """Return validation pictures at fixed qualities, one after the other.

    Args:
        frames: with colour.
        label: of the source.
        qualities: of every picture, in this order.
        ways: (speed, tune); the pictures take them in turn.
        packs: the folder for packs.
        say: tells people that one is made.
    """

    def codings() -> Iterator[tuple[Picture, Sequence[Way]]]:
        for i, frame in enumerate(frames):
            yield np.asarray(frame.color), [Way(q, *ways[i % len(ways)]) for q in qualities]

    return _packed(_Listed(frames, label), f"{list(qualities)} {list(ways)}", codings, packs, say)


class _Listed:
    """Frames of a list, named by their content."""

    def __init__(self, frames: Sequence[Frame], label: str) -> None:
        self.label, self._frames = label, frames
        digest = hashlib.sha256()
        for frame in frames:
            digest.update(np.ascontiguousarray(frame.color).tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> Frame:
        return self._frames[i]


def _packed(
    frames: Frames, settings: str, codings: Callable[[], Iterator[tuple[Picture, Sequence[Way]]]],
    packs: Path, say: Callable[[str], None],
) -> CodedFrames:  # fmt: skip
    facts = f"{_VERSION} {frames.label} {len(frames)} {frames.fingerprint} {settings}"
    folder = packs / f"coded-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
    if not folder.exists():
        say(f"coding {frames.label} ahead into {folder}")
        with new_folder(folder) as made:
            _fill(made, codings())
    return CodedFrames(folder, frames.label)


def _fill(folder: Path, pictures: Iterator[tuple[Picture, Sequence[Way]]]) -> None:
    codings = []
    with open(folder / "pictures.bin", "wb") as file:
        for picture, ways in pictures:
            if not ways:
                continue
            height, width = picture.shape[:2]
            original = _append(file, picture)
            for way in ways:
                data = avif.encode_color_as(picture, way.quality, way.speed, way.tune, threads=1)
                decoded = avif.decode_finely(data, height, width)
                error = np.square(decoded - picture).mean(dtype=np.float64)
                codings.append({
                    "height": height, "width": width, "original": original,
                    "at": _append(file, np.rint(decoded * LEVEL).astype("<u2")),
                    "quality": way.quality, "speed": way.speed, "tune": way.tune,
                    "bytes": len(data), "rmse": float(np.sqrt(error)),
                })  # fmt: skip
    index = {"version": _VERSION, "codings": codings}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _append(file: BinaryIO, picture: NDArray[Any]) -> int:
    """Write a picture and return where it starts."""
    at = file.tell()
    file.write(np.ascontiguousarray(picture).tobytes())
    return at


def _drawn(rng: np.random.Generator, ahead: Ahead, count: int) -> list[Way]:
    """Return codings in random order, their qualities spread over the range."""
    low, high = ahead.qualities
    shares = (np.arange(count) + rng.random(count)) / count
    return [
        Way(round(low + (high - low) * float(share)), int(rng.choice(ahead.speeds)),
            str(rng.choice(ahead.tunes)))
        for share in rng.permutation(shares)
    ]  # fmt: skip


def _smaller(rng: np.random.Generator, picture: Picture, smallest: int) -> Picture:
    height, width = picture.shape[:2]
    factor = max(rng.uniform(_LEAST_SHRINK, _MOST_SHRINK), smallest / min(height, width))
    size = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
