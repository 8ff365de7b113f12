"""Training batches: which picture, which crop, which quality, all from the seed and a number.

Picture n of a run is the same whichever process draws it, so a run can be cut into processes and
accumulated batches, stopped and resumed, without changing what it sees.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..learned.restore import size_of, strength_of
from .config import Augment, Recipe

LEVEL = 256  # of what a decoder shows before it is rounded to 8 bits
_GRID = 8  # pixels
_PICTURE, _STEP, _NOISE, _GUIDE = 1, 2, 3, 4  # streams of random numbers


@dataclass(frozen=True, eq=False)
class Coded:
    """What a decoder shows of a picture's colour or depth.

    Attributes:
        picture: uint16 (H, W, C), `top` being what becomes 1; colour in 1 / LEVEL of a step of 8
            bits.
        quality: it was coded at.
        rmse: of the whole picture, in steps of 8 bits; of depth in codes of 12 bits.
        bpp: bits per pixel it took.
        estimate: float16 (H, W, C), what other networks take its error for (`taught`), in units of
            it; None where there is none.
    """

    picture: NDArray[np.uint16]
    quality: float
    rmse: float
    bpp: float
    top: int = 255 * LEVEL
    estimate: NDArray[np.float16] | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture, ready to be cut.

    Attributes:
        color: uint8 (H, W, 3), or None.
        depth: uint16 (H, W) in steps of `unit` metres with holes filled smoothly, or None.
        valid: bool (H, W), where depth was measured.
        low: the step that becomes 0 in the network.
        high: the step that becomes 1.
        unit: metres in a step.
        coded: its colour or depth after a codec, where that was done ahead.
    """

    color: NDArray[np.uint8] | None = None
    depth: NDArray[np.uint16] | None = None
    valid: NDArray[np.bool_] | None = None
    low: int = 0
    high: int = 65535
    unit: float = 0.001
    coded: Coded | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        plane = self.color if self.color is not None else self.depth
        assert plane is not None
        return plane.shape[0], plane.shape[1]


class Frames(Protocol):
    """Where frames come from."""

    label: str
    fingerprint: str

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> Frame: ...


@dataclass
class Batch:
    """What one process sees in one forward pass; B pictures."""

    color: Tensor | None  # (B, 3, H, W) in [0, 1]
    depth: Tensor | None  # (B, 1, H, W), 0..1 from the frame's low to its high
    valid: Tensor | None  # (B, 1, H, W), 1 where measured
    quality: Tensor  # (B,), of the picture that is trained
    context_quality: Tensor  # (B,), of colour beside depth
    context: bool  # whether depth sees colour this time
    seed: int  # of the noise that stands for rounding
    coded: Tensor | None = None  # (B, C, H, W) in [0, 1], after a codec, at `quality`
    rmse: Tensor | None = None  # (B,), of the whole pictures that `coded` is cut from
    size: Tensor | None = None  # (B,), the same as a file says it
    estimate: Tensor | None = None  # (B, C, H, W), of the error of `coded`, in units of `size`

    def to(self, device: torch.device) -> Batch:
        """Copy to a device, channels last."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            if isinstance(value, Tensor):
                layout = torch.channels_last if value.ndim == 4 else torch.contiguous_format
                values[name] = value.to(device, non_blocking=True, memory_format=layout)
        return Batch(**values)

    def pin_memory(self) -> Batch:
        """Move to page-locked memory; the loader calls this."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                setattr(self, field.name, value.pin_memory())
        return self


class Batches(Dataset[Batch]):
    """The batches of one process, by number: `batches[step * accumulate + part]`."""

    def __init__(
        self, recipe: Recipe, sources: Sequence[Frames], rank: int = 0, processes: int = 1
    ) -> None:
        self.recipe, self.sources = recipe, sources
        self.rank, self.processes = rank, processes
        shares = np.array([source.share for source in recipe.data.train])
        self.shares = np.cumsum(shares / shares.sum())

    def __getitem__(self, number: int) -> Batch:
        recipe = self.recipe
        step, part = divmod(number, recipe.optimiser.accumulate)
        size = recipe.optimiser.batch
        total = size * recipe.optimiser.accumulate * self.processes  # pictures in this step
        first = (part * self.processes + self.rank) * size
        rng = np.random.default_rng([recipe.seed, _STEP, step])
        quality = (rng.permutation(total) + rng.random(total)) / total * 100  # stratified
        context_quality = rng.random(total) * 100
        context = bool(rng.random() >= recipe.loss.context_dropout)
        mine = slice(first, first + size)
        frames = [self.crop(step * total + i) for i in range(first, first + size)]
        seed = np.random.default_rng([recipe.seed, _NOISE, step, first]).integers(2**63)
        return collate(frames, quality[mine], context_quality[mine], context, int(seed))

    def crop(self, n: int) -> Frame:
        """Draw picture n of the run, cut and augmented; its guide is its own or a stranger's."""
        frame = self._draw(_PICTURE, n)
        if self.recipe.data.guide == "own" or not self.recipe.needs_depth:
            return frame
        other = self._draw(_GUIDE, n)
        if self.recipe.model.row.startswith("depth"):
            return replace(frame, color=other.color)
        return replace(other, color=frame.color)

    def _draw(self, stream: int, n: int) -> Frame:
        rng = np.random.default_rng([self.recipe.seed, stream, n])
        source = self.sources[int(np.searchsorted(self.shares, rng.random(), side="right"))]
        frame = source[int(rng.integers(len(source)))]
        if not self.recipe.needs_depth:
            frame = Frame(frame.color, coded=frame.coded)
        return cut(rng, frame, self.recipe.data.crop, self.recipe.augment)


def loader(batches: Batches, start: int, end: int, pin: bool = False) -> DataLoader[Batch]:
    """Return batches start..end - 1 in order, prepared ahead by the recipe's workers."""
    workers = batches.recipe.data.workers
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, end),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pin,
        worker_init_fn=_heed_nobody,
    )


def cut(rng: np.random.Generator, frame: Frame, side: int, augment: Augment) -> Frame:
    """Return a random crop of side x side pixels, perhaps shrunk, flipped, transposed.

    What was coded is never shrunk, and cut where the codec's smallest transforms begin.
    """
    height, width = frame.size
    reach = side
    plain = frame.depth is None and frame.coded is None
    if plain and augment.rescale and rng.random() < augment.rescale:
        reach = int(side * min(rng.uniform(1, 2), min(height, width) / side))
    grid = 1 if frame.coded is None else _GRID
    top, left = (int(rng.integers((n - reach) // grid + 1)) * grid for n in (height, width))
    flips = rng.random(3) < (augment.flip_x, augment.flip_y, augment.transpose)
    area = slice(top, top + reach), slice(left, left + reach)
    color = None if frame.color is None else frame.color[area]
    if color is not None and reach != side:
        whole = Image.fromarray(np.ascontiguousarray(color))
        color = np.asarray(whole.resize((side, side), Image.Resampling.LANCZOS))
    depth = None if frame.depth is None else _turn(frame.depth[area], flips)
    valid = None if frame.valid is None else _turn(frame.valid[area], flips)
    color = None if color is None else _turn(color, flips)
    coded = frame.coded
    if coded is not None:
        known = None if coded.estimate is None else _turn(coded.estimate[area], flips)
        coded = replace(coded, picture=_turn(coded.picture[area], flips), estimate=known)
    return Frame(color, depth, valid, frame.low, frame.high, frame.unit, coded)


def collate(
    frames: Sequence[Frame],
    quality: NDArray[np.float64],
    context_quality: NDArray[np.float64],
    context: bool,
    seed: int,
) -> Batch:
    """Stack frames of one size to a batch; what was coded ahead has its own quality."""
    color = depth = valid = None
    if frames[0].color is not None:
        stack = np.stack([np.asarray(f.color) for f in frames])
        color = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255
    if frames[0].depth is not None:
        depth = torch.stack([plane(f) for f in frames])[:, None]
        mask = np.stack([np.asarray(f.valid) for f in frames])
        valid = torch.from_numpy(mask)[:, None].float()
    own, other = (torch.from_numpy(q).float() for q in (quality, context_quality))
    seen = [f.coded for f in frames if f.coded is not None]
    if not seen:
        return Batch(color, depth, valid, own, other, context, seed)
    stack = np.stack([c.picture for c in seen])
    coded = torch.from_numpy(stack.astype(np.float32)).permute(0, 3, 1, 2) / seen[0].top
    own, rmse = torch.tensor([c.quality for c in seen]), torch.tensor([c.rmse for c in seen])
    size = torch.tensor([size_of(strength_of(c.rmse)) for c in seen])
    estimate = None
    if all(c.estimate is not None for c in seen):
        known = np.stack([np.asarray(c.estimate) for c in seen])
        estimate = torch.from_numpy(known.astype(np.float32)).permute(0, 3, 1, 2)
    return Batch(color, depth, valid, own, other, context, seed, coded, rmse, size, estimate)


def plane(frame: Frame) -> Tensor:
    """Return a frame's depth as the network sees it, (H, W): 0 at its low, 1 at its high."""
    assert frame.depth is not None
    steps = torch.from_numpy(frame.depth.astype(np.float32))
    return (steps - frame.low) / max(frame.high - frame.low, 1)


def _heed_nobody(_: int) -> None:
    """Leave it to the training process to end a worker.

    Ctrl-C, `timeout` and job schedulers tell every process of a group to stop; a worker that did
    would break the step that the training process wants to finish before it saves.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _turn(x: NDArray[Any], flips: NDArray[np.bool_]) -> NDArray[Any]:
    across, upside, diagonal = flips
    x = x[:, ::-1] if across else x
    x = x[::-1] if upside else x
    return np.ascontiguousarray(x.swapaxes(0, 1) if diagonal else x)
