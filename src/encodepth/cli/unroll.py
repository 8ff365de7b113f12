"""A recording back into a folder of pictures, for `encodepth decode RECORDING -o DIR`.

Frame 0 becomes DIR/color/000000.png and depth/000000.png. meta.json says unit and camera, as for a
folder of .rgbd files, and trajectory.json when each frame was seen and from where.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorruptFileError, EncodepthError
from .jobs import Outcome, Progress, failed
from .recording import chosen
from .shared import check_free, save, written

if TYPE_CHECKING:
    from ..frame import Frame
    from ..sequence.reader import Reader

TRAJECTORY = "trajectory.json"


def decode_recording(
    path: str,
    folder: Path,
    kinds: tuple[str, ...],
    *,
    jpeg: bool,
    model: str,
    force: bool,
    quiet: bool,
    which: slice = slice(None),
    restore: bool = True,
) -> int:
    """Write what can be read of a recording below `folder`; return how many frames that was.

    Pictures are named by the frames' numbers in the recording, whichever of them are wanted.

    Raises:
        EncodepthError: the recording is damaged, which is said after all else was written; or a
            file is there and `force` is not given.
    """
    from ..sequence.reader import Reader

    with Reader(path, streams=kinds, model=model, restore=restore) as reader:
        numbers = chosen(which, len(reader))
        _make_room(folder, force=force)
        progress = Progress(len(numbers), quiet)
        seen: dict[str, Any] = {}
        for number in numbers:
            outcome, told = _attempt(reader, number, folder, jpeg=jpeg, force=force)
            if told is not None:
                seen[f"{number:06d}"] = told
            progress.step(outcome, path)
        progress.clear()
        _save_facts(folder, reader, seen, force=force)
        problems = [*reader.problems]
        if progress.failed:
            problems.append(f"{progress.failed} of {len(numbers)} frames could not be decoded")
        if problems:
            raise EncodepthError("; ".join(problems))
        return len(seen)


def _attempt(
    reader: Reader, number: int, folder: Path, *, jpeg: bool, force: bool
) -> tuple[Outcome, dict[str, Any] | None]:
    """Write one frame's pictures; damage costs that frame, anything else ends the job."""
    try:
        frame = reader[number]
        kept = reader.kept_jpeg(number) if jpeg and frame.image.color is not None else None
    except CorruptFileError as error:
        return failed(error, str(error)), None
    _save_pictures(frame, kept, folder, f"{number:06d}", force=force)
    return Outcome(), _told(frame)


def _make_room(folder: Path, *, force: bool) -> None:
    """Make the folder, and refuse one that a recording was written to before.

    Raises:
        EncodepthError: it holds one, or cannot be made.
    """
    written(folder, partial(folder.mkdir, parents=True, exist_ok=True))
    check_free(folder / TRAJECTORY, force=force)


def _save_pictures(
    frame: Frame, jpeg: bytes | None, folder: Path, name: str, *, force: bool
) -> None:
    from ..io.pictures import picture_bytes

    image = frame.image
    held = {"color": image.color, "depth": image.depth, **image.planes}
    for kind, plane in held.items():
        if plane is None:
            continue
        as_file = jpeg if kind == "color" else None
        target = folder / kind / f"{name}.{'png' if as_file is None else 'jpg'}"
        target.parent.mkdir(exist_ok=True)
        check_free(target, force=force)
        save(target, as_file or picture_bytes(image, kind, target))


def _told(frame: Frame) -> dict[str, Any]:
    """Return when a frame was seen, and from where if that is known: camera to world, 4x4."""
    told: dict[str, Any] = {"time_ns": frame.time}
    return told if frame.pose is None else told | {"pose": frame.pose.tolist()}


def _save_facts(folder: Path, reader: Reader, seen: dict[str, Any], *, force: bool) -> None:
    from .back import Facts, save_meta

    camera = reader.intrinsics
    facts = Facts(reader.depth_unit, None if camera is None else asdict(camera))
    save_meta(folder / "meta.json", facts, force=force)
    save(folder / TRAJECTORY, (json.dumps({"seen": seen}, indent=1) + "\n").encode())
