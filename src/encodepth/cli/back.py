"""Folders of .rgbd files back into folders of pictures, for `encodepth decode DIR -o OUT`.

A recording among them becomes a folder of its name there.
SEQUENCE/FRAME.rgbd becomes OUT/SEQUENCE/color/FRAME.png and depth/FRAME.png, and a meta.json there
says unit and camera, so that what comes out is a dataset that `open_dataset` reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import EncodepthError
from .jobs import (
    Job,
    Journal,
    Outcome,
    Progress,
    ending,
    failed,
    write_down,
    write_down_begun,
    write_down_made,
)
from .many import make_folder, named_apart, sum_line
from .shared import check_free, explain, head_of, open_codec, read_bytes, rgbd_below, save

if TYPE_CHECKING:
    from ..codec import Codec

_META = "meta.json"


@dataclass(frozen=True)
class Return:
    """What all files of a call have in common."""

    folder: Path
    kinds: tuple[str, ...]  # modalities that are wanted
    model: str
    device: str
    force: bool
    jobs: int
    quiet: bool
    jpeg: bool = False  # colour that was kept as a JPEG file is written as that
    restore: bool = True  # by networks, what was coded for them


class Task(NamedTuple):
    """A file, and the folder its pictures go to."""

    file: Path
    place: Path


class _Kept(NamedTuple):
    """What a worker keeps between files."""

    codec: Codec
    call: Return
    journal: Journal


class Facts(NamedTuple):
    """What a file says beside pixels."""

    depth_unit: float | None
    camera: dict[str, float] | None


def decode_folders(paths: Sequence[str], call: Return) -> int:
    """Decode every .rgbd file at or below `paths`; return the exit status.

    Raises:
        EncodepthError: there is none, or the folder cannot be written.
    """
    total = sum(1 for _ in _tasks(paths, call.folder))
    if not total:
        raise EncodepthError(f"no .rgbd files below {', '.join(paths)}")
    make_folder(call.folder)
    progress = Progress(total, call.quiet)
    metas: dict[Path, _Meta] = {}
    written = 0
    job = Job(partial(_start, call), _decode, call.jobs)
    for task, outcome in job.run(_tasks(paths, call.folder)):
        progress.step(outcome, str(task.file))
        written += outcome.size
        if outcome.said is not None:
            metas.setdefault(task.place, _Meta()).add(task.file.stem, outcome.said)
        if outcome.ends:
            progress.ended = True
            break
    for place, meta in metas.items():
        try:
            _write_json(place / _META, meta.as_dict(), force=call.force)
        except EncodepthError as error:
            progress.fail(str(error))
    progress.clear()
    if not call.quiet:
        words = f"{written:,} bytes in {call.folder}"
        click.echo(sum_line(progress, words, "files"), err=True)
    return 1 if progress.failed else 0


def _tasks(paths: Sequence[str], folder: Path) -> Iterator[Task]:
    """Yield every file with its place, in order; names are not kept."""
    for path, before in zip(paths, named_apart(paths), strict=True):
        if not os.path.isdir(path):
            yield Task(Path(path), folder / Path(before).parent)
            continue
        for name in rgbd_below(path):
            below = os.path.relpath(os.path.dirname(name), path)
            yield Task(Path(name), folder / before / below)


def _start(call: Return) -> _Kept:
    return _Kept(open_codec(call.model, call.device), call, Journal(call.folder))


def _decode(kept: _Kept, task: Task) -> Outcome:
    """Decode one file, unless its pictures were made of it before."""
    from ..sequence.about import is_recording

    try:
        if is_recording(head_of(str(task.file))):
            return _decode_recording(kept, task)
        return _decode_one(kept, task, read_bytes(str(task.file)))
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        return failed(error, reason)


def _decode_recording(kept: _Kept, task: Task) -> Outcome:
    """Decode a recording into a folder of its name, unless that was done before."""
    from .unroll import TRAJECTORY, decode_recording

    call, journal = kept.call, kept.journal
    folder = task.place / task.file.stem
    last, begun = folder / TRAJECTORY, journal.unfinished(folder / TRAJECTORY)
    size, end = ending(task.file) or (0, "")
    key = f"{size} {end}" + ("" if call.restore else " unrestored")
    if not call.force and journal.holds(last, key):
        return Outcome(skipped=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not last.exists():
        write_down_begun(call.folder, last)
    decode_recording(
        str(task.file),
        folder,
        call.kinds,
        jpeg=call.jpeg,
        model=call.model,
        force=call.force or begun,
        quiet=True,
        restore=call.restore,
    )
    write_down_made(call.folder, last, key)
    return Outcome(sum(path.stat().st_size for path in folder.rglob("*.*g")))


def _decode_one(kept: _Kept, task: Task, data: bytes) -> Outcome:
    from ..codec import kept_jpeg
    from ..info import inspect
    from ..io.pictures import picture_bytes

    codec, call, journal = kept
    held = inspect(data)
    wanted = [kind for kind in call.kinds if held.stream(kind) is not None]
    if not wanted:
        raise EncodepthError(f"{task.file} holds no {' or '.join(call.kinds)}")
    facts = Facts(
        held.depth_unit_m if "depth" in wanted else None,
        held.intrinsics,
    )
    targets = {kind: task.place / kind / f"{task.file.stem}.png" for kind in wanted}
    jpeg = kept_jpeg(data) if call.jpeg and "color" in wanted else None
    if jpeg is not None:
        targets["color"] = targets["color"].with_suffix(".jpg")
    key = f"{len(data)} {data[-8:].hex()}" + ("" if call.restore else " unrestored")
    mine = {target: journal.holds(target, key) for target in targets.values()}
    if not call.force and all(mine.values()):
        return Outcome(skipped=True, said=facts)
    for target in targets.values():
        target.parent.mkdir(parents=True, exist_ok=True)
        check_free(target, force=call.force or mine[target], sources=[str(task.file)])
    pixels = [kind for kind in wanted if jpeg is None or kind != "color"]
    picture = codec.decode(data, streams=pixels, restore=call.restore) if pixels else None
    total = 0
    for kind, target in targets.items():
        if jpeg is not None and kind == "color":
            made = jpeg
        else:
            assert picture is not None
            made = picture_bytes(picture, kind, target)
        write_down(call.folder, target, key, made)
        save(target, made)
        total += len(made)
    return Outcome(total, said=facts)


@dataclass
class _Meta:
    """Unit and camera of the frames of a folder: the first one's, and what differs from it."""

    first: Facts | None = None
    others: dict[str, Facts] = field(default_factory=dict)

    def add(self, frame: str, facts: Facts) -> None:
        if self.first is None:
            self.first = facts
        elif facts != self.first:
            self.others[frame] = facts

    def as_dict(self) -> dict[str, Any]:
        frames = {frame: _keys(facts) for frame, facts in sorted(self.others.items())}
        return _keys(self.first or Facts(None, None)) | ({"frames": frames} if frames else {})


def _keys(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if facts.depth_unit is not None:
        per_metre = 1 / facts.depth_unit
        whole = round(per_metre)
        near = whole and abs(per_metre / whole - 1) < 1e-6
        found["depth_units_per_meter"] = whole if near else per_metre
    if facts.camera is not None:
        found["intrinsics"] = facts.camera
    return found


def save_meta(path: Path, facts: Facts, *, force: bool) -> None:
    """Write the meta.json of frames that agree in `facts`.

    Raises:
        EncodepthError: another one is there, or it cannot be written.
    """
    _write_json(path, _keys(facts), force=force)


def _write_json(path: Path, values: dict[str, Any], *, force: bool) -> None:
    """Write a file of JSON; one that says the same may be there."""
    import json

    data = (json.dumps(values, indent=1) + "\n").encode()
    if path.is_file() and path.read_bytes() == data:
        return
    check_free(path, force=force)
    save(path, data)
