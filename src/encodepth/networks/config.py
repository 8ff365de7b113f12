"""What a model is made of: frozen settings, stored in the weights file beside the tensors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlaneConfig:
    """Sizes of the network that codes one modality.

    Stage k works on patches of `patches[k]` pixels with `widths[k]` channels; the last width is
    that of the latent. `guide` is the width of a reference latent that both ends have, 0 for none.
    """

    components: int  # 3 for colour
    patches: tuple[int, ...]
    widths: tuple[int, ...]
    blocks: tuple[int, ...]  # residual blocks per stage, each way
    hyper: int  # channels of z
    mean: int  # channels of the float mean path
    scale: int  # channels of the integer scale path
    lambdas: tuple[float, float]  # rate-distortion trade-off at quality 0 and 100
    guide: int = 0
    anchors: int = 8  # qualities at which gains are learned; interpolated in between

    @property
    def latent(self) -> int:
        """Channels of the latent y."""
        return self.widths[-1]

    def lmbda(self, quality: float) -> float:
        """Return lambda at a quality in 0..100, log-interpolated."""
        low, high = self.lambdas
        return low * (high / low) ** (quality / 100)


COLOR = PlaneConfig(
    components=3,
    patches=(8, 16),
    widths=(128, 320),
    blocks=(4, 4),
    hyper=128,
    mean=160,
    scale=128,
    lambdas=(0.0001, 0.6),
)
TINY_COLOR = PlaneConfig(3, (8, 16), (32, 48), (1, 1), 8, 16, 16, (0.0004, 0.2))
