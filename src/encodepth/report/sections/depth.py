"""Rate and distortion of depth."""

from __future__ import annotations

from ..numbers import Numbers
from .curves import charts_of

HEADING = "Depth: rate and distortion"
WORDS = (
    "Errors are over measured pixels; the exact hole mask is part of every rate. A flying pixel is "
    "one at a depth edge that errs by more than 50 mm. “Alone” is depth in a file of its own, "
    "which the conventional codecs are measured as too; without the word, depth sees the colour "
    "in its file."
)


def section(numbers: Numbers) -> str:
    """Return the charts."""
    rmse = "RMSE of valid depth (mm), lower is better"
    return charts_of(numbers, ("rmse", "flying"), (rmse, "share of edge pixels off by over 50 mm"))
