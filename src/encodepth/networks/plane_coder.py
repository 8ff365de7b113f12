"""One modality's network at work: a picture to a payload and back, in tiles, any size.

The latent is coded in tiles of 128x128 (2048x2048 pixels), each with its own hyperprior and
context, one after the other in one payload. The transforms run over the same tiles with a halo as
wide as they can see, so a large picture comes out as if transformed whole, in bounded memory.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DesyncError
from ..learned.symbols import ESCAPE_LIMIT, Decoder, Encoder, Tables
from .blocks import blend_weights
from .config import PlaneConfig
from .context import CodeStep, Guide, take
from .plane import ALIGN, PlaneModel, pad_latent

STRIDE = 16  # pixels per latent position
TILE = 128  # latent positions per side of a tile

PRICE = 0.045  # squared error worth a bit, in steps of the quantiser (runs/choices/choose_price.py)
_MAGNITUDES = 16  # larger symbols are rounded plainly
_STRIDES = {8: (0.3,), 9: (0.3, 0.15, 0.15, 0.15)}  # effort -> how far each new aim goes
_FARTHEST = 1.3  # steps of the quantiser that an aim may ask for at once


@dataclass(frozen=True)
class Coded:
    """A learned stream as the encoder made it."""

    payload: bytes
    check: int  # CRC-16/XMODEM of the symbols
    bits: float  # ideal code length under the model's own tables
    context: Guide | None = None  # for the modality coded next


@dataclass(frozen=True)
class RateTables:
    """The integers that a quality selects; shipped with the weights."""

    y_offset: NDArray[np.int32]  # (101, M), added to the sums of the scale path
    z_index: NDArray[np.uint8]  # (101, Z), probability tables of z


@dataclass(frozen=True)
class _Window:
    """A tile of the latent: where it lies, and the larger area needed to compute it."""

    core: tuple[slice, slice]
    wide: tuple[slice, slice]

    @property
    def inner(self) -> tuple[slice, slice]:
        """The core, seen from the wide area."""
        (cy, cx), (wy, wx) = self.core, self.wide
        return slice(cy.start - wy.start, cy.stop - wy.start), slice(
            cx.start - wx.start, cx.stop - wx.start
        )


@dataclass(frozen=True)
class _Side:
    """What both ends know of a tile before its symbols."""

    holes: Tensor | None
    guide: Guide | None


class PlaneCoder:
    """Encode and decode with one `PlaneModel`.

    Args:
        model: in evaluation mode, on its device.
        tables: the probability tables that were shipped with it.
        rates: the integers per quality that were shipped with it.
        low_precision: run the float networks in bfloat16; the symbols decode the same.
        price: squared error, in steps of the quantiser, that the encoder takes for a bit less; 0
            rounds to the nearest. The decoder knows nothing of it.
    """

    def __init__(
        self,
        model: PlaneModel,
        tables: Tables,
        rates: RateTables,
        *,
        low_precision: bool = False,
        price: float = PRICE,
    ) -> None:
        self.model, self.tables, self.rates = model, tables, rates
        self.low_precision = low_precision
        self.device = model.log_gain.device
        self._later = torch.from_numpy(_later(tables, price)).to(self.device)

    @torch.inference_mode()
    def encode(
        self,
        picture: NDArray[Any],
        quality: int,
        valid: NDArray[np.bool_] | None = None,
        guide: Guide | None = None,
        effort: int = 7,
    ) -> Coded:
        """Code a picture.

        Args:
            picture: (H, W, components), uint8 or float32 in [0, 1].
            quality: 0..100.
            valid: (H, W), where depth is measured.
            guide: what the modality before left.
            effort: from 8 on the picture is decoded and coded again, aiming where it erred; what
                costs least, by the trade that the model was trained for, is kept.
        """
        height, width = picture.shape[:2]
        size = _latent_size(height, width)
        padded, mask = _pad(picture, "edge"), _pad_mask(valid)
        blend = self._blend(quality)
        y = torch.empty(1, self.model.config.latent, *size, device=self.device)
        for window in _windows(size, _halo(self.model.config)):
            x = self._tensor(padded, window.wide) - 0.5
            if mask is not None:
                x = torch.cat([x, 1 - self._tensor(mask, window.wide)], dim=1)
            with self._autocast():
                wide = self.model.g_a(x, blend, _latent(guide, window.wide))
            y[(..., *window.core)] = wide[(..., *window.inner)]
        y = aim = y * self.model.gain(blend)
        coded = best = self._write(y, aim, quality, mask, guide)
        least = float("inf")
        for stride in (*_STRIDES[effort], None) if effort in _STRIDES else ():
            assert coded.context is not None
            error, slope = self._error(coded.context.latent, picture, quality, valid, guide)
            cost = coded.bits + self.model.config.lmbda(quality) * 255**2 * error
            if cost < least:
                best, least = coded, cost
            if stride is not None:
                aim = self._aim_again(aim, stride, coded.context, slope, quality)
                coded = self._write(y, aim, quality, mask, guide)
        return best

    @torch.inference_mode()
    def decode_latent(
        self,
        payload: bytes,
        height: int,
        width: int,
        quality: int,
        check: int,
        valid: NDArray[np.bool_] | None = None,
        guide: Guide | None = None,
    ) -> Guide:
        """Read the symbols back.

        Raises:
            CorruptFileError: the payload cannot be read.
            DesyncError: it decodes to other symbols than were encoded.
        """
        size = _latent_size(height, width)
        mask = _pad_mask(valid)
        shape = (1, self.model.config.latent, *size)
        y_hat = symbols = torch.empty(0, device=self.device)
        reader = _Reader(self.tables, payload, self.device)
        for window in _windows(size, 0):
            like = torch.empty(1, shape[1], *_extent(window.core), device=self.device)
            here = self._read_tile(reader, like, quality, self._side(window, mask, guide))
            if not len(y_hat):  # only now: what a forged size asks for has failed before this
                y_hat, symbols = like.new_empty(shape), like.new_empty(shape)
            y_hat[(..., *window.core)], symbols[(..., *window.core)] = here
        if reader.check != check:
            raise DesyncError(
                f"decoded to other symbols than were encoded (check {check:04x}, got"
                f" {reader.check:04x}): decoding on {self.device.type}/torch {torch.__version__};"
                " see docs/format.md#numerics"
            )
        return Guide(y_hat, symbols)

    @torch.inference_mode()
    def synthesise(
        self,
        latent: Guide,
        height: int,
        width: int,
        quality: int,
        valid: NDArray[np.bool_] | None = None,
        guide: Guide | None = None,
    ) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
        """Yield (area of the picture, pixels (h, w, components) around [0, 1]), tile by tile."""
        blend, mask = self._blend(quality), _pad_mask(valid)
        for window in _windows(_latent_size(height, width), _halo(self.model.config)):
            holes = None if mask is None else 1 - self._tensor(mask, window.wide)
            with self._autocast():
                wide = self.model.g_s(
                    latent.latent[(..., *window.wide)], blend, holes, _latent(guide, window.wide)
                )
            rows, columns = (_pixels(s) for s in window.inner)
            tile = (wide[0, :, rows, columns].float() + 0.5).permute(1, 2, 0)
            top, left = (_pixels(s).start for s in window.core)
            pixels = tile[: height - top, : width - left].contiguous().cpu().numpy()
            area = slice(top, top + pixels.shape[0]), slice(left, left + pixels.shape[1])
            yield area, pixels

    def _write(
        self, y: Tensor, aim: Tensor, quality: int, mask: NDArray[Any] | None, guide: Guide | None
    ) -> Coded:
        """Code symbols near `aim`, with the hyperprior of y, both in steps of the quantiser."""
        writer = _Writer(self.tables)
        y_hat, symbols = torch.empty_like(y), torch.empty_like(y)
        for window in _windows((y.shape[-2], y.shape[-1]), 0):
            here = (..., *window.core)
            y_hat[here], symbols[here] = self._write_tile(
                writer, y[here], aim[here], quality, self._side(window, mask, guide)
            )
        payload = writer.encoder.finish()
        return Coded(payload, writer.check, writer.encoder.bits, Guide(y_hat, symbols))

    def _write_tile(
        self, writer: _Writer, y: Tensor, aim: Tensor, quality: int, side: _Side
    ) -> tuple[Tensor, Tensor]:
        with self._autocast():
            z = self.model.context.hyper.analyse(pad_latent(y))
        z = writer.write(z, self._z_index(quality, y))

        def code(step: int, mean: Tensor, index: Tensor) -> Tensor:
            return writer.write(take(aim, step) - mean, index, self._later)

        return self._walk(z, y, quality, side, code)

    def _aim_again(
        self, aim: Tensor, stride: float, coded: Guide, slope: Tensor, quality: int
    ) -> Tensor:
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
        gain = self.model.gain(self._blend(quality))
        slope, off = slope / gain, coded.latent * gain - aim
        sure = off.masked_fill(coded.symbols == 0, 0.0)
        scale = (slope * sure).sum() / sure.square().sum()  # slope = scale * off, on the whole
        if not 0 < scale < torch.inf:
            return aim
        return aim - stride * (slope / scale - off).clamp(-_FARTHEST, _FARTHEST)

    def _error(
        self,
        y_hat: Tensor,
        picture: NDArray[Any],
        quality: int,
        valid: NDArray[np.bool_] | None,
        guide: Guide | None,
    ) -> tuple[float, Tensor]:
        """Return (mean squared error of the picture times its pixels, its slope by y_hat)."""
        total, slope = 0.0, torch.zeros_like(y_hat)
        blend, mask = self._blend(quality), _pad_mask(valid)
        padded = _pad(picture, "edge")
        counts = np.ones(picture.shape[:2], bool) if valid is None else valid
        share = counts.size / max(int(np.count_nonzero(counts)), 1) / picture.shape[2]
        counts = _pad(counts, "constant")
        for window in _windows((y_hat.shape[-2], y_hat.shape[-1]), _halo(self.model.config)):
            holes = None if mask is None else 1 - self._tensor(mask, window.wide)
            seen = _latent(guide, window.wide)
            x, weight = self._tensor(padded, window.core), self._tensor(counts, window.core)
            inner = (..., *(_pixels(s) for s in window.inner))
            with torch.inference_mode(False), torch.enable_grad(), self._autocast():
                leaf = y_hat[(..., *window.wide)].clone().requires_grad_()
                known = [None if t is None else t.clone() for t in (blend, holes, seen, x, weight)]
                wide = self.model.g_s(leaf, *known[:3])[inner].float() + 0.5
                error = ((wide - known[3]).square() * known[4]).sum() * share
                (here,) = torch.autograd.grad(error, leaf)
            slope[(..., *window.wide)] += here
            total += float(error.detach())
        return total, slope

    def _read_tile(
        self, reader: _Reader, tile: Tensor, quality: int, side: _Side
    ) -> tuple[Tensor, Tensor]:
        z = reader.read(self._z_index(quality, tile))

        def code(step: int, mean: Tensor, index: Tensor) -> Tensor:
            return reader.read(index)

        return self._walk(z, tile, quality, side, code)

    def _walk(
        self, z: Tensor, tile: Tensor, quality: int, side: _Side, code: CodeStep
    ) -> tuple[Tensor, Tensor]:
        """Return (y_hat, symbols) of a tile; only the shape of `tile` matters here."""
        context, blend = self.model.context, self._blend(quality)
        offset = torch.from_numpy(self.rates.y_offset[quality]).to(self.device).float()
        height, width = tile.shape[-2:]
        with self._autocast():
            features = context.features(z, blend, (height, width), side.holes, side.guide)
            gain = self.model.gain(blend)
            return context.walk(features, gain, offset.view(1, -1, 1, 1), code)

    def _side(self, window: _Window, mask: NDArray[Any] | None, guide: Guide | None) -> _Side:
        """Cut what both ends already know of a tile out of the whole picture's."""
        holes = None if mask is None else 1 - self._tensor(mask, window.core)
        if guide is None:
            return _Side(holes, None)
        here = (..., *window.core)
        return _Side(holes, Guide(guide.latent[here], guide.symbols[here]))

    def _z_index(self, quality: int, tile: Tensor) -> Tensor:
        index = torch.from_numpy(self.rates.z_index[quality]).to(self.device)
        h, w = -(-tile.shape[-2] // 4), -(-tile.shape[-1] // 4)
        return index.view(1, -1, 1, 1).expand(1, -1, h, w)

    def _blend(self, quality: int) -> Tensor:
        return blend_weights(torch.tensor([quality], device=self.device), self.model.config.anchors)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision)

    def _tensor(self, picture: NDArray[Any], area: tuple[slice, slice]) -> Tensor:
        """Cut a latent area out of a padded picture (H, W[, C]) as (1, C, h, w) in [0, 1]."""
        part = np.ascontiguousarray(picture[_pixels(area[0]), _pixels(area[1])])
        x = torch.from_numpy(part).to(self.device)
        x = x.float() / 255 if part.dtype == np.uint8 else x.float()
        x = x[:, :, None] if x.ndim == 2 else x
        return x.permute(2, 0, 1)[None]


class _Writer:
    """Symbols on their way to the coder, rounded, and checked as they pass."""

    def __init__(self, tables: Tables) -> None:
        self.encoder, self._crc = Encoder(tables), 0

    @property
    def check(self) -> int:
        """CRC-16/XMODEM of everything written so far."""
        return self._crc

    def write(self, values: Tensor, index: Tensor, later: Tensor | None = None) -> Tensor:
        """Code values under table indexes of the same shape; return them as decoded.

        Args:
            later: (tables, magnitudes), how far beyond the middle a value must be to be rounded
                up to a magnitude; plain rounding if None.
        """
        q = values.round().clamp(-ESCAPE_LIMIT, ESCAPE_LIMIT).masked_fill(index == 0, 0.0)
        if later is not None:
            size = q.abs()
            beyond = later[index.long(), size.long().clamp(max=later.shape[1] - 1)]
            q = q - q.sign() * (values.abs() < size - 0.5 + beyond)
        integers = q.flatten().to(torch.int32).cpu().numpy()
        self.encoder.push(integers, index.flatten().to(torch.uint8).cpu().numpy())
        self._crc = binascii.crc_hqx(integers.astype("<i2").tobytes(), self._crc)
        return q


class _Reader:
    """Symbols on their way from the coder, checked as they pass."""

    def __init__(self, tables: Tables, payload: bytes, device: torch.device) -> None:
        self._decoder, self._device, self._crc = Decoder(tables, payload), device, 0

    @property
    def check(self) -> int:
        """CRC-16/XMODEM of everything read so far."""
        return self._crc

    def read(self, index: Tensor) -> Tensor:
        """Return the next symbols, in the shape of their table indexes."""
        integers = self._decoder.pull(index.flatten().to(torch.uint8).cpu().numpy())
        self._crc = binascii.crc_hqx(integers.astype("<i2").tobytes(), self._crc)
        return torch.from_numpy(integers).to(self._device).float().view(index.shape)


def _later(tables: Tables, price: float) -> NDArray[np.float32]:
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


def _latent_size(height: int, width: int) -> tuple[int, int]:
    return tuple(-(-n // ALIGN) * (ALIGN // STRIDE) for n in (height, width))  # type: ignore[return-value]


def _pad(picture: NDArray[Any], mode: Literal["edge", "constant"]) -> NDArray[Any]:
    """Pad bottom and right to multiples of 32: the edge repeated, or zeros."""
    space = [(0, -n % ALIGN) for n in picture.shape[:2]] + [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, space, mode=mode) if any(b for _, b in space) else picture


def _pad_mask(valid: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Pad a mask; what lies outside the picture is a hole."""
    return None if valid is None else _pad(valid, "constant")


def _halo(config: PlaneConfig) -> int:
    """How far the transforms see, in latent positions, rounded up to whole 2x2 cells."""
    pixels = sum(p * n for p, n in zip(config.patches, config.blocks, strict=True))
    return -(-pixels // ALIGN) * (ALIGN // STRIDE)


def _windows(size: tuple[int, int], halo: int) -> Iterator[_Window]:
    height, width = size
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            core = slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
            wide = tuple(
                slice(max(s.start - halo, 0), min(s.stop + halo, n))
                for s, n in zip(core, size, strict=True)
            )
            yield _Window(core, wide)  # type: ignore[arg-type]


def _extent(area: tuple[slice, slice]) -> tuple[int, int]:
    return area[0].stop - area[0].start, area[1].stop - area[1].start


def _pixels(area: slice) -> slice:
    return slice(area.start * STRIDE, area.stop * STRIDE)


def _latent(guide: Guide | None, area: tuple[slice, slice]) -> Tensor | None:
    return None if guide is None else guide.latent[(..., *area)]
