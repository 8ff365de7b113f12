"""Rate and distortion of colour."""

from __future__ import annotations

from ..numbers import Numbers
from .curves import charts_of

HEADING = "Colour: rate and distortion"
WORDS = ""


def section(numbers: Numbers) -> str:
    """Return the charts."""
    return charts_of(numbers, ("psnr", "ms-ssim"), ("PSNR (dB)", "MS-SSIM (dB)"))
