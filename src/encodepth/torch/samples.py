"""Frames as tensors: what a key of a sample is made of, and in which unit and type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from ..codings.room import empty
from ..errors import InvalidImageError, InvalidSettingError
from ..frame import Frame, Intrinsics, RgbdImage
from ..modalities import IMAGE, PLANES
from ..planar import scale_depth, split_channels

Sample = dict[str, Any]
UNITS = {"m": 1.0, "mm": 1000.0}  # what depth may be given in, per metre,
STEPS = "steps"  # or as it is recorded
COLORS = ("uint8", "float32")
_OF_ROOM = {torch.uint8: np.uint8, torch.float32: np.float32, torch.bool: np.bool_}
DEFAULT_KEYS = ("color", "depth", "valid", "time", "index", "recording", "camera")


@dataclass(frozen=True)
class Form:
    """How frames become tensors.

    Attributes:
        keys: what a sample has: "color", "depth", "valid", "time", "index", "recording", "camera",
            "pose", and further planes by name.
        color: "uint8", or "float32" within 0..1; (3, H, W).
        depth: "m" or "mm", float32, or "steps" of the recording, uint16; (1, H, W).
        hole: what holes of depth are given as, in that unit; of "steps" always 0.

    Raises:
        InvalidSettingError: one of these is none that is known.
    """

    keys: tuple[str, ...] = DEFAULT_KEYS
    color: str = "uint8"
    depth: str = "m"
    hole: float = 0.0

    def __post_init__(self) -> None:
        for name in self.keys:
            _known("key", name, _MAKERS)
        _known("color", self.color, COLORS)
        _known("depth", self.depth, (*UNITS, STEPS))
        if self.depth == STEPS and self.hole:
            raise InvalidSettingError(f"hole {self.hole}; holes of depth in steps are 0")

    @property
    def streams(self) -> tuple[str, ...]:
        """Return the modalities that have to be decoded."""
        wanted = {"depth" if key == "valid" else key for key in self.keys}
        return tuple(name for name in (*IMAGE, *PLANES) if name in wanted)

    def sample(self, frame: Frame, recording: int, where: str) -> Sample:
        """Return a frame as tensors.

        Args:
            frame: with everything that `streams` names.
            recording: its number among the recordings.
            where: for messages.

        Raises:
            InvalidImageError: the frame lacks a plane that is wanted.
        """
        for name in self.streams:
            if name not in frame.image.arrays:
                raise InvalidImageError(
                    f"frame {frame.number} of {where} has no {name}; leave it out of keys= or "
                    "record what belongs together in one frame"
                )
        return {key: _MAKERS[key](self, frame, recording) for key in self.keys}


def stacked(samples: Sequence[Sample]) -> Sample:
    """Return samples of one shape as one, a first axis longer."""
    return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


def collate(samples: list[Any]) -> Any:
    """Return a batch of samples as torch's `default_collate` does, in memory that is used again.

    For `DataLoader(.., collate_fn=collate)`: a batch that nobody holds any more gives its memory to
    the next one, where fresh memory costs as much as what is written there. In worker processes,
    whose batches travel, it is torch's own function.
    """
    if get_worker_info() is not None or type(samples[0]) is not dict:
        return default_collate(samples)
    return {key: _batched([sample[key] for sample in samples]) for key in samples[0]}


def _batched(values: list[Any]) -> Any:
    """Return one key of samples as a batch has it."""
    first = values[0]
    if not isinstance(first, Tensor) or first.device.type != "cpu" or first.dtype not in _OF_ROOM:
        return default_collate(values)
    made = torch.from_numpy(empty((len(values), *first.shape), _OF_ROOM[first.dtype]))
    return torch.stack(values, out=made)


def color_tensor(image: RgbdImage, kind: str) -> Tensor:
    """Return colour as (3, H, W), uint8 or float32 within 0..1."""
    assert image.color is not None
    height, width, channels = image.color.shape
    made = empty((channels, height, width), kind)
    split_channels(image.color, made)
    return torch.from_numpy(made)


def depth_tensor(image: RgbdImage, unit: str, hole: float) -> Tensor:
    """Return depth as float32 (1, H, W) in "m" or "mm", holes as `hole`, or as uint16 "steps".

    A step is rounded to float32 once: 1234 steps of 1 mm are the float32 nearest to 1.234 m.
    """
    assert image.depth is not None
    if unit == STEPS:
        steps = empty(image.depth.shape, np.uint16)
        np.copyto(steps, image.depth)
        return torch.from_numpy(steps)[None]
    found = empty(image.depth.shape, np.float32)
    scale_depth(image.depth, found, image.depth_unit * UNITS[unit], hole)
    return torch.from_numpy(found)[None]


def _color(form: Form, frame: Frame, recording: int) -> Tensor:
    return color_tensor(frame.image, form.color)


def _depth(form: Form, frame: Frame, recording: int) -> Tensor:
    return depth_tensor(frame.image, form.depth, form.hole)


def _valid(form: Form, frame: Frame, recording: int) -> Tensor:
    assert frame.image.depth is not None
    depth = frame.image.depth
    return torch.from_numpy(np.greater(depth, 0, out=empty(depth.shape, np.bool_)))[None]


def _time(form: Form, frame: Frame, recording: int) -> Tensor:
    return torch.tensor(frame.time, dtype=torch.int64)


def _index(form: Form, frame: Frame, recording: int) -> Tensor:
    return torch.tensor(frame.number, dtype=torch.int64)


def _recording(form: Form, frame: Frame, recording: int) -> Tensor:
    return torch.tensor(recording, dtype=torch.int64)


def _camera(form: Form, frame: Frame, recording: int) -> Tensor:
    """Return fx, fy, cx, cy, float32; NaN where the camera is unknown."""
    seen: Intrinsics | None = frame.image.intrinsics
    numbers = [float("nan")] * 4 if seen is None else [seen.fx, seen.fy, seen.cx, seen.cy]
    return torch.tensor(numbers, dtype=torch.float32)


def _pose(form: Form, frame: Frame, recording: int) -> Tensor:
    """Return camera to world, float64 (4, 4); NaN where it is unknown."""
    pose = np.full((4, 4), np.nan) if frame.pose is None else frame.pose
    return torch.tensor(pose, dtype=torch.float64)


def _plane(name: str) -> Callable[[Form, Frame, int], Tensor]:
    """Return what makes a further plane (1, H, W): uint8 as it is, 16 bits as int32."""

    def make(form: Form, frame: Frame, recording: int) -> Tensor:
        plane = frame.image.planes[name]
        kind = np.uint8 if plane.dtype == np.uint8 else np.int32
        return torch.from_numpy(plane.astype(kind))[None]

    return make


_MAKERS: dict[str, Callable[[Form, Frame, int], Tensor]] = {
    "color": _color,
    "depth": _depth,
    "valid": _valid,
    "time": _time,
    "index": _index,
    "recording": _recording,
    "camera": _camera,
    "pose": _pose,
    **{name: _plane(name) for name in PLANES},
}


def _known(what: str, value: str, known: Any) -> None:
    if value not in known:
        raise InvalidSettingError(f'{what} "{value}"; there are {", ".join(known)}')
