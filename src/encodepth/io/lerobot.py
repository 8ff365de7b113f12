"""LeRobot datasets on disk, version 3: episodes as sequences of frames.

Rows of every episode lie in `data/*.parquet`, pictures in video files or inside the parquet, and
`meta/info.json` says which keys are pictures. A key is depth where `is_depth_map` says so, and only
there; its unit is `depth_unit`'s.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EncodepthError
from ..frame import Frame, Intrinsics, RgbdImage
from .found import Problem
from .lerobot_planes import Codes, need, pictures_of, video_frames
from .pair import OPTION, UNKNOWN, Source
from .words import camera_words, unit_words

INFO = "meta/info.json"
_UNITS = {"mm": 0.001, "m": 1.0}
_DEPTHS = re.compile(r"(^|[._-])depths?($|[._-])", re.I)
_NS = 1_000_000_000
_BATCH = 8  # rows of pictures that are in memory at a time
_READ = 1 << 20  # bytes of a column that are read at a time


@dataclass(frozen=True)
class Plane:
    """A key that holds pictures.

    Attributes:
        key: "observation.images.cam".
        video: whether they lie in video files, else in the parquet.
        size: width, height.
        codes: of depth in video.
        unit: metres per step of depth, or per 1 of its numbers in parquet; None for colour.
        unit_source: where that comes from.
    """

    key: str
    video: bool
    size: tuple[int, int]
    codes: Codes | None = None
    unit: float | None = None
    unit_source: Source = UNKNOWN

    @property
    def is_depth(self) -> bool:
        """Whether this is depth."""
        return self.unit is not None


@dataclass(frozen=True)
class View:
    """What becomes one recording of an episode: colour and the depth that belongs to it.

    Attributes:
        name: for folders, the key without "observation.images.".
    """

    name: str
    color: Plane | None
    depth: Plane | None

    @property
    def planes(self) -> dict[str, Plane]:
        """Modality -> its key."""
        both = {"color": self.color, "depth": self.depth}
        return {name: plane for name, plane in both.items() if plane is not None}


@dataclass(frozen=True)
class LeRobot:
    """A dataset; nothing but `meta` is read before frames are asked for.

    Attributes:
        path: its root.
        info: what `info.json` says.
        views: colour and depth that belong together.
        episodes: rows of `meta/episodes`, in order.
        problems: keys that were left out, and what is doubtful.
        intrinsics: of every view; LeRobot itself keeps no camera.
    """

    path: Path
    info: dict[str, Any]
    views: tuple[View, ...]
    episodes: tuple[dict[str, Any], ...]
    problems: tuple[Problem, ...] = ()
    intrinsics: Intrinsics | None = field(default=None, compare=False)

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.info["fps"])

    @property
    def picture_keys(self) -> tuple[str, ...]:
        """Keys that lie in the parquet as pictures."""
        planes = (plane for view in self.views for plane in view.planes.values())
        return tuple(plane.key for plane in planes if not plane.video)

    def data_file(self, episode: int) -> Path:
        """Return the parquet that holds an episode's rows."""
        row = self.episodes[episode]
        chunk, file = row["data/chunk_index"], row["data/file_index"]
        return self.path / self.info["data_path"].format(chunk_index=chunk, file_index=file)

    def times(self, episode: int) -> list[int]:
        """Return the times of an episode's frames in ns, from its own start on.

        `timestamp` is float32; where it is that of the frame's number at `fps`, the exact one.
        """
        return [_time(row, self.fps) for row in self._rows(episode, ("timestamp", "frame_index"))]

    def frames(self, episode: int, view: View) -> Iterator[Frame]:
        """Yield an episode's frames of one view, a few in memory at a time.

        Raises:
            EncodepthError: a file is missing or damaged, or a package is not installed.
        """
        rows = list(self._rows(episode, ("timestamp", "frame_index")))
        sources = [self._plane(episode, plane, rows) for plane in view.planes.values()]
        for number, (row, images) in enumerate(zip(rows, zip(*sources, strict=True), strict=True)):
            yield Frame(self._joined(images), _time(row, self.fps), None, number)

    def words(self, view: View) -> str:
        """Say where unit, camera and times of a view come from, for people."""
        depth = view.depth
        said = [] if depth is None else [unit_words(_unit(depth), depth.unit_source)]
        source = UNKNOWN if self.intrinsics is None else OPTION
        return ", ".join([*said, camera_words(self.intrinsics, source), "times of `timestamp`"])

    def _joined(self, images: tuple[RgbdImage, ...]) -> RgbdImage:
        color = next((i.color for i in images if i.color is not None), None)
        depth = next((i for i in images if i.depth is not None), None)
        notes = tuple(note for image in images for note in image.notes)
        if depth is None:
            return RgbdImage(color, intrinsics=self.intrinsics, notes=notes)
        return RgbdImage(
            color, depth.depth, depth.depth_unit, self.intrinsics, {}, depth.rounding, notes
        )

    def _plane(self, episode: int, plane: Plane, rows: list[dict[str, Any]]) -> Iterator[RgbdImage]:
        if not plane.video:
            own = (row[plane.key] for row in self._rows(episode, (plane.key,)))
            return pictures_of(own, self.path, depth_unit=plane.unit)
        start, file = self.video_of(episode, plane.key)
        times = [start + row["timestamp"] for row in rows]
        if any(b < a for a, b in pairwise(times)):
            raise EncodepthError(f"{self.path}: timestamps of episode {episode} go back")
        layout = "rgb24" if plane.codes is None else "gray12le"
        frames = video_frames(file, times, self.fps, layout)
        if plane.codes is None:
            return (RgbdImage(frame) for frame in frames)
        return (plane.codes.image(frame) for frame in frames)

    def video_of(self, episode: int, key: str) -> tuple[float, Path]:
        """Return where an episode begins in a video file, in seconds, and the file.

        Raises:
            EncodepthError: nothing says it.
        """
        row = self.episodes[episode]
        try:
            chunk, file = row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"]
            name = self.info["video_path"].format(video_key=key, chunk_index=chunk, file_index=file)
            return float(row[f"videos/{key}/from_timestamp"]), self.path / name
        except (KeyError, AttributeError, TypeError):
            where = f"{self.path}: meta/episodes"
            raise EncodepthError(f"{where} does not say which video has {key}") from None

    def _rows(self, episode: int, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Yield the rows of an episode, by frame."""
        path, own = self.data_file(episode), self.episodes[episode]["episode_index"]
        count = 0
        for batch in _batches(path, ("episode_index", *columns), own):
            for row in batch.to_pylist():
                if row["episode_index"] == own:
                    count += 1
                    yield row
        wanted = self.episodes[episode].get("length", count)
        if count != wanted:
            raise EncodepthError(f"{path} has {count} rows of episode {own}; expected {wanted}")


def is_lerobot(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is a LeRobot dataset, of whatever version, or what is left of one."""
    try:
        return "codebase_version" in json.loads((Path(path) / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return (Path(path) / "meta" / "episodes").is_dir()


def open_lerobot(path: str | os.PathLike[str], *, intrinsics: Intrinsics | None = None) -> LeRobot:
    """Read what a LeRobot dataset says of itself.

    Raises:
        EncodepthError: it is none, of another version, or holds no pictures; or pyarrow is missing.
    """
    root = Path(path)
    info = info_of(root)
    planes, problems = _planes(root, info)
    if not planes:
        raise EncodepthError(f"{root} holds no pictures" + "".join(f"; {p}" for p in problems))
    return LeRobot(
        root, info, _views(planes), tuple(episodes_of(root)), tuple(problems), intrinsics
    )


def info_of(root: Path) -> dict[str, Any]:
    """Return what `info.json` says.

    Raises:
        EncodepthError: there is none, or it is of another version.
    """
    if not is_lerobot(root):
        raise EncodepthError(f"{root} is no LeRobot dataset: no {INFO} with codebase_version")
    try:
        info: dict[str, Any] = json.loads((root / INFO).read_text(encoding="utf-8"))
        version = str(info["codebase_version"])
    except (OSError, ValueError, TypeError, KeyError):
        raise EncodepthError(
            f"{root} is a LeRobot dataset without {INFO} that can be read, which says fps and units"
        ) from None
    if not version.startswith("v3."):
        raise EncodepthError(
            f"{root} is of LeRobot's version {version}; this build reads v3.x (the package "
            "lerobot converts older ones)"
        )
    for key, kind in (("fps", (int, float)), ("features", dict), ("data_path", str)):
        if not info.get(key) or not isinstance(info[key], kind):
            raise EncodepthError(f"{root / INFO} says no usable {key} ({info.get(key)!r})")
    return info


def _planes(root: Path, info: dict[str, Any]) -> tuple[list[Plane], list[Problem]]:
    planes: list[Plane] = []
    problems: list[Problem] = []
    for key, feature in info.get("features", {}).items():
        if feature.get("dtype") not in ("video", "image"):
            continue
        if len(feature.get("shape") or ()) != 3:
            raise EncodepthError(f'{root / INFO}: "{key}" has shape {feature.get("shape")!r}')
        facts = {**(feature.get("video_info") or {}), **(feature.get("info") or {})}
        size = _size(feature)
        channels = feature["shape"][-1] if size == (feature["shape"][1], feature["shape"][0]) else 3
        if facts.get("is_depth_map") or facts.get("video.is_depth_map"):
            plane, doubts = _depth(root, key, feature["dtype"] == "video", size, facts)
            planes.append(plane)
            problems += doubts
        elif _DEPTHS.search(key) or channels == 1:
            words = f'"{key}" is left out: nothing says that it is a depth map (is_depth_map)'
            problems.append(Problem(root / INFO, f"{words}, and it is no colour", fatal=False))
        else:
            planes.append(Plane(key, feature["dtype"] == "video", size))
    return planes, problems


def _depth(
    root: Path, key: str, video: bool, size: tuple[int, int], facts: dict[str, Any]
) -> tuple[Plane, list[Problem]]:
    """Return a depth key with its unit, and what had to be assumed."""
    said = facts.get("depth_unit")
    if said is not None and said not in _UNITS:
        raise EncodepthError(f'{root / INFO}: depth_unit of "{key}" is {said!r}; expected m or mm')
    if not video:
        if said is None:
            words = f'depth unit of "{key}" assumed: mm, for nothing says it'
            source = Source("assumed, as LeRobot does for integers", sure=False)
            return Plane(key, video, size, None, 0.001, source), [
                Problem(root / INFO, words, fatal=False)
            ]
        source = Source(f'key "depth_unit" of {Path(INFO).name}')
        return Plane(key, video, size, None, _UNITS[said], source), []
    names = ("depth_min", "depth_max", "shift", "use_log")
    known = {name: facts.get(f"video.{name}") for name in names}
    missing = [name for name, value in known.items() if value is None]
    default = Codes()
    own = dict(zip(names, (default.near, default.far, default.shift, default.log), strict=True))
    own |= {name: value for name, value in known.items() if value is not None}
    codes = Codes(own["depth_min"], own["depth_max"], own["shift"], bool(own["use_log"]))
    words = f'keys "video.depth_min", "depth_max", "shift", "use_log" of {Path(INFO).name}'
    if not missing:
        return Plane(key, video, size, codes, codes.unit, Source(words)), []
    doubt = f'{", ".join(missing)} of "{key}" assumed: LeRobot\'s defaults, for nothing says them'
    source = Source("LeRobot's defaults", sure=False)
    return Plane(key, video, size, codes, codes.unit, source), [
        Problem(root / INFO, doubt, fatal=False)
    ]


def _size(feature: dict[str, Any]) -> tuple[int, int]:
    """Return width and height of a feature, whose shape may have channels first."""
    shape, names = list(feature["shape"]), list(feature.get("names") or ())
    if "height" in names and "width" in names:
        return shape[names.index("width")], shape[names.index("height")]
    return (shape[2], shape[1]) if shape[0] in (1, 3) else (shape[1], shape[0])


def _views(planes: list[Plane]) -> tuple[View, ...]:
    """Pair every depth with the colour of its name; one of each are a pair whatever their names."""
    colors = [plane for plane in planes if not plane.is_depth]
    depths = [plane for plane in planes if plane.is_depth]
    pairs: dict[str, Plane] = {}
    for depth in depths:
        bare = _bare(depth.key)
        match = next((c for c in colors if _bare(c.key) == bare and c.key not in pairs), None)
        if match is None and len(colors) == len(depths) == 1:
            match = colors[0]
        if match is not None:
            pairs[match.key] = depth
    taken = {plane.key for plane in pairs.values()}
    views = [View(_name(c.key), c, pairs.get(c.key)) for c in colors]
    return (*views, *(View(_name(d.key), None, d) for d in depths if d.key not in taken))


def _bare(key: str) -> str:
    """Return a key without the word that tells colour or depth: cam_depth and cam_rgb are one."""
    words = re.split(r"[._-]", _name(key).lower())
    return " ".join(w for w in words if w not in ("depth", "depths", "rgb", "color", "colour"))


def _name(key: str) -> str:
    short = key.removeprefix("observation.images.").removeprefix("observation.")
    return re.sub(r"[^\w.-]", "_", short)


def _unit(plane: Plane) -> float:
    assert plane.unit is not None
    return plane.unit


def _time(row: dict[str, Any], fps: float) -> int:
    seconds, exact = float(row["timestamp"]), row["frame_index"] / fps
    near = abs(seconds - exact) <= 4 * float(np.spacing(np.float32(max(seconds, 1e-3))))
    return round(row["frame_index"] * _NS / fps) if near else round(seconds * _NS)


def episodes_of(root: Path) -> list[dict[str, Any]]:
    """Read the table of episodes, without its statistics.

    Raises:
        EncodepthError: it is missing or damaged, or pyarrow is missing.
    """
    pq = need("pyarrow.parquet")
    rows: list[dict[str, Any]] = []
    files = sorted((root / "meta" / "episodes").rglob("*.parquet"))
    if not files:
        raise EncodepthError(f"{root}/meta/episodes has no .parquet file")
    for path in files:
        try:
            names = [n for n in pq.read_schema(path).names if not n.startswith("stats/")]
            rows += pq.read_table(path, columns=names).to_pylist()
        except (OSError, ValueError, KeyError) as error:
            raise EncodepthError(f"{path} cannot be read: {_one_line(error)}") from None
    return sorted(rows, key=lambda row: row["episode_index"])


def _batches(path: Path, columns: tuple[str, ...], episode: int) -> Iterator[Any]:
    """Yield the batches of a parquet file's row groups that may hold an episode."""
    pq = need("pyarrow.parquet")
    try:
        # pyarrow would keep all row groups that it has read, for as long as the file is open
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ) as file:
            groups = [g for g in range(file.num_row_groups) if _may_hold(file, g, episode)]
            if groups:
                yield from file.iter_batches(_BATCH, row_groups=groups, columns=list(columns))
    except (OSError, ValueError, KeyError) as error:
        raise EncodepthError(f"{path} cannot be read: {_one_line(error)}") from None


def _may_hold(file: Any, group: int, episode: int) -> bool:
    facts = file.metadata.row_group(group)
    for i in range(facts.num_columns):
        column = facts.column(i)
        if column.path_in_schema == "episode_index":
            known = column.statistics
            return known is None or not known.has_min_max or known.min <= episode <= known.max
    return True


def _one_line(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    return " ".join(str(error).split()) or type(error).__name__
