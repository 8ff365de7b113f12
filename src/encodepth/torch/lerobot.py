"""LeRobot's samples from recordings: what its own dataset gives, key by key.

Made for datasets that `encodepth encode DATASET --out-dir OUT` wrote. Depth is better than
LeRobot's in one thing: a hole is known as a hole, and given as `hole`, where LeRobot gives 10 mm.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import EncodepthError, InvalidImageError, InvalidSettingError
from ..frame import RgbdImage
from ..io.lerobot import episodes_of, info_of
from ..io.lerobot_planes import need
from ..io.lerobot_write import place_of, read_plan
from ..sequence.cache import CACHE_BYTES
from .recordings import Recordings
from .samples import UNITS, Sample, color_tensor, depth_tensor

TOLERANCE = 1e-4  # seconds that a delta may be off a multiple of a frame, as in LeRobot


class LeRobot(Dataset[Sample]):
    """A LeRobot dataset whose pictures lie in recordings.

    A sample has every column of the parquet as a tensor, `task` as text, colour (3, H, W) float32
    within 0..1, depth (1, H, W) float32 in `depth_output_unit`. A key of `delta_timestamps` has a
    first axis of frames, clamped to its episode, and `KEY_is_pad`, bool, says which were clamped.

    Args:
        root: the folder that was made.
        episodes: which, by index; all of them if None.
        delta_timestamps: key -> seconds from the sample's frame, multiples of a frame.
        depth_output_unit: "mm" or "m".
        return_uint8: give colour as uint8.
        hole: what holes of depth are given as, in that unit; 10 (mm) is LeRobot's own number.
        cache: bytes of decoded groups that are kept, in each process.
        device: where networks run.

    Raises:
        EncodepthError: this is no such dataset, an episode has no recording yet, or pyarrow is
            missing.
        InvalidSettingError: a delta is no multiple of a frame, or a unit or key is none.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        episodes: Sequence[int] | None = None,
        delta_timestamps: Mapping[str, Sequence[float]] | None = None,
        depth_output_unit: str = "mm",
        return_uint8: bool = False,
        hole: float = 0.0,
        cache: int = CACHE_BYTES,
        device: str = "cpu",
    ) -> None:
        self.root = Path(root)
        if depth_output_unit not in UNITS:
            raise InvalidSettingError(f'depth_output_unit "{depth_output_unit}"; there are m, mm')
        self.depth_output_unit, self.hole = depth_output_unit, hole
        self._color = "uint8" if return_uint8 else "float32"
        self.plan, self.info = read_plan(self.root), info_of(self.root)
        self.fps = float(self.info["fps"])
        self._list(episodes)
        self._deltas = self._frames_of(delta_timestamps or {})
        self._files(cache, device)

    @property
    def keys(self) -> dict[str, tuple[str, str]]:
        """Key of pictures -> its view and modality."""
        views = self.plan["views"].items()
        return {key: (view, kind) for view, held in views for kind, key in held.items()}

    @property
    def num_episodes(self) -> int:
        """How many episodes there are."""
        return len(self._starts)

    def __len__(self) -> int:
        return len(self._columns["index"])

    def __getitem__(self, i: int) -> Sample:
        number = int(i) + (len(self) if i < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {i}; there are {len(self)}")
        which = int(np.searchsorted(self._starts, number, side="right")) - 1
        sample: Sample = {}
        for key in (*self.keys, *self._columns):
            wanted, pad = self._wanted(key, number, which)
            found = [self._value(key, n, which) for n in wanted]
            if pad is None:
                sample[key] = found[0]
            else:
                sample[key], sample[f"{key}_is_pad"] = torch.stack(found), torch.tensor(pad)
        sample["task"] = self._tasks[int(self._columns["task_index"][number])]
        return sample

    def _wanted(self, key: str, number: int, which: int) -> tuple[list[int], list[bool] | None]:
        """Return the rows that a key is taken from, and which of them were clamped."""
        if key not in self._deltas:
            return [number], None
        start, end = self._starts[which], self._ends[which]
        rows = [number + delta for delta in self._deltas[key]]
        clamped = [int(min(max(row, start), end - 1)) for row in rows]
        return clamped, [not start <= row < end for row in rows]

    def _value(self, key: str, row: int, which: int) -> Tensor:
        if key in self._columns:
            return torch.as_tensor(self._columns[key][row])
        view, kind = self.keys[key]
        reader = self._recordings.reader(self._places[view, which])
        number = int(self._columns["frame_index"][row])
        plane = reader.plane(number, kind)
        if plane is None:
            raise InvalidImageError(f'frame {number} of "{key}" is missing in the recording')
        if kind == "color":
            return color_tensor(RgbdImage(plane), self._color)
        image = RgbdImage(None, plane, reader.depth_unit)
        return depth_tensor(image, self.depth_output_unit, self.hole)

    def _list(self, episodes: Sequence[int] | None) -> None:
        """Read the rows of the episodes that are wanted."""
        pq = need("pyarrow.parquet")
        known = {row["episode_index"]: row for row in episodes_of(self.root)}
        self._episodes = sorted(known) if episodes is None else list(episodes)
        unknown = [e for e in self._episodes if e not in known]
        if unknown:
            raise InvalidSettingError(f"no episode {unknown[0]}; there are {len(known)}")
        tables: dict[Path, Any] = {}
        parts: list[dict[str, np.ndarray]] = []
        for episode in self._episodes:
            chunk, file = known[episode]["data/chunk_index"], known[episode]["data/file_index"]
            path = self.root / self.info["data_path"].format(chunk_index=chunk, file_index=file)
            if path not in tables:
                tables = {path: pq.read_table(path)}
            parts.append(_rows(tables[path], episode))
        names = parts[0] if parts else {}
        self._columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
        lengths = [len(part["index"]) for part in parts]
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths
        tasks = pq.read_table(self.root / "meta" / "tasks.parquet").to_pylist()
        self._tasks = {row["task_index"]: _task(row) for row in tasks}

    def _frames_of(self, deltas: Mapping[str, Sequence[float]]) -> dict[str, list[int]]:
        """Return deltas in frames.

        Raises:
            InvalidSettingError: one is no multiple of a frame, or there is no such key.
        """
        found = {}
        for key, seconds in deltas.items():
            if key not in self.keys and key not in self._columns:
                known = ", ".join((*self.keys, *self._columns))
                raise InvalidSettingError(f'no key "{key}"; there are {known}')
            frames = [s * self.fps for s in seconds]
            off = [f / self.fps for f in frames if abs(f - round(f)) > TOLERANCE * self.fps]
            if off:
                raise InvalidSettingError(
                    f"delta {off[0]:g} s of {key} is no multiple of 1/{self.fps:g} s"
                )
            found[key] = [round(f) for f in frames]
        return found

    def _files(self, cache: int, device: str) -> None:
        """Find the recordings of the episodes."""
        files: list[Path] = []
        self._places: dict[tuple[str, int], int] = {}
        for view in self.plan["views"]:
            for which, episode in enumerate(self._episodes):
                path = place_of(self.root, view, episode)
                if not path.exists():
                    raise EncodepthError(
                        f"{path} is missing; run encodepth encode --out-dir again, which goes on"
                    )
                self._places[view, which] = len(files)
                files.append(path)
        self._recordings = Recordings(files, keys=(), cache=cache, device=device)


def _rows(table: Any, episode: int) -> dict[str, np.ndarray]:
    """Return an episode's columns of numbers, by frame."""
    own = np.nonzero(table.column("episode_index").to_numpy() == episode)[0]
    rows = table.take(own)
    found = {}
    for name in rows.column_names:
        values = np.asarray(rows.column(name).to_pylist())
        if values.dtype.kind in "biuf":
            found[name] = values.astype(_kind(rows.schema.field(name).type))
    return found


def _kind(kind: Any) -> Any:
    """Return numpy's type of a column's numbers, which may lie in lists."""
    while hasattr(kind, "value_type"):
        kind = kind.value_type
    return kind.to_pandas_dtype()


def _task(row: dict[str, Any]) -> str:
    """Return a task's words, which stand in a column or in pandas' index."""
    return str(row.get("task", row.get("__index_level_0__", "")))
