"""A model of the thesis's family at work on arrays, called as the networks that ship.

It codes one modality. Its weights hold one rate, as in the thesis: the quality is carried in the
file, and changing the rate means other weights. A guide goes to the encoder alone, so its streams
never depend on another stream.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InvalidImageError, ModelNotFoundError
from ..learned.symbols import Coded
from ..learned.weights import fingerprint
from .tcm import TCM
from .weights import load_tcm


def load(path: str | os.PathLike[str], device: str = "cpu") -> TcmModel:
    """Open a weights file of this family.

    Raises:
        ModelNotFoundError: the file cannot be used.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return TcmModel(load_tcm(Path(path), device))


class TcmModel:
    """One row of the table, loaded.

    Attributes:
        kind: what it codes, "color" or "depth".
        guide: what the encoder wants to see besides, "color", "depth" or None.
        fingerprint: first 32 bits of the hash of the decoder-side weights and tables; a model of
            convolutional fusion shares it with the baseline it was built on.
    """

    def __init__(self, model: TCM) -> None:
        config = model.config
        if config.l_s:
            raise ModelNotFoundError(
                f"{config.name} needs its guide at the decoder (l_s), which a file cannot promise"
            )
        self.model, self.device = model.eval(), model.borders.device
        self.kind = "color" if config.target == 3 else "depth"
        self.guide = {0: None, 1: "depth", 3: "color"}.get(config.guide, "other")
        tensors = model.decoder_tensors()
        self.fingerprint = fingerprint({f"tcm/{k}": v.cpu().numpy() for k, v in tensors.items()})

    @property
    def codes(self) -> tuple[str, ...]:
        """Modalities that it codes."""
        return (self.kind,)

    def open_all(self) -> None:
        """Nothing is left to open: weights are loaded whole."""

    def use_low_precision(self, on: bool) -> None:
        """Run g_a and g_s in bfloat16, or not; symbols stay those of the float32 entropy model."""
        self.model.use_bfloat16(on)

    def encode(
        self,
        picture: NDArray[Any],
        quality: int,
        guide: NDArray[Any] | None = None,
        *,
        effort: int = 7,
    ) -> Coded:
        """Code colour, uint8 (H, W, 3), or depth, float32 (h, w) in [0, 1] with holes filled.

        Quality and effort change nothing: a file of weights has one rate and one way to code.

        Args:
            picture: of the modality that it codes.
            quality: kept in the file.
            guide: the other modality, in the same form, for a model of fusion.

        Raises:
            InvalidImageError: a model of fusion was given no guide.
        """
        name = self.model.config.name
        if self.guide is not None and guide is None:
            raise InvalidImageError(
                f"model {name} encodes {self.kind} with {self.guide}; there is none"
            )
        (coded,) = self.model.compress(
            self._tensor(picture), self._tensor(guide) if guide is not None else None
        )
        return Coded(coded.payload, coded.check, coded.bits)

    def decode(
        self, payload: bytes, height: int, width: int, quality: int, check: int
    ) -> NDArray[Any]:
        """Return what `encode` was given, as decoded.

        Raises:
            DesyncError: this machine decoded other symbols than were encoded.
        """
        picture = self.model.decompress([(payload, check)], height, width)
        samples = picture[0].clamp(0, 1).permute(1, 2, 0).contiguous().cpu().numpy()
        if self.kind == "depth":
            return samples[..., 0]
        return np.rint(samples * 255).astype(np.uint8)

    def _tensor(self, picture: NDArray[Any]) -> Tensor:
        """(H, W[, C]), uint8 or float in [0, 1], as (1, C, H, W)."""
        x = torch.from_numpy(np.ascontiguousarray(picture)).to(self.device)
        x = x.float() / 255 if picture.dtype == np.uint8 else x.float()
        return (x[:, :, None] if x.ndim == 2 else x).permute(2, 0, 1)[None]
