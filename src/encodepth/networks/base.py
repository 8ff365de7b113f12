"""The default model: colour first, then depth with colour as context; either works alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelNotFoundError
from ..learned.weights import find_weights
from ..thesis.model import TcmModel
from ..thesis.weights import is_tcm, load_tcm
from .color_restorer import ColorRestorer
from .context import Guide
from .plane_coder import Coded, PlaneCoder
from .restorer import Restorer
from .restorer_weights import (
    is_color_restorer,
    is_restorer,
    load_color_restorer,
    load_restorer,
)
from .weights import load_weights


class BaseModel:
    """A colour and a depth network at work, on arrays.

    Args:
        coders: modality ("color", "depth") -> coder.
        fingerprint: first 32 bits of the hash of the decoder-side weights and tables.
    """

    guide = None  # its encoders see nothing beside their target and the context

    def __init__(self, coders: dict[str, PlaneCoder], fingerprint: int) -> None:
        self.coders, self.fingerprint = coders, fingerprint

    @property
    def codes(self) -> tuple[str, ...]:
        """Modalities that it codes."""
        return tuple(self.coders)

    def use_low_precision(self, on: bool) -> None:
        """Run the float networks in bfloat16, or not; symbols decode the same either way."""
        for coder in self.coders.values():
            coder.low_precision = on

    def encode_color(self, rgb: NDArray[np.uint8], quality: int, *, effort: int = 7) -> Coded:
        """Code colour (H, W, 3) at a quality in 0..100; effort 8 and 9 choose symbols again."""
        return self._coder("color").encode(rgb, quality, effort=effort)

    def decode_color(
        self, payload: bytes, height: int, width: int, quality: int, check: int
    ) -> tuple[NDArray[np.uint8], Guide]:
        """Return (colour (H, W, 3), what depth needs of it).

        Raises:
            CorruptFileError, DesyncError: as `PlaneCoder.decode_latent`.
        """
        coder = self._coder("color")
        latent = coder.decode_latent(payload, height, width, quality, check)
        rgb = np.empty((height, width, 3), np.uint8)
        for area, pixels in coder.synthesise(latent, height, width, quality):
            rgb[area] = np.clip(np.rint(pixels * 255), 0, 255)
        return rgb, latent

    def decode_color_context(
        self, payload: bytes, height: int, width: int, quality: int, check: int
    ) -> Guide:
        """Return only what depth needs of colour, without making the picture."""
        return self._coder("color").decode_latent(payload, height, width, quality, check)

    def encode_depth(
        self,
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        quality: int,
        context: Guide | None = None,
        *,
        effort: int = 7,
    ) -> Coded:
        """Code depth (H, W) in [0, 1], holes filled; `valid` tells where it was measured."""
        return self._coder("depth").encode(plane[:, :, None], quality, valid, context, effort)

    def decode_depth(
        self,
        payload: bytes,
        height: int,
        width: int,
        quality: int,
        check: int,
        valid: NDArray[np.bool_],
        context: Guide | None = None,
    ) -> NDArray[np.float32]:
        """Return depth (H, W) in [0, 1]; arguments as they were for the encoder.

        Raises:
            CorruptFileError, DesyncError: as `PlaneCoder.decode_latent`.
        """
        coder = self._coder("depth")
        latent = coder.decode_latent(payload, height, width, quality, check, valid, context)
        plane = np.empty((height, width), np.float32)
        for area, pixels in coder.synthesise(latent, height, width, quality, valid, context):
            plane[area] = np.clip(pixels[..., 0], 0, 1)
        return plane

    def _coder(self, kind: str) -> PlaneCoder:
        if kind not in self.coders:
            raise ModelNotFoundError(f"this model has no {kind} network")
        return self.coders[kind]


def load_model(
    name_or_path: str | Path = "base", device: str = "cpu"
) -> BaseModel | TcmModel | Restorer | ColorRestorer:
    """Load a shipped model by name, or a weights file of any family.

    Raises:
        ModelNotFoundError: no model of that name, or the file cannot be used.
    """
    path = find_weights(name_or_path)
    if is_tcm(path):
        return TcmModel(load_tcm(path, device))
    if is_restorer(path):
        return load_restorer(path, device)
    if is_color_restorer(path):
        return load_color_restorer(path, device)
    return BaseModel(*load_weights(path, device))
