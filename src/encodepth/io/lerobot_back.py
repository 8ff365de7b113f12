"""Recordings of a LeRobot dataset back into the dataset, which the package lerobot opens.

It undoes what `encodepth encode DATASET --out-dir` did: the tables are copied, and pictures go back
to where `info.json` says that they were.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EncodepthError
from ..files import growing_file
from ..frame import RgbdImage
from ..sequence.reader import Reader
from .lerobot import INFO, LeRobot, Plane, open_lerobot
from .lerobot_planes import need
from .lerobot_video import as_cell, to_codes, write_video
from .lerobot_write import PLAN, place_of, read_plan

_BATCH = 8  # rows of pictures that are in memory at a time
Tell = Callable[[int], None]


@dataclass(frozen=True)
class _Back:
    """A dataset whose pictures lie in recordings, on its way back."""

    data: LeRobot
    source: Path
    target: Path
    held: dict[str, tuple[str, str]]  # key of pictures -> its view and modality
    tell: Tell

    def frames(self, key: str, episode: int) -> Iterator[RgbdImage]:
        """Yield the pictures of an episode, one plane of each.

        Raises:
            EncodepthError: the recording is missing or damaged, or a frame of it is.
        """
        view, kind = self.held[key]
        path = place_of(self.source, view, episode)
        with Reader(path, streams=(kind,)) as reader:
            for frame in reader:
                if getattr(frame.image, kind) is None:
                    raise EncodepthError(f"{path}: frame {frame.number} has no {kind}")
                yield frame.image
                self.tell(1)


def restore(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    tell: Tell | None = None,
    force: bool = False,
) -> None:
    """Write the LeRobot dataset that a folder of recordings was made of.

    Depth that was pictures in parquet is as in the recordings; depth that was video has the codes
    nearest to them, which are the old ones where it was kept exactly. Colour of video is coded
    again as `info.json` says.

    Args:
        source: what `encodepth encode DATASET --out-dir SOURCE` wrote.
        target: a folder that does not exist yet.
        tell: called for each picture that was written.
        force: whether files that are there are replaced.

    Raises:
        EncodepthError: this is no such folder, a recording is missing or damaged, the target
            exists, or pyarrow or PyAV is missing.
    """
    here, there = Path(source), Path(target)
    plan, data = read_plan(here), open_lerobot(here)
    if (there / INFO).exists() and not force:
        raise EncodepthError(f"{there} is a LeRobot dataset; use -f or another folder")
    held = {k: (view, kind) for view, own in plan["views"].items() for kind, k in own.items()}
    back = _Back(data, here, there, held, tell or (lambda _: None))
    planes = {p.key: p for view in data.views for p in view.planes.values() if p.key in held}
    cells = {key: plane for key, plane in planes.items() if not plane.video}
    for path in sorted(here.rglob("*")):
        parts = path.relative_to(here).parts
        if not path.is_file() or parts[0] == "recordings" or path == here / PLAN:
            continue
        if parts[0] == "data" and path.suffix == ".parquet" and cells:
            _with_pictures(back, path, cells)
        elif path != here / INFO:
            _copy(path, there / path.relative_to(here))
    for plane in planes.values():
        if plane.video:
            _videos(back, plane)
    _copy(here / INFO, there / INFO)  # last: with it, it is a dataset


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _videos(back: _Back, plane: Plane) -> None:
    """Write the video files of a key, episode after episode as they were."""
    data, key = back.data, plane.key
    files: dict[Path, list[tuple[float, int]]] = {}
    for n in range(len(data.episodes)):
        start, path = data.video_of(n, key)
        files.setdefault(path, []).append((start, n))
    for path, episodes in files.items():

        def frames(episodes: list[tuple[float, int]] = episodes) -> Iterator[tuple[Any, float]]:
            for start, n in sorted(episodes):
                own = data.episodes[n]["episode_index"]
                times = data.times(n)
                for time, image in zip(times, back.frames(key, own), strict=True):
                    pixels = image.color if plane.codes is None else to_codes(image, plane.codes)
                    yield pixels, start + time / 1e9

        facts = {**data.info["features"][key].get("info", {})}
        write_video(back.target / path.relative_to(data.path), frames(), facts, data.fps)


def _with_pictures(back: _Back, path: Path, cells: dict[str, Plane]) -> None:
    """Copy a parquet file with pictures put back, row group by row group."""
    pa, pq = need("pyarrow"), need("pyarrow.parquet")
    target = back.target / path.relative_to(back.source)
    target.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    with pq.ParquetFile(path) as file:
        there = file.schema_arrow.names
        order = [k for k in back.data.info["features"] if k in cells or k in there]
        order += [k for k in there if k not in order]
        fields = [pa.field(k, kind) if k in cells else file.schema_arrow.field(k) for k in order]
        schema = pa.schema(fields, _facts_with(file.schema_arrow.metadata, order, cells))
        pictures: dict[str, Iterator[dict[str, Any]]] = {}
        episode = None
        try:
            with growing_file(target) as part, pq.ParquetWriter(part, schema) as out:
                for batch in file.iter_batches(_BATCH):
                    rows = batch.to_pylist()
                    for row in rows:
                        if row["episode_index"] != episode:
                            episode = row["episode_index"]
                            pictures = {
                                key: _cells(back, plane, episode) for key, plane in cells.items()
                            }
                        row.update({key: next(own) for key, own in pictures.items()})
                    out.write_table(pa.Table.from_pylist(rows, schema))
        except StopIteration:
            words = f"the recording of episode {episode} has fewer frames than {path} rows"
            raise EncodepthError(words) from None


def _cells(back: _Back, plane: Plane, episode: int) -> Iterator[dict[str, Any]]:
    for number, image in enumerate(back.frames(plane.key, episode)):
        yield as_cell(image, plane.unit, number)


def _facts_with(
    metadata: dict[bytes, bytes] | None, order: Sequence[str], cells: dict[str, Plane]
) -> dict[bytes, bytes]:
    """Return a schema's metadata in which Hugging Face's description has pictures again."""
    found = dict(metadata or {})
    try:
        facts = json.loads(found[b"huggingface"])
        own = facts["info"]["features"]
        image = {"_type": "Image"}
        facts["info"]["features"] = {k: image if k in cells else own[k] for k in order}
        found[b"huggingface"] = json.dumps(facts).encode()
    except (KeyError, ValueError, TypeError):
        found.pop(b"huggingface", None)
    return found
