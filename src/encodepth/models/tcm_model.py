"""A model of the thesis's family at work on arrays, beside `BaseModel` and called the same way.

It codes one modality. Its weights hold one rate, as in the thesis: the quality is carried in the
file, and changing the rate means other weights. A guide goes to the encoder alone, so its streams
never depend on another stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InvalidImageError, ModelNotFoundError
from ..learned.weights import fingerprint
from .context import Guide
from .plane_coder import Coded
from .tcm import TCM


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

    def use_low_precision(self, on: bool) -> None:
        """Run g_a and g_s in bfloat16, or not; symbols stay those of the float32 entropy model."""
        self.model.use_bfloat16(on)

    def encode_color(
        self,
        rgb: NDArray[np.uint8],
        quality: int,
        guide: NDArray[Any] | None = None,
        *,
        effort: int = 7,
    ) -> Coded:
        """Code colour (H, W, 3); `guide` is depth (h, w) in [0, 1], holes filled.

        Quality and effort change nothing: a file of weights has one rate and one way to code.
        """
        return self._encode("color", rgb, guide)

    def decode_color(
        self, payload: bytes, height: int, width: int, quality: int, check: int
    ) -> tuple[NDArray[np.uint8], None]:
        """Return (colour (H, W, 3), nothing: no other stream builds on this one).

        Raises:
            DesyncError: this machine decoded other symbols than were encoded.
        """
        picture = self._decode("color", payload, height, width, check)
        return np.rint(picture * 255).astype(np.uint8), None

    def decode_color_context(
        self, payload: bytes, height: int, width: int, quality: int, check: int
    ) -> None:
        """Return nothing: no other stream builds on this one."""

    def encode_depth(
        self,
        plane: NDArray[np.float32],
        valid: NDArray[np.bool_],
        quality: int,
        context: Guide | None = None,
        guide: NDArray[Any] | None = None,
        *,
        effort: int = 7,
    ) -> Coded:
        """Code depth (H, W) in [0, 1], holes filled; `guide` is colour (h, w, 3)."""
        return self._encode("depth", plane, guide)

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
        """Return depth (H, W) in [0, 1].

        Raises:
            DesyncError: this machine decoded other symbols than were encoded.
        """
        return self._decode("depth", payload, height, width, check)[..., 0]

    def _encode(self, kind: str, picture: NDArray[Any], guide: NDArray[Any] | None) -> Coded:
        self._refuse_other(kind)
        name = self.model.config.name
        if self.guide is not None and guide is None:
            raise InvalidImageError(f"model {name} encodes {kind} with {self.guide}; there is none")
        (coded,) = self.model.compress(
            self._tensor(picture), self._tensor(guide) if guide is not None else None
        )
        return Coded(coded.payload, coded.check, coded.bits)

    def _decode(
        self, kind: str, payload: bytes, height: int, width: int, check: int
    ) -> NDArray[np.float32]:
        self._refuse_other(kind)
        picture = self.model.decompress([(payload, check)], height, width)
        return picture[0].clamp(0, 1).permute(1, 2, 0).contiguous().cpu().numpy()

    def _refuse_other(self, kind: str) -> None:
        if kind != self.kind:
            raise ModelNotFoundError(
                f"model {self.model.config.name} codes {self.kind}, not {kind}"
            )

    def _tensor(self, picture: NDArray[Any]) -> Tensor:
        """(H, W[, C]), uint8 or float in [0, 1], as (1, C, H, W)."""
        x = torch.from_numpy(np.ascontiguousarray(picture)).to(self.device)
        x = x.float() / 255 if picture.dtype == np.uint8 else x.float()
        return (x[:, :, None] if x.ndim == 2 else x).permute(2, 0, 1)[None]
