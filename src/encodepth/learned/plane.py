"""Learned colour at work: a picture to a payload and back, in tiles, any size.

The latent is coded in tiles of 128x128 (2048x2048 pixels), each with its own hyperprior and
context, one after the other in one payload, each in four steps: in a step every position codes a
quarter of its channels, and the four phases of each 2x2 cell take turns. A symbol is
q = round(y - mean): the mean is float and only shifts values; the table comes from integers alone.
The transforms run over the same tiles with a halo as wide as they can see, so a large picture
comes out as if transformed whole, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DesyncError, ModelNotFoundError
from . import symbols
from .runtime import Runs
from .symbols import ESCAPE_LIMIT, Decoder, Encoder, Indexes, Tables
from .tiles import Area, extent, times, windows
from .weights import Weights, naming_failures

FORMAT = "encodepth-base-1"
STRIDE = 16  # pixels per latent position
ALIGN = 32  # pictures are padded to multiples of this
TILE = 128  # latent positions per side of a tile
STEPS = 4
PIECES = ("analysis", "hyper", "features", "step0", "step1", "step2", "step3", "synthesis", "slope")
PRICE = 0.045  # squared error worth a bit, in steps of the quantiser (runs/choices/choose_price.py)

_PHASES = (0, 3, 1, 2)  # order in which a channel group visits the 2x2 cell: a diagonal first
_MAGNITUDES = 16  # larger symbols are rounded plainly
_STRIDES = {8: (0.3,), 9: (0.3, 0.15, 0.15, 0.15)}  # effort -> how far each new aim goes
_FARTHEST = 1.3  # steps of the quantiser that an aim may ask for at once

Floats = NDArray[np.float32]
_Code = Callable[[int, Floats, Indexes], Floats]
"""(step, mean, table index), each (1, M, h/2, w/2) -> the symbols q as the decoder sees them."""


@dataclass(frozen=True)
class Latent:
    """A coded picture before synthesis.

    Attributes:
        y_hat: in the latent's natural units, (1, M, h, w).
        symbols: integers held in float32, the same shape.
    """

    y_hat: Floats
    symbols: Floats


@dataclass(frozen=True)
class Coded(symbols.Coded):
    """A learned stream as the encoder made it."""

    latent: Latent


class Plane:
    """Encode and decode with one network.

    Args:
        weights: of the family "encodepth-base-1".
        runtime: runs its graphs.
        kind: the network in the file.
        price: squared error, in steps of the quantiser, that the encoder takes for a bit less; 0
            rounds to the nearest. The decoder knows nothing of it.

    Raises:
        ModelNotFoundError: the weights hold no such network.
    """

    codes = ("color",)
    guide = None  # its encoder sees nothing beside its target

    def __init__(
        self,
        weights: Weights,
        runtime: Runs,
        kind: str = "color",
        *,
        price: float = PRICE,
    ) -> None:
        if kind not in weights.config:
            raise ModelNotFoundError(f"weights {weights.path} hold no {kind} network")
        self.fingerprint = weights.fingerprint
        self._runtime, self._kind = runtime, kind
        with naming_failures(weights.path):
            own = {n.removeprefix(f"{kind}/"): a for n, a in weights.arrays.items()}
            fields = weights.config[kind]
            self._halo = _halo(fields["patches"], fields["blocks"])
            self._lambdas: tuple[float, float] = tuple(fields["lambdas"])
            self._log_gain = own["log_gain"].astype(np.float32)
            self._y_offset, self._z_index = own["y_offset"], own["z_index"]
            self._tables = Tables(own["table_radii"], own["table_frequencies"])
        self._later = _later(self._tables, price)

    def open_all(self) -> None:
        """Open every graph now, which shows whether the weights fit; else each when first used.

        Raises:
            ModelNotFoundError: they do not.
        """
        self._runtime.open(f"{self._kind}/{piece}" for piece in PIECES)

    def encode(self, picture: NDArray[np.uint8], quality: int, *, effort: int = 7) -> Coded:
        """Code a picture.

        Args:
            picture: (H, W, 3).
            quality: 0..100.
            effort: from 8 on the picture is decoded and coded again, aiming where it erred; what
                costs least, by the trade that the model was trained for, is kept.
        """
        height, width = picture.shape[:2]
        padded, blend = _pad(picture, "edge"), self._blend(quality)
        y = self._empty(_latent_size(height, width))
        for window in windows(y.shape[2:], TILE, self._halo):
            x = _planes(padded, times(window.wide, STRIDE)) - np.float32(0.5)
            (wide,) = self._run("analysis", picture=x, blend=blend)
            y[(..., *window.core)] = wide[(..., *window.inner)]
        y *= self._gain(blend)
        aim, coded = y, self._write(y, y, quality)
        best, least = coded, float("inf")
        for stride in (*_STRIDES[effort], None) if effort in _STRIDES else ():
            error, slope = self._error(coded.latent.y_hat, padded, (height, width), blend)
            cost = coded.bits + self._worth(quality) * error
            if cost < least:
                best, least = coded, cost
            if stride is not None:
                aim = self._aim_again(aim, stride, coded.latent, slope, blend)
                coded = self._write(y, aim, quality)
        return best

    def decode(
        self,
        payload: bytes,
        height: int,
        width: int,
        quality: int,
        check: int,
    ) -> NDArray[np.uint8]:
        """Return the picture (H, W, 3).

        Raises:
            CorruptFileError, DesyncError: as `decode_latent`.
        """
        latent = self.decode_latent(payload, height, width, quality, check)
        return self.synthesise(latent, height, width, quality)

    def decode_latent(
        self,
        payload: bytes,
        height: int,
        width: int,
        quality: int,
        check: int,
    ) -> Latent:
        """Read the symbols back.

        Raises:
            CorruptFileError: the payload cannot be read.
            DesyncError: it decodes to other symbols than were encoded.
        """
        size, reader = _latent_size(height, width), Decoder(self._tables, payload)
        latent: Latent | None = None

        def code(step: int, mean: Floats, index: Indexes) -> Floats:
            return _pull(reader, index)

        for window in windows(size, TILE, 0):
            core = window.core
            z = _pull(reader, self._index_of_z(quality, extent(core)))
            here = self._walk(z, extent(core), quality, code)
            if latent is None:  # only now: what a forged size asks for has failed before this
                latent = Latent(self._empty(size), self._empty(size))
            _set(latent, core, here)
        assert latent is not None
        if reader.check != check:
            raise DesyncError(
                f"decoded to other symbols than were encoded (check {check:04x}, got "
                f"{reader.check:04x}); see docs/format.md#numerics"
            )
        return latent

    def synthesise(
        self, latent: Latent, height: int, width: int, quality: int
    ) -> NDArray[np.uint8]:
        """Return the picture (H, W, 3) of a latent."""
        picture = np.empty((height, width, 3), np.uint8)
        for area, pixels in self.pixels(latent, height, width, quality):
            picture[area] = np.clip(np.rint(pixels * np.float32(255)), 0, 255)
        return picture

    def pixels(
        self, latent: Latent, height: int, width: int, quality: int
    ) -> Iterator[tuple[Area, Floats]]:
        """Yield (area of the picture, pixels (h, w, 3) around [0, 1]), tile by tile."""
        blend = self._blend(quality)
        for window in windows(_latent_size(height, width), TILE, self._halo):
            y_hat = np.ascontiguousarray(latent.y_hat[(..., *window.wide)])
            (wide,) = self._run("synthesis", latent=y_hat, blend=blend)
            rows, columns = times(window.inner, STRIDE)
            top, left = (s.start for s in times(window.core, STRIDE))
            tile = wide[0, :, rows, columns][:, : height - top, : width - left]
            area = slice(top, top + tile.shape[1]), slice(left, left + tile.shape[2])
            yield area, tile.transpose(1, 2, 0)

    def _write(self, y: Floats, aim: Floats, quality: int) -> Coded:
        """Code symbols near `aim`, with the hyperprior of y, both in steps of the quantiser."""
        writer = Encoder(self._tables)
        latent = Latent(np.empty_like(y), np.empty_like(y))
        for window in windows(y.shape[2:], TILE, 0):
            core = window.core
            here = (..., *core)
            (z,) = self._run("hyper", latent=_pad_latent(y[here]))
            z = _push(writer, z, self._index_of_z(quality, extent(core)))
            wanted = aim[here]

            def code(step: int, mean: Floats, index: Indexes, wanted: Floats = wanted) -> Floats:
                return _push(writer, _take(wanted, step) - mean, index, self._later)

            tile = self._walk(z, extent(core), quality, code)
            _set(latent, core, tile)
        return Coded(writer.finish(), writer.check, writer.bits, latent)

    def _walk(
        self,
        z: Floats,
        size: tuple[int, int],
        quality: int,
        code: _Code,
    ) -> Latent:
        """Visit the four steps of a tile in coding order; both ends differ in `code` alone."""
        blend = self._blend(quality)
        mean, scale = (
            np.ascontiguousarray(f[:, :, : size[0], : size[1]])
            for f in self._run("features", z=z, blend=blend)
        )
        offset = self._y_offset[quality].astype(np.float32).reshape(1, -1, 1, 1)
        known = {"mean": mean, "scale": scale, "offset": offset}
        gain, latent = self._gain(blend), Latent(self._empty(size, 0), self._empty(size, 0))
        for step in range(STEPS):
            if step:
                known |= {"latent": latent.y_hat, "symbols": latent.symbols}
            mean, index = self._run(f"step{step}", **known)
            q = code(step, mean * gain, index)
            _put(latent.y_hat, q / gain + mean, step)
            _put(latent.symbols, q, step)
        return latent

    def _aim_again(
        self, aim: Floats, stride: float, coded: Latent, slope: Floats, blend: Floats
    ) -> Floats:
        """Return where symbols should lie, from what the picture lost by where they lie.

        Symbols are chosen as if squared error in the latent were squared error in the picture,
        which the synthesis, not being orthogonal, only roughly keeps. So the aim moves until the
        slopes of both agree at the symbols that were coded.

        Args:
            aim: what they were chosen for, and what is returned: in steps of the quantiser.
            stride: share of the way that is gone.
            coded: the latent and symbols that were chosen.
            slope: of the picture's error, by the latent.
        """
        gain = self._gain(blend)
        slope, off = slope / gain, coded.y_hat * gain - aim
        sure = np.where(coded.symbols == 0, np.float32(0), off)
        most = float(np.square(sure).sum())
        scale = float((slope * sure).sum()) / most if most else 0.0
        if not 0 < scale < float("inf"):  # slope = scale * off, on the whole
            return aim
        step = np.clip(slope / np.float32(scale) - off, -_FARTHEST, _FARTHEST)
        return aim - np.float32(stride) * step.astype(np.float32)

    def _error(
        self, y_hat: Floats, padded: NDArray[np.uint8], size: tuple[int, int], blend: Floats
    ) -> tuple[float, Floats]:
        """Return (mean squared error of the picture times its pixels, its slope by y_hat)."""
        total, slope = 0.0, np.zeros_like(y_hat)
        counts = np.zeros(padded.shape[:2], np.float32)
        counts[: size[0], : size[1]] = 1 / padded.shape[2]
        for window in windows(y_hat.shape[2:], TILE, self._halo):
            here, wide = times(window.core, STRIDE), times(window.wide, STRIDE)
            weight = np.zeros((1, 1, *extent(wide)), np.float32)
            weight[(..., *times(window.inner, STRIDE))] = counts[here]
            error, step = self._run(
                "slope",
                latent=np.ascontiguousarray(y_hat[(..., *window.wide)]),
                blend=blend,
                target=_planes(padded, wide),
                weight=weight,
            )
            slope[(..., *window.wide)] += step
            total += float(error)
        return total, slope

    def _run(self, name: str, **inputs: NDArray[Any]) -> list[Any]:
        return self._runtime(f"{self._kind}/{name}", **inputs)

    def _index_of_z(self, quality: int, size: tuple[int, int]) -> Indexes:
        index: Indexes = self._z_index[quality].reshape(1, -1, 1, 1)
        return np.broadcast_to(index, (1, index.shape[1], -(-size[0] // 4), -(-size[1] // 4)))

    def _blend(self, quality: int) -> Floats:
        """Return the interpolation weights (1, anchors) of a quality."""
        anchors = len(self._log_gain)
        position = np.float32(min(max(quality, 0), 100)) / np.float32(100) * np.float32(anchors - 1)
        apart = np.abs(position - np.arange(anchors, dtype=np.float32))
        return np.maximum(np.float32(1) - apart, 0)[None]

    def _gain(self, blend: Floats) -> Floats:
        """Return quantisation steps per unit of the latent, (1, M, 1, 1)."""
        gain: Floats = np.exp(blend @ self._log_gain)[:, :, None, None]
        return gain

    def _worth(self, quality: int) -> float:
        """Return the bits that a squared error of 1 in a pixel is worth."""
        low, high = self._lambdas
        return float(low * (high / low) ** (quality / 100) * 255**2)

    def _empty(self, size: tuple[int, ...], fill: float | None = None) -> Floats:
        shape = (1, self._log_gain.shape[1], *size)
        return np.empty(shape, np.float32) if fill is None else np.full(shape, fill, np.float32)


def _push(writer: Encoder, values: Floats, index: Indexes, later: Floats | None = None) -> Floats:
    """Code values under table indexes of the same shape; return them as decoded.

    Args:
        later: (tables, magnitudes), how far beyond the middle a value must be to be rounded up to
            a magnitude; plain rounding if None.
    """
    q = np.clip(np.rint(values), -ESCAPE_LIMIT, ESCAPE_LIMIT)
    q[index == 0] = 0
    if later is not None:
        size = np.abs(q)
        beyond = later[index, np.minimum(size, later.shape[1] - 1).astype(np.uint8)]
        q = q - np.sign(q) * (np.abs(values) < size - np.float32(0.5) + beyond)
    writer.push(q.ravel().astype(np.int32), index.ravel())
    return q


def _pull(reader: Decoder, index: Indexes) -> Floats:
    """Return the next symbols, in the shape of their table indexes."""
    return reader.pull(index.ravel()).astype(np.float32).reshape(index.shape)


def _later(tables: Tables, price: float) -> Floats:
    """Return how far beyond the middle a value must be to become a magnitude, (tables, magnitudes).

    A symbol is worth its bits if it takes away more squared error than `price` per bit: of n and
    n - 1 the larger is taken from n - 1/2 + price * bits / 2 on.
    """
    later = np.zeros((len(tables.radii), _MAGNITUDES), np.float32)
    for k, radius in enumerate(tables.radii.tolist()):
        middle = tables.starts[k] + radius
        mass = tables.frequencies[middle : middle + min(radius + 1, _MAGNITUDES)]
        later[k, 1 : len(mass)] = price / 2 * np.log2(mass[:-1] / mass[1:])
    return np.minimum(later, 0.5)


def _take(x: Floats, step: int) -> Floats:
    """Take the step's quarter (1, M, h/2, w/2) out of a latent (1, M, h, w)."""
    return np.concatenate(_quarter(x, step), axis=1)


def _put(x: Floats, part: Floats, step: int) -> None:
    """Set the step's quarter of a latent (1, M, h, w) to (1, M, h/2, w/2)."""
    for place, values in zip(_quarter(x, step), np.split(part, STEPS, axis=1), strict=True):
        place[...] = values


def _quarter(x: Floats, step: int) -> list[Floats]:
    """Return what a step codes of each of the four groups of channels, as views."""
    phases = (_PHASES[(step + g) % STEPS] for g in range(STEPS))
    groups = np.split(x, STEPS, axis=1)
    return [g[:, :, p // 2 :: 2, p % 2 :: 2] for g, p in zip(groups, phases, strict=True)]


def _set(latent: Latent, area: Area, tile: Latent) -> None:
    latent.y_hat[(..., *area)] = tile.y_hat
    latent.symbols[(..., *area)] = tile.symbols


def _planes(picture: NDArray[np.uint8], area: Area) -> Floats:
    """Cut an area out of a picture (H, W, C) as (1, C, h, w) in [0, 1]."""
    part = np.ascontiguousarray(picture[area].transpose(2, 0, 1))
    return part[None].astype(np.float32) / np.float32(255)


def _pad(picture: NDArray[Any], mode: Literal["edge", "constant"]) -> NDArray[Any]:
    """Pad bottom and right to multiples of 32: the edge repeated, or zeros."""
    space = [(0, -n % ALIGN) for n in picture.shape[:2]] + [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, space, mode=mode) if any(b for _, b in space) else picture


def _pad_latent(y: Floats) -> Floats:
    """Repeat the last row and column until both sides are multiples of 4, as h_a needs."""
    height, width = y.shape[2:]
    return np.pad(y, [(0, 0), (0, 0), (0, -height % 4), (0, -width % 4)], mode="edge")


def _latent_size(height: int, width: int) -> tuple[int, int]:
    rows, columns = (-(-n // ALIGN) * (ALIGN // STRIDE) for n in (height, width))
    return rows, columns


def _halo(patches: list[int], blocks: list[int]) -> int:
    """How far the transforms see, in latent positions, rounded up to whole 2x2 cells."""
    pixels = sum(p * n for p, n in zip(patches, blocks, strict=True))
    return -(-pixels // ALIGN) * (ALIGN // STRIDE)
