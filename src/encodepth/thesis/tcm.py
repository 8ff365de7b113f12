"""LIC-TCM for colour and depth: one class for the thesis's six models (thesis §2.4.1, §3.1).

The entropy model is the thesis's, in float: a stream decodes on the kind of machine that made it,
and the check of its symbols says when it does not. Weights hold one rate, as in the thesis.
"""

from __future__ import annotations

import binascii
import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import CorruptFileError, DesyncError, InvalidImageError
from ..learned.symbols import PRECISION, Decoder, Encoder, Tables
from ..learned.weights import TCM_ENCODER_ONLY
from .conditional import gaussian_tables, likelihood, scale_borders, scale_index
from .nets import Analysis, HyperAnalysis, HyperSynthesis, SliceNets, Synthesis
from .prior import FactorizedPrior
from .rows import TcmConfig
from .slices import walk

ALIGN = 128  # pictures are padded to multiples of this: z is at 1/64, windows of 4 at 1/32
Transform = Callable[..., Tensor]
Ints = NDArray[np.integer[Any]]
_SYMBOL_MAX = 32767.0
ADDED = ("g_a.side_", "g_a.spf")  # what convolutional fusion adds to a codec


@dataclass
class TcmOutput:
    """What a forward pass returns."""

    x_hat: Tensor  # (B, target, H, W), not clamped
    y_bits: Tensor  # (B,), estimated bits of y
    z_bits: Tensor  # (B,), estimated bits of z

    @property
    def bits(self) -> Tensor:
        """Estimated bits of each picture, (B,) (thesis eq. 17, the two rate terms)."""
        return self.y_bits + self.z_bits


@dataclass(frozen=True)
class TcmPayload:
    """One picture's bits."""

    payload: bytes
    check: int  # CRC-16 of the symbols
    bits: float  # ideal length under the tables that coded them


class TCM(nn.Module):
    """LIC-TCM after a row of `tcm_rows.ROWS`.

    g_a and g_s may run in bfloat16 (`use_bfloat16`) or in another runtime (`use_runtime`);
    everything between y and the bytes always runs in float32, one picture at a time, in one
    memory layout, so that it repeats to the bit.
    """

    gaussian_frequencies: Tensor
    gaussian_radii: Tensor
    borders: Tensor
    z_frequencies: Tensor
    z_radii: Tensor

    def __init__(self, config: TcmConfig) -> None:
        super().__init__()
        self.config = config
        self.g_a = Analysis(config)
        self.g_s = Synthesis(config)
        self.h_a = HyperAnalysis(config)
        self.h_mean_s = HyperSynthesis(config)
        self.h_scale_s = HyperSynthesis(config)
        self.slices = SliceNets(config)
        self.z_prior = FactorizedPrior(config.hyper)
        for name in ("gaussian_radii", "gaussian_frequencies", "z_radii", "z_frequencies"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32))
        self.register_buffer("borders", torch.from_numpy(scale_borders()))
        self._coder: Tables | None = None
        self._runtimes: dict[str, Transform] = {}
        if self.z_prior.quantiles.device.type != "meta":
            self.update_tables()

    # Training ------------------------------------------------------------------------------

    def forward(self, x: Tensor, guide: Tensor | None = None) -> TcmOutput:
        """Code and decode without bytes.

        In training mode the rate sees uniform noise and the rest sees rounding with a
        straight-through gradient; in evaluation mode both see what `compress` would send. Autocast
        reaches the transforms only.

        Args:
            x: (B, target, H, W) in [0, 1], any size.
            guide: (B, guide, H, W) in [0, 1] for a model with a guide.
        """
        height, width = x.shape[-2:]
        x, guide = pad(x), self._check_guide(x, guide)
        return self.of_latent(self.analyse(x, guide), height, width, guide)

    def of_latent(
        self, y: Tensor, height: int, width: int, guide: Tensor | None = None
    ) -> TcmOutput:
        """As `forward` of a latent, (B, M, h, w), that some encoder chose.

        Args:
            y: the latent.
            height: of the picture.
            width: of the picture.
            guide: padded, for a model with l_s.
        """
        with _full_precision(y.device):
            y_hat, y_bits, z_bits = self._estimate(y)
        x_hat = self.synthesise(y_hat, guide)[..., :height, :width]
        return TcmOutput(x_hat, y_bits, z_bits)

    def estimate_bits(self, y: Tensor) -> Tensor:
        """Estimated bits of each latent, (B,), of y, (B, M, h, w), as `forward` estimates them."""
        with _full_precision(y.device):
            _, y_bits, z_bits = self._estimate(y)
        return y_bits + z_bits

    def _estimate(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (y_hat, bits of y, bits of z) of a latent (B, M, h, w), without coding it."""
        z, medians = self.h_a(y), self.z_prior.medians[:, None, None]
        z_bits = _bits(self.z_prior.likelihood(self._quantise(z - medians) + medians))
        z_hat = _round(z - medians) + medians
        spent = []

        def code(i: int, mean: Tensor, scale: Tensor) -> Tensor:
            residual = self._slice(y, i) - mean
            spent.append(_bits(likelihood(self._quantise(residual), scale)))
            return _round(residual) + mean

        y_hat = walk(self.slices, self._side(z_hat), code)
        return y_hat, torch.stack(spent).sum(0), z_bits

    def update_tables(self) -> None:
        """Make the integer tables from the priors: once, after training, before saving.

        A frozen prior keeps the tables it came with, or its streams would belong to no one.
        """
        if len(self.z_radii) and not self.z_prior.matrices[0].requires_grad:
            return
        self.z_prior.solve_quantiles()
        self.make_tables()

    def make_tables(self) -> None:
        """Make the integer tables from the priors as they are, medians untouched."""
        for name, arrays in (("gaussian", gaussian_tables()), ("z", self.z_prior.tables())):
            for kind, array in zip(("radii", "frequencies"), arrays, strict=True):
                setattr(self, f"{name}_{kind}", torch.from_numpy(array).to(self.borders.device))
        self._coder = None

    # Bytes ---------------------------------------------------------------------------------

    @torch.no_grad()
    def compress(self, x: Tensor, guide: Tensor | None = None) -> list[TcmPayload]:
        """Encode pictures, (B, target, H, W) in [0, 1] of any size, each on its own."""
        x, guide = pad(x), self._check_guide(x, guide)
        y = self.analyse(x, guide)
        return [self._push(y[i : i + 1]) for i in range(len(y))]

    @torch.no_grad()
    def decompress(
        self,
        payloads: Sequence[TcmPayload | tuple[bytes, int]],
        height: int,
        width: int,
        guide: Tensor | None = None,
    ) -> Tensor:
        """Decode pictures of one size; (B, target, height, width), not clamped.

        Args:
            payloads: what `compress` returned, or (bytes, check) pairs.
            height: of the pictures, in pixels.
            width: of the pictures, in pixels.
            guide: only for a model with l_s.

        Raises:
            DesyncError: this machine decoded other symbols than were encoded.
        """
        latents = [
            self._pull(*((p.payload, p.check) if isinstance(p, TcmPayload) else p), height, width)
            for p in payloads
        ]
        guide = pad(guide) if guide is not None else None
        return self.synthesise(torch.cat(latents), guide)[..., :height, :width]

    def analyse(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        """Run g_a on padded pictures, in its runtime; returns y in float32."""
        return self._runtimes.get("g_a", self.g_a)(x, guide).float()

    def synthesise(self, y_hat: Tensor, guide: Tensor | None = None) -> Tensor:
        """Run g_s in its runtime; returns the padded picture in float32."""
        return self._runtimes.get("g_s", self.g_s)(y_hat, guide).float()

    def use_runtime(self, compile_: Callable[[nn.Module], Transform] | None) -> TCM:
        """Run g_a and g_s through another runtime, for instance `thesis.openvino.Compiled`.

        A runtime takes the weights as they are now; the model's own stay what they are. None goes
        back to them.
        """
        parts = {"g_a": self.g_a, "g_s": self.g_s}
        self._runtimes = {k: compile_(net) for k, net in parts.items()} if compile_ else {}
        return self

    def use_bfloat16(self, on: bool = True) -> TCM:
        """Run g_a and g_s in bfloat16, or in float32 again; a stream decodes either way."""
        return self.use_runtime(InBfloat16 if on else None)

    def decoder_tensors(self) -> dict[str, Tensor]:
        """The tensors and tables that decide what a stream means; their hash names the decoder."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith(TCM_ENCODER_ONLY)}

    # Between y and the bytes ---------------------------------------------------------------

    def _push(self, y: Tensor) -> TcmPayload:
        """Code one latent, (1, M, h, w)."""
        encoder, check = Encoder(self._tables()), 0
        with _exact(y.device):
            medians = self.z_prior.medians[:, None, None]
            z = self.h_a(y.contiguous(memory_format=torch.channels_last))
            symbols = (z - medians).round().clamp(-_SYMBOL_MAX, _SYMBOL_MAX)
            check = _push(encoder, symbols, self._z_index(z.shape), check)

            def code(i: int, mean: Tensor, scale: Tensor) -> Tensor:
                nonlocal check
                residual = self._slice(y, i) - mean
                symbols = residual.round().clamp(-_SYMBOL_MAX, _SYMBOL_MAX)
                check = _push(encoder, symbols, self._index(scale), check)
                return symbols + mean

            walk(self.slices, self._side(symbols + medians), code)
        return TcmPayload(encoder.finish(), check, encoder.bits)

    def _pull(self, payload: bytes, check: int, height: int, width: int) -> Tensor:
        """Decode one latent, (1, M, h, w)."""
        decoder, seen = Decoder(self._tables(), payload), 0
        h, w = (-(-side // ALIGN) * ALIGN // 64 for side in (height, width))
        with _exact(self.borders.device):
            medians = self.z_prior.medians[:, None, None]
            try:
                shape = torch.Size((1, self.config.hyper, h, w))
                z, seen = _pull(decoder, self._z_index(shape), shape, seen)
                z = z.to(medians.device)

                def code(i: int, mean: Tensor, scale: Tensor) -> Tensor:
                    nonlocal seen
                    symbols, seen = _pull(decoder, self._index(scale), scale.shape, seen)
                    return symbols.to(mean.device) + mean

                y_hat = walk(self.slices, self._side(z + medians), code)
            except CorruptFileError:
                seen = -1
        if seen != check:
            got = f"got {seen:04x}" if seen >= 0 else "the coder ran off its tables"
            raise DesyncError(
                f"decoded to other symbols than were encoded (check {check:04x}, {got}): the float "
                f"entropy model of {self.config.name} needs the kind of machine that encoded it"
            )
        return y_hat

    def _side(self, z_hat: Tensor) -> Tensor:
        z_hat = z_hat.contiguous(memory_format=torch.channels_last)
        return torch.cat((self.h_mean_s(z_hat), self.h_scale_s(z_hat)), dim=1).float()

    def _slice(self, y: Tensor, i: int) -> Tensor:
        part = self.config.latent // self.config.slices
        return y[:, i * part : (i + 1) * part]

    def _quantise(self, x: Tensor) -> Tensor:
        return x + torch.empty_like(x).uniform_(-0.5, 0.5) if self.training else x.round()

    def _index(self, scale: Tensor) -> Ints:
        """Table index of every symbol of a slice, (1, C, h, w), pixel by pixel."""
        index = scale_index(_flat(scale), self.borders).cpu().numpy()
        return (index + 1).astype(np.uint16)  # the coder sorts by index: 16 bits sort fastest

    def _z_index(self, shape: torch.Size) -> Ints:
        """Table index of every symbol of z: the channel's own, after the Gaussian ones."""
        _, c, h, w = shape
        return np.tile(np.arange(c, dtype=np.uint16), h * w) + (1 + len(self.gaussian_radii))

    def _tables(self) -> Tables:
        """Everything this model codes with; table 0 is the coder's empty one."""
        if self._coder is None:
            empty = np.array([0]), np.array([2**PRECISION - 1, 1])
            radii = (empty[0], self.gaussian_radii.cpu(), self.z_radii.cpu())
            frequencies = (empty[1], self.gaussian_frequencies.cpu(), self.z_frequencies.cpu())
            self._coder = Tables(np.concatenate(radii), np.concatenate(frequencies))
        return self._coder

    def _check_guide(self, x: Tensor, guide: Tensor | None) -> Tensor | None:
        """Pad the guide, resampled to the picture's size if it has another."""
        if (guide is not None) != (self.config.guide > 0):
            wants = f"{self.config.guide} channels" if self.config.guide else "none"
            got = "none" if guide is None else f"{guide.shape[1]} channels"
            raise InvalidImageError(f"model {self.config.name} sees a guide of {wants}, got {got}")
        if guide is None:
            return None
        if guide.shape[1] != self.config.guide or len(guide) != len(x):
            raise InvalidImageError(
                f"guide is {tuple(guide.shape)}, expected "
                f"({len(x)}, {self.config.guide}, {x.shape[2]}, {x.shape[3]})"
            )
        if guide.shape[2:] != x.shape[2:]:
            guide = F.interpolate(guide, size=x.shape[2:], mode="bilinear", align_corners=False)
        return pad(guide)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take tables of any length: their number of entries depends on the weights."""
        for name in ("gaussian_radii", "gaussian_frequencies", "z_radii", "z_frequencies"):
            stored = state_dict.get(prefix + name)
            if stored is not None:
                setattr(self, name, torch.empty_like(stored, device=self.borders.device))
        self._coder = None
        super()._load_from_state_dict(state_dict, prefix, *rest)


class InBfloat16:
    """A transform that runs on a bfloat16 copy of its weights; with gradients, on its own."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self._low = module, copy.deepcopy(module).bfloat16()

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        """Run the transform; inputs as the module's own, in any precision."""
        given = tuple(x for x in inputs if x is not None)
        if torch.is_grad_enabled():
            out: Tensor = self.module(*given)
        else:
            out = self._low(*(x.bfloat16() for x in given))
        return out


def pad(x: Tensor) -> Tensor:
    """Repeat the last row and column up to multiples of `ALIGN`; (B, C, H, W)."""
    h, w = x.shape[-2:]
    right, down = -w % ALIGN, -h % ALIGN
    return F.pad(x, (0, right, 0, down), mode="replicate") if right or down else x


def add_guide(baseline: TCM, config: TcmConfig) -> TCM:
    """Build a convolutional-fusion model round a trained one (thesis §3.5, Table 5).

    The codec is the baseline's, frozen; only the guide's path and the SPF blocks train. They start
    adding nothing, so the new model starts at exactly the baseline, and its streams decode with the
    baseline's own weights at any time.

    Raises:
        ValueError: the configuration is not one of convolutional fusion over the same codec.
    """
    if config.fusion != "conv":
        raise ValueError(f"{config.name} fuses by {config.fusion!r}, only 'conv' adds to a codec")
    model = TCM(config).to(baseline.borders.device)
    try:
        absent = model.load_state_dict(baseline.state_dict(), strict=False)
    except RuntimeError as error:
        raise ValueError(f"{baseline.config.name} and {config.name} differ in size") from error
    if absent.unexpected_keys or any(not k.startswith(ADDED) for k in absent.missing_keys):
        raise ValueError(f"{config.name} cannot be built on {baseline.config.name}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(ADDED))
    return model


def _push(encoder: Encoder, symbols: Tensor, index: Ints, check: int) -> int:
    """Code one tensor of symbols, (1, C, h, w), pixel by pixel; return the running check."""
    flat = _flat(symbols).to(torch.int32).cpu().numpy()
    encoder.push(flat, index)
    return binascii.crc_hqx(flat.astype("<i2").tobytes(), check)


def _pull(decoder: Decoder, index: Ints, shape: torch.Size, seen: int) -> tuple[Tensor, int]:
    """Undo `_push` on the CPU; return (symbols, running check)."""
    flat = decoder.pull(index)
    _, c, h, w = shape
    symbols = torch.from_numpy(flat.astype(np.float32)).view(1, h, w, c).permute(0, 3, 1, 2)
    return symbols, binascii.crc_hqx(flat.astype("<i2").tobytes(), seen)


def _flat(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1)


def _round(x: Tensor) -> Tensor:
    """Round half to even; the gradient passes as if nothing had happened."""
    return x + (x.round() - x).detach()


def _bits(p: Tensor) -> Tensor:
    return -torch.log2(p).flatten(1).sum(1)


def _full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Leave autocast."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """Compute in float32 and in the same order each time, as far as the device allows."""
    cudnn = torch.backends.cudnn
    with _full_precision(device):
        if device.type == "cuda":
            with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
                yield
        else:
            yield
