"""Coded files beside what they were made from, for `encodepth verify --against`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EncodepthError
from .shared import PIPE, head_of, read_bytes

if TYPE_CHECKING:
    from ..codec import Codec
    from ..frame import RgbdImage
    from ..io.against import Kept
    from ..io.found import PairBy
    from ..io.pair import Pair
    from ..sequence.reader import Reader


@dataclass(frozen=True)
class Originals:
    """What coded files were made from.

    Attributes:
        paths: folders or archives of pairs; or colour and depth, or one of them; or a recording.
        depth_unit, depth_step, near, far, pair_by: as they were given to `encode`.
    """

    paths: tuple[str, ...]
    depth_unit: float | None = None
    depth_step: float | None = None
    near: float | None = None
    far: float | None = None
    pair_by: PairBy | None = None

    def compare(self, path: str, codec: Codec, model: str, device: str) -> Kept:
        """Decode a file and compare it with its original.

        Raises:
            EncodepthError: it has no original here, or one of both cannot be read.
        """
        from ..sequence.about import is_recording

        if path != PIPE and is_recording(head_of(path)):
            return self._recording(path, model, device)
        return self._still(path, codec)

    def _still(self, path: str, codec: Codec) -> Kept:
        from ..codec import facts_of, parse
        from ..io.against import Kept
        from ..modalities import modality

        data, kept = read_bytes(path), Kept()
        file = parse(data)
        bounds = {modality(s.modality).name: facts_of(s).error for s in file.streams}
        coded = codec.decode(data)
        kept.add(coded, self._clipped(self._picture(path, coded)), bounds)
        return kept

    def _recording(self, path: str, model: str, device: str) -> Kept:
        from ..io.against import Kept
        from ..sequence.reader import Reader

        kept = Kept()
        with Reader(path, model=model, device=device) as reader:
            kept.broken += reader.problems
            originals = self._frames(path, reader)
            if len(originals) != len(reader):
                kept.broken.append(f"{len(reader):,} frames, the original has {len(originals):,}")
            for number, original in zip(range(len(reader)), originals, strict=False):
                frame = reader[number]
                bounds = reader.bounds(number)
                kept.add(frame.image, self._clipped(original()), bounds, f"frame {number}: ")
        return kept

    def _frames(self, path: str, reader: Reader) -> Sequence[Any]:
        """Return what makes each frame's original, in order."""
        from ..sequence.about import is_recording
        from ..sequence.reader import Reader as Other

        if len(self.paths) == 1 and is_recording(head_of(self.paths[0])):
            other = Other(self.paths[0])
            return [lambda n=n: other[n].image for n in range(len(other))]
        return [lambda pair=pair: self._load(pair, reader.depth_unit) for pair in self._track(path)]

    def _picture(self, path: str, coded: RgbdImage) -> RgbdImage:
        """Return a still picture's original."""
        from ..io.given import take
        from ..io.pictures import read_files

        if all(not _has_pairs(name) for name in self.paths):
            color, depth = self._named(coded)
            unit = coded.depth_unit if self.depth_unit is None else self.depth_unit
            return read_files(
                None if color is None else take(color, "color"),
                None if depth is None else take(depth, "depth"),
                depth_unit=unit,
                depth_step=self.depth_step,
                shared_step=coded.depth_unit,
                far=self.far,
            )
        return self._load(self._pair(path), coded.depth_unit)

    def _named(self, coded: RgbdImage) -> tuple[str | None, str | None]:
        if len(self.paths) > 2:
            raise EncodepthError(
                f"--against names {len(self.paths)} files; expected colour and depth, or folders"
            )
        if len(self.paths) == 2:
            return self.paths[0], self.paths[1]
        return (None, self.paths[0]) if coded.color is None else (self.paths[0], None)

    def _load(self, pair: Pair, unit: float) -> RgbdImage:
        """Read a pair; where nothing says its unit it has the file's."""
        from ..io.pair import ASSUMED

        pair = replace(pair, shared_step=unit)
        return (replace(pair, depth_unit=unit) if pair.unit_source == ASSUMED else pair).load()

    def _clipped(self, image: RgbdImage) -> RgbdImage:
        from ..codings.depthmap import within

        if image.depth is None or (self.near is None and self.far is None):
            return image
        kept, _ = within(image.depth, image.depth_unit, self.near, self.far)
        return replace(image, depth=kept)

    @cached_property
    def _pairs(self) -> tuple[Pair, ...]:
        from ..io.dataset import open_dataset

        return tuple(
            pair
            for path in self.paths
            for pair in open_dataset(
                path,
                depth_unit=self.depth_unit,
                depth_step=self.depth_step,
                far=self.far,
                pair_by=self.pair_by,
            ).pairs
        )

    def _pair(self, path: str) -> Pair:
        """Return the pair whose sequence and frame end the file's path.

        Raises:
            EncodepthError: there is none, or there are several.
        """
        *folders, name = _parts(path)
        able = [pair for pair in self._pairs if pair.frame == name]
        exact = [pair for pair in able if _ends(folders, pair.sequence)]
        longest = max((len(pair.sequence) for pair in exact), default=0)
        found = [pair for pair in exact if len(pair.sequence) == longest] or able
        if len(found) != 1:
            raise EncodepthError(_no_original(path, [f"{p.sequence}/{p.frame}" for p in found]))
        return found[0]

    def _track(self, path: str) -> list[Pair]:
        """Return the pairs of the sequence whose name ends a recording's path, or of the only one.

        Raises:
            EncodepthError: there is none, or there are several.
        """
        tracks: dict[str, list[Pair]] = {}
        for pair in self._pairs:
            tracks.setdefault(pair.sequence, []).append(pair)
        named = [name for name in tracks if _ends(_parts(path), name) and name]
        found = [max(named, key=len)] if named else list(tracks)
        if len(found) != 1:
            raise EncodepthError(_no_original(path, found))
        return tracks[found[0]]


def _has_pairs(path: str) -> bool:
    return os.path.isdir(path) or Path(path).suffix.lower() in (".zip", ".mat")


def _parts(path: str) -> list[str]:
    """Return a file's path in parts, the last without its suffix."""
    parts = list(Path(os.path.abspath(path)).parts[1:])
    return [*parts[:-1], parts[-1].removesuffix(".rgbd")]


def _ends(parts: list[str], name: str) -> bool:
    wanted = [part for part in name.split("/") if part]
    return parts[len(parts) - len(wanted) :] == wanted


def _no_original(path: str, found: list[str]) -> str:
    if not found:
        return f"{path}: no original of that name"
    more = ", .." if len(found) > 3 else ""
    return f"{path}: {len(found):,} originals may be its own ({', '.join(found[:3])}{more})"
