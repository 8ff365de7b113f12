"""The thesis's six models as six rows of one table (thesis §3.1, Tables 2-7; docs/tcm.md).

Only what the encoder sees and how it mixes it differs; every decoder of the family is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..errors import ModelNotFoundError

Fusion = Literal["none", "early", "conv", "attention"]
COLOR, DEPTH = 3, 1  # channels
RGB_LAMBDAS = (0.0025, 0.0130, 0.0500)  # thesis Tables 2, 4, 6
DEPTH_LAMBDAS = (0.0001, 0.001, 0.005)  # thesis Tables 3, 5, 7


@dataclass(frozen=True)
class TcmConfig:
    """One model of the family. The defaults are the thesis's setting (§3.5).

    Attributes:
        target: channels that are coded.
        guide: channels of the second picture that the encoder sees, 0 for none.
        fusion: how the encoder uses the guide.
        half: N, channels of each half of a TCM block; 64 in the thesis, 96 and 128 in the paper.
        latent: M, channels of y.
        hyper: Z, channels of z.
        slices: parts of y that are coded one after the other; divides `latent`.
        slice_widths: hidden channels of the networks that predict a slice.
        attention: width inside SWAtten; 0 leaves SWAtten out.
        prompt_width: features of the prompt networks; 256 reaches the thesis's parameter count.
        p_s: prompts for g_s from the latent and lambda (left out in thesis §3.1.3).
        l_s: prompts for g_s from the guide, which the decoder then needs too.
        gated: a prompt's attention is weighed by the mean gain of its LayerNorm, so that prompts
            can start at weighing nothing; no further parameters.
        lmbda: the rate-distortion trade-off the weights are trained for; fills the lambda map.
    """

    name: str
    target: int
    guide: int = 0
    fusion: Fusion = "none"
    half: int = 64
    latent: int = 320
    hyper: int = 192
    slices: int = 5
    slice_widths: tuple[int, int] = (224, 128)
    attention: int = 128
    prompt_width: int = 256
    p_s: bool = False
    l_s: bool = False
    gated: bool = False
    lmbda: float = 0.0130

    def __post_init__(self) -> None:
        if (self.fusion == "none") != (self.guide == 0):
            raise ValueError(f"fusion {self.fusion!r} does not go with {self.guide} guide channels")
        if self.l_s and not self.guide:
            raise ValueError("l_s reads a guide, but the model has none")
        if self.latent % self.slices:
            raise ValueError(f"{self.slices} slices do not divide {self.latent} latent channels")


ROWS = {
    row.name: row
    for row in (
        TcmConfig("rgb", COLOR),
        TcmConfig("depth", DEPTH, lmbda=0.001),
        TcmConfig("rgb-4c", COLOR, DEPTH, "early"),
        TcmConfig("depth-4c", DEPTH, COLOR, "early", lmbda=0.001),
        TcmConfig("depth-conv", DEPTH, COLOR, "conv", lmbda=0.001),
        TcmConfig("rgb-attn", COLOR, DEPTH, "attention"),
    )
}

BEYOND = {  # rows that the thesis has not
    row.name: row for row in (TcmConfig("rgb-conv", COLOR, DEPTH, "conv"),)
}


def small(row: TcmConfig) -> TcmConfig:
    """The row shrunk for experiments on a CPU: N=16, M=96 in four slices, no SWAtten."""
    return replace(
        row,
        name=f"{row.name}-small",
        half=16,
        latent=96,
        hyper=64,
        slices=4,
        slice_widths=(64, 48),
        attention=0,
        prompt_width=min(row.prompt_width, 32),
    )


def light(row: TcmConfig) -> TcmConfig:
    """The row with prompt networks of width 64 rather than 256."""
    return replace(row, name=f"{row.name}-light", prompt_width=64)


def prompted(row: TcmConfig) -> TcmConfig:
    """The row with prompts at the decoder that it makes from the latent and lambda (p_s)."""
    return replace(row, name=f"{row.name}-ps", p_s=True)


def gated(row: TcmConfig) -> TcmConfig:
    """The row with prompts that weigh as much as the mean gain of their LayerNorm."""
    return replace(row, name=f"{row.name}-gated", gated=True)


def middle(row: TcmConfig) -> TcmConfig:
    """The row at the paper's middle size, N=96."""
    return replace(row, name=f"{row.name}-96", half=96)


def large(row: TcmConfig) -> TcmConfig:
    """The row at the paper's large size, N=128."""
    return replace(row, name=f"{row.name}-128", half=128)


VARIANTS = {
    "light": light,
    "small": small,
    "ps": prompted,
    "gated": gated,
    "96": middle,
    "128": large,
}


def config_of(name: str) -> TcmConfig:
    """Return the row of that name; "-light" and other words of `VARIANTS` after it vary it.

    Raises:
        ModelNotFoundError: the thesis's family has no such row.
    """
    rows = ROWS | BEYOND
    if name in rows:
        return rows[name]
    row, _, variant = name.rpartition("-")
    if row and variant in VARIANTS:
        return VARIANTS[variant](config_of(row))
    raise ModelNotFoundError(f'no model "{name}" in the tcm family; it has {", ".join(rows)}')
