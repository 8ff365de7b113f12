"""Cutting and joining recordings by moving chunks, whose frames are neither decoded nor coded.

A group ends anywhere for nothing: its first frames need no later ones. It begins only where nothing
leans on what came before, so a cut inside a group takes along the frames that it needs, or codes
that one group again if that is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..codec import facts_of
from ..container.chunk import Chunk, Frame
from ..container.header import Header, Modality
from ..container.sequence import SequenceReader, SequenceWriter
from ..errors import CorruptFileError, InvalidSettingError
from ..frame import RgbdImage
from ..modalities import IMAGE, modality
from ..settings import Settings
from .reader import Reader
from .recording import record
from .writer import KEY_INTERVAL, opened

_NS = 1_000_000_000


@dataclass(frozen=True)
class Span:
    """A part of a recording: from `start` on and before `stop`, either None for the end there is.

    Attributes:
        start, stop: numbers of frames, negative from the end, or seconds after the first frame.
        seconds: which of these.
    """

    start: float | None
    stop: float | None
    seconds: bool = False


@dataclass(frozen=True)
class Cut:
    """What was cut out.

    Attributes:
        first, frames: number of the first frame in the source, and how many there are.
        early: frames before those asked for, which these need.
        coded: frames that were coded again.
        bytes: of the file.
    """

    first: int
    frames: int
    early: int
    coded: int
    bytes: int


def cut(
    source: Any,
    target: Any,
    span: Span,
    *,
    again: Settings | None = None,
    overwrite: bool = False,
    model: str = "base",
) -> Cut:
    """Write a part of a recording as one of its own; times stay what they were.

    Args:
        source: as `Reader` takes it.
        target: a path that does not exist yet, or an object with `write`.
        span: which frames.
        again: code the frames of a group that is cut at its beginning again, so; what it leaves
            open stays as it was: exact what was exact, the quality of what was lossy. None keeps
            the frames before that they need.
        overwrite: whether a file at `target` may be replaced.
        model: as for `Codec`.

    Raises:
        InvalidSettingError: there is no such frame.
        CorruptFileError: a frame of the part is damaged or missing.
    """
    with Reader(source, model=model) as reader:
        file = reader.container
        first, stop = _frames(file, span)
        with opened(target, overwrite) as out:
            writer = SequenceWriter(out, file.header)
            early = coded = 0
            for number in range(file.find(first), file.find(stop - 1) + 1):
                chunk = file.read(number)
                start, end = max(first - chunk.first, 0), min(stop - chunk.first, len(chunk.frames))
                needed = _needed(chunk, start)
                if needed < start and again is not None:
                    numbers = range(chunk.first + start, chunk.first + end)
                    _code(reader, numbers, writer, _as_it_was(chunk.frames[start:end], again))
                    coded += end - start
                    continue
                early += start - needed
                if needed == 0 and end == len(chunk.frames):
                    writer.copy(file.raw(number))
                else:
                    writer.write(chunk.frames[needed:end])
            _check_gaps(file, first, stop)
            writer.close()
        return Cut(first - early, stop - first + early, early, coded, writer.size)


@dataclass(frozen=True)
class Joined:
    """What was joined: frames, bytes, and metadata keys whose values differ and are the first's."""

    frames: int
    bytes: int
    differing: tuple[str, ...]


def join(
    sources: Sequence[Any], target: Any, *, follow: bool = False, overwrite: bool = False
) -> Joined:
    """Write recordings one after another as one.

    Args:
        sources: as `Reader` takes them; of the same modalities and cameras.
        target: a path that does not exist yet, or an object with `write`.
        follow: move the times of each so that it goes on where the one before ended.
        overwrite: whether a file at `target` may be replaced.

    Raises:
        InvalidSettingError: modalities or cameras differ, or times would go back.
        CorruptFileError: one is damaged.
    """
    readers: list[Reader] = []
    try:
        for source in sources:
            readers.append(Reader(source))
        files = [(_name(source), r.container) for source, r in zip(sources, readers, strict=True)]
        header, differing = _common(files)
        shifts = list(_shifts(files, follow))
        with opened(target, overwrite) as out:
            writer = SequenceWriter(out, header)
            for (name, file), shift in zip(files, shifts, strict=True):
                for number in range(len(file.chunks)):
                    try:
                        file.read(number)
                    except CorruptFileError as error:
                        raise CorruptFileError(f"{name}: {error}") from None
                    writer.copy(file.raw(number), shift)
            writer.close()
        return Joined(writer.frames, writer.size, differing)
    finally:
        for reader in readers:
            reader.close()


def _frames(file: SequenceReader, span: Span) -> tuple[int, int]:
    """Return the numbers of the first frame and of the one after the last."""
    if span.seconds:
        begin = file.chunks[0].start if file.chunks else 0
        start, stop = (
            None if s is None else _first_from(file, begin + round(s * _NS))
            for s in (span.start, span.stop)
        )
    else:
        start, stop = (None if s is None else int(s) for s in (span.start, span.stop))
    which = range(*slice(start, stop).indices(file.frames))
    if not which:
        raise InvalidSettingError(f"none of the recording's {file.frames:,} frames lie there")
    return which.start, which.stop


def _first_from(file: SequenceReader, time: int) -> int:
    """Return the number of the first frame at `time` or later."""
    for number, entry in enumerate(file.chunks):
        if entry.end >= time:
            frames = file.read(number).frames
            return entry.first + next(i for i, f in enumerate(frames) if f.time >= time)
    return file.frames


def _needed(chunk: Chunk, start: int) -> int:
    """Return the last frame up to `start` that nothing from it on leans over."""
    needed = start
    for i in range(len(chunk.frames) - 1, -1, -1):
        if i < needed:
            break
        for stream in chunk.frames[i].streams:
            needed = min([needed, *(i - back for _, back in stream.references)])
    return needed if needed == start else _needed(chunk, needed)


def _check_gaps(file: SequenceReader, first: int, stop: int) -> None:
    numbers = range(file.find(first), file.find(stop - 1) + 1)
    for number in numbers[1:]:
        before, here = file.chunks[number - 1], file.chunks[number]
        if before.first + before.frames != here.first:
            gap = f"{before.first + before.frames}..{here.first - 1}"
            raise CorruptFileError(f"frames {gap} are missing")


def _as_it_was(frames: Sequence[Frame], again: Settings) -> Settings:
    """Fill in what settings leave open about colour and depth from how frames are coded.

    Depth within a bound is kept as it is decoded, so that the bound goes on holding.
    """
    was: dict[str, int | None] = {}  # quality, None of what is exact
    for stream in (s for frame in frames for s in frame.streams):
        name, quality = modality(stream.modality).name, facts_of(stream).quality
        was[name] = max(quality or 0, was.get(name) or 0) if quality is not None else was.get(name)
    open_ = {name for name in IMAGE if again.coding.get(name, "auto") == "auto"}
    if again.max_depth_error is not None or again.depth_quality is not None:
        open_.discard("depth")
    exact = {name for name in open_ if name in was and was[name] is None}
    again = replace(again, lossless=tuple(n for n in IMAGE if n in {*again.lossless, *exact}))
    if again.quality is not None:
        return again
    again = replace(again, quality=was.get("color"))
    if "depth" in open_ and "depth" not in again.lossless:
        again = replace(again, depth_quality=was.get("depth"))
    return again


def _code(reader: Reader, numbers: range, writer: SequenceWriter, settings: Settings) -> None:
    """Code frames again, as groups of their own."""
    part, frames = io.BytesIO(), [reader[n] for n in numbers]
    interval = max(KEY_INTERVAL, len(frames))
    record(frames, part, like=_like(frames), key_interval=interval, **vars(settings))
    data = part.getvalue()
    made = SequenceReader(lambda at, size: data[at : at + size], len(data))
    for number in range(len(made.chunks)):
        writer.copy(made.raw(number))


def _like(frames: Sequence[Any]) -> RgbdImage:
    arrays: dict[str, Any] = {}
    for frame in frames:
        arrays = frame.image.arrays | arrays
    color, depth = arrays.pop("color", None), arrays.pop("depth", None)
    return RgbdImage(color, depth, frames[0].image.depth_unit, planes=arrays)


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else "a recording"


def _common(files: Sequence[tuple[str, SequenceReader]]) -> tuple[Header, tuple[str, ...]]:
    """Return the header of all, and the metadata keys that they do not agree on."""
    first_name, first = files[0]
    header = first.header
    differing: dict[str, None] = {}
    for name, file in files[1:]:
        other = file.header
        where = f"{name} and {first_name}"
        for a, b in zip(_plain(header), _plain(other), strict=False):
            if a != b:
                raise InvalidSettingError(f"{where} differ: {_words(b)} against {_words(a)}")
        if len(header.modalities) != len(other.modalities):
            counts = " against ".join(_held(h) for h in (other, header))
            raise InvalidSettingError(f"{where} differ: {counts}")
        if header.cameras != other.cameras or _places(header) != _places(other):
            raise InvalidSettingError(f"{where} have different cameras")
        if any(a.rate != b.rate for a, b in zip(header.modalities, other.modalities, strict=True)):
            rateless = tuple(replace(m, rate=None) for m in header.modalities)
            header = replace(header, modalities=rateless)
        for key in header.metadata.keys() | other.metadata.keys():
            if header.metadata.get(key) != other.metadata.get(key):
                differing[key] = None
        header = replace(header, metadata={**other.metadata, **header.metadata})
    for name, file in files:
        if file.problems:
            raise CorruptFileError(f"{name}: {file.problems[0]}")
        if not file.chunks:
            raise CorruptFileError(f"{name} has no frame")
    return header, tuple(sorted(differing))


def _plain(header: Header) -> list[Modality]:
    return [replace(m, rate=None, camera=None) for m in header.modalities]


def _places(header: Header) -> list[int | None]:
    return [m.camera for m in header.modalities]


def _words(m: Modality) -> str:
    unit = "" if m.unit is None else f", unit {m.unit:g} m"
    return f"{modality(m.number).name} of {m.width}x{m.height}, {m.bits} bits{unit}"


def _held(header: Header) -> str:
    return " and ".join(modality(m.number).name for m in header.modalities)


def _shifts(files: Sequence[tuple[str, SequenceReader]], follow: bool) -> Iterator[int]:
    """Yield the ns that are added to the times of each.

    Raises:
        InvalidSettingError: times would go back.
    """
    end: int | None = None
    step = 0
    for name, file in files:
        start, last = file.chunks[0].start, file.chunks[-1].end
        shift = 0
        if end is not None:
            if follow:
                shift = end + step - start
            elif start <= end:
                raise InvalidSettingError(
                    f"{name} begins {(end - start) / _NS:g} s before the one before it ends; "
                    "with --follow its times are moved to go on from there"
                )
        yield shift
        end = last + shift
        step = round((last - start) / max(file.frames - 1, 1)) or _NS // 30
