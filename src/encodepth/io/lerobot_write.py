"""A LeRobot dataset with recordings in place of its pictures, all else as it was.

`recordings/VIEW/episode-000000.rgbd` has colour and depth of one episode; `meta/` and `data/` are
copies, the parquet without the pictures that recordings hold. `meta/encodepth.json` says which keys
lie where, so that `encodepth.torch.LeRobot` gives back what LeRobot gives.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..codings.depthmap import within
from ..errors import EncodepthError
from ..files import growing_file, write_json
from ..frame import Note, RgbdImage
from ..sequence.writer import KEY_INTERVAL, Writer
from ..settings import Settings
from .lerobot import LeRobot, View, is_lerobot
from .lerobot_planes import need

PLAN = "meta/encodepth.json"
FORMAT = "encodepth-lerobot-1"
_PLACE = "recordings/{view}/episode-{episode:06d}.rgbd"
_DEPTH_ONLY = ("max_depth_error", "depth_quality", "near", "far")


@dataclass(frozen=True)
class Made:
    """A recording that was written.

    Attributes:
        path: where.
        frames, bytes: what it has.
        notes: what was changed in its pictures -> (pictures, pixels).
        skipped: whether an earlier call had made it.
    """

    path: Path
    frames: int
    bytes: int
    notes: dict[str, tuple[int, int]] = field(default_factory=dict)
    skipped: bool = False


def place_of(folder: Path, view: str, episode: int) -> Path:
    """Return where the recording of an episode lies."""
    return folder / _PLACE.format(view=view, episode=episode)


def read_plan(root: Path) -> dict[str, Any]:
    """Return which keys of a dataset lie in which recordings.

    Raises:
        EncodepthError: the folder is none that was made here.
    """
    try:
        found: dict[str, Any] = json.loads((root / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise EncodepthError(
            f"{root} has no {PLAN}; expected what encodepth encode DATASET --out-dir wrote"
        ) from None
    if found.get("format") != FORMAT:
        raise EncodepthError(f"{root / PLAN} is of format {found.get('format')!r}, not {FORMAT!r}")
    return found


def is_converted(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is a LeRobot dataset with recordings in place of its pictures."""
    return (Path(path) / PLAN).is_file() and is_lerobot(path)


def prepare(data: LeRobot, folder: Path, settings: Settings, *, force: bool = False) -> None:
    """Copy what is no picture, and write down what recordings will hold; may be repeated.

    Raises:
        EncodepthError: the folder holds another dataset or other settings and `force` is not given,
            or cannot be written.
    """
    plan, there = _plan(data, settings), folder / PLAN
    if there.exists() and not force:
        try:
            same = json.loads(there.read_text(encoding="utf-8")) == plan
        except ValueError:
            same = False
        if not same:
            raise EncodepthError(f"{folder} was made of other data or settings; use -f or another")
    elif is_lerobot(folder) and not there.exists():
        raise EncodepthError(f"{folder} is a LeRobot dataset itself; name a folder of its own")
    for path in _files(data):
        target = folder / path.relative_to(data.path)
        if not target.exists() or force:
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(path, target, data.picture_keys)
    write_json(there, plan)


def record_episode(
    data: LeRobot,
    view: View,
    episode: int,
    folder: Path,
    settings: Settings,
    *,
    key_interval: int = KEY_INTERVAL,
    force: bool = False,
    model: str = "base",
    device: str = "auto",
) -> Made:
    """Write the recording of one episode, whole or not at all.

    Depth is kept exactly unless the settings say something of depth.

    Raises:
        EncodepthError: a file of the dataset is damaged, or the recording cannot be written.
    """
    number = data.episodes[episode]["episode_index"]
    target = place_of(folder, view.name, number)
    if target.exists() and not force:
        return Made(target, 0, target.stat().st_size, skipped=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    chosen = _for_view(settings, view)
    notes: dict[str, tuple[int, int]] = {}
    with (
        growing_file(target) as part,
        Writer(
            part,
            key_interval=key_interval,
            rate=data.fps,
            metadata=_metadata(view, number),
            overwrite=True,
            model=model,
            device=device,
            **chosen,
        ) as writer,
    ):
        for frame in data.frames(episode, view):
            image = _between(frame.image, settings)
            for note in image.notes:
                pictures, pixels = notes.get(note.what, (0, 0))
                notes[note.what] = pictures + 1, pixels + note.pixels
            writer.append(image, time=frame.time)
    return Made(target, writer.frames, target.stat().st_size, notes)


def convert(
    data: LeRobot,
    folder: str | os.PathLike[str],
    *,
    tell: Callable[[Made], None] | None = None,
    force: bool = False,
    **settings: Any,
) -> list[Made]:
    """Write a dataset with recordings in place of its pictures; what is there already is left.

    Args:
        data: as `open_lerobot` gives it.
        folder: that is made.
        tell: called after each recording.
        force: whether what is there may be replaced.
        **settings: as for `Writer`; depth is exact unless they say something of depth.

    Raises:
        EncodepthError: as `prepare` and `record_episode`.
    """
    out, found = Path(folder), Settings.of(**settings)
    prepare(data, out, found, force=force)
    made = []
    for episode in range(len(data.episodes)):
        for view in data.views:
            made.append(record_episode(data, view, episode, out, found, force=force))
            if tell is not None:
                tell(made[-1])
    return made


def _for_view(settings: Settings, view: View) -> dict[str, Any]:
    """Return the writer's settings: none of what the view lacks, depth exact by default."""
    found = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    lossless = [name for name in settings.lossless if name in view.planes]
    coding = {name: c for name, c in settings.coding.items() if name in view.planes}
    said = [name for name in ("max_depth_error", "depth_quality") if found[name] is not None]
    if view.depth is None:
        found |= dict.fromkeys(_DEPTH_ONLY)
    elif not said and "depth" not in (*lossless, *coding):
        lossless.append("depth")
    return found | {"lossless": tuple(lossless), "coding": coding, "near": None, "far": None}


def _between(image: RgbdImage, settings: Settings) -> RgbdImage:
    """Return the image with depth outside what was asked for as holes, which a note counts."""
    if image.depth is None or (settings.near is None and settings.far is None):
        return image
    kept, dropped = within(image.depth, image.depth_unit, settings.near, settings.far)
    note = Note("depth outside the distances asked for, now holes", dropped)
    return replace(image, depth=kept, notes=(*image.notes, note) if dropped else image.notes)


def _metadata(view: View, episode: int) -> dict[str, str | int]:
    keys = {f"lerobot.{name}": plane.key for name, plane in view.planes.items()}
    return {"lerobot.episode": episode, **keys}


def _plan(data: LeRobot, settings: Settings) -> dict[str, Any]:
    depths = [view.depth for view in data.views if view.depth is not None]
    return {
        "format": FORMAT,
        "recordings": _PLACE,
        "views": {
            view.name: {name: plane.key for name, plane in view.planes.items()}
            for view in data.views
        },
        "depth_units": {
            plane.key: {"metres": plane.unit, "source": plane.unit_source.words} for plane in depths
        },
        "settings": {
            view.name: {k: v for k, v in _plain(_for_view(settings, view)).items() if v is not None}
            for view in data.views
        },
        "distances": [settings.near, settings.far],
    }


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


def _files(data: LeRobot) -> Iterator[Path]:
    """Yield the files that are no pictures of the views."""
    keys = {plane.key for view in data.views for plane in view.planes.values()}
    for path in sorted(data.path.rglob("*")):
        parts = path.relative_to(data.path).parts
        replaced = len(parts) > 1 and parts[0] in ("videos", "images") and parts[1] in keys
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and not replaced and not hidden:
            yield path


def _copy(path: Path, target: Path, keys: Sequence[str]) -> None:
    if path.suffix == ".parquet" and path.parent.parent.name == "data" and keys:
        _without_pictures(path, target, set(keys))
    else:
        shutil.copyfile(path, target)


def _without_pictures(path: Path, target: Path, keys: set[str]) -> None:
    """Copy a parquet file without some columns, row group by row group."""
    pq = need("pyarrow.parquet")
    with pq.ParquetFile(path) as file:
        kept = [name for name in file.schema_arrow.names if name not in keys]
        schema = file.schema_arrow
        for name in keys:
            if name in schema.names:
                schema = schema.remove(schema.get_field_index(name))
        schema = schema.with_metadata(_facts_without(schema.metadata, keys))
        with growing_file(target) as part, pq.ParquetWriter(part, schema) as out:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=kept)
                out.write_table(rows.replace_schema_metadata(schema.metadata))


def _facts_without(metadata: dict[bytes, bytes] | None, keys: set[str]) -> dict[bytes, bytes]:
    """Return a schema's metadata in which Hugging Face's description lacks some columns."""
    found = dict(metadata or {})
    try:
        facts = json.loads(found[b"huggingface"])
        features = facts["info"]["features"]
        facts["info"]["features"] = {k: v for k, v in features.items() if k not in keys}
        found[b"huggingface"] = json.dumps(facts).encode()
    except (KeyError, ValueError, TypeError):
        found.pop(b"huggingface", None)
    return found
